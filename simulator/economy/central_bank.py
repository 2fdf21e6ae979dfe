"""The Federal Reserve's balance sheet and the Treasury's account at it, in millions of dollars."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from simulator.economy.grid import Flags, Grid, Path, last_of_month
from simulator.economy.regimes import CALM, CRISIS, LATE_CYCLE, RECOVERY, STRESS, Regimes

_DRIFT = np.array([-0.0040, -0.0060, -0.0030, 0.0350, 0.0060])  # of the logit of assets, per weekday
_SMALLEST, _RANGE = 4_000_000.0, 5_000_000.0
_RRP_FACILITY_OPENS = np.datetime64("2013-09-23")
_BTFP_OPENS = np.datetime64("2023-03-13")
_TAX_DATES = {4: (15, 6, 36_000.0), 6: (15, 3, 24_000.0), 9: (15, 3, 24_000.0), 1: (15, 4, 20_000.0)}
"""Month: first day, working days of inflow, inflow per day."""


@dataclass(frozen=True, slots=True)
class BalanceSheet:
    """Daily paths on the grid, in millions of dollars; `policy_rate` in percent."""

    assets: Path
    tga: Path
    on_rrp: Path
    reserves: Path
    primary_credit: Path
    term_funding: Path
    policy_rate: Path


def balance_sheet(grid: Grid, regimes: Regimes, stress: Path) -> BalanceSheet:
    """Return the sheet: purchases in crises, run-off after, reserves as what the other legs leave."""
    works = grid.on("federal_reserve")
    assets = _assets(grid, regimes)
    tga = _treasury_account(grid, regimes, works)
    on_rrp = _reverse_repos(grid, assets, stress)
    years = (grid.days - grid.days[0]).astype(float) / 365.25
    currency = 2_400_000.0 - 1_300_000.0 * np.exp(-years / 22.0)
    reserves = assets - tga - on_rrp - currency - 250_000.0
    credit = 60.0 + np.maximum(stress - 0.9, 0.0) * 26_000.0
    return BalanceSheet(
        assets=assets,
        tga=tga,
        on_rrp=on_rrp,
        reserves=np.round(reserves),
        primary_credit=np.round(credit * np.exp(0.15 * grid.normal("primary credit"))),
        term_funding=_term_funding(grid, stress),
        policy_rate=_policy_rate(grid, regimes),
    )


def _assets(grid: Grid, regimes: Regimes) -> Path:
    drift = _DRIFT[regimes] + 0.002 * grid.normal("assets")
    logit = -1.6
    path = []
    for step in drift.tolist():
        logit += step - 0.0015 * logit
        path.append(_SMALLEST + _RANGE / (1.0 + math.exp(-logit)))
    return np.round(np.array(path))


def _treasury_account(grid: Grid, regimes: Regimes, works: Flags) -> Path:
    """Return the account's daily close: whole millions, so that the weekly figures agree to the dollar."""
    target = np.where(np.isin(regimes, (CRISIS, RECOVERY)), 850_000.0, 480_000.0)
    flow = _tax_inflow(grid) + 9_000.0 * grid.normal("tga")
    flow -= np.where(grid.day_of_month <= 3, 14_000.0, 0.0) + np.where(grid.day_of_month == 15, 12_000.0, 0.0)
    flow += np.where(last_of_month(grid, "federal_reserve"), 16_000.0, 0.0)
    level = 300_000.0
    path = []
    for works_today, goal, step in zip(works.tolist(), target.tolist(), flow.tolist(), strict=True):
        if works_today:
            level = float(round(max(level + 0.02 * (goal - level) + step, 30_000.0 + abs(step) / 10)))
        path.append(level)
    return np.array(path)


def _tax_inflow(grid: Grid) -> Path:
    inflow = np.zeros(grid.size)
    for month, (first, days, amount) in _TAX_DATES.items():
        window = (grid.month == month) & (grid.day_of_month >= first) & (grid.day_of_month < first + days + 2)
        inflow[window] = amount
    return inflow


def _reverse_repos(grid: Grid, assets: Path, stress: Path) -> Path:
    """Return take-up: a hump while assets are large, spikes at quarter and month ends, near zero otherwise."""
    goal = 0.52 * np.maximum(assets - 6_300_000.0, 0.0) * np.exp(0.1 * np.minimum(stress, 1.0))
    spike = np.where(last_of_month(grid, "federal_reserve", every=3), 60_000 + 190_000 * grid.uniform("rrp quarter"), 0)
    month = last_of_month(grid, "federal_reserve") & (spike == 0)
    spike = spike + np.where(month, 15_000 + 40_000 * grid.uniform("rrp month"), 0.0)
    level = 0.0
    base = []
    for target, shock in zip(goal.tolist(), grid.normal("rrp").tolist(), strict=True):
        level = max(level + 0.04 * (target - level) + (2_000.0 + 0.012 * level) * shock, 0.0)
        base.append(level)
    path = np.array(base) + spike + 3_000.0 * grid.uniform("rrp floor")
    return np.where(grid.days >= _RRP_FACILITY_OPENS, np.round(path), 0.0)


def _term_funding(grid: Grid, stress: Path) -> Path:
    """Return term loans to banks: lent in stress from the programme's start, repaid over a year."""
    lent = np.where(grid.days >= _BTFP_OPENS, np.maximum(stress - 1.0, 0.0) * 2_500.0, 0.0)
    level = 0.0
    path = []
    for loan in lent.tolist():
        level = level * (1 - 1 / 180) + loan
        path.append(level)
    return np.round(np.array(path))


def _policy_rate(grid: Grid, regimes: Regimes) -> Path:
    """Return the rate on reserves in force: decided every sixth Wednesday, in force the day after."""
    week = (grid.days - grid.days[0]).astype(int) // 7
    meets = (grid.weekday == 2) & (week % 6 == 2)
    rate, decided = 0.25, 0.25
    path = []
    for regime, meeting, chance in zip(regimes.tolist(), meets.tolist(), grid.uniform("policy").tolist(), strict=True):
        rate = decided
        path.append(rate)
        if meeting:
            decided = min(max(rate + _decision(regime, rate, chance), 0.25), 5.5)
    return np.array(path)


def _decision(regime: int, rate: float, chance: float) -> float:
    if regime == CRISIS:
        return -1.0
    if regime == STRESS:
        return -0.25 if chance < 0.5 else 0.0
    if regime == LATE_CYCLE:
        return 0.25 if chance < 0.85 else 0.5
    if regime == CALM:
        return 0.25 if chance < 0.55 and rate < 3.0 else 0.0
    return 0.0
