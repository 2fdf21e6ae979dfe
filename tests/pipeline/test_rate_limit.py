"""Yahoo has enough in the middle of the symbols: what came is kept, the rest named, and the next run completes it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from ingest.clock import NEW_YORK
from ingest.home import Home
from orchestration.run import RunOutcome, run_daily
from simulator import StandIn
from simulator.simulate import simulate
from tests.pipeline.placed import STOCKS_AND_FUNDS, run_of, settings_of
from warehouse.status import status

pytestmark = pytest.mark.slow  # two runs; that a refusal leaves what came: test_run's bad day, in CI

NOW = datetime(2013, 10, 7, 18, 30, tzinfo=NEW_YORK).astimezone(UTC)
LATER = NOW + timedelta(hours=1)
SESSION = date(2013, 10, 7)
MEMBERS = 60
ANSWERED = 30
STOCKS = r"query2\.finance\.yahoo\.com/v8/finance/chart/[A-Z]+(-[A-Z])?\?"  # neither ^GSPC nor JPY=X
NASDAQ = r"api\.nasdaq\.com"
HELD = "select distinct ticker from yahoo.prices where close_usd is not null"


def asked(path: Path, query: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(path), read_only=True) as con:
        return con.execute(query).fetchall()


def tickers(home: Home, query: str = HELD) -> set[object]:
    return {ticker for (ticker,) in asked(home.warehouse, query)}


@pytest.fixture(scope="module")
def standin() -> Iterator[StandIn]:
    with StandIn(simulate(LATER.date(), members=MEMBERS), NOW) as serving:
        yield serving


@pytest.fixture(scope="module")
def limited(standin: StandIn, tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, RunOutcome]:
    """The first run of all, in the middle of which Yahoo has enough; Nasdaq, the second provider, has at once."""
    standin.faults.add(STOCKS, "rate_limited", after=ANSWERED)
    standin.faults.add(NASDAQ, "rate_limited")
    home = tmp_path_factory.mktemp("limited") / "home"
    outcome = run_daily(settings_of(home, standin))
    standin.faults.clear()
    return Home(home.resolve()), outcome


@pytest.fixture(scope="module")
def completed(
    limited: tuple[Home, RunOutcome], standin: StandIn, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Home, RunOutcome, list[str]]:
    """A copy of its home after the run that followed, an hour later, and the stocks in the order they were asked."""
    home = tmp_path_factory.mktemp("completed") / "home"
    shutil.copytree(limited[0].root, home)
    standin.set_now(LATER)
    asked_before = len(standin.requests)
    outcome = run_of(settings_of(home, standin), *STOCKS_AND_FUNDS)
    charts = [one.path for one in standin.requests[asked_before:] if re.search(STOCKS, one.path)]
    return Home(home), outcome, [path.split("/chart/")[1].split("?")[0] for path in charts]


def test_the_run_ends_with_what_came(limited):
    home, outcome = limited
    prices = outcome.sources["yahoo_prices"].landing
    assert prices.state == "partial"
    assert outcome.release.state == "published"
    assert ANSWERED - 10 < len(tickers(home)) <= ANSWERED
    assert prices.rows_new > 100 * len(tickers(home))
    assert outcome.sources["ssga"].landing.state == "ok", "another publisher is another matter"


def test_it_names_what_did_not(limited):
    home, outcome = limited
    error = outcome.sources["yahoo_prices"].error
    wanted = tickers(home, "select ticker from sp500_membership.intervals where end_date is null")
    missing = sorted(wanted - tickers(home))
    assert len(missing) > MEMBERS / 3
    assert "Yahoo limited us (HTTP 429)" in error
    assert ", ".join(missing[:5]) in error
    (told,) = [one for one in status(home).sources if one.source == "yahoo_prices"]
    assert told.error == error, "and status says it"
    assert len(error) < 600, "a line for a person, not half the index"


def test_nothing_is_asked_any_more_after_the_first_refusal(limited, standin):
    refused = [one.path for one in standin.requests if one.status == 429]
    charts = [path for path in refused if "query2" in path]
    assert 1 <= len(charts) <= 2 * 4, "those that were on their way in the four threads, asked once or twice"
    assert len([path for path in refused if "nasdaq" in path]) == 1


def test_the_coverage_gate_holds(limited):
    rows = asked(
        limited[0].published,
        "select session_date, members_count, coverage_ratio, reason_text, advances_count, above_50dma_pct,"
        " new_highs_count, trin_ratio from marts.breadth_daily where universe = 'SPX' order by session_date",
    )
    assert rows[-1][0] == SESSION
    for day, members, coverage, reason, *measures in rows:
        assert members == MEMBERS
        assert coverage < 0.6
        # an hour after the bell the rest of the newest session may still come
        assert reason in (("not yet", "coverage") if day == SESSION else ("coverage",))
        assert measures == [None] * len(measures)


def test_the_next_run_asks_first_and_fills_exactly_what_lacked(limited, completed):
    home, outcome, charts = completed
    lacking = tickers(home) - tickers(limited[0])
    prices = outcome.sources["yahoo_prices"].landing
    assert (prices.state, prices.rows_changed, prices.rows_withdrawn) == ("ok", 0, 0)
    assert outcome.sources["yahoo_prices"].error is None
    assert tickers(home, f"select ticker from yahoo.prices where loaded_at > '{NOW.replace(tzinfo=None)}'") == lacking
    missing = tickers(home, "select ticker from sp500_membership.intervals where end_date is null") - tickers(home)
    assert missing == set()
    assert lacking <= set(charts[: len(lacking) + 8]), "first, but for the order of four threads"


def test_then_the_whole_index_is_covered(completed):
    home, outcome, _ = completed
    assert outcome.release.state == "published"
    (row,) = asked(
        home.published,
        "select coverage_ratio, reason_text, advances_count + declines_count + unchanged_count = priced_count,"
        f" above_50dma_pct is not null from marts.breadth_daily where session_date = '{SESSION}' and universe = 'SPX'",
    )
    assert row[0] > 0.99
    assert row[1:] == (None, True, True)


def test_what_came_late_for_us_was_known_all_the_same(completed):
    """An outage of ours moves no known_at: the closes had been out since 18:00."""
    query = "select known_basis, count(distinct ticker) from yahoo.prices group by 1"
    assert dict(asked(completed[0].warehouse, query)).keys() == {"release_rule"}
