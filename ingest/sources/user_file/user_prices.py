"""User files of daily prices: for delisted names, which no free provider serves.

Where   <home>/user_files/prices/<TICKER>.csv with date,close[,volume][,known_at]
        or date,open,high,low,close,volume[,known_at]
Grain   one row per date, or per date and known_at where the file tells when each row became known
Units   US dollars and shares as traded that day, not adjusted for splits; nothing or "." is a gap. Dates are
        YYYY-MM-DD; known_at is ISO 8601, New York time where it names no zone, and the end of the day without an hour
Breaks  SourceChanged naming file and line: another header, a date or number that is none, a price that is not above
        zero, a date twice, a
        known_at before its date. A file whose name is no ticker is named. BRK.B.csv and BRK-B.csv are the same stock
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import polars as pl

from ingest.batch import Window
from ingest.connector import FetchContext
from ingest.errors import SourceChanged, SourceError
from ingest.home import Home
from ingest.payload import Payload
from ingest.readers.bars import without_zeros
from ingest.readers.fund_days import panel_rows
from ingest.sources.user_file.user_csv import (
    refuse_doubled_days,
    refuse_first,
    refuse_foreknown,
    user_dates,
    user_lines,
    user_moments,
    user_numbers,
    user_payload,
)

FOLDER: Final = "prices"

_TICKER = re.compile(r"[A-Z]{1,5}([.-][A-Z])?")
_BARS: Final = ("open", "high", "low", "close", "volume")
_TABLE: Final = "user_file.prices"


def fetch(context: FetchContext) -> Iterator[Payload | SourceError]:
    """Yield each file of a ticker, and an error for each whose name is none or that names a stock again."""
    folder = Home(context.settings.home).user_files / FOLDER
    files = sorted(path for path in folder.glob("*") if path.is_file() and not path.name.startswith("."))
    seen: dict[str, str] = {}
    for done, path in enumerate(files):
        name = f"{FOLDER}/{path.name}"
        context.progress(name, done, len(files))
        ticker = path.stem.replace(".", "-")
        if path.suffix != ".csv" or not _TICKER.fullmatch(path.stem):
            yield SourceChanged("user_file", name, expected="a name like <TICKER>.csv", seen="no ticker")
        elif ticker in seen:
            yield SourceChanged("user_file", name, expected=f"one file for {ticker}", seen=f"also {seen[ticker]}")
        else:
            seen[ticker] = name
            yield _payload(context, path, name, ticker)


def parse(payload: Payload) -> dict[str, pl.DataFrame]:
    """Return the rows of the file; `stated_at` where it has a known_at. Prices it does not have are NULL."""
    head = payload.body[:512].decode("utf-8-sig", errors="replace").partition("\n")[0].lower()
    has_bars = "open" in head
    lines = (
        user_lines(payload, ("date", *_BARS), ("known_at",))
        if has_bars
        else user_lines(payload, ("date", "close"), ("volume", "known_at"))
    )
    days = user_dates(payload, lines, "date")
    stated = user_moments(payload, lines)
    refuse_doubled_days(payload, lines, days, stated)
    refuse_foreknown(payload, lines, days, stated)
    numbers = {name: user_numbers(payload, lines, name) for name in _BARS if name in lines.columns}
    for name, column in numbers.items():
        is_bad, expected = (
            (column < 0, "no negative")
            if name == "volume"
            else (
                (column <= 0 if name == "close" else column < 0),
                "above zero, the" if name == "close" else "no negative",
            )
        )
        refuse_first(payload, lines, is_bad.fill_null(False), f"{expected} {name}", name)
    columns = {f"{name}_{'shares' if name == 'volume' else 'usd'}": numbers.get(name) for name in _BARS}
    rows = panel_rows(
        payload, _TABLE, {"ticker": payload.meta["ticker"], "session_date": days, **columns, "stated_at": stated}
    )
    rows = without_zeros(rows, "_usd")
    return {_TABLE: rows.sort("session_date", maintain_order=True)}


def windows(payload: Payload, rows: Mapping[str, pl.DataFrame]) -> list[Window]:
    """Return the whole history of the ticker: the file is all the user gives."""
    return [Window(payload.meta["ticker"], None, None, table_id=_TABLE)]


def _payload(context: FetchContext, path: Path, name: str, ticker: str) -> Payload | SourceError:
    try:
        return context.http.keep(user_payload(path, name, context.clock, {"part": FOLDER, "ticker": ticker}))
    except SourceError as error:
        return error
