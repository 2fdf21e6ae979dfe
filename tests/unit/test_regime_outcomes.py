"""What followed each state, on samples small enough to work by hand."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

import polars as pl
import pytest

from analytics.regimes.episodes import SUBJECTS
from analytics.regimes.forward_returns import HORIZONS
from analytics.regimes.outcomes import OUTCOMES, regime_outcomes
from analytics.regimes.statistics import wilson

FIRST = date(2024, 1, 1)


def sample(
    states: list[str],
    results: list[float | None],
    worst: list[float | None] | None = None,
    why: list[str | None] | None = None,
    basis: str = "open",
    **more: list[str | None],
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return regime rows with `states` of credit on consecutive days, and their returns over each horizon."""
    days = [FIRST + timedelta(days=place) for place in range(len(states))]
    cutoffs = [datetime.combine(day, time(14, 15)) + timedelta(days=1) for day in days]
    others = {column: ["unknown"] * len(states) for column in SUBJECTS.values()}
    rows = pl.DataFrame(
        {"session_date": days, "cutoff_at": cutoffs, **others, "latest_only_inputs": [None] * len(states)}
        | {"credit_state": states}
        | more,
        schema_overrides={"latest_only_inputs": pl.String},
    )
    told: dict[str, list] = {"session_date": days, "cutoff_at": cutoffs, "entry_basis": [basis] * len(states)}
    over = [place for place, result in enumerate(results) if result is not None]
    lacking = [
        None if result is not None else "unpriced" if over and place < over[-1] else "pending"
        for place, result in enumerate(results)
    ]
    for horizon in HORIZONS:
        for kind in ("", "close_", "total_"):
            told[f"{kind}return_{horizon}d_ratio"] = results
            told[f"{kind}return_{horizon}d_reason"] = why or lacking
        told[f"max_adverse_{horizon}d_ratio"] = told[f"close_max_adverse_{horizon}d_ratio"] = worst or results
    kinds = {name: pl.Float64 if name.endswith("_ratio") else pl.String for name in told if "return" in name}
    kinds |= {name: pl.Float64 for name in told if "max_adverse" in name}
    return rows, pl.DataFrame(told, schema_overrides=kinds | {"entry_basis": pl.String})


def cell(found: pl.DataFrame, state: str, horizon: int = 5, dimension: str = "credit", kind: str = "price") -> dict:
    return found.row(
        by_predicate=(pl.col("dimension") == dimension)
        & (pl.col("state") == state)
        & (pl.col("horizon_sessions_count") == horizon)
        & (pl.col("return_kind") == kind),
        named=True,
    )


STATES = ["tight", "tight", "stress", "stress", "stress", "stress", "tight", "tight", "stress", "tight"]
RETURNS = [0.01, 0.02, -0.04, -0.02, 0.01, 0.05, 0.03, 0.02, 0.06, None]


def test_the_figures_of_a_state_by_hand():
    """Stress: -4, -2, 1, 5, 6 %. Median 1, quartiles -2 and 5, three of five up."""
    found = cell(regime_outcomes(*sample(STATES, RETURNS)), "stress")
    assert found["sessions_count"] == 5
    assert found["median_return_ratio"] == pytest.approx(0.01)
    assert (found["p25_return_ratio"], found["p75_return_ratio"]) == (pytest.approx(-0.02), pytest.approx(0.05))
    assert found["hit_rate_ratio"] == pytest.approx(0.6)
    assert (found["first_session_date"], found["last_session_date"]) == (date(2024, 1, 3), date(2024, 1, 9))


def test_wilson_counts_windows_and_not_sessions():
    """Stress stands on days 2 to 5 and 8: windows of five from day 2 and from day 8 fit beside one another."""
    found = cell(regime_outcomes(*sample(STATES, RETURNS)), "stress")
    assert found["windows_count"] == 2
    assert found["is_overlapping"] is True
    assert (found["hit_rate_low_ratio"], found["hit_rate_high_ratio"]) == pytest.approx(wilson(0.6, 2), abs=1e-7)


def test_the_baseline_is_the_whole_sample():
    """All nine sessions whose horizon is over: median 2 %, seven of nine up."""
    found = cell(regime_outcomes(*sample(STATES, RETURNS)), "stress")
    assert found["baseline_sessions_count"] == 9
    assert found["baseline_median_return_ratio"] == pytest.approx(0.02)
    assert found["baseline_hit_rate_ratio"] == pytest.approx(7 / 9)


