"""What can happen to a stock, in the simulated market and through the whole pipeline: the marts say what was so.

Every figure asserted is the simulation's own: its prices as traded, its splits, its orders of funds.
"""

from __future__ import annotations

from datetime import date, datetime
from itertools import pairwise

import pytest

from ingest.clock import naive_utc
from simulator.economy.funds import SPLIT
from simulator.economy.roster import HALTED, LATE, ONE_FOR_TEN, RECYCLED, RENAMED, RESTATED, TWO_FOR_ONE
from tests.pipeline.eventful import AFTER, MEMBERS, ON_THE_DAY, SINCE, Eventful

pytestmark = pytest.mark.timeout(1200)  # the first test waits for three whole runs

CUTOFF = "(select cutoff_at from calendar.sessions where session_date = ?)"
LAST_WEEKS = date(2022, 5, 2)


def sessions(eventful: Eventful, first: date = SINCE) -> list[date]:
    rows = eventful.shown("select session_date from marts.sessions where session_date >= ? order by 1", first)
    return [row[0] for row in rows]


def symbol_rows(eventful: Eventful, permid: str, columns: str, run: int = -1) -> dict[date, tuple]:
    rows = eventful.shown(
        f"select session_date, {columns} from marts.breadth_symbol_daily where permid = ? and universe = 'SPX'",
        permid,
        run=run,
    )
    return {row[0]: row[1:] for row in rows}


def returns(levels: dict[date, float], days: list[date]) -> dict[date, float]:
    """Return the change from the session before, for the sessions with a close on both."""
    pairs = pairwise(days)
    return {day: levels[day] / levels[before] - 1 for before, day in pairs if before in levels and day in levels}


def members_on(eventful: Eventful, day: date) -> list[str]:
    return eventful.panel.members(day)["permid"].to_list()


# ---- splits


@pytest.mark.parametrize(("told", "ratio"), [(TWO_FOR_ONE, 2.0), (ONE_FOR_TEN, 0.1)])
def test_a_split_moves_the_price_and_not_the_return(eventful, told, ratio):
    ticker, day = told
    before = sessions(eventful)[sessions(eventful).index(day) - 1]
    closes, levels = eventful.closes(ticker), eventful.levels(ticker)
    economic = closes[day] * ratio / closes[before] - 1
    assert abs(economic) < 0.12
    assert abs(closes[day] / closes[before] - 1) > 0.4, "compared as traded it would look like a crash or a leap"

    rows = eventful.shown(
        "select session_date, close_usd, split_factor_ratio, close_split_adjusted_usd, volume_shares,"
        " volume_split_adjusted_shares, return_ratio from marts.prices_daily"
        " where ticker = ? and session_date in (?, ?) order by session_date",
        ticker, before, day,
    )  # fmt: skip
    (_, close_before, factor_before, adjusted_before, volume_before, shares_before, _), on_day = rows
    assert (close_before, factor_before) == (closes[before], pytest.approx(ratio))
    assert adjusted_before == pytest.approx(closes[before] / ratio)
    assert shares_before == pytest.approx(volume_before * ratio)
    assert on_day[1:4] == (closes[day], 1.0, closes[day])
    assert on_day[6] == pytest.approx(economic, abs=1e-9)

    found = symbol_rows(eventful, ticker, "return_ratio, is_advance, is_decline, is_new_high_252d, is_new_low_252d")
    year = [levels[one] for one in sessions(eventful) if one < day and one in levels][-251:]
    assert found[day] == (
        pytest.approx(economic, abs=1e-9),
        economic > 0,
        economic < 0,
        levels[day] > max(year),
        levels[day] < min(year),
    )
    raw_year = [closes[one] for one in sessions(eventful) if one < day and one in closes][-251:]
    is_trap = closes[day] < min(raw_year) if ratio > 1 else closes[day] > max(raw_year)
    assert is_trap, "as traded the session would be a new extreme"


@pytest.mark.parametrize("told", [TWO_FOR_ONE, ONE_FOR_TEN])
def test_a_split_between_two_runs_restates_no_price_as_traded(eventful, told):
    ticker, day = told
    closes = eventful.closes(ticker)
    held = eventful.raw("select session_date, close_usd from yahoo.prices where ticker = ? order by all", ticker)
    assert held == sorted((on, close) for on, close in closes.items())
    assert eventful.raw("select session_date from yahoo.splits where ticker = ?", ticker) == [(day,)]


