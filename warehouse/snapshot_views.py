"""How the files of snapshot tables are read: views of the build file, and macros of a published one.

    <source>.<table>             every row of every answer, with known_at: what landed, as other raw tables show it
    <source>.<table>_latest      of each day and group the newest answer
    quarantine.<source>_<table>  rows that the gate refused, with their reason

A view names its files one by one, so that a file which is not in the index is never read. A published file has the
macro `snapshots.<source>_<table>(moment, folder)` instead: its files are those of the release, below a folder that the
caller may name, because a path inside a copied file would lead nowhere.

With a lake both read its table of that name: the files of the index are registered there (warehouse.lake.snapshots),
and however many they are, no text grows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import duckdb
import polars as pl

from ingest.dataset import Dataset
from warehouse.latest import latest_of
from warehouse.snapshot_files import NOT_EXPIRED
from warehouse.snapshot_store import Root, SnapshotStore, store_at
from warehouse.sql import quoted, text

RECORDED: Final = (("known_at", "timestamp"), ("known_basis", "varchar"))
"""What landing adds to the columns of a parser, in each file."""

_TYPES: Final = {
    pl.String(): "varchar",
    pl.Date(): "date",
    pl.Float64(): "double",
    pl.Int64(): "bigint",
    pl.Boolean(): "boolean",
    pl.Datetime("us"): "timestamp",
}
_SCHEMA: Final = "snapshots"
LAKE: Final = "lake"
"""The name under which a lake is attached."""


def refresh_views(con: duckdb.DuckDBPyConnection, root: Root, table: Dataset) -> None:
    """Create the views of a table over the files that the index has now, or over its tables in the attached lake."""
    store = store_at(root)
    select = _of_files(con, store, table) if store.lake is None else _of_lake(table)
    con.execute(f"create schema if not exists {table.source}")
    for name, query, comment in (
        (table.id, select[0], table.comment),
        (latest_of(table.id), select[1], f"Of each {_each(table)} the newest answer of {table.id}."),
        (
            refused_name(table),
            select[2],
            f"Rows of {table.id} that the gate refused, each with the first rule that it broke.",
        ),
    ):
        con.execute(f"create or replace view {name} as {query}")
        con.execute(f"comment on view {name} is {text(comment)}")


@dataclass(frozen=True, slots=True)
class SnapshotMacro:
    """How a published file reads the files that a snapshot table had when it was published."""

    name: str
    select: str
    folder: str | None
    comment: str
    files_sha256: str = ""
    """Of the names of the files, where the select does not name them."""

    def statements(self, _build_id: str, prefix: str = "") -> list[str]:
        """Return the SQL that stores the macro and its comment; run it with the new file in use."""
        arguments = "moment := timestamp 'infinity'"
        if self.folder is not None:
            arguments += f", folder := {text(self.folder)}"
        return [
            f"create schema if not exists {_SCHEMA}",
            f"create macro {self.name}({arguments}) as table {self.select}",
            f"comment on macro table {self.name} is {text(prefix + self.comment)}",
        ]


def snapshot_macros(con: duckdb.DuckDBPyConnection, root: Root, tables: Sequence[Dataset]) -> list[SnapshotMacro]:
    """Return the macros of the snapshot tables that have files in the build file `con`, below `root`.

    `folder` is where the files are, `root` unless the caller says otherwise; with a lake its tables are read, and there
    is no folder. `moment` (UTC) leaves out what was not known by then.
    """
    store = store_at(root)
    made = []
    for table in tables:
        files = _files(con, table, "accepted") if table.is_in_daily_files else []
        if not files:
            continue
        name = f"{_SCHEMA}.{macro_name(table)}"
        comment = f"{table.comment} Of each {_each(table)} the newest answer that was known by moment (UTC), from "
        if store.lake is None:
            select = _newest(None, table, _by_day(files), "known_at <= moment")
            made.append(
                SnapshotMacro(name, select, store.address("").rstrip("/"), f"{comment}the Parquet files below folder.")
            )
        else:
            select = _newest_of_lake(table, "known_at <= moment")
            digest = hashlib.sha256("\n".join(file for _, file in files).encode()).hexdigest()
            made.append(SnapshotMacro(name, select, None, f"{comment}the attached database lake.", digest))
    return made


def macro_name(table: Dataset) -> str:
    """Return the name of a table where its source is no schema: `cboe_option_chains`."""
    return f"{table.source}_{table.name}"


def refused_name(table: Dataset) -> str:
    """Return the name of the relation of refused rows, in the build file and in a lake."""
    return f"quarantine.{macro_name(table)}"


def refused_columns(table: Dataset) -> list[tuple[str, str]]:
    """Return names and SQL types of the columns of a file of refused rows."""
    return [*file_columns(table), ("fetched_at", "timestamp"), ("reason", "varchar")]


def file_columns(table: Dataset) -> list[tuple[str, str]]:
    """Return names and SQL types of the columns that come from the parser."""
    return [(name, _TYPES[dtype]) for name, dtype in table.rows_schema.items() if name != "stated_at"]


# -- the SQL -----------------------------------------------------------------------------------------------------


def _files(con: duckdb.DuckDBPyConnection, table: Dataset, part: str) -> list[tuple[str, str]]:
    """Return day and file, in order of day and of when each was known."""
    return con.execute(
        f"select period_date, file from ops.snapshot_files where table_id = ? and part = ? and {NOT_EXPIRED}"
        " order by period_date, known_at, loaded_at, file",
        [table.id, part],
    ).fetchall()


def _of_files(con: duckdb.DuckDBPyConnection, store: SnapshotStore, table: Dataset) -> tuple[str, str, str]:
    """Return the selects of all rows, of the newest and of those refused, over files by name."""
    files = _files(con, table, "accepted")
    refused = [file for _, file in _files(con, table, "refused")]
    return (
        _rows(_paths(store, [file for _, file in files]), [*file_columns(table), *RECORDED]),
        _newest(store, table, _by_day(files)),
        _rows(_paths(store, refused), refused_columns(table)),
    )


def _of_lake(table: Dataset) -> tuple[str, str, str]:
    """Return the same over the tables of the lake."""
    return (
        f"select {_names([*file_columns(table), *RECORDED])} from {LAKE}.{table.id}",
        _newest_of_lake(table),
        f"select {_names(refused_columns(table))} from {LAKE}.{refused_name(table)}",
    )


def _newest_of_lake(table: Dataset, condition: str = "true") -> str:
    """Return the select of the newest answers of each day, group and moment.

    DuckDB reads two columns for the newest of each, and of both passes only what a condition on day or group leaves.
    """
    within = ", ".join(quoted(name) for name in (table.period, table.group, table.moment) if name is not None)
    return (
        f"select {_names([*file_columns(table), *RECORDED])} from {LAKE}.{table.id} where {condition}"
        f" qualify (known_at, filename) = max((known_at, filename)) over (partition by {within})"
    )


def _names(columns: Sequence[tuple[str, str]]) -> str:
    return ", ".join(quoted(name) for name, _ in columns)


def _each(table: Dataset) -> str:
    return "day and group" if table.moment is None else "moment and group"


def _by_day(files: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    days: dict[str, list[str]] = {}
    for day, file in files:
        days.setdefault(day, []).append(file)
    return days


def _paths(store: SnapshotStore | None, files: Sequence[str]) -> list[str]:
    """Return the addresses as SQL: in the store, or below the macro's `folder`."""
    return [f"folder || {text(f'/{file}')}" if store is None else text(store.address(file)) for file in files]


