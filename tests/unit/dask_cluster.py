"""A Dask scheduler and workers of the tests' own: processes on 127.0.0.1 that end with the block."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ingest.settings import PROJECT_ROOT


@dataclass
class Cluster:
    """Where the scheduler listens, and its processes."""

    address: str
    log: Path
    scheduler: subprocess.Popen
    environment: dict[str, str]
    workers: list[subprocess.Popen] = field(default_factory=list)

    def add_worker(self, **environment: str) -> subprocess.Popen:
        """Start a worker as docs/scale.md says."""
        options = ["--nthreads", "1", "--no-nanny", "--no-dashboard", "--host", "127.0.0.1", "--memory-limit", "1.5GB"]
        started = _start(self.log, "worker", self.address, *options, **{**self.environment, **environment})
        self.workers.append(started)
        return started


@contextmanager
def running(folder: Path, workers: int, **environment: str) -> Iterator[Cluster]:
    """Start a scheduler and workers with some variables; kill whatever is left at the end."""
    folder.mkdir(parents=True, exist_ok=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address, log = f"tcp://127.0.0.1:{port}", folder / "dask.log"
    options = ["--host", "127.0.0.1", "--port", str(port), "--no-dashboard", "--dashboard-address", "127.0.0.1:0"]
    cluster = Cluster(address, log, _start(log, "scheduler", *options), environment)
    try:
        for _ in range(workers):
            cluster.add_worker()
        _wait(cluster)
        yield cluster
    finally:
        for process in (*cluster.workers, cluster.scheduler):
            process.kill()
            process.wait(10)


def _start(log: Path, *arguments: str, **environment: str) -> subprocess.Popen:
    path = os.pathsep.join([str(PROJECT_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    told = {**os.environ, "POLARS_MAX_THREADS": "1", "PYTHONPATH": path, **environment}
    with log.open("a") as out:
        return subprocess.Popen(
            [sys.executable, "-m", "dask", *arguments], cwd=log.parent, env=told, stdout=out, stderr=out
        )


def _wait(cluster: Cluster) -> None:
    host, port = cluster.address.removeprefix("tcp://").split(":")
    deadline = time.monotonic() + 60
    while True:
        try:
            socket.create_connection((host, int(port)), 1).close()
            return
        except OSError:
            if cluster.scheduler.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"no scheduler: {cluster.log.read_text(errors='replace')}") from None
            time.sleep(0.1)
