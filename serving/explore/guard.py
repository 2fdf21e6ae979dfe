"""What every request passes: only this machine, only reading; and what every answer says to the browser."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

HOSTS: Final = frozenset({"127.0.0.1", "localhost"})
MOST_QUERY_BYTES: Final = 16_384
HEADERS: Final = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data: blob:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


class Guard:
    """Refuses other hosts (a name of somebody else's that leads here), methods, and pages of other sites."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer or pass on."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                taken = {name for name, _ in message["headers"]}
                more = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
                more += [(b"cache-control", b"no-store")] if b"cache-control" not in taken else []
                message = {**message, "headers": [*message["headers"], *more]}
            await send(message)

        problem = _problem(scope)
        if problem is None:
            await self._app(scope, receive, guarded)
        elif scope["type"] == "http":
            await _refuse(guarded, *problem)


def _problem(scope: Scope) -> tuple[int, str] | None:
    if scope["type"] != "http":
        return 400, "expected HTTP"
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    hosts = [value for name, value in headers if name == b"host"]
    if len(hosts) != 1 or _host(hosts[0]) not in HOSTS:
        return 400, "expected the host 127.0.0.1 or localhost"
    if scope["method"] not in {"GET", "HEAD"}:
        return 405, "this page only reads: expected GET"
    if len(scope["query_string"]) > MOST_QUERY_BYTES:
        return 414, f"the address is too long: expected at most {MOST_QUERY_BYTES:,} bytes after the question mark"
    sites = [value for name, value in headers if name == b"sec-fetch-site"]
    if b"cross-site" in sites and scope["path"] != "/":
        return 403, "a page of another site may not read this one"
    return None


def _host(value: bytes) -> str | None:
    """Return the name of a Host header; None for one that is not written as a host and a port."""
    try:
        parts = urlsplit(f"//{value.decode('ascii')}")
        _ = parts.port  # ValueError for one that is no number
        is_plain = not (parts.path or parts.query or parts.fragment or parts.username is not None)
    except ValueError:
        return None
    return parts.hostname if is_plain else None


async def _refuse(send: Send, status: int, sentence: str) -> None:
    body = json.dumps({"error": sentence}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if status == 405:
        headers.append((b"allow", b"GET, HEAD"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
