"""Prints in time: what can be read at a moment, corrected or not, in any order of asking."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from simulator.prints import Prints

MONDAY = date(2026, 11, 2)
NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)


def prints(*rows: tuple[int, float, int]) -> Prints:
    """Return prints of (day, value, hours after noon on Monday from which it can be read)."""
    frame = pl.DataFrame(
        {"day": [MONDAY + timedelta(days=day) for day, _, _ in rows], "value": [value for _, value, _ in rows]},
        schema={"day": pl.Date, "value": pl.Float64},
    )
    moments = [(NOON + timedelta(hours=hours)).replace(tzinfo=None) for _, _, hours in rows]
    return Prints(frame, "day", np.array(moments, dtype="datetime64[us]"))


def values(frame: pl.DataFrame) -> list[float]:
    return frame["value"].to_list()


def test_a_row_can_be_read_from_its_moment_on() -> None:
    daily = prints((0, 1.0, 0), (1, 2.0, 24), (2, 3.0, 48))
    assert daily.height == 3
    assert values(daily.newest(NOON - timedelta(microseconds=1))) == []
    assert values(daily.newest(NOON)) == [1.0]
    assert values(daily.newest(NOON + timedelta(hours=47))) == [1.0, 2.0]
    assert [daily.count(NOON + timedelta(hours=hours)) for hours in (-1, 0, 24, 99)] == [0, 1, 2, 3]
    assert daily.last(NOON - timedelta(hours=1)) is None
    assert daily.last(NOON + timedelta(hours=30)) == datetime(2026, 11, 3, 12)


def test_a_correction_stands_from_its_moment_on_and_not_before() -> None:
    corrected = prints((0, 1.0, 0), (1, 2.0, 24), (0, 1.5, 30), (1, 2.5, 60))
    shown = {hours: values(corrected.newest(NOON + timedelta(hours=hours))) for hours in (99, -1, 24, 30, 0, 60)}
    assert shown == {99: [1.5, 2.5], -1: [], 24: [1.0, 2.0], 30: [1.5, 2.0], 0: [1.0], 60: [1.5, 2.5]}
    assert values(corrected.all_of(NOON + timedelta(hours=30))) == [1.0, 1.5, 2.0]
    assert corrected.moments(NOON + timedelta(hours=30)).tolist() == [
        (NOON + timedelta(hours=hours)).replace(tzinfo=None) for hours in (0, 30, 24)
    ]


def test_a_late_row_leaves_a_gap_until_it_is_out() -> None:
    late = prints((0, 1.0, 90), (1, 2.0, 24), (2, 3.0, 48))
    assert values(late.newest(NOON + timedelta(hours=50))) == [2.0, 3.0]
    assert values(late.newest(NOON + timedelta(hours=90))) == [1.0, 2.0, 3.0]


def test_of_two_rows_of_a_period_at_one_moment_the_later_one_stands() -> None:
    assert values(prints((0, 1.0, 5), (0, 2.0, 5)).newest(NOON + timedelta(hours=5))) == [2.0]


def test_rows_say_that_they_are_in_order_whichever_way_they_were_found() -> None:
    """Polars adds up groups in another order where it does not know it, and the last digit of a mean moves."""
    for one in (prints((0, 1.0, 0), (1, 2.0, 24)), prints((0, 1.0, 9), (1, 2.0, 3)), prints((0, 1.0, 0), (0, 2.0, 1))):
        at = NOON + timedelta(hours=40)
        assert one.newest(at)["day"].flags["SORTED_ASC"]
        assert one.all_of(at)["day"].flags["SORTED_ASC"]


def test_nothing_at_all_and_a_moment_without_a_zone() -> None:
    assert prints().newest(NOON).is_empty()
    with pytest.raises(ValueError, match="zone"):
        prints((0, 1.0, 0)).newest(datetime(2026, 11, 2, 12))
