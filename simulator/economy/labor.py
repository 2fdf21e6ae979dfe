"""The labour market: unemployment that leaps in crises and heals slowly, the Sahm rule on it, weekly claims."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final

import numpy as np
import polars as pl

from ingest.catalog import load_catalog
from simulator.economy.grid import FIRST_DAY, Grid, Path, whole_months
from simulator.economy.layoffs import layoffs
from simulator.economy.regimes import pressure_path
from simulator.market import first_prints

NEVER_COLLECTED: Final = date(2025, 10, 1)
"""The month without a household survey: the shutdown of 2025."""

_RISES, _HEALS = 0.020, 0.0045  # a weekday's share of the way to where unemployment is going
_CHANCE_OF_REVISION = 0.12
_REVISED_MONTHS = 59  # five years, the newest print excepted
_MONTHS_BEFORE = 12  # that the rule's lowest mean is taken from


def labor(grid: Grid, stress: Path) -> Iterator[pl.DataFrame]:
    """Yield unemployment with its yearly seasonal revisions, the real-time Sahm indicator, claims and layoffs."""
    months, rates = _unemployment(grid, stress)
    revisions = _seasonal_revisions(grid, months, rates)
    firsts = first_prints("unrate", pl.Series(months, dtype=pl.Date), rates)
    yield firsts
    rule = load_catalog().by_id("unrate").provider("fred").release
    for december, changes in revisions.items():
        changed = first_prints("unrate", pl.Series(list(changes), dtype=pl.Date), list(changes.values()))
        moment = pl.lit(rule.released_at_one(december)).cast(pl.Datetime("us"))
        yield changed.with_columns(moment.alias("revised_at"))
    yield _sahm(dict(firsts.select("period_date", "value").iter_rows()), months, revisions)
    yield from _claims(grid, stress)
    yield from layoffs(grid, stress, dict(zip(months, rates, strict=True)))


def _unemployment(grid: Grid, stress: Path) -> tuple[list[date], list[float]]:
    """Return each whole month with its rate, in percent to one decimal; NaN for the month nobody was asked in."""
    goal = 3.7 + 2.3 * np.maximum(stress - 0.25, 0.0)
    level = 4.6
    path = []
    for target in goal.tolist():
        level += (_RISES if target > level else _HEALS) * (target - level)
        path.append(level)
    months = whole_months(grid)
    month_of_day = grid.days.astype("datetime64[M]")
    means = [np.mean(np.array(path)[month_of_day == np.datetime64(month, "M")]) for month in months]
    noise = 0.05 * grid.stream("unemployment").standard_normal(len(months))
    rates = np.round(np.array(means) + noise, 1).tolist()
    return months, [np.nan if month == NEVER_COLLECTED else rate for month, rate in zip(months, rates, strict=True)]


def _seasonal_revisions(grid: Grid, months: list[date], rates: list[float]) -> dict[date, dict[date, float]]:
    """Return, per December, the months whose rate its release changed by a tenth: some of the five years before."""
    current = dict(zip(months, rates, strict=True))
    found = {}
    for december in (month for month in months if month.month == 12):
        draws = grid.stream(f"unemployment revised {december.year}").random((_REVISED_MONTHS, 2))
        earlier = [month for month in months if month < december][-_REVISED_MONTHS:][::-1]
        changes = {}
        for month, (chance, sign) in zip(earlier, draws.tolist(), strict=False):
            if chance < _CHANCE_OF_REVISION and not np.isnan(current[month]):
                changes[month] = round(current[month] + (0.1 if sign < 0.5 else -0.1), 1)
        current.update(changes)
        if changes:
            found[december] = changes
    return found


def _sahm(rates: dict[date, float], months: list[date], revisions: dict[date, dict[date, float]]) -> pl.DataFrame:
    """Return the rule as it could be computed on each release: mean of three months over the year's lowest.

    A mean needs its three months; one that lacks a month is none, and the lowest is then taken of the others.
    """
    known: dict[date, float] = {}
    periods, values = [], []
    for at, month in enumerate(months):
        if month in rates:
            known[month] = rates[month]
        known.update(revisions.get(month, {}))
        means: list[float | None] = []
        for back in range(_MONTHS_BEFORE + 1):
            three = [known.get(one) for one in months[max(at - back - 2, 0) : max(at - back + 1, 0)]]
            whole = [rate for rate in three if rate is not None]
            means.append(sum(whole) / 3 if len(whole) == 3 else None)
        before = [mean for mean in means[1:] if mean is not None]
        if means[0] is not None and at >= _MONTHS_BEFORE + 2:
            periods.append(month)
            values.append(round(means[0] - min(before), 2))
    return first_prints("sahm_realtime", pl.Series(periods, dtype=pl.Date), values)


def _claims(grid: Grid, stress: Path) -> Iterator[pl.DataFrame]:
    """Yield claims of the weeks that end on Saturdays, in whole thousands; the next release revises the week before."""
    weekdays = (grid.calendar_days.astype(int) + 3) % 7
    saturdays = (weekdays == 5) & (grid.calendar_days >= np.datetime64(FIRST_DAY))
    pressure = np.maximum(grid.carried(pressure_path(grid, stress, "claims", pull=0.10))[saturdays], 0.0)
    shocks = 0.025 * grid.stream("claims week").standard_normal(len(pressure))
    weeks = pl.Series(grid.calendar_days[saturdays]).cast(pl.Date)
    first = np.round(208_000 * np.exp(0.5 * pressure + shocks), -3)
    yield first_prints("initial_claims", weeks, first)
    shift = np.round(1_400 * grid.stream("claims revised").standard_normal(len(first)), -3)
    revised = np.flatnonzero(shift[:-1])
    changed = first_prints("initial_claims", weeks.gather(revised), (first + shift)[revised])
    rule = load_catalog().by_id("initial_claims").provider("fred").release
    next_week = weeks.gather(revised) + timedelta(days=7)
    yield changed.with_columns(rule.released_at(next_week).alias("revised_at"))
