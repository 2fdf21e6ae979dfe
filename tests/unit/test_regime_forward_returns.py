"""Forward returns by hand: from the first open after the cut-off, with the worst of the way."""

from __future__ import annotations

import itertools
from datetime import date, datetime, time, timedelta

import polars as pl
import pytest

from analytics.regimes.forward_returns import FORWARD_RETURNS, HORIZONS, forward_returns

WEEKDAYS = [date(2024, 1, 2) + timedelta(days=day) for day in range(460)]
SESSIONS = [day for day in WEEKDAYS if day.weekday() < 5 and day != date(2024, 1, 15)]  # Martin Luther King's birthday
CALENDAR = pl.DataFrame(
    {
        "session_date": SESSIONS,
        "open_at": [datetime.combine(day, time(14, 30)) for day in SESSIONS],
        "session_seq": range(1, len(SESSIONS) + 1),
    }
)


def prices(bars: dict[date, tuple[float | None, float | None, float | None]]) -> pl.DataFrame:
    """Return open, low and close by session: those told, 100 throughout on the others."""
    told = [bars.get(day, (100.0, 100.0, 100.0)) for day in SESSIONS]
    return pl.DataFrame(
        {
            "session_date": SESSIONS,
            "open": [b[0] for b in told],
            "low": [b[1] for b in told],
            "close": [b[2] for b in told],
            "total": [None] * len(told),
            "dividend": [None] * len(told),
        },
        schema_overrides=dict.fromkeys(("open", "low", "close", "total", "dividend"), pl.Float64),
    )


def rows(*sessions: date) -> pl.DataFrame:
    following = dict(itertools.pairwise(SESSIONS))
    cutoffs = [datetime.combine(following[day], time(14, 15)) for day in sessions]
    return pl.DataFrame({"session_date": list(sessions), "cutoff_at": cutoffs})


THURSDAY, FRIDAY = date(2024, 1, 11), date(2024, 1, 12)
TUESDAY = date(2024, 1, 16)  # the Monday is a holiday
BARS = {
    FRIDAY: (90.0, 80.0, 95.0),  # before the cut-off of Friday's row
    TUESDAY: (100.0, 97.0, 101.0),
    date(2024, 1, 17): (101.0, 94.0, 99.0),
    date(2024, 1, 18): (99.0, 98.0, 104.0),
    date(2024, 1, 19): (104.0, 103.0, 108.0),
    date(2024, 1, 22): (108.0, 105.0, 106.0),
    date(2024, 1, 23): (106.0, 60.0, 70.0),  # the sixth session: outside a week
}


def test_the_entry_is_the_first_open_after_the_cut_off():
    """Friday's cut-off is 09:15 on Tuesday, for Monday is a holiday: in at Tuesday's open, out at the fifth close."""
    row = forward_returns(rows(FRIDAY), CALENDAR, prices(BARS)).row(0, named=True)
    assert (row["entry_date"], row["entry_open_index"]) == (TUESDAY, 100.0)
    assert row["exit_5d_date"] == date(2024, 1, 22)
    assert row["return_5d_ratio"] == pytest.approx(0.06)


def test_the_maximum_adverse_excursion_is_the_lowest_low_of_the_holding():
    """Lows 97, 94, 98, 103, 105 from an open of 100: -6 %. What was lower before and after is not the holder's."""
    row = forward_returns(rows(FRIDAY), CALENDAR, prices(BARS)).row(0, named=True)
    assert row["max_adverse_5d_ratio"] == pytest.approx(-0.06)
    assert row["max_adverse_21d_ratio"] == pytest.approx(-0.40)


def test_the_low_of_the_day_of_entry_counts():
    row = forward_returns(rows(THURSDAY), CALENDAR, prices(BARS)).row(0, named=True)
    assert (row["entry_date"], row["entry_open_index"]) == (FRIDAY, 90.0)
    assert row["max_adverse_5d_ratio"] == pytest.approx(80 / 90 - 1)
    assert row["return_5d_ratio"] == pytest.approx(108 / 90 - 1)


