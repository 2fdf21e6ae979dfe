"""Yahoo on this machine: charts as tests script them, and a server that hands them to yfinance."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from zoneinfo import ZoneInfo

from tests.unit.fakes import FakeHttp

NEW_YORK, LONDON = ZoneInfo("America/New_York"), ZoneInfo("Europe/London")
EVENING = datetime(2026, 11, 17, 23, 0, tzinfo=UTC)  # 18:00 in New York


def stamp(day: str, zone: ZoneInfo, clock: str) -> int:
    return int(datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=zone).timestamp())


def new_york(*days: str) -> list[int]:
    return [stamp(day, NEW_YORK, "09:30") for day in days]


def chart(
    symbol: str = "^GSPC", stamps: list[int] | None = None, closes: list[Any] | None = None, **meta: Any
) -> dict[str, Any]:
    stamps = new_york("2026-11-13", "2026-11-16") if stamps is None else stamps
    closes = [100.0 + at for at in range(len(stamps))] if closes is None else closes
    described = {
        "currency": "USD",
        "symbol": symbol,
        "instrumentType": "INDEX",
        "firstTradeDate": -1325583000,
        "gmtoffset": -18000,
        "exchangeTimezoneName": "America/New_York",
        "dataGranularity": "1d",
        "validRanges": ["1d", "max"],
        "regularMarketTime": stamps[-1] if stamps else 0,
        **meta,
    }
    result: dict[str, Any] = {"meta": described, "indicators": {"quote": [{}], "adjclose": [{}]}}
    if stamps:
        quote = {name: list(closes) for name in ("open", "high", "low", "close")} | {"volume": [0] * len(closes)}
        result |= {"timestamp": stamps, "indicators": {"quote": [quote], "adjclose": [{"adjclose": closes}]}}
    return {"chart": {"result": [result], "error": None}}


NOT_FOUND = {
    "chart": {"result": None, "error": {"code": "Not Found", "description": "No data found, symbol may be delisted"}}
}


class Server(ThreadingHTTPServer):
    """Answers charts from `charts` (a document, text, or status), counts requests, hands out a cookie and a crumb."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.charts: dict[str, Any] = {}
        self.requests: list[tuple[str, dict[str, list[str]]]] = []

    def rewrite(self, url: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{url.partition('://')[2]}"

    @property
    def asked(self) -> list[str]:
        """The symbols of the history requests, in order."""
        return [unquote(path.rsplit("/", 1)[1]) for path, query in self.requests if "period1" in query]


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = parse_qs(parts.query)
        self.server.requests.append((parts.path, query))
        if "/v8/finance/chart/" not in parts.path:
            return self.answer(200, "crumb-of-a-cookie")
        found = self.server.charts[unquote(parts.path.rsplit("/", 1)[1])]
        if callable(found):
            found = found(query)
        if isinstance(found, int):
            return self.answer(found, "Edge: Too Many Requests")
        return self.answer(200, found if isinstance(found, str) else json.dumps(found))

    def answer(self, status: int, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Silence."""


class LocalHttp(FakeHttp):
    def __init__(self, server: Server) -> None:
        super().__init__({})
        self.rewrite = server.rewrite  # type: ignore[method-assign]
