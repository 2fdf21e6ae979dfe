"""Runs against a stand-in upstream: the simulated market of `tidegauge demo`, the recorded one of `tidegauge real`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from pydantic import SecretStr

from ingest.clock import NEW_YORK
from ingest.errors import ConfigError, HomeUnusable
from ingest.home import Home, home_at
from ingest.settings import Origin, Settings
from orchestration.session import held_origin
from orchestration.unexpected import use_home

if TYPE_CHECKING:
    from simulator.market import Market

DEMO_HOME: Final = Path("data/demo")
REAL_HOME: Final = Path("data/real")
MADE_UP_KEY: Final = SecretStr("0simulated0market0knows0no0keys0")
"""What the simulated FRED is asked with, so that it gives vintages; it takes any key of the right form."""
MADE_UP_CONTACT: Final = "rehearsal@tidegauge.invalid"
"""What the stand-in of the SEC is told: the user's own address is for the SEC alone."""
FILING_DAYS: Final = 70
"""So many pages of filings a run, of the 600 of a live one: three months of days at the start."""
RECORDED_AT: Final = datetime(2026, 4, 27, 9, 5, tzinfo=NEW_YORK)
"""The morning on which most of the recorded files were taken."""


@contextmanager
def simulated(settings: Settings) -> Iterator[Settings]:
    """Serve the simulated market at the clock of `settings`; yield the settings of a run against it."""
    import polars as pl

    from simulator.bitcoin_flows import bitcoin_flows_file
    from simulator.saved_chains import saved_chains
    from simulator.simulate import simulate
    from warehouse.recorded import require_clock

    now, home = settings.clock(), home_at(_home(settings, DEMO_HOME))
    use_home(home)
    require_clock(home, now)  # before the user files are written, into a home that the run would refuse
    today = now.astimezone(NEW_YORK).date()
    # Some figures are out on the day before the one they are for: the policy rate of tomorrow.
    market = simulate(today + timedelta(days=1))
    # The truth goes to the run beside the stand-in, which does not serve it: no connector can see it.
    with TemporaryDirectory(prefix="tidegauge-") as folder:
        truth = Path(folder) / "simulated_truth.parquet"
        market.latent.filter(pl.col("session_date") <= today).write_parquet(truth)
        changes = {
            "home": home.root,
            "origin": "SIMULATED",
            "now": now,
            "simulated_truth": truth,
            "fred_api_key": MADE_UP_KEY,
        }
        home.ensure()
        _write_user_files(home, "SIMULATED", bitcoin_flows_file(market, now) | dict(saved_chains(market, now)))
        with _serving(settings, market, changes) as changed:
            yield changed


@contextmanager
def recorded(settings: Settings) -> Iterator[Settings]:
    """Serve the folder TIDEGAUGE_REAL_DATA as it was on RECORDED_AT, its user files put into the home first."""
    from simulator.folder import folder_market, user_files
    from warehouse.recorded import require_clock

    folder = settings.real_data
    if folder is None:
        raise ConfigError("setting TIDEGAUGE_REAL_DATA: expected the folder of recorded payloads, it is not set")
    folder_home, now = _home(settings, REAL_HOME), settings.now or RECORDED_AT
    # the folder has no filings: the stand-in of the SEC is not asked
    changes = {"home": folder_home, "origin": "REAL FOLDER", "now": now, "contact": None}
    home = home_at(folder_home)
    use_home(home)
    require_clock(home, now)
    home.ensure()
    try:
        market = folder_market(folder)
        files = user_files(folder, now)
    except FileNotFoundError as error:
        raise ConfigError(f"setting TIDEGAUGE_REAL_DATA: {folder} lacks {error.filename}") from error
    _write_user_files(home, "REAL FOLDER", files)
    with _serving(settings, market, changes) as changed:
        yield changed


def _write_user_files(home: Home, origin: Origin, files: Mapping[str, str]) -> None:
    """Write `files`, which a rehearsal brings: into its own home. One of other figures is left to the run to refuse."""
    held = held_origin(home)
    if held not in (None, origin):
        return
    try:
        for name, text in files.items():
            path = home.user_files / (name if name.endswith(".json") else f"{name}.csv")
            if held is None and path.exists():
                continue  # somebody's own, in a folder that no run has used
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise HomeUnusable(f"cannot write {home.user_files}: {error.strerror}") from error


@contextmanager
def _serving(settings: Settings, market: Market, changes: dict[str, Any]) -> Iterator[Settings]:
    from simulator import StandIn

    with StandIn(market, changes["now"]) as standin:
        # Nothing here may reach a publisher: the user's key stays out. The recorded market has no vintages: keyless.
        keys = {"fred_api_key": None, "finra_client_id": None, "finra_client_secret": None}
        ours = {**keys, "contact": MADE_UP_CONTACT, "sec_requests_per_run": FILING_DAYS}
        yield settings.model_copy(update={**ours, **changes, "upstream": standin.url})


def _home(settings: Settings, otherwise: Path) -> Path:
    return settings.home if "home" in settings.model_fields_set else otherwise
