"""The few statistics that outcomes and validity need, small enough to check by hand. Nothing here reads a table."""

from __future__ import annotations

import math
from bisect import bisect_left
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

Z_95: Final = 1.959963984540054
"""The 97.5 % point of the normal distribution: intervals are two-sided 95 %."""

Doubles = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int16]
"""Sessions are counted in 16 bits, which is three times as fast as 64 and enough for 130 years."""


def wilson(share: float, count: float, z: float = Z_95) -> tuple[float, float] | None:
    """Return Wilson's interval of a share seen in `count` independent trials, None without a trial."""
    if count <= 0:
        return None
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    # the formula gives 0 and 1 at the ends up to rounding
    return max(0.0, middle - half), min(1.0, middle + half)


def spearman(left: pl.Series, right: pl.Series) -> float | None:
    """Return Pearson's correlation of the average ranks; None under three pairs or where one side never varies."""
    pairs = pl.DataFrame({"left": left, "right": right}).drop_nulls()
    if pairs.height < 3:
        return None
    ranks = pairs.select(pl.all().rank("average"))
    one, other = (ranks[name].to_numpy() - (pairs.height + 1) / 2 for name in ("left", "right"))
    spread = math.sqrt(float(one @ one) * float(other @ other))
    return float(one @ other) / spread if spread > 0 else None


def sign_agreement(left: pl.Series, right: pl.Series) -> tuple[float | None, int]:
    """Return the share of pairs with the same sign and the number of pairs; a pair with a zero in it does not count."""
    pairs = pl.DataFrame({"left": left, "right": right}).drop_nulls()
    pairs = pairs.filter((pl.col("left") != 0) & (pl.col("right") != 0))
    if pairs.is_empty():
        return None, 0
    same = (pairs["left"].sign() == pairs["right"].sign()).sum()
    return float(same) / pairs.height, pairs.height


def top_overlap(left: pl.Series, right: pl.Series, share: float = 0.1) -> tuple[float | None, int]:
    """Return the part of the top `share` of `right` that is in the top of `left` too, and the number of pairs.

    Both tops hold the same number of pairs, rounded up. Where values tie at the edge of a top, those at the edge divide
    the places that are left evenly: a score of whole points has many ties, and no order among them means anything.
    """
    pairs = pl.DataFrame({"left": left, "right": right}).drop_nulls()
    places = math.ceil(pairs.height * share - 1e-9)
    if places == 0:
        return None, pairs.height
    one, other = (_in_top(pairs[name].to_numpy(), places) for name in ("left", "right"))
    return float(one @ other) / places, pairs.height


def _in_top(values: Doubles, places: int) -> Doubles:
    """Return for each value the part of a place that it has among the `places` greatest."""
    edge = np.sort(values)[-places]
    above, at = values > edge, values == edge
    shares: Doubles = above + at * ((places - above.sum()) / at.sum())
    return shares


def windows_that_fit(positions: npt.NDArray[np.int64], length: int) -> int:
    """Return how many windows of `length` sessions that start at some of `positions` fit beside one another.

    Greedy from the left, which is the most there can be. `positions` are session numbers in order.
    """
    places = positions.tolist()
    count, at = 0, 0
    while at < len(places):
        count += 1
        at = bisect_left(places, places[at] + length, at)
    return count


