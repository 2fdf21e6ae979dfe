"""Net gamma of dealers: figures worked by hand, and what must hold of any chain."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.options import black_scholes as bs
from analytics.options.gamma import REACH, ROOT_TOLERANCE, flip_of, living, strikes_of, summary_of, walls_of
from ingest.catalog.underlyings import load_underlyings

KNOWN = {one.underlying: one for one in load_underlyings()}
AS_OF = date(2026, 11, 18)
SNAPSHOT_AT = datetime(2026, 11, 18, 21, 20)  # 16:20 in New York
EXPIRY = date(2026, 12, 18)

Contract = tuple[str, float, float, float | None, float | None]


def chain(*contracts: Contract, spot: float = 100.0, root: str = "SPXW", expiry: date = EXPIRY) -> pl.DataFrame:
    """Return a chain of (C or P, strike, volatility, gamma, open interest)."""
    rows = [
        {
            "option_symbol": f"{root}{expiry:%y%m%d}{kind}{round(strike * 1000):08d}",
            "root": root,
            "expiry_date": expiry,
            "option_type": kind,
            "strike_usd": strike,
            "spot_usd": spot,
            "snapshot_at": SNAPSHOT_AT,
            "iv_ratio": iv,
            "gamma_ratio": gamma,
            "open_interest_contracts": held,
        }
        for kind, strike, iv, gamma, held in contracts
    ]
    numbers = ("strike_usd", "spot_usd", "iv_ratio", "gamma_ratio", "open_interest_contracts")
    return pl.DataFrame(rows, schema_overrides=dict.fromkeys(numbers, pl.Float64), infer_schema_length=None)


def summary(frame: pl.DataFrame, spot: float = 100.0) -> dict[str, Any]:
    return summary_of(frame, strikes_of(frame), AS_OF, spot)


def test_gex_as_worked_by_hand() -> None:
    # 0.05 x 1000 x 100 x 100^2 x 0.01 = 500,000 dollars of calls, 0.04 x 2000 ... = 800,000 of puts
    found = summary(chain(("C", 105.0, 0.2, 0.05, 1000.0), ("P", 95.0, 0.2, 0.04, 2000.0)))
    assert found["call_gex_usd_bn"] == pytest.approx(0.0005)
    assert found["put_gex_usd_bn"] == pytest.approx(-0.0008)
    assert found["gex_usd_bn"] == pytest.approx(-0.0003)
    assert found["gross_gex_usd_bn"] == pytest.approx(0.0013)
    assert (found["call_wall_usd"], found["put_wall_usd"]) == (105.0, 95.0)


def test_what_is_missing_is_counted_and_takes_no_part() -> None:
    found = summary(
        chain(
            ("C", 100.0, 0.2, 0.05, 600.0),
            ("C", 110.0, 0.2, None, 300.0),
            ("C", 120.0, 0.0, 0.0, 100.0),  # nobody quotes it
            ("P", 90.0, 0.2, 0.01, None),
            ("P", 60.0, 0.9, 0.0, 0.0),  # far away: a gamma of nothing is one
        )
    )
    assert (found["contracts_count"], found["missing_gamma_count"], found["missing_open_interest_count"]) == (5, 1, 1)
    assert found["covered_oi_pct"] == pytest.approx(60.0)
    assert found["put_gex_usd_bn"] == 0.0
    assert (found["put_wall_usd"], found["put_wall_below_usd"]) == (None, None)


def test_without_gamma_there_are_no_figures() -> None:
    found = summary(chain(("C", 100.0, 0.0, None, 600.0), ("P", 100.0, 0.0, 0.0, 10.0)))
    assert found["gex_usd_bn"] is found["flip_usd"] is found["call_wall_usd"] is None
    assert found["covered_oi_pct"] == 0.0


def test_series_that_have_ended_and_adjusted_ones_are_left_out() -> None:
    contract = ("C", 100.0, 0.2, 0.05, 1.0)
    today = AS_OF
    pm, am = chain(contract, expiry=today), chain(contract, root="SPX", expiry=today)
    assert living(pm, KNOWN["SPX"]).is_empty()  # 16:20: both are over
    morning = pl.lit(datetime(2026, 11, 18, 14, 45)).alias("snapshot_at")  # 09:45
    assert living(pm.with_columns(morning), KNOWN["SPX"]).height == 1
    assert living(am.with_columns(morning), KNOWN["SPX"]).is_empty()
    assert living(chain(contract, root="NVDA1"), KNOWN["NVDA"]).is_empty()
    assert living(chain(contract, root="NVDA", expiry=date(2026, 11, 17)), KNOWN["NVDA"]).is_empty()


@pytest.mark.parametrize(
    ("day", "hour_utc", "living_count"),
    [
        (date(2026, 11, 27), datetime(2026, 11, 27, 17, 59), 1),  # the day after Thanksgiving closes at 13:00
        (date(2026, 11, 27), datetime(2026, 11, 27, 18, 30), 0),  # 13:30
        (date(2026, 11, 25), datetime(2026, 11, 25, 18, 30), 1),
        (date(2026, 11, 25), datetime(2026, 11, 25, 21, 0), 0),  # 16:00
        (date(2026, 11, 26), datetime(2026, 11, 26, 20, 59), 1),  # Thanksgiving is no session: as on any other day
        (date(2026, 11, 26), datetime(2026, 11, 26, 21, 0), 0),
    ],
)
def test_contracts_of_a_day_end_as_its_session_closes(day: date, hour_utc: datetime, living_count: int) -> None:
    frame = chain(("C", 100.0, 0.2, 0.05, 1.0), expiry=day).with_columns(pl.lit(hour_utc).alias("snapshot_at"))
    assert living(frame, KNOWN["SPX"]).height == living_count


def test_what_expires_within_a_session_has_its_part() -> None:
    near = chain(("C", 100.0, 0.2, 0.05, 300.0), expiry=date(2026, 11, 19))
    later = chain(("C", 100.0, 0.2, 0.05, 700.0), expiry=date(2026, 11, 20))
    assert summary(pl.concat([near, later]))["expiring_1d_pct"] == pytest.approx(30.0)


def test_one_strike_can_be_both_walls_and_ties_go_to_the_nearer_then_the_lower() -> None:
    both = summary(chain(("C", 110.0, 0.2, 0.05, 9.0), ("P", 110.0, 0.2, 0.05, 9.0), ("P", 90.0, 0.2, 0.05, 3.0)))
    assert (both["call_wall_usd"], both["put_wall_usd"], both["put_wall_below_usd"]) == (110.0, 110.0, 90.0)
    tied = [("C", strike, 0.2, 0.05, 5.0) for strike in (80.0, 95.0, 105.0, 120.0)]
    for order in (tied, tied[::-1]):
        assert walls_of(strikes_of(chain(*order)), 100.0)["call_wall_usd"] == 95.0


def test_the_flip_of_a_call_above_and_a_put_below() -> None:
    frame = chain(("C", 110.0, 0.2, 0.01, 1000.0), ("P", 90.0, 0.2, 0.01, 1000.0))
    flip = flip_of(frame, AS_OF, 100.0)
    assert flip is not None
    assert abs(flip - 99.5) < 1.0  # where both gammas are the same: near the geometric mean of the strikes


@pytest.mark.parametrize("kind", ["C", "P"])
def test_a_chain_of_one_side_has_no_flip_and_never_the_edge(kind: str) -> None:
    assert flip_of(chain((kind, 100.0, 0.2, 0.05, 10.0)), AS_OF, 100.0) is None
    assert flip_of(chain((kind, 100.0, 0.0, 0.05, 10.0)), AS_OF, 100.0) is None


contracts = st.lists(
    st.tuples(
        st.sampled_from("CP"),
        st.sampled_from([float(strike) for strike in range(70, 135, 5)]),
        st.floats(0.05, 1.2),
        st.one_of(st.none(), st.floats(0.0, 0.2)),
        st.one_of(st.none(), st.integers(0, 100_000).map(float)),
    ),
    min_size=1,
    max_size=30,
    unique_by=lambda one: one[:2],
)


@settings(max_examples=60, deadline=None)
@given(contracts, st.randoms())
def test_the_order_of_contracts_is_nothing(rows: list[Contract], chance: Any) -> None:
    frame = living(chain(*rows), KNOWN["SPX"])
    chance.shuffle(rows)
    assert summary(living(chain(*rows), KNOWN["SPX"])) == summary(frame)


@settings(max_examples=60, deadline=None)
@given(contracts)
def test_a_flip_is_a_zero_within_reach_or_none(rows: list[Contract]) -> None:
    frame = living(chain(*rows), KNOWN["SPX"])
    flip = flip_of(frame, AS_OF, 100.0)
    if flip is None:
        return
    assert 100 * (1 - REACH) <= flip <= 100 * (1 + REACH)
    priced = frame.filter((pl.col("iv_ratio") > 0) & (pl.col("open_interest_contracts") > 0))
    years = bs.years_to(priced["expiry_date"].to_numpy(), AS_OF)
    sizes = bs.gamma(flip, priced["strike_usd"].to_numpy(), years, priced["iv_ratio"].to_numpy())
    sizes = sizes * priced["open_interest_contracts"].to_numpy()
    signs = np.where((priced["option_type"] == "C").to_numpy(), 1.0, -1.0)
    assert abs((signs * sizes).sum()) < ROOT_TOLERANCE * sizes.sum()


@settings(max_examples=60, deadline=None)
@given(contracts)
def test_totals_are_those_of_the_strikes(rows: list[Contract]) -> None:
    frame = living(chain(*rows), KNOWN["SPX"])
    found, strikes = summary(frame), strikes_of(frame)
    if found["gex_usd_bn"] is not None:
        assert found["call_gex_usd_bn"] == pytest.approx(strikes["call_gex_usd_bn"].sum())
        assert found["put_gex_usd_bn"] == pytest.approx(strikes["put_gex_usd_bn"].sum())
