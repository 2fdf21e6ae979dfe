"""ICI: weekly estimates of the flows of long-term mutual funds and exchange-traded funds together.

Where   https://www.ici.org/combined_flows_data_<year>.xls (keyless), one legacy Excel file per year
Grain   sheet Weekly MF & ETF Public Report: one row per week, as in the file of exchange-traded funds alone
Units   USD millions, estimates, revised. Mutual funds count money in and out, exchange-traded funds net issuance
Breaks  SourceChanged as of ingest.sources.ici.ici, whose layout it has; one day later than that release
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import polars as pl

from ingest.batch import Window
from ingest.connector import FetchContext
from ingest.errors import SourceError
from ingest.payload import Payload
from ingest.sources.ici.ici import weekly, windows_of_year, yearly

URL: Final = "https://www.ici.org/combined_flows_data_{year}.xls"
SHEET: Final = "Weekly MF & ETF Public Report"
TABLE: Final = "ici.combined_flows"


def fetch(context: FetchContext) -> Iterator[Payload | SourceError]:
    """Yield the files of the years that can hold something new, oldest first."""
    yield from yearly(context, "ici_combined", "combined flows", URL)


def parse(payload: Payload) -> dict[str, pl.DataFrame]:
    """Return one row per week and category; nothing where ICI has no file of that year."""
    return weekly(payload, SHEET, TABLE)


def windows(payload: Payload, rows: Mapping[str, pl.DataFrame]) -> list[Window]:
    """Return the weeks from the first of the file to the end of its year."""
    return windows_of_year(payload, rows, TABLE)
