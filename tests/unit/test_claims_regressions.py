"""Slopes with the errors of Newey and West, and leads and lags, against figures worked by hand."""

from __future__ import annotations

from datetime import date, timedelta
from math import sqrt
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
from pydantic import ValidationError

from analytics.claims.definition import Claim, Regression
from analytics.claims.functions import Known
from analytics.claims.regressions import newey_west, newey_west_mean, rows_of


def test_a_slope_and_its_error_by_hand():
    x, y = np.array([0.0, 1.0, 2.0, 3.0]), np.array([0.0, 2.0, 1.0, 3.0])
    # centred x: -1.5 -0.5 0.5 1.5, square 5; slope 4/5; errors -0.3 0.9 -0.9 0.3; scores 0.45 -0.45 -0.45 0.45
    slope, error = newey_west(x, y, 0)
    assert slope == pytest.approx(0.8)
    assert error == pytest.approx(sqrt(4 * 0.45**2) / 5)
    # one lag with the weight 1/2: products -, +, - of 0.2025
    assert newey_west(x, y, 1)[1] == pytest.approx(sqrt(0.81 - 0.2025) / 5)


def test_a_mean_of_values_that_go_together_has_a_greater_error():
    values = np.array([1.0, 1.0, -1.0, -1.0])
    assert newey_west_mean(values, 0) == (0, pytest.approx(sqrt(4) / 4))
    assert newey_west_mean(values, 1) == (0, pytest.approx(sqrt(4 + 1) / 4))


def world(returns: np.ndarray, **features: Known) -> SimpleNamespace:
    """As much of a world as a regression reads."""
    dates = [date(2020, 1, 1) + timedelta(days=place) for place in range(len(returns))]
    measured = SimpleNamespace(values=returns)
    return SimpleNamespace(
        dates=dates,
        spine=SimpleNamespace(dates=pl.Series(dates)),
        features=features,
        there=features,
        outcomes=SimpleNamespace(measured=lambda *_: measured),
    )


def claim(**more: object) -> Claim:
    regression = {"name": "a_slope", "kind": "slope", "of": "x", "text": "Returns on x.", **more}
    return Claim.model_validate(
        {
            "id": "C-A-01",
            "text": {"en": "A claim of some kind.", "zh": "某个说法。"},
            "source": "user",
            "condition": "x > 0",
            "horizons": [5],
            "outcomes": [{"kind": "return", "claimed": "up"}],
            "regressions": [regression],
        }
    )


def test_a_slope_takes_each_period_once_when_it_was_first_known():
    draw = np.random.default_rng(1)
    weeks = [date(2020, 1, 1) + timedelta(days=7 * (place // 5)) for place in range(300)]
    by_week = np.repeat(draw.normal(0, 1, 60), 5)
    returns = 0.02 * by_week + draw.normal(0, 0.001, 300)
    returns[1::5] += 100  # the second day of a week is no pair
    (row,) = rows_of(world(returns, x=Known(pl.Series(by_week), pl.Series(weeks))), claim(per=1000), 3)
    assert (row["claim_version"], row["kind"], row["n_pairs"], row["lag_count"]) == (3, "slope", 60, 0)
    assert row["value_number"] == pytest.approx(20, abs=0.3)
    assert row["low_number"] < row["value_number"] < row["high_number"]
    assert row["correlation_number"] > 0.99
    assert row["p_number"] < 0.001


def test_a_slope_of_nothing_says_why():
    few = world(np.zeros(10), x=Known(pl.Series(np.arange(10.0))))
    assert rows_of(few, claim(), 1)[0]["reason_text"] == "10 pairs are too few"
    assert rows_of(world(np.zeros(10)), claim(), 1)[0]["reason_text"] == "this release has no x"


def test_who_leads_is_seen_at_the_lag_at_which_it_leads():
    steps = np.random.default_rng(2).normal(0, 1, 500)
    x, y = Known(pl.Series(steps[2:])), Known(pl.Series(steps[:-2]))  # y does what x did two sessions before
    rows = rows_of(world(np.zeros(498), x=x, y=y), claim(kind="lead_lag", against="y", lags=3), 1)
    by_lag = {row["lag_count"]: row["value_number"] for row in rows if row["kind"] == "correlation"}
    assert by_lag[2] == pytest.approx(1, abs=0.02)
    assert all(abs(value) < 0.15 for lag, value in by_lag.items() if lag != 2)
    (lopsided,) = (row for row in rows if row["kind"] == "asymmetry")
    assert lopsided["value_number"] == pytest.approx(sum(np.sign(lag) * by_lag[lag] for lag in by_lag), abs=0.02)
    assert lopsided["p_number"] < 0.001


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"kind": "lead_lag"}, "lead_lag takes `against`"),
        ({"against": "y"}, "a slope does not"),
        ({"horizon": 20}, "the horizon is one of"),
    ],
)
def test_a_slip_of_the_pen_is_named(more: dict[str, object], said: str):
    with pytest.raises(ValidationError, match=said):
        Regression.model_validate({"name": "a", "kind": "slope", "of": "x", "text": "y", **more})
