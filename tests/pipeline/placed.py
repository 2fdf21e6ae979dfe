"""Where the runs of these tests are placed: a home, a stand-in, the moment it stands at."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from pydantic import SecretStr

from ingest.connectors import connector
from ingest.settings import Settings
from orchestration.asking import ingest_all
from orchestration.ingestion import SourceOutcome
from orchestration.session import open_session
from simulator import StandIn


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
        sec_contact="ann@example.org",
        sec_requests_per_run=20,
    )


def ingested(settings: Settings, *names: str) -> dict[str, SourceOutcome]:
    """Fetch, check and land these sources, no mart; return how each fared. For what marts have no part in."""
    with open_session(settings) as session:
        return {one.name: outcome for one, outcome in ingest_all(session, [connector(name) for name in names])}
