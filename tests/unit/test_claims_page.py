"""The page of the claims: what its charts mark."""

from __future__ import annotations

from math import log10

import pytest

from serving.report.claims import level_ticks


@pytest.mark.parametrize(
    ("low", "high", "marked"),
    [
        (300, 7000, (500, 1000, 2000, 5000)),
        (1200, 7200, (1500, 2000, 3000, 4000, 5000, 7000)),
        (100, 100, (100,)),
    ],
)
def test_an_axis_of_logarithms_marks_round_levels(low: float, high: float, marked: tuple[float, ...]):
    assert level_ticks(log10(low), log10(high)) == marked
