"""The consumer pack of a folder of real payloads: credit by snapshot, card rates, income, the workbook of debt.

A snapshot is what a copy of one day shows. What it has first, or has changed, is printed on that day, never before the
release that the catalog has for it: of the first snapshot whole months, of a later one what it adds.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

import polars as pl

from ingest.catalog import load_catalog
from simulator.market import first_prints
from simulator.panel import Document

_PACK: Final = "packs/p1_consumer"
_CACHE: Final = "packs/p2_labor/fred_cache_2026-08-21_labor_consumer.json"
_WORKBOOK: Final = "HHD_C_Report_2024Q2.xlsx"
_WORKBOOK_OUT: Final = datetime(2024, 8, 6, 15)  # noqa: DTZ001  11:00 in New York on the day of the press release
_ZONE: Final = "America/New_York"
_CREDIT: Final = "consumer_credit_total"
_FILES: Final = (  # series, file, factor to the unit of the mart
    ("consumer_credit_revolving", "REVOLSL_vintage_2026-04_tail.csv", 0.001),
    ("card_rate_all_accounts", "TERMCBCCALLNS_1994_2026-06-04_reshaped.csv", 1.0),
    ("card_delinquency_30dpd_banks", "DRCCLACBS_fredgraph_2026-02.csv", 1.0),
    ("real_disposable_income", "DSPIC96_fredgraph_2026-02.csv", 1.0),
    ("personal_saving_rate", "PSAVERT_fredgraph_2026-02.csv", 1.0),
    ("real_pce", "PCEC96_fredgraph_2026-02.csv", 1.0),
    ("real_retail_sales", "RRSFS_fredgraph_2026-02.csv", 0.001),
)
_CACHED: Final = (("retail_sales", "RSAFS", 0.001), ("consumer_sentiment", "UMCSENT", 1.0))


def parts(folder: Path) -> Iterator[pl.DataFrame]:
    """Yield rows of MARKET_SCHEMA; months that a file shows blank are not printed."""
    yield from _snapshots(folder / _PACK / "TOTALSL_snapshot_changes_2020on.csv")
    for series_id, name, factor in _FILES:
        frame = pl.read_csv(folder / _PACK / name, infer_schema_length=0).rename(lambda name: name.lower())
        first, second = frame.columns
        yield _rows(series_id, frame[first], frame[second], factor)
    cache = json.loads((folder / _CACHE).read_text(encoding="utf-8"))
    for series_id, code, factor in _CACHED:
        days, values = zip(*cache[code], strict=True)
        yield _rows(series_id, pl.Series(days), pl.Series([str(value) for value in values]), factor)


def documents(folder: Path) -> Mapping[str, Document]:
    """Return the recorded workbook by its name, from the moment it was out."""
    return {_WORKBOOK: Document(_WORKBOOK_OUT, (folder / _PACK / _WORKBOOK).read_bytes())}


def _rows(series_id: str, days: pl.Series, values: pl.Series, factor: float) -> pl.DataFrame:
    numbers = (values.cast(pl.Float64, strict=False) * factor).round(6)
    frame = pl.DataFrame({"day": days.str.to_date("%Y-%m-%d"), "value": numbers}).drop_nulls()
    return first_prints(series_id, frame["day"], frame["value"].to_numpy())


def _snapshots(path: Path) -> Iterator[pl.DataFrame]:
    log = pl.read_csv(path, try_parse_dates=True).sort("period_date", "snapshot_date")
    log = log.with_columns(
        (pl.col("value_usd_mn") / 1000).round(6).alias("value"),
        pl.col("snapshot_date").cast(pl.Datetime("us")).dt.offset_by("16h").alias("seen"),
    ).with_columns(
        pl.col("seen").dt.replace_time_zone(_ZONE).dt.convert_time_zone("UTC").dt.replace_time_zone(None).alias("seen")
    )
    rule = load_catalog().by_id(_CREDIT).provider("fred").release
    is_first = log["period_date"].is_first_distinct()
    first = log.filter(is_first)
    late = first["seen"] - rule.released_at(first["period_date"])
    is_added = first["snapshot_date"] > log["snapshot_date"].min()  # the first snapshot says nothing of when it was new
    prints = first_prints(_CREDIT, first["period_date"], first["value"].to_numpy())
    yield prints.with_columns(pl.when(is_added & (late > pl.duration(seconds=0))).then(late).alias("delay"))
    later = log.filter(~is_first)
    yield first_prints(_CREDIT, later["period_date"], later["value"].to_numpy()).with_columns(
        later["seen"].alias("revised_at")
    )
