"""A published table that Python computes: declared once, and written and checked from that declaration.

dbt builds what SQL can say; a table of this kind comes from rules, folds or resampling, after dbt. Its declaration and
its rules make one `DerivedTable`; the table in the build file, its comments, the checks of a run, the asset checks and
docs/tables.md all read it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import duckdb

from ingest.batch import CheckResult
from warehouse.declared_tables import DeclaredTable
from warehouse.records import shown
from warehouse.sql import quoted, text

if TYPE_CHECKING:
    import polars as pl

Severity = Literal["error", "warn"]


@dataclass(frozen=True, slots=True)
class Rule:
    """What must hold in each row (`condition`, where NULL counts as broken), or a select of rows that must not exist.

    Exactly one of `condition` and `broken`. A failed rule of severity error stops the release.
    """

    name: str
    comment: str
    condition: str | None = None
    broken: str | None = None
    severity: Severity = "error"

    def __post_init__(self) -> None:
        if (self.condition is None) == (self.broken is None):
            raise ValueError(f"rule {self.name}: give a condition or a select of broken rows, not both or neither")


@dataclass(frozen=True, slots=True)
class DerivedTable(DeclaredTable):
    """A declared table with the rules that its rows meet; its key tells them apart."""

    rules: tuple[Rule, ...] = ()

    @property
    def checks(self) -> tuple[Rule, ...]:
        """Return every rule of the table; the first says that the key names one row."""
        listed = ", ".join(self.key)
        duplicates = f"select {listed} from {self.path} group by {listed} having count(*) > 1"
        missing = f"select {listed} from {self.path} where {' or '.join(f'{name} is null' for name in self.key)}"
        unique = Rule(
            f"{self.name}_key_is_unique", f"One row per {listed}.", broken=f"{duplicates} union all {missing}"
        )
        return (unique, *self.rules)


def write(con: duckdb.DuckDBPyConnection, table: DerivedTable, select: str) -> None:
    """Replace the rows of `table` by those of `select`, matched by column name.

    The table and its comments are written anew only where they differ from the declaration: each comment is a
    statement of its own.
    """
    _write(con, table, select, is_there=table in as_declared(con, [table]))


def write_frames(con: duckdb.DuckDBPyConnection, frames: Mapping[DerivedTable, pl.DataFrame]) -> None:
    """Replace the rows of each table by those of its frame."""
    there = as_declared(con, frames)
    for table, frame in frames.items():
        with shown(con, "derived_rows", frame):
            _write(con, table, "select * from derived_rows", is_there=table in there)


def _write(con: duckdb.DuckDBPyConnection, table: DerivedTable, select: str, *, is_there: bool) -> None:
    if is_there:
        con.execute(f"delete from {table.path}")
    else:
        columns = ", ".join(f"{quoted(name)} {kind}" for name, kind, _ in table.columns)
        con.execute(f"create schema if not exists {quoted(table.schema)}")
        con.execute(f"create or replace table {table.path} ({columns})")
        con.execute(f"comment on table {table.path} is {text(table.comment or '')}")
        for name, _, comment in table.columns:
            con.execute(f"comment on column {table.path}.{quoted(name)} is {text(comment or '')}")
    con.execute(f"insert into {table.path} by name {select}")


def as_declared(con: duckdb.DuckDBPyConnection, tables: Collection[DerivedTable]) -> set[DerivedTable]:
    """Return the tables that are there with the columns and comments of their declaration.

    Each question walks through all columns of the database, so they are asked about together.
    """
    named = {f"{table.schema}.{table.name}": table for table in tables}
    chosen = "database_name = current_database() and list_contains(?, schema_name || '.' || table_name)"
    comments = con.execute(
        f"select schema_name || '.' || table_name, comment from duckdb_tables() where {chosen}", [[*named]]
    ).fetchall()
    columns: dict[str, list[tuple[str, str, str | None]]] = {}
    for name, *column in con.execute(
        "select schema_name || '.' || table_name, column_name, lower(data_type), comment from duckdb_columns()"
        f" where {chosen} order by column_index",
        [[*named]],
    ).fetchall():
        columns.setdefault(name, []).append((column[0], column[1], column[2]))
    return {
        named[name]
        for name, comment in comments
        if comment == named[name].comment and tuple(columns[name]) == named[name].columns
    }


STAGE: Final = "regimes"


def check(con: duckdb.DuckDBPyConnection, table: DerivedTable) -> Iterator[CheckResult]:
    """Yield the result of each rule of `table`, which must exist."""
    for rule in table.checks:
        query = rule.broken or f"select * from {table.path} where ({rule.condition}) is not true"
        yield result(table, rule, count(con, query))


def result(table: DerivedTable, rule: Rule, failed: int) -> CheckResult:
    """Return the result of a rule that `failed` rows break."""
    detail = f"{failed} rows: {rule.comment}" if failed else ""
    is_blocking = rule.severity == "error"
    asset = f"{table.schema}.{table.name}"
    return CheckResult(asset, rule.name, rule.severity, not failed, failed, detail, STAGE, is_blocking)


def count(con: duckdb.DuckDBPyConnection, query: str) -> int:
    """Return the number of rows of `query`."""
    found = con.execute(f"select count(*) from ({query})").fetchone()
    assert found is not None
    return int(found[0])
