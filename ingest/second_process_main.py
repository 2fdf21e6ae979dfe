"""What the second process does: calls what it is told to call, one after the other, until the pipe is closed."""

from __future__ import annotations

import faulthandler
import gc
import logging
import os
import pickle
import signal
import sys
from typing import IO, Final

from ingest.frames import NUMBER, receive, send

_GARBAGE_THRESHOLDS: Final = (50_000, 20, 50)  # as in a run: what is imported stays


def serve() -> None:
    """Serve standard input to standard output."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is for the first process, which ends this one
    requests, replies = _pipes()
    faulthandler.enable()
    gc.set_threshold(*_GARBAGE_THRESHOLDS)
    log = _Heard()
    logging.getLogger("tidegauge").addHandler(log)
    logging.getLogger("tidegauge").setLevel(logging.INFO)
    try:
        while (packed := receive(requests)) is not None:
            send(replies, packed[:NUMBER], _worked(memoryview(packed)[NUMBER:], log))
    except BrokenPipeError:
        return  # the first process is gone


def _pipes() -> tuple[IO[bytes], IO[bytes]]:
    """Return the two pipes, kept from whatever prints or reads: that goes to standard error, and to nothing."""
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return requests, replies


def _worked(packed: memoryview, log: _Heard) -> bytes:
    """Return the packed result of a piece of work; nothing where the first process must do it."""
    log.has_heard = False
    try:
        function, arguments = pickle.loads(packed)  # noqa: S301 - our own process packed it
        result = pickle.dumps(function(*arguments), pickle.HIGHEST_PROTOCOL)
    except Exception:  # noqa: BLE001 - it is raised again where it is known whose it is
        return b""
    return b"" if log.has_heard else result


class _Heard(logging.Handler):
    """Notes that something was said which belongs into the log of the run."""

    has_heard = False

    def emit(self, record: logging.LogRecord) -> None:  # noqa: ARG002 - the first process will say it again
        self.has_heard = True
