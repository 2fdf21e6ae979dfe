"""Of a folder of real payloads: the Fed's Treasuries, output, and Shiller's workbook as it was recorded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

import polars as pl

from simulator.market import first_prints
from simulator.panel import Document
from simulator.render.shiller import FILE

_WORKBOOK: Final = "packs/p7_valuation/ie_data_2026-05.xls"
_WORKBOOK_FROM: Final = datetime(2026, 5, 6, 14)  # noqa: DTZ001  naive UTC; its last price is of the day before
_SERIES: Final = {
    "fed_treasuries": ("fred_reshaped/2026-06/TREAST.csv", 0.001),
    "gdp": ("packs/p7_valuation/GDP_2026-06-25_reshaped.csv", 1.0),
}


def supply_parts(folder: Path) -> Iterator[pl.DataFrame]:
    """Yield the series, in billions."""
    for series_id, (name, factor) in _SERIES.items():
        frame = pl.read_csv(folder / name, infer_schema_length=0)
        days, values = (frame.get_column(column) for column in frame.columns[:2])
        amounts = (values.cast(pl.Float64) * factor).round(6)
        yield first_prints(series_id, days.str.to_date(), amounts.to_numpy())


def supply_documents(folder: Path) -> Mapping[str, Document]:
    """Return the workbook."""
    return {FILE: Document(_WORKBOOK_FROM, (folder / _WORKBOOK).read_bytes())}
