"""Everything that an open published file says of its tables and series, read at once.

A table or column that the file does not have (it may be of an earlier version) leaves its part of the pages empty.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time
from functools import cached_property
from typing import Any, Final, NamedTuple

import duckdb

from serving.dictionary.words import first_sentence, grain_of, register_ids, unit_of, without_mark
from serving.query.dictionary import TABLES
from warehouse.period_columns import PERIOD_COLUMNS
from warehouse.sql import quoted

Row = dict[str, Any]
Cell = tuple[str, str]
"""A table, with its schema, and a column."""

OBSERVATIONS: Final = "marts.observations"


class Input(NamedTuple):
    """One thing that a column is computed from."""

    table: str
    column: str
    series: str | None


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a published table."""

    name: str
    kind: str
    description: str
    formula: str | None = None
    inputs: tuple[Input, ...] = ()

    @property
    def unit(self) -> str:
        """What its figures are in; nothing for text."""
        return unit_of(self.name, self.kind, self.description)

    @property
    def series(self) -> list[str]:
        """The series that it reads."""
        return sorted({one.series for one in self.inputs if one.series})


@dataclass(slots=True)
class Table:
    """A published table."""

    schema: str
    name: str
    description: str
    rows: int
    columns: list[Column]
    key: tuple[str, ...] = ()
    period_column: str | None = None
    newest: Any = None
    is_readable: bool | None = None
    how: str | None = None
    checks: list[Row] = field(default_factory=list)

    @property
    def path(self) -> str:
        return f"{self.schema}.{self.name}"

    @property
    def what(self) -> str:
        """What it is, in a sentence."""
        return first_sentence(self.description)

    @property
    def grain(self) -> str | None:
        return grain_of(self.description)

    @property
    def registers(self) -> list[str]:
        return register_ids(self.description)

    @property
    def names(self) -> set[str]:
        return {column.name for column in self.columns}

    @property
    def reads(self) -> list[str]:
        """The tables that its columns read."""
        return sorted({one.table for column in self.columns for one in column.inputs})

    @property
    def series(self) -> list[str]:
        return sorted({one for column in self.columns for one in column.series})

    @property
    def example(self) -> str:
        """A query that shows its newest rows."""
        chosen = list(dict.fromkeys([*([self.period_column] if self.period_column else []), *self.key]))
        rest = [one for one in self.columns if one.name not in chosen]
        figures = [one for one in rest if one.kind in ("DOUBLE", "BIGINT", "BOOLEAN")]
        others = [one.name for one in (figures or rest)[:3]]
        order = f"\norder by {self.period_column} desc" if self.period_column else ""
        return f"select {', '.join([*chosen, *others])}\nfrom {self.path}{order}\nlimit 5;"

    @property
    def example_at(self) -> str:
        """The same at a past moment."""
        call = f"{self.path}_as_of(marts.new_york('2023-03-10 09:15'))"
        return self.example.replace(f"from {self.path}", f"from {call}")


@dataclass(frozen=True, slots=True)
class Series:
    """A series: its row in marts.series, its providers, how fresh it is, and the columns that read it."""

    row: Row
    providers: list[Row]
    freshness: Row | None
    direct: list[Cell]
    through: list[str]

    @property
    def id(self) -> str:
        return str(self.row["series_id"])

    @property
    def registers(self) -> list[str]:
        return register_ids(self.row.get("register_id"))

    @property
    def lag(self) -> str | None:
        """How long after its period a value is out: of the provider that is asked first, else of the newest value."""
        found = next(filter(None, map(lag_of, self.providers)), None)
        at, day = (self.freshness or {}).get("known_at"), (self.freshness or {}).get("data_through_date")
        if found or at is None or day is None:
            return found
        days = (at - datetime.combine(day, time())).total_seconds() / 86400
        return f"{days:.1f} days (its newest value)"


def lag_of(provider: Mapping[str, Any]) -> str | None:
    """Return the lag of one provider in words: measured where vintages tell it, else by the release rule."""
    for column, by in (("measured_lag_median_days", "measured"), ("rule_lag_median_days", "by its release rule")):
        days = provider.get(column)
        if days is not None:
            return f"{days:.1f} days ({by})"
    return None


