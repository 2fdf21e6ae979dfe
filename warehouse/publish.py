"""Publication: marts, claims and meta of the build file become one new, whole, read-only file that analysts open.

A release is complete under releases/ before it gets its name, and the published file is switched to it by one
rename. Whenever we are killed, the published file is one whole release: the old one or the new one.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Literal

import duckdb

from ingest.clock import naive_utc
from ingest.dataset import TABLES
from ingest.errors import AuditFailed, HomeUnusable
from ingest.home import Home
from ingest.settings import Origin
from warehouse.asof import AsOf, as_of_queries, new_york_statements
from warehouse.built import Relation
from warehouse.connection import connect, home_errors
from warehouse.copied_ahead import CopiedAhead
from warehouse.declared_tables import DeclaredTable
from warehouse.keepsakes import keepsake_queries
from warehouse.lake.attached import newest_snapshot
from warehouse.lake.setting import Lake
from warehouse.lake.snapshots import register_snapshots
from warehouse.lineage import follow, lineage
from warehouse.presentation import Presentation
from warehouse.published_table import AS_OF, AS_OF_PARTS, BUILD, IN_RELEASE, LINEAGE, PUBLISH_TABLES, QUALITY
from warehouse.release_file import (
    SIMULATED_PREFIX,
    comment_on,
    copy_table,
    create_schemas,
    release_file,
    released_tables,
    write_rows,
)
from warehouse.releases import (
    STAMP,
    Release,
    build_of,
    forget,
    is_published_whole,
    releases,
    rollback,
    same_content,
    seal,
    set_aside_damaged,
    sweep,
    unfinished,
)
from warehouse.releases import switch as _switch
from warehouse.snapshot_store import store_in
from warehouse.snapshot_views import SnapshotMacro, snapshot_macros
from warehouse.sql import one as _one
from warehouse.sql import quoted as _quoted

__all__ = ["PublishResult", "Release", "publish", "releases", "rollback"]

_ALIAS: Final = "tidegauge"


@dataclass(frozen=True, slots=True)
class PublishResult:
    """What a publication did; `unchanged` means that the current release says the same and nothing was written."""

    state: Literal["published", "unchanged"]
    build_id: str
    path: Path
    seconds: float


def publish(
    home: Home,
    *,
    run_id: str,
    now: datetime,
    origin: Origin,
    code_version: str,
    keep: int,
    presentation: Presentation | None = None,
    macros: Sequence[str] = (),
    lake: Lake | None = None,
    ahead: CopiedAhead | None = None,
    evaluated_at: datetime | None = None,
) -> PublishResult:
    """Publish the marts of the build file, unless the current release already says the same.

    The caller holds WriterLock and has audited the build file. `now` is aware; `evaluated_at` (naive UTC) is the moment
    that the marts were computed for. Keeps the last `keep` releases.
    `presentation` goes into meta.readings and meta.charts; `macros` are statements that run in the new file, of tables
    that it has. With `lake` its newest snapshot is named. What `ahead`, which is finished, has is not copied again.
    HomeUnusable when the disk is full or read-only; the published file is then what it was. Releases and a published
    file that cannot be read are set aside or replaced: they stop nothing.
    """
    start = time.perf_counter()
    shown = presentation or Presentation()
    with home_errors(home):
        home.releases.mkdir(parents=True, exist_ok=True)
        home.published.parent.mkdir(parents=True, exist_ok=True)
        if ahead is None:
            sweep(home)  # a copy made ahead did, and would be swept away
        set_aside_damaged(home)
        con = connect(home, lake)
        try:
            store = store_in(home.snapshots, lake)
            if lake is not None:
                register_snapshots(con, store)
            tables = released_tables(con)
            follow(con)
            queries: list[AsOf | SnapshotMacro] = [*as_of_queries(con, tables)]
            queries += snapshot_macros(con, store, TABLES)
            content = _fingerprint(con, tables, queries, code_version, origin, shown, macros)
            same = same_content(home, content)
            if same is not None:
                is_whole = is_published_whole(home, same)
                if not is_whole:  # rolled back from, killed before the switch, or the published file is damaged
                    _switch(home, same.path)
                state: Literal["published", "unchanged"] = "unchanged" if is_whole else "published"
                return PublishResult(state, same.build_id, same.path, time.perf_counter() - start)
            build_id = f"{_stamp(home, now)}-{content[:8]}"
            path = home.releases / f"tidegauge_{build_id}.duckdb"
            build = {
                "build_id": build_id,
                "built_at": naive_utc(now),
                "evaluated_at": evaluated_at,
                "run_id": run_id,
                "code_version": code_version,
                "origin": origin,
                "is_simulated": origin == "SIMULATED",
                "content_sha256": content,
                "lake_snapshot": None if lake is None else newest_snapshot(con),
                "lake_address": None if lake is None else lake.address,
            }
            if ahead is not None:
                ahead.path.rename(unfinished(path))
            with release_file(con, unfinished(path), _ALIAS):
                _fill(con, tables, queries, build, shown, macros, ahead.relations if ahead else frozenset())
        finally:
            con.close()
        _check_opens(unfinished(path), build_id, tables)
        seal(path)
        _switch(home, path)
        forget(home, keep)
    return PublishResult("published", build_id, path, time.perf_counter() - start)


def require_no_shorter(home: Home, con: duckdb.DuckDBPyConnection) -> None:
    """AuditFailed when the build `con` ends before what is published: a clock set back, or history that was lost.

    A published file that cannot be read has no end, and is replaced.
    """
    replaced = build_of(home.published)
    if replaced is None or replaced.data_through_date is None:
        return
    through = _data_through(con, released_tables(con))
    if through is None or through < replaced.data_through_date:
        raise AuditFailed(
            f"audit failed: the new build ends on {through or 'no day'}, release {replaced.build_id} that it would "
            f"replace on {replaced.data_through_date}: nothing was published. If that release is the wrong one, "
            "`tidegauge rollback` to an older one first, or run again with --accept-loss."
        )


# -- what is copied ----------------------------------------------------------------------------------------------


def _fingerprint(
    con: duckdb.DuckDBPyConnection,
    tables: list[DeclaredTable],
    queries: Sequence[AsOf | SnapshotMacro],
    code_version: str,
    origin: str,
    presentation: Presentation,
    macros: Sequence[str],
) -> str:
    """Return a sha256 of what an analyst would see differ: not of row order, run ids or ages."""
    lines = [f"code {code_version}", f"origin {origin}"]
    for table in tables:
        if table.schema in ("marts", "claims"):
            lines.append(repr(table))
            lines.append(repr(_content(con, table, [name for name, *_ in table.columns])))
        elif table.name == "freshness":
            names = {name for name, *_ in table.columns}
            lines.append(repr(_content(con, table, [n for n in ("series_id", "provider", "state") if n in names])))
    lines += [repr(query) for query in queries] + list(macros)
    lines += [repr(row) for rows in presentation.rows().values() for row in rows]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _content(con: duckdb.DuckDBPyConnection, table: DeclaredTable, columns: list[str]) -> tuple[Any, ...]:
    """Return row count and two order-independent sums of row hashes (equal rows cancel in the first alone)."""
    if not columns:
        return ()
    listed = ", ".join(_quoted(column) for column in columns)
    found = con.execute(
        f"select count(*), bit_xor(hash({listed})), sum(hash({listed})::hugeint) from {table.path}"
    ).fetchone()
    assert found is not None
    return found


def _fill(
    con: duckdb.DuckDBPyConnection,
    tables: list[DeclaredTable],
    queries: Sequence[AsOf | SnapshotMacro],
    build: Mapping[str, Any],
    presentation: Presentation,
    macros: Sequence[str],
    are_copied: Collection[Relation],
) -> None:
    """Copy everything in one transaction: each of hundreds of comments would wait for the disk on its own."""
    source = _quoted(_one(con, "select current_database()"))
    is_simulated = build["is_simulated"]
    con.begin()
    try:
        create_schemas(con, _ALIAS)
        rows_count = 0
        for table in tables:
            if (table.schema, table.name) not in are_copied:
                copy_table(con, table, _ALIAS, is_simulated=is_simulated)
            if table.schema == "marts":
                rows_count += int(_one(con, f"select count(*) from {_ALIAS}.{table.path}"))
        _write_quality(con, source, str(build["run_id"]))
        _write_keepsakes(con)
        for table, rows in presentation.rows().items():
            write_rows(con, table, rows, _ALIAS)
        of_file = {
            **build,
            "data_through_date": _data_through(con, tables, f"{_ALIAS}."),
            "tables_count": sum(table.schema == "marts" for table in tables),
            "rows_count": rows_count,
        }
        write_rows(con, BUILD, [tuple(of_file[name] for name, *_ in BUILD.columns)], _ALIAS)
        write_rows(con, AS_OF, _readable(queries), _ALIAS)
        write_rows(con, AS_OF_PARTS, _parts(queries), _ALIAS)
        write_rows(con, LINEAGE, lineage(con), _ALIAS)
        for table in PUBLISH_TABLES:
            comment_on(con, table, _ALIAS, is_simulated=is_simulated)
        prefix = SIMULATED_PREFIX if is_simulated else ""
        _write_as_of(con, source, queries, str(build["build_id"]), prefix, macros)
        con.commit()
    except BaseException:
        con.rollback()
        raise


def _readable(queries: Sequence[AsOf | SnapshotMacro]) -> list[tuple[str, bool, str]]:
    """Return the rows of meta.as_of: it says of marts how they are read at a moment."""
    return [(one.mart, one.select is not None, one.how) for one in queries if isinstance(one, AsOf)]


def _parts(queries: Sequence[AsOf | SnapshotMacro]) -> list[tuple[str, str, str]]:
    """Return the rows of meta.as_of_parts."""
    wide = [one for one in queries if isinstance(one, AsOf)]
    return [(one.mart, ", ".join(part.columns), part.select) for one in wide for part in one.parts]


def _write_quality(con: duckdb.DuckDBPyConnection, source: str, run_id: str) -> None:
    con.execute(
        f"""
        create table {_ALIAS}.meta.quality as
        select {", ".join(name for name, *_ in QUALITY.columns)}
        from (select * replace (coalesce(is_blocking, false) as is_blocking) from {source}.ops.checks)
        where run_id = coalesce(
            (select any_value(run_id) from {source}.ops.checks where run_id = $run_id),
            (select arg_max(run_id, checked_at) from {source}.ops.checks)
        )
        order by stage, asset, check_name
        """,
        {"run_id": run_id},
    )


def _write_keepsakes(con: duckdb.DuckDBPyConnection) -> None:
    """Copy what a rebuild could not compute again. The selects name tables of the build file, which is in use."""
    for path, query in keepsake_queries():
        con.execute(f"create table {_ALIAS}.{path} as {query}")


def _write_as_of(
    con: duckdb.DuckDBPyConnection,
    source: str,
    queries: Sequence[AsOf | SnapshotMacro],
    build_id: str,
    prefix: str,
    macros: Sequence[str],
) -> None:
    """Store the as-of macros and views. Their names are looked up in the file in use, so that is the new one."""
    con.execute(f"use {_ALIAS}")
    try:
        for statement in new_york_statements(prefix):
            con.execute(statement)
        for query in queries:
            for statement in query.statements(build_id, prefix):
                con.execute(statement)
        for statement in macros:
            con.execute(statement)
    finally:
        con.execute(f"use {source}")


def _data_through(con: duckdb.DuckDBPyConnection, tables: list[DeclaredTable], prefix: str = "") -> date | None:
    """Return the newest session of market_daily, or of the marts by session where that one is not built.

    Of the build file, or of the database whose name and dot `prefix` is.
    """
    by_session = [
        table
        for table in tables
        if table.schema == "marts"
        and table.name != "sessions"  # the calendar reaches into the future
        and any(name == "session_date" for name, *_ in table.columns)
    ]
    wide = [table for table in by_session if table.name == "market_daily"]
    newest = [_one(con, f"select max(session_date) from {prefix}{table.path}") for table in wide or by_session]
    return max((day for day in newest if day is not None), default=None)


# -- files -------------------------------------------------------------------------------------------------------


def _check_opens(path: Path, build_id: str, tables: list[DeclaredTable]) -> None:
    """Open the finished file as an analyst would; HomeUnusable when it is not what was written."""
    with duckdb.connect(str(path), read_only=True) as con:
        seen = _one(con, "select build_id from meta.build")
        count = _one(con, f"select count(*) from duckdb_tables() where {IN_RELEASE}")
    if seen != build_id or count != len(tables) + len(PUBLISH_TABLES):
        raise HomeUnusable(
            f"{path}: expected build {build_id} with {len(tables) + len(PUBLISH_TABLES)} tables, "
            f"got {seen} with {count}; it was not published"
        )


def _stamp(home: Home, now: datetime) -> str:
    """Return the moment for a new build id: `now`, or just after the newest release where the clock stands still."""
    newest = max((release.stamp for release in releases(home)), default=None)
    moment = now.astimezone(UTC).replace(microsecond=0)
    if newest is not None and moment <= newest:
        moment = newest + timedelta(seconds=1)
    return moment.strftime(STAMP)
