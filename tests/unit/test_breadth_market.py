"""Market-wide breadth: the counts and folds of cases worked by hand, and a plain loop as oracle.

What is made of a session's counts (shares, volume, the line and its gate) is SQL, and its cases are unit tests of dbt:
dbt_project/models/marts/breadth/unit_tests.yml.
"""

from __future__ import annotations

import statistics
from datetime import date

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.breadth.features import Windows, breadth_features
from analytics.breadth.market import Gates, count_sessions, market_folds, members_by_session, zweig_thrusts

OPEN = Gates(coverage_ratio=0.0, burn_in_sessions=0)
PRICES = {"permid": pl.Int32, "session_seq": pl.Int32, "close_adj": pl.Float64, "volume_adj": pl.Float64}
MEMBERS = {"permid": pl.Int32, "session_seq": pl.Int32}
FOLDS = ("mcclellan_oscillator_index", "mcclellan_summation_index", "zweig_average_ratio", "is_zweig_thrust")

T1 = [[10, 11, 10, 12], [20, 19, 18, 19], [30, 30, 29, 31], [40, 41, 42, ...]]


def counted(stocks, *, volumes=None, windows=None, members=None):
    """Counts of a universe of all `stocks` (closes; ... is a missing row), or of `members`: (permid, session) pairs."""
    days = max(len(closes) for closes in stocks)
    volumes = volumes or [100.0] * len(stocks)
    rows = [
        (permid, seq, close, volumes[permid])
        for permid, closes in enumerate(stocks)
        for seq, close in enumerate(closes)
        if close is not ...
    ]
    if members is None:
        members = [(permid, seq) for permid in range(len(stocks)) for seq in range(days)]
    return count_sessions(
        breadth_features(pl.DataFrame(rows, schema=PRICES, orient="row"), windows=windows or Windows()),
        pl.DataFrame(members, schema=MEMBERS, orient="row"),
        pl.DataFrame({"session_seq": range(days)}, schema={"session_seq": pl.Int32}),
    )


def moves(*days):
    """Counts of a fully priced universe with (advances, declines, unchanged) each day; None: nobody was priced."""
    counts = [(1000, 0, 0, 0) if day is None else (sum(day), sum(day), *day[:2]) for day in days]
    names = ("members_count", "priced_count", "advances_count", "declines_count")
    return pl.DataFrame(counts, schema=names, orient="row").with_row_index("session_seq")


def share(x):
    return (round(1000 * x), 1000 - round(1000 * x), 0)


def test_t1_advances_declines_and_who_is_priced():
    names = ("advances", "declines", "unchanged", "priced", "members")
    days = counted(T1).select(f"{name}_count" for name in names)
    assert days.rows() == [(0, 0, 0, 0, 4), (2, 1, 1, 4, 4), (1, 3, 0, 4, 4), (3, 0, 0, 3, 4)]


def test_t1_folds_stop_at_the_gate_and_not_without_it():
    assert market_folds(counted(T1))["zweig_average_ratio"].is_null().to_list() == [True, False, False, True]
    ungated = market_folds(counted(T1), gates=OPEN)
    assert ungated["zweig_average_ratio"].is_null().to_list() == [True, False, False, False]


def test_t4_mcclellan():
    folds = market_folds(moves((600, 400, 0), (450, 550, 0), (500, 500, 0)), gates=OPEN)
    assert folds["mcclellan_oscillator_index"].to_list() == pytest.approx([0, -15, -22.75])
    assert folds["mcclellan_summation_index"].to_list() == pytest.approx([0, -15, -37.75])


def test_mcclellan_is_silent_for_150_sessions_and_null_days_are_none_of_them():
    days = [(600, 400, 0)] * 80 + [None] * 7 + [(400, 600, 0)] * 72
    folds = market_folds(moves(*days))
    oscillator = folds["mcclellan_oscillator_index"]
    assert oscillator[:157].null_count() == 157
    assert oscillator[157:].null_count() == 0
    assert folds["mcclellan_summation_index"][157] == oscillator[157]
    assert folds["mcclellan_summation_index"][158] == pytest.approx(oscillator[157] + oscillator[158])


def test_averages_stand_still_on_null_days():
    with_gap = market_folds(moves((600, 400, 0), None, (450, 550, 0)), gates=OPEN)
    without = market_folds(moves((600, 400, 0), (450, 550, 0)), gates=OPEN)
    for name in ("mcclellan_oscillator_index", "mcclellan_summation_index", "zweig_average_ratio"):
        assert with_gap[name].to_list() == [without[name][0], None, without[name][1]]


