"""The one clock. Every "now" of the pipeline comes from here, so that a run can be placed at any moment."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

NEW_YORK = ZoneInfo("America/New_York")

Clock = Callable[[], datetime]
"""Returns an aware UTC datetime."""


def system_clock() -> datetime:
    """Return the present moment, aware, in UTC."""
    return datetime.now(UTC)


def clock_at(moment: datetime | None) -> Clock:
    """Return a clock that stands at `moment` (aware), or the system clock when it is None."""
    if moment is None:
        return system_clock
    if moment.tzinfo is None:
        raise ValueError(f"a clock needs a moment with a zone, got {moment.isoformat()}")
    fixed = moment.astimezone(UTC)
    return lambda: fixed


def naive_utc(moment: datetime) -> datetime:
    """Return `moment` as the naive UTC datetime that the warehouse stores (microseconds)."""
    if moment.tzinfo is None:
        raise ValueError(f"refusing a moment without a zone: {moment.isoformat()}")
    return moment.astimezone(UTC).replace(tzinfo=None)
