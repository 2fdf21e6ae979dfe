"""What every client of ours holds to, whichever library it asks with: size, redirects, waiting, words for trouble."""

from __future__ import annotations

import email.utils
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

from ingest.clock import Clock
from ingest.errors import told
from ingest.registry import are_of_one_publisher

MAX_BODY_BYTES: Final = 64 * 1024 * 1024
MAX_REDIRECTS: Final = 5
MAX_RETRY_AFTER_SECONDS: Final = 120.0
CONNECT_SECONDS: Final = 10.0
REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})

_EXCERPT: Final = 100
_HTTPS_PORT: Final = 443


def redirect_target(public: str, location: str, base: str | None, *, same_host: bool = False) -> str | None:
    """Return the public address that a redirect from `public` leads to, None where it may not be followed.

    It must be https, on the usual port, of the same publisher: the host itself, or (not with `same_host`) another host
    of its domain, as cdn.cboe.com leads to cdn-api.cboe.com, or one that the publisher declares beside it. A stand-in
    at `base` may answer with its own address.
    """
    if not location:
        return None
    if base is not None and location.startswith(base + "/"):
        target = "https://" + location[len(base) + 1 :]
    else:
        target = urljoin(public, location)
    try:
        parts, port = urlsplit(target), urlsplit(target).port
    except ValueError:
        return None
    here, there = urlsplit(public).hostname or "", parts.hostname or ""
    if parts.scheme != "https" or port not in (None, _HTTPS_PORT) or parts.username is not None:
        return None
    if here == there:
        return target
    is_same = not same_host and (_domain(here) == _domain(there) or are_of_one_publisher(here, there))
    return target if is_same else None


def _domain(host: str) -> str:
    """Return the last two labels of a host; an address of numbers is its own."""
    labels = host.rstrip(".").split(".")
    return host if labels[-1].isdigit() or ":" in host else ".".join(labels[-2:])


def retry_after(headers: Mapping[str, str], clock: Clock) -> float | None:
    """Return the seconds of a Retry-After (a number, or a date against the server's own), None where there is none."""
    value = headers.get("retry-after")
    if value is None:
        return None
    if value.strip().isdecimal():
        seconds = float(value)
    else:
        moment, now = _http_date(value), _http_date(headers.get("date", "")) or clock()
        if moment is None:
            return None
        seconds = (moment - now).total_seconds()
    return min(max(seconds, 0.0), MAX_RETRY_AFTER_SECONDS)


def _http_date(value: str) -> datetime | None:
    try:
        moment = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def status_text(status: int) -> str:
    """Return a status with its phrase: HTTP 404 (not found)."""
    with suppress(ValueError):
        return f"HTTP {status} ({HTTPStatus(status).phrase.lower()})"
    return f"HTTP {status}"


def excerpt(text: str) -> str:
    """Return the first words of a body to put behind a status; of a web page its title. "" where it has none."""
    flat = told(text, _EXCERPT)
    return f": {flat}" if flat else ""


def advice(reason: str) -> str:
    """Return what a person can do about a request that got no answer."""
    if "429" in reason:
        return "Too many requests; wait some minutes and run again"
    if reason.startswith("HTTP"):
        return "The publisher has trouble; run again later"
    return "Check the network"


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and what lies behind it."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


class Watchdog:
    """Cuts the connection at the deadline. A server that sends a byte now and then defeats every socket time-out."""

    def __init__(self, seconds: float, sockets: list[socket.socket]) -> None:
        self.bit = False
        self._sockets = sockets  # of the client: a connection kept alive was opened by an earlier request
        self._timer = threading.Timer(seconds, self._bite)
        self._timer.daemon = True

    def __enter__(self) -> Watchdog:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Learn the sockets of this request from httpcore's trace events."""
        found = info.get("return_value")
        if event.endswith((".connect_tcp.complete", ".start_tls.complete")) and found is not None:
            self._sockets[:] = [known for known in self._sockets if known.fileno() != -1]
            self._sockets.append(found.get_extra_info("socket"))

    def _bite(self) -> None:
        self.bit = True
        for one in list(self._sockets):
            with suppress(OSError):  # closed in the meantime: there is nothing left to cut
                one.shutdown(socket.SHUT_RDWR)
