"""Nasdaq's historical quotes: the second provider of daily bars, beside Yahoo.

Where   https://api.nasdaq.com/api/quote/{SYMBOL}/historical (keyless; wants a browser's User-Agent, and shuts out who
        asks much: after the first refusal no more is asked)
Grain   one bar per symbol and NYSE session
Units   US dollars and shares. Prices are divided by later splits and the answer does not list them: so only the last 30
        sessions are asked for, and a split among them shows against Yahoo's prices as traded
Breaks  SourceChanged per symbol on an error in place of data, another symbol, fewer rows than stated, a cell that is no
        price, a day twice, many sessions missing. N/A is a gap. The bar of an open session is never returned
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Final

import polars as pl

from ingest.batch import Window
from ingest.catalog.calendars import working_days
from ingest.catalog.funds import load_funds
from ingest.catalog.watched import load_watched
from ingest.clock import NEW_YORK
from ingest.connector import FetchContext
from ingest.errors import SourceError, SourceRefused, SourceUnavailable
from ingest.payload import Payload
from ingest.readers.bars import last_closed_day, named, require_sessions, without_zeros
from ingest.readers.fund_days import panel_rows
from ingest.readers.parsing import changed, day, field, json_of, listed, quoted
from ingest.readers.workbooks import number_of

SESSIONS_ASKED: Final = 30

_BROWSER = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36"
_UNKNOWN_SYMBOL: Final = 1001
_BARS = ("open", "high", "low", "close", "volume")
_TABLE = "nasdaq.prices"


def fetch(context: FetchContext) -> Iterator[Payload | SourceError]:
    """Yield the last 30 sessions of each ticker; stop at the first refusal and name what is missing."""
    funds = {fund.ticker for fund in load_funds()}
    funds |= {one.ticker for one in load_watched() if one.kind == "fund"}
    today = context.clock().astimezone(NEW_YORK).date()
    start = working_days("nyse", today - timedelta(days=2 * SESSIONS_ASKED), today)[-SESSIONS_ASKED]
    tickers = sorted(context.tickers, key=lambda ticker: (context.since.get(ticker) or date.min, ticker))
    for done, ticker in enumerate(tickers):
        context.progress("nasdaq: prices", done, len(tickers))
        try:
            yield _ask(context, ticker, "etf" if ticker in funds else "stocks", start, today)
        except (SourceRefused, SourceUnavailable) as error:
            yield _shut_out(tickers[done:], error)
            return
        except SourceError as error:
            yield error


def parse(payload: Payload) -> dict[str, pl.DataFrame]:
    """Return the bars of one symbol, sessions over by then only."""
    symbol = payload.meta["symbol"]
    table = _table(payload, symbol)
    if table is None:
        return {}
    bars: dict[date, list[float | None]] = {}
    for row in listed(payload, table, "rows", "tradesTable"):
        on = day(payload, field(payload, row, "date", "a row"), "%m/%d/%Y", "a row")
        bar = [_cell(payload, row, name, on) for name in _BARS]
        if bars.setdefault(on, bar) != bar:
            raise changed(payload, f"{on} once", f"two bars: {_told(bars[on])} and {_told(bar)}")
    end = last_closed_day(payload.fetched_at)
    closed = {on: bar for on, bar in sorted(bars.items()) if on <= end}
    held = [on for on, bar in closed.items() if bar[_BARS.index("close")] is not None]
    if not held:
        raise changed(payload, "prices", "a history without a single close")
    require_sessions(payload, held[0], end, held)  # from the first: a stock may be newly listed
    columns = {
        f"{name}_{'shares' if name == 'volume' else 'usd'}": [bar[at] for bar in closed.values()]
        for at, name in enumerate(_BARS)
    }
    rows = panel_rows(payload, _TABLE, {"ticker": symbol, "session_date": list(closed), **columns})
    return {_TABLE: without_zeros(rows, "_usd", "volume_shares")}


def windows(payload: Payload, rows: Mapping[str, pl.DataFrame]) -> list[Window]:
    """Return what the answer covers: from its first bar to the last session that was over; nothing of a stranger."""
    if _TABLE not in rows:
        return []
    start = rows[_TABLE]["session_date"][0]
    return [Window(payload.meta["symbol"], start, last_closed_day(payload.fetched_at), table_id=_TABLE)]


# ---- asking --------------------------------------------------------------------------------------------------------


def _ask(context: FetchContext, ticker: str, kind: str, start: date, today: date) -> Payload:
    return context.http.get(
        "nasdaq",
        ticker,
        f"https://api.nasdaq.com/api/quote/{_nasdaq_spelling(ticker)}/historical",
        params={
            "assetclass": kind,
            "fromdate": start.isoformat(),
            "todate": today.isoformat(),
            "limit": "9999",
        },
        headers={"User-Agent": context.settings.user_agent or _BROWSER, "Accept": "application/json, text/plain, */*"},
        meta={"symbol": ticker, "start": start.isoformat()},
    )


def _nasdaq_spelling(ticker: str) -> str:
    return ticker.replace("-", ".")


def _shut_out(missing: Sequence[str], error: SourceError) -> SourceUnavailable:
    return SourceUnavailable(
        "nasdaq",
        "prices",
        f"Nasdaq gives no more ({error}): {len(missing)} symbols are missing ({named(missing)}); what came is kept",
    )


# ---- reading -------------------------------------------------------------------------------------------------------


def _table(payload: Payload, symbol: str) -> dict[str, Any] | None:
    """Return the table of trades; None where Nasdaq does not list the symbol (any more), which is an answer too."""
    document = json_of(payload, f"JSON of the history of {symbol}")
    data = field(payload, document, "data", "the answer")
    if data is None:
        status = document.get("status")
        told = (status.get("bCodeMessage") if isinstance(status, dict) else None) or ()
        if any(isinstance(entry, dict) and entry.get("code") == _UNKNOWN_SYMBOL for entry in told):
            return None
        raise changed(payload, f"a history of {symbol}", f"no data: {quoted(document.get('status'))}")
    stated = field(payload, data, "symbol", "data")
    if re.sub(r"\W", ".", str(stated).upper()) != _nasdaq_spelling(symbol):
        raise changed(payload, f"data.symbol {_nasdaq_spelling(symbol)}", quoted(stated))
    table = field(payload, data, "tradesTable", "data")
    if not isinstance(table, dict) or not table.get("rows"):
        raise changed(payload, "prices", "a history without a row")
    total, rows = field(payload, data, "totalRecords", "data"), listed(payload, table, "rows", "tradesTable")
    if total != len(rows):
        raise changed(payload, f"{total} rows, as totalRecords says", str(len(rows)))
    found: dict[str, Any] = table
    return found


def _told(bar: Sequence[float | None]) -> str:
    return ", ".join("-" if cell is None else f"{cell:g}" for cell in bar)


def _cell(payload: Payload, row: Any, name: str, on: date) -> float | None:
    """Return a cell like "$1,234.50", "1,234.50" or "58,414,460"; N/A is a gap."""
    text = field(payload, row, name, f"the row of {on}")
    if not isinstance(text, str):
        raise changed(payload, f"a text for {name} of {on}", quoted(text))
    found = number_of(payload, text.removeprefix("$"), ("N/A", ""), f"{name} of {on}")
    if found is not None and (found < 0 or (found == 0 and name == "close")):
        raise changed(payload, f"a number above zero for {name} of {on}", quoted(text))
    return found
