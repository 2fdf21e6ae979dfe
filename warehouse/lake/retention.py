"""What a lake has, and what may go: never anything that a kept release or the build file names.

Snapshots that no release needs are forgotten, files that only they had are removed a day later (somebody may be reading
them), and files that belong to nothing once they are a day old (a run that was killed left them). All of it under the
writer lock: a run in progress has files that belong to nothing yet.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb

from ingest.home import Home
from warehouse.lake.attached import newest_snapshot
from warehouse.lake.belonging import TABLE as BELONGING
from warehouse.lake.reading import release_of
from warehouse.lake.snapshots import snapshot_tables
from warehouse.releases import releases
from warehouse.sql import text

_LONG_ENOUGH: Final = "now() - interval 1 day"
_LAKE: Final = "lake"
_LAID_OUT: Final = ("breadth.features", "breadth.prices")


@dataclass(frozen=True, slots=True)
class LakeTable:
    """A table of the newest snapshot: its rows and the files that have them."""

    name: str
    rows: int
    files: int
    bytes_count: int


@dataclass(frozen=True, slots=True)
class LakeStatus:
    """`releases`: the snapshot of each kept release that has one. `waiting`: files that only wait to be removed."""

    address: str
    newest: int
    snapshots: int
    tables: tuple[LakeTable, ...]
    releases: Mapping[str, int]
    waiting: int


@dataclass(frozen=True, slots=True)
class Expired:
    """How many snapshots were forgotten, and files removed that nothing has any more or that never belonged to any."""

    snapshots: int
    files: int
    orphans: int


def lake_status(con: duckdb.DuckDBPyConnection, home: Home, address: str) -> LakeStatus:
    """Return what the attached lake has. It may be attached read-only."""
    tables = []
    known = "select schema_name, table_name from duckdb_tables() where database_name = ? order by all"
    for schema, name in con.execute(known, [_LAKE]).fetchall():
        files, size = _first(
            con,
            "select count(*), coalesce(sum(data_file_size_bytes), 0)::bigint"
            f" from ducklake_list_files({text(_LAKE)}, {text(name)}, schema => {text(schema)})",
        )
        (rows,) = _first(con, f'select count(*) from {_LAKE}."{schema}"."{name}"')
        tables.append(LakeTable(f"{schema}.{name}", rows, files, size))
    (snapshots,) = _first(con, f"select count(*) from ducklake_snapshots({text(_LAKE)})")
    (waiting,) = _first(con, "select count(*) from __ducklake_metadata_lake.ducklake_files_scheduled_for_deletion")
    return LakeStatus(address, newest_snapshot(con), snapshots, tuple(tables), named_snapshots(home), waiting)


def named_snapshots(home: Home) -> dict[str, int]:
    """Return the snapshot that each release names, the published file among them."""
    files = [release.path for release in releases(home) if not release.is_damaged]
    found = [_named(path) for path in (*files, *([home.published] if home.published.exists() else []))]
    return {build_id: snapshot for build_id, snapshot in found if snapshot is not None}


def compact(con: duckdb.DuckDBPyConnection) -> int:
    """Merge small files; return how many files there are fewer. Rows stay the same.

    The caller holds WriterLock. Left as they were written are the files of snapshot tables, each of which is one
    answer, and those of the panel: whoever computes it says which rows share a file, because it takes out whole files.
    """
    left_alone = {*snapshot_tables(), *_LAID_OUT, BELONGING}
    known = "select schema_name, table_name from duckdb_tables() where database_name = ? order by all"
    fewer = 0
    for schema, name in con.execute(known, [_LAKE]).fetchall():
        if f"{schema}.{name}" in left_alone:
            continue
        before = _files(con, schema, name)
        con.execute(f"call ducklake_merge_adjacent_files({text(_LAKE)}, {text(name)}, schema => {text(schema)})")
        fewer += before - _files(con, schema, name)
    return fewer


def expire(con: duckdb.DuckDBPyConnection, home: Home) -> Expired:
    """Forget snapshots but the newest and those that are named, and remove what nothing has any more.

    The caller holds WriterLock, and what the index names has been registered.
    """
    kept = {*named_snapshots(home).values(), *_computed_from(con), newest_snapshot(con)}
    found = con.execute(f"select snapshot_id from ducklake_snapshots({text(_LAKE)}) order by 1").fetchall()
    gone = [one for (one,) in found if one not in kept]
    if gone:
        listed = ", ".join(map(str, gone))
        con.execute(f"call ducklake_expire_snapshots({text(_LAKE)}, versions => [{listed}]::ubigint[])")
    removed = con.execute(f"call ducklake_cleanup_old_files({text(_LAKE)}, older_than => {_LONG_ENOUGH})").fetchall()
    orphans = con.execute(
        f"call ducklake_delete_orphaned_files({text(_LAKE)}, older_than => {_LONG_ENOUGH})"
    ).fetchall()
    return Expired(len(gone), len(removed), len(orphans))


def _computed_from(con: duckdb.DuckDBPyConnection) -> list[int]:
    """Return the snapshot of the features that the next run compares with: without it all would be computed anew."""
    return [one for (one,) in con.execute("select features_snapshot from breadth.lake_state").fetchall()]


def _files(con: duckdb.DuckDBPyConnection, schema: str, name: str) -> int:
    (count,) = _first(
        con, f"select count(*) from ducklake_list_files({text(_LAKE)}, {text(name)}, schema => {text(schema)})"
    )
    return count


def _named(path: Path) -> tuple[str, int | None]:
    with duckdb.connect() as con:
        con.execute(f"attach {text(str(path))} as tidegauge (read_only)")
        (build_id,) = _first(con, "select build_id from tidegauge.meta.build")
        return str(build_id), release_of(con)[0]


def _first(con: duckdb.DuckDBPyConnection, query: str) -> tuple[int, ...]:
    found = con.execute(query).fetchone()
    assert found is not None
    return found
