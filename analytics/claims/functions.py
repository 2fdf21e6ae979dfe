"""The functions of a condition, over one value per session. Unknown is NULL and stays it: a window that lacks a value
has none, and a statement about unknown values is neither true nor false. Nothing looks at a later session.
"""

from __future__ import annotations

import hashlib
import math
from bisect import bisect_left, insort
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import polars as pl

_SESSIONS_A_YEAR: Final = 252


@dataclass(frozen=True, slots=True)
class Known:
    """A feature as it was known at each session's cut-off; `periods` are the dates that the values are about."""

    values: pl.Series
    periods: pl.Series | None = None
    sessions: pl.Series | None = None


def of_series(values: pl.Series) -> str:
    """Return the fingerprint of values in their order."""
    return hashlib.sha256(values.hash().to_numpy().tobytes()).hexdigest()


def own(x: Known) -> pl.Series:
    """Return the values that are about the session itself; an older one is NULL."""
    if x.periods is None or x.sessions is None:
        raise ValueError("own() takes a feature with dates")
    return _chosen(x.periods == x.sessions, x.values)


def _chosen(where: pl.Series, values: pl.Series) -> pl.Series:
    return pl.select(pl.when(where).then(values)).to_series()


def lag(x: pl.Series, sessions: int) -> pl.Series:
    """Return the value of so many sessions before."""
    return x.shift(sessions)


def change(x: pl.Series, sessions: int) -> pl.Series:
    """Return the value less that of so many sessions before."""
    return x - x.shift(sessions)


def growth(x: pl.Series, sessions: int) -> pl.Series:
    """Return the value over that of so many sessions before, less 1."""
    return x / x.shift(sessions) - 1


def average(x: pl.Series, sessions: int) -> pl.Series:
    """Return the mean of the last sessions, the own one included."""
    return x.rolling_mean(sessions, min_samples=sessions)


def highest(x: pl.Series, sessions: int) -> pl.Series:
    """Return the greatest value of the last sessions, the own one included."""
    return x.rolling_max(sessions, min_samples=sessions)


def lowest(x: pl.Series, sessions: int) -> pl.Series:
    """Return the least value of the last sessions, the own one included."""
    return x.rolling_min(sessions, min_samples=sessions)


def zscore(x: pl.Series, sessions: int) -> pl.Series:
    """Return how many standard deviations the value is off the mean of the sessions before it, half of which exist."""
    before, least = x.shift(1), math.ceil(sessions / 2)
    spread = before.rolling_std(sessions, min_samples=least)
    return (x - before.rolling_mean(sessions, min_samples=least)) / _chosen(spread > 0, spread)


def volatility(x: pl.Series, sessions: int) -> pl.Series:
    """Return the deviation of the last daily log returns, per year, as a plain ratio."""
    steps = x.log() - x.shift(1).log()
    return steps.rolling_std(sessions, min_samples=sessions) * math.sqrt(_SESSIONS_A_YEAR)


def ever(is_true: pl.Series, sessions: int) -> pl.Series:
    """Say whether it was true on any of the last sessions; unknown where none is known to be and one is unknown."""
    some = is_true.fill_null(value=False).cast(pl.Int32).rolling_sum(sessions, min_samples=1) > 0
    unknown = is_true.is_null().cast(pl.Int32).rolling_sum(sessions, min_samples=1) > 0
    short = pl.Series([place < sessions - 1 for place in range(len(is_true))], dtype=pl.Boolean)
    return pl.select(pl.when(some).then(statement=True).when(unknown | short).then(None).otherwise(False)).to_series()


def count(is_true: pl.Series, sessions: int) -> pl.Series:
    """Return on how many of the last sessions it was true; unknown where one is unknown."""
    return is_true.cast(pl.Float64).rolling_sum(sessions, min_samples=sessions)


def streak(is_true: pl.Series) -> pl.Series:
    """Return for how many sessions in a row it has been true; unknown breaks a run, and is unknown itself."""
    found: list[float | None] = []
    length = 0
    for one in is_true.to_list():
        length = length + 1 if one else 0
        found.append(None if one is None else float(length))
    return pl.Series(found, dtype=pl.Float64)


def percentile(x: pl.Series, sessions: int) -> pl.Series:
    """Return the share, 0 to 100, of the sessions before that are not above the value; each of them must be known."""
    values = x.cast(pl.Float64).fill_null(math.nan).to_numpy()
    found = np.full(len(values), np.nan)
    if len(values) > sessions:
        windows = np.lib.stride_tricks.sliding_window_view(values, sessions)[:-1]
        own = values[sessions:]
        shares = 100.0 * (windows <= own[:, None]).mean(axis=1)
        found[sessions:] = np.where(np.isnan(windows).any(axis=1) | np.isnan(own), np.nan, shares)
    return pl.Series(found).fill_nan(None)


def rank_from_least(x: pl.Series) -> pl.Series:
    """Return the place of the value among all up to it, 1 for the least; unknown values have none."""
    seen: list[float] = []
    found: list[float | None] = []
    for one in x.to_list():
        found.append(None if one is None else float(bisect_left(seen, one) + 1))
        if one is not None:
            insort(seen, one)
    return pl.Series(found, dtype=pl.Float64)