def test_an_excursion_is_never_a_gain():
    rising = {day: (100.0 + place, 100.5 + place, 101.0 + place) for place, day in enumerate(SESSIONS)}
    row = forward_returns(rows(FRIDAY), CALENDAR, prices(rising)).row(0, named=True)
    assert row["max_adverse_5d_ratio"] == 0.0


def test_an_open_at_the_very_cut_off_is_too_early():
    at_the_open = pl.DataFrame({"session_date": [FRIDAY], "cutoff_at": [datetime.combine(TUESDAY, time(14, 30))]})
    row = forward_returns(at_the_open, CALENDAR, prices(BARS)).row(0, named=True)
    assert row["entry_date"] == date(2024, 1, 17)


NEWEST = SESSIONS[300]
"""A row so late that every horizon of January is over: with closes alone too."""


def first_of(bars: pl.DataFrame, newest: date = NEWEST) -> dict:
    """Return what followed FRIDAY's row, in a file whose newest row is that of `newest`."""
    return forward_returns(rows(FRIDAY, newest), CALENDAR, bars).row(0, named=True)


def test_without_its_open_a_holding_begins_at_the_close_and_says_so():
    """In at Tuesday's close of 101, out at the fifth close after it (70, on the 23rd); the lowest close is that one."""
    row = first_of(prices(BARS | {TUESDAY: (None, 97.0, 101.0)}))
    assert (row["entry_date"], row["entry_basis"]) == (TUESDAY, "close"), "the market was open: we lack its price"
    assert (row["entry_open_index"], row["entry_close_index"]) == (None, 101.0)
    assert row["exit_5d_date"] == row["close_exit_5d_date"] == date(2024, 1, 23)
    assert row["return_5d_ratio"] == row["close_return_5d_ratio"] == pytest.approx(70 / 101 - 1)
    assert row["max_adverse_5d_ratio"] == pytest.approx(70 / 101 - 1)
    assert row["return_5d_reason"] is None


def test_the_measure_by_closes_stands_beside_the_one_by_the_open():
    row = first_of(prices(BARS))
    assert (row["entry_basis"], row["exit_5d_date"], row["close_exit_5d_date"]) == (
        "open",
        date(2024, 1, 22),
        date(2024, 1, 23),
    )
    assert row["return_5d_ratio"] == pytest.approx(0.06)
    assert row["close_return_5d_ratio"] == pytest.approx(70 / 101 - 1)
    rising = {day: (100.0, 90.0, 101.0 + place) for place, day in enumerate(SESSIONS)}
    assert first_of(prices(rising))["close_max_adverse_5d_ratio"] == 0.0, "by closes it never fell"


def test_a_horizon_that_is_over_without_a_price_is_unpriced_and_one_that_is_not_over_pending():
    closes_end = prices(BARS).with_columns(
        close=pl.when(pl.col("session_date") < date(2024, 1, 22)).then("close"),
        open=pl.lit(None, pl.Float64),
        low=pl.lit(None, pl.Float64),
    )
    over = first_of(closes_end)
    assert (over["entry_basis"], over["return_5d_ratio"], over["return_5d_reason"]) == ("close", None, "unpriced")
    assert over["close_return_5d_reason"] == over["return_252d_reason"] == "unpriced"
    early = first_of(closes_end, newest=date(2024, 1, 22))  # the fifth session after the entry is the 23rd
    assert early["return_5d_reason"] == early["close_return_5d_reason"] == "pending"
    nothing = first_of(prices({day: (None, None, None) for day in SESSIONS}))
    assert (nothing["entry_basis"], nothing["return_5d_reason"]) == (None, "unpriced")


def with_fund(dividends: dict[date, float], lacking: tuple[date, ...] = ()) -> pl.DataFrame:
    """The index at 100 and SPY, whose adjusted close rises by a tenth every session."""
    total = [None if day in lacking else 50 + place / 10 for place, day in enumerate(SESSIONS)]
    return prices({}).with_columns(
        total=pl.Series(total, dtype=pl.Float64),
        dividend=pl.Series([dividends.get(day) for day in SESSIONS], dtype=pl.Float64),
    )


QUARTERLY = {SESSIONS[place]: 1.5 for place in range(5, 310, 63)}
ENTRY = SESSIONS.index(TUESDAY)


