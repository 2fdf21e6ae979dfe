"""The sessions with their cut-offs, and how old a value may be on a day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from ingest.catalog.frequency import period_end

Integers = npt.NDArray[np.int64]

_EPOCH: Final = date(1970, 1, 1).toordinal()


def day_number(day: date) -> int:
    """Return `day` as the number of days since 1970."""
    return day.toordinal() - _EPOCH


def day_of(number: int) -> date:
    """Return the date of a day number."""
    return date.fromordinal(number + _EPOCH)


def in_tokyo_long_holiday(day: date) -> bool:
    """Tokyo closes for a week or more around New Year and in Golden Week."""
    month, number = day.month, day.day
    return (
        (month == 12 and number >= 28)
        or (month == 1 and number <= 10)
        or (month == 4 and number >= 27)
        or (month == 5 and number <= 10)
    )


@dataclass(frozen=True, slots=True)
class Spine:
    """The sessions: their dates, in order, and both cut-offs (naive UTC). A session's position is its place here."""

    dates: tuple[date, ...]
    cutoffs: tuple[datetime, ...]
    close_cutoffs: tuple[datetime, ...]
    numbers: Integers
    in_long_holiday: tuple[bool, ...]
    is_calendar_day: tuple[bool, ...]
    """The month's last or first session, or the one on which mid-month coupon issues settle (as funding_daily)."""

    @classmethod
    def of(cls, sessions: pl.DataFrame) -> Spine:
        """Return the spine of session_date, cutoff_at, close_cutoff_at."""
        ordered = sessions.sort("session_date")
        dates = tuple(ordered["session_date"].to_list())
        return cls(
            dates,
            tuple(ordered["cutoff_at"].to_list()),
            tuple(ordered["close_cutoff_at"].to_list()),
            ordered["session_date"].to_physical().cast(pl.Int64).to_numpy(),
            tuple(in_tokyo_long_holiday(day) for day in dates),
            tuple(
                after.month != day.month or before.month != day.month or (day.day >= 15 and before.day < 15)
                for before, day, after in zip(
                    # a month's first session is never later than its fourth day
                    (dates[0] - timedelta(days=4), *dates[:-1]) if dates else (),
                    dates,
                    ordered["cutoff_at"].dt.date().to_list(),  # the next session
                    strict=True,
                )
            ),
        )

    def position(self, day: date) -> int:
        """Return the position of the last session on or before `day`; -1 when there is none."""
        return int(np.searchsorted(self.numbers, day_number(day), side="right")) - 1


@dataclass(frozen=True, slots=True)
class Limits:
    """How old a value may be, in calendar days after the end of its period: by provider, and in Tokyo's holidays."""

    frequency: str
    by_provider: Mapping[str, int]
    in_long_holiday: int | None

    def is_stale(self, at: date, period: date, provider: str, *, long_holiday: bool) -> bool:
        """Say whether the value of `period` is too old on the day `at`."""
        return (at - self.end_of(period)).days > self.days(provider, long_holiday=long_holiday)

    def end_of(self, period: date) -> date:
        """Return the day on which a period ends: a month dated on its first day ends on its last."""
        return period_end(self.frequency, period)

    def days(self, provider: str, *, long_holiday: bool) -> int:
        """Return how many calendar days after its end a value of `provider` may be read."""
        if long_holiday and self.in_long_holiday is not None:
            return self.in_long_holiday
        return self.by_provider[provider]
