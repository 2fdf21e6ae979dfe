"""Yahoo Finance through yfinance: the S&P 500 index, the MOVE index, yen per dollar.

Where   https://query2.finance.yahoo.com/v8/finance/chart (keyless; cookie and crumb are yfinance's business); for
        personal use, 2 requests a second, and not one more after the first "too many requests"
Grain   one bar per symbol and session; the day is that of the exchange's own zone (New York; London for currencies)
Units   the currency in meta.currency, for an index its points
Breaks  SourceChanged on an error in the chart, another symbol, currency or bar length, lists that do not match.
        A null price is a gap. A bar of a session still open at the time of asking is never returned
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import polars as pl

from ingest.catalog.calendars import working_days
from ingest.clock import NEW_YORK
from ingest.errors import SourceChanged, SourceError, SourceUnavailable
from ingest.kit import FetchContext, Pair, Payload, Window
from ingest.parsing import (
    changed,
    field,
    json_of,
    listed,
    number,
    oldest,
    quoted,
    require_unit,
    rows_of,
    series_of,
    together,
    windows_of,
)

if TYPE_CHECKING:
    from ingest.yfinance_client import Answer, YahooClient

_FIRST_DAY = date(2000, 1, 1)
_SESSIONS_ASKED_AGAIN = 30  # Yahoo lost whole sessions in 2026 and gave them back weeks later
_NO_BARS = "a chart without a single price"
_INDEX_IS_CLOSED = time(16, 15)
_CURRENCY_IS_CLOSED = time(17, 0)


def fetch(context: FetchContext) -> Iterator[Payload | SourceError]:
    """Yield one chart per symbol: the bytes as Yahoo sent them, archived before anything reads them.

    yfinance's own frame only tells whether it could use the answer.
    """
    from ingest.yfinance_client import TooManyRequests, YahooClient

    by_symbol = [(symbol, list(pairs)) for symbol, pairs in groupby(sorted(context.pairs, key=_symbol), key=_symbol)]
    client = YahooClient(context.settings, context.http.rewrite)
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
    symbol = payload.meta["symbol"]
    chart = _result(payload, json_of(payload, f"JSON of a chart of {symbol}"))
    meta = field(payload, chart, "meta", "the chart")
    for name, expected in (("symbol", symbol), ("dataGranularity", "1d")):
        if field(payload, meta, name, "meta") != expected:
            raise changed(payload, f"meta.{name} {expected}", quoted(meta[name]))
    days = _days(payload, meta, listed(payload, chart, "timestamp", "the chart") if "timestamp" in chart else [])
    quotes = listed(payload, field(payload, chart, "indicators", "the chart"), "quote", "indicators")
    if len(quotes) != 1:
        raise changed(payload, "one list of quotes", str(len(quotes)))
    wanted = [(pair, _prices(payload, quotes[0], pair[1].code.partition("/")[2], days)) for pair in _of(symbol, pairs)]
    if all(price is None for _, prices in wanted for price in prices):
        raise changed(payload, "prices", _NO_BARS)
    for (_, provider), _ in wanted:
        require_unit(payload, provider, field(payload, meta, "currency", "meta"), "meta.currency")
    closed = _closed(payload, days)
    return together(
        [rows_of(payload, pair, list(closed), [prices[at] for at in closed.values()]) for pair, prices in wanted]
    )


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
    start = _start(oldest([context.since[series.id] for series, _ in pairs]))
    end = context.clock().astimezone(NEW_YORK).date() + timedelta(days=1)  # exclusive
    answer = client.history(symbol, start, end)
    if not answer.body:
        raise SourceUnavailable("yahoo", symbol, f"Yahoo gave no chart ({answer.failure}); nothing landed for {symbol}")
    answered_from = start if answer.is_history else end
    payload = context.http.keep(
        Payload(
            source="yahoo",
            name=symbol,
            url=answer.url,
            body=answer.body,
            sha256=hashlib.sha256(answer.body).hexdigest(),
            fetched_at=context.clock().astimezone(UTC),
            status=answer.status,
            meta={"symbol": symbol, "start": answered_from.isoformat(), "series": series_of(pairs)},
        )
    )
    if not answer.has_bars:
        _require_bars(payload, pairs, answer)
    return payload


def _require_bars(payload: Payload, pairs: Sequence[Pair], answer: Answer) -> None:
    """Raise SourceUnavailable where yfinance's empty frame is Yahoo's silence.

    Where the bytes are broken the collector's own parse says how; where they are sound the frame does not matter.
    """
    try:
        parse(payload, pairs)
    except SourceChanged as error:
        if error.seen != _NO_BARS:
            return
    else:
        if answer.is_history:
            return
    symbol, start = payload.meta["symbol"], payload.meta["start"]
    message = f"Yahoo gave no bar from {start} on ({answer.failure}); nothing landed for {symbol}"
    raise SourceUnavailable("yahoo", symbol, message)


def _start(held: date | None) -> date:
    if held is None:
        return _FIRST_DAY
    return working_days("nyse", held - timedelta(days=2 * _SESSIONS_ASKED_AGAIN), held)[-_SESSIONS_ASKED_AGAIN:][0]


# ---- reading -------------------------------------------------------------------------------------------------------


def _result(payload: Payload, document: Any) -> dict[str, Any]:
    chart = field(payload, document, "chart", "the answer")
    error = field(payload, chart, "error", "chart")
    if error is not None:
        raise changed(payload, f"a chart of {payload.meta['symbol']}", f"the error {quoted(error)}")
    results = listed(payload, chart, "result", "chart")
    if len(results) != 1 or not isinstance(results[0], dict):
        raise changed(payload, "one result in the chart", f"{len(results)}: {quoted(results)}")
    result: dict[str, Any] = results[0]
    return result


def _days(payload: Payload, meta: Mapping[str, Any], stamps: Sequence[Any]) -> list[date]:
    """Return the session of each bar: its date on the exchange's clock, by the zone's rules of that day.

    (`meta.gmtoffset` is today's offset, wrong for half of the year.) Yahoo's clock itself misses a change of hour at
    times: a bar stamped 22:00 or 23:00 sharp means the midnight that follows, as yfinance knows too.
    """
    name = field(payload, meta, "exchangeTimezoneName", "meta")
    try:
        zone = ZoneInfo(str(name))
    except (ZoneInfoNotFoundError, ValueError):
        raise changed(payload, "meta.exchangeTimezoneName to be a time zone", quoted(name)) from None
    days = []
    for stamp in stamps:
        if isinstance(stamp, bool) or not isinstance(stamp, int):
            raise changed(payload, "timestamps in whole seconds", quoted(stamp))
        local = datetime.fromtimestamp(stamp, zone)
        is_midnight = local.hour in (22, 23) and local.minute == 0
        days.append((local + timedelta(hours=2)).date() if is_midnight else local.date())
    return days


def _closed(payload: Payload, days: Sequence[date]) -> dict[date, int]:
    """Return the position of each day's last bar, for days over when the chart was fetched.

    While a market trades, Yahoo sends today a second time as a live bar behind the first: the later one counts.
    """
    end = _CURRENCY_IS_CLOSED if payload.meta["symbol"].endswith("=X") else _INDEX_IS_CLOSED
    return {day: at for at, day in enumerate(days) if datetime.combine(day, end, NEW_YORK) <= payload.fetched_at}


def _prices(payload: Payload, quotes: Any, name: str, days: Sequence[date]) -> list[float | None]:
    """Return one price per bar. A chart without bars has no lists either."""
    cells = listed(payload, quotes, name, "the quotes") if days else []
    if len(cells) != len(days):
        raise changed(payload, f"{len(days)} values of {name}, one for each timestamp", str(len(cells)))
    return [number(payload, cell, (), f"{name} of {on}") for cell, on in zip(cells, days, strict=True)]
