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

import numpy as np
import numpy.typing as npt

from ingest.catalog.zones import in_utc
from simulator.render import yahoo_futures, yahoo_listed
from simulator.render.view import Request, Response, View, not_found, on_days
from simulator.render.yahoo_bars import PRICES, Bars, Days

_Stamps = npt.NDArray[np.int64]

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
    if instrument is None or bars is None or not len(bars.days):
        return _problem("Not Found", "No data found, symbol may be delisted", 404)
    if request.params.get("interval", "1d") != "1d":
        return _problem("Bad Request", "the stand-in has daily bars only", 422)
    stamps = _stamps(bars.days, instrument)
    first, last = _asked(stamps, request)
    result: dict[str, Any] = {"meta": _meta(view, symbol, instrument, venue, bars, request)}
    quote: dict[str, Any] = {}
    adjusted: dict[str, Any] = {}
    if first < last:
        result["timestamp"] = stamps[first:last].tolist()
        told = _told(events, stamps[first:last], instrument, request.params.get("events", ""))
        if told:
            result["events"] = told
        quote = {name: bars.shown(name, first, last) for name in (*PRICES, "volume")}
        adjusted = {"adjclose": bars.shown("adjclose", first, last)}
    result["indicators"] = {"quote": [quote], "adjclose": [adjusted]}
    return _json({"chart": {"result": [result], "error": None}})


def _found(view: View, symbol: str) -> tuple[_Instrument | None, tuple[str, str], Bars | None, yahoo_listed.Events]:
    """Return what a symbol is, its venue, its bars and its events."""
    instrument = _instrument(view, symbol)
    if instrument is not None:
        return instrument, _VENUES[instrument.kind], _bars(view, symbol), {}
    futures = yahoo_futures.bars(view, symbol)
    if futures is not None:
        return _FUTURE, _VENUES["FUTURE"], Bars.of(futures), {}
    listing = yahoo_listed.listing(view, symbol)
    if listing is None:
        return None, _VENUES["N"], None, {}
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


def _told(events: yahoo_listed.Events, asked: _Stamps, instrument: _Instrument, kinds: str) -> dict[str, Any]:
    """Return the events of the kinds asked for whose day lies between the first and the last bar."""
    told: dict[str, Any] = {}
    for name, word in (("dividends", "div"), ("splits", "split")):
        if name not in events or word not in kinds:
            continue
        days, rows = events[name]
        stamps = _stamps(days, instrument)
        shown = [
            {**row, "date": stamp}
            for row, stamp in zip(rows, stamps.tolist(), strict=True)
            if asked[0] <= stamp <= asked[-1]
        ]
        if shown:
            told[name] = {str(row["date"]): row for row in shown}
    return told


def _asked(stamps: _Stamps, request: Request) -> tuple[int, int]:
    """Return the first row that is asked for, and the one after the last."""
    if "period1" in request.params:
        first, last = int(float(request.params["period1"])), int(float(request.params.get("period2", 2**40)))
        return int(np.searchsorted(stamps, first)), int(np.searchsorted(stamps, last))
    spans = {"1d": 1, "5d": 5, "1mo": 22, "3mo": 65, "6mo": 130, "1y": 260, "2y": 520, "5y": 1300, "10y": 2600}
    return max(len(stamps) - spans.get(request.params.get("range", "max"), len(stamps)), 0), len(stamps)


def _bars(view: View, symbol: str) -> Bars | None:
    """Return the bars of a symbol of the catalog. One that is collected by its close only has bars of one price."""
    columns = {
        code.split("/")[1]: view.published(series, "yahoo")
        for code, (series, _) in view.pairs("yahoo").items()
        if code.split("/")[0] == symbol
    }
    if "close" not in columns:
        return None
    days = columns["close"]["period_date"].to_numpy()
    prices = {name: on_days(days, columns.get(name, columns["close"])) for name in PRICES}
    return Bars(days, {**prices, "volume": np.zeros(len(days)), "adjclose": prices["close"]})


def _stamps(days: Days, instrument: _Instrument) -> _Stamps:
    return in_utc(days, instrument.opens, instrument.zone).astype("datetime64[s]").astype(np.int64)


def _meta(
    view: View, symbol: str, instrument: _Instrument, venue: tuple[str, str], bars: Bars, request: Request
) -> dict[str, Any]:
    zone = ZoneInfo(instrument.zone)
    now = view.now.astimezone(zone)
    last: date = bars.days[-1].item()
    closed = datetime.combine(last, instrument.closes, zone)
    offset = int((now.utcoffset() or timedelta()).total_seconds())
    newest = len(bars.days) - 1
    (price,), (volume,) = (bars.shown(name, newest, newest + 1) for name in ("close", "volume"))
    return {
        "currency": "GBp" if view.is_rescaled else instrument.currency,
        "symbol": symbol,
        "exchangeName": venue[0],
        "fullExchangeName": venue[1],
        "instrumentType": instrument.kind,
        "firstTradeDate": int(_stamps(bars.days[:1], instrument)[0]),
        "regularMarketTime": int(closed.timestamp()),
        "hasPrePostMarketData": False,
        "gmtoffset": offset,
        "timezone": now.tzname(),
        "exchangeTimezoneName": instrument.zone,
        "regularMarketPrice": price,
        "regularMarketVolume": volume,
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