def test_what_is_not_over_is_listed_and_not_counted():
    found = cell(regime_outcomes(*sample(STATES, RETURNS)), "tight")
    assert (found["sessions_count"], found["pending_sessions_count"], found["unpriced_sessions_count"]) == (4, 1, 0)


def test_a_hole_in_the_prices_is_not_pending():
    found = cell(regime_outcomes(*sample(["tight"] * 4, [0.01, None, 0.02, None])), "tight")
    assert (found["sessions_count"], found["pending_sessions_count"], found["unpriced_sessions_count"]) == (2, 1, 1)


def test_episodes_are_counted_and_few_are_flagged():
    few = cell(regime_outcomes(*sample(STATES, RETURNS)), "stress")
    assert (few["episodes_count"], few["is_too_few"]) == (2, True)
    alternating = ["tight", "stress"] * 20
    enough = cell(regime_outcomes(*sample(alternating, [0.01] * 40)), "stress")
    assert (enough["episodes_count"], enough["is_too_few"]) == (20, False)
    nineteen = cell(regime_outcomes(*sample(alternating[:-2], [0.01] * 38)), "stress")
    assert (nineteen["episodes_count"], nineteen["is_too_few"]) == (19, True)


def test_an_episode_without_a_finished_session_does_not_count():
    states = ["tight", "stress", "tight", "stress"]
    found = cell(regime_outcomes(*sample(states, [0.01, 0.02, 0.01, None])), "stress")
    assert (found["episodes_count"], found["sessions_count"], found["pending_sessions_count"]) == (1, 1, 1)


def test_the_warm_up_is_not_in_the_sample_and_a_gap_is():
    """Unknown before the first known state is no sample; unknown afterwards is a state of its own."""
    states = ["unknown", "unknown", "tight", "unknown", "tight"]
    found = regime_outcomes(*sample(states, [0.5, 0.5, 0.01, 0.02, 0.03]))
    assert cell(found, "unknown")["sessions_count"] == 1
    assert cell(found, "tight")["baseline_sessions_count"] == 3
    assert cell(found, "tight")["baseline_median_return_ratio"] == pytest.approx(0.02)


def test_a_dimension_that_was_never_known_has_no_outcomes():
    found = regime_outcomes(*sample(STATES, RETURNS))
    assert found["dimension"].unique().to_list() == ["credit"]


def test_excursions_by_hand():
    """-10, -8 … -1 %: the median is -5.5 %; one in ten was worse than -9.1 %."""
    worst = [-place / 100 for place in range(10, 0, -1)]
    found = cell(regime_outcomes(*sample(["tight"] * 10, [0.01] * 10, worst)), "tight")
    assert found["median_max_adverse_ratio"] == pytest.approx(-0.055)
    assert found["p10_max_adverse_ratio"] == pytest.approx(-0.091)


def test_the_bootstrap_is_the_same_every_time_and_holds_the_median():
    returns = [((place * 37) % 101 - 45) / 1000 for place in range(300)]
    given = sample(STATES * 30, returns)
    one, other = regime_outcomes(*given), regime_outcomes(*given)
    assert one.equals(other)
    found = cell(one, "stress")
    assert found["median_return_low_ratio"] <= found["median_return_ratio"] <= found["median_return_high_ratio"]


def test_the_bootstrap_of_a_constant_is_the_constant():
    found = cell(regime_outcomes(*sample(["tight", "stress"] * 30, [0.02] * 60)), "stress")
    assert (found["median_return_low_ratio"], found["median_return_high_ratio"]) == (0.02, 0.02)


def test_a_median_of_few_windows_has_no_interval():
    """Four windows of five sessions that stand apart are too few to resample, five are not."""
    states = (["stress"] * 5 + ["tight"] * 5) * 4
    assert cell(regime_outcomes(*sample(states, [0.01] * 40)), "stress")["median_return_low_ratio"] is None
    states = (["stress"] * 5 + ["tight"] * 5) * 5
    assert cell(regime_outcomes(*sample(states, [0.01] * 50)), "stress")["median_return_low_ratio"] == 0.01


