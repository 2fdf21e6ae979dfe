"""The drawings: one time axis, round marks, no spike lost, gaps that stay gaps."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from serving.report.drawing import HEIGHT, LEFT, RIGHT, WIDTH, TimeAxis, ValueAxis, line, runs, sparkline, time_marks

YEARS = TimeAxis("years", date(2021, 4, 1), date(2026, 4, 1))


def test_the_edges_of_the_axis_are_its_first_and_last_day_and_years_are_marked():
    assert (YEARS.x(YEARS.first), YEARS.x(YEARS.last)) == (LEFT, WIDTH - RIGHT)
    assert [day.year for day in YEARS.years] == [2022, 2023, 2024, 2025, 2026]
    assert [day.year for day in TimeAxis("long", date(1966, 1, 1), date(2026, 1, 1)).years] == [*range(1970, 2021, 10)]


@pytest.mark.parametrize(
    ("values", "low", "high", "ticks"),
    [
        ((0.62, 1.41), 0.6, 1.6, (0.6, 0.8, 1.0, 1.2, 1.4, 1.6)),
        ((-120.0, 80.0), -150, 100, (-150, -100, -50, 0, 50, 100)),
        ((5.0, 5.0), 4.5, 5.5, (4.5, 4.75, 5.0, 5.25, 5.5)),
    ],
)
def test_an_axis_ends_at_round_values(values, low, high, ticks):
    axis = ValueAxis.over(values)
    assert (axis.low, axis.high, axis.ticks) == (pytest.approx(low), pytest.approx(high), pytest.approx(ticks))


def test_a_spike_of_one_session_among_thousands_is_drawn():
    days = [YEARS.first + timedelta(days=place) for place in range(1827)]
    axis = ValueAxis(0, 100, (0, 100))
    drawn = line([(day, 90.0 if place == 700 else 10.0) for place, day in enumerate(days)], YEARS, axis, "l1")
    assert f",{axis.y(90):.1f}".removesuffix(".0") in drawn
    assert drawn.count("L") < 2 * (WIDTH - LEFT - RIGHT) + 10, "as many points as can be seen"
    assert f'cx="{WIDTH - RIGHT}"' in drawn, "a dot at the last value"


def test_a_gap_stays_a_gap():
    days = [date(2025, 1, 1), date(2025, 2, 1), date(2025, 3, 1), date(2025, 4, 1)]
    drawn = line([*zip(days, (1.0, None, 2.0, 3.0), strict=True)], YEARS, ValueAxis(0, 4, (0, 4)), "l1")
    assert drawn.count("M") == 2
    assert line([(days[0], None)], YEARS, ValueAxis(0, 4, (0, 4)), "l1") == ""


def test_a_run_of_a_state_lasts_until_the_next_begins():
    found = runs([(date(2025, 1, 3), "a"), (date(2025, 1, 6), "a"), (date(2025, 1, 7), "b")])
    assert found == [("a", date(2025, 1, 3), date(2025, 1, 7)), ("b", date(2025, 1, 7), date(2025, 1, 8))]


def test_bands_outside_the_axis_are_cut_at_its_edge():
    marks = time_marks(
        YEARS, [("CALM", date(2000, 1, 1), date(2010, 1, 1)), ("<CRISIS>", date(2020, 1, 1), YEARS.last)]
    )
    assert "c-calm" in marks
    assert f'd="M{LEFT},8h{WIDTH - LEFT - RIGHT}v' in marks
    assert "c-&lt;crisis&gt;" in marks
    assert f"0 0 {WIDTH} {HEIGHT}" in marks


def test_a_sparkline_needs_two_values():
    assert sparkline([1.0, None]) == ""
    assert sparkline([1.0, None, 2.0]).count("M") == 2
