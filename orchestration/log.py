"""Where the unexpected is written down: <home>/tidegauge.log, with tracebacks and without keys."""

from __future__ import annotations

import logging
from logging.handlers import RotatingFileHandler

from ingest.errors import HomeUnusable
from ingest.home import Home
from ingest.secrets import blotted
from serving.query.terminal import shown

MAX_BYTES = 5_000_000


class _Blotting(logging.Formatter):
    """Blots out a secret wherever it stands, tracebacks included."""

    def format(self, record: logging.LogRecord) -> str:
        return shown(blotted(super().format(record)), keep_lines=True)  # people read it in a terminal


def traceback_of(error: BaseException) -> str:
    """Return the traceback as the log would have it."""
    told = logging.Formatter().formatException((type(error), error, error.__traceback__))
    return shown(blotted(told), keep_lines=True)


def log_to(home: Home) -> None:
    """Send the log of this process to `home.log`; HomeUnusable when it cannot be written."""
    logger = logging.getLogger("tidegauge")
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
        handler.close()
    try:
        handler = RotatingFileHandler(home.log, maxBytes=MAX_BYTES, backupCount=1, encoding="utf-8")
    except OSError as error:
        raise HomeUnusable(
            f"cannot write {home.log}: {error.strerror}. Set TIDEGAUGE_HOME to a folder you own."
        ) from error
    handler.setFormatter(_Blotting("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logging.raiseExceptions = False  # a log on a full disk must not drown the sentence that says so
