"""How often a series has a period, and which days it has: months, quarters and years are dated on their first day."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date, timedelta
from types import MappingProxyType
from typing import Final, Literal

Frequency = Literal["daily", "weekly", "monthly", "quarterly", "annual"]

MONTHS: Final[Mapping[str, int]] = MappingProxyType({"monthly": 1, "quarterly": 3, "annual": 12})
"""So many months make a period; days and weeks are not made of months."""

DATED_BY: Final[Mapping[str, str]] = MappingProxyType(
    {"monthly": "the first of a month", "quarterly": "the first of a quarter", "annual": "the first of a year"}
)


def is_period(frequency: str, day: date, months: Collection[int] = ()) -> bool:
    """Say whether `day` can date a period: any can of days and weeks, only a first one of months, quarters, years.

    `months`: the months of the year that a monthly series has at all; empty: every one.
    """
    length = MONTHS.get(frequency)
    return length is None or (day.day == 1 and (day.month - 1) % length == 0 and (not months or day.month in months))


def period_start(frequency: str, day: date) -> date:
    """Return the date of the period that `day` lies in; of days and weeks the day itself."""
    months = MONTHS.get(frequency)
    return day if months is None else date(day.year, (day.month - 1) // months * months + 1, 1)


def period_end(frequency: str, period: date) -> date:
    """Return the last day of a period: a quarter dated on 1 April ends on 30 June, a day or week as it is dated."""
    return period if frequency not in MONTHS else _moved(period, MONTHS[frequency]) - timedelta(days=1)


def periods_before(frequency: str, day: date, count: int, months: Collection[int] = ()) -> list[date]:
    """Return the dates of the last `count` periods that began by `day`, newest first; ValueError for days and weeks.

    Of those, only the ones in `months`, where a monthly series has not every month of the year.
    """
    if frequency not in MONTHS:
        raise ValueError(f"{frequency} periods are not counted in months")
    newest = period_start(frequency, day)
    found = (_moved(newest, -MONTHS[frequency] * back) for back in range(count))
    return [period for period in found if is_period(frequency, period, months)]


def _moved(first: date, months: int) -> date:
    index = first.year * 12 + first.month - 1 + months
    return date(index // 12, index % 12 + 1, 1)
