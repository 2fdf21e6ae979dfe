"""query1/query2.finance.yahoo.com: daily charts; fc.yahoo.com: the cookie before the crumb.

Indices and currencies come from the series of the catalog, stocks and funds from the panel.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from urllib.parse import unquote
from zoneinfo import ZoneInfo

import polars as pl

from simulator.render import yahoo_futures, yahoo_listed
from simulator.render.view import Request, Response, View, not_found

_CHART = re.compile(r"/v8/finance/chart/([^/]+)")


@dataclass(frozen=True)
class _Instrument:
    """What Yahoo says of a symbol, and when its daily bar is stamped."""

    currency: str
    kind: str
    name: str
    zone: str
    opens: time
    closes: time


_INSTRUMENTS = {
    "^GSPC": _Instrument("USD", "INDEX", "S&P 500", "America/New_York", time(9, 30), time(16, 0)),
    "^MOVE": _Instrument("USD", "INDEX", "ICE BofAML MOVE Index", "America/New_York", time(9, 30), time(16, 0)),
    "JPY=X": _Instrument("JPY", "CURRENCY", "USD/JPY", "Europe/London", time(0, 0), time(23, 59)),
}
_FUTURE = _Instrument("USD", "FUTURE", "30 Day Federal Funds", "America/New_York", time(0, 0), time(17, 0))
_NEW_YORK = ("America/New_York", time(9, 30), time(16, 0))
_VENUES = {
    "INDEX": ("SNP", "SNP"),
    "CURRENCY": ("CCY", "CCY"),
    "FUTURE": ("CBT", "CBOT"),
    "Q": ("NMS", "NasdaqGS"),
    "N": ("NYQ", "NYSE"),
}
_HOURS = {
    "hong_kong": ("Asia/Hong_Kong", time(9, 30), time(16, 0)),
    "shanghai": ("Asia/Shanghai", time(9, 30), time(15, 0)),
    "every_day": ("UTC", time(0, 0), time(23, 59)),
}
"""Zone and hours by the calendar of a series; New York's for any other."""
_FIELDS = ("open", "high", "low", "close")


def render(view: View, request: Request) -> Response:
    """Return the chart of a symbol; the crumb and the cookie are given to anybody."""
    if request.host == "fc.yahoo.com":
        cookie = {"Set-Cookie": "A3=d=standin; Max-Age=31557600; Path=/"}
        return Response(b"", "text/html", status=404, headers=cookie)
    if request.path == "/v1/test/getcrumb":
        return Response(b"standin.crumb", "text/plain;charset=utf-8")
    found = _CHART.fullmatch(request.path)
    return _chart(view, unquote(found.group(1)), request) if found else not_found()


def _json(document: dict[str, Any], status: int = 200) -> Response:
    body = json.dumps(document, separators=(",", ":")).encode()
    return Response(body, "application/json;charset=utf-8", status=status)


def _problem(code: str, description: str, status: int) -> Response:
    return _json({"chart": {"result": None, "error": {"code": code, "description": description}}}, status)


def _chart(view: View, symbol: str, request: Request) -> Response:
    instrument, venue, bars, events = _found(view, symbol)
    if instrument is None or bars.is_empty():
        return _problem("Not Found", "No data found, symbol may be delisted", 404)
    if request.params.get("interval", "1d") != "1d":
        return _problem("Bad Request", "the stand-in has daily bars only", 422)
    stamps = _stamps(bars["period_date"], instrument)
    bars = bars.with_columns(stamps.alias("stamp"))
    asked = _asked(bars, request)
    result: dict[str, Any] = {"meta": _meta(view, symbol, instrument, venue, bars, request)}
    quote: dict[str, Any] = {}
    adjusted: dict[str, Any] = {}
    if asked.height:
        result["timestamp"] = asked["stamp"].to_list()
        told = _told(events, asked, instrument, request.params.get("events", ""))
        if told:
            result["events"] = told
        quote = {name: asked[name].to_list() for name in (*_FIELDS, "volume")}
        adjusted = {"adjclose": asked["adjclose"].to_list()}
    result["indicators"] = {"quote": [quote], "adjclose": [adjusted]}
    return _json({"chart": {"result": [result], "error": None}})


def _found(view: View, symbol: str) -> tuple[_Instrument | None, tuple[str, str], pl.DataFrame, yahoo_listed.Events]:
    """Return what a symbol is, its venue, its bars (period_date, prices, volume, adjclose) and its events."""
    instrument = _instrument(view, symbol)
    if instrument is not None:
        bars = _bars(view, symbol)
        if bars is None:
            return None, _VENUES[instrument.kind], pl.DataFrame(), {}
        bars = bars.with_columns(pl.lit(0).alias("volume"), pl.col("close").alias("adjclose"))
        return instrument, _VENUES[instrument.kind], bars, {}
    futures = yahoo_futures.bars(view, symbol)
    if futures is not None:
        return _FUTURE, _VENUES["FUTURE"], futures, {}
    listing = yahoo_listed.listing(view, symbol)
    if listing is None:
        return None, _VENUES["N"], pl.DataFrame(), {}
    instrument = _Instrument("USD", listing.kind, listing.name, *_NEW_YORK)
    venue = _VENUES.get(listing.exchange, ("PCX", "NYSEArca"))
    return instrument, venue, listing.bars, listing.events


