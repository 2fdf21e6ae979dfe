"""When snapshots of a table are due: the hours of New York that its publisher's YAML names, on NYSE sessions."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from ingest.catalog.calendars import working_days
from ingest.clock import NEW_YORK
from ingest.dataset import Dataset

_DAYS_WITHOUT_SESSION: Final = 10  # the longest that the exchange was closed since 1990 is six


def due_moments(table: Dataset, first: date, last: date) -> list[tuple[date, time, datetime]]:
    """Return each session from `first` to `last` with each hour at which a snapshot is due, and the moment in UTC."""
    return [
        (day, hour, datetime.combine(day, hour, NEW_YORK).astimezone(UTC))
        for day in working_days("nyse", first, last)
        for hour in sorted(table.taken_at)
    ]


def newest_due(table: Dataset, now: datetime) -> datetime:
    """Return the newest moment at which a snapshot of the table was due by `now` (aware)."""
    today = now.astimezone(NEW_YORK).date()
    due = due_moments(table, today - timedelta(days=_DAYS_WITHOUT_SESSION), today)
    return max(moment for _, _, moment in due if moment <= now)
