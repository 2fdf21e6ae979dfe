"""Publication: marts, claims and meta of the build file become one new, whole, read-only file that analysts open.

A release is complete under releases/ before it gets its name, and the published file is switched to it by one
rename. Whenever we are killed, the published file is one whole release: the old one or the new one.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final, Literal

import duckdb

from ingest.clock import naive_utc
from ingest.errors import AuditFailed, HomeUnusable
from ingest.home import Home
from ingest.settings import Origin
from warehouse.connection import connect, home_errors
from warehouse.copied_ahead import CopiedAhead
from warehouse.declared_tables import DeclaredTable
from warehouse.fingerprint import of_release
from warehouse.keepsakes import keepsake_queries
from warehouse.lake.attached import newest_snapshot
from warehouse.lake.setting import Lake
from warehouse.lake.snapshots import register_snapshots
from warehouse.lineage import follow, lineage
from warehouse.presentation import Presentation
from warehouse.published_table import BUILD, IN_RELEASE, LINEAGE, PUBLISH_TABLES, QUALITY
from warehouse.release_file import (
    comment_on,
    copy_table,
    create_schemas,
    create_table,
    insert_into,
    release_file,
    released_tables,
    write_rows,
)
from warehouse.release_head import Head, head_of, run_in, write_head
from warehouse.releases import (
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
from warehouse.sql import insert_columns, transaction
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
    con: duckdb.DuckDBPyConnection | None = None,
) -> PublishResult:
    """Publish the marts of the build file, unless the current release already says the same.

    The caller holds WriterLock and has audited the build file; `con`, which stays open, has it and its lake already.
    `now` is aware; `evaluated_at` (naive UTC) is the moment that the marts were computed for. Keeps the last `keep`
    releases. `presentation` goes into meta.readings and meta.charts; `macros` are statements that run in the new file,
    of tables that it has. With `lake` its newest snapshot is named. What `ahead`, which is finished, has is not copied
    again.
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
        with _opened(home, lake, con) as con:
            store = store_in(home.snapshots, lake)
            if lake is not None:
                register_snapshots(con, store)
            tables = released_tables(con)
            follow(con)
            head = (ahead and ahead.head) or head_of(
                con,
                home,
                store,
                code_version=code_version,
                origin=origin,
                now=now,
                known=ahead.contents if ahead else {},
            )
            content = of_release(con, tables, head.marts, shown, macros)
            same = same_content(home, content)
            if same is not None:
                is_whole = is_published_whole(home, same)
                if not is_whole:  # rolled back from, killed before the switch, or the published file is damaged
                    _switch(home, same.path)
                state: Literal["published", "unchanged"] = "unchanged" if is_whole else "published"
                return PublishResult(state, same.build_id, same.path, time.perf_counter() - start)
            path = home.releases / f"tidegauge_{head.build_id}.duckdb"
            build = {
                "build_id": head.build_id,
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
                _fill(con, tables, head, build, shown, macros, ahead)
        _check_opens(unfinished(path), head.build_id, tables)
        seal(path)
        _switch(home, path)
        forget(home, keep)
    return PublishResult("published", head.build_id, path, time.perf_counter() - start)


@contextmanager
def _opened(
    home: Home, lake: Lake | None, con: duckdb.DuckDBPyConnection | None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Give `con`, which its owner closes, or a connection of our own."""
    if con is not None:
        yield con
        return
    with connect(home, lake) as own:
        yield own


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


def _fill(
    con: duckdb.DuckDBPyConnection,
    tables: list[DeclaredTable],
    head: Head,
    build: Mapping[str, Any],
    presentation: Presentation,
    macros: Sequence[str],
    ahead: CopiedAhead | None,
) -> None:
    """Copy everything in one transaction: each of hundreds of comments would wait for the disk on its own."""
    source = _quoted(_one(con, "select current_database()"))
    is_simulated = build["is_simulated"]
    copied = ahead.relations if ahead else ()
    with transaction(con):
        create_schemas(con, _ALIAS)
        for table in tables:
            if (table.schema, table.name) not in copied:
                copy_table(con, table, _ALIAS, is_simulated=is_simulated)
        if ahead is None or ahead.head is None:
            write_head(con, _ALIAS, head, is_simulated=is_simulated)
        run_in(con, _ALIAS, macros)
        _write_quality(con, source, str(build["run_id"]))
        _write_keepsakes(con)
        for table, rows in presentation.rows().items():
            write_rows(con, table, rows, _ALIAS)
        of_marts = [table for table in tables if table.schema == "marts"]
        of_file = {
            **build,
            "data_through_date": _data_through(con, tables, f"{_ALIAS}."),
            "tables_count": len(of_marts),
            "rows_count": sum(int(_one(con, f"select count(*) from {_ALIAS}.{one.path}")) for one in of_marts),
        }
        insert_into(con, BUILD, [tuple(of_file[name] for name, *_ in BUILD.columns)], _ALIAS)
        create_table(con, LINEAGE, _ALIAS)
        insert_columns(con, f"{_ALIAS}.{LINEAGE.path}", lineage(con))
        for table in PUBLISH_TABLES:
            comment_on(con, table, _ALIAS, is_simulated=is_simulated)


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