def _rows(paths: Sequence[str], columns: Sequence[tuple[str, str]], condition: str = "true") -> str:
    return f"select {_names(columns)} from ({_read(paths, columns)}) where {condition}"


def _read(paths: Sequence[str], columns: Sequence[tuple[str, str]], options: str = "") -> str:
    """Return the select of all rows of some files. A column that is newer than all of them is NULL."""
    typed = f"select {', '.join(f'null::{kind} as {quoted(name)}' for name, kind in columns)} where false"
    if not paths:
        return typed
    return f"{typed} union all by name from read_parquet([{', '.join(paths)}], union_by_name = true{options})"


def _newest(store: SnapshotStore | None, table: Dataset, days: dict[str, list[str]], condition: str = "true") -> str:
    """Return the select of the newest answers of each day, group and moment. Days of one answer are read as they are.

    Where a table has no groups the last file of a day is its newest answer, unless a moment is asked for.
    """
    columns = [*file_columns(table), *RECORDED]
    if table.group is None and table.moment is None and store is not None:
        days = {day: files[-1:] for day, files in days.items()}
    single = [files[0] for files in days.values() if len(files) == 1]
    several = [file for files in days.values() if len(files) > 1 for file in files]
    parts = [_rows(_paths(store, single), columns, condition)] if single or not several else []
    if several:
        names = _names(columns)
        within = ", ".join(quoted(name) for name in (table.period, table.group, table.moment) if name is not None)
        read = _read(_paths(store, several), columns, ", filename = true")
        parts.append(
            f"select {names} from ({read}) where {condition} and ({within}, known_at, filename) in ("
            f"select ({within}, newest.known_at, newest.filename) from ("
            f"select {within}, max({{'known_at': known_at, 'filename': filename}}) as newest from ({read}) "
            f"where {condition} group by all))"
        )
    return " union all ".join(parts)
