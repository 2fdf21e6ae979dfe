"""A publisher on 127.0.0.1 that answers as each test scripts it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from ingest.archive import Archive
from ingest.clock import system_clock
from ingest.http import Upstream
from ingest.settings import Settings

Handler = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class LocalServer:
    """Answers each request with the next of `script` (the last one stays), and remembers what was asked."""

    script: list[Handler] = field(default_factory=list)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    posted: list[bytes] = field(default_factory=list)

    def __enter__(self) -> LocalServer:
        mine = self

        class Answering(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                mine.asked.append((self.path, {key.lower(): value for key, value in self.headers.items()}))
                handler = mine.script.pop(0) if len(mine.script) > 1 else mine.script[0]
                try:
                    handler(self)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True

            def do_POST(self) -> None:
                mine.posted.append(self.rfile.read(int(self.headers.get("Content-Length", 0))))
                self.do_GET()

            def log_message(self, *args: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"


def answer(body: bytes = b"", status: int = 200, **headers: str) -> Handler:
    """Return a handler that sends one whole answer; header names with _ for -."""

    def handle(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        if "Content_Length" not in headers and status != 304:
            request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    return handle


def upstream_at(base: str, root: Path, **settings: object) -> Upstream:
    """Return the real client, told that the publishers are at `base`, quick to try again."""
    told = {"upstream": base, "home": root, "retry_wait_seconds": 0.0, "request_attempts": 3, **settings}
    return Upstream(Settings(_env_file=None, **told), system_clock, Archive(root / "archive"))
