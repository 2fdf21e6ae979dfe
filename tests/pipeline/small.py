"""Homes with which most tests of whole runs begin: after one run early in the simulated history, and after the next."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb

from ingest.clock import NEW_YORK
from ingest.home import Home
from orchestration.run import run_daily
from simulator import Market, StandIn
from simulator.simulate import simulate
from tests.cli import TWO, environment, start
from tests.pipeline.placed import settings_of
from tests.pipeline.readers import Answer, read_during

FIRST = datetime(2014, 6, 10, 18, 30, tzinfo=NEW_YORK).astimezone(UTC)
NEXT = FIRST + timedelta(days=1)
FIRST_SESSION, NEXT_SESSION = date(2014, 6, 10), date(2014, 6, 11)
MEMBERS = 60
NOT_SERVED_YET = {"alternative_me", "deposits_withdrawals", "public_debt_transactions", "tax_refunds"}
"""What the stand-in serves from later years on (tables of the Treasury, a mood of 2018): no answer is a failure."""


@dataclass(frozen=True)
class Ran:
    """A home after its last run, which took so many seconds. All tests share it: copy it before you change it."""

    home: Home
    seconds: float

    def copy_to(self, folder: Path) -> Home:
        """Copy the home, to do with as one likes."""
        shutil.copytree(self.home.root, folder)
        return Home(folder)


@dataclass(frozen=True)
class Fared:
    """How one source fared in the last run of a home, as its records say."""

    state: str
    rows_new: int
    rows_changed: int
    newest_period: date | None
    error: str | None


def fared(home: Home) -> dict[str, Fared]:
    """Return how each source fared in the last run."""
    rows = asked(
        home,
        "select source, state, rows_new, rows_changed, newest_period, error from ops.source_runs"
        " where run_id = (select arg_max(run_id, recorded_at) from ops.source_runs)",
    )
    return {source: Fared(*row) for source, *row in rows}


def asked(home: Home, query: str) -> list[tuple]:
    """Ask the build file."""
    with duckdb.connect(str(home.warehouse), read_only=True) as con:
        return con.execute(query).fetchall()


def market() -> Market:
    """Return the market of these runs."""
    return simulate(NEXT.date(), members=MEMBERS)


def build_first(folder: Path, served: Market) -> None:
    """Run the daily job at FIRST in an empty home, in this process."""
    with StandIn(served, FIRST) as standin:
        outcome = run_daily(settings_of(folder / "home", standin))
        asked_for = [request.path for request in standin.requests]
    (folder / "asked.json").write_text(json.dumps(asked_for))
    _keep_seconds(folder, outcome.seconds)


def build_next(folder: Path, served: Market, first: Ran) -> None:
    """Run the whole command at NEXT in a copy of the first home, while two BI drivers read what is published."""
    home, log = first.copy_to(folder / "home"), folder / "run.log"
    with StandIn(served, NEXT) as standin:
        began = time.perf_counter()
        running = start("run", env=environment(home.root, upstream=standin.url, now=NEXT, **TWO), log=log)
        try:
            answers = read_during(running, home.published)
        finally:
            running.kill()
        _keep_seconds(folder, time.perf_counter() - began)
    assert running.returncode == 0, log.read_text(errors="replace")
    (folder / "answers.json").write_text(json.dumps(sorted((builds, str(newest)) for builds, newest in answers)))


def answers_during(next_day: Ran) -> set[Answer]:
    """Return what BI drivers were answered while the run of NEXT went on."""
    kept = json.loads((next_day.home.root.parent / "answers.json").read_text())
    return {(builds, date.fromisoformat(newest)) for builds, newest in kept}


def asked_by_first(first: Ran) -> list[str]:
    """Return host and path of every request of the first run."""
    found: list[str] = json.loads((first.home.root.parent / "asked.json").read_text())
    return found


def _keep_seconds(folder: Path, seconds: float) -> None:
    (folder / "seconds.txt").write_text(str(seconds))


def ran_in(folder: Path) -> Ran:
    """Return what `build_first` or `build_next` left in `folder`."""
    return Ran(Home((folder / "home").resolve()), float((folder / "seconds.txt").read_text()))
