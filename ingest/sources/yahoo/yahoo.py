"""Yahoo Finance through yfinance: indices, the MOVE index, yen per dollar, futures, bitcoin.

Where   https://query2.finance.yahoo.com/v8/finance/chart (keyless; cookie and crumb are yfinance's business); for
        personal use, 2 requests a second, and not one more after the first "too many requests"
Grain   one bar per symbol and session; the day is that of the exchange's own zone (New York; London for currencies,
        UTC for bitcoin, Hong Kong and Shanghai for their indices)
Units   the currency in meta.currency, for an index its points
Breaks  SourceChanged on an error in the chart, another symbol, currency or bar length, lists that do not match.
        A null price is a gap. A bar of a session still open at the time of asking is never returned
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Final

import polars as pl

from ingest.batch import Window
from ingest.catalog.exchange_sessions import FIRST_YEAR
from ingest.clock import NEW_YORK
from ingest.connector import FetchContext, Pair
from ingest.errors import SourceChanged, SourceError, SourceUnavailable
from ingest.payload import Payload
from ingest.readers.parsing import field, oldest, require_unit, rows_of, series_of, together, windows_of
from ingest.sources.yahoo.yahoo_chart import (
    NO_BARS,
    asked_from,
    chart_payload,
    closed_bars,
    prices_of,
    read_chart,
    require_prices,
)

if TYPE_CHECKING:
    from ingest.sources.yahoo.yfinance_client import Answer, YahooClient


_FIRST_DAY: Final = date(FIRST_YEAR, 1, 1)
"""Of series: as far back as there are sessions to place them on."""


def fetch(context: FetchContext) -> Iterator[Payload | SourceError]:
    """Yield one chart per symbol: the bytes as Yahoo sent them, archived before anything reads them."""
    from ingest.sources.yahoo.yfinance_client import TooManyRequests, YahooClient

    by_symbol = [(symbol, list(pairs)) for symbol, pairs in groupby(sorted(context.pairs, key=_symbol), key=_symbol)]
    client = YahooClient(context.settings, context.http.rewrite, context.patience)
    for done, (symbol, pairs) in enumerate(by_symbol, start=1):
        try:
            yield _chart(context, symbol, pairs, client)
        except TooManyRequests:
            missing = ", ".join(left for left, _ in by_symbol[done - 1 :])
            yield SourceUnavailable(
                "yahoo",
                symbol,
                f"Yahoo limited us (HTTP 429): nothing landed for {missing}, and no more was asked; "
                "try again in an hour",
            )
            return
        except SourceError as error:
            yield error
        context.progress("yahoo: charts", done, len(by_symbol))


def parse(payload: Payload, pairs: Sequence[Pair]) -> pl.DataFrame:
    """Return the wanted prices of all sessions that were closed when the chart was fetched."""
    chart = read_chart(payload)
    wanted = [
        (pair, prices_of(payload, chart, pair[1].code.partition("/")[2])) for pair in _of(payload.meta["symbol"], pairs)
    ]
    require_prices(payload, [prices for _, prices in wanted])
    for (_, provider), _ in wanted:
        require_unit(payload, provider, field(payload, chart.meta, "currency", "meta"), "meta.currency")
    frames = []
    for pair, prices in wanted:
        bars = closed_bars(payload, chart, pl.DataFrame({"session_date": chart.days, "price": prices}), "price")
        frames.append(rows_of(payload, pair, bars["session_date"], bars["price"]))
    return together(frames)


def windows(payload: Payload, rows: pl.DataFrame) -> list[Window]:
    """Return what was asked: from the first day of the request on."""
    return windows_of(payload, date.fromisoformat(payload.meta["start"]))


def _symbol(pair: Pair) -> str:
    return pair[1].code.partition("/")[0]


def _of(symbol: str, pairs: Sequence[Pair]) -> list[Pair]:
    return [pair for pair in pairs if _symbol(pair) == symbol]


# ---- asking --------------------------------------------------------------------------------------------------------


def _chart(context: FetchContext, symbol: str, pairs: Sequence[Pair], client: YahooClient) -> Payload:
    """Return the archived chart of one symbol; SourceUnavailable when there is none, or one without a bar."""
    start = asked_from(oldest([context.since[series.id] for series, _ in pairs]), _FIRST_DAY)
    end = context.clock().astimezone(NEW_YORK).date() + timedelta(days=1)  # exclusive
    answer = client.history(symbol, start, end)
    if answer.problem is not None:
        raise answer.problem
    if not answer.body:
        raise SourceUnavailable("yahoo", symbol, f"Yahoo gave no chart ({answer.failure}); nothing landed for {symbol}")
    answered_from = start if answer.is_history else end
    payload = context.http.keep(chart_payload(symbol, answer, answered_from, context.clock, series=series_of(pairs)))
    if not answer.has_bars:
        _require_bars(payload, pairs, answer)
    return payload


def _require_bars(payload: Payload, pairs: Sequence[Pair], answer: Answer) -> None:
    """Raise SourceUnavailable where a chart without a close is Yahoo's silence.

    Where the bytes are broken the collector's own parse says how; where they are sound they have other prices.
    """
    try:
        parse(payload, pairs)
    except SourceChanged as error:
        if error.seen != NO_BARS:
            return
    else:
        if answer.is_history:
            return
    symbol, start = payload.meta["symbol"], payload.meta["start"]
    message = f"Yahoo gave no bar from {start} on ({answer.failure}); nothing landed for {symbol}"
    raise SourceUnavailable("yahoo", symbol, message)
