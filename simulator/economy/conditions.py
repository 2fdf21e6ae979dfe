"""Published indices of financial conditions, and the weekly revisions they are known for."""

from __future__ import annotations

import numpy as np
import polars as pl

from ingest.catalog import load_catalog
from simulator.economy.grid import FIRST_DAY, Grid, Path
from simulator.economy.regimes import pressure_path
from simulator.market import first_prints

_REVISED_WEEKS = 8
_CHANCE_OF_REVISION = 0.35


def weekly_index(grid: Grid, stress: Path, series_id: str, base: float, scale: float, decimals: int) -> pl.DataFrame:
    """Return rows of a Friday index whose every release changes some of the eight weeks before."""
    fridays = (grid.weekday == 4) & (grid.days >= np.datetime64(FIRST_DAY))
    weeks = grid.days[fridays]
    level = base + scale * pressure_path(grid, stress, series_id)
    periods = pl.Series("period_date", weeks)
    first = level[fridays]
    rows = [first_prints(series_id, periods, np.round(first, decimals))]
    chance = grid.stream(f"{series_id} revisions")
    draws = chance.random((len(weeks), _REVISED_WEEKS, 2))
    rule = load_catalog().by_id(series_id).provider("fred").release
    for lag in range(1, _REVISED_WEEKS + 1):
        revised = np.flatnonzero(draws[:, lag - 1, 0] < _CHANCE_OF_REVISION)
        revised = revised[revised + lag < len(weeks)]  # only what a release inside the simulation brings
        shift = 0.04 * scale * (draws[revised, lag - 1, 1] - 0.5)
        changed = first_prints(series_id, periods.gather(revised), np.round(first[revised] + shift, decimals))
        moments = rule.released_at(periods.gather(revised + lag))
        rows.append(changed.with_columns(moments.alias("revised_at")))
    return pl.concat(rows)


def stress_index(grid: Grid, stress: Path) -> Path:
    """Return the daily index of the Office of Financial Research, in its own units."""
    return -2.2 + 4.4 * pressure_path(grid, stress, "ofr", pull=0.15, noise=0.08)
