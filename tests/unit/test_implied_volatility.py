"""What of an option chain is at the money: figures by hand, and what is no figure."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import polars as pl
import pytest

from analytics.options.implied_volatility import at_the_money

AT = datetime(2026, 8, 20, 14, 0)
SOON, LATER = date(2026, 8, 28), date(2026, 9, 18)


def chain(*quotes: dict[str, Any], spot: float = 100.0, at: datetime = AT) -> pl.DataFrame:
    one = {
        "underlying": "AAA",
        "snapshot_at": at,
        "root": "AAA",
        "expiry_date": SOON,
        "option_type": "C",
        "strike_usd": 100.0,
        "spot_usd": spot,
        "bid_usd": 1.0,
        "ask_usd": 1.2,
        "iv_ratio": 0.3,
        "known_at": at,
    }
    schema: dict[str, Any] = {name: type(value) for name, value in one.items()}
    return pl.DataFrame([{**one, **quote} for quote in quotes], schema=schema)


def one(frame: pl.DataFrame) -> dict[str, Any]:
    found = at_the_money(frame)
    assert found.height == 1
    return found.row(0, named=True)


def call(strike: float, iv: float | None, **more: Any) -> dict[str, Any]:
    return {"option_type": "C", "strike_usd": strike, "iv_ratio": iv, **more}


def put(strike: float, iv: float | None, **more: Any) -> dict[str, Any]:
    return {**call(strike, iv, **more), "option_type": "P"}


def test_each_side_has_the_strike_nearest_spot_that_has_a_figure() -> None:
    # at 104.13 the call of 104 has none: its side is that of 105, the puts' is that of 104
    row = one(chain(call(104, 0.0), call(105, 0.2761), put(104, 0.2742), put(105, 0.2695), spot=104.13))
    assert (row["call_strike_usd"], row["put_strike_usd"], row["quotes_count"]) == (105, 104, 3)
    assert row["iv_pct"] == pytest.approx((27.61 + 27.42) / 2)
    assert row["expiry_in_days"] == 8


def test_of_two_strikes_as_near_the_lower_one_counts() -> None:
    row = one(chain(call(102.5, 0.4), call(97.5, 0.5), put(97.5, 0.7), put(102.5, 0.6)))
    assert (row["call_strike_usd"], row["put_strike_usd"], row["iv_pct"]) == (97.5, 97.5, pytest.approx(60))


@pytest.mark.parametrize("iv", [0.0, 0.00001, None, float("nan"), float("inf"), -0.2])
def test_what_is_no_figure_is_never_in_a_mean(iv: float | None) -> None:
    row = one(chain(call(100, iv), put(100, 0.3)))
    assert (row["call_iv_pct"], row["put_iv_pct"], row["iv_pct"], row["quotes_count"]) == (None, 30, None, 1)


def test_a_strike_further_than_five_percent_off_is_not_at_the_money() -> None:
    row = one(chain(call(105, 0.3), put(94.9, 0.3)))
    assert (row["call_iv_pct"], row["put_iv_pct"], row["iv_pct"]) == (30, None, None)


def test_the_straddle_is_of_one_strike_with_both_bids() -> None:
    # at 100 the put has no bid, at 101 the market is crossed, at 99 call 2.00 and put 1.10
    row = one(
        chain(
            *(call(100, 0.3), put(100, 0.3, bid_usd=0.0)),
            *(call(101, 0.3, bid_usd=1.3), put(101, 0.3)),
            *(call(99, 0.3, bid_usd=1.9, ask_usd=2.1), put(99, 0.3)),
        )
    )
    assert row["straddle_pct"] == pytest.approx(3.1)
    assert one(chain(call(100, 0.3)))["straddle_pct"] is None


def test_adjusted_and_expired_contracts_are_left_out() -> None:
    found = at_the_money(
        chain(
            *(call(100, 0.3), put(100, 0.3)),
            call(100, 0.9, root="AAA1"),
            call(100, 0.9, expiry_date=date(2026, 8, 19)),
            *(call(100, 0.2, expiry_date=LATER), put(100, 0.2, expiry_date=LATER)),
            call(100, 0.3, spot_usd=0.0, underlying="BBB", root="BBB"),
        )
    )
    assert found.select("underlying", "expiry_date", "expiry_in_days", "iv_pct").rows() == [
        ("AAA", SOON, 8, pytest.approx(30)),
        ("AAA", LATER, 29, pytest.approx(20)),
    ]


def test_a_night_in_new_york_counts_from_the_next_day() -> None:
    assert one(chain(call(100, 0.3), at=datetime(2026, 8, 20, 2, 47)))["expiry_in_days"] == 8


def test_an_empty_chain_is_nothing() -> None:
    assert at_the_money(chain(call(100, 0.3)).clear()).is_empty()
