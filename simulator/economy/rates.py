"""Funding rates and the government curves, in percent."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.economy.central_bank import BalanceSheet
from simulator.economy.grid import Grid, Path, last_of_month, reverting
from simulator.economy.regimes import Regimes

_SLOPE = np.array([1.30, 0.10, -0.35, 0.80, 1.90])  # 10 years minus policy, by regime
_EXPECTED = np.array([0.25, 0.30, -0.45, -0.25, 0.15])  # 2 years minus policy, by regime


@dataclass(frozen=True, slots=True)
class Rates:
    """Daily paths on the grid. Rates and yields in percent, `sofr_volume` in billions of dollars."""

    sofr: Path
    sofr_99th: Path
    sofr_volume: Path
    effr: Path
    us_3m: Path
    us_2y: Path
    us_10y: Path
    us_30y: Path
    jgb_2y: Path
    jgb_10y: Path
    jgb_30y: Path


def rates(grid: Grid, regimes: Regimes, stress: Path, sheet: BalanceSheet) -> Rates:
    """Return overnight rates that press on the policy rate when reserves are scarce, and curves around it."""
    policy = sheet.policy_rate
    scarcity = np.clip(0.42 - sheet.reserves / sheet.assets, 0.0, 0.4)
    turn = np.where(last_of_month(grid, "sifma", every=3), 0.06 + 0.9 * scarcity + 0.1 * grid.uniform("turn"), 0.0)
    month = last_of_month(grid, "sifma") & (turn == 0)
    turn = turn + np.where(month, 0.02 + 0.3 * scarcity, 0.0)
    sofr = policy - 0.06 + 0.7 * scarcity + turn + 0.012 * grid.normal("sofr")
    sofr_99th = sofr + 0.06 + 1.6 * turn + 0.04 * np.maximum(stress, 0.0) + 0.015 * np.abs(grid.normal("sofr 99"))
    effr = np.maximum(policy - 0.10 + 0.12 * scarcity + 0.006 * grid.normal("effr"), 0.04)

    us_2y = reverting(0.5, 0.02, (policy + _EXPECTED[regimes]).tolist(), (0.045 * grid.normal("us 2y")).tolist())
    goal_10y = np.maximum(policy + _SLOPE[regimes], 1.2)
    us_10y = reverting(2.0, 0.012, goal_10y.tolist(), (0.05 * grid.normal("us 10y")).tolist())
    us_10y = us_10y - 0.12 * np.maximum(stress, 0.0)
    us_30y = us_10y + reverting(0.5, 0.01, [0.5] * grid.size, (0.012 * grid.normal("us 30y")).tolist())

    years = (grid.days - grid.days[0]).astype(float) / 365.25
    anchor = -0.1 + 1.6 / (1.0 + np.exp(-(years - 12.5)))  # the end of zero rates
    jgb_2y = reverting(0.1, 0.01, anchor.tolist(), (0.011 * grid.normal("jgb 2y")).tolist())
    term = reverting(0.6, 0.01, (0.45 + 0.4 * anchor).tolist(), (0.014 * grid.normal("jgb 10y")).tolist())
    ultra = reverting(0.9, 0.01, (0.7 + 0.3 * anchor).tolist(), (0.014 * grid.normal("jgb 30y")).tolist())
    return Rates(
        sofr=np.maximum(sofr, 0.01),
        sofr_99th=np.maximum(sofr_99th, 0.06),
        sofr_volume=np.round(700 + 150 * years + 60 * grid.normal("sofr volume") + 80 * (turn > 0)),
        effr=effr,
        us_3m=np.maximum(policy - 0.02 + 0.02 * grid.normal("us 3m") - 0.05 * np.maximum(stress, 0), 0.01),
        us_2y=np.maximum(us_2y, 0.05),
        us_10y=np.maximum(us_10y, 0.3),
        us_30y=np.maximum(us_30y, 0.6),
        jgb_2y=jgb_2y,
        jgb_10y=jgb_2y + term,
        jgb_30y=jgb_2y + term + ultra,
    )
