"""Corrections and late releases that publishers really make, placed by chance of their own or by date."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import numpy as np
import polars as pl

from ingest.catalog import load_catalog
from ingest.catalog.models import SourceName
from simulator.economy.grid import Grid

WALCL_CORRECTED = (date(2019, 6, 12), date(2026, 3, 18))
"""Wednesdays whose total assets were corrected with the next release."""
H10_CORRECTED = date(2026, 3, 3)
"""A day whose broad dollar index was corrected nine days after its release."""

_LATE = {"tga_daily": 0.004, "sofr": 0.002, "us_10y_yield": 0.002, "move": 0.006, "nfci": 0.01}
"""Series and the chance that a day's print comes late."""


def with_corrections(rows: pl.DataFrame, grid: Grid) -> pl.DataFrame:
    """Add corrected prints and delays to first prints (rows of MARKET_SCHEMA)."""
    rows = _late(rows, grid)
    added = [_sofr_same_day(rows, grid)]
    for wednesday in WALCL_CORRECTED:
        added.append(_correction(rows, "fed_total_assets", wednesday, 1.0004, timedelta(days=7), "fred"))
    added.append(_correction(rows, "broad_dollar", H10_CORRECTED, 1.0011, timedelta(days=9), "fred"))
    return pl.concat([rows, *added])


def _late(rows: pl.DataFrame, grid: Grid) -> pl.DataFrame:
    for series_id, chance in _LATE.items():
        late = grid.days[grid.uniform(f"late {series_id}") < chance]
        hit = (pl.col("series_id") == series_id) & pl.col("period_date").is_in(late.tolist())
        first = hit & pl.col("revised_at").is_null()
        delay = pl.when(first).then(pl.lit(timedelta(hours=20))).otherwise(pl.col("delay"))
        rows = rows.with_columns(delay.alias("delay"))
    return rows


def _sofr_same_day(rows: pl.DataFrame, grid: Grid) -> pl.DataFrame:
    """Correct SOFR at 14:30 of its release day on a few days: the only moment at which it is ever revised."""
    days = grid.days[grid.uniform("sofr revised") < 0.004]
    chosen = rows.filter((pl.col("series_id") == "sofr") & pl.col("period_date").is_in(days.tolist()))
    chosen = chosen.filter(pl.col("delay").is_null())
    released = load_catalog().by_id("sofr").provider("new_york_fed").release.released_at(chosen["period_date"])
    return chosen.with_columns(
        (pl.col("value") + 0.01).round(2).alias("value"),
        (released + timedelta(hours=6, minutes=30)).alias("revised_at"),
    )


def _correction(
    rows: pl.DataFrame, series_id: str, period: date, factor: float, later: timedelta, source: SourceName
) -> pl.DataFrame:
    released: datetime = load_catalog().by_id(series_id).provider(source).release.released_at_one(period)
    chosen = rows.filter((pl.col("series_id") == series_id) & (pl.col("period_date") == period))
    return chosen.with_columns(
        (pl.col("value") * factor).round(3).alias("value"),
        pl.lit(released + later).cast(pl.Datetime("us")).alias("revised_at"),
    )


def last_days_of_months(first: date, last: date) -> list[date]:
    """Return weekend month ends: ICE prints an observation on the last calendar day of a month."""
    months = np.arange(np.datetime64(first, "M"), np.datetime64(last, "M") + 1)
    ends = (months + 1).astype("datetime64[D]") - 1
    ends = ends[(ends <= np.datetime64(last)) & (ends >= np.datetime64(first)) & ~np.is_busday(ends)]
    found: list[date] = ends.tolist()
    return found
