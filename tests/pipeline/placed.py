"""Where the runs of these tests are placed: a home, a stand-in, the moment it stands at."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from ingest.connectors import connector
from ingest.settings import Settings
from orchestration.ingestion import SourceOutcome, ingest
from orchestration.session import no_progress, open_session
from simulator import StandIn


def settings_of(home: Path, standin: StandIn, now: datetime | None = None) -> Settings:
    """Return the settings of a run in `home` against `standin`, at its own moment unless another one is named."""
    return Settings(
        home=home,
        upstream=standin.url,
        origin="SIMULATED",
        now=now or standin.now,
        request_attempts=1,
        retry_wait_seconds=0.0,
        fred_api_key=None,
    )


def ingested(settings: Settings, *names: str) -> dict[str, SourceOutcome]:
    """Fetch, check and land these sources, no mart; return how each fared. For what marts have no part in."""
    with open_session(settings) as session:
        return {name: ingest(session, connector(name), no_progress) for name in names}
