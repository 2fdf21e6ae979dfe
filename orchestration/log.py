"""Where the unexpected is written down: <home>/tidegauge.log, with tracebacks and without keys."""

from __future__ import annotations

import logging
from logging.handlers import RotatingFileHandler

from ingest.errors import HomeUnusable
from ingest.home import Home
from ingest.settings import Settings
from orchestration.terminal import shown

MAX_BYTES = 5_000_000


class _Redacting(logging.Formatter):
    """Blacks out a secret wherever it stands, tracebacks included."""

    def __init__(self, secret: str | None) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")
        self._secret = secret

    def format(self, record: logging.LogRecord) -> str:
        text = shown(super().format(record), keep_lines=True)  # people read it in a terminal
        return text.replace(self._secret, "***") if self._secret else text


def log_to(home: Home, settings: Settings) -> None:
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
    key = settings.fred_api_key
    handler.setFormatter(_Redacting(key.get_secret_value() if key is not None else None))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logging.raiseExceptions = False  # a log on a full disk must not drown the sentence that says so
