"""One connector, from its publisher to its raw tables. What goes wrong stays with it: the others are not affected."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Final

from ingest.batch import Batch, CheckResult, GateResult
from ingest.catalog import Catalog
from ingest.catalog.funds import Fund, load_funds
from ingest.clock import NEW_YORK, naive_utc
from ingest.connectors import Connector, asked_by
from ingest.contracts import symbols_of
from ingest.errors import ConfigError, SourceError, TidegaugeError
from orchestration.session import Progress, Session

if TYPE_CHECKING:
    import duckdb

    from ingest.connector import FetchContext
    from ingest.payload import Http
    from warehouse.records import LandingResult

log = logging.getLogger("tidegauge.ingestion")

KEPT_QUALITY_RUNS: Final = 30
"""So many runs keep their pages of Great Expectations; what they say stays in ops.checks."""


@dataclass(frozen=True, slots=True)
class SourceOutcome:
    """How one connector fared in a run. `error` is a sentence, None when all is well."""

    source: str
    landing: LandingResult
    checks: Sequence[CheckResult]
    error: str | None

    @property
    def has_answered(self) -> bool:
        """Say whether anything of the source came through."""
        return self.landing.state in ("ok", "partial", "skipped")


def attempted(session: Session, connector: Connector, work: Callable[[], SourceOutcome]) -> SourceOutcome:
    """Return the outcome of `work`, or record what stopped it: a bug of one connector must not cost the others.

    Raised is only what concerns every source: HomeUnusable, ConfigError, AnotherWriter, an interrupt.
    """
    try:
        return work()
    except SourceError as error:
        problem = error
    except TidegaugeError:
        raise
    except Exception as error:
        log.exception("%s failed", connector.name)
        problem = SourceError(connector.name, "ingestion", f"{type(error).__name__}: {error}")
    nothing = Batch(connector.source, {}, (), (), (problem,), session.settings.clock(), connector.name)
    return _land(session, nothing, GateResult({}, {}, (), None))


def land_batch(session: Session, batch: Batch) -> SourceOutcome:
    """Check what a connector brought, and land what is sound."""
    return _land(session, batch, judge(session.con, batch, session.catalog))


def require_time(session: Session, connector: Connector) -> None:
    """Raise NotAsked where the run's time for asking is over; the user's own files are not asked for."""
    if session.patience.is_over and not connector.is_users_own:
        raise session.patience.over(connector.name, "run")


def require_own_upstream(session: Session) -> None:
    """ConfigError where figures that are not live would be mixed with those of the publishers."""
    if session.settings.origin != "LIVE" and session.settings.upstream is None:
        raise ConfigError(
            f"{session.home.root} holds {session.settings.origin} figures: its sources are a stand-in's. "
            "Run `tidegauge demo` or `tidegauge real`."
        )


def judge(con: duckdb.DuckDBPyConnection, batch: Batch, catalog: Catalog) -> GateResult:
    """Return the gate's judgement of a batch, at the moment it was fetched, beside what is held."""
    from ingest.gate import gate
    from ingest.snapshot_gate import gate_with_snapshots
    from warehouse.evidence import evidence
    from warehouse.snapshots import answers_by_group, rows_by_day

    return gate_with_snapshots(
        batch,
        lambda rows: gate(rows, catalog, evidence(con, rows, catalog), batch.fetched_at),
        lambda table: rows_by_day(con, table),
        batch.fetched_at,
        lambda table, within: answers_by_group(con, table, within),
    )


# -- asking ---------------------------------------------------------------------------------------------------


def context_of(session: Session, connector: Connector, http: Http, progress: Progress) -> FetchContext:
    """Return what a connector is asked for: it depends on what is held."""
    made = _series_context if connector.has_series else _table_context
    return made(session, connector, http, progress)


def _series_context(session: Session, connector: Connector, http: Http, progress: Progress) -> FetchContext:
    from ingest.collect import build_context
    from warehouse.held import held, held_periods

    source = connector.source
    newest: dict[str, date | None] = dict(held(session.con, source).select("series_id", "last_period").iter_rows())
    return build_context(
        source,
        session.catalog,
        session.settings,
        session.settings.clock,
        http,
        since=newest,
        held=held_periods(session.con, source, connector.facts.asked_by_session),
        landed=_landed_bodies(session, source, newest),
        patience=session.patience,
        progress=progress,
    )


