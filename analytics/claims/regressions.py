"""Figures beside the events of a claim: a slope with errors that overlapping windows may correlate, or who leads whom.

They have no verdict: the tests of a release are those on events. A slope holds what followed, from the next open on,
against what was known at the cut-off, once for each period of the regressor. Its standard error is that of Newey and
West (1987), with the weights of Bartlett. A lead-lag is the correlation of two series at each distance in sessions,
and the sum of those at which the first leads less the sum of those at which the second does.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from analytics.claims.definition import Claim, Outcome, Regression
from analytics.claims.expressions import evaluate_number
from analytics.claims.functions import Known
from analytics.regimes.statistics import Z_95, Doubles

if TYPE_CHECKING:
    from analytics.claims.world import World

_LEAST: Final = 30
"""Fewer pairs give no figure."""
ASYMMETRY: Final = "asymmetry"
CORRELATION: Final = "correlation"
SLOPE: Final = "slope"


def rows_of(world: World, claim: Claim, version: int) -> list[dict[str, Any]]:
    """Return the rows of claims.regressions of one claim."""
    found = []
    for one in claim.regressions:
        lacking = ", ".join(sorted(claim.features() - set(world.there)))
        figures = [_nothing(one, f"this release has no {lacking}")] if lacking else _figures(world, claim, one)
        named = {
            "claim_id": claim.id,
            "claim_version": version,
            "regression": one.name,
            "regression_text": one.text,
            "hac_lags_count": one.hac_lags,
            "command_text": f"tidegauge claims {claim.id}",
        }
        found += [named | row for row in figures]
    return found


def _figures(world: World, claim: Claim, one: Regression) -> list[dict[str, Any]]:
    regressor = evaluate_number(one.of, world.features)
    since = (world.spine.dates >= claim.starts).to_numpy()
    x = np.where(since, _plain(regressor), np.nan)
    if one.against is not None:
        y = np.where(since, _plain(evaluate_number(one.against, world.features)), np.nan)
        return _lead_lag(world, one, x, y)
    x = x / one.per
    y = world.outcomes.measured(Outcome(kind="return", claimed="up"), one.horizon).values
    is_fresh = _first_of_period(regressor) if isinstance(regressor, Known) else np.ones(len(x), dtype=bool)
    taken = np.flatnonzero(is_fresh & ~np.isnan(x) & ~np.isnan(y))
    if len(taken) < _LEAST:
        return [_nothing(one, f"{len(taken)} pairs are too few")]
    slope, error = newey_west(x[taken], y[taken], one.hac_lags)
    row = _row(world, SLOPE, 0, taken, slope, error)
    return [row | {"correlation_number": round(float(np.corrcoef(x[taken], y[taken])[0, 1]), 8)}]


def _lead_lag(world: World, one: Regression, x: Doubles, y: Doubles) -> list[dict[str, Any]]:
    """Return the correlation of x with y so many sessions later, for each distance, and how lopsided they are."""
    both = ~np.isnan(x) & ~np.isnan(y)
    if both.sum() < _LEAST:
        return [_nothing(one, f"{both.sum()} sessions with both are too few")]
    x, y = ((values - values[both].mean()) / values[both].std() for values in (x, y))
    rows = []
    lopsided = np.zeros(len(x))
    for lag in range(-one.lags, one.lags + 1):
        products = x * _later(y, lag)
        taken = np.flatnonzero(~np.isnan(products))
        value, error = newey_west_mean(products[taken], one.hac_lags)
        rows.append(_row(world, CORRELATION, lag, taken, value, error))
        lopsided = lopsided + np.sign(lag) * products
    taken = np.flatnonzero(~np.isnan(lopsided))
    value, error = newey_west_mean(lopsided[taken], one.hac_lags)
    return [*rows, _row(world, ASYMMETRY, 0, taken, value, error)]


def newey_west(x: Doubles, y: Doubles, lags: int) -> tuple[float, float]:
    """Return the slope of y on x with a constant, and its standard error."""
    centred = x - x.mean()
    square = float(centred @ centred)
    slope = float(centred @ y) / square
    errors = y - y.mean() - slope * centred
    return slope, math.sqrt(_long_run(centred * errors, lags)) / square


def newey_west_mean(values: Doubles, lags: int) -> tuple[float, float]:
    """Return the mean of values that may be correlated over so many lags, and its standard error."""
    mean = float(values.mean())
    return mean, math.sqrt(_long_run(values - mean, lags)) / len(values)


def _long_run(scores: Doubles, lags: int) -> float:
    """Return the sum of the autocovariances with the weights of Bartlett: never negative."""
    total = float(scores @ scores)
    for lag in range(1, min(lags, len(scores) - 1) + 1):
        total += 2 * (1 - lag / (lags + 1)) * float(scores[lag:] @ scores[:-lag])
    return max(0.0, total)


def _row(world: World, kind: str, lag: int, taken: Any, value: float, error: float) -> dict[str, Any]:
    t_value = value / error if error > 0 else None
    return {
        "kind": kind,
        "lag_count": lag,
        "sample_start_date": world.dates[int(taken[0])],
        "sample_end_date": world.dates[int(taken[-1])],
        "n_pairs": len(taken),
        "value_number": round(value, 8),
        "standard_error_number": round(error, 8),
        "low_number": round(value - Z_95 * error, 8),
        "high_number": round(value + Z_95 * error, 8),
        "t_number": None if t_value is None else round(t_value, 6),
        "p_number": None if t_value is None else round(math.erfc(abs(t_value) / math.sqrt(2)), 8),
        "reason_text": None,
    }


def _nothing(one: Regression, why: str) -> dict[str, Any]:
    return {"kind": SLOPE if one.kind == "slope" else ASYMMETRY, "lag_count": 0, "reason_text": why}


def _plain(found: Known | pl.Series) -> Doubles:
    values = found.values if isinstance(found, Known) else found
    plain: Doubles = values.cast(pl.Float64).fill_null(np.nan).to_numpy()
    return plain


def _first_of_period(known: Known) -> Any:
    """Say of each session whether its period is newer than that of any session before it."""
    if known.periods is None:
        return np.ones(len(known.values), dtype=bool)
    days = known.periods.to_physical().cast(pl.Int64).fill_null(-(10**9)).to_numpy()
    before = np.concatenate([[-(10**9)], np.maximum.accumulate(days)[:-1]])
    return days > before


def _later(values: Doubles, lag: int) -> Doubles:
    """Return on each session the value so many sessions later, earlier for a negative lag; NaN past the ends."""
    found = np.full(len(values), np.nan)
    if lag >= 0:
        found[: len(values) - lag] = values[lag:]
    else:
        found[-lag:] = values[:lag]
    return found