def test_sessions_with_revised_inputs_are_in_no_figure():
    """what may have been revised since is no point-in-time test. Of another dimension it is nothing."""
    states, results = ["tight"] * 4, [0.01, 0.02, 0.03, 0.04]
    revised: list[str | None] = [None, "hy_oas_bp, vix_index", "sahm_realtime_pct, coverage_ratio", None]
    found = cell(regime_outcomes(*sample(states, results, latest_only_inputs=revised)), "tight")
    assert (found["sessions_count"], found["revised_sessions_count"]) == (3, 1)
    assert found["median_return_ratio"] == pytest.approx(0.03)
    assert found["baseline_sessions_count"] == 3
    whole = ["tight"] * 4
    composite = {
        "regime_class": ["CALM"] * 4,
        "labor_state": ["stable"] * 4,
        "breadth_state": ["ok"] * 4,
        "etf_flows_state": ["neutral"] * 4,
    }
    both = regime_outcomes(*sample(whole, results, latest_only_inputs=revised, **composite))
    assert cell(both, "CALM", dimension="regime_class")["revised_sessions_count"] == 1, "labour is no part of the class"
    assert cell(both, "stable", dimension="labor")["revised_sessions_count"] == 1
    for dimension, state in (("breadth", "ok"), ("etf_flows", "neutral")):
        assert cell(both, state, dimension=dimension)["revised_sessions_count"] == 0, "both have a coverage_ratio"
    every = cell(regime_outcomes(*sample(whole, results, latest_only_inputs=["hy_oas_bp"] * 4)), "tight")
    assert (every["sessions_count"], every["revised_sessions_count"], every["median_return_ratio"]) == (0, 4, None)


def test_rows_are_one_per_dimension_state_and_horizon():
    found = regime_outcomes(*sample(STATES, RETURNS))
    assert found.columns == [name for name, *_ in OUTCOMES.columns]
    key = ["dimension", "state", "horizon_sessions_count", "return_kind"]
    assert found.height == found.select(key).unique().height == 2 * 5 * 3


def test_where_every_horizon_is_over_and_no_price_is_held_nothing_is_pending():
    found = regime_outcomes(*sample(["tight"] * 6, [None] * 6, why=["unpriced"] * 5 + ["pending"]))
    for kind in ("price", "close_to_close", "total_return"):
        told = cell(found, "tight", kind=kind)
        assert (told["sessions_count"], told["unpriced_sessions_count"], told["pending_sessions_count"]) == (0, 5, 1)
        assert (told["median_return_ratio"], told["entry_basis"]) == (None, None)
        assert told["reason_text"] == "the horizon is not over; the horizon is over and a price is lacking"
    counted = cell(regime_outcomes(*sample(["tight"] * 2, [0.01, 0.02])), "tight")
    assert counted["reason_text"] is None


def test_a_row_says_at_which_price_its_sessions_entered():
    rows, returns = sample(["tight"] * 4, [0.01] * 4, basis="close")
    by_close = regime_outcomes(rows, returns)
    assert cell(by_close, "tight")["entry_basis"] == "close"
    mixed = returns.with_columns(entry_basis=pl.Series(["open", "close", "open", "open"]))
    assert cell(regime_outcomes(rows, mixed), "tight")["entry_basis"] == "mixed"
    assert cell(regime_outcomes(rows, mixed), "tight", kind="close_to_close")["entry_basis"] == "close"


def test_each_kind_has_figures_of_its_own():
    rows, returns = sample(["tight"] * 6, [0.01] * 6)
    other = returns.with_columns(
        *(pl.lit(0.02).alias(f"close_return_{horizon}d_ratio") for horizon in HORIZONS),
        *(pl.lit(None, pl.Float64).alias(f"total_return_{horizon}d_ratio") for horizon in HORIZONS),
        *(pl.lit("dividends").alias(f"total_return_{horizon}d_reason") for horizon in HORIZONS),
    )
    found = regime_outcomes(rows, other)
    assert cell(found, "tight")["median_return_ratio"] == 0.01
    assert cell(found, "tight", kind="close_to_close")["median_return_ratio"] == 0.02
    total = cell(found, "tight", kind="total_return")
    assert (total["sessions_count"], total["unpriced_sessions_count"]) == (0, 6)
    assert total["reason_text"] == "the dividends of SPY over the holding are not held"
