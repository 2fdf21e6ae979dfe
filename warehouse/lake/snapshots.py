"""Tables of the lake whose files the index names: what ops.snapshot_files says is registered, no more and no less.

They are the snapshot tables, and the prices beyond the core universe (warehouse.lake.wide_prices).

The index in the build file is the truth: a file is written, then indexed in the transaction of its batch, then
registered here, for DuckDB writes one database in a transaction. Killed before the last step, the file is in no view;
the next run registers it before it does anything else.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from pathlib import Path

import duckdb

from ingest.dataset import TABLES, Dataset
from ingest.errors import HomeUnusable
from warehouse.lake.commit import Commit, committing
from warehouse.lake.errors import lake_errors
from warehouse.lake.setting import Lake
from warehouse.lake.wide_prices import columns_of, divide, move_out, wide_tables
from warehouse.snapshot_files import NOT_EXPIRED
from warehouse.snapshot_store import FolderStore, SnapshotStore
from warehouse.snapshot_views import RECORDED, file_columns, refused_columns, refused_name


def snapshot_tables() -> list[str]:
    """Return the tables of a lake whose files the index of the build file names: they stay as they were written."""
    in_files = [name for table in _in_files() for name in (table.id, refused_name(table))]
    return [*in_files, *(table.id for table in wide_tables())]


def _in_files() -> list[Dataset]:
    return [table for table in TABLES if table.is_in_daily_files]


def register_snapshots(
    con: duckdb.DuckDBPyConnection, store: SnapshotStore, tables: Collection[str] | None = None
) -> None:
    """Bring tables of the attached lake to what the index of the build file `con` says: all of them, or some.

    The caller holds WriterLock and has no transaction open. Nothing is committed where nothing is to be done.
    """
    assert store.lake is not None
    with lake_errors(store.lake), committing(con, "snapshot files") as commit:
        for table in (*_in_files(), *wide_tables()):
            if tables is None or table.id in tables:
                _bring_up(con, commit, store, table.id, table, "accepted")
                if table.is_in_daily_files:
                    _bring_up(con, commit, store, refused_name(table), table, "refused")


def create_tables(con: duckdb.DuckDBPyConnection, lake: Lake) -> None:
    """Create the snapshot tables of the attached lake that are not there, with every column that the code knows."""
    with lake_errors(lake), committing(con, "tables") as commit:
        for table in _in_files():
            commit.create(table.id, [*file_columns(table), *RECORDED], table.comment)
            commit.create(refused_name(table), refused_columns(table), table.comment)
        for table in wide_tables():
            commit.create(table.id, columns_of(table), table.comment)


def bring_in(con: duckdb.DuckDBPyConnection, store: SnapshotStore, folder: Path, *, run_id: str, now: datetime) -> None:
    """Bring into the lake what the home has in its files, or a killed run left to be done; `now` is naive UTC.

    The caller holds WriterLock and has no transaction open; the tables of the lake are there.
    """
    adopt_files(con, store, folder)
    set_out(con, store, run_id=run_id, now=now)
    register_snapshots(con, store)


def set_out(con: duckdb.DuckDBPyConnection, store: SnapshotStore, *, run_id: str, now: datetime) -> None:
    """Divide the raw tables of prices, and write what they have beyond the core universe to files of the index.

    Done again, it changes nothing. To register the files is left to the caller.
    """
    assert store.lake is not None
    with lake_errors(store.lake):
        divide(con)
    con.begin()
    try:
        move_out(con, store, [table.id for table in wide_tables()], run_id=run_id, now=now)
        con.commit()
    except BaseException:
        con.rollback()
        raise


def adopt_files(con: duckdb.DuckDBPyConnection, store: SnapshotStore, folder: Path) -> int:
    """Copy into the lake what the index names and `folder`, where the home had its files before, has; return how many.

    HomeUnusable where a file is in neither.
    """
    there = store.sizes()
    before = FolderStore(folder)
    missing = [file for file in _indexed(con) if file not in there]
    for file in missing:
        if not (folder / file).is_file():
            raise HomeUnusable(
                f"{store.address(file)} is missing: the lake is not the one that this home wrote to. Set "
                "TIDEGAUGE_LAKE to that one, or run `tidegauge rebuild`: the archive gives the file again."
            )
        if file.rpartition("/")[2].partition(".")[0] != before.sha256_of(file):
            raise HomeUnusable(f"{folder / file} is damaged. Run `tidegauge rebuild`: the archive gives it again.")
    for file in missing:
        store.put(file, folder / file)
    return len(missing)


def _bring_up(
    con: duckdb.DuckDBPyConnection, commit: Commit, store: SnapshotStore, name: str, table: Dataset, part: str
) -> None:
    wanted = [store.address(file) for file in _indexed(con, table, part)]
    held = commit.files_of(name)
    commit.take_out(name, sorted(held - set(wanted)))
    commit.add(name, [file for file in wanted if file not in held])


def _indexed(con: duckdb.DuckDBPyConnection, table: Dataset | None = None, part: str | None = None) -> list[str]:
    found = con.execute(
        "select distinct file from ops.snapshot_files where table_id = coalesce($table, table_id)"
        f" and part = coalesce($part, part) and {NOT_EXPIRED} order by file",
        {"table": None if table is None else table.id, "part": part},
    )
    return [file for (file,) in found.fetchall()]
