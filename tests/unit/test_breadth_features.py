"""Breadth features: cases worked by hand, a plain loop as oracle, and update equal to full."""

from __future__ import annotations

import math
from datetime import date

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.breadth.features import (
    STANDARD,
    TIE_RATIO,
    Windows,
    breadth_features,
    feature_batches,
    listing_sessions,
    update_features,
)
from ingest.rules.splits import later_split_ratio, split_adjusted_prices

SCHEMA = {"permid": pl.Int32, "session_seq": pl.Int32, "close_adj": pl.Float64, "volume_adj": pl.Float64}
SMALL = Windows(short_average=3, long_average=5, high_low=4, high_low_min_closes=3, average_min_ratio=0.6)


def prices(*stocks, first=0):
    """Rows of closes per stock; a missing one (...) is a missing row, None a NULL close."""
    rows = [
        (permid, seq, close, 100.0)
        for permid, closes in enumerate(stocks)
        for seq, close in enumerate(closes, first)
        if close is not ...
    ]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def rounded(frame):
    return frame.with_columns(pl.selectors.float().round_sig_figs(10))


def test_t1_moves_of_each_stock():
    features = breadth_features(prices([10, 11, 10, 12], [20, 19, 18, 19], [30, 30, 29, 31], [40, 41, 42, ...]))
    by_day = features.group_by("session_seq", maintain_order=True).agg(
        pl.col("is_advance", "is_decline", "is_unchanged").sum(), priced=pl.col("return_ratio").count()
    )
    assert by_day.sort("session_seq").rows() == [(0, 0, 0, 0, 0), (1, 2, 1, 1, 4), (2, 1, 3, 0, 4), (3, 3, 0, 0, 3)]


@pytest.mark.parametrize("basis", [(12.00, 12.60), (6.00, 6.30)])
def test_t2_a_split_is_no_decline_on_either_basis(basis):
    day = breadth_features(prices(basis)).row(-1, named=True)
    assert day["is_advance"]
    assert day["return_ratio"] == pytest.approx(0.05)


def test_t2_raw_prints_around_a_split_become_one_basis():
    raw = pl.DataFrame(
        {
            "permid": [1, 1],
            "session_date": [date(2024, 6, 7), date(2024, 6, 10)],
            "close_raw": [12.00, 6.30],
            "volume_raw": [0.5e6, 1.0e6],
        }
    )
    splits = pl.DataFrame({"permid": [1], "split_date": [date(2024, 6, 10)], "split_ratio": [2.0]})
    adjusted = split_adjusted_prices(raw, splits)
    assert adjusted["close_adj"].to_list() == [6.00, 6.30]
    assert adjusted["volume_adj"].to_list() == [1.0e6, 1.0e6]


def test_raw_close_undoes_every_later_split_and_no_other():
    days = [date(2024, 1, 2), date(2024, 3, 1), date(2024, 3, 4), date(2024, 6, 3)]
    close = pl.DataFrame({"permid": [2, 1, 1, 1, 1], "session_date": [days[0], *reversed(days)], "close": [7.0] * 5})
    splits = pl.DataFrame(
        {
            "permid": [1, 1, 3],
            "split_date": [date(2024, 6, 3), date(2024, 3, 4), date(2024, 12, 2)],
            "split_ratio": [0.1, 4.0, 50.0],
        }
    )
    assert (close["close"] * later_split_ratio(close, splits)).to_list() == pytest.approx([7.0, 7.0, 0.7, 2.8, 2.8])


def test_raw_close_takes_two_splits_of_one_day_together_and_none_at_all():
    close = pl.DataFrame({"permid": [1], "session_date": [date(2024, 1, 2)], "close": [10.0]})
    splits = pl.DataFrame({"permid": [1, 1], "split_date": [date(2024, 2, 1)] * 2, "split_ratio": [3.0, 0.5]})
    assert later_split_ratio(close, splits).to_list() == [1.5]
    assert later_split_ratio(close, splits.clear()).to_list() == [1.0]


