"""Kalshi: what traders pay for each decision that the next meetings of the Fed may bring.

Where   https://api.elections.kalshi.com/trade-api/v2/markets?series_ticker=KXFEDDECISION (keyless, pages by cursor)
Grain   one row per market and day asked: best bid and offer at that moment, which nobody serves later
Units   US dollars of a contract that pays 1 dollar, as text; an older layout had whole cents as numbers
Breaks  SourceChanged on prices that are no text of dollars between 0 and 1, a bid above its offer, another form of
        ticker or outcome, a closing time without a zone, a cursor that leads back. A market that has closed is left out

Not asked: the ladder of levels (KXFED), whose strikes say in thinner books what these outcomes say, and candles of past
days, which are last trades: a probability of trades before a day and of quotes after it would be two figures in one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

import polars as pl

from ingest.batch import Window
from ingest.clock import NEW_YORK, naive_utc
from ingest.connector import FetchContext
from ingest.errors import SourceError
from ingest.paging import MAX_PAGES
from ingest.payload import Payload
from ingest.readers.fund_days import panel_rows
from ingest.readers.parsing import changed, field, json_of, listed, quoted

URL: Final = "https://api.elections.kalshi.com/trade-api/v2/markets"
SERIES: Final = "KXFEDDECISION"
TABLE: Final = "kalshi.fed_decisions"

_PAGE_SIZE: Final = "200"
_TICKER: Final = re.compile(SERIES + r"-\d\d[A-Z]{3}-(H0|H25|H26|C25|C26)")
_DOLLARS: Final = re.compile(r"[01]\.\d{1,6}")
_EXPECTED: Final = "JSON with a list of markets and a cursor"


def fetch(context: FetchContext) -> Iterator[Payload | SourceError]:
    """Yield the pages until one has no cursor."""
    seen: set[str] = set()
    params = {"series_ticker": SERIES, "status": "open", "limit": _PAGE_SIZE}
    while True:
        page = context.http.get("kalshi", "fed decisions", URL, params=params)
        yield page
        cursor = str(field(page, json_of(page, _EXPECTED), "cursor", "the answer") or "")
        if not cursor:
            return
        if cursor in seen or len(seen) == MAX_PAGES:
            raise changed(page, f"a new cursor on each of at most {MAX_PAGES} pages", quoted(cursor))
        seen.add(cursor)
        params = {**params, "cursor": cursor}


def parse(payload: Payload) -> dict[str, pl.DataFrame]:
    """Return the markets of one page that had not closed when it was fetched."""
    markets = listed(payload, json_of(payload, _EXPECTED), "markets", "the answer")
    rows: dict[str, tuple[Any, ...]] = {}
    for market in markets:
        ticker = str(field(payload, market, "ticker", "a market"))
        outcome = _TICKER.fullmatch(ticker)
        if outcome is None:
            raise changed(payload, f"tickers like {SERIES}-26SEP-H25, with H0, H25, H26, C25 or C26", quoted(ticker))
        closes_at = _closing(payload, market, ticker)
        bid, ask, last = (
            _dollars(payload, market, f"{name}_dollars", ticker) for name in ("yes_bid", "yes_ask", "last_price")
        )
        if bid > ask:
            raise changed(payload, f"a bid of {ticker} of at most its offer", f"{bid} and {ask}")
        if closes_at <= payload.fetched_at:
            continue
        row = (closes_at.astimezone(NEW_YORK).date(), outcome[1], bid, ask, last)
        if rows.setdefault(ticker, row) != row:
            raise changed(payload, f"{ticker} once", "it twice, with other prices")
    names = ("meeting_date", "outcome", "bid_usd", "ask_usd", "last_price_usd")
    columns = {name: [row[at] for row in rows.values()] for at, name in enumerate(names)}
    keys = {"snapshot_date": payload.fetched_at.astimezone(NEW_YORK).date(), "market_ticker": list(rows)}
    return {TABLE: panel_rows(payload, TABLE, {**keys, **columns, "stated_at": naive_utc(payload.fetched_at)})}


def windows(payload: Payload, rows: Mapping[str, pl.DataFrame]) -> list[Window]:
    """Return none: a snapshot withdraws nothing from an earlier one of the same day."""
    return []


def _closing(payload: Payload, market: Any, ticker: str) -> datetime:
    text = field(payload, market, "close_time", f"market {ticker}")
    expected = f"close_time of {ticker} like 2026-09-16T17:59:00Z"
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        raise changed(payload, expected, quoted(text)) from None
    if found.tzinfo is None:
        raise changed(payload, expected, quoted(text))
    return found


def _dollars(payload: Payload, market: Any, name: str, ticker: str) -> float:
    text = field(payload, market, name, f"market {ticker}")
    if not isinstance(text, str) or not _DOLLARS.fullmatch(text) or float(text) > 1:
        raise changed(payload, f"{name} of {ticker} as text between 0.00 and 1.00 dollars", quoted(text))
    return float(text)
