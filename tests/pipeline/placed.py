"""Where the runs of these tests are placed: a home, a stand-in, the moment it stands at."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from pydantic import SecretStr

from ingest.catalog import load_catalog
from ingest.connectors import connector
from ingest.settings import Settings
from orchestration.asking import ingest_all
from orchestration.ingestion import SourceOutcome
from orchestration.run import RunOutcome, run_marts
from orchestration.session import open_session
from simulator import StandIn
from warehouse.reference import replace_reference

STOCKS_AND_FUNDS = (
    *("nasdaq_trader", "sp500_membership", "yahoo_prices", "nasdaq"),
    *("ici", "ssga", "ishares", "proshares", "user_fund_days", "user_prices"),
)
"""The connectors from which breadth and the flows of funds are made; their market is a series of the catalog."""


def settings_of(home: Path, standin: StandIn, now: datetime | None = None, key: str | None = None) -> Settings:
    """Return the settings of a run in `home` against `standin`, at its own moment unless another one is named."""
    return Settings(
        home=home,
        upstream=standin.url,
        origin="SIMULATED",
        now=now or standin.now,
        request_attempts=1,
        retry_wait_seconds=0.0,
        fred_api_key=SecretStr(key) if key else None,
        contact="ann@example.org",
        sec_requests_per_run=20,
        second_process=False,  # commands have one; here its start would cost more than it saves
    )


def ingested(settings: Settings, *names: str) -> dict[str, SourceOutcome]:
    """Fetch, check and land these sources, no mart; return how each fared. For what marts have no part in."""
    with open_session(settings) as session:
        return {one.name: outcome for one, outcome in ingest_all(session, [connector(name) for name in names])}


def sources_of(series_ids: Collection[str]) -> set[str]:
    """Return the connectors that serve one of these series."""
    chosen = (series for series in load_catalog().series if series.id in series_ids)
    return {provider.source for series in chosen for provider in series.providers}


def run_of(settings: Settings, *names: str) -> RunOutcome:
    """Do what the daily job does, but ask these connectors only: what others bring has no part in what is tested."""
    with open_session(settings) as session:
        replace_reference(session.con, session.catalog, settings.clock())
    outcomes = ingested(settings, *names)
    return replace(run_marts(settings), sources=outcomes)
