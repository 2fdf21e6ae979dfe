"""What the sources of daily bars have in common: when a session is over, and when an answer is too short."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime, time, timedelta
from typing import Final

import polars as pl

from ingest.catalog.calendars import working_days
from ingest.clock import NEW_YORK
from ingest.payload import Payload
from ingest.readers.parsing import changed

EXCHANGE_IS_CLOSED: Final = time(16, 15)
"""New York time from which the bar of the day is whole."""

MISSING_SESSIONS_ALLOWED: Final = 10
"""So many sessions, or a tenth of those asked for, may be missing; more is a short answer."""

NAMES_SHOWN: Final = 20


def last_closed_day(moment: datetime, closed_at: time = EXCHANGE_IS_CLOSED) -> date:
    """Return the last day whose trading was over at `moment`."""
    local = moment.astimezone(NEW_YORK)
    return local.date() if local.time() >= closed_at else local.date() - timedelta(days=1)


def require_sessions(payload: Payload, start: date, end: date, held: Collection[date]) -> None:
    """Raise SourceChanged where too many NYSE sessions from `start` to `end` are not in `held`."""
    sessions = working_days("nyse", start, end)
    known = set(held)
    missing = [on for on in sessions if on not in known]
    if len(missing) > max(MISSING_SESSIONS_ALLOWED, len(sessions) // 10):
        seen = f"a short answer: {len(missing)} are missing, the first {missing[0]}, the last {missing[-1]}"
        raise changed(payload, f"a close for each of the {len(sessions)} sessions from {start} on", seen)


def without_zeros(bars: pl.DataFrame, suffix: str = "", volume: str | None = None) -> pl.DataFrame:
    """Return bars in which a zero is NULL beside a good close: open, high, low (each with `suffix`), and `volume`.

    A provider that lacks an open or a range prints 0. What is unknown must not cost the close. A volume of zero is a
    value on a day without a trade; on a day whose price moved it is none.
    """
    is_good = (pl.col(f"close{suffix}") > 0).fill_null(value=False)
    names = [f"{name}{suffix}" for name in ("open", "high", "low")]
    columns = [pl.when(~(_is_zero(name) & is_good)).then(pl.col(name)).alias(name) for name in names]
    if volume is not None:
        prices = [pl.col(name) for name in (*names, f"close{suffix}")]
        has_moved = (pl.min_horizontal(*prices) < pl.max_horizontal(*prices)).fill_null(value=False)
        columns.append(pl.when(~(_is_zero(volume) & is_good & has_moved)).then(pl.col(volume)).alias(volume))
    return bars.with_columns(columns)


def _is_zero(name: str) -> pl.Expr:
    return (pl.col(name) == 0).fill_null(value=False)


def named(names: Sequence[str]) -> str:
    """Return the first names as a list for a person, and how many more there are."""
    more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
    return ", ".join(names[:NAMES_SHOWN]) + more
