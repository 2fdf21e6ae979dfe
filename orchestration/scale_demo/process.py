"""A server of our own: started in a folder, waited for, stopped whatever happens. It ends when this process ends."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from ingest.errors import TidegaugeError

HOST: Final = "127.0.0.1"
_DIE_WITH_PARENT: Final = 1  # PR_SET_PDEATHSIG of prctl(2)
_LOG_TAIL: Final = 800


class ServiceError(TidegaugeError):
    """A service is not installed, did not start or is gone."""

    exit_code = 4


class Process:
    """One server process, in a session of its own: Ctrl-C at the terminal reaches us alone, and we stop it in order."""

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        folder: Path,
        *,
        environment: Mapping[str, str] | None = None,
        user: str | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
    ) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self._stop_signal = stop_signal
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603  # commands of our own
                [str(part) for part in command],
                cwd=folder,
                env=dict(os.environ if environment is None else environment),
                user=user,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=_end_with_us(stop_signal),
            )

    @property
    def pid(self) -> int:
        """Return the process id."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def wait_until(self, is_up: Callable[[], bool], seconds: float = 60) -> None:
        """Wait until `is_up`; ServiceError with the end of its log when it ends before, or takes too long."""
        deadline = time.monotonic() + seconds
        while not is_up():
            if not self.is_running:
                raise ServiceError(f"{self.name} ended while it started: {self._said()}")
            if time.monotonic() > deadline:
                raise ServiceError(f"{self.name} did not answer within {seconds:.0f} s: {self._said()}")
            time.sleep(0.05)

    def stop(self, seconds: float = 15) -> None:
        """End it in order, and by force where that takes too long."""
        if self.is_running:
            self._process.send_signal(self._stop_signal)
            try:
                self._process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.kill()

    def kill(self) -> None:
        """End it and its children at once, as a failing machine would."""
        if self.is_running:
            os.killpg(self.pid, signal.SIGKILL)
            self._process.wait()

    def _said(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace").strip()[-_LOG_TAIL:] or "it said nothing"


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as free:
        free.bind((HOST, 0))
        return int(free.getsockname()[1])


def listens(port: int) -> bool:
    """Whether somebody listens on a port of 127.0.0.1."""
    with socket.socket() as trying:
        trying.settimeout(1)
        return trying.connect_ex((HOST, port)) == 0


def _end_with_us(number: signal.Signals) -> Callable[[], None] | None:
    """Return what makes the child get `number` when this process is gone, killed for example.

    And heed it: a child inherits which signals are ignored or blocked here (a library may have done so).
    """
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)  # loaded here: a child between fork and exec should do as little as possible

    def prepare() -> None:
        signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (number,))
        libc.prctl(_DIE_WITH_PARENT, int(number))

    return prepare