def test_t5_zweig_average_and_thrust():
    folds = market_folds(moves(share(0.35), *[share(0.90)] * 6))
    assert folds["zweig_average_ratio"][1:5].to_list() == pytest.approx([0.45, 0.53182, 0.59876, 0.65353], abs=5e-6)
    assert folds["is_zweig_thrust"].to_list() == [False] * 4 + [True, False, False]


@pytest.mark.parametrize(("neutral", "thrust"), [(0, True), (9, True), (10, False), (11, False)])
def test_t5_the_low_must_lie_within_ten_sessions(neutral, thrust):
    assert zweig_thrusts([0.35, *[0.5] * neutral, 0.65])[-1] is thrust


def test_zweig_needs_a_new_low_after_each_thrust():
    averages = [0.39, 0.62, 0.60, 0.63, 0.399, 0.62, 0.40, 0.62]
    assert [at for at, thrust in enumerate(zweig_thrusts(averages)) if thrust] == [1, 5]


def test_zweig_thresholds_are_strict_and_null_sessions_pass():
    assert zweig_thrusts([0.40, 0.62]) == [False, False]
    assert zweig_thrusts([0.39, 0.615]) == [False, False]
    assert zweig_thrusts([0.39, *[None] * 9, 0.62])[-1] is True
    assert zweig_thrusts([0.39, *[None] * 10, 0.62])[-1] is False
    assert zweig_thrusts([None, 0.62]) == [None, False]


def test_t7_an_average_needs_its_closes_and_equal_is_not_above():
    last = counted([[1, 2, 3], [3, 3, 3], [5, ..., 4]], windows=Windows(short_average=3)).row(-1, named=True)
    assert (last["above_50dma_count"], last["average_50dma_count"]) == (1, 2)
    assert (last["above_200dma_count"], last["average_200dma_count"]) == (0, 0)


def test_t8_membership_ends_before_the_end_date_and_a_recycled_ticker_is_another_stock():
    days = [date(1996, 12, 31), date(2016, 1, 4), date(2024, 9, 20), date(2024, 9, 23)]
    sessions = pl.DataFrame({"session_seq": range(4), "session_date": days})
    membership = pl.DataFrame(
        {
            "permid": [1, 2, 3],
            "start_date": [date(1996, 1, 2), date(2015, 3, 23), date(2024, 9, 23)],
            "end_date_exclusive": [date(1997, 1, 15), date(2024, 9, 23), None],
        }
    )
    assert members_by_session(membership, sessions).rows() == [(1, 0), (2, 1), (2, 2), (3, 3)]


def test_t8_prices_of_a_former_bearer_of_the_ticker_are_not_used():
    counts = counted([[1, 2, 3], [..., ..., 50]], members=[(0, 1), (1, 2)])
    names = ("members_count", "priced_count", "advances_count")
    assert counts.select(names).rows() == [(0, 0, 0), (1, 1, 1), (1, 0, 0)]
    assert market_folds(counts)["zweig_average_ratio"].to_list() == [None, 1.0, None]


def test_new_members_use_their_earlier_prices():
    counts = counted([[1, 2, 3], [5, 4, 3]], members=[(0, 1), (0, 2), (1, 2)])
    assert counts.select("advances_count", "declines_count").rows()[-1] == (1, 1)


def test_t9_volume_of_advances_and_of_declines_and_of_nobody_else():
    stocks = [[1, 2], [1, 2], [2, 1], [1, 1]]
    last = counted(stocks, volumes=[200.0, 100.0, 100.0, 50.0]).row(-1, named=True)
    assert (last["up_volume_shares"], last["down_volume_shares"], last["movers_with_volume_count"]) == (300, 100, 3)
    assert (last["advances_count"], last["declines_count"], last["unchanged_count"]) == (2, 1, 1)


def test_movers_without_a_volume_are_not_among_those_with_one():
    stocks = [[1, 2]] * 10 + [[2, 1]] * 10
    names = ("advances_count", "declines_count", "movers_with_volume_count", "up_volume_shares", "down_volume_shares")
    one_short = counted(stocks, volumes=[*[100.0] * 19, None])
    assert one_short.select(names).row(-1) == (10, 10, 19, 1000, 900)
    two_short = counted(stocks, volumes=[*[100.0] * 18, None, None])
    assert two_short.select(names).row(-1) == (10, 10, 18, 1000, 800)


