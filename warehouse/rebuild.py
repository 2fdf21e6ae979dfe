"""Rebuild: land what the archive holds into a fresh build file, compare it with the old one, swap the two."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from ingest.batch import Batch, GateResult
from ingest.catalog import Catalog
from ingest.clock import naive_utc
from ingest.dataset import DATASETS, Dataset
from ingest.errors import AuditFailed
from ingest.home import Home
from warehouse.connection import connect, home_errors, is_damage, migrate
from warehouse.keepsakes import ACCEPTED, CARRIED_OVER, Recovered, newest_keeper, recover
from warehouse.lake.belonging import claim
from warehouse.lake.commit import Commit
from warehouse.lake.setting import Lake
from warehouse.lake.snapshots import create_tables, register_snapshots, set_out
from warehouse.lake.wide_prices import in_file, is_divided, wide_tables
from warehouse.landing import land
from warehouse.latest import IN_FILE
from warehouse.lived import KEPT_ON_REBUILD, LEDGER
from warehouse.published_table import ACCEPTANCES
from warehouse.releases import build_of, set_aside
from warehouse.snapshot_rebuild import INDEX, compare_snapshots
from warehouse.snapshot_store import SnapshotStore, store_in
from warehouse.snapshots import show_snapshots
from warehouse.sql import text

_RAW = {
    table.id: ", ".join((*table.key_names, *table.value_names, "known_at", "known_basis"))
    for table in DATASETS
    if not table.is_in_daily_files  # compared by their index: snapshot_rebuild
}
"""Every raw table, with the columns that a rebuild must give again."""

Gate = Callable[[duckdb.DuckDBPyConnection, Batch], GateResult]
"""Judges a batch against what the build file holds at that point of the replay, of other sources too."""


@dataclass(frozen=True, slots=True)
class RebuildResult:
    """`rows_compared` is None when there was no sound old file to compare with.

    Then `recovered` says what came out of which release, None where no release keeps anything. `set_aside` is where a
    damaged old file is now.
    """

    batches: int
    rows: int
    rows_compared: int | None
    recovered: Recovered | None = None
    set_aside: Path | None = None


def foreseen_loss(home: Home) -> str | None:
    """Return what a rebuild would lose for good, as a sentence; None where nothing would be lost.

    Rows come from the archive. How runs went and what was said of regimes at the time stands in the build file and in
    releases alone.
    """
    if _is_sound(home.warehouse) or newest_keeper(home) is not None:
        return None
    there = "is damaged" if home.warehouse.exists() else "is gone"
    return (
        f"{home.warehouse} {there} and no sound release keeps its records: the regime rows as they were computed at "
        "the time (basis lived) would be lost and computed anew as reconstructed ones, and so would the records of "
        "runs and checks (ops.runs, ops.checks)"
    )


def records_end(home: Home) -> datetime | None:
    """Return up to when (naive UTC) a rebuild gets the records back from a release; None where the file has them."""
    if _is_sound(home.warehouse):
        return None
    keeper = newest_keeper(home)
    build = build_of(keeper.path) if keeper is not None else None
    return build.built_at if build is not None else None


def rebuild(
    home: Home,
    batches: Iterable[Batch],
    gate: Gate,
    catalog: Catalog,
    *,
    run_id: str,
    now: datetime,
    lake: Lake | None = None,
) -> RebuildResult:
    """Replay `batches` (in the order they were fetched) into a fresh file and swap it in.

    The caller holds WriterLock. What no archive holds is taken from the old file; where that is gone or damaged, from
    the newest sound release, and a damaged file is set aside. AuditFailed when the rows differ from the old file's:
    then the old file stays and the fresh one is left beside it as warehouse_rebuilt.duckdb. Files of snapshot tables
    are written to `lake` where there is one, and registered there once the fresh file is in place.
    """
    fresh = Home(home.root / "rebuild")
    rebuilt = home.warehouse.with_name("warehouse_rebuilt.duckdb")
    store = store_in(home.snapshots, lake)
    with home_errors(home):
        _remove(fresh.warehouse)
        con = connect(fresh, lake)
        try:
            migrate(con)
            if lake is not None:
                claim(con, home, lake)
                create_tables(con, lake)
            is_sound = _is_sound(home.warehouse)
            _take_acceptances(con, home, is_sound=is_sound)
            count = land_again(con, store, batches, gate, catalog, run_id=run_id)
            rows = sum(_rows(con, table) for table in _RAW)
            compared = _compare_and_carry_over(con, home, store) if is_sound else None
            recovered = None if is_sound else _recovered(con, home)
            if lake is not None:
                set_out(con, store, run_id=run_id, now=naive_utc(now))
        except AuditFailed:
            con.close()
            fresh.warehouse.replace(rebuilt)
            raise
        finally:
            con.close()
        aside = _set_aside(home.warehouse) if home.warehouse.exists() and not is_sound else None
        _wal_of(home.warehouse).unlink(missing_ok=True)  # DuckDB would replay it into the new file
        fresh.warehouse.replace(home.warehouse)
        fresh.build.rmdir()
        fresh.root.rmdir()
        if lake is not None:
            with connect(home, lake) as con:
                register_snapshots(con, store)
    return RebuildResult(count, rows, compared, recovered, aside)


def _take_acceptances(con: duckdb.DuckDBPyConnection, home: Home, *, is_sound: bool) -> None:
    """Take over what a person let in, before the replay meets it: from the old file, or else the newest release."""
    keeper = None if is_sound else newest_keeper(home)
    if is_sound:
        _copy(con, home.warehouse, ACCEPTED, ACCEPTED)
    elif keeper is not None:
        _copy(con, keeper.path, ACCEPTANCES.path, ACCEPTED)


def _copy(con: duckdb.DuckDBPyConnection, path: Path, table: str, to: str) -> None:
    """Copy a table out of another file, which may be older than the table."""
    con.execute(f"attach {text(str(path))} as other_file (read_only)")
    try:
        schema, name = table.replace('"', "").split(".")
        where = "where database_name = 'other_file' and schema_name = ? and table_name = ?"
        if con.execute(f"select 1 from duckdb_tables() {where}", [schema, name]).fetchone():
            con.execute(f"insert into {to} by name from other_file.{table}")
    finally:
        con.execute("detach other_file")


def _recovered(con: duckdb.DuckDBPyConnection, home: Home) -> Recovered | None:
    keeper = newest_keeper(home)
    return recover(con, keeper) if keeper is not None else None


def _is_sound(path: Path) -> bool:
    """Say whether there is a build file of which every row that a rebuild looks at can be read."""
    if not path.exists():
        return False
    try:
        with duckdb.connect(str(path), read_only=True) as con:
            held = con.execute(
                "select schema_name || '.' || table_name from duckdb_tables() where database_name = current_database()"
            ).fetchall()
            for (table,) in held:
                if table.removesuffix(IN_FILE) in _RAW or table in CARRIED_OVER or table == LEDGER:
                    con.execute(f"select bit_xor(hash(one)) from {table} as one").fetchall()
    except duckdb.Error as error:
        if is_damage(error):
            return False
        raise
    return True


def _set_aside(path: Path) -> Path:
    """Give a damaged file another name, and what was to be replayed into it too."""
    aside = set_aside(path)
    if _wal_of(path).exists():
        _wal_of(path).replace(_wal_of(aside))
    return aside


def land_again(
    con: duckdb.DuckDBPyConnection,
    store: SnapshotStore,
    batches: Iterable[Batch],
    gate: Gate,
    catalog: Catalog,
    *,
    run_id: str,
) -> int:
    """Judge and land batches, in the order they were fetched, in a file that has none; return how many there were.

    Each lands at the moment of its last answer, as in its run: of two vintages known at one moment the one that landed
    later counts, and how late a source was is measured on what landed after its first batch.
    """
    count = 0
    show_snapshots(con, store)
    for batch in batches:
        at = max((batch.fetched_at, *(payload.fetched_at for payload in batch.payloads)))
        land(con, batch, gate(con, batch), catalog, run_id, at, snapshots=store)
        count += 1
    return count


def _compare_and_carry_over(con: duckdb.DuckDBPyConnection, home: Home, store: SnapshotStore) -> int:
    """Return how many rows agree; AuditFailed names the first source that differs, with one row of it."""
    path = str(home.warehouse).replace("'", "''")
    con.execute(f"attach '{path}' as old_file")  # for writing: what a killed run left in the log goes into the file
    try:
        con.execute("checkpoint old_file")
        held = {
            f"{schema}.{table}"
            for schema, table in con.execute(
                "select schema_name, table_name from duckdb_tables() where database_name = 'old_file'"
            ).fetchall()
        }
        raw = [table for table in _RAW if table in held]  # an old file may be from before a table
        for table in raw:
            _compare(con, table)
        rows = sum(_rows(con, table, "old_file.") for table in raw)
        rows += sum(_compare_divided(con, table, store) for table in wide_tables() if table.id not in held)
        if INDEX in held:
            compare_snapshots(con, store)
        for table in CARRIED_OVER:
            if table not in held:
                continue
            # an older file may lack a column of newer code
            listed = ", ".join(_columns(con, table))
            old, new = (f"select {listed} from {place}{table}" for place in ("old_file.", ""))
            con.execute(f"insert into {table} by name {old} except all {new}")
        if LEDGER in held:
            con.execute(f"insert into {LEDGER} by name select * from old_file.{LEDGER} where {KEPT_ON_REBUILD}")
        return rows
    finally:
        con.execute("detach old_file")


def _columns(con: duckdb.DuckDBPyConnection, table: str) -> list[str]:
    """Return the columns of `table` in the old file."""
    schema, name = table.split(".")
    return [
        column
        for (column,) in con.execute(
            "select column_name from duckdb_columns() where database_name = 'old_file' and schema_name = ?"
            " and table_name = ? order by column_index",
            [schema, name],
        ).fetchall()
    ]


def _compare_divided(con: duckdb.DuckDBPyConnection, table: Dataset, store: SnapshotStore) -> int:
    """Compare a table of which the old file has a part in the lake, and return how many rows agree.

    Of a lake that was lost only the number of its rows is known.
    """
    if not is_divided(con, table, "old_file"):
        return 0  # from before the table
    indexed = f"from old_file.{INDEX} where table_id = {text(table.id)}"
    files: list[tuple[str, int]] = con.execute(f"select distinct file, rows_count {indexed}").fetchall()
    if Commit(con, "lake").files_of(table.id) == {store.address(file) for file, _ in files}:
        _compare(con, table.id)
        return _rows(con, table.id)
    _compare(con, table.id, in_file(table.id), is_part=True)
    held = _rows(con, in_file(table.id), "old_file.") + sum(count for _, count in files)
    if (given := _rows(con, table.id)) != held:
        raise AuditFailed(
            f"rebuild: {table.id}: the old file and its lake, whose files are not all there, had {held:,} rows, the "
            f"archive gives {given:,}. The old file stays; the new one is warehouse_rebuilt.duckdb beside it."
        )
    return held


def _compare(con: duckdb.DuckDBPyConnection, table: str, old: str | None = None, *, is_part: bool = False) -> None:
    """Compare a table with the old file's, or with a part of it that has another name."""
    ours, theirs = (f"select {_RAW[table]} from {name}" for name in (table, f"old_file.{old or table}"))
    ways = (
        ("the old file has a row that the archive does not give", f"{theirs} except all {ours}"),
        ("the archive gives a row that the old file does not have", f"{ours} except all {theirs}"),
    )
    for what, query in ways[:1] if is_part else ways:
        found = con.execute(f"select *, count(*) over () from ({query}) order by all limit 1").fetchone()
        if found is not None:
            *row, known_at, basis, count = found
            shown = " ".join(str(cell) for cell in row[:-1])
            raise AuditFailed(
                f"rebuild: {table}: {what}: {shown} = {row[-1]}, known {known_at} ({basis}); {count} such "
                "rows. The old file stays; the new one is warehouse_rebuilt.duckdb beside it."
            )


def _rows(con: duckdb.DuckDBPyConnection, table: str, prefix: str = "") -> int:
    found = con.execute(f"select count(*) from {prefix}{table}").fetchone()
    assert found is not None
    return int(found[0])


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)
    _wal_of(path).unlink(missing_ok=True)


def _wal_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.wal")
