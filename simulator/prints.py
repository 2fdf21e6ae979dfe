"""Prints of one series, or the days of one stock or fund: each row with the moment from which it can be read."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import numpy.typing as npt
import polars as pl

from ingest.clock import naive_utc

Moments = npt.NDArray[np.datetime64]


class Prints:
    """The rows of `frame`, each readable from its moment of `known_at` (naive UTC, microseconds) on.

    They are ordered by `period` and then by moment; where both are the same, as they came. A period with several rows
    was corrected. A stand-in looks up thousands: what can be read is found by a search in sorted moments, and mostly
    is the first rows of the frame, which costs no copy.
    """

    def __init__(self, frame: pl.DataFrame, period: str, known_at: Moments) -> None:
        periods = frame[period].to_numpy()
        if not (periods[1:] > periods[:-1]).all():
            order = np.lexsort((known_at, periods))
            frame, periods, known_at = frame[order], periods[order], known_at[order]
        in_time = np.sort(known_at)
        self._period = period
        self._frame = frame.set_sorted(period)  # where it does not know, polars sums groups in another order
        self._known_at = known_at
        self._is_in_time = bool((known_at == in_time).all())
        self._in_time = known_at if self._is_in_time else in_time
        self._is_corrected = bool((periods[1:] == periods[:-1]).any())
        self._periods = periods if self._is_corrected else periods[:0].copy()
        self._newest: tuple[int, pl.DataFrame] = (0, frame.clear())

    @property
    def height(self) -> int:
        """Return how many there will ever be."""
        return self._frame.height

    def count(self, now: datetime) -> int:
        """Return how many can be read at `now` (aware): the same number means the same rows."""
        return int(np.searchsorted(self._in_time, np.datetime64(naive_utc(now), "us"), side="right"))

    def last(self, now: datetime) -> datetime | None:
        """Return the moment (naive UTC) of the newest row that can be read at `now`, None before the first."""
        count = self.count(now)
        moment: datetime | None = self._in_time[count - 1].item() if count else None
        return moment

    def newest(self, now: datetime) -> pl.DataFrame:
        """Return of each period the newest row that can be read at `now`, oldest period first."""
        if not self._is_corrected:
            return self.all_of(now)
        count = self.count(now)
        held, rows = self._newest
        if held != count:
            rows = self._rows(self._newest_at(count))
            self._newest = (count, rows)
        return rows

    def all_of(self, now: datetime) -> pl.DataFrame:
        """Return every row that can be read at `now`, corrected or not, by period and moment."""
        count = self.count(now)
        return self._frame.head(count) if self._is_in_time else self._rows(self._at(count))

    def moments(self, now: datetime) -> Moments:
        """Return from when on each row of `all_of` can be read, naive UTC."""
        return self._known_at[self._at(self.count(now))]

    def _rows(self, at: npt.NDArray[np.int64]) -> pl.DataFrame:
        return self._frame[at].set_sorted(self._period)

    def _at(self, count: int) -> npt.NDArray[np.int64]:
        """Return where the first `count` rows in time stand in the frame."""
        return np.flatnonzero(self._known_at <= self._in_time[count - 1]) if count else np.empty(0, dtype=np.int64)

    def _newest_at(self, count: int) -> npt.NDArray[np.int64]:
        """Return where the newest row of each period stands among them."""
        at = self._at(count)
        periods = self._periods[at]
        is_newest = np.ones(len(at), dtype=bool)
        is_newest[:-1] = periods[1:] != periods[:-1]
        return at[is_newest]
