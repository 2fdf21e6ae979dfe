"""What a folder of real payloads has of monetary policy: the target by day, and the calendar of the BLS."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Final

import polars as pl

from simulator.market import first_prints

_SERIES: Final = {
    "fed_funds_target": ("DFEDTAR", None),
    "fed_funds_target_upper": ("DFEDTARU", "new_upper_pct"),
    "fed_funds_target_lower": ("DFEDTARL", "new_lower_pct"),
}
"""FRED's code of each, and its column in the list of changes, which reaches further than the files."""
_LIST_ENDS: Final = date(2026, 8, 21)
_CALENDAR: Final = "www.bls.gov/schedule/news_release/bls.ics"


def policy_series(folder: Path) -> Iterator[pl.DataFrame]:
    """Yield the files of FRED, and after their last day what the list of changes says; nothing without them."""
    files = folder / "packs/p6_policy"
    if not files.is_dir():
        return
    changes = pl.read_csv(files / "fed_target_changes_derived_1982_2026-08.csv", try_parse_dates=True)
    for series_id, (code, column) in _SERIES.items():
        days = pl.read_csv(files / f"{code}_fredgraph.csv", try_parse_dates=True).drop_nulls()
        days.columns = ["period_date", "value"]
        if column is not None:
            days = pl.concat([days, _after(days["period_date"][-1], changes, column, days["value"][-1])])
        yield first_prints(series_id, days["period_date"], days["value"].to_numpy())


def recorded_policy(folder: Path) -> Mapping[str, bytes]:
    """Return the recorded calendar by its address."""
    path = folder / "packs/p5_trend/bls_schedule_2023_2024.ics"
    return {_CALENDAR: path.read_bytes()} if path.exists() else {}


def _after(last: date, changes: pl.DataFrame, column: str, value: float) -> pl.DataFrame:
    """Return each day from the one after `last` to the end of the list, at the value of its last change."""
    days = pl.DataFrame({"period_date": pl.date_range(last, _LIST_ENDS, eager=True)[1:]})
    known = changes.select(
        pl.col("effective_date").alias("period_date"), pl.col(column).cast(pl.Float64).alias("value")
    )
    return days.join_asof(known.sort("period_date"), on="period_date").with_columns(pl.col("value").fill_null(value))
