"""Whole runs with the panels: two years and a half of a simulated cross-section, a day more, the archive replayed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from ingest.clock import NEW_YORK
from ingest.connectors import TABLE_CONNECTORS, connector
from ingest.home import Home
from orchestration.asking import ingest_all
from orchestration.rebuilding import rebuild_home
from orchestration.run import RunOutcome, run_daily
from orchestration.session import no_progress, open_session
from simulator import StandIn
from simulator.simulate import simulate
from tests.pipeline.placed import settings_of
from warehouse.status import status

FIRST = datetime(2014, 6, 10, 18, 30, tzinfo=NEW_YORK).astimezone(UTC)
NEXT = FIRST + timedelta(days=1)
MEMBERS = 100
ASKED_NOTHING = {"user_prices", "user_fund_days", "nasdaq"}


@pytest.fixture(scope="module")
def standin() -> Iterator[StandIn]:
    with StandIn(simulate(NEXT.date(), members=MEMBERS), FIRST) as serving:
        yield serving


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
    with duckdb.connect(str(home.warehouse), read_only=True) as con:
        return con.execute(query).fetchall()


def test_every_desk_lands(first):
    home, outcome = first
    landed = {desk.name: outcome.sources[desk.name].landing for desk in TABLE_CONNECTORS}
    assert {name for name, landing in landed.items() if not landing.rows_new} == ASKED_NOTHING
    states = {name: landing.state for name, landing in landed.items()}
    assert states == {name: "skipped" if name in ASKED_NOTHING else "ok" for name in landed}
    assert {name: outcome.sources[name].error for name in landed} == dict.fromkeys(landed)
    [(fetches,)] = asked(home, "select count(*) from ops.panel_fetches")
    assert fetches > MEMBERS


def test_breadth_covers_the_simulated_index(first):
    home, _ = first
    with duckdb.connect(str(home.published), read_only=True) as con:
        row = con.execute(
            "select members_count, coverage_ratio, advances_count + declines_count + unchanged_count, priced_count"
            " from marts.breadth_daily where universe = 'SPX' and session_date = date '2014-06-10'"
        ).fetchone()
    assert row is not None
    members, coverage, counted, priced = row
    assert members == MEMBERS
    assert coverage >= 0.95
    assert counted == priced


def test_status_knows_the_desks(first):
    found = status(first[0])
    assert found.note is None
    held = {one.source: one for one in found.sources}
    assert {desk.name for desk in TABLE_CONNECTORS} <= set(held)
    assert held["yahoo_prices"].rows_count > 10_000
    assert str(held["ssga"].newest_period).startswith("2014-06")


def test_the_same_moment_again_lands_nothing_and_computes_nothing(copied, standin):
    before = asked(copied, "select count(*), max(known_at) from breadth.features")
    outcome = run_daily(settings_of(copied.root, standin))
    landed = {
        desk.name: (outcome.sources[desk.name].landing.rows_new, outcome.sources[desk.name].landing.rows_changed)
        for desk in TABLE_CONNECTORS
    }
    assert landed == dict.fromkeys(landed, (0, 0))
    assert asked(copied, "select count(*), max(known_at) from breadth.features") == before


def test_a_day_more_touches_a_day_and_a_rebuild_gives_the_same_rows(copied, standin):
    held = asked(copied, "from breadth.features order by all")
    standin.set_now(NEXT)
    run_daily(settings_of(copied.root, standin))
    newest = date(2014, 6, 11)
    assert asked(copied, "select max(session_date) from breadth.features") == [(newest,)]
    assert asked(copied, f"from breadth.features where session_date < '{newest}' order by all") == held
    result = rebuild_home(settings_of(copied.root, standin), no_progress)
    assert result.rows == result.rows_compared


def test_a_history_cut_short_upstream_is_kept_and_said(copied, standin):
    held = asked(copied, "select min(report_date), count(*) from ssga.fund_days where ticker = 'SPY'")
    standin.faults.add(r"navhist-us-en-spy\.xlsx", "shortened", since=date(2013, 1, 2))
    with open_session(settings_of(copied.root, standin)) as session:
        ((_, outcome),) = ingest_all(session, [connector("ssga")])
        landing = outcome.landing
    assert (landing.state, landing.rows_new, landing.rows_withdrawn) == ("ok", 0, 0)
    assert asked(copied, "select min(report_date), count(*) from ssga.fund_days where ticker = 'SPY'") == held
    said = f"ssga fund_days SPY: source now starts 2013-01-02, we keep from {held[0][0]}"
    assert status(copied).shrinkages == (said,)


def test_every_listed_stock_is_a_universe_of_its_own_when_asked_for(copied, standin):
    standin.set_now(NEXT)
    outcome = run_daily(settings_of(copied.root, standin).model_copy(update={"wide_universe": True}))
    assert outcome.release.state == "published"
    # the directory lists a stock that Yahoo does not know: said, and a lack in the coverage
    assert outcome.sources["yahoo_prices"].error.startswith("yahoo_prices: NA: expected a chart of NA")
    with duckdb.connect(str(copied.published), read_only=True) as con:
        rows = con.execute(
            "select session_date, members_count > 110, coverage_ratio between 0.95 and 0.999, reason_text,"
            " advances_count + declines_count + unchanged_count = priced_count, universe_basis"
            " from marts.breadth_daily where universe = 'USCOMMON' order by session_date"
        ).fetchall()
    basis = "common stocks of the newest symbol directory, from our first snapshot on"
    assert rows == [(date(2014, 6, day), True, True, None, True, basis) for day in (10, 11)]


def test_yahoo_down_leaves_the_others_and_the_next_run_completes(copied, standin):
    standin.set_now(NEXT)
    standin.faults.add("query2.finance.yahoo.com", "status", code=503)
    outcome = run_daily(settings_of(copied.root, standin))
    assert outcome.sources["yahoo_prices"].landing.state == "failed"
    assert outcome.sources["ssga"].landing.rows_new > 0
    standin.faults.clear()
    outcome = run_daily(settings_of(copied.root, standin, NEXT + timedelta(minutes=5)))
    assert outcome.sources["yahoo_prices"].landing.rows_new > 0