class Facts:
    """What one file says, by table and by series."""

    def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
        """Read it all."""
        self._con = con
        self.build = (self._of("meta", "build") or [{}])[0]
        self._lineage = self._of("meta", "lineage")
        self.tables = self._tables()
        self.by_path = {table.path: table for table in self.tables}
        self.marts = [table for table in self.tables if table.schema == "marts"]
        self.meta = [table for table in self.tables if table.schema != "marts"]
        self.series = self._series()

    # -- what the pages ask ---------------------------------------------------------------------------------------

    def read_by(self, path: str) -> list[str]:
        """Return the published tables whose columns read a table."""
        return sorted({reader.partition("\0")[0] for reader in self._readers.get(path, ())} - {path})

    def joins(self, table: Table) -> list[tuple[tuple[str, ...], list[str]]]:
        """Return the keys of other marts that this one has as columns, with these marts: what it can be joined to."""
        found: defaultdict[tuple[str, ...], list[str]] = defaultdict(list)
        for other in self.marts:
            if other is not table and other.key and set(other.key) <= table.names:
                found[other.key].append(other.name)
        return sorted(found.items(), key=lambda one: (-len(one[0]), one[0]))

    @cached_property
    def _readers(self) -> dict[str, set[str]]:
        """The columns, as "table NUL column", that read each table."""
        found: defaultdict[str, set[str]] = defaultdict(set)
        for row in self._lineage:
            found[row["input_path"]].add(f"{row['table_path']}\0{row['column_name']}")
        return found

    # -- reading ----------------------------------------------------------------------------------------------------

    def _rows(self, sql: str) -> list[Row]:
        found = self._con.execute(sql)
        names = [column[0] for column in found.description or []]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    def _of(self, schema: str, name: str) -> list[Row]:
        """Return the rows of a table; none where the file has no such table."""
        there = self._con.execute(
            "select 1 from duckdb_tables() where schema_name = ? and table_name = ?", [schema, name]
        ).fetchone()
        return self._rows(f"from {schema}.{quoted(name)}") if there else []

    def _tables(self) -> list[Table]:
        described = {
            (row["schema_name"], row["table_name"]): without_mark(row["comment"])
            for row in self._rows("select schema_name, table_name, comment from duckdb_tables()")
        }
        columns = self._columns()
        keys: defaultdict[str, list[str]] = defaultdict(list)
        for row in sorted(self._of("meta", "keys"), key=lambda one: one["key_position"]):
            keys[row["mart"]].append(row["column_name"])
        past = {row["mart"]: row for row in self._of("meta", "as_of")}
        checks: defaultdict[str, list[Row]] = defaultdict(list)
        for row in sorted(self._of("meta", "quality"), key=lambda one: str(one["check_name"])):
            checks[row["asset"]].append(row)
        found = []
        for row in self._rows(TABLES):
            schema, _, name = row["table"].partition(".")
            at = past.get(name, {}) if schema == "marts" else {}
            table = Table(
                schema=schema,
                name=name,
                description=described[schema, name],
                rows=row["rows"],
                columns=columns[schema, name],
                key=tuple(keys[name]) if schema == "marts" else (),
                is_readable=at.get("is_readable"),
                how=at.get("how_text"),
                checks=checks[row["table"]],
            )
            table.period_column = _period_of(table)
            found.append(table)
        self._date(found)
        return found

    def _columns(self) -> dict[tuple[str, str], list[Column]]:
        formulas: dict[Cell, str] = {}
        inputs: defaultdict[Cell, list[Input]] = defaultdict(list)
        for row in self._lineage:
            cell = row["table_path"], row["column_name"]
            formulas[cell] = row["formula_text"]
            if row["input_path"]:
                inputs[cell].append(Input(row["input_path"], row["input_column"], row["input_series_id"]))
        found: defaultdict[tuple[str, str], list[Column]] = defaultdict(list)
        for row in self._rows(
            "select schema_name, table_name, column_name, data_type, comment from duckdb_columns()"
            " where not internal order by schema_name, table_name, column_index"
        ):
            cell = f"{row['schema_name']}.{row['table_name']}", row["column_name"]
            found[row["schema_name"], row["table_name"]].append(
                Column(
                    row["column_name"],
                    row["data_type"],
                    row["comment"] or "",
                    formulas.get(cell),
                    tuple(sorted(inputs[cell], key=str)),
                )
            )
        return found

    def _date(self, tables: Sequence[Table]) -> None:
        """Find the newest day of each table, in one query."""
        dated = [table for table in tables if table.period_column]
        if not dated:
            return
        asked = ", ".join(f"(select max({quoted(str(one.period_column))})::date from {one.path})" for one in dated)
        newest = self._con.execute(f"select {asked}").fetchone() or ()
        for table, day in zip(dated, newest, strict=True):
            table.newest = day

    # -- series ------------------------------------------------------------------------------------------------------

    def _series(self) -> list[Series]:
        providers: defaultdict[str, list[Row]] = defaultdict(list)
        for row in sorted(self._of("marts", "knowledge"), key=lambda one: one.get("provider_rank", 0)):
            providers[row["series_id"]].append(row)
        freshness = {row["series_id"]: row for row in self._of("meta", "freshness")}
        direct: defaultdict[str, set[Cell]] = defaultdict(set)
        for row in self._lineage:
            if row["input_series_id"]:
                direct[row["input_series_id"]].add((row["table_path"], row["column_name"]))
        return [
            Series(
                row,
                providers[row["series_id"]],
                freshness.get(row["series_id"]),
                sorted(direct[row["series_id"]]),
                self._through(direct[row["series_id"]]),
            )
            for row in sorted(self._of("marts", "series"), key=lambda one: one["series_id"])
        ]

    def _through(self, cells: set[Cell]) -> list[str]:
        """Return the tables that some columns reach by way of other published columns."""
        reached, waiting = set(cells), list(cells)
        while waiting:
            for reader in self._column_readers.get(waiting.pop(), ()):
                if reader not in reached:
                    reached.add(reader)
                    waiting.append(reader)
        return sorted({table for table, _ in reached} - {table for table, _ in cells})

    @cached_property
    def _column_readers(self) -> dict[Cell, set[Cell]]:
        found: defaultdict[Cell, set[Cell]] = defaultdict(set)
        for row in self._lineage:
            if row["input_column"] and row["input_path"] != OBSERVATIONS:
                found[row["input_path"], row["input_column"]].add((row["table_path"], row["column_name"]))
        return found


def _period_of(table: Table) -> str | None:
    """Return the column by which its rows are dated: by name, else a date of its key, else its first date."""
    dates = [column.name for column in table.columns if column.kind == "DATE"]
    named = [name for name in PERIOD_COLUMNS if name in dates]
    of_key = [name for name in table.key if name in dates]
    moments = [column.name for column in table.columns if column.kind == "TIMESTAMP"]
    return next(iter([*named, *of_key, *dates, *moments]), None)
