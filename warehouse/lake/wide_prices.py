"""Prices beyond the core universe in the lake: rows of symbols that neither the index has had, nor a fund or watchlist.

With a lake a raw table of prices has two parts, and a view of its name shows both to whoever reads:

    <source>.prices_in_file   the table itself under another name: the core universe
    lake.<source>.prices      everything else

Landing writes to the file's part and decides with the view, so that it is the same with a lake and without. At the end
of its transaction what is beyond the core goes out of the file's part into Parquet, whose names the index has
(ops.snapshot_files): rows, index and all else that the batch did are one commit. The files are registered in the lake
after it (warehouse.lake.snapshots), or by the next run before it does anything else. A kill leaves a file that belongs
to nothing, or one that is still to be registered: no row is lost, and none is there twice.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Final

import duckdb
import polars as pl

from ingest.dataset import Dataset, serving
from warehouse.ddl import stored_columns
from warehouse.latest import IN_FILE, latest_of, newest
from warehouse.panel_wanted import core_tickers
from warehouse.records import shown
from warehouse.snapshot_store import SnapshotStore
from warehouse.sql import one, quoted, text

FOLDER: Final = "beyond"
"""Of the files of a table, in the place of a day: `yahoo/prices/beyond/<sha256>.parquet`."""

_ROWS_AT_ONCE: Final = 2_000_000
"""Rows of a file, about: a symbol is never cut in two."""


def wide_tables() -> tuple[Dataset, ...]:
    """Return the raw tables that have rows of symbols beyond the core universe."""
    return serving("prices")


def in_file(table_id: str) -> str:
    """Return the name of the part of a divided table that is in the build file."""
    return f"{table_id}{IN_FILE}"


def columns_of(table: Dataset) -> list[tuple[str, str]]:
    """Return names and SQL types of the columns of a table in the lake."""
    return [(column.name, column.kind) for column in stored_columns(table)]


def is_divided(con: duckdb.DuckDBPyConnection, table: Dataset, database: str | None = None) -> bool:
    """Say whether a raw table has a part in the lake, in the build file or another attached one."""
    if table not in wide_tables():
        return False
    known = (
        "select count(*) from duckdb_tables() where database_name = coalesce(?, current_database())"
        " and schema_name = ? and table_name = ?"
    )
    return bool(one(con, known, database, *in_file(table.id).split(".")))


def rows_go_to(con: duckdb.DuckDBPyConnection, table: Dataset) -> str:
    """Return the name of the table that takes the rows of a raw table."""
    return in_file(table.id) if is_divided(con, table) else table.id


def apply_ddl(con: duckdb.DuckDBPyConnection, *, name: str, ddl: str) -> None:
    """Execute a migration of warehouse.ddl, of a divided table on its part in the file: `divide` has the views."""
    for table in wide_tables():
        if name in (f"table {table.id}", f"latest {table.id}") and is_divided(con, table):
            if name.startswith("table "):
                con.execute(re.sub(rf"\b{re.escape(table.id)}(?=[ .])", in_file(table.id), ddl))
            return
    con.execute(ddl)


def divide(con: duckdb.DuckDBPyConnection) -> None:
    """Give each table its part in the attached lake, whose tables are there, and the views that show both parts.

    The caller holds WriterLock and has no transaction open. Done again, it changes nothing.
    """
    con.begin()
    try:
        for table in wide_tables():
            if not is_divided(con, table):
                con.execute(f"alter table {table.id} rename to {quoted(in_file(table.id).partition('.')[2])}")
            con.execute("; ".join(_views(table)))
        con.commit()
    except BaseException:
        con.rollback()
        raise


def move_out(
    con: duckdb.DuckDBPyConnection,
    store: SnapshotStore | None,
    tables: Collection[str],
    *,
    run_id: str,
    now: datetime,
) -> int:
    """Move what is beyond the core out of the file's parts of some tables and return the rows; nothing without a lake.

    The caller holds WriterLock, has begun a transaction and registers the files after it. `now` is naive UTC. While no
    member of the index is known nobody is beyond.
    """
    divided = [table for table in wide_tables() if table.id in tables and is_divided(con, table)]
    if not divided:
        return 0
    assert store is not None, "bug: no place for the rows of a divided table"
    assert store.lake is not None, "bug: a divided table without its lake"
    core = core_tickers(con)
    return sum(_move_out(con, store, table, core, run_id, now) for table in divided) if core else 0


def _views(table: Dataset) -> Iterator[str]:
    columns = stored_columns(table)
    names = ", ".join(column.name for column in columns)
    both = " union all ".join(f"select {names} from {part}" for part in (in_file(table.id), f"lake.{table.id}"))
    yield f"create or replace view {table.id} as {both}"
    yield f"comment on view {table.id} is {text(table.comment)}"
    yield from (f"comment on column {table.id}.{column.name} is {text(column.comment)}" for column in columns)
    latest = latest_of(table.id)
    yield f"create or replace view {latest} as {newest(table.id, table.key_names)}"
    yield f"comment on view {latest} is 'The newest vintage of each key of {table.id}; a withdrawn one has no values.'"


def _move_out(
    con: duckdb.DuckDBPyConnection,
    store: SnapshotStore,
    table: Dataset,
    core: frozenset[str],
    run_id: str,
    now: datetime,
) -> int:
    part, group = in_file(table.id), str(table.group)
    names = ", ".join(name for name, _ in columns_of(table))
    order = ", ".join((group, table.period, "known_at", "loaded_at", "payload_sha256"))
    with shown(con, "core_names", pl.DataFrame({group: sorted(core)})):
        beyond = con.execute(
            f"select {group}, count(*) as rows_count from {part} anti join core_names using ({group})"
            " group by all order by all"
        ).pl()
    for some in _in_parts(beyond):
        with shown(con, "beyond_names", some):
            rows = con.execute(
                f"select {names} from {part} semi join beyond_names using ({group}) order by {order}"
            ).pl()
            written = store.write(f"{table.source}/{table.name}/{FOLDER}", rows)
            con.execute(
                "insert into ops.snapshot_files values (?, 'accepted', null, ?, ?, ?, ?, [], ?, 'captured', ?, ?)",
                [
                    table.id,
                    written.file,
                    written.sha256,
                    written.bytes_count,
                    written.rows_count,
                    rows["known_at"].max(),
                    now,
                    run_id,
                ],
            )
            con.execute(f"delete from {part} where {group} in (select {group} from beyond_names)")
    return int(beyond["rows_count"].sum())


def _in_parts(beyond: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Cut symbols in order of name into parts of about as many rows as a file has."""
    numbered = beyond.with_columns(part=(pl.col("rows_count").cum_sum() - 1) // _ROWS_AT_ONCE)
    yield from numbered.partition_by("part", maintain_order=True)
