"""Runs at another level: values that leave where their series was, all alike, and come back, or never do.

A step that nobody can explain is a break. Between two breaks lies a run; the longest run, or the one that holds what
we already hold, is where the series is. A run that ends where it began to leave is bad from its first row to its last,
and the first good row after it stands. One that never comes back is a real move or a changed unit: `persists` says.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal

LONGEST_RUN: Final = 60
"""A run of more rows came back by other ways than a correction, unless it left by five times or more."""

_FAR: Final = 5.0
_EXACT: Final = 0.04  # what trades in a day beside a moved decimal point
_CERTAIN: Final = 50.0

Persistence = Literal["one_row", "run", "group"]
"""What of a run that never comes back is refused: its first row, all its rows, everything of the group."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Rows `first`..`last` (places in the sequence) at `factor` times the level around them.

    `came_back`: the level of before stands behind them. `is_group`: nothing of the group can be trusted.
    """

    first: int
    last: int
    factor: float
    came_back: bool
    is_group: bool = False


def is_unit_factor(factor: float) -> bool:
    """Say whether no market moves so: a power of ten to four per cent, fifty times and more, another sign."""
    if factor <= 0:
        return True
    size = max(factor, 1 / factor)
    return size >= _CERTAIN or abs(size / 10 - 1) <= _EXACT


def runs_off_level(
    levels: Sequence[float],
    breaks: Sequence[int],
    *,
    near: Callable[[float, float], bool],
    persists: Callable[[float, int, bool], Persistence | None],
    anchor: int | None = None,
) -> list[Finding]:
    """Return what is wrong with one group's levels, in time order.

    `breaks`: places whose step from the place before is inexplicable. `near(a, b)`: whether b is where a was
    before. `persists(factor, rows, is_last)` judges a run that does not come back; None: it stands. `anchor`: a place
    known to be good.
    """
    bounds = [0, *breaks, len(levels)]
    runs = [(start, end - 1) for start, end in pairwise(bounds)]
    base = (
        next(at for at, (start, end) in enumerate(runs) if start <= anchor <= end)
        if anchor is not None
        else max(range(len(runs)), key=lambda at: (runs[at][1] - runs[at][0], -at))
    )
    found = _walk(levels, runs[base:], near, persists, forward=True)
    # a rise of 41 % is a fall of 29 % looked at backwards: steps are measured as time runs
    found += _walk(levels, runs[base::-1], lambda a, b: near(b, a), persists, forward=False)
    return found


def _walk(
    levels: Sequence[float],
    runs: Sequence[tuple[int, int]],
    near: Callable[[float, float], bool],
    persists: Callable[[float, int, bool], Persistence | None],
    *,
    forward: bool,
) -> list[Finding]:
    """Judge the runs one by one, away from the first, which is good."""

    def near_edge(at: int) -> float:
        return levels[runs[at][0 if forward else 1]]

    def far_edge(at: int) -> float:
        return levels[runs[at][1 if forward else 0]]

    found: list[Finding] = []
    reference, at = far_edge(0), 1
    while at < len(runs):
        factor = near_edge(at) / reference if reference else 0.0
        back = next((later for later in range(at + 1, len(runs)) if near(reference, near_edge(later))), None)
        if near(reference, near_edge(at)):
            reference, at = far_edge(at), at + 1
            continue
        if back is not None:
            first, last = sorted((runs[at], runs[back - 1]))
            is_far = factor <= 1 / _FAR or factor >= _FAR
            if last[1] - first[0] < LONGEST_RUN or is_far:
                found.append(Finding(first[0], last[1], factor, came_back=True))
                reference, at = far_edge(back), back + 1
                continue
        start, end = runs[at]
        verdict = persists(factor, end - start + 1, forward and at == len(runs) - 1)
        # whichever way we came, a break is dated by its later row
        later = start if forward else runs[at - 1][0]
        if verdict == "group":
            return [*found, Finding(start, end, factor, came_back=False, is_group=True)]
        if verdict == "run":
            found.append(Finding(start, end, factor, came_back=False))
            at += 1
            continue
        if verdict == "one_row":
            found.append(Finding(later, later, factor, came_back=False))
        reference, at = far_edge(at), at + 1
    return found