def test_t10_nobody_priced_counts_nobody_and_folds_nothing_even_without_a_gate():
    counts = counted([[1, 2, ..., 3, 4], [2, 3, ..., 3, 4]])
    empty = {name: 0 for name in counts.columns} | {"session_seq": 2, "members_count": 2}
    assert counts.row(2, named=True) == empty | {"return_dispersion_ratio": None}
    assert counts["priced_count"].to_list() == [0, 2, 0, 0, 2]
    assert counts["advances_count"].to_list() == [0, 2, 0, 0, 2]
    for burn_in in (0, 150):
        for coverage in (0.0, 0.95):
            folds = market_folds(counts, gates=Gates(coverage, burn_in))
            assert folds.select(FOLDS).row(2) == (None,) * 4
            assert folds["zweig_average_ratio"].to_list() == [None, 1.0, None, None, 1.0]


def test_a_universe_where_nothing_moved_folds_nothing():
    counts = counted([[1, 1], [2, 2]])
    names = ("priced_count", "advances_count", "declines_count", "unchanged_count", "movers_with_volume_count")
    assert counts.select(names).row(-1) == (2, 0, 0, 2, 0)
    assert market_folds(counts, gates=OPEN).select(FOLDS).row(-1) == (None,) * 4


def test_highs_and_lows():
    stocks = [[1, 2, 3], [3, 2, 1], [1, 2, 4], [2, 2, 2], [..., 1, 2]]
    last = counted(stocks, windows=Windows(high_low=3, high_low_min_closes=3)).row(-1, named=True)
    assert [last[f"{name}_count"] for name in ("high_low_eligible", "new_highs", "new_lows")] == [4, 2, 1]


def test_dispersion_is_the_deviation_across_stocks():
    last = counted([[10, 11], [10, 9], [10, 10.5]]).row(-1, named=True)
    assert last["return_dispersion_ratio"] == pytest.approx(statistics.stdev([0.1, -0.1, 0.05]))


def test_the_gate_is_exactly_95_percent():
    stocks = [[1, 2]] * 19 + [[1, ...]]
    assert market_folds(counted(stocks))["zweig_average_ratio"].to_list() == [None, 1.0]
    assert market_folds(counted(stocks[1:]))["zweig_average_ratio"].to_list() == [None, None]


DAY = st.one_of(st.none(), st.tuples(st.integers(0, 50), st.integers(0, 50), st.integers(1, 9)))


@settings(max_examples=100, deadline=None)
@given(st.lists(DAY, min_size=1, max_size=60), st.integers(0, 20))
def test_folds_equal_a_plain_loop(days, burn_in):
    folds = market_folds(moves(*days), gates=Gates(burn_in_sessions=burn_in))
    seen, summation = 0, 0.0
    averages: dict[float, float | None] = {0.1: None, 0.05: None, 2 / 11: None}
    low_at = None
    for at, (day, row) in enumerate(zip(days, folds.rows(named=True), strict=True)):
        advances, declines, _ = day or (0, 0, 0)
        if advances + declines == 0:
            assert [row[name] for name in FOLDS] == [None] * 4
            continue
        seen += 1
        rana, x = 1000 * (advances - declines) / (advances + declines), advances / (advances + declines)
        for weight, value in ((0.1, rana), (0.05, rana), (2 / 11, x)):
            before = averages[weight]
            averages[weight] = value if before is None else before + weight * (value - before)
        if seen > burn_in:
            summation += averages[0.1] - averages[0.05]
            assert row["mcclellan_oscillator_index"] == pytest.approx(averages[0.1] - averages[0.05], abs=1e-9)
            assert row["mcclellan_summation_index"] == pytest.approx(summation, abs=1e-6)
        else:
            assert row["mcclellan_oscillator_index"] is None
        ema = averages[2 / 11]
        assert row["zweig_average_ratio"] == pytest.approx(ema, abs=1e-12)
        # The average of the folds decides at the very edge, where two orders of addition differ.
        thrust = row["zweig_average_ratio"] > 0.615 and low_at is not None and at - low_at <= 10
        assert row["is_zweig_thrust"] is thrust
        if thrust:
            low_at = None
        elif row["zweig_average_ratio"] < 0.400:
            low_at = at
