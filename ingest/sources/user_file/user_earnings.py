"""A user file of earnings: on which day each company reports, and on which side of the session.

Where   <home>/user_files/earnings.csv with date,ticker,timing[,known_at]; timing is BMO (before the market opens) or
        AMC (after it closes)
Grain   one row per ticker and date, or per ticker, date and known_at
Units   none. Dates are those of the release in New York, YYYY-MM-DD, also ones to come; known_at is ISO 8601, New York
        time where it names no zone, and the end of the day where it names no hour
Breaks  SourceChanged naming the line: another header, a date or ticker that is none, another timing, a ticker twice on
        a date. BRK.B and BRK-B are the same stock
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import polars as pl

from ingest.batch import Window
from ingest.connector import FetchContext
from ingest.errors import SourceError
from ingest.home import Home
from ingest.payload import Payload
from ingest.readers.fund_days import panel_rows
from ingest.sources.user_file.user_csv import (
    EARNINGS_FILE,
    refuse_doubled_days,
    refuse_first,
    user_dates,
    user_lines,
    user_moments,
    user_payload,
)

TABLE: Final = "user_file.earnings"

_REQUIRED: Final = ("date", "ticker", "timing")
_TICKER: Final = r"^[A-Z]{1,5}([.-][A-Z])?$"


def fetch(context: FetchContext) -> Iterator[Payload | SourceError]:
    """Yield the file where there is one."""
    path = Home(context.settings.home).user_files / EARNINGS_FILE
    if path.is_file():
        try:
            yield context.http.keep(user_payload(path, path.name, context.clock, {"part": path.stem}))
        except SourceError as error:
            yield error


def parse(payload: Payload) -> dict[str, pl.DataFrame]:
    """Return the releases of the file; `stated_at` where it has a known_at."""
    lines = user_lines(payload, _REQUIRED, ("known_at",))
    days = user_dates(payload, lines, "date")
    refuse_first(payload, lines, ~lines["ticker"].str.contains(_TICKER), "a ticker in capitals", "ticker")
    refuse_first(payload, lines, ~lines["timing"].is_in(["AMC", "BMO"]), "AMC or BMO as timing", "timing")
    tickers = lines["ticker"].str.replace(".", "-", literal=True)
    stated = user_moments(payload, lines)
    refuse_doubled_days(payload, lines, days, stated, tickers)
    columns = {"ticker": tickers, "release_date": days, "timing": lines["timing"], "stated_at": stated}
    return {TABLE: panel_rows(payload, TABLE, columns).sort("release_date", "ticker", maintain_order=True)}


def windows(payload: Payload, rows: Mapping[str, pl.DataFrame]) -> list[Window]:
    """Return everything: the file is all the user gives."""
    return [Window("", None, None, table_id=TABLE)]
