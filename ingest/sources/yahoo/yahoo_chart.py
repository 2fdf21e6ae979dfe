"""Yahoo's chart JSON, read natively: what the sources of single series and of the panel share.

A chart is a list of bars, each stamped in unix seconds on the exchange's clock, and lists of prices beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, time, timedelta
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import polars as pl

from ingest.archive import sha256_of
from ingest.catalog.calendars import working_days
from ingest.clock import Clock
from ingest.errors import SymbolUnknown
from ingest.payload import Payload
from ingest.readers.bars import EXCHANGE_IS_CLOSED, last_closed_day
from ingest.readers.parsing import changed, field, json_of, listed, number, quoted

if TYPE_CHECKING:
    from ingest.sources.yahoo.yfinance_client import Answer

FIRST_DAY: Final = date(2000, 1, 1)
SESSIONS_ASKED_AGAIN: Final = 30
"""Yahoo lost whole sessions in 2026 and gave them back weeks later."""

NO_BARS: Final = "a chart without a single price"

_TRADES_UNTIL_EVENING: Final = ("=X", "=F", ".NYB", ".CBT")
"""Currencies, futures and the dollar index: their day ends at 17:00 New York."""
_TRADES_ALWAYS: Final = "-USD"
"""Coins: their day is that of UTC."""
_EVENING = time(17, 0)
_ACCEPTED: Final = 202  # a bot check answers so
_SAME_PRICE: Final = 1e-6  # Yahoo's prices are float32, written with more digits than they have
_UNKNOWN: Final = "Not Found"
_LAST_STAMP: Final = 10**10  # the year 2286: milliseconds lie behind it


@dataclass(frozen=True, slots=True)
class Chart:
    """One symbol's bars, in Yahoo's order.

    `days` and `stamps` (unix seconds) have one entry per bar, `quotes` lists of as many cells.
    """

    meta: Mapping[str, Any]
    zone: ZoneInfo
    days: pl.Series
    stamps: pl.Series
    quotes: Mapping[str, Any]
    events: Mapping[str, Any]


def asked_from(held: date | None, first: date = FIRST_DAY) -> date:
    """Return the first day to ask for where `held` is the newest day held (None: nothing yet, `first` then)."""
    if held is None:
        return first
    return working_days("nyse", held - timedelta(days=2 * SESSIONS_ASKED_AGAIN), held)[-SESSIONS_ASKED_AGAIN:][0]


def chart_payload(symbol: str, answer: Answer, start: date, clock: Clock, **meta: str) -> Payload:
    """Return the bytes that came for `symbol`, asked from `start` on, with `meta` beside what every chart has."""
    return Payload(
        source="yahoo",
        name=symbol,
        url=answer.url,
        body=answer.body,
        sha256=sha256_of(answer.body),
        fetched_at=clock().astimezone(UTC),
        status=answer.status,
        meta={"symbol": symbol, "start": start.isoformat(), **meta},
    )


def read_chart(payload: Payload) -> Chart:
    """Return the chart of `payload.meta["symbol"]`.

    SourceChanged on an error in place of a chart, another symbol or bar length, stamps or lists that are none.
    """
    symbol = payload.meta["symbol"]
    if payload.status == _ACCEPTED:
        raise changed(payload, f"a chart of {symbol}", "HTTP 202 and no chart")
    result = _result(payload, json_of(payload, f"JSON of a chart of {symbol}"))
    meta = field(payload, result, "meta", "the chart")
    for name, expected in (("symbol", symbol), ("dataGranularity", "1d")):
        if field(payload, meta, name, "meta") != expected:
            raise changed(payload, f"meta.{name} {expected}", quoted(meta[name]))
    zone = _zone(payload, meta)
    stamps = listed(payload, result, "timestamp", "the chart") if "timestamp" in result else []
    days = days_of(payload, zone, stamps)
    quotes = listed(payload, field(payload, result, "indicators", "the chart"), "quote", "indicators")
    if len(quotes) != 1:
        raise changed(payload, "one list of quotes", str(len(quotes)))
    events = result.get("events") or {}
    if not isinstance(events, dict):
        raise changed(payload, "events of the chart to be an object", quoted(events))
    numbers = pl.Series("_stamp", stamps, dtype=pl.Int64)
    return Chart(meta=meta, zone=zone, days=days, stamps=numbers, quotes=quotes[0], events=events)


def days_of(payload: Payload, zone: ZoneInfo, stamps: Sequence[Any]) -> pl.Series:
    """Return the session of each stamp: its date on the exchange's clock, by the zone's rules of that day.

    (`meta.gmtoffset` is today's offset, wrong for half of the year.) Yahoo's clock itself misses a change of hour at
    times: a bar stamped 22:00 or 23:00 sharp means the midnight that follows, as yfinance knows too.
    """
    for stamp in stamps:
        if isinstance(stamp, bool) or not isinstance(stamp, int) or abs(stamp) > _LAST_STAMP:
            raise changed(payload, "timestamps in whole seconds", quoted(stamp))
    if not stamps:  # most charts of a few days have no events
        return pl.Series("day", dtype=pl.Date)
    # one expression: each step of its own would cost polars as much as all of them
    utc = pl.from_epoch("day", time_unit="s").dt.replace_time_zone("UTC")
    local = utc.dt.convert_time_zone(zone.key).dt.replace_time_zone(None)
    is_midnight = (local.dt.hour() >= 22) & (local.dt.minute() == 0)
    on = pl.when(is_midnight).then(local.dt.offset_by("2h")).otherwise(local).dt.date()
    return pl.Series("day", stamps, dtype=pl.Int64).to_frame().select(on.alias("day"))["day"]


def prices_of(payload: Payload, chart: Chart, name: str) -> pl.Series:
    """Return one number per bar, NULL where Yahoo has none. A chart without bars has no lists either."""
    cells = listed(payload, chart.quotes, name, "the quotes") if len(chart.days) else []
    if len(cells) != len(chart.days):
        raise changed(payload, f"{len(chart.days)} values of {name}, one for each timestamp", str(len(cells)))
    if {type(cell) for cell in cells} <= {int, float, type(None)}:
        prices = pl.Series(name, cells, dtype=pl.Float64, strict=False)
        if prices.is_finite().all():
            return prices
    numbers = [number(payload, cell, (), f"{name} of {on}") for cell, on in zip(cells, chart.days, strict=True)]
    return pl.Series(name, numbers, dtype=pl.Float64)


def require_prices(payload: Payload, columns: Iterable[pl.Series]) -> None:
    """Raise SourceChanged where not one of the columns has a number: Yahoo's way to say nothing."""
    if all(column.null_count() == len(column) for column in columns):
        raise changed(payload, "prices", NO_BARS)


def last_day(payload: Payload) -> date:
    """Return the last day whose trading was over when the chart was fetched."""
    symbol: str = payload.meta["symbol"]
    if symbol.endswith(_TRADES_ALWAYS):
        return payload.fetched_at.astimezone(UTC).date() - timedelta(days=1)
    return last_closed_day(
        payload.fetched_at, _EVENING if symbol.endswith(_TRADES_UNTIL_EVENING) else EXCHANGE_IS_CLOSED
    )


def closed_bars(payload: Payload, chart: Chart, bars: pl.DataFrame, close: str) -> pl.DataFrame:
    """Return the bars (column `session_date`) of the days that were over when the chart was fetched, oldest first.

    `close` is the column that makes a bar a price. Of two bars of one session the priced one counts; of two that say
    the same, one. While a market trades, Yahoo sends today a second time as a live bar behind the first, stamped with
    meta.regularMarketTime: that one counts. SourceChanged, with both, where nothing tells which of the two counts.
    """
    closed = bars.with_columns(_stamp=chart.stamps).filter(pl.col("session_date") <= last_day(payload))
    doubled = closed.filter(pl.col("session_date").is_duplicated())
    if not doubled.is_empty():
        names = [name for name in bars.columns if name != "session_date"]
        priced = closed.filter(pl.col(close).is_not_null() | pl.col(close).is_null().all().over("session_date")).unique(
            ["session_date", *names], keep="last", maintain_order=True
        )
        stamp = pl.col("_stamp")
        is_live = (stamp == pl.lit(_whole(chart.meta.get("regularMarketTime")), dtype=pl.Int64)).fill_null(value=False)
        is_live &= (stamp == stamp.max().over("session_date")) & (stamp > stamp.min().over("session_date"))
        has_live = is_live.any().over("session_date")
        closed = priced.filter(~has_live | is_live)
        _refuse_two_bars(payload, closed, names, close)
        closed = closed.unique("session_date", keep="last", maintain_order=True)
    return closed.drop("_stamp").sort("session_date")


def _refuse_two_bars(payload: Payload, closed: pl.DataFrame, names: Sequence[str], close: str) -> None:
    for (on,), bars in closed.filter(pl.col("session_date").is_duplicated()).group_by("session_date"):
        if any(_differ(bars[name].drop_nulls()) for name in names if name != "volume"):
            told = " and ".join(f"{bar[close]}" for bar in bars.head(2).to_dicts())
            raise changed(payload, f"one bar of {on}", f"two that differ, with {close} {told}")


def _differ(prices: pl.Series) -> bool:
    low, high = prices.min(), prices.max()
    return isinstance(low, float) and isinstance(high, float) and high - low > _SAME_PRICE * abs(high)


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= _LAST_STAMP else None


def _result(payload: Payload, document: Any) -> dict[str, Any]:
    chart = field(payload, document, "chart", "the answer")
    error = field(payload, chart, "error", "chart")
    if error is not None:
        expected, seen = f"a chart of {payload.meta['symbol']}", f"the error {quoted(error)}"
        if isinstance(error, dict) and error.get("code") == _UNKNOWN:
            raise SymbolUnknown(payload.source, payload.name, expected=expected, seen=seen)
        raise changed(payload, expected, seen)
    results = listed(payload, chart, "result", "chart")
    if len(results) != 1 or not isinstance(results[0], dict):
        raise changed(payload, "one result in the chart", f"{len(results)}: {quoted(results)}")
    result: dict[str, Any] = results[0]
    return result


def _zone(payload: Payload, meta: Mapping[str, Any]) -> ZoneInfo:
    name = field(payload, meta, "exchangeTimezoneName", "meta")
    try:
        return ZoneInfo(str(name))
    except (ZoneInfoNotFoundError, ValueError):
        raise changed(payload, "meta.exchangeTimezoneName to be a time zone", quoted(name)) from None
