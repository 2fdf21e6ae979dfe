"""A second process of a run, for what is pure and takes long: payloads to read, batches to judge, rows and figures.

A run has one interpreter lock, and asking, reading, judging and landing all want it. The second process is given
arguments and gives results back, in both directions over a pipe; it has no settings, no key, no network, no file of the
home. It gives results and nothing else: whatever it could not do (an error, a line for the log, a result that cannot
cross, its own end) is done again in the first process, where errors and tracebacks are what they always were.
"""

from __future__ import annotations

import logging
import os
import pickle
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from itertools import count
from typing import Any, Final, Generic, TypeVar

from ingest.frames import NUMBER, receive, send
from ingest.secrets import blotted, without_secrets
from ingest.settings import PROJECT_ROOT

_log = logging.getLogger("tidegauge.second_process")

Result = TypeVar("Result")

JUDGE: Final = 0
READ: Final = 1
"""What goes first: the run waits for judgements one by one."""

UNDER_WAY: Final = 3
"""Sent ahead, so that the other side need not wait for this one."""

_NOTHING: Final = -1  # the number that ends the sending
_POLL_SECONDS: Final = 0.5
_TOLD: Final = 2000
_START: Final = "import sys; sys.path.insert(0, sys.argv[1]); from ingest.second_process_main import serve; serve()"


class _Lost(Exception):
    """The second process did not do it."""


class Work(Generic[Result]):
    """Something that is being done elsewhere, and how to do it here."""

    def __init__(self, future: Future[Result], here: Callable[[], Result] | None) -> None:
        self._future = future
        self._here = here
        future.add_done_callback(self._forget)

    def done(self) -> bool:
        """Say whether `result` need not wait."""
        return self._future.done()

    def result(self) -> Result:
        """Wait for the result; CancelledError when the second process was closed before."""
        while True:
            try:
                return self._future.result(timeout=_POLL_SECONDS)  # so that an interrupt gets through on any system
            except TimeoutError:
                if self._future.done():
                    raise
            except _Lost:
                assert self._here is not None
                return self._here()

    def _forget(self, future: Future[Result]) -> None:
        """Let go of what the work needs (a body of many megabytes) once it is done."""
        if not future.cancelled() and future.exception() is None:
            self._here = None


def done(result: Result) -> Work[Result]:
    """Return work that is done already."""
    future: Future[Result] = Future()
    future.set_result(result)
    return Work(future, None)


def failed(error: BaseException) -> Work[Any]:
    """Return work of which an error came; it is raised where the result is asked for."""
    future: Future[Any] = Future()
    future.set_exception(error)
    return Work(future, None)


class SecondProcess:
    """The process, its queue, and the threads at both ends of its pipes. Closed, it ends in the midst of its work."""

    def __init__(self) -> None:
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter, our own words
            [sys.executable, "-P", "-W", "ignore", "-c", _START, str(PROJECT_ROOT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            env=without_secrets(os.environ),
        )
        self._lock = threading.Lock()
        self._is_gone = False
        self._is_closed = False
        self._bytes = 0
        self._number = count()
        self._waiting: queue.PriorityQueue[tuple[int, int, bytes]] = queue.PriorityQueue()
        self._under_way = threading.Semaphore(UNDER_WAY)
        self._begun: dict[int, tuple[Future[Any], int]] = {}  # and how long what it needs is
        for work in (self._send, self._receive):
            threading.Thread(target=work, name=f"second-process{work.__name__}", daemon=True).start()

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid

    @property
    def bytes_waiting(self) -> int:
        """How much it was given and has not done."""
        return self._bytes

    def begin(
        self, first: int, here: Callable[[], Result], function: Callable[..., Result], *arguments: Any
    ) -> Work[Result]:
        """Let a function of a module be called there, JUDGE or READ `first`; `here` does the same in this process."""
        future: Future[Result] = Future()
        number = next(self._number)
        try:
            packed = pickle.dumps((function, arguments), pickle.HIGHEST_PROTOCOL)
        except Exception:  # noqa: BLE001 - whatever an object does when it is packed: it stays here
            self._lose(future)
            return Work(future, here)
        with self._lock:
            is_there = not self._is_gone
            if is_there:
                self._begun[number] = future, len(packed)
                self._bytes += len(packed)
        if is_there:
            self._waiting.put((first, number, packed))
        else:
            self._lose(future)
        return Work(future, here)

    def close(self) -> None:
        """End the process; what it has not done is not done."""
        with self._lock:
            self._is_closed = True
        self._process.kill()
        self._process.wait()
        self._end()

    def _send(self) -> None:
        assert self._process.stdin is not None
        try:
            while True:
                self._under_way.acquire()
                _, number, packed = self._waiting.get()
                if number == _NOTHING:
                    return
                send(self._process.stdin, number.to_bytes(NUMBER), packed)
        except OSError:
            self._process.kill()  # its end is seen by the other thread
        finally:
            with suppress(OSError):  # what was not written any more
                self._process.stdin.close()

    def _receive(self) -> None:
        assert self._process.stdout is not None
        try:
            while (packed := receive(self._process.stdout)) is not None:
                number, result = _unpacked(packed)
                with self._lock:
                    future, size = self._begun.pop(number)
                    self._bytes -= size
                self._under_way.release()
                if isinstance(result, _Lost):
                    future.set_exception(result)
                else:
                    future.set_result(result)
        except (OSError, ValueError):
            self._process.kill()
        self._process.wait()
        self._process.stdout.close()
        self._end()

    def _end(self) -> None:
        """Give up what has not come, and say why once."""
        with self._lock:
            was_gone, self._is_gone = self._is_gone, True
            left, self._begun, self._bytes = self._begun, {}, 0
        if not was_gone:
            if not self._is_closed:
                _log.warning("%s", self._how_it_ended(len(left)))
            self._waiting.put((JUDGE, _NOTHING, b""))
            self._under_way.release()
            self._said.close()
        for future, _ in left.values():
            self._lose(future)

    def _lose(self, future: Future[Any]) -> None:
        future.set_exception(CancelledError() if self._is_closed else _Lost())

    def _how_it_ended(self, left: int) -> str:
        code = self._process.returncode
        how = f"signal {-code}" if code < 0 else f"exit {code}"
        self._said.seek(max(0, self._said.seek(0, os.SEEK_END) - _TOLD))
        said = blotted(self._said.read().decode("utf-8", "replace").strip())
        told = f"; it said: {said}" if said else ""
        return f"the second process ended ({how}), {left} pieces of work and the rest are done in the first{told}"


def _unpacked(packed: bytes) -> tuple[int, Any]:
    """Return the number of a piece of work, and its result or _Lost."""
    number, result = int.from_bytes(packed[:NUMBER]), memoryview(packed)[NUMBER:]
    try:
        return number, pickle.loads(result) if result else _Lost()  # noqa: S301 - our own process packed it
    except Exception:  # noqa: BLE001 - whatever an object does when it is unpacked: it is made here instead
        return number, _Lost()


def usable_cores() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
