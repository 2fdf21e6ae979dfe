"""Black and Scholes: figures worked by hand, and what must hold of any option."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from blackscholes import BlackScholesCall, BlackScholesPut
from hypothesis import given
from hypothesis import strategies as st

from analytics.options import black_scholes as bs

ONE = np.array([1.0])
CALL, PUT = np.array([True]), np.array([False])

spots = st.floats(1.0, 10_000.0)
moneyness = st.floats(0.7, 1.4)
volatilities = st.floats(0.05, 1.5)
terms = st.floats(1 / 262, 3.0)


def test_at_the_money_for_a_year_as_worked_by_hand() -> None:
    # spot and strike 100, volatility 20 %: d1 = 0.1, N(0.1) = 0.539828, n(0.1) = 0.396953
    strike, iv = np.array([100.0]), np.array([0.2])
    assert bs.price(100.0, strike, ONE, iv, CALL)[0] == pytest.approx(7.9656, abs=1e-4)
    assert bs.delta(100.0, strike, ONE, iv, CALL)[0] == pytest.approx(0.539828, abs=1e-6)
    assert bs.gamma(100.0, strike, ONE, iv)[0] == pytest.approx(0.396953 / 20, abs=1e-7)
    assert bs.vega(100.0, strike, ONE, iv)[0] == pytest.approx(0.396953, abs=1e-6)
    assert bs.theta(100.0, strike, ONE, iv)[0] == pytest.approx(-0.396953 * 100 * 0.2 / 2 / 365, abs=1e-7)


def test_years_are_business_days_over_262_and_one_at_the_least() -> None:
    expiries = np.array(["2022-06-10", "2022-06-13", "2022-06-14", "2022-06-17"], dtype="datetime64[D]")
    assert (bs.years_to(expiries, date(2022, 6, 11)) * 262).round(9).tolist() == [1, 1, 1, 4]
    assert bs.years_to(expiries[3:], date(2022, 6, 10))[0] * 262 == pytest.approx(5)


def test_without_volatility_there_are_no_greeks_and_the_price_is_what_it_is_worth_at_once() -> None:
    strike, nothing = np.array([90.0]), np.array([0.0])
    assert bs.price(100.0, strike, ONE, nothing, CALL)[0] == 10.0
    assert bs.price(100.0, strike, ONE, nothing, PUT)[0] == 0.0
    for greek in (bs.gamma, bs.vega, bs.theta):
        assert np.isnan(greek(100.0, strike, ONE, nothing)[0])
        assert np.isnan(greek(100.0, strike, ONE, np.array([np.nan]))[0])


@given(spots, moneyness, volatilities, terms)
def test_another_library_has_the_same_figures(spot: float, ratio: float, volatility: float, years: float) -> None:
    strike, iv, term = np.array([spot * ratio]), np.array([volatility]), np.array([years])
    terms = {"S": spot, "K": strike[0], "T": years, "r": 0.0, "sigma": volatility}
    for other, is_call in ((BlackScholesCall(**terms), CALL), (BlackScholesPut(**terms), PUT)):
        near = {"rel": 1e-9, "abs": 1e-9 * spot}
        assert bs.price(spot, strike, term, iv, is_call)[0] == pytest.approx(other.price(), **near)
        assert bs.delta(spot, strike, term, iv, is_call)[0] == pytest.approx(other.delta(), abs=1e-9)
        assert bs.gamma(spot, strike, term, iv)[0] == pytest.approx(other.gamma(), rel=1e-8, abs=1e-12)
        assert bs.vega(spot, strike, term, iv)[0] == pytest.approx(other.vega() / 100, **near)
        assert bs.theta(spot, strike, term, iv)[0] == pytest.approx(other.theta() / 365, **near)


@given(spots, moneyness, volatilities, terms)
def test_a_call_and_a_put_are_a_forward(spot: float, ratio: float, volatility: float, years: float) -> None:
    strike, iv, term = np.array([spot * ratio]), np.array([volatility]), np.array([years])
    call, put = bs.price(spot, strike, term, iv, CALL), bs.price(spot, strike, term, iv, PUT)
    assert (call - put)[0] == pytest.approx(spot - strike[0], rel=1e-9, abs=1e-7 * spot)
    assert (bs.delta(spot, strike, term, iv, CALL) - bs.delta(spot, strike, term, iv, PUT))[0] == pytest.approx(1.0)


@given(spots, moneyness, volatilities, terms)
def test_greeks_are_the_slopes_of_prices(spot: float, ratio: float, volatility: float, years: float) -> None:
    strike, iv, term = np.array([spot * ratio]), np.array([volatility]), np.array([years])
    step = spot * 1e-4
    up, down = (bs.price(spot + move, strike, term, iv, CALL)[0] for move in (step, -step))
    assert bs.delta(spot, strike, term, iv, CALL)[0] == pytest.approx((up - down) / (2 * step), abs=1e-3)
    spread = volatility * years**0.5
    slope = (bs.delta(spot + step, strike, term, iv, CALL) - bs.delta(spot - step, strike, term, iv, CALL))[0]
    assert bs.gamma(spot, strike, term, iv)[0] * spot == pytest.approx(slope / 2e-4, abs=1e-3 / spread)
    richer, poorer = (bs.price(spot, strike, term, iv + move, CALL)[0] for move in (1e-5, -1e-5))
    assert bs.vega(spot, strike, term, iv)[0] / spot == pytest.approx((richer - poorer) / 2e-5 / 100 / spot, abs=1e-6)
