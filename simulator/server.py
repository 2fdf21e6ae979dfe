"""The local upstream: every publisher on one port of 127.0.0.1, at /HOST/PATH?QUERY."""

from __future__ import annotations

import re
import socket
import struct
import sys
import threading
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

from ingest.clock import Clock, clock_at
from simulator.faults import WIRE_KINDS, Fault, Faults, seen_through, spoiled
from simulator.market import Market
from simulator.render import Request, Response, View, render

_HOST = "127.0.0.1"
_REMEMBERED_BYTES = 48_000_000
_IDLE_SECONDS = 60
_MOST_ASKED = 1_000_000
"""Bytes of the body of a question."""
_HEARD = ("accept", "if-none-match", "user-agent")
"""The headers that an answer may depend on."""
_SECRET = re.compile(r"(api_key=)[^&]*")
_BODILESS = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})


@dataclass(frozen=True, slots=True)
class Served:
    """One request that was answered: `path` is host, path and query, keys blotted out. Status 0: none was sent."""

    method: str
    path: str
    status: int


class StandIn:
    """A context manager: the market at `now` behind `url`, on a free port unless one is named.

    `now` is an aware moment, moved by `set_now`, or a clock. `faults` spoils answers on demand, `requests` is the
    log of what was asked.
    """

    def __init__(self, market: Market, now: datetime | Clock, *, port: int = 0) -> None:
        self.market = market
        self.faults = Faults()
        self.requests: list[Served] = []
        self.stopping = threading.Event()
        self._clock: Clock = clock_at(now) if isinstance(now, datetime) else now
        self._answers: OrderedDict[Hashable, Response] = OrderedDict()
        self._remembered_bytes = 0
        self._lock = threading.Lock()
        self._server = _Server((_HOST, port), _Handler, self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        """Return the base address to set as TIDEGAUGE_UPSTREAM."""
        return f"http://{_HOST}:{self._server.server_address[1]}"

    @property
    def now(self) -> datetime:
        """Return the moment (UTC) the market stands at."""
        return self._clock().astimezone(UTC)

    def set_now(self, moment: datetime) -> None:
        """Place the market at `moment` (aware): what is released later is not served."""
        self._clock = clock_at(moment)

    def __enter__(self) -> StandIn:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def serve_forever(self) -> None:
        """Serve in this thread until interrupted."""
        self._server.serve_forever()

    def answer(self, request: Request, fault: Fault | None = None) -> Response:
        """Return the answer to one request at the present moment. The same question is rendered once."""
        view = View(self.market, self.now)
        if fault is not None:
            view = seen_through(fault, view)
        response = self._rendered(view, request)
        return response if fault is None else spoiled(fault, request, response)

    def _rendered(self, view: View, request: Request) -> Response:
        asked = tuple(request.headers.get(name) for name in _HEARD)
        key = (request.target, request.body, asked, view.now, view.since, view.scale)
        with self._lock:
            if key in self._answers:
                self._answers.move_to_end(key)
                return self._answers[key]
        response = render(view, request)
        with self._lock:
            if key not in self._answers:
                self._answers[key] = response
                self._remembered_bytes += len(response.body)
            while self._remembered_bytes > _REMEMBERED_BYTES:
                _, oldest = self._answers.popitem(last=False)
                self._remembered_bytes -= len(oldest.body)
        return response


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler], stand_in: StandIn) -> None:
        self.stand_in = stand_in
        super().__init__(address, handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that hang up: faults make them do so. Anything else is a bug of ours, and told."""
        if not isinstance(sys.exc_info()[1], ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "standin"
    disable_nagle_algorithm = True
    timeout = _IDLE_SECONDS
    server: _Server

    def do_POST(self) -> None:
        """Answer a question that stands in the body."""
        self.do_GET()

    def do_GET(self) -> None:
        """Answer, or fail as the fault that this request meets wants it."""
        stand_in = self.server.stand_in
        request = self._request()
        fault = stand_in.faults.take(request)
        if fault is not None and fault.kind in ("timeout", "reset"):
            stand_in.requests.append(self._served(request, 0))
            self._break(fault, stand_in.stopping)
            return
        response = stand_in.answer(request, fault)
        stand_in.requests.append(self._served(request, response.status))
        if fault is not None and fault.kind in WIRE_KINDS:
            self._damage(fault, response, stand_in)
        else:
            self.wfile.write(self._head(response, len(response.body)) + response.body)

    def log_message(self, format: str, *args: Any) -> None:
        """Write nothing: StandIn.requests is the log."""

    def _request(self) -> Request:
        target, _, query = self.path.partition("?")
        host, _, path = target.lstrip("/").partition("/")
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(min(int(headers.get("content-length", 0)), _MOST_ASKED))
        return Request(host=host, path=f"/{path}", query=query, headers=headers, body=body)

    def _served(self, request: Request, status: int) -> Served:
        return Served(self.command, _SECRET.sub(r"\1***", request.target), status)

    def _head(self, response: Response, length: int) -> bytes:
        date = format_datetime(self.server.stand_in.now, usegmt=True)
        lines = [
            f"HTTP/1.1 {response.status} {HTTPStatus(response.status).phrase}",
            f"Date: {date}",
            f"Content-Type: {response.content_type}",
            *(f"{name}: {value}" for name, value in response.headers.items()),
        ]
        if response.status not in _BODILESS:
            lines.append(f"Content-Length: {length}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def _break(self, fault: Fault, stopping: threading.Event) -> None:
        """Send nothing: hold the line for a while, or reset it at once."""
        if fault.kind == "timeout":
            stopping.wait(float(fault.options.get("seconds", 30.0)))
        else:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
        self.close_connection = True

    def _damage(self, fault: Fault, response: Response, stand_in: StandIn) -> None:
        """Send part of the body, or all of it slowly."""
        body = response.body
        if fault.kind == "truncated":
            cut = body[: int(len(body) * float(fault.options.get("keep", 0.5)))]
            declared = len(body) if fault.options.get("declared", True) else len(cut)
            self.wfile.write(self._head(response, declared) + cut)
            self.close_connection = True
            return
        chunk, pause = int(fault.options.get("chunk", 1)), float(fault.options.get("pause", 0.2))
        self.wfile.write(self._head(response, len(body)))
        for start in range(0, len(body), chunk):
            self.wfile.write(body[start : start + chunk])
            if stand_in.stopping.wait(pause):
                self.close_connection = True
                return
