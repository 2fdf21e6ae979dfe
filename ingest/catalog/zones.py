"""Local times of a publisher in UTC, by a table of each zone's offsets: almost every day has one, whatever the hour."""

from __future__ import annotations

from datetime import time
from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

_FIRST: Final = np.datetime64("1970-01-01")
_LAST: Final = np.datetime64("2040-01-01")
_HOUR: Final = np.timedelta64(1, "h")

Moments = npt.NDArray[np.datetime64]


def in_utc(days: Moments, at: time, zone: str) -> Moments:
    """Return the moments (naive UTC, microseconds) at which it is `at` (to the minute) in `zone` on each of `days`.

    NaT stays NaT. A time that clocks skip or show twice on one of the days raises polars' ComputeError.
    """
    local = days.astype("datetime64[us]") + np.timedelta64(at.hour * 60 + at.minute, "m")
    offsets = _by_day(zone)
    moments = np.subtract(local, offsets[np.clip((days - _FIRST).astype(np.int64), 0, len(offsets) - 1)])
    unsure = np.isnat(moments)
    if unsure.any():
        there = pl.Series(local[unsure]).dt.replace_time_zone(zone)
        moments[unsure] = there.dt.convert_time_zone("UTC").dt.replace_time_zone(None).to_numpy()
    return moments


@cache
def _by_day(zone: str) -> npt.NDArray[np.timedelta64]:
    """Return the offset from UTC of each day from _FIRST on; NaT where it may change, and at both ends."""
    midnights: Moments = np.arange(_FIRST, _LAST).astype("datetime64[us]")
    offsets = _offsets(midnights, zone)
    turns = np.flatnonzero(offsets[1:] != offsets[:-1])
    hours = midnights[turns, None] + _HOUR * np.arange(25)
    around = _offsets(hours.ravel(), zone).reshape(hours.shape)
    last = hours[np.arange(len(turns)), (around[:, 1:] != around[:, :-1]).argmax(axis=1)]  # full hour before it changes
    for moment in (last, last + _HOUR):
        for local in (moment, moment + around[:, 0], moment + around[:, -1]):
            offsets[(local.astype("datetime64[D]") - _FIRST).astype(np.int64)] = np.timedelta64("NaT")
    offsets[[0, -2, -1]] = np.timedelta64("NaT")
    return offsets


def _offsets(moments: Moments, zone: str) -> npt.NDArray[np.timedelta64]:
    there = pl.Series(moments).dt.replace_time_zone("UTC").dt.convert_time_zone(zone)
    offsets: npt.NDArray[np.timedelta64] = there.dt.replace_time_zone(None).to_numpy() - moments
    return offsets
