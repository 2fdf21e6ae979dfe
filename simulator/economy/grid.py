"""The days of the simulated economy and its streams of chance.

Every path depends on the days before it only, and every kind of shock has its own stream, drawn in the order of the
days: a later end of the simulation never changes an earlier day.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from zlib import crc32

import numpy as np
import numpy.typing as npt

from ingest.catalog.calendars import CalendarName, busday_calendar

FIRST_DAY = date(2012, 1, 3)
"""The first day the publishers print."""
FIRST_SESSION = date(2011, 10, 3)
"""The first session of stocks and funds: moving averages have values in FIRST_DAY's year."""
_WARM_UP = np.datetime64(FIRST_SESSION)

Days = npt.NDArray[np.datetime64]
Path = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


class Grid:
    """Weekdays from before FIRST_DAY (so that weeks and averages are whole) to `end`, and seeded streams."""

    def __init__(self, end: date, seed: int) -> None:
        calendar = np.arange(_WARM_UP, np.datetime64(end) + 1)
        self.seed = seed
        self.calendar_days: Days = calendar
        self.days: Days = calendar[np.is_busday(calendar)]
        self.size = len(self.days)
        months = self.days.astype("datetime64[M]")
        self.day_of_month = (self.days - months.astype("datetime64[D]")).astype(int) + 1
        self.month = months.astype(int) % 12 + 1
        self.weekday = (self.days.astype("datetime64[D]").astype(int) + 3) % 7

    def stream(self, name: str) -> np.random.Generator:
        """Return the stream of one kind of chance, always from its start."""
        return np.random.Generator(np.random.PCG64([self.seed, crc32(name.encode())]))

    def normal(self, name: str) -> Path:
        """Return one standard normal shock per day."""
        return self.stream(name).standard_normal(self.size)

    def uniform(self, name: str) -> Path:
        """Return one uniform draw in [0, 1) per day."""
        return self.stream(name).random(self.size)

    def on(self, calendar: CalendarName) -> Flags:
        """Say for each weekday whether the publisher works."""
        flags: Flags = np.is_busday(self.days, busdaycal=busday_calendar(calendar))
        return flags

    def carried(self, path: npt.NDArray[np.float64]) -> Path:
        """Return a path on every calendar day, weekends carrying the weekday before."""
        at = np.searchsorted(self.days, self.calendar_days, side="right") - 1
        return path[at]


def last_of_month(grid: Grid, calendar: CalendarName, every: int = 1) -> Flags:
    """Flag the last working day of each month (`every` 3: of each quarter), as the calendar has it."""
    ahead = np.busday_offset(grid.days, 1, roll="backward", busdaycal=busday_calendar(calendar))
    turns = (ahead.astype("datetime64[M]").astype(int)) // every != grid.days.astype("datetime64[M]").astype(
        int
    ) // every
    flags: Flags = turns & grid.on(calendar)
    return flags


def reverting(start: float, pull: float, toward: Iterable[float], shocks: Iterable[float]) -> Path:
    """Return x[t] = x[t-1] + pull * (toward[t] - x[t-1]) + shocks[t], an AR(1) around a moving target."""
    level = start
    path = []
    for target, shock in zip(toward, shocks, strict=True):
        level += pull * (target - level) + shock
        path.append(level)
    return np.array(path)


def whole_months(grid: Grid) -> list[date]:
    """Return the first days of the months from FIRST_DAY's on that are over by the grid's end."""
    over = (grid.calendar_days[-1] + 1).astype("datetime64[M]")
    months: list[date] = np.arange(np.datetime64(FIRST_DAY, "M"), over).astype("datetime64[D]").tolist()
    return months