def test_the_flow_of_a_fund_is_the_same_across_its_split(eventful):
    (ticker, ((day, ratio),)) = next((name, told) for name, told in SPLIT.items() if told[0][0].year == 2022)
    truth = eventful.panel.fund_days
    rows = truth.filter((truth["ticker"] == ticker) & (truth["report_date"] >= LAST_WEEKS)).sort("report_date")
    flows = dict(rows.select("trade_date", "flow_usd").iter_rows())
    found = eventful.shown(
        "select session_date, report_date, split_ratio, flow_usd_mn, reason_text, net_assets_usd_mn"
        " from marts.etf_flows_daily where ticker = ? and report_date >= ? order by report_date",
        ticker, LAST_WEEKS,
    )  # fmt: skip
    assert [row[2] for row in found if row[1] == day] == [ratio]
    assert {row[2] for row in found if row[1] != day} == {1.0}
    assert {row[4] for row in found} == {None}
    for session, report, _, flow, _, assets in found:
        # NAVs are printed to four digits
        assert flow == pytest.approx(flows[session] / 1e6, rel=1e-3, abs=0.01), report
        assert abs(flow) < 0.1 * assets
    assert any(flow for _, report, _, flow, _, _ in found if report >= day), "there were orders"


# ---- tickers


def test_a_recycled_ticker_is_two_stocks_whose_histories_do_not_touch(eventful):
    ticker, bought_on, listed, joined = RECYCLED
    first, second = ticker, f"{ticker}-{joined.year}"
    features = dict(
        (row[0], row[1:])
        for row in eventful.raw(
            "select permid, min(session_date), max(session_date), count(*) from breadth.features"
            " where ticker = ? group by permid",
            ticker,
        )
    )
    days = sessions(eventful)
    assert features.keys() == {first, second}
    assert features[first][:2] == (SINCE, max(day for day in days if day < bought_on))
    assert features[second][:2] == (listed, days[-1]), "a new member brings its prices from before it joined"
    for permid in (first, second):
        closes = eventful.closes(permid)
        held = eventful.raw(
            "select session_date, close_usd from breadth.features where permid = ? and close_usd is not null", permid
        )
        assert dict(held) == closes, "what the first bearer traded is not withdrawn when another bears its ticker"
    shown = symbol_rows(eventful, second, "return_ratio, is_new_high_252d, is_above_50dma")
    assert min(shown) == joined
    assert {row[1] for row in shown.values()} == {None}, "a year of its own is needed for a new high"
    truth = returns(eventful.levels(second), days)
    assert {day: row[0] for day, row in shown.items() if row[0] is not None} == pytest.approx(
        {day: value for day, value in truth.items() if day >= joined}, abs=1e-9
    )
    assert max(symbol_rows(eventful, first, "close_usd")) < bought_on


def test_a_renamed_stock_is_one_stock_with_one_history_before_and_after_the_run_that_learns_of_it(eventful):
    old, new, day = RENAMED
    days = sessions(eventful)
    ids = eventful.shown(
        "select distinct permid, ticker from marts.breadth_symbol_daily where ticker in (?, ?)", old, new
    )
    assert {permid for permid, _ in ids} == {old}
    assert {permid for permid, _ in eventful.shown(
        "select distinct permid, ticker from marts.breadth_symbol_daily where ticker in (?, ?)", old, new, run=0
    )} == {old}, "a permid that is out does not change when a ticker does"  # fmt: skip
    rows = symbol_rows(eventful, old, "close_usd, return_ratio, is_priced, is_above_200dma")
    assert sorted(rows) == days, "one row on each session, on the day of the rename too"
    assert {on: row[0] for on, row in rows.items() if row[0] is not None} == eventful.closes(old)
    truth = returns(eventful.levels(old), days)
    assert {on: row[1] for on, row in rows.items() if row[1] is not None} == pytest.approx(truth, abs=1e-9)
    assert rows[day][2] is True
    assert rows[day][3] is not None, "the average runs through the rename"
    counts = eventful.shown("select distinct members_count from marts.breadth_daily where universe = 'SPX'")
    assert counts == [(MEMBERS,)]
    earlier = symbol_rows(eventful, old, "close_usd, return_ratio", run=0)
    assert {on: rows[on][:2] for on in earlier} == earlier


# ---- members


def test_who_is_counted_on_a_session_is_who_was_a_member(eventful):
    counted = dict(
        eventful.shown(
            "select session_date, list(permid order by permid) from marts.breadth_symbol_daily"
            " where universe = 'SPX' group by session_date"
        )
    )
    truth = {day: sorted(members_on(eventful, day)) for day in sessions(eventful)}
    turns = [day for before, day in pairwise(truth) if truth[before] != truth[day]]
    assert len(turns) >= 4, "stocks joined and left"
    assert counted == truth


