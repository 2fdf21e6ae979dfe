"""FINRA: how much of what traded off the exchanges in a day was sold short (Reg SHO daily files).

Where   https://cdn.finra.org/equity/regsho/daily/CNMSshvolYYYYMMDD.txt (keyless), one file a session for all symbols,
        with pipes between the cells and the number of rows in the last line
Grain   one row per symbol and session, of the symbols that are wanted
Units   shares, with decimals since fractional shares are counted. Short volume of trades, not short interest: most of
        it is market makers who sell what they have not yet bought
Breaks  SourceChanged on another header, another day than asked for, a last line that counts other rows (a cut file),
        text for a number, one symbol twice, none of ours, a file that is missing days after it was due

Symbols are BRK/B there. The sessions of a half year are asked on the first run, later ones one by one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Final

import polars as pl

from ingest.batch import Window
from ingest.catalog.calendars import working_days
from ingest.clock import NEW_YORK, naive_utc
from ingest.connector import FetchContext
from ingest.dataset import dataset
from ingest.errors import SourceError
from ingest.payload import Payload
from ingest.readers.fund_days import no_panel_rows, panel_rows
from ingest.readers.parsing import changed, lines_of, numbers_of, quoted
from ingest.sources.finra.finra_files import cells, files, is_there, one_each
from ingest.sources.finra.finra_symbols import wanted

URL: Final = "https://cdn.finra.org/equity/regsho/daily/CNMSshvol{day:%Y%m%d}.txt"
TABLE: Final = "finra.short_volume"
HEADER: Final = "Date|Symbol|ShortVolume|ShortExemptVolume|TotalVolume|Market"
SESSIONS: Final = 100
"""So many are asked on the first run: a score over 63 of them has values for some weeks."""

_COUNT: Final = re.compile(r"\d+")


def fetch(context: FetchContext) -> Iterator[Payload | SourceError]:
    """Yield the files of the last sessions that are out and not held, the newest first."""
    now = context.clock()
    today = now.astimezone(NEW_YORK).date()
    sessions = pl.Series(working_days("nyse", today - timedelta(days=2 * SESSIONS), today), dtype=pl.Date)
    out = sessions.filter(dataset(TABLE).own_release.released_at(sessions) <= naive_utc(now)).to_list()[-SESSIONS:]
    held = context.held.get("")
    days = out[-1:] if held is None else [day for day in out if day not in held]
    yield from files(context, "short volume", URL, days[::-1])


def parse(payload: Payload) -> dict[str, pl.DataFrame]:
    """Return the rows of the symbols asked for."""
    if not is_there(payload, TABLE):
        return {TABLE: no_panel_rows(TABLE)}
    expected = f"text with the columns {HEADER}"
    lines = [line for line in lines_of(payload, expected, may_end_bare=True) if line.strip()]
    if not lines or lines[0] != HEADER:
        raise changed(payload, expected, quoted(lines[0] if lines else "no line"))
    if len(lines) < 2 or not _COUNT.fullmatch(lines[-1].strip()) or int(lines[-1]) != len(lines) - 2:
        raise changed(payload, f"a last line that counts the {len(lines) - 2} rows", quoted(lines[-1]))
    frame = cells(payload, lines[:-1], expected)
    day = date.fromisoformat(payload.meta["day"])
    others = frame.filter(pl.col("Date") != f"{day:%Y%m%d}")
    if others.height:
        raise changed(payload, f"rows of {day:%Y%m%d}", quoted(others["Date"][0]))
    ours = wanted(payload)
    mine = frame.filter(pl.col("Symbol").is_in(list(ours)))
    if mine.is_empty():
        raise changed(payload, "some of the symbols asked for", f"{frame.height} others")
    columns = {
        "short_volume_shares": numbers_of(payload, mine, "ShortVolume", ()),
        "short_exempt_volume_shares": numbers_of(payload, mine, "ShortExemptVolume", ()),
        "total_volume_shares": numbers_of(payload, mine, "TotalVolume", ()),
    }
    keys = {"ticker": [ours[symbol] for symbol in mine["Symbol"]], "session_date": [day] * mine.height}
    return {TABLE: one_each(payload, panel_rows(payload, TABLE, {**keys, **columns}), ["ticker", "session_date"])}


def windows(payload: Payload, rows: Mapping[str, pl.DataFrame]) -> list[Window]:
    """Return the day that was asked for; nothing where its file is not there yet."""
    day = date.fromisoformat(payload.meta["day"])
    return [] if rows[TABLE].is_empty() else [Window("", day, day, table_id=TABLE)]