def _instrument(view: View, symbol: str) -> _Instrument | None:
    """Return what a symbol of the catalog is: what is written here of it, else what its series' entry says."""
    if symbol in _INSTRUMENTS:
        return _INSTRUMENTS[symbol]
    found = next((pair for code, pair in view.pairs("yahoo").items() if code.split("/")[0] == symbol), None)
    if found is None:
        return None
    series, provider = found
    kind = "INDEX" if series.unit == "index" else "CURRENCY"
    return _Instrument(provider.unit, kind, series.title, *_HOURS.get(str(series.calendar), _NEW_YORK))


def _told(events: yahoo_listed.Events, asked: pl.DataFrame, instrument: _Instrument, kinds: str) -> dict[str, Any]:
    """Return the events of the kinds asked for whose day lies between the first and the last bar."""
    told: dict[str, Any] = {}
    for name, word in (("dividends", "div"), ("splits", "split")):
        rows = events.get(name)
        if rows is None or word not in kinds:
            continue
        rows = rows.with_columns(_stamps(rows["period_date"], instrument).alias("date"))
        rows = rows.filter(pl.col("date").is_between(asked["stamp"][0], asked["stamp"][-1])).drop("period_date")
        if rows.height:
            told[name] = {str(row["date"]): row for row in rows.iter_rows(named=True)}
    return told


def _asked(bars: pl.DataFrame, request: Request) -> pl.DataFrame:
    if "period1" in request.params:
        first, last = int(float(request.params["period1"])), int(float(request.params.get("period2", 2**40)))
        return bars.filter((pl.col("stamp") >= first) & (pl.col("stamp") < last))
    spans = {"1d": 1, "5d": 5, "1mo": 22, "3mo": 65, "6mo": 130, "1y": 260, "2y": 520, "5y": 1300, "10y": 2600}
    return bars.tail(spans.get(request.params.get("range", "max"), bars.height))


def _bars(view: View, symbol: str) -> pl.DataFrame | None:
    """Return period_date, open, high, low, close. A symbol collected by its close only has bars of one price."""
    columns = {
        code.split("/")[1]: (series, view.published(series, "yahoo"))
        for code, (series, _) in view.pairs("yahoo").items()
        if code.split("/")[0] == symbol
    }
    if "close" not in columns:
        return None
    table = columns["close"][1].rename({"value": "close"})
    for name in _FIELDS[:3]:
        other = columns[name][1] if name in columns else columns["close"][1]
        table = table.join(other.rename({"value": name}), on="period_date", how="left")
    return table.select("period_date", *_FIELDS)


def _stamps(days: pl.Series, instrument: _Instrument) -> pl.Series:
    local = days.cast(pl.Datetime("us")).dt.offset_by(f"{instrument.opens.hour}h{instrument.opens.minute}m")
    return local.dt.replace_time_zone(instrument.zone).dt.epoch("s")


def _meta(
    view: View, symbol: str, instrument: _Instrument, venue: tuple[str, str], bars: pl.DataFrame, request: Request
) -> dict[str, Any]:
    zone = ZoneInfo(instrument.zone)
    now = view.now.astimezone(zone)
    last: date = bars["period_date"][-1]
    closed = datetime.combine(last, instrument.closes, zone)
    offset = int((now.utcoffset() or timedelta()).total_seconds())
    price = bars["close"][-1]
    return {
        "currency": "GBp" if view.is_rescaled else instrument.currency,
        "symbol": symbol,
        "exchangeName": venue[0],
        "fullExchangeName": venue[1],
        "instrumentType": instrument.kind,
        "firstTradeDate": bars["stamp"][0],
        "regularMarketTime": int(closed.timestamp()),
        "hasPrePostMarketData": False,
        "gmtoffset": offset,
        "timezone": now.tzname(),
        "exchangeTimezoneName": instrument.zone,
        "regularMarketPrice": price,
        "regularMarketVolume": bars["volume"][-1],
        "longName": instrument.name,
        "shortName": instrument.name,
        "chartPreviousClose": price,
        "priceHint": 2,
        "currentTradingPeriod": _trading_periods(last, instrument, zone, offset),
        "dataGranularity": "1d",
        "range": request.params.get("range", ""),
        "validRanges": ["1d", "5d", "1mo", "3mo", "6mo", "1y", "2y", "5y", "10y", "ytd", "max"],
    }


def _trading_periods(last: date, instrument: _Instrument, zone: ZoneInfo, offset: int) -> dict[str, Any]:
    start = int(datetime.combine(last, instrument.opens, zone).astimezone(UTC).timestamp())
    end = int(datetime.combine(last, instrument.closes, zone).astimezone(UTC).timestamp())
    name = datetime.combine(last, instrument.opens, zone).tzname()
    edges = {"pre": (start, start), "regular": (start, end), "post": (end, end)}
    return {
        period: {"timezone": name, "start": first, "end": final, "gmtoffset": offset}
        for period, (first, final) in edges.items()
    }


HOSTS: Final = {"query1.finance.yahoo.com": render, "query2.finance.yahoo.com": render, "fc.yahoo.com": render}
