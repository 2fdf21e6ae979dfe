"""One panel desk, from its publisher to its raw tables. It fails as a source does: alone."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Final

from ingest.catalog.funds import Fund, FundSource, load_funds
from ingest.clock import NEW_YORK
from ingest.errors import SourceError
from ingest.panel_desks import PanelDesk
from ingest.panel_kit import PanelBatch, PanelGateResult
from orchestration.ingestion import SourceOutcome, attempted, keep_pages, require_own_upstream, require_time
from orchestration.session import Progress, Session

if TYPE_CHECKING:
    import duckdb

PRICE_DESKS: Final = ("yahoo_prices", "nasdaq")
FUND_SOURCES: Final[dict[str, FundSource]] = {"ssga": "ssga", "ishares": "ishares", "proshares": "proshares"}


def ingest_desk(session: Session, desk: PanelDesk, progress: Progress) -> SourceOutcome:
    """Fetch, archive, parse, check and land one desk; raises and records as ingest_source does."""
    progress(f"asking {desk.name}", 0, None)

    def ask() -> SourceOutcome:
        require_time(session, desk.name)
        batch = _collect(session, desk, progress)
        return _land(session, batch, judge(session.con, batch))

    def record(problem: SourceError) -> SourceOutcome:
        batch = PanelBatch(desk.source, {}, (), (), (problem,), session.settings.clock(), desk.name)
        return _land(session, batch, PanelGateResult({}, {}, (), None))

    return attempted(desk.name, ask, record)


def judge(con: duckdb.DuckDBPyConnection, batch: PanelBatch) -> PanelGateResult:
    """Return the gate's judgement of a batch, at the moment it was fetched, beside what is held."""
    from ingest.panel_gate import panel_gate
    from warehouse.panel_wanted import price_evidence

    return panel_gate(batch, price_evidence(con, batch), batch.fetched_at)


def _collect(session: Session, desk: PanelDesk, progress: Progress) -> PanelBatch:
    require_own_upstream(session)
    from ingest.archive import Archive
    from ingest.catalog.funds import funds_of
    from ingest.http import Upstream
    from ingest.panel_collect import collect_panel
    from ingest.panel_kit import PanelContext
    from warehouse.panel_landing import held_groups
    from warehouse.panel_wanted import former_tickers

    clock = session.settings.clock
    today = clock().astimezone(NEW_YORK).date()
    fund_source = FUND_SOURCES.get(desk.name)
    with Upstream(session.settings, clock, Archive(session.home.archive), session.patience) as upstream:
        context = PanelContext(
            source=desk.source,
            settings=session.settings,
            clock=clock,
            http=upstream,
            progress=progress,
            funds=_trading(funds_of(fund_source) if fund_source else load_funds(), today),
            tickers=_tickers(session, desk, today),
            former=former_tickers(session.con, today) if desk.name in PRICE_DESKS else frozenset(),
            since=dict(held_groups(session.con, desk.table_ids[0])),
            patience=session.patience,
        )
        return collect_panel(desk, context)


def _trading(funds: tuple[Fund, ...], today: date) -> tuple[Fund, ...]:
    """Return the funds whose first day is out; a closed one may still print its last days."""
    return tuple(fund for fund in funds if fund.active_from is None or fund.active_from < today)


def _tickers(session: Session, desk: PanelDesk, today: date) -> list[str]:
    """Return what a price desk is asked for; the second provider only what the first one lacks or left in doubt."""
    if desk.name not in PRICE_DESKS:
        return []
    from warehouse.panel_wanted import lacking_tickers, wanted_tickers

    wanted = wanted_tickers(session.con, today, wide=session.settings.wide_universe)
    return wanted if desk.name == PRICE_DESKS[0] else lacking_tickers(session.con, wanted, session.settings.clock())


def _land(session: Session, batch: PanelBatch, gated: PanelGateResult) -> SourceOutcome:
    from warehouse.connection import home_errors
    from warehouse.panel_landing import land_panel

    with home_errors(session.home):
        landing = land_panel(session.con, batch, gated, session.run_id, session.settings.clock())
        keep_pages(session, gated.pages)
    outcome = SourceOutcome(batch.name, landing, [*gated.checks, *landing.checks], landing.error)
    session.outcomes[batch.name] = outcome
    return outcome