def block_weights(size: int, block: int, resamples: int, seed: int) -> Counts:
    """Return how often each of `size` sessions comes in each resample of a circular block bootstrap: (size, resamples).

    A resample is laid out of runs of `block` sessions that start anywhere and go on at the beginning when they reach
    the end, cut so that it has as many sessions as there are.
    """
    if size > np.iinfo(np.int16).max:
        raise ValueError(f"at most {np.iinfo(np.int16).max} sessions can be resampled, got {size}")
    if size == 0:
        return np.zeros((0, resamples), dtype=np.int16)
    block = min(block, size)
    runs = -(-size // block)
    starts = np.random.default_rng(seed).integers(0, size, size=(runs, resamples))
    lengths = np.full(runs, block)
    lengths[-1] = size - block * (runs - 1)
    # a run adds one at its start and takes it away behind its end, on a line twice as long: what is under way where
    # the first half ends goes on at the beginning
    marks = np.zeros((2 * size + 1) * resamples, dtype=np.int16)
    columns = np.arange(resamples)
    np.add.at(marks, (starts * resamples + columns).ravel(), np.int16(1))
    np.add.at(marks, ((starts + lengths[:, None]) * resamples + columns).ravel(), np.int16(-1))
    on_line = marks.reshape(2 * size + 1, resamples)
    under_way = on_line[:size].sum(axis=0, dtype=np.int16)
    weights: Counts = on_line[:size] + on_line[size : 2 * size]
    weights[0] += under_way
    return _add_up(weights)


def _add_up(rows: Counts) -> Counts:
    """Replace each row by the sum of it and all before; numpy's own cumsum goes down each column and takes ten times
    as long."""
    for before, row in pairwise(rows):
        row += before
    return rows


def resampled_medians(values: Doubles, weights: Counts, rows: npt.NDArray[np.int64] | None = None) -> Doubles:
    """Return the median of `values` in each resample, NaN where a resample has none of them.

    `weights` is (number of sessions, resamples): how often each comes in each; `rows`: of which of them
    the values are, all without it.
    """
    order = np.argsort(values, kind="stable")
    ranked, drawn = values[order], weights.take(order if rows is None else rows[order], axis=0)
    lower, upper = median_places(drawn)
    medians = (ranked[lower] + ranked[upper]) / 2
    medians[drawn[lower, np.arange(drawn.shape[1])] == 0] = np.nan  # what lies in the middle was drawn
    return np.asarray(medians, dtype=np.float64)


def median_places(drawn: Counts) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return for each resample which two of the values, in their order, lie in its middle.

    `drawn` is (number of values, resamples): how often each comes in each.
    """
    # counted by blocks of values first: to count up to each value of each resample takes three times as long
    until = np.empty((-(-len(drawn) // _BLOCK), drawn.shape[1]), dtype=np.int16)
    for block, counted in enumerate(until):  # numpy's own reduceat takes ten times as long
        np.add.reduce(drawn[block * _BLOCK : (block + 1) * _BLOCK], axis=0, dtype=np.int16, out=counted)
    totals = _add_up(until)[-1]
    lower = _reached(drawn, until, (totals - 1) // 2, np.arange(drawn.shape[1]))
    upper, even = lower.copy(), np.flatnonzero(totals % 2 == 0)
    upper[even] = _reached(drawn, until[:, even], totals[even] // 2, even)
    return lower, upper


_BLOCK: Final = 32


def _reached(drawn: Counts, until: Counts, rank: Counts, resamples: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the value with which more than `rank` are counted, for some of the resamples; `until`: counts up to each
    block in those."""
    block = np.minimum((until <= rank).sum(axis=0), len(until) - 1)
    before = np.where(block > 0, until[block - 1, np.arange(len(resamples))], 0)
    places = block * _BLOCK + np.arange(_BLOCK)[:, None]
    last = len(drawn) - 1
    inside = drawn.ravel().take(np.minimum(places, last) * drawn.shape[1] + resamples)
    inside[places > last] = 0
    inside[0] += before
    passed = (_add_up(inside) <= rank).sum(axis=0)
    reached: npt.NDArray[np.int64] = np.minimum(block * _BLOCK + passed, last)
    return reached


def quantile(ranked: Doubles, share: float) -> float:
    """Return the point below which a share of the values lies, between ranks linearly: numpy.quantile of values in
    order, to the last bit and without the time it takes to begin."""
    place = share * (len(ranked) - 1)
    first = int(place)
    before, after, beyond = ranked[first], ranked[min(first + 1, len(ranked) - 1)], place - first
    step = after - before
    return float(before + step * beyond if beyond < 0.5 else after - step * (1 - beyond))


def percentile_interval(statistics: Doubles) -> tuple[float, float] | None:
    """Return the 2.5 % and 97.5 % points of the resampled statistics; those that are NaN are left out."""
    ranked = np.sort(statistics[~np.isnan(statistics)])
    return (quantile(ranked, 0.025), quantile(ranked, 0.975)) if len(ranked) else None
