"""People laid off: continued claims, JOLTS, permanent job losers and ADP's employment, all from one pressure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date

import numpy as np
import polars as pl

from simulator.economy.grid import FIRST_DAY, Grid, Path
from simulator.economy.regimes import pressure_path
from simulator.market import first_prints

_EMPLOYED = 133e6  # in private jobs when the simulation begins
_GROWTH = 0.0011  # a month, in calm times
_LABOR_FORCE = 165e6
_LOST_FOR_GOOD = 0.24  # share of the unemployed


def layoffs(grid: Grid, stress: Path, unemployment: Mapping[date, float]) -> Iterator[pl.DataFrame]:
    """Yield the series; months are those of `unemployment` (percent, NaN where nobody was asked)."""
    pressure = np.maximum(pressure_path(grid, stress, "layoffs", pull=0.04), 0.0)
    yield _continued(grid, pressure)
    months = pl.Series(list(unemployment), dtype=pl.Date)
    rates = np.array(list(unemployment.values()))
    of_day = grid.days.astype("datetime64[M]")
    monthly = np.array([np.mean(pressure[of_day == np.datetime64(month, "M")]) for month in unemployment])
    noise = grid.stream("layoffs month").standard_normal((len(monthly), 3))
    employed = _EMPLOYED * np.cumprod(1 + _GROWTH - 0.0016 * monthly + 0.0004 * noise[:, 0])
    laid_off = np.round(1_720_000 * np.exp(0.30 * monthly + 0.05 * noise[:, 1]), -3)
    lost = np.round(_LOST_FOR_GOOD * rates / 100 * _LABOR_FORCE * np.exp(0.02 * noise[:, 2]), -3)
    yield first_prints("jolts_layoffs", months, laid_off)
    yield first_prints("jolts_layoffs_rate", months, np.round(100 * laid_off / (1.18 * employed), 1))
    yield first_prints("permanent_job_losers", months, lost)
    yield first_prints("adp_employment", months, np.round(employed, -3))


def _continued(grid: Grid, pressure: Path) -> pl.DataFrame:
    """Return continued claims of the weeks that end on Saturdays, in whole thousands."""
    weekdays = (grid.calendar_days.astype(int) + 3) % 7
    saturdays = (weekdays == 5) & (grid.calendar_days >= np.datetime64(FIRST_DAY))
    shocks = 0.012 * grid.stream("continued claims week").standard_normal(int(saturdays.sum()))
    claims = np.round(1_800_000 * np.exp(0.45 * grid.carried(pressure)[saturdays] + shocks), -3)
    return first_prints("continued_claims", pl.Series(grid.calendar_days[saturdays]).cast(pl.Date), claims)