def test_t3_an_ex_dividend_fall_is_a_decline():
    day = breadth_features(prices([50.00, 49.60])).row(-1, named=True)
    assert (day["is_advance"], day["is_decline"], day["is_unchanged"]) == (False, True, False)
    paid_back = breadth_features(prices([50.00 * (1 - 1.00 / 50.00), 49.60])).row(-1, named=True)
    assert paid_back["is_advance"]
    assert paid_back["return_ratio"] == pytest.approx(0.012, abs=0.0005)


def test_t6_new_highs_and_lows_are_strict():
    features = breadth_features(prices([5, 6, 6, 7, 7, 6.5]), windows=Windows(high_low=3, high_low_min_closes=3))
    assert features["is_new_high"].to_list() == [None, None, False, True, False, False]
    assert features["is_new_low"].to_list() == [None, None, False, False, False, True]


def test_the_same_price_on_another_split_basis_is_no_new_extreme():
    # 100.4 / 10 is 10.040000000000001, 100.6 / 10 less than 10.06
    low, high = breadth_features(prices([11, 100.4 / 10, 11, 10.04], [10, 100.6 / 10, 10, 10.06]), windows=SMALL)[
        [3, 7], ["is_new_high", "is_new_low"]
    ].rows()
    assert low == (False, False)
    assert high == (False, False)


def test_t7_above_the_average_is_strict_and_needs_every_close_of_three():
    features = breadth_features(prices([1, 2, 3], [3, 3, 3], [5, None, 4]), windows=Windows(short_average=3))
    last = features.filter(session_seq=2)
    assert last["sma_50"].to_list() == [2, 3, None]
    assert last["is_above_50dma"].to_list() == [True, False, None]


def test_unchanged_is_equal_at_four_decimals():
    features = breadth_features(prices([10.00001, 10.00004, 10.0001]))
    assert features["is_unchanged"].to_list() == [None, True, False]
    assert features["is_advance"].to_list() == [None, False, True]


@pytest.mark.parametrize("gap", [..., None, float("nan"), 0.0, -1.0, float("inf"), 1e12])
def test_after_a_session_without_a_valid_close_there_is_no_return(gap):
    features = breadth_features(prices([10, gap, 12, 13]))
    after = features.filter(pl.col("session_seq") == 2).row(0, named=True)
    assert after["previous_close_adj"] is None
    assert after["return_ratio"] is None
    assert after["is_advance"] is None
    assert features.row(-1, named=True)["is_advance"]
    assert features["sessions_since_listing_count"].to_list()[-1] == 4


def test_a_stock_never_sees_its_neighbour():
    features = breadth_features(prices([0.01, 1e11] * 3, [2.0, 3.0, 2.5, 2.4, 2.6, 2.7]), windows=SMALL)
    second = features.filter(permid=1)
    alone = breadth_features(prices([2.0, 3.0, 2.5, 2.4, 2.6, 2.7]), windows=SMALL).with_columns(
        pl.lit(1).alias("permid")
    )
    assert rounded(second).rows() == rounded(alone).rows()


def test_an_average_of_equal_closes_is_not_passed_by_them():
    closes = [1e7 * 0.93**n for n in range(300)] + [0.37] * 260
    last = breadth_features(prices(closes)).row(-1, named=True)
    assert (last["is_above_50dma"], last["is_above_200dma"]) == (False, False)


def test_history_needed_at_standard_lengths():
    features = breadth_features(prices([float(n) for n in range(1, 260)]))
    first = {
        name: features.filter(pl.col(name).is_not_null())["session_seq"].min()
        for name in ("sma_50", "sma_200", "is_new_high", "return_ratio")
    }
    assert first == {"sma_50": 49, "sma_200": 199, "is_new_high": 251, "return_ratio": 1}
    assert features["sma_50"][49] == 25.5
    assert features["is_high_low_eligible"].sum() == 259 - 251


@pytest.mark.parametrize(("missing", "eligible"), [(12, True), (13, False)])
def test_new_highs_need_240_closes_of_252(missing, eligible):
    closes = [10.0] + [...] * missing + [10.0] * (250 - missing) + [11.0]
    last = breadth_features(prices(closes)).row(-1, named=True)
    assert last["is_high_low_eligible"] is eligible
    assert last["is_new_high"] is (True if eligible else None)


