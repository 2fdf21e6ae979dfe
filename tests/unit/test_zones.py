"""Local times in UTC by a table, against polars' own conversion of every day."""

from __future__ import annotations

from datetime import date, datetime, time

import numpy as np
import polars as pl
import pytest

from ingest.catalog.zones import in_utc

DAYS = np.arange("1965-01-01", "2045-01-01", dtype="datetime64[D]")
# changes at 02:00 by the wall, at 01:00 UTC, at midnight, east of Greenwich, by half an hour, never
ZONES = (
    "America/New_York", "Europe/London", "America/Havana", "Atlantic/Azores", "Australia/Lord_Howe", "Asia/Tokyo", "UTC"
)  # fmt: skip


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("at", [time(0), time(0, 30), time(1, 30), time(2, 15), time(9), time(16, 15), time(23, 59)])
def test_each_day_is_as_polars_converts_it(zone: str, at: time) -> None:
    local = pl.Series(DAYS).cast(pl.Datetime("us")).dt.offset_by(f"{at.hour}h{at.minute}m")
    there = local.dt.replace_time_zone(zone, ambiguous="null", non_existent="null")
    expected = there.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    is_told = expected.is_not_null().to_numpy()
    assert in_utc(DAYS[is_told], at, zone).tolist() == expected.drop_nulls().to_list()


def test_a_time_that_clocks_skip_or_show_twice_is_refused() -> None:
    for day in ("2026-03-08", "2026-11-01"):
        with pytest.raises(pl.exceptions.ComputeError):
            in_utc(np.array([day], dtype="datetime64[D]"), time(2 if day < "2026-06" else 1, 30), "America/New_York")


def test_days_outside_of_the_table_and_no_day_at_all() -> None:
    days = np.array([date(1776, 7, 4), None, date(2400, 1, 1)], dtype="datetime64[D]")
    told = in_utc(days, time(12), "America/New_York").tolist()
    assert told == [datetime(1776, 7, 4, 16, 56, 2), None, datetime(2400, 1, 1, 17)]
    assert len(in_utc(days[:0], time(12), "America/New_York")) == 0
