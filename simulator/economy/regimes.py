"""The latent regimes: a semi-Markov chain through calm, late cycle, stress, crisis and recovery."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from simulator.economy.grid import Grid, Path, reverting

CALM, LATE_CYCLE, STRESS, CRISIS, RECOVERY = range(5)
NAMES: Final = ("calm", "late_cycle", "stress", "crisis", "recovery")

_WEEKDAYS_IN: Final = {CALM: (100, 330), LATE_CYCLE: (60, 200), STRESS: (15, 60), CRISIS: (25, 75), RECOVERY: (50, 130)}
_STRESS_LEVEL: Final = np.array([0.0, 0.25, 1.0, 2.6, 0.7])
_PULL: Final = np.array([0.03, 0.03, 0.07, 0.12, 0.04])

Regimes = npt.NDArray[np.int64]


def regime_path(grid: Grid) -> Regimes:
    """Return the regime of each day.

    Stress turns into a crisis or dies down, evenly; two stresses in a row never both die down. With the longest
    stays this leaves less than 1,450 weekdays between crises: every six years hold at least one.
    """
    chance = grid.stream("regime")
    state, spared = CALM, False
    stays: list[int] = []
    while len(stays) < grid.size:
        shortest, longest = _WEEKDAYS_IN[state]
        stays += [state] * int(chance.integers(shortest, longest + 1))
        breaks = bool(chance.random() < 0.5)
        if state == STRESS:
            state, spared = (CRISIS, False) if breaks or spared else (RECOVERY, True)
        else:
            state = {CALM: LATE_CYCLE, LATE_CYCLE: STRESS, CRISIS: RECOVERY, RECOVERY: CALM}[state]
    return np.array(stays[: grid.size], dtype=np.int64)


def stress_path(grid: Grid, regimes: Regimes) -> Path:
    """Return the level of stress that drives prices: about 0 in calm, above 2 in a crisis."""
    pulls = _PULL[regimes]
    targets = _STRESS_LEVEL[regimes]
    shocks = grid.normal("stress") * (0.02 + 0.02 * targets)
    level = 0.0
    path = []
    for pull, target, shock in zip(pulls.tolist(), targets.tolist(), shocks.tolist(), strict=True):
        level = max(level + pull * (target - level) + shock, -0.25)
        path.append(level)
    return np.array(path)


def pressure_path(grid: Grid, stress: Path, name: str, pull: float = 0.08, noise: float = 0.03) -> Path:
    """Return a market's own, slower or noisier, reading of the stress."""
    return reverting(0.0, pull, stress.tolist(), (grid.normal(name) * noise).tolist())
