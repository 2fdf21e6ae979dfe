"""Market-wide breadth: the hand-computed cases of quant.md 5.9, the gates, and a plain loop as oracle."""

from __future__ import annotations

import statistics
from datetime import date

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from warehouse.breadth import Windows, breadth_features
from warehouse.breadth_market import Gates, breadth_series, count_sessions, members_by_session, zweig_thrusts

OPEN = Gates(coverage_ratio=0.0, burn_in_sessions=0)
PRICES = {"permid": pl.Int32, "session_seq": pl.Int32, "close_adj": pl.Float64, "volume_adj": pl.Float64}
MEMBERS = {"permid": pl.Int32, "session_seq": pl.Int32}

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
    others = ("high_low_eligible", "new_highs", "new_lows")
    averages = ("average_50dma", "above_50dma", "average_200dma", "above_200dma")
    empty = {f"{name}_count": 0 for name in (*others, *averages)}
    rows = []
    for seq, day in enumerate(days):
        advances, declines, unchanged = day or (0, 0, 0)
        rows.append(
            {
                "session_seq": seq,
                "members_count": 1000 if day is None else sum(day),
                "priced_count": advances + declines + unchanged,
                "advances_count": advances,
                "declines_count": declines,
                "unchanged_count": unchanged,
                **empty,
                "movers_with_volume_count": advances + declines,
                "up_volume_shares": float(advances),
                "down_volume_shares": float(declines),
                "return_dispersion_ratio": 0.01,
            }
        )
    return pl.DataFrame(rows)


def share(x):
    return (round(1000 * x), 1000 - round(1000 * x), 0)


def test_t1_advance_decline_line_behind_the_gate():
    series = breadth_series(counted(T1))
    days = series.filter(pl.col("session_seq") > 0).select(
        "advances_count",
        "declines_count",
        "unchanged_count",
        "priced_count",
        "coverage_ratio",
        "net_advances_count",
        "advance_decline_line_count",
        "is_advance_decline_line_carried",
        "null_reason",
    )
    assert days.rows() == [
        (2, 1, 1, 4, 1.0, 1, 1, False, None),
        (1, 3, 0, 4, 1.0, -2, -1, False, None),
        (None, None, None, 3, 0.75, None, -1, True, "coverage"),
    ]


def test_t1_with_the_gate_off():
    last = breadth_series(counted(T1), gates=OPEN).row(-1, named=True)
    assert (last["advances_count"], last["net_advances_count"], last["advance_decline_line_count"]) == (3, 3, 2)
    assert last["null_reason"] is None


def test_t4_mcclellan():
    series = breadth_series(moves((600, 400, 0), (450, 550, 0), (500, 500, 0)), gates=OPEN)
    assert series["rana_index"].to_list() == pytest.approx([200, -100, 0])
    assert series["mcclellan_oscillator_index"].to_list() == pytest.approx([0, -15, -22.75])
    assert series["mcclellan_summation_index"].to_list() == pytest.approx([0, -15, -37.75])


def test_mcclellan_is_silent_for_150_sessions_and_null_days_are_none_of_them():
    days = [(600, 400, 0)] * 80 + [None] * 7 + [(400, 600, 0)] * 72
    series = breadth_series(moves(*days))
    oscillator = series["mcclellan_oscillator_index"]
    assert oscillator[:157].null_count() == 157
    assert oscillator[157:].null_count() == 0
    assert series["mcclellan_summation_index"][157] == oscillator[157]
    assert series["mcclellan_summation_index"][158] == pytest.approx(oscillator[157] + oscillator[158])


def test_averages_stand_still_on_null_days():
    with_gap = breadth_series(moves((600, 400, 0), None, (450, 550, 0)), gates=OPEN)
    without = breadth_series(moves((600, 400, 0), (450, 550, 0)), gates=OPEN)
    for name in ("mcclellan_oscillator_index", "mcclellan_summation_index", "zweig_average_ratio"):
        assert with_gap[name].to_list() == [without[name][0], None, without[name][1]]


def test_t5_zweig_average_and_thrust():
    series = breadth_series(moves(share(0.35), *[share(0.90)] * 6))
    assert series["zweig_average_ratio"][1:5].to_list() == pytest.approx([0.45, 0.53182, 0.59876, 0.65353], abs=5e-6)
    assert series["is_zweig_thrust"].to_list() == [False] * 4 + [True, False, False]


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


def test_t7_share_above_the_average():
    series = breadth_series(counted([[1, 2, 3], [3, 3, 3], [5, ..., 4]], windows=Windows(short_average=3)), gates=OPEN)
    last = series.row(-1, named=True)
    assert (last["above_50dma_count"], last["average_50dma_count"], last["above_50dma_pct"]) == (1, 2, 50.0)
    assert last["above_200dma_pct"] is None


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
    series = breadth_series(counted([[1, 2, 3], [..., ..., 50]], members=[(0, 1), (1, 2)]))
    assert series["advances_count"].to_list() == [None, 1, None]
    assert series["null_reason"].to_list() == ["no members", None, "coverage"]


def test_new_members_use_their_earlier_prices():
    series = breadth_series(counted([[1, 2, 3], [5, 4, 3]], members=[(0, 1), (0, 2), (1, 2)]))
    assert series.select("advances_count", "declines_count").rows()[-1] == (1, 1)


