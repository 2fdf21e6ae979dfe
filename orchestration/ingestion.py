"""One source, from its publisher to its raw table. What goes wrong stays with the source: the others go on."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

from ingest.catalog import Catalog, SourceName
from ingest.errors import ConfigError, SourceError, TidegaugeError
from ingest.kit import Batch, CheckResult, GateResult, empty_rows
from orchestration.session import Progress, Session

if TYPE_CHECKING:
    import duckdb

    from warehouse.records import LandingResult

log = logging.getLogger("tidegauge.ingestion")

ASKED_DAY_BY_DAY: Mapping[SourceName, tuple[str, ...]] = {"cboe": ("put_call_total_ratio", "put_volume_total")}
"""Series whose pages are asked one session at a time: their source must know which it holds."""


KEPT_QUALITY_RUNS = 30
"""So many runs keep their pages of Great Expectations; what they say stays in ops.checks."""


@dataclass(frozen=True, slots=True)
class SourceOutcome:
    """How one source fared in a run. `error` is a sentence, None when all is well."""

    source: str
    landing: LandingResult
    checks: Sequence[CheckResult]
    error: str | None

    @property
    def has_answered(self) -> bool:
        """Say whether anything of the source came through."""
        return self.landing.state in ("ok", "partial", "skipped")


def ingest_source(session: Session, source: SourceName, progress: Progress) -> SourceOutcome:
    """Fetch, archive, parse, check and land one source; a failure is recorded and returned, never raised.

    Raised is only what concerns every source: HomeUnusable, ConfigError, AnotherWriter, an interrupt.
    """
    progress(f"asking {source}", 0, None)

    def ask() -> SourceOutcome:
        require_time(session, source)
        batch = _collect(session, source, progress)
        return _land(session, batch, _gate(session, batch))

    return attempted(source, ask, lambda problem: _land(session, *_nothing(session, source, problem)))


def attempted(
    source: str, ask: Callable[[], SourceOutcome], record: Callable[[SourceError], SourceOutcome]
) -> SourceOutcome:
    """Return the outcome of `ask`, or of `record` with what stopped it: a bug of one must not cost the others."""
    try:
        return ask()
    except SourceError as error:
        problem = error
    except TidegaugeError:
        raise
    except Exception as error:
        log.exception("%s failed", source)
        problem = SourceError(source, "ingestion", f"{type(error).__name__}: {error}")
    return record(problem)


def require_time(session: Session, name: str) -> None:
    """Raise NotAsked where the run's time for asking is over; the user's own files are not asked for."""
    if session.patience.is_over and not name.startswith("user_"):
        raise session.patience.over(name, "run")


def require_own_upstream(session: Session) -> None:
    """ConfigError where figures that are not live would be mixed with those of the publishers."""
    if session.settings.origin != "LIVE" and session.settings.upstream is None:
        raise ConfigError(
            f"{session.home.root} holds {session.settings.origin} figures: its sources are a stand-in's. "
            "Run `tidegauge demo` or `tidegauge real`."
        )


def _collect(session: Session, source: SourceName, progress: Progress) -> Batch:
    require_own_upstream(session)
    from ingest.archive import Archive
    from ingest.collect import build_context, collect
    from ingest.http import Upstream
    from warehouse.landing import held, held_periods

    newest: dict[str, date | None] = dict(held(session.con, source).select("series_id", "last_period").iter_rows())
    clock = session.settings.clock
    with Upstream(session.settings, clock, Archive(session.home.archive), session.patience) as upstream:
        context = build_context(
            source,
            session.catalog,
            session.settings,
            clock,
            upstream,
            since=newest,
            held=held_periods(session.con, source, ASKED_DAY_BY_DAY.get(source, ())),
            landed=_landed_bodies(session, source, newest),
            patience=session.patience,
            progress=progress,
        )
        return collect(source, context)


def _gate(session: Session, batch: Batch) -> GateResult:
    return judge(session.con, batch, session.catalog, session.settings.clock())


def judge(con: duckdb.DuckDBPyConnection, batch: Batch, catalog: Catalog, now: datetime) -> GateResult:
    """Return the gate's judgement of a batch beside what is held. `now` is aware."""
    from ingest.gate import gate
    from warehouse.landing import held
    from warehouse.series_evidence import series_evidence

    return gate(batch, catalog, held(con, batch.source), now, series_evidence(con, batch, catalog))


def _land(session: Session, batch: Batch, gated: GateResult) -> SourceOutcome:
    from warehouse.connection import home_errors
    from warehouse.landing import land

    with home_errors(session.home):
        landing = land(session.con, batch, gated, session.catalog, session.run_id, session.settings.clock())
        keep_pages(session, gated.pages)
    outcome = SourceOutcome(batch.source, landing, [*gated.checks, *landing.checks], landing.error)
    session.outcomes[batch.source] = outcome
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


def _nothing(session: Session, source: SourceName, error: SourceError) -> tuple[Batch, GateResult]:
    """Return a batch of nothing but its problem: landing it records the failure as any other."""
    nothing = empty_rows()
    batch = Batch(source, nothing, (), (), (error,), session.settings.clock())
    return batch, GateResult(nothing, nothing, (), None)


def _landed_bodies(session: Session, source: SourceName, newest: Mapping[str, date | None]) -> frozenset[str]:
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


def recent_values(con: duckdb.DuckDBPyConnection, source: SourceName, series_id: str, count: int) -> list[float]:
    """Return the newest `count` values of a series as `source` gave them, oldest first."""
    rows = con.execute(
        f"""
        select value from (
            select period_date, value from {source}.observations_latest
            where series_id = ? and value is not null order by period_date desc limit ?
        ) order by period_date
        """,  # noqa: S608  # source is one of ingest.catalog.SOURCES
        [series_id, count],
    ).fetchall()
    return [row[0] for row in rows]