@pytest.mark.parametrize(("missing", "valid"), [(2, True), (3, False)])
def test_a_fifty_day_average_needs_48_closes(missing, valid):
    closes = [10.0] + [...] * missing + [10.0] * (48 - missing) + [11.0]
    last = breadth_features(prices(closes)).row(-1, named=True)
    assert (last["sma_50"] is not None) is valid
    assert STANDARD.min_closes(200) == 190


def test_null_closes_before_the_first_valid_one_are_no_history():
    features = breadth_features(prices([None, None, 5.0, 6.0]), windows=SMALL)
    assert features["sessions_since_listing_count"].to_list() == [None, None, 1, 2]
    assert features["sma_50"].to_list() == [None] * 4


def test_a_stock_without_any_close_has_no_features():
    features = breadth_features(prices([None, None], [1.0, 2.0]))
    assert features.filter(permid=0)["sessions_since_listing_count"].to_list() == [None, None]
    assert features.filter(permid=0)["is_high_low_eligible"].to_list() == [False, False]
    assert features.filter(permid=1)["is_advance"].to_list() == [None, True]


def test_no_prices_no_features():
    full = breadth_features(prices([1.0, 2.0]))
    empty = breadth_features(prices())
    assert empty.height == 0
    assert empty.schema == full.schema


@pytest.mark.parametrize(
    "rows",
    [
        [(1, 2, 5.0, 1.0), (1, 1, 5.0, 1.0)],
        [(1, 1, 5.0, 1.0), (1, 1, 5.0, 1.0)],
        [(2, 1, 5.0, 1.0), (1, 1, 5.0, 1.0)],
        [(1, 1, 5.0, 1.0), (2, 1, 5.0, 1.0), (1, 2, 5.0, 1.0)],
    ],
)
def test_unsorted_or_repeated_rows_are_refused(rows):
    for batch_rows in (1, 100):
        with pytest.raises(ValueError, match="sorted"):
            list(feature_batches(pl.DataFrame(rows, schema=SCHEMA, orient="row"), batch_rows=batch_rows))


def test_a_stock_left_out_of_the_listings_is_refused():
    panel = prices([1.0, 2.0], [1.0, 2.0])
    with pytest.raises(ValueError, match="listings"):
        update_features(panel, listing_sessions(panel).filter(permid=0), 1)


def test_an_earlier_listing_than_the_first_row_counts_as_history_without_closes():
    panel = prices([5.0, 6.0, 7.0, 8.0], first=10)
    listings = pl.DataFrame({"permid": [0], "listing_session_seq": [9]}, schema_overrides={"permid": pl.Int32})
    features = breadth_features(panel, listings=listings, windows=SMALL)
    assert features["sessions_since_listing_count"].to_list() == [2, 3, 4, 5]
    assert features["is_new_high"].to_list() == [None, None, True, True]


def test_a_stock_halted_at_the_start_of_the_lookback_keeps_its_windows():
    closes = [[9.0] * 8, [1.0, ..., ..., ..., 2.0, 2.0, 3.0, 4.0]]
    panel = prices(*closes)
    full = breadth_features(panel, windows=SMALL).filter(pl.col("session_seq") == 6)
    assert rounded(update_features(panel, listing_sessions(panel), 6, windows=SMALL).filter(session_seq=6)).equals(
        rounded(full)
    )


def test_from_a_session_on_the_listing_is_still_the_first_close_of_all():
    panel = prices([float(n) for n in range(1, 12)])
    late = breadth_features(panel, from_session=10, windows=SMALL)
    assert late["sessions_since_listing_count"].to_list() == [11]


def test_the_batches_do_not_matter():
    panel = prices([1.0, 2.0, ..., 3.0], [5.0, None, 6.0], [7.0], [1.0, 3.0, 2.0])
    whole = breadth_features(panel, windows=SMALL)
    one_by_one = list(feature_batches(panel, windows=SMALL, batch_rows=1))
    assert len(one_by_one) == 4
    assert pl.concat(one_by_one).equals(whole)


