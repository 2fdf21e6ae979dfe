"""Dates that cannot be right: before a series began, off its rhythm, alone years before everything else."""

from __future__ import annotations

from typing import Final

import polars as pl

from ingest.catalog import Catalog
from ingest.catalog.frequency import DATED_BY, MONTHS

_ALONE: Final = 3  # so few periods ...
_DRAWN: Final = 30  # a period may have several rows, of different vintages
_YEARS: Final = "3y"  # ... and then nothing for so long: a year mistyped
_WEEKDAYS: Final = {"monday": 1, "tuesday": 2, "wednesday": 3, "thursday": 4, "friday": 5, "saturday": 6, "sunday": 7}


def lonely_before(rows: pl.DataFrame, group: str, period: str, *, most: int = _ALONE) -> pl.Series:
    """Return whether a row is one of the first few of its group, behind which nothing comes for three years.

    The group must have more rows behind them than before. In the order of `rows`.
    """
    # the few first of each group are enough to see it: a million rows are not sorted for this
    firsts = (
        rows.lazy()
        .select(pl.col(group).alias("group"), pl.col(period).alias("period"))
        .drop_nulls()
        .group_by("group")
        .agg(pl.col("period").bottom_k(_DRAWN), pl.len().alias("count"))
        .explode("period")
        .unique(["group", "period"])
        .sort("group", "period")
        .collect()
    )
    cut = (
        firsts.with_columns(
            next=pl.col("period").shift(-1).over("group"), rank=pl.int_range(1, pl.len() + 1).over("group")
        )
        .filter(
            pl.col("rank") <= most,
            pl.col("rank") * 2 < pl.col("count"),
            pl.col("next") > pl.col("period").dt.offset_by(_YEARS),
        )
        .group_by("group")
        .agg(pl.col("period").max().alias("last_lonely"))
    )
    if cut.is_empty():
        return pl.repeat(value=False, n=rows.height, eager=True).alias("is_lonely")
    joined = rows.select(pl.col(group).alias("group"), pl.col(period).alias("period")).join(
        cut, on="group", how="left", maintain_order="left"
    )
    return joined.select(is_lonely=(pl.col("period") <= pl.col("last_lonely")).fill_null(value=False))["is_lonely"]


def senseless_periods(rows: pl.DataFrame, catalog: Catalog) -> dict[int, str]:
    """Return why rows (series_id, period_date) are refused for their date, by place in the frame."""
    found: dict[int, str] = {}
    numbered = rows.select("series_id", "period_date").with_row_index("place")
    on = pl.col("period_date")
    for (series_id,), mine in numbered.group_by("series_id", maintain_order=True):
        series = catalog.by_id(str(series_id))
        doubts: list[tuple[pl.Expr, str]] = []
        if series.starts is not None:
            doubts.append((on < series.starts, f"lies before the series' start on {series.starts}"))
        if series.frequency == "weekly" and series.week_ends is not None:
            off = on.dt.weekday() != _WEEKDAYS[series.week_ends]
            doubts.append((off, f"is a {{0:%A}}, the series is dated by {series.week_ends.title()}s"))
        if months := MONTHS.get(series.frequency):
            off = (on.dt.day() != 1) | ((on.dt.month() - 1) % months != 0)
            doubts.append((off, f"is not {DATED_BY[series.frequency]}, by which the series is dated"))
        for is_off, why in doubts:
            for place, day in mine.filter(is_off).select("place", "period_date").rows():
                found.setdefault(place, f"period {day} {why.format(day)}")
    for place in lonely_before(rows, "series_id", "period_date").arg_true().to_list():
        found.setdefault(place, f"period {rows['period_date'][place]} stands alone, years before the next")
    return found
