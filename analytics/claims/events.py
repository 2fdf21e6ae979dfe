"""When a condition began to hold: onsets, and of those the ones that lie far enough apart."""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

Places = npt.NDArray[np.int64]

NATURAL: Final = 1
"""A cool-down of one session lets every onset count."""


def onsets(condition: pl.Series) -> Places:
    """Return the places at which the condition is TRUE and was not on the session before."""
    held = condition.cast(pl.Float32).to_numpy() == 1  # NULL is NaN then, which equals nothing
    found: Places = np.flatnonzero(held & ~np.concatenate([[False], held[:-1]])).astype(np.int64)
    return found


def spaced(places: Places, cooldown: int) -> Places:
    """Return the places at least `cooldown` apart, greedy from the left: what a reader at the time would have taken."""
    ordered, found, at = places.tolist(), [], 0
    while at < len(ordered):
        found.append(ordered[at])
        at = bisect_left(ordered, ordered[at] + cooldown, at)
    return np.array(found, dtype=np.int64)


def spaced_in_blocks(places: Places, cooldown: int, length: int) -> Places:
    """Return the same where blocks of `length` sessions are laid end to end: no block knows of the one before it."""
    if not len(places) or places[-1] < length:
        return spaced(places, cooldown)
    blocks = places // length
    kept = [spaced(places[blocks == one], cooldown) for one in np.unique(blocks)]
    return np.concatenate(kept)