def test_the_total_return_is_that_of_the_fund_over_the_same_closes():
    row = first_of(with_fund(QUARTERLY))
    for horizon in HORIZONS:
        expected = (50 + (ENTRY + horizon) / 10) / (50 + ENTRY / 10) - 1
        assert row[f"total_return_{horizon}d_ratio"] == pytest.approx(expected, abs=1e-7)
        assert (row[f"total_return_{horizon}d_reason"], row[f"close_return_{horizon}d_ratio"]) == (None, 0.0)


def test_a_total_return_needs_the_dividends_of_its_holding():
    none = first_of(with_fund({}))
    assert (none["total_return_5d_ratio"], none["total_return_5d_reason"]) == (None, "dividends")
    late = first_of(with_fund({day: paid for day, paid in QUARTERLY.items() if day > TUESDAY}))
    assert late["total_return_5d_reason"] == "dividends", "what was paid before the first one held is not known"
    gap = first_of(with_fund({day: paid for day, paid in QUARTERLY.items() if day != SESSIONS[68]}))
    assert (gap["total_return_126d_reason"], gap["total_return_63d_reason"]) == ("dividends", None)
    unpriced = first_of(with_fund(QUARTERLY, lacking=(SESSIONS[ENTRY + 5],)))
    assert (unpriced["total_return_5d_reason"], unpriced["total_return_21d_reason"]) == ("unpriced", None)
    assert first_of(with_fund(QUARTERLY), newest=TUESDAY)["total_return_5d_reason"] is None, "the closes are there"


def test_a_missing_price_makes_null_and_nothing_else():
    no_close = forward_returns(rows(FRIDAY), CALENDAR, prices(BARS | {date(2024, 1, 22): (108.0, 105.0, None)})).row(
        0, named=True
    )
    assert no_close["return_5d_ratio"] is None
    assert no_close["max_adverse_5d_ratio"] == pytest.approx(-0.06)
    no_low = forward_returns(rows(FRIDAY), CALENDAR, prices(BARS | {date(2024, 1, 18): (99.0, None, 104.0)})).row(
        0, named=True
    )
    assert no_low["return_5d_ratio"] == pytest.approx(0.06)
    assert no_low["max_adverse_5d_ratio"] is None


def test_a_horizon_that_is_not_over_is_null():
    priced = prices(BARS).filter(pl.col("session_date") <= date(2024, 1, 19))
    row = forward_returns(rows(FRIDAY), CALENDAR, priced).row(0, named=True)
    assert row["exit_5d_date"] == date(2024, 1, 22)
    assert (row["return_5d_ratio"], row["max_adverse_5d_ratio"]) == (None, None)


def test_a_row_whose_entry_is_beyond_the_calendar_has_no_entry():
    last = SESSIONS[-1]
    row = pl.DataFrame(
        {"session_date": [last], "cutoff_at": [datetime.combine(last, time(14, 15)) + timedelta(days=1)]}
    )
    found = forward_returns(row, CALENDAR, prices({})).row(0, named=True)
    assert found["session_date"] == last
    others = [name for name in found if name not in ("session_date", "cutoff_at")]
    assert {name: found[name] for name in others if found[name] is not None} == {
        name: "pending" for name in others if name.endswith("_reason")
    }


def test_every_horizon_counts_its_sessions_from_the_entry():
    found = forward_returns(rows(SESSIONS[0]), CALENDAR, prices({}))
    for horizon in HORIZONS:
        assert found[f"exit_{horizon}d_date"][0] == SESSIONS[horizon], "the entry is session 1 of the holding"
    assert found.columns == [name for name, *_ in FORWARD_RETURNS.columns]


def test_no_later_price_changes_a_return_that_is_over():
    """No look-ahead the other way either: what came after the exit is nothing to it."""
    before = forward_returns(rows(FRIDAY), CALENDAR, prices(BARS))
    after = forward_returns(rows(FRIDAY), CALENDAR, prices(BARS | {date(2024, 1, 23): (1.0, 1.0, 1.0)}))
    short = ["entry_date", "exit_5d_date", "return_5d_ratio", "max_adverse_5d_ratio"]
    assert after.select(short).equals(before.select(short))
