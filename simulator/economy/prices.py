"""Currencies, credit, rates volatility, the equity index and its volatility surface."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from simulator.economy.grid import Grid, Path, reverting
from simulator.economy.rates import Rates
from simulator.economy.regimes import Regimes, pressure_path

_YEARLY_DRIFT = np.array([0.135, 0.08, -0.15, -0.75, 0.30])


@dataclass(frozen=True, slots=True)
class Bars:
    """Open, high, low and close of one instrument."""

    open: Path
    high: Path
    low: Path
    close: Path


@dataclass(frozen=True, slots=True)
class Prices:
    """Daily paths on the grid: rates as quoted, spreads in basis points, indices in points."""

    usdjpy: Path
    broad_dollar: Path
    move: Path
    hy_oas: Path
    ig_oas: Path
    ccc_oas: Path
    ccc_yield: Path
    baa_10y: Path
    ted: Path
    sp500: Bars
    vix: Bars
    vix9d: Path
    vix3m: Path
    vix6m: Path
    vvix: Path
    skew: Path


def prices(grid: Grid, regimes: Regimes, stress: Path, curve: Rates) -> Prices:
    """Return prices that all read the same stress, each with noise of its own."""
    credit = pressure_path(grid, stress, "credit")
    hot = np.maximum(credit, -0.3)
    hy_oas = 325.0 + 190.0 * hot + 25.0 * hot**2
    ccc_oas = 2.15 * hy_oas + 40.0 * pressure_path(grid, stress, "ccc", noise=0.05)
    sp500_close, vix_close = _index_and_vix(grid, regimes, stress)
    vix = _bars(grid, vix_close, "vix bars", spread=0.035)
    target = _vix_target(stress)
    gap = np.log(vix_close / target)
    tilt = 0.155 - 0.115 * stress - 0.55 * gap + 0.008 * grid.normal("term")
    return Prices(
        usdjpy=_usdjpy(grid, stress, curve),
        broad_dollar=reverting(95.0, 0.002, (112 + 5 * stress).tolist(), (0.28 * grid.normal("dollar")).tolist()),
        move=np.maximum(62 + 38 * pressure_path(grid, stress, "move") + 3.0 * grid.normal("move day"), 36.0),
        hy_oas=np.maximum(hy_oas, 245.0),
        ig_oas=np.maximum(98.0 + 48.0 * hot + 6.0 * hot**2, 70.0),
        ccc_oas=np.maximum(ccc_oas, 520.0),
        ccc_yield=np.maximum(ccc_oas, 520.0) / 100.0 + curve.us_2y + 0.4,
        baa_10y=np.maximum(185.0 + 68.0 * hot + 1.5 * grid.normal("baa"), 125.0),
        ted=np.maximum(28.0 + 45.0 * np.maximum(stress, 0) + 2.0 * grid.normal("ted"), 8.0),
        sp500=_bars(grid, sp500_close, "sp500 bars", spread=0.0045 * np.sqrt(vix_close / 15.0)),
        vix=vix,
        vix9d=np.maximum(vix_close * np.exp(-0.6 * tilt + 0.02 * grid.normal("vix9d")), 6.0),
        vix3m=np.maximum(vix_close * np.exp(tilt), 9.0),
        vix6m=np.maximum(vix_close * np.exp(1.45 * tilt), 10.0),
        vvix=np.clip(88.0 + 16.0 * stress + 55.0 * gap + 2.0 * grid.normal("vvix"), 62.0, 240.0),
        skew=np.clip(
            reverting(128.0, 0.08, (130 - 4 * stress).tolist(), (2.2 * grid.normal("skew")).tolist()), 103.0, 170.0
        ),
    )


def _vix_target(stress: Path) -> Path:
    return 14.0 + 9.5 * np.maximum(stress, -0.25) + 2.2 * np.maximum(stress, 0.0) ** 2


def _index_and_vix(grid: Grid, regimes: Regimes, stress: Path) -> tuple[Path, Path]:
    """Return closes that feed on each other: a fall lifts the VIX, a high VIX widens tomorrow's moves."""
    target = np.log(_vix_target(stress)).tolist()
    drift = (_YEARLY_DRIFT[regimes] / 252.0).tolist()
    shocks = grid.normal("sp500").tolist()
    own = grid.normal("vix").tolist()
    level, log_vix = math.log(1270.0), target[0]
    levels, vixes = [], []
    for goal, mean, shock, extra in zip(target, drift, shocks, own, strict=True):
        volatility = 0.78 * math.exp(log_vix) / 100.0 / math.sqrt(252.0)
        change = mean + volatility * max(min(shock, 5.0), -5.0)
        level += change
        log_vix += 0.12 * (goal - log_vix) - 3.2 * (change - mean) + 0.035 * extra
        log_vix = min(max(log_vix, math.log(9.3)), math.log(88.0))
        levels.append(level)
        vixes.append(log_vix)
    return np.exp(np.array(levels)), np.exp(np.array(vixes))


def _bars(grid: Grid, close: Path, name: str, spread: Path | float) -> Bars:
    """Return bars around closes: the open near the close before, the range never inside the body."""
    chance = grid.stream(name)
    draws = chance.standard_normal((grid.size, 3))
    before = np.concatenate([close[:1], close[:-1]])
    opened = before * np.exp(0.45 * spread * draws[:, 0])
    high = np.maximum(opened, close) * np.exp(0.6 * spread * np.abs(draws[:, 1]))
    low = np.minimum(opened, close) * np.exp(-0.6 * spread * np.abs(draws[:, 2]))
    return Bars(open=opened, high=high, low=low, close=close)


def _usdjpy(grid: Grid, stress: Path, curve: Rates) -> Path:
    """Return yen per dollar: drawn up by the carry, unwound when stress rises."""
    goal = np.log(92.0 + 9.0 * (curve.us_2y - curve.jgb_2y)) - 0.035 * np.maximum(stress, 0.0)
    change = np.diff(stress, prepend=stress[0])
    shocks = 0.0048 * grid.normal("usdjpy") - 0.06 * np.maximum(change - 0.03, 0.0)
    return np.exp(reverting(math.log(84.0), 0.01, goal.tolist(), shocks.tolist()))
