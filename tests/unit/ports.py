"""Ports of 127.0.0.1 for servers that tests start."""

from __future__ import annotations

import socket
import subprocess
import time
from pathlib import Path


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def wait_for(port: int, server: subprocess.Popen, log: Path, seconds: float) -> None:
    """Wait until a server listens; an AssertionError with the end of its log where it ends before or takes too long."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if server.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"{log.name}: {log.read_text(errors='replace')[-3000:]}") from None
            time.sleep(0.1)
