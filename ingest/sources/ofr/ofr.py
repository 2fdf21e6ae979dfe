"""OFR: the Financial Stress Index of the Office of Financial Research, for comparison only.

Where   https://www.financialresearch.gov/financial-stress-index/data/fsi.csv (keyless, one CSV, the whole history)
Grain   one row per day, from 2000; the index is estimated anew each day, so its past may change
Units   index points around zero, not stated in the file; an empty cell is a gap
Breaks  SourceChanged on any other header, on dates that are not YYYY-MM-DD, on text where a number is due
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import polars as pl

from ingest.batch import Window
from ingest.connector import FetchContext, Pair
from ingest.errors import SourceError
from ingest.payload import Payload
from ingest.readers.parsing import (
    changed,
    csv_of,
    dates_of,
    lines_of,
    numbers_of,
    quoted,
    rows_of,
    series_of,
    together,
    windows_of,
)

URL = "https://www.financialresearch.gov/financial-stress-index/data/fsi.csv"
HEADER = [
    "Date",
    "OFR FSI",
    "Credit",
    "Equity valuation",
    "Safe assets",
    "Funding",
    "Volatility",
    "United States",
    "Other advanced economies",
    "Emerging markets",
]


def fetch(context: FetchContext) -> Iterator[Payload | SourceError]:
    """Yield the whole CSV."""
    yield context.http.get("ofr", "financial stress index", URL, meta={"series": series_of(context.pairs)})


def parse(payload: Payload, pairs: Sequence[Pair]) -> pl.DataFrame:
    """Return the columns that `pairs` ask for by header name."""
    expected = f"CSV starting {','.join(HEADER[:3])}"
    frame = csv_of(payload, lines_of(payload, expected), expected)
    if frame.columns != HEADER:
        raise changed(payload, f"the columns {', '.join(HEADER)}", quoted(",".join(frame.columns)))
    if frame.is_empty():
        raise changed(payload, "at least one day", "a header and no rows")
    days = dates_of(payload, frame, "Date", "%Y-%m-%d")
    return together([rows_of(payload, pair, days, numbers_of(payload, frame, pair[1].code)) for pair in pairs])


def windows(payload: Payload, rows: pl.DataFrame) -> list[Window]:
    """Return the whole history: the file always holds all of it."""
    return windows_of(payload, None)
