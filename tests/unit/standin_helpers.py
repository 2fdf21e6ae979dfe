"""One simulated market for all tests of the stand-in, and a plain client that asks it."""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache

from ingest.clock import NEW_YORK
from simulator import Market, StandIn, simulate

END = date(2026, 11, 20)
KEY = "0123456789abcdef0123456789abcdef"


@cache
def market() -> Market:
    return simulate(END)


def new_york(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=NEW_YORK)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def lines(self) -> list[str]:
        return self.text.splitlines()


def ask(stand_in: StandIn, path: str, headers: Mapping[str, str] | None = None, timeout: float = 10.0) -> Answer:
    """Ask without following redirects and without repairing anything."""
    connection = http.client.HTTPConnection("127.0.0.1", int(stand_in.url.rsplit(":", 1)[1]), timeout=timeout)
    try:
        connection.request("GET", path, headers=dict(headers or {}))
        response = connection.getresponse()
        return Answer(response.status, dict(response.getheaders()), response.read())
    finally:
        connection.close()
