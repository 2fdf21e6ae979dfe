"""Series of the catalog that the economy does not draw itself: inside their plausible range, or like another series.

`simulate` of an entry says it: `like` which one, `inverse` to mirror it, `noise_pct` to stray from it by so much a day,
`between` which values where that is far less than what is plausible.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import polars as pl

from ingest.catalog.frequency import MONTHS, is_period, period_end
from ingest.catalog.models import Catalog, Series
from simulator.economy.grid import FIRST_DAY, Days, Grid, reverting
from simulator.market import first_prints

_WEEKDAYS: Final = {"wednesday": 2, "friday": 4, "saturday": 5, None: 4}
_DECIMALS: Final = 2
_MARGIN: Final = 0.1
"""So much of the range is left free at both ends: a correction must not leave it."""


def undrawn(grid: Grid, catalog: Catalog, drawn: Sequence[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """Yield rows of MARKET_SCHEMA for every published series of the catalog that `drawn` has none of."""
    known = {
        series_id: rows for part in drawn for (series_id,), rows in part.partition_by("series_id", as_dict=True).items()
    }
    for series in catalog.series:
        if series.id in known or not series.published_by:
            continue
        days = _periods(grid, series)
        if not len(days):
            continue
        like = known.get(series.simulate.get("like", ""))
        values = _inside(grid, series, len(days)) if like is None else _like(grid, series, catalog, like, days)
        yield first_prints(series.id, pl.Series(days), np.round(values, _DECIMALS))


def _periods(grid: Grid, series: Series) -> Days:
    """Return the periods from FIRST_DAY's on that are over by the grid's end."""
    if series.frequency == "daily":
        assert series.calendar is not None  # the catalog sees to it
        is_always = series.calendar == "every_day"
        days = grid.calendar_days if is_always else grid.days[grid.on(series.calendar)]
    elif series.frequency == "weekly":
        weekday = (grid.calendar_days.astype(int) + 3) % 7
        days = grid.calendar_days[weekday == _WEEKDAYS[series.week_ends]]
    else:
        assert series.frequency in MONTHS
        end = grid.calendar_days[-1].astype(object)
        firsts = [day for day in grid.calendar_days.tolist() if is_period(series.frequency, day, series.months)]
        days = np.array([day for day in firsts if period_end(series.frequency, day) < end], dtype="datetime64[D]")
    first = max(FIRST_DAY, series.starts or FIRST_DAY)
    days = days[days >= np.datetime64(first)]
    return days if series.ends is None else days[days <= np.datetime64(series.ends)]


def _inside(grid: Grid, series: Series, count: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return a path around the middle of the plausible range, whose steps are far below the largest."""
    least, most = _bounds(series)
    middle, width = (least + most) / 2, most - least
    size = min(width / 40, series.plausible.max_step / 6)
    shocks = grid.stream(f"undrawn {series.id}").standard_normal(count).clip(-3, 3) * size
    return np.clip(reverting(middle, 0.02, np.full(count, middle), shocks), least, most)


def _like(
    grid: Grid, series: Series, catalog: Catalog, like: pl.DataFrame, days: Days
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return the values of another series as they stood on `days`, moved from its plausible range into this one's."""
    other = catalog.by_id(str(like["series_id"][0])).plausible
    first = like.filter(pl.col("revised_at").is_null())  # a revision comes later than the days it would be read on
    stood = (
        pl.DataFrame({"period_date": pl.Series(days).cast(pl.Date)})
        .join_asof(first.select("period_date", "value").sort("period_date"), on="period_date", strategy="backward")
        .get_column("value")
        .to_numpy()
    )
    least, most = _bounds(series)
    share = (stood - other.min) / (other.max - other.min)
    if series.simulate.get("inverse"):
        share = 1 - share
    moved = np.asarray(least + share * (most - least), dtype=float)
    if noise := float(series.simulate.get("noise_pct", 0)):
        shocks = grid.stream(f"undrawn {series.id}").standard_normal(len(days)).clip(-3, 3) * noise / 100
        moved = np.clip(moved * np.exp(reverting(0.0, 0.02, np.zeros(len(days)), shocks)), least, most)
    return moved


def _bounds(series: Series) -> tuple[float, float]:
    if "between" in series.simulate:
        least, most = series.simulate["between"]
        return float(least), float(most)
    free = (series.plausible.max - series.plausible.min) * _MARGIN
    return series.plausible.min + free, series.plausible.max - free
