"""Dask's scheduler and its workers, as `dask scheduler` and `dask worker` start them on several hosts."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from orchestration.scale_demo.process import HOST, Process, ServiceError, free_port, listens

_DASK: Final = (sys.executable, "-m", "dask")


class Workers:
    """A scheduler and `count` workers of one thread each."""

    def __init__(self, folder: Path, *, count: int = 2, environment: Mapping[str, str] | None = None) -> None:
        self.folder, self._count = folder.resolve(), count
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self._environment = {**os.environ, **(environment or {}), "POLARS_MAX_THREADS": "1"}
        self.scheduler: Process | None = None
        self.workers: list[Process] = []

    @property
    def address(self) -> str:
        """What a client and a worker connect to."""
        return f"tcp://{HOST}:{self.port}"

    def start(self) -> None:
        """Start all of them and wait until every worker has joined."""
        options = ["--host", HOST, "--port", str(self.port), "--no-dashboard"]
        self.scheduler = self._run("scheduler", ["scheduler", *options])
        self.scheduler.wait_until(lambda: listens(self.port))
        self.workers = [self.add(f"worker-{number}") for number in range(1, self._count + 1)]
        self._wait_for_workers()

    def add(self, name: str) -> Process:
        """Start one more worker."""
        options = ["--nthreads", "1", "--nworkers", "1", "--no-nanny", "--memory-limit", "1.5GB", "--no-dashboard"]
        where = ["--host", HOST, "--name", name, "--local-directory", str(self.folder)]
        return self._run(name, ["worker", self.address, *options, *where])

    def stop(self) -> None:
        """Stop the workers, then the scheduler."""
        for process in (*self.workers, *([self.scheduler] if self.scheduler else [])):
            process.stop()

    def _run(self, name: str, arguments: list[str]) -> Process:
        return Process(name, [*_DASK, *arguments], self.folder, environment=self._environment)

    def _wait_for_workers(self, seconds: float = 60) -> None:
        from distributed import Client

        with Client(self.address, timeout=seconds, set_as_default=False) as client:
            deadline = time.monotonic() + seconds
            while len(client.scheduler_info(n_workers=-1)["workers"]) < self._count:
                ended = [worker for worker in self.workers if not worker.is_running]
                if ended or time.monotonic() > deadline:
                    raise ServiceError(f"a worker did not join the scheduler; see {(ended or self.workers)[0].log}")
                time.sleep(0.1)
