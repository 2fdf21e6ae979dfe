"""cdn-api.cboe.com and cdn.cboe.com: index histories, put/call archives, daily option statistics."""

from __future__ import annotations

import json
import re
from datetime import date
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from simulator.render.cboe_chains import CHAIN, chain
from simulator.render.view import Request, Response, View, not_found, on_days, written

_HISTORY = re.compile(r"/api/global/us_indices/daily_prices/([A-Z0-9]+)_History\.csv")
_ARCHIVE = re.compile(r"/resources/options/volume_and_call_put_ratios/(total|equity|index)pc\.csv")
_DAILY = re.compile(r"/data/us/options/market_statistics/daily/(\d{4}-\d{2}-\d{2})_daily_options")

_DAY: Final = "%m/%d/%Y"
_FIELDS = ("OPEN", "HIGH", "LOW", "CLOSE")
_ARCHIVE_FROM, _ARCHIVE_TO = date(2006, 11, 1), date(2019, 10, 4)
_PADDED_SINCE = date(2012, 6, 1)
_DAILY_FROM = date(2019, 10, 7)
_ARRAYS_SINCE = date(2022, 1, 3)
"""From here on a section is an array of volume and open interest; before, one object."""

_RATIOS = {
    "total": "TOTAL PUT/CALL RATIO",
    "index": "INDEX PUT/CALL RATIO",
    "etp": "EXCHANGE TRADED PRODUCTS PUT/CALL RATIO",
    "equity": "EQUITY PUT/CALL RATIO",
    "vix": "CBOE VOLATILITY INDEX (VIX) PUT/CALL RATIO",
    "spx": "SPX + SPXW PUT/CALL RATIO",
}
_SECTIONS = {"total": "SUM OF ALL PRODUCTS", "index": "INDEX OPTIONS", "equity": "EQUITY OPTIONS"}
_DENIED = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>'
)


def render(view: View, request: Request) -> Response:
    """Return the file; the old host sends index histories on to the new one. What is not there is 403, as there."""
    if found := _HISTORY.fullmatch(request.path):
        if request.host == "cdn.cboe.com":
            address = f"https://cdn-api.cboe.com{request.path}"
            return Response(b"", "text/html", status=307, headers={"Location": address})
        return _history(view, found.group(1))
    if found := CHAIN.fullmatch(request.path):
        return chain(view, found.group(1)) or _denied()
    if found := _ARCHIVE.fullmatch(request.path):
        return _archive(view, found.group(1))
    if found := _DAILY.fullmatch(request.path):
        return _daily(view, found.group(1))
    return not_found()


def _denied() -> Response:
    return Response(_DENIED, "application/xml", status=403)


def _csv(lines: list[str], end: str = "\n") -> Response:
    return Response((end.join(lines) + end).encode(), "text/csv")


def _history(view: View, symbol: str) -> Response:
    """Return an index file. Where only the close is collected, the bar is that one price."""
    pairs = view.pairs("cboe")
    columns = {
        code.split("/")[1]: view.published(series, "cboe")
        for code, (series, _) in pairs.items()
        if code.split("/")[0] == symbol
    }
    if not columns or all(frame.is_empty() for frame in columns.values()):
        return _denied()
    if symbol in columns:
        rows = [f"{written(day, _DAY)},{value:.6f}" for day, value in columns[symbol].rows()]
        return _csv([f"DATE,{symbol}", *rows])
    close = columns["CLOSE"]
    days = close["period_date"].to_numpy()
    prices = [_prices(on_days(days, columns.get(field, close))) for field in _FIELDS]
    shown = [written(day, _DAY) for day in days.tolist()]
    rows = [",".join(cells) for cells in zip(shown, *prices, strict=True)]
    return _csv(["DATE,OPEN,HIGH,LOW,CLOSE", *rows])


def _prices(values: npt.NDArray[np.float64]) -> list[str]:
    return ["" if value != value else f"{value:.6f}" for value in values.tolist()]


def _archive(view: View, group: str) -> Response:
    """Return a frozen archive: two lines before the header, early days unpadded, later ones padded and spaced."""
    ratio = view.values(f"put_call_{group}_ratio", "cboe").rename({"value": "ratio"})
    calls = view.values(f"call_volume_{group}", "cboe").rename({"value": "calls"})
    puts = view.values(f"put_volume_{group}", "cboe").rename({"value": "puts"})
    table = ratio.join(calls, on="period_date").join(puts, on="period_date")
    table = table.filter(pl.col("period_date").is_between(_ARCHIVE_FROM, _ARCHIVE_TO)).sort("period_date")
    if table.is_empty():
        return _denied()
    plural = "S" if group == "total" else ""
    lines = [
        "Volumes and put/call ratios of options traded at Cboe. Not warranted to be accurate.,,,,",
        f", PRODUCT:{group.upper()},,EXCHANGE: Cboe,",
        f"DATE,CALL{plural},PUT{plural},TOTAL,P/C Ratio",
    ]
    for day, value, call, put in table.select("period_date", "ratio", "calls", "puts").iter_rows():
        numbers = (f"{call:.0f}", f"{put:.0f}", f"{call + put:.0f}", f"{value:.2f}")
        if day < _PADDED_SINCE:
            lines.append(f"{day.month}/{day.day}/{day.year}," + ",".join(numbers))
        else:
            lines.append(f"{day:%m/%d/%Y}, " + ", ".join(numbers))
    return _csv(lines, "\r\n")


def _daily(view: View, text: str) -> Response:
    """Return one session's statistics; 403 before they are out, on days without trading and before the service."""
    names = [f"put_call_{group}_ratio" for group in _RATIOS]
    names += [f"{side}_volume_{group}" for group in _SECTIONS for side in ("call", "put")]
    known = view.remember("daily", names, "cboe", lambda: {name: _by_day(view, name) for name in names})
    day = date.fromisoformat(text)
    printed = {name: days[day] for name, days in known.items() if day in days}
    if day < _DAILY_FROM or not printed:
        return _denied()
    ratios = {name: printed.get(f"put_call_{group}_ratio") for group, name in _RATIOS.items()}
    document: dict[str, Any] = {
        "ratios": [{"name": name, "value": f"{value:.2f}"} for name, value in ratios.items() if value is not None]
    }
    for group, section in _SECTIONS.items():
        calls, puts = printed.get(f"call_volume_{group}"), printed.get(f"put_volume_{group}")
        if calls is not None and puts is not None:
            document[section] = _section(day, round(calls), round(puts))
        elif group == "total":
            document[section] = []  # the page always has it; a market without volumes leaves it empty
    return Response(json.dumps(document, separators=(",", ":")).encode(), "application/json")


def _by_day(view: View, series_id: str) -> dict[date, float]:
    return dict(view.values(series_id, "cboe").iter_rows())


def _section(day: date, calls: int, puts: int) -> dict[str, Any] | list[dict[str, Any]]:
    volume = {"name": "VOLUME", "call": calls, "put": puts, "total": calls + puts}
    if day < _ARRAYS_SINCE:
        return volume
    held = {"name": "OPEN INTEREST", "call": calls * 52, "put": puts * 43, "total": calls * 52 + puts * 43}
    return [volume, held]


HOSTS: Final = {"cdn-api.cboe.com": render, "cdn.cboe.com": render}
