"""FINRA: shares sold short and not yet bought back, of each stock, twice a month.

Where   https://cdn.finra.org/equity/otcmarket/biweekly/shrtYYYYMMDD.csv (keyless), one file a settlement date for all
        symbols, with pipes between the cells. Where the host fails: the Query API, whose JSON has fewer fields
Grain   one row per symbol and settlement date (the 15th and the last of the month, on the business day before where
        that is none), of the symbols that are wanted
Units   shares; days to cover are 999.99 where there was hardly any volume and 1.00 at the least
Breaks  SourceChanged on a missing column, another settlement date than asked for, text for a number, one symbol twice,
        none of ours, a file that is missing days after it was due. An R in revisionFlag marks a row that was corrected,
        which may rewrite an old date: with each new date the one before it is asked for again

Symbols of shares of a class are BRKB there, of preferred ones AAICPRB. A year is asked on the first run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Any, Final

import polars as pl

from ingest.batch import Window
from ingest.catalog.settlements import settlement_dates
from ingest.clock import NEW_YORK, naive_utc
from ingest.connector import FetchContext
from ingest.dataset import dataset
from ingest.errors import NotConfigured, SourceError, SourceUnavailable
from ingest.payload import Payload
from ingest.readers.fund_days import no_panel_rows, panel_rows
from ingest.readers.parsing import changed, field, json_of, lines_of, numbers_of, quoted
from ingest.sources.finra.finra_files import cells, files, is_there, one_each
from ingest.sources.finra.finra_symbols import asked, wanted
from ingest.sources.finra.query_api import equal, pages

URL: Final = "https://cdn.finra.org/equity/otcmarket/biweekly/shrt{day:%Y%m%d}.csv"
TABLE: Final = "finra.short_interest"
DATES: Final = 24
"""So many settlement dates are asked on the first run."""

_EARLY: Final = timedelta(days=2)  # a file may come before its rule, which is on the late side
_NUMBERS: Final = {
    "currentShortPositionQuantity": "short_shares",
    "previousShortPositionQuantity": "previous_short_shares",
    "averageDailyVolumeQuantity": "average_daily_volume_shares",
    "daysToCoverQuantity": "days_to_cover",
    "changePercent": "change_pct",
}
_FLAGS: Final = {"stockSplitFlag": "is_split", "revisionFlag": "is_revised"}
_MUST: Final = ("symbolCode", "settlementDate", "marketClassCode", *list(_NUMBERS)[:1], *list(_NUMBERS)[2:4])
"""Fields that the JSON has too."""

_EXPECTED: Final = "text with the columns symbolCode, currentShortPositionQuantity, …"


def fetch(context: FetchContext) -> Iterator[Payload | SourceError]:
    """Yield the files that are out and not held, the newest first, and with them the newest one held."""
    now = context.clock()
    today = now.astimezone(NEW_YORK).date()
    dates = settlement_dates(today - timedelta(days=31 * (DATES // 2 + 1)), today)
    released = dataset(TABLE).own_release.released_at(pl.Series(dates, dtype=pl.Date))
    held = context.held.get("")
    early = timedelta(0) if held is None else _EARLY
    out = [day for day, moment in zip(dates, released, strict=True) if moment - early <= naive_utc(now)][-DATES:]
    missing = out[-1:] if held is None else [day for day in out if day not in held]
    if missing and held:
        missing = sorted({*missing, max(held)})
    for item in files(context, "short interest", URL, missing[::-1]):
        yield item
        if isinstance(item, SourceUnavailable) and missing:
            yield from _by_api(context, missing[-1])


def parse(payload: Payload) -> dict[str, pl.DataFrame]:
    """Return the rows of the symbols asked for."""
    if not is_there(payload, TABLE):
        return {TABLE: no_panel_rows(TABLE)}
    frame = _of_json(payload) if payload.body.lstrip()[:1] == b"[" else _of_text(payload)
    day = date.fromisoformat(payload.meta["day"])
    others = frame.filter(pl.col("settlementDate") != day.isoformat())
    if others.height:
        raise changed(payload, f"settlement dates of {day}", quoted(others["settlementDate"][0]))
    ours = wanted(payload)
    mine = frame.filter(pl.col("symbolCode").is_in(list(ours)))
    if mine.is_empty():
        if frame.is_empty():
            return {TABLE: no_panel_rows(TABLE)}  # the last page of the API
        raise changed(payload, "some of the symbols asked for", f"{frame.height} others")
    columns = {name: numbers_of(payload, mine, theirs) for theirs, name in _NUMBERS.items()}
    flags = {name: mine[theirs] != "" for theirs, name in _FLAGS.items()}
    keys = {"ticker": [ours[symbol] for symbol in mine["symbolCode"]], "settlement_date": [day] * mine.height}
    rows = panel_rows(payload, TABLE, {**keys, **columns, **flags, "market_class": mine["marketClassCode"]})
    return {TABLE: one_each(payload, rows, ["ticker", "settlement_date"])}


def windows(payload: Payload, rows: Mapping[str, pl.DataFrame]) -> list[Window]:
    """Return none: a symbol that a file leaves out, or a page of the API, takes nothing back."""
    return []


def _by_api(context: FetchContext, day: date) -> Iterator[Payload | SourceError]:
    meta = {"day": day.isoformat(), "symbols": asked(context.tickers)}
    filters = [equal("settlementDate", day.isoformat())]
    try:
        yield from pages(context, "consolidatedShortInterest", f"short interest {day} by API", filters, meta)
    except NotConfigured:
        return  # the file is the way; why it failed has been said
    except SourceError as error:
        yield error


def _of_text(payload: Payload) -> pl.DataFrame:
    lines = [line for line in lines_of(payload, _EXPECTED) if line.strip()]
    frame = cells(payload, lines, _EXPECTED)
    needed = ("symbolCode", "settlementDate", "marketClassCode", *_NUMBERS, *_FLAGS)
    if missing := [name for name in needed if name not in frame.columns]:
        raise changed(payload, f"the column {missing[0]}", quoted("|".join(frame.columns)))
    if frame.is_empty():
        raise changed(payload, "at least one row", "a header alone")
    return frame.select(pl.col(needed).str.strip_chars())


def _of_json(payload: Payload) -> pl.DataFrame:
    """Return the same of the API's JSON; what it leaves out is empty."""
    names = ["symbolCode", "settlementDate", "marketClassCode", *_NUMBERS, *_FLAGS]
    rows = []
    for record in json_of(payload, "a JSON list of rows"):
        for name in _MUST:
            field(payload, record, name, "a row")
        rows.append([_text(record.get(name)) for name in names])
    return pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")


def _text(value: Any) -> str:
    return "" if value is None else str(value)
