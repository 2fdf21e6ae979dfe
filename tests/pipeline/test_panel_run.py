"""Whole runs with the panels: two years and a half of a simulated cross-section, a day more, the archive replayed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from ingest.clock import NEW_YORK
from ingest.home import Home
from ingest.panel_desks import PANEL_DESKS
from ingest.settings import Settings
from ingest.standin import StandIn
from ingest.standin.simulate import simulate
from orchestration.run import RunOutcome, run_daily

FIRST = datetime(2014, 6, 10, 18, 30, tzinfo=NEW_YORK).astimezone(UTC)
NEXT = FIRST + timedelta(days=1)
MEMBERS = 100
ASKED_NOTHING = {"user_prices", "user_fund_days", "nasdaq"}


@pytest.fixture(scope="module")
def standin() -> Iterator[StandIn]:
    with StandIn(simulate(NEXT.date(), members=MEMBERS), FIRST) as serving:
        yield serving


def settings_of(home: Path, standin: StandIn, now: datetime = FIRST) -> Settings:
    return Settings(
        home=home,
        upstream=standin.url,
        origin="SIMULATED",
        now=now,
        request_attempts=1,
        retry_wait_seconds=0.0,
        fred_api_key=None,
    )


@pytest.fixture(scope="module")
def first(standin: StandIn, tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, RunOutcome]:
    home = tmp_path_factory.mktemp("panel") / "home"
    return Home(home.resolve()), run_daily(settings_of(home, standin))


@pytest.fixture
def copied(first: tuple[Home, RunOutcome], standin: StandIn, tmp_path: Path) -> Iterator[Home]:
    shutil.copytree(first[0].root, tmp_path / "copy")
    yield Home(tmp_path / "copy")
    standin.faults.clear()
    standin.set_now(FIRST)


def asked(home: Home, query: str) -> list[tuple[object, ...]]:
    # dbt keeps its connection to the file in this process: another one must be opened as dbt's is
    with duckdb.connect(str(home.warehouse)) as con:
        return con.execute(query).fetchall()


def test_every_desk_lands(first):
    home, outcome = first
    landed = {desk.name: outcome.sources[desk.name].landing for desk in PANEL_DESKS}
    assert {name for name, landing in landed.items() if not landing.rows_new} <= ASKED_NOTHING
    stopped = {name for name, landing in landed.items() if landing.state in ("failed", "held")}
    assert stopped <= {"nasdaq"}  # asked only for funds that do not trade yet
    assert asked(home, "select count(*) from ops.panel_fetches") > [(100,)]


def test_breadth_covers_the_simulated_index(first):
    home, _ = first
    with duckdb.connect(str(home.published), read_only=True) as con:
        row = con.execute(
            "select members_count, coverage_ratio, advances_count + declines_count + unchanged_count, priced_count"
            " from marts.breadth_daily where universe = 'SPX' and session_date = date '2014-06-10'"
        ).fetchone()
    assert row is not None
    members, coverage, counted, priced = row
    assert members == pytest.approx(MEMBERS, abs=3)
    assert coverage >= 0.95
    assert counted == priced


def test_status_knows_the_desks(copied):
    code = (
        "import sys; from pathlib import Path; from ingest.home import Home; from warehouse.status import status\n"
        "for one in status(Home(Path(sys.argv[1]))).sources: print(one.source, one.rows_count, one.newest_period)"
    )
    shown = subprocess.run([sys.executable, "-c", code, str(copied.root)], capture_output=True, text=True, check=True)
    held = {line.split()[0]: line.split()[1:] for line in shown.stdout.splitlines()}
    assert {desk.name for desk in PANEL_DESKS} <= set(held)
    assert int(held["yahoo_prices"][0]) > 10_000
    assert held["ssga"][1].startswith("2014-06")


def test_the_same_moment_again_lands_nothing_and_computes_nothing(copied, standin):
    before = asked(copied, "select count(*), max(known_at) from breadth.features")
    outcome = run_daily(settings_of(copied.root, standin))
    landed = {
        desk.name: (outcome.sources[desk.name].landing.rows_new, outcome.sources[desk.name].landing.rows_changed)
        for desk in PANEL_DESKS
    }
    assert landed == dict.fromkeys(landed, (0, 0))
    assert asked(copied, "select count(*), max(known_at) from breadth.features") == before


def test_a_day_more_touches_a_day_and_a_rebuild_gives_the_same_rows(copied, standin):
    standin.set_now(NEXT)
    run_daily(settings_of(copied.root, standin, NEXT))
    newest = asked(copied, "select max(session_date) from breadth.features")
    assert newest == [(date(2014, 6, 11),)]
    code = (
        "import sys; from datetime import datetime; from ingest.settings import Settings\n"
        "from orchestration.rebuilding import rebuild_home; from orchestration.session import no_progress\n"
        "settings = Settings(home=sys.argv[1], origin='SIMULATED', now=datetime.fromisoformat(sys.argv[2]))\n"
        "result = rebuild_home(settings, no_progress); print(result.rows, result.rows_compared)"
    )
    arguments = [sys.executable, "-c", code, str(copied.root), NEXT.isoformat()]
    # in a process of its own: dbt keeps its connection to the file in this one
    again = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr[-500:]
    rows, compared = again.stdout.split()
    assert rows == compared


def test_yahoo_down_leaves_the_others_and_the_next_run_completes(copied, standin):
    standin.set_now(NEXT)
    standin.faults.add("query2.finance.yahoo.com", "status", code=503)
    outcome = run_daily(settings_of(copied.root, standin, NEXT))
    assert outcome.sources["yahoo_prices"].landing.state == "failed"
    assert outcome.sources["ssga"].landing.rows_new > 0
    standin.faults.clear()
    outcome = run_daily(settings_of(copied.root, standin, NEXT + timedelta(minutes=5)))
    assert outcome.sources["yahoo_prices"].landing.rows_new > 0