def test_t9_up_and_down_volume():
    counts = counted(
        [[1, 2], [1, 2], [2, 1], [1, 1]],
        volumes=[200.0, 100.0, 100.0, 50.0],
    )
    last = breadth_series(counts).row(-1, named=True)
    assert (last["up_volume_shares"], last["down_volume_shares"], last["up_volume_ratio"]) == (300, 100, 0.75)
    assert last["trin_ratio"] == pytest.approx(2 / 3)
    assert (last["is_90pct_up_volume"], last["is_90pct_down_volume"]) == (False, False)


@pytest.mark.parametrize(("up", "sides"), [(90.0, (True, False)), (10.0, (False, True)), (89.0, (False, False))])
def test_one_sided_volume_from_ninety_percent(up, sides):
    last = breadth_series(counted([[1, 2], [2, 1]], volumes=[up, 100.0 - up])).row(-1, named=True)
    assert (last["is_90pct_up_volume"], last["is_90pct_down_volume"]) == sides


def test_volume_measures_need_the_volume_of_95_percent_of_the_movers():
    known = [100.0] * 19
    stocks = [[1, 2]] * 10 + [[2, 1]] * 10
    enough = breadth_series(counted(stocks, volumes=[*known, None])).row(-1, named=True)
    assert enough["up_volume_ratio"] == pytest.approx(1000 / 1900)
    short = breadth_series(counted(stocks, volumes=[*known[1:], None, None])).row(-1, named=True)
    assert short["advances_count"] == 10
    assert [short[n] for n in ("up_volume_shares", "down_volume_shares", "up_volume_ratio", "trin_ratio")] == [None] * 4


def test_t10_nobody_priced_is_null_everywhere_even_without_a_gate():
    for gates in (Gates(), OPEN):
        series = breadth_series(counted([[1, 2, ..., 3, 4], [2, 3, ..., 3, 4]]), gates=gates)
        day = series.row(2, named=True)
        kept = {
            "session_seq": 2,
            "members_count": 2,
            "priced_count": 0,
            "coverage_ratio": 0.0,
            "null_reason": "coverage",
            "advance_decline_line_count": 2,
            "is_advance_decline_line_carried": True,
        }
        assert {name: value for name, value in day.items() if value is not None} == kept
        assert series["advance_decline_line_count"].to_list() == [0, 2, 2, 2, 4]


def test_a_universe_where_nothing_moved_divides_by_nothing():
    last = breadth_series(counted([[1, 1], [2, 2]]), gates=OPEN).row(-1, named=True)
    assert (last["net_advances_count"], last["advances_pct"], last["unchanged_count"]) == (0, 0.0, 2)
    for name in ("advance_decline_ratio", "rana_index", "trin_ratio", "up_volume_ratio", "new_highs_ratio"):
        assert last[name] is None
    assert not last["is_advance_decline_line_carried"]


def test_highs_and_lows():
    stocks = [[1, 2, 3], [3, 2, 1], [1, 2, 4], [2, 2, 2], [..., 1, 2]]
    last = breadth_series(counted(stocks, windows=Windows(high_low=3, high_low_min_closes=3)), gates=OPEN).row(
        -1, named=True
    )
    assert [last[f"{n}_count"] for n in ("high_low_eligible", "new_highs", "new_lows", "net_new_highs")] == [4, 2, 1, 1]
    assert (last["new_highs_ratio"], last["new_lows_pct"]) == (pytest.approx(2 / 3), 25.0)


def test_dispersion_is_the_deviation_across_stocks():
    last = breadth_series(counted([[10, 11], [10, 9], [10, 10.5]])).row(-1, named=True)
    assert last["return_dispersion_ratio"] == pytest.approx(statistics.stdev([0.1, -0.1, 0.05]))


def test_the_gate_is_exactly_95_percent():
    stocks = [[1, 2]] * 19 + [[1, ...]]
    assert breadth_series(counted(stocks))["null_reason"].to_list() == ["coverage", None]
    assert breadth_series(counted(stocks[1:]))["null_reason"].to_list() == ["coverage", "coverage"]


DAY = st.one_of(st.none(), st.tuples(st.integers(0, 50), st.integers(0, 50), st.integers(1, 9)))


@settings(max_examples=100, deadline=None)
@given(st.lists(DAY, min_size=1, max_size=60), st.integers(0, 20))
def test_series_equal_a_plain_loop(days, burn_in):
    series = breadth_series(moves(*days), gates=Gates(burn_in_sessions=burn_in))
    line, seen, summation = 0, 0, 0.0
    averages: dict[float, float | None] = {0.1: None, 0.05: None, 2 / 11: None}
    low_at = None
    for at, (day, row) in enumerate(zip(days, series.rows(named=True), strict=True)):
        advances, declines, _ = day or (0, 0, 0)
        line += advances - declines
        assert row["advance_decline_line_count"] == line
        if advances + declines == 0:
            assert row["mcclellan_oscillator_index"] is None
            assert row["is_zweig_thrust"] is None
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
        # The average of the series decides at the very edge, where two orders of addition differ.
        thrust = row["zweig_average_ratio"] > 0.615 and low_at is not None and at - low_at <= 10
        assert row["is_zweig_thrust"] is thrust
        if thrust:
            low_at = None
        elif row["zweig_average_ratio"] < 0.400:
            low_at = at