def at_least(true_count: pl.Series, unknown_count: pl.Series, needed: float) -> pl.Series:
    """Say whether so many legs are true; unknown while the unknown ones could decide it."""
    could = true_count + unknown_count >= needed
    return pl.select(pl.when(true_count >= needed).then(statement=True).when(~could).then(statement=False)).to_series()


def otherwise(x: pl.Series, substitute: pl.Series) -> pl.Series:
    """Return the value, or where it is unknown that of the substitute."""
    return pl.select(pl.coalesce(x, substitute)).to_series()


def ended(is_true: pl.Series) -> pl.Series:
    """Say whether it was true on the session before and is false on this one."""
    return is_true.shift(1) & ~is_true


def reset(x: pl.Series, above: float, below: float, within: float) -> pl.Series:
    """Say whether it falls below `below` for the first time since it was above `above`, at most so many sessions ago.

    Unknown values leave the state as it is, and are unknown themselves.
    """
    found: list[bool | None] = []
    armed_at: int | None = None
    for place, one in enumerate(x.to_list()):
        is_reset = False
        if one is not None and one > above:
            armed_at = place
        elif one is not None and one < below and armed_at is not None:
            is_reset = place - armed_at <= within
            armed_at = None
        found.append(None if one is None else is_reset)
    return pl.Series(found, dtype=pl.Boolean)


# -- over periods: a weekly or monthly value counts once, when it was first known ----------------------------------


def _over_periods(x: Known, make: Callable[[pl.Series], pl.Series]) -> Known:
    """Return `make` of the values as first known of each period, on each session the newest; with the same periods."""
    if x.periods is None:
        raise ValueError("this function takes a feature with dates")
    frame = pl.DataFrame({"value": x.values, "period": x.periods}).with_row_index("place")
    first = frame.drop_nulls().filter(
        pl.col("period") > pl.col("period").cum_max().shift(1).fill_null(pl.date(1, 1, 1))
    )
    made = first.select("place", pl.Series("made", make(first["value"])), pl.lit(value=True).alias("is_first"))
    joined = frame.join(made, on="place", how="left", maintain_order="left").with_columns(
        number=pl.col("is_first").fill_null(value=False).cast(pl.Int64).cum_sum()
    )
    # the newest made value, as long as the feature itself is known
    newest = joined.with_columns(pl.col("made").first().over("number").alias("newest"))
    values = newest.select(
        pl.when(pl.col("value").is_not_null() & (pl.col("number") > 0)).then(pl.col("newest"))
    ).to_series()
    return Known(values, x.periods, x.sessions)


def period_change(x: Known, periods: int) -> Known:
    """Return the newest period's value less that of so many periods before, both as first known."""
    return _over_periods(x, lambda values: values - values.shift(periods))


def period_growth(x: Known, periods: int) -> Known:
    """Return the newest period's value over that of so many periods before, less 1, both as first known."""
    return _over_periods(x, lambda values: values / values.shift(periods) - 1)


def period_zscore(x: Known, periods: int) -> Known:
    """Return how far the newest period is off the mean of so many periods before it, in standard deviations."""
    return _over_periods(x, lambda values: zscore(values, periods))


def period_average(x: Known, periods: int) -> Known:
    """Return the mean of the last periods, as first known."""
    return _over_periods(x, lambda values: values.rolling_mean(periods, min_samples=periods))


def period_lowest(x: Known, periods: int) -> Known:
    """Return the least of the last periods, as first known."""
    return _over_periods(x, lambda values: values.rolling_min(periods, min_samples=periods))


def period_count_above(x: Known, level: float, periods: int) -> Known:
    """Return how many of the last periods were above a level."""
    return _over_periods(x, lambda values: count(values > level, periods))


FUNCTIONS: Final[Mapping[str, tuple[Callable[..., Any], str]]] = MappingProxyType(
    {
        "own": (own, "k"),
        "lag": (lag, "xn"),
        "change": (change, "xn"),
        "growth": (growth, "xn"),
        "average": (average, "xn"),
        "highest": (highest, "xn"),
        "lowest": (lowest, "xn"),
        "zscore": (zscore, "xn"),
        "volatility": (volatility, "xn"),
        "ever": (ever, "bn"),
        "count": (count, "bn"),
        "streak": (streak, "b"),
        "ended": (ended, "b"),
        "reset": (reset, "xfff"),
        "absolute": (lambda x: x.abs(), "x"),
        "otherwise": (otherwise, "xx"),
        "percentile": (percentile, "xn"),
        "rank_from_least": (rank_from_least, "x"),
        "at_least": (at_least, "xxf"),
        "period_change": (period_change, "kn"),
        "period_growth": (period_growth, "kn"),
        "period_zscore": (period_zscore, "kn"),
        "period_average": (period_average, "kn"),
        "period_lowest": (period_lowest, "kn"),
        "period_count_above": (period_count_above, "kfn"),
    }
)
"""By name, with the kinds of arguments: k a feature itself, x a number per session, b a statement, n a whole number of
at least 1, f a number."""
