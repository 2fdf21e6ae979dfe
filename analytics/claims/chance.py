"""What chance gives: resamples of the events for an interval, and rotations of them through the sample for a p-value.

Both are drawn from one seed, so that a test of the same events and outcomes gives the same figures.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from analytics.claims.events import Places
from analytics.regimes.statistics import Doubles, quantile

RESAMPLES: Final = 10_000
SHIFTS: Final = 5_000
SEED: Final = 20260207

Draws = npt.NDArray[np.int16]


def interval_of(seen: Doubles, *, is_share: bool) -> tuple[float, float]:
    """Return the 2.5 % and 97.5 % points of the share, or the median, of the resamples of the events."""
    if is_share:
        shares = np.sort(seen[_draws(len(seen))].mean(axis=0))
        return quantile(shares, _TAILS[0]), quantile(shares, _TAILS[1])
    ranked, middles = np.sort(seen), _middles(len(seen))
    return middles.interval((ranked[middles.lower] + ranked[middles.upper]) / 2)


@dataclass(frozen=True, slots=True)
class _Middles:
    """Which two events in order lie in the middle of resamples, each pair once, with how many resamples it is of.

    There are some dozens of them, where there are 10,000 medians to sort.
    """

    lower: Places
    upper: Places
    counts: Places

    def interval(self, medians: Doubles) -> tuple[float, float]:
        """Return both points of medians that come so many times each."""
        order = np.argsort(medians, kind="stable")
        ranked = np.repeat(medians[order], self.counts[order])
        return quantile(ranked, _TAILS[0]), quantile(ranked, _TAILS[1])


_TAILS: Final = (0.025, 0.975)


@cache
def _middles(count: int) -> _Middles:
    ordered = np.sort(_draws(count).T, axis=1)
    lower, upper = ordered[:, (count - 1) // 2].astype(np.int64), ordered[:, count // 2]
    pairs, counts = np.unique(lower * count + upper, return_counts=True)
    return _Middles(pairs // count, pairs % count, counts)


def _draws(count: int) -> Draws:
    """Return which events each resample consists of, drawn with replacement: (count, RESAMPLES)."""
    return np.random.default_rng(SEED).integers(0, count, size=(count, RESAMPLES)).astype(np.int16)


@dataclass(frozen=True, slots=True)
class Line:
    """The outcomes of a sample laid end to start, twice, members below one another, as places in their order."""

    ranks: npt.NDArray[Any]
    ranked: Doubles
    """The outcomes in order and behind them NaN, which is what a member without one has."""
    columns: int
    has_gaps: bool


def line_of(values: Doubles, order: Places | None = None) -> Line:
    """Return `values`, one row per member and one column per session, NaN where a member has none, as a line."""
    if order is None:
        order = np.argsort(values, axis=None, kind="stable")  # what is unknown comes last
    count = values.size - int(np.isnan(values).sum())
    # short rows of 16 bits are sorted several times as fast as the outcomes themselves
    ranks = np.full(values.size, count, dtype=np.int16 if count < np.iinfo(np.int16).max else np.int32)
    ranks[order[:count]] = np.arange(count)
    laid = ranks.reshape(values.shape)
    ranked = np.append(values.ravel()[order[:count]], np.nan)
    return Line(np.concatenate([laid, laid], axis=1).ravel(), ranked, values.shape[1], count < values.size)


def shifted_statistics(line: Line, members: Places, events: Places, *, is_share: bool, shifts: int = SHIFTS) -> Doubles:
    """Return the statistic of the events, their spacing kept, rotated through the sample by random distances.

    An event that comes to lie where a member has no outcome is left out of that rotation, and a rotation without any
    event is none.
    """
    distances, drawn_as = _distances(line.columns, shifts)
    starts = members * (2 * line.columns) + events
    drawn = line.ranks.take(starts[:, None] + distances).T.copy()
    counts = np.full(len(drawn), len(events))
    if line.has_gaps:
        counts = (drawn < len(line.ranked) - 1).sum(axis=1)
    if is_share:
        with np.errstate(invalid="ignore"):
            found = np.nansum(line.ranked[drawn], axis=1) / counts
    else:
        drawn.sort(axis=1)  # what is unknown comes last
        rows = np.arange(len(drawn))
        lower, upper = drawn[rows, np.maximum(counts - 1, 0) // 2], drawn[rows, counts // 2]
        found = (line.ranked[lower] + line.ranked[upper]) / 2
    every: Doubles = found[drawn_as]
    return every[counts[drawn_as] > 0]


@cache
def _distances(columns: int, shifts: int) -> tuple[Places, Places]:
    """Return the distances of the rotations, each once, and which of them each rotation is."""
    drawn = np.random.default_rng(SEED).integers(1, columns, size=shifts)
    once, drawn_as = np.unique(drawn, return_inverse=True)
    return once, drawn_as
