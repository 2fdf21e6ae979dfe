"""A server of the Spark API without a JVM (Sail) of the tests' own, on 127.0.0.1."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ingest.settings import PROJECT_ROOT
from tests.unit.ports import free_port, wait_for


@contextmanager
def running(folder: Path, **environment: str) -> Iterator[str]:
    """Start a server with some variables and yield its address; skip where Sail is not installed."""
    pytest.importorskip("pysail")
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    path = os.pathsep.join([str(PROJECT_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    told = {**os.environ, "POLARS_MAX_THREADS": "1", "PYTHONPATH": path, **environment}
    command = [sys.executable, "-m", "pysail", "spark", "server", "--ip", "127.0.0.1", "--port", str(port)]
    log = folder / "sail.log"
    with log.open("w") as out:
        server = subprocess.Popen(command, cwd=folder, env=told, stdout=out, stderr=out)
    try:
        wait_for(port, server, log, 60)
        yield f"sc://127.0.0.1:{port}"
    finally:
        server.kill()
        server.wait(10)
