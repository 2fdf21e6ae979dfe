"""Sessions of stock exchanges, from exchange-calendars.

To work them out takes every process a second, for the same answer all year: scripts/setup keeps it beside the
environment, by the library's version and the last year whose holidays it knows. What is not kept, or not whole, is
worked out.
"""

from __future__ import annotations

import hashlib
import io
import sys
from datetime import UTC, date, datetime
from functools import cache
from importlib import metadata
from pathlib import Path
from threading import Lock
from types import MappingProxyType
from typing import Any, Final

import polars as pl

FIRST_YEAR: Final = 1990
FIRST_DAYS: Final = MappingProxyType(
    {
        "nyse": date(FIRST_YEAR, 1, 1),
        "tokyo": date(2000, 1, 1),
        "hong_kong": date(FIRST_YEAR, 1, 1),
        "shanghai": date(1999, 1, 1),
    }
)
"""Since when the sessions of each exchange are given."""
KEPT: Final = Path(sys.prefix) / "tidegauge-calendars"

_CODES: Final = MappingProxyType({"nyse": "XNYS", "tokyo": "XTKS", "hong_kong": "XHKG", "shanghai": "XSHG"})
_DIGEST_BYTES: Final = 32

_one_at_a_time = Lock()  # publishers are asked in threads, and all of them want the same one first


def last_known_year() -> int:
    """Return the last year whose holidays are known here."""
    return datetime.now(UTC).year + 2  # how far ahead holidays are known, not a "now" of the run


def exchange_sessions(name: str) -> pl.DataFrame:
    """Return session_date; open_at, close_at (naive UTC); is_early_close of an exchange, as far as they are known."""
    with _one_at_a_time:
        return _sessions(name)


@cache
def _sessions(name: str) -> pl.DataFrame:
    kept = _kept(KEPT / _file_name(name))
    return kept if kept is not None else _worked_out(name)


def keep_all() -> None:
    """Work out the sessions of every exchange and keep them; what was kept before goes."""
    KEPT.mkdir(parents=True, exist_ok=True)
    for name in _CODES:
        packed = io.BytesIO()
        _worked_out(name).write_parquet(packed)
        waiting = KEPT / f".{name}.tmp"
        waiting.write_bytes(hashlib.sha256(packed.getvalue()).digest() + packed.getvalue())
        waiting.replace(KEPT / _file_name(name))
    current = {_file_name(name) for name in _CODES}
    for old in KEPT.iterdir():
        if old.name not in current:
            old.unlink(missing_ok=True)


def _file_name(name: str) -> str:
    return f"{name}-{metadata.version('exchange-calendars')}-{last_known_year()}.parquet"


def _kept(path: Path) -> pl.DataFrame | None:
    try:
        packed = path.read_bytes()
    except OSError:
        return None
    digest, body = packed[:_DIGEST_BYTES], packed[_DIGEST_BYTES:]
    return pl.read_parquet(io.BytesIO(body)) if hashlib.sha256(body).digest() == digest else None


def _worked_out(name: str) -> pl.DataFrame:
    calendar = _calendar(name)
    schedule = calendar.schedule
    early = {stamp.date() for stamp in calendar.early_closes}
    days = [stamp.date() for stamp in schedule.index]
    return pl.DataFrame(
        {
            "session_date": days,
            "open_at": pl.Series(schedule["open"].dt.tz_convert(None).to_numpy()).cast(pl.Datetime("us")),
            "close_at": pl.Series(schedule["close"].dt.tz_convert(None).to_numpy()).cast(pl.Datetime("us")),
            "is_early_close": [day in early for day in days],
        }
    )


def _calendar(name: str) -> Any:  # exchange_calendars ships no types
    import exchange_calendars

    for year in range(last_known_year(), FIRST_YEAR, -1):
        try:
            return exchange_calendars.get_calendar(_CODES[name], start=FIRST_DAYS[name], end=date(year, 12, 31))
        except ValueError:  # its holidays are not recorded so far ahead
            if year < datetime.now(UTC).year - 1:
                raise
    raise AssertionError(name)
