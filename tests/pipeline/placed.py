"""Where the runs of these tests are placed: a home, a stand-in, the moment it stands at."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from ingest.settings import Settings
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
