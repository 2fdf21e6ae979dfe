"""A PostgreSQL of the tests' own: on 127.0.0.1, in a folder that goes with it, by the binaries of the system."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from orchestration.scale_demo.postgres import OWNER, PostgresServer, binaries

__all__ = ["OWNER", "PASSWORD", "Server", "running"]

PASSWORD = "tide-Secret-42"
Server = PostgresServer


@contextmanager
def running() -> Iterator[Server]:
    """Start a server, or skip where PostgreSQL is not installed."""
    if binaries() is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql, or put initdb on the PATH")
    with tempfile.TemporaryDirectory(prefix="tidegauge-postgres-") as folder:
        Path(folder).chmod(0o755)  # the server runs as somebody else
        server = PostgresServer(Path(folder) / "server", password=PASSWORD, is_durable=False)
        try:
            server.start()
            yield server
        finally:
            server.remove()