def _table_context(session: Session, connector: Connector, http: Http, progress: Progress) -> FetchContext:
    from ingest.catalog.funds import funds_of
    from ingest.connector import FetchContext
    from warehouse.held import held_groups
    from warehouse.panel_wanted import former_tickers

    today, facts = session.settings.clock().astimezone(NEW_YORK).date(), connector.facts
    since = held_groups(session.con, connector.table_ids[0])
    return FetchContext(
        source=connector.source,
        settings=session.settings,
        clock=session.settings.clock,
        http=http,
        progress=progress,
        funds=_trading(funds_of(connector.source) if facts.asked_by == "funds" else load_funds(), today),
        tickers=_tickers(session, connector, today, since),
        former=former_tickers(session.con, today) if facts.asked_by == "symbols" else frozenset(),
        since=since,
        held=_days_held(session, connector) if facts.asked_by_day else {},
        patience=session.patience,
    )


def _days_held(session: Session, connector: Connector) -> dict[str, frozenset[date]]:
    from warehouse.held import held_days

    now = naive_utc(session.settings.clock())
    return {"": held_days(session.con, connector.table_ids[0], now, connector.facts.whole_when)}


def _trading(funds: tuple[Fund, ...], today: date) -> tuple[Fund, ...]:
    """Return the funds whose first day is out; a closed one may still print its last days."""
    return tuple(fund for fund in funds if fund.active_from is None or fund.active_from < today)


def _tickers(session: Session, connector: Connector, today: date, held: Mapping[str, date]) -> list[str]:
    """Return the symbols to ask for; the second provider only those that the first one misses or left in doubt."""
    if connector.facts.contracts is not None:
        return symbols_of(connector.facts.contracts, today, held)
    is_asked = connector.facts.asked_by == "symbols"
    if not (is_asked or connector.facts.picks_symbols):
        return []
    from warehouse.panel_wanted import lacking_tickers, wanted_tickers

    wanted = wanted_tickers(session.con, today, wide=is_asked and session.settings.wide_universe)
    if not is_asked or connector == asked_by("symbols")[0]:
        return wanted
    return lacking_tickers(session.con, wanted, session.settings.clock())


def _landed_bodies(session: Session, source: str, newest: Mapping[str, date | None]) -> frozenset[str]:
    """Return the bodies that a source need not send again unless they changed.

    A body has landed whole when a run without problems came after its first sight. While a series of the catalog
    has no rows yet (a new entry), everything is asked again.
    """
    if any(series.id not in newest for series, _ in session.catalog.of_source(source)):
        return frozenset()
    rows = session.con.execute(
        """
        select payload_sha256 from ops.payloads
        where source = $source and fetched_at <= (
            select max(recorded_at) from ops.source_runs where source = $source and state = 'ok'
        )
        """,
        {"source": source},
    ).fetchall()
    return frozenset(row[0] for row in rows)


# -- landing --------------------------------------------------------------------------------------------------


def _land(session: Session, batch: Batch, gated: GateResult) -> SourceOutcome:
    from warehouse.connection import home_errors
    from warehouse.lake.snapshots import register_snapshots, snapshot_tables
    from warehouse.landing import land

    now = session.settings.clock()
    with home_errors(session.home):
        landing = land(session.con, batch, gated, session.catalog, session.run_id, now, snapshots=session.snapshots)
        if session.lake is not None and set(gated.accepted) & set(snapshot_tables()):
            register_snapshots(session.con, session.snapshots, gated.accepted.keys())
        keep_pages(session, gated.pages)
    outcome = SourceOutcome(batch.name, landing, [*gated.checks, *landing.checks], landing.error)
    session.outcomes[batch.name] = outcome
    return outcome


def keep_pages(session: Session, pages: Mapping[str, str]) -> None:
    """Put the pages of Great Expectations under home/quality/<run>, and drop those of runs long past."""
    runs = session.home.quality
    folder = runs / session.run_id
    folder.mkdir(exist_ok=True)
    for name, page in pages.items():
        (folder / f"{name.replace(' ', '_')}.html").write_text(page, encoding="utf-8")
    for old in sorted(path for path in runs.iterdir() if path.is_dir())[:-KEPT_QUALITY_RUNS]:
        shutil.rmtree(old)


def recent_values(con: duckdb.DuckDBPyConnection, source: str, series_id: str, count: int) -> list[float]:
    """Return the newest `count` values of a series as `source` gave them, oldest first."""
    rows = con.execute(
        f"""
        select value from (
            select period_date, value from {source}.observations_latest
            where series_id = ? and value is not null order by period_date desc limit ?
        ) order by period_date
        """,  # noqa: S608  # source is one of ingest.connectors.SOURCES
        [series_id, count],
    ).fetchall()
    return [row[0] for row in rows]
