"""How the last run went and what is held, without getting in the way of a run. Imports DuckDB alone: it must be quick.

Values stand in the SQL as quoted text: for a bound one DuckDB imports pandas, which takes as long as all the rest.

The build file is opened read-only, and only while nobody writes it: DuckDB would refuse the writer meanwhile.
During a run the published file answers instead, and `note` says so.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Final

import duckdb

from ingest.errors import NothingPublished
from ingest.home import Home, elsewhere
from warehouse.connection import home_errors, is_writer_active
from warehouse.latest import IN_FILE
from warehouse.period_columns import PERIOD_COLUMNS
from warehouse.sql import text

if TYPE_CHECKING:
    from warehouse.lake.setting import Lake

_TRIES: Final = 3
_WAIT_SECONDS: Final = 0.1
_NAMED: Final = 20
_PATH: Final = "schema_name || '.' || table_name"
_INDEXED: Final = (
    "(select coalesce(sum(rows_count), 0)::bigint from ops.snapshot_files where table_id = {} and part = 'accepted')"
)


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """One source: how its last run went and what is held of it. `rows_count` counts vintages."""

    source: str
    state: str
    error: str | None
    recorded_at: datetime  # naive UTC
    last_ok_at: datetime | None  # naive UTC; the last run that was ok or partial
    rows_count: int
    newest_period: date | None


@dataclass(frozen=True, slots=True)
class MartStatus:
    """One table of marts: its rows and its newest period, where its rows have one of PERIOD_COLUMNS."""

    mart: str
    rows_count: int
    newest_date: date | None


@dataclass(frozen=True, slots=True)
class FailedCheck:
    """One check that failed in the run of the published file, with the tables on which it did."""

    check_name: str
    severity: str
    assets: tuple[str, ...]
    is_blocking: bool


@dataclass(frozen=True, slots=True)
class Checks:
    """What the checks of the published file said. `failed` holds a line per check; none of them stopped the release."""

    count: int
    failed_count: int
    failed: tuple[FailedCheck, ...]


@dataclass(frozen=True, slots=True)
class Status:
    """Everything `tidegauge status` shows. `freshness` holds rows of meta.freshness, column by name.

    `lacks`: per provider a sentence with the former members that it does not know any more. `gaps`: per source one
    with the sessions of which there is no snapshot.
    """

    sources: tuple[SourceStatus, ...]
    marts: tuple[MartStatus, ...]
    freshness: tuple[dict[str, Any], ...]
    shrinkages: tuple[str, ...]
    last_run: tuple[str, str, str | None] | None  # run_id, state, reason
    published: dict[str, Any] | None  # the row of meta.build
    is_writer_active: bool
    note: str | None
    lacks: tuple[str, ...] = ()
    gaps: tuple[str, ...] = ()
    checks: Checks | None = None


def status(home: Home) -> Status:
    """Read the state of `home`; NothingPublished when there is neither a build file nor a published one.

    Marts and freshness are those of the published file, which is what analysts see.
    """
    is_active = is_writer_active(home)
    published = _published(home)
    with build_file(home, is_active=is_active) as con:
        tables = frozenset() if con is None else _tables(con)
        if con is not None and "ops.source_runs" in tables:
            return Status(
                _sources(con, tables),
                *published[:2],
                _shrinkages(con),
                _last_run(con),
                published[2],
                is_active,
                None,
                _lacks(con, tables),
                _gaps(con, tables),
                published[3],
            )
    if published[2] is None and not is_active:
        raise NothingPublished(f"nothing in {home.root} yet: `tidegauge run` or `make demo` fills it{elsewhere(home)}")
    note = "the build file is in use: sources and shrinkages are those of the published file" if published[2] else None
    note = note or "the first run is in progress: nothing is published yet"
    shrinkages = _noted(published[1])
    return Status((), *published[:2], shrinkages, None, published[2], is_active, note, checks=published[3])


@contextmanager
def build_file(home: Home, *, is_active: bool, lake: Lake | None = None) -> Iterator[duckdb.DuckDBPyConnection | None]:
    """Open the build file read-only; None when it is not there or a writer has it, HomeUnusable when it is damaged.

    With `lake`, for whoever reads prices, the lake is beside it; LakeUnusable where it does not answer, or was lost.
    """
    con = None if is_active or not home.warehouse.exists() else _opened(home)
    try:
        if con is not None and lake is not None:
            from warehouse.lake.attached import attach
            from warehouse.lake.belonging import require_ours

            attach(con, lake, read_only=True)
            require_ours(con, home, lake)
        yield con
    finally:
        if con is not None:
            con.close()


def _opened(home: Home) -> duckdb.DuckDBPyConnection | None:
    for attempt in range(_TRIES):
        try:
            with home_errors(home):
                return duckdb.connect(str(home.warehouse), read_only=True)
        except (duckdb.IOException, duckdb.ConnectionException):
            # another process writes it, or this one does
            if attempt + 1 < _TRIES:
                time.sleep(_WAIT_SECONDS)
    return None


def _tables(con: duckdb.DuckDBPyConnection) -> frozenset[str]:
    """Return the tables of a file, as "schema.name": DuckDB takes milliseconds to say it, of one as of all."""
    return frozenset(row[0] for row in con.execute(f"select {_PATH} from duckdb_tables()").fetchall())


def _sources(con: duckdb.DuckDBPyConnection, tables: frozenset[str]) -> tuple[SourceStatus, ...]:
    rows = con.execute(
        """
        select source, l.state, l.error, l.recorded_at, last_ok_at, newest_period, rows_landed
        from (
            select source, arg_max({'state': state, 'error': error, 'recorded_at': recorded_at}, recorded_at) as l,
                max(recorded_at) filter (where state in ('ok', 'partial')) as last_ok_at,
                max(newest_period) as newest_period,
                sum(rows_new + rows_changed + rows_withdrawn)::bigint as rows_landed
            from ops.source_runs group by source
        )
        order by source
        """
    ).fetchall()
    filled = _tables_of_desks(con, tables)
    found = []
    for source, state, error, recorded_at, last_ok_at, newest_period, rows_landed in rows:
        if f"{source}.observations" in tables:
            held = _held_series(con, source)
        else:
            # Rows that nobody asks for by group (holdings come with their data set) are in no record of answers: then
            # what landed in its runs is more than those tables hold, which are only added to.
            of_answers = sum(_rows(con, table, tables) for table in filled.get(source, []))
            held = max(of_answers, rows_landed), newest_period
        found.append(SourceStatus(source, state, error, recorded_at, last_ok_at, *held))
    return tuple(found)


def _held_series(con: duckdb.DuckDBPyConnection, source: str) -> tuple[int, date | None]:
    """Return vintages and newest period of a source of series."""
    found = con.execute(
        f"select count(*), max(period_date) filter (where value is not null) from {source}.observations"
    ).fetchone()
    assert found is not None
    return found[0], found[1]


def _tables_of_desks(con: duckdb.DuckDBPyConnection, tables: frozenset[str]) -> dict[str, list[str]]:
    """Return the panel tables that each desk was asked for. Its schema has those of other desks too."""
    rows = con.execute(f"select source, list(distinct table_id) from {_answers(tables)} group by source").fetchall()
    return dict(rows)


def _rows(con: duckdb.DuckDBPyConnection, table: str, tables: frozenset[str]) -> int:
    """Return the rows of a table; of one with a part in a lake by the index, for to ask the lake would take longest."""
    query = f"select count(*) from {table}"
    if f"{table}{IN_FILE}" in tables:
        query = f"select count(*) + {_INDEXED.format(text(table))} from {table}{IN_FILE}"
    found = con.execute(query).fetchone()
    return int(found[0]) if found else 0


def _answers(tables: frozenset[str]) -> str:
    """Return the record of answers; a build file that no run of this version has opened yet has the older one."""
    return "ops.answers" if "ops.answers" in tables else "ops.panel_fetches"


def _shrinkages(con: duckdb.DuckDBPyConnection) -> tuple[str, ...]:
    rows = con.execute(
        """
        select source, series_id, s.served_from, s.held_from
        from (
            select source, series_id, arg_max({'served_from': served_from, 'held_from': held_from}, seen_at) as s
            from ops.shrinkages group by all
        )
        where s.served_from > s.held_from order by all
        """
    ).fetchall()
    return tuple(
        f"{source} {series}: source now starts {served}, we keep from {kept}" for source, series, served, kept in rows
    )


def _lacks(con: duckdb.DuckDBPyConnection, tables: frozenset[str]) -> tuple[str, ...]:
    """Return a sentence for each provider; who has answered since then is left out."""
    if "ops.panel_lacks" not in tables:
        return ()
    rows = con.execute(
        f"""
        with lacks as (
            select source, group_name, max(seen_at) as seen_at from ops.panel_lacks group by all
        )
        select source, count(*), list(group_name order by group_name)
        from lacks l anti join {_answers(tables)} f
            on f.source = l.source and f.group_name = l.group_name and f.fetched_at > l.seen_at
        group by source order by source
        """
    ).fetchall()
    return tuple(
        f"{source} does not know {count} former member{'s' if count > 1 else ''}: {', '.join(names[:_NAMED])}"
        + (f" and {count - _NAMED} more" if count > _NAMED else "")
        for source, count, names in rows
    )


def _gaps(con: duckdb.DuckDBPyConnection, tables: frozenset[str]) -> tuple[str, ...]:
    if "ops.snapshot_gaps" not in tables:
        return ()
    rows = con.execute(
        """
        select trim(table_id || ' ' || group_name) as snapshots, count(*), max(session_date)
        from ops.snapshot_gaps group by all order by all
        """
    ).fetchall()
    return tuple(f"{what}: {count} session{'s' if count > 1 else ''}, the last {last}" for what, count, last in rows)


def _last_run(con: duckdb.DuckDBPyConnection) -> tuple[str, str, str | None] | None:
    # Rows of one moment are told apart by the order in which they were written.
    return con.execute(
        "select run_id, state, reason from ops.runs order by recorded_at desc, rowid desc limit 1"
    ).fetchone()


_Published = tuple[tuple[MartStatus, ...], tuple[dict[str, Any], ...], dict[str, Any] | None, Checks | None]


def _published(home: Home) -> _Published:
    """Return marts, freshness, build and checks of the published file; nothing of each while there is none."""
    if not home.published.exists():
        return (), (), None, None
    with duckdb.connect(str(home.published), read_only=True) as con:
        freshness = (
            _records(con, "select * from meta.freshness order by all") if "meta.freshness" in _tables(con) else []
        )
        return _marts(con), tuple(freshness), _records(con, "from meta.build")[0], _checks(con)


def _checks(con: duckdb.DuckDBPyConnection) -> Checks | None:
    """Return what the checks said; None of a release that is older than what is asked of it."""
    try:
        counted = con.execute("select count(*), count(*) filter (not is_passed) from meta.quality").fetchone()
        failed = con.execute(
            """
            select check_name, severity, list(distinct asset order by asset), bool_or(is_blocking)
            from meta.quality where not is_passed
            group by check_name, severity order by severity, check_name
            """
        ).fetchall()
    except (duckdb.BinderException, duckdb.CatalogException):
        return None
    assert counted is not None
    told = tuple(FailedCheck(name, severity, tuple(assets), blocks) for name, severity, assets, blocks in failed)
    return Checks(counted[0], counted[1], told)


def _marts(con: duckdb.DuckDBPyConnection) -> tuple[MartStatus, ...]:
    names = f"[{', '.join(map(text, PERIOD_COLUMNS))}]"
    rows = con.execute(
        f"""
        select table_name, arg_min(column_name, list_position({names}, column_name)) filter (
            where list_contains({names}, column_name)
        )
        from duckdb_columns() where schema_name = 'marts'
            and table_name in (select table_name from duckdb_tables() where schema_name = 'marts')
        group by table_name order by table_name
        """
    ).fetchall()
    return tuple(MartStatus(table, *_extent(con, table, column)) for table, column in rows)


def _extent(con: duckdb.DuckDBPyConnection, table: str, column: str | None) -> tuple[int, date | None]:
    newest = "null" if column is None else f"max({column})"
    found = con.execute(f'select count(*), {newest} from marts."{table}"').fetchone()
    assert found is not None
    return found[0], found[1]


def _noted(freshness: tuple[dict[str, Any], ...]) -> tuple[str, ...]:
    return tuple(f"{row['series_id']}: {row['shrinkage_note']}" for row in freshness if row.get("shrinkage_note"))


def _records(con: duckdb.DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    cursor = con.execute(query)
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
