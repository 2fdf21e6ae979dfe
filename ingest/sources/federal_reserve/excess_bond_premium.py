"""Federal Reserve Board: the credit spread and excess bond premium of Gilchrist and Zakrajsek, kept up by its staff.

Where   https://www.federalreserve.gov/econres/notes/feds-notes/ebp_csv.csv (keyless, public domain), the whole history
Grain   one row per month, from 1973, dated M/D/YYYY on its first day; estimated anew with each file
Units   percentage points, not stated in the file; blank and NA are gaps, a line of commas at the end is none
Breaks  SourceChanged on another header, on other dates, on a month that stands twice, on text where a number is due
"""

from __future__ import annotations

from typing import Final

import polars as pl

from ingest.connector import Pair
from ingest.payload import Payload
from ingest.readers.parsing import changed, csv_of, dates_of, lines_of, numbers_of, quoted, rows_of

URL: Final = "https://www.federalreserve.gov/econres/notes/feds-notes/ebp_csv.csv"
HEADER: Final = ["date", "gz_spread", "ebp", "est_prob"]

_GAPS: Final = ("", "NA")


def rows(payload: Payload, pair: Pair, column: str) -> pl.DataFrame:
    """Return one column as rows of a series."""
    expected = f"CSV with the columns {','.join(HEADER)}"
    lines = [line for line in lines_of(payload, expected) if line.strip(", \t")]
    frame = csv_of(payload, lines, expected)
    if frame.columns != HEADER:
        raise changed(payload, expected, quoted(",".join(frame.columns)))
    if frame.is_empty():
        raise changed(payload, "at least one month", "a header and no rows")
    months = dates_of(payload, frame, "date", "%m/%d/%Y")
    for day in (months.filter(months.dt.day() != 1), months.filter(months.is_duplicated())):
        if len(day):
            raise changed(payload, "each month once, dated on its first day", f"{day[0]}")
    return rows_of(payload, pair, months, numbers_of(payload, frame, column, _GAPS))