# ---- sessions without a close


def test_a_halted_stock_is_a_member_and_not_priced(eventful):
    ticker, first, last = HALTED
    days = sessions(eventful)
    back = days[days.index(last) + 1]
    rows = symbol_rows(eventful, ticker, "close_usd, is_priced, return_ratio, is_advance")
    for day in days[days.index(first) : days.index(last) + 1]:
        assert rows[day] == (None, False, None, None)
    assert rows[back] == (eventful.closes(ticker)[back], False, None, None), "no close on the session before"
    after = days[days.index(back) + 1]
    assert rows[after][1:3] == (True, pytest.approx(returns(eventful.levels(ticker), days)[after], abs=1e-9))


def test_every_count_of_the_last_weeks_is_that_of_the_simulated_market(eventful):
    days = sessions(eventful)
    levels = {permid: eventful.levels(permid) for permid in {one for day in days for one in members_on(eventful, day)}}
    found = eventful.shown(
        "select session_date, members_count, priced_count, advances_count, declines_count, unchanged_count"
        " from marts.breadth_daily where universe = 'SPX' and session_date >= ? order by 1",
        LAST_WEEKS,
    )
    expected = []
    for before, day in pairwise(days):
        if day < LAST_WEEKS:
            continue
        members = members_on(eventful, day)
        moves = [
            (levels[one][day] > levels[one][before]) - (levels[one][day] < levels[one][before])
            for one in members
            if day in levels[one] and before in levels[one]
        ]
        expected.append((day, len(members), len(moves), moves.count(1), moves.count(-1), moves.count(0)))
    assert found == expected


def test_a_late_print_comes_when_it_came_and_changes_coverage_then(eventful):
    ticker, day = LATE
    priced = "select priced_count, coverage_ratio, settled_at from marts.breadth_daily where session_date = ?"
    (before,), (after,) = (eventful.shown(priced, day, run=run) for run in (1, 2))
    # the bar, and nothing else, came for that session
    assert after[0] == before[0] + 1
    assert after[1] == pytest.approx(before[1] + 1 / MEMBERS)
    assert symbol_rows(eventful, ticker, "close_usd, is_priced", run=1)[day] == (None, False)
    assert symbol_rows(eventful, ticker, "close_usd, is_priced")[day] == (eventful.closes(ticker)[day], True)
    assert before[2] <= naive_utc(ON_THE_DAY)
    assert after[2] >= naive_utc(AFTER)
    (known_at,) = eventful.shown(
        "select known_at from marts.prices_daily where ticker = ? and session_date = ?", ticker, day
    )[0]
    assert known_at == naive_utc(AFTER), "not when its rule would have had it"
    as_of = f"select count(*) from yahoo.prices where ticker = ? and session_date = ? and known_at <= {CUTOFF}"
    assert eventful.raw(as_of, ticker, day, day) == [(0,)]


def test_a_restated_close_is_a_new_vintage_and_the_old_one_is_still_there(eventful):
    ticker, day = RESTATED
    truth = eventful.panel.prices
    prints = truth.filter((truth["permid"] == ticker) & (truth["session_date"] == day)).sort("known_at")
    first, corrected = prints["close_usd"].to_list()
    assert first != corrected
    vintages = "select close_usd, known_at, known_basis from yahoo.prices where ticker = ? and session_date = ?"
    released = datetime(2022, 6, 9, 22)  # naive UTC, as in the tables: 18:00 in New York
    assert eventful.raw(f"{vintages} order by known_at", ticker, day) == [
        (first, released, "release_rule"),
        (corrected, naive_utc(AFTER), "captured"),
    ]
    as_of = f"{vintages} and known_at <= {CUTOFF} order by known_at desc limit 1"
    assert eventful.raw(as_of, ticker, day, day)[0][0] == first, "what stood at the cut-off of that session"
    shown = "select close_usd from marts.prices_daily where ticker = ? and session_date = ?"
    assert [eventful.shown(shown, ticker, day, run=run) for run in (1, 2)] == [[(first,)], [(corrected,)]]

    days = sessions(eventful)
    following = days[days.index(day) + 1]
    closes = eventful.closes(ticker)
    rows = symbol_rows(eventful, ticker, "return_ratio, known_at, settled_at")
    assert rows[following][0] == pytest.approx(closes[following] / corrected - 1, abs=1e-9)
    assert rows[following][2] >= naive_utc(AFTER), "its return looks at a close that was learned of later"
