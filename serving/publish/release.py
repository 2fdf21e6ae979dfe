"""What is in the published file, as those who copy it need it: tables with their columns, comments and keys."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final, NamedTuple

import duckdb

from ingest.home import Home, nothing_published
from warehouse.published_table import IN_RELEASE, KEYS, PUBLISH_TABLES
from warehouse.sql import one, quoted

NUMERIC: Final = re.compile(r"U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|FLOAT|DOUBLE|DECIMAL\(.*\)")
PERIODS: Final = ("session_date", "period_date", "week_date", "week_end_date", "month_date", "quarter_date", "event_at")
"""Columns that date a row, the first of them that a table has in its key."""


class Column(NamedTuple):
    """A column: name, DuckDB's type, comment, and the SQL of what goes out (the column itself, or what a gate left)."""

    name: str
    kind: str
    comment: str
    sql: str

    @property
    def is_number(self) -> bool:
        return NUMERIC.fullmatch(self.kind) is not None


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the published file, and what of it goes out. `source` is what it is read from."""

    schema: str
    name: str
    comment: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    source: str
    where: str = "true"

    @property
    def path(self) -> str:
        return f"{self.schema}.{self.name}"

    @property
    def names(self) -> list[str]:
        return [column.name for column in self.columns]

    @property
    def period(self) -> str | None:
        """The column that dates its rows, if there is one."""
        return next((name for name in PERIODS if name in self.key), None)

    def select(self, expressions: list[str] | None = None, *, in_order: bool = True) -> str:
        """Return the SQL of the rows that go out, in the order of the key."""
        cells = expressions or [f"{column.sql} as {quoted(column.name)}" for column in self.columns]
        order = f" order by {', '.join(map(quoted, self.key))}" if self.key and in_order else ""
        return f"select {', '.join(cells)} from {self.source} where {self.where}{order}"

    def counted(self, con: duckdb.DuckDBPyConnection) -> int:
        return int(one(con, f"select count(*) from {self.source} where {self.where}"))

    def without(self, names: set[str]) -> Table:
        """Return the table without columns of these names; a key that one of them is part of goes too."""
        left = tuple(column for column in self.columns if column.name not in names)
        return replace(self, columns=left, key=() if names & set(self.key) else self.key)


@dataclass(frozen=True, slots=True)
class Build:
    """Which release it is."""

    build_id: str
    built_at: datetime
    origin: str
    is_simulated: bool
    data_through_date: date | None

    @property
    def mark(self) -> str:
        """The word that goes before whatever says what these figures are; empty for those of the market."""
        return "" if self.origin == "LIVE" else f"{self.origin}. "


@contextmanager
def opened(home: Home) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the published file to read; NothingPublished without one. What replaces it meanwhile is not seen."""
    if not home.published.exists():
        raise nothing_published(home)
    con = duckdb.connect(str(home.published), read_only=True)
    try:
        con.execute("set TimeZone = 'UTC'")
        yield con
    finally:
        con.close()


def build_of(con: duckdb.DuckDBPyConnection) -> Build:
    """Return which release the file is."""
    row = con.execute("select build_id, built_at, origin, is_simulated, data_through_date from meta.build").fetchone()
    assert row is not None
    return Build(*row)


def tables_of(con: duckdb.DuckDBPyConnection) -> list[Table]:
    """Return the tables of the release, in order of name; keys are those of meta.keys."""
    columns: dict[tuple[str, str], list[Column]] = {}
    for schema, table, name, kind, comment in con.execute(
        f"""
        select schema_name, table_name, column_name, data_type, comment from duckdb_columns()
        where database_name = current_database() and {IN_RELEASE} and not internal
        order by schema_name, table_name, column_index
        """
    ).fetchall():
        columns.setdefault((schema, table), []).append(Column(name, kind, comment or "", quoted(name)))
    keys = _keys(con)
    return [
        Table(
            schema,
            name,
            comment or "",
            tuple(columns[schema, name]),
            keys.get((schema, name), ()),
            f"{quoted(schema)}.{quoted(name)}",
        )
        for schema, name, comment in con.execute(
            f"""
            select schema_name, table_name, comment from duckdb_tables()
            where database_name = current_database() and {IN_RELEASE} order by all
            """
        ).fetchall()
    ]


def _keys(con: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], tuple[str, ...]]:
    found = {(table.schema, table.name): table.key for table in PUBLISH_TABLES if table.key}
    if has_table(con, KEYS.schema, KEYS.name):
        query = f"select mart, list(column_name order by key_position) from {KEYS.path} group by mart"
        found |= {("marts", mart): tuple(columns) for mart, columns in con.execute(query).fetchall()}
    return found


def has_table(con: duckdb.DuckDBPyConnection, schema: str, name: str) -> bool:
    """Say whether the file has a table."""
    query = "select 1 from duckdb_tables() where schema_name = ? and table_name = ?"
    return con.execute(query, [schema, name]).fetchone() is not None
