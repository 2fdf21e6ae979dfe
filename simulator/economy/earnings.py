"""When simulated companies report, and what options price for it: variance that goes with the release.

Each name reports once a quarter, two to eight weeks after its end, always on the same side of the session. Until the
release is traded, every expiry behind it has the variance of one jump more; afterwards it is gone. So implied
volatility climbs towards a release, most in the nearest expiry, and falls overnight.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Literal
from zlib import crc32

from ingest.catalog.calendars import is_working_day

_FIRST_WEEKS: Final = 14  # days after the quarter's end
_SEASON: Final = 42  # days over which the names are spread
_JUMPS: Final = (0.03, 0.08)
"""Standard deviation of the move on a release: the calmest name's, the wildest's."""


@dataclass(frozen=True, slots=True)
class Release:
    """A company's results: the day they come out, and BMO (before the open) or AMC (after the close)."""

    symbol: str
    release_date: date
    timing: Literal["AMC", "BMO"]

    @property
    def trades_on(self) -> date:
        """The session that trades on them first."""
        return self.release_date if self.timing == "BMO" else _session(self.release_date + timedelta(days=1))


def releases(symbol: str, first: date, last: date) -> Iterator[Release]:
    """Yield the releases of a name from `first` to `last`, in order."""
    mark = crc32(f"earnings {symbol}".encode())
    timing: Literal["AMC", "BMO"] = "AMC" if mark & 1 else "BMO"
    for year in range(first.year - 1, last.year + 1):
        for month in (1, 4, 7, 10):
            day = _session(date(year, month, 1) + timedelta(days=_FIRST_WEEKS + mark // 2 % _SEASON))
            if first <= day <= last:
                yield Release(symbol, day, timing)


def variance_ahead(symbol: str, quoted_on: date, expiry: date) -> float:
    """Return the variance, not annual, that releases add to an option of a session's quotes: those traded later do."""
    low, high = _JUMPS
    jump = low + (high - low) * (crc32(f"jump {symbol}".encode()) % 1000) / 1000
    ahead = releases(symbol, quoted_on - timedelta(days=7), expiry)
    return jump**2 * sum(quoted_on < one.trades_on <= expiry for one in ahead)


def _session(day: date) -> date:
    """Return the day, or the first session after it."""
    while not is_working_day("nyse", day):
        day += timedelta(days=1)
    return day