def loop_oracle(panel: pl.DataFrame, windows: Windows) -> list[tuple]:
    """The definitions, one stock and one session at a time."""
    closes: dict[int, dict[int, float]] = {}
    for permid, seq, close, _ in panel.rows():
        stock = closes.setdefault(permid, {})
        if close is not None:
            stock[seq] = close
    return [(permid, seq, *_oracle_day(closes[permid], seq, windows)) for permid, seq, _, _ in panel.rows()]


def _oracle_day(stock: dict[int, float], day: int, windows: Windows) -> tuple:
    close, before = stock.get(day), stock.get(day - 1)
    history = day - min(stock) + 1 if stock and min(stock) <= day else None
    move: list = [None, None, None, None]
    if close is not None and before is not None:
        now, then = round(close, 4), round(before, 4)
        move = [close / before - 1, now > then, now < then, now == then]
    averages, above = [], []
    for length in (windows.short_average, windows.long_average):
        held = [stock[seq] for seq in range(day - length + 1, day + 1) if seq in stock]
        enough = history is not None and history >= length and len(held) >= windows.average_min_ratio * length - 1e-9
        average = math.fsum(held) / len(held) if enough else None
        averages.append(average)
        above.append(None if average is None or close is None else close > average * (1 + TIE_RATIO))
    earlier = [stock[seq] for seq in range(day - windows.high_low + 1, day) if seq in stock]
    eligible = (
        close is not None
        and history is not None
        and history >= windows.high_low
        and len(earlier) + 1 >= windows.high_low_min_closes
    )
    extremes = (close > max(earlier), close < min(earlier)) if eligible else (None, None)
    return (before, *move, *averages, *above, history, eligible, *extremes)


INPUTS = {"close_adj", "volume_adj"}

CLOSE = st.one_of(
    st.sampled_from([..., None, 1.0, 2.0, 2.00004, 2.5, 0.0001, 1e9]), st.integers(1, 10**7).map(lambda n: n / 1e4)
)
PANELS = st.lists(st.lists(CLOSE, max_size=14), min_size=1, max_size=5)


@settings(max_examples=200, deadline=None)
@given(PANELS)
def test_features_equal_a_plain_loop(stocks):
    panel = prices(*stocks)
    features = breadth_features(panel, windows=SMALL).drop(INPUTS)
    expected = pl.DataFrame(loop_oracle(panel, SMALL), schema=features.schema, orient="row")
    assert rounded(features).rows() == rounded(expected).rows()


@settings(max_examples=200, deadline=None)
@given(PANELS, st.integers(0, 14))
def test_update_equals_full(stocks, day):
    panel = prices(*stocks)
    full = breadth_features(panel, windows=SMALL).filter(pl.col("session_seq") >= day)
    tail = panel.filter(pl.col("session_seq") >= day - SMALL.lookback)
    assert rounded(update_features(tail, listing_sessions(panel), day, windows=SMALL)).equals(rounded(full))


@settings(max_examples=50, deadline=None)
@given(PANELS, st.integers(0, 14))
def test_later_sessions_change_nothing(stocks, day):
    panel = prices(*stocks)
    held = panel.filter(pl.col("session_seq") <= day)
    full = breadth_features(panel, windows=SMALL).filter(pl.col("session_seq") <= day)
    assert rounded(breadth_features(held, windows=SMALL)).equals(rounded(full))


def test_update_equals_full_at_standard_lengths():
    import random

    dice = random.Random(5)
    stocks = []
    for start in (0, 0, 30, 120, 320):
        close, closes = 50.0, [...] * start
        for _ in range(420 - start):
            close = round(close * math.exp(dice.gauss(0, 0.03)), 2)
            closes.append(... if dice.random() < 0.02 else close)
        stocks.append(closes)
    panel = prices(*stocks)
    full, listings = breadth_features(panel), listing_sessions(panel)
    for day in (251, 300, 402, 419):
        tail = panel.filter(pl.col("session_seq").is_between(day - STANDARD.lookback, day))
        assert rounded(update_features(tail, listings, day)).equals(rounded(full.filter(session_seq=day)))
    expected = pl.DataFrame(loop_oracle(panel, STANDARD), schema=full.drop(INPUTS).schema, orient="row")
    assert rounded(full.drop(INPUTS)).rows() == rounded(expected).rows()
