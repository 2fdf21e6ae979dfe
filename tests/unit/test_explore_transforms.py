"""What is drawn instead of a value, with figures worked by hand."""

from __future__ import annotations

import math
import random

import pytest

from serving.explore.transforms import Name, Transform


def test_change_counts_rows_and_needs_both_ends():
    assert Transform("change", 2).over([1.0, 4.0, 9.0, None, 25.0, 36.0]) == [None, None, 8.0, None, 16.0, None]


def test_percent_change_from_above_zero_only():
    assert Transform("percent", 1).over([50.0, 60.0, 0.0, 5.0, -5.0, -4.0]) == [
        None,
        pytest.approx(20.0),  # 60 / 50
        -100.0,
        None,  # from zero
        -200.0,
        None,  # from below zero
    ]


def test_zscore_of_the_last_values_its_own_included():
    # 1, 2, 3: mean 2, sample deviation 1; 2, 3, 7: mean 4, deviation sqrt((4 + 1 + 9) / 2) = sqrt(7)
    assert Transform("zscore", 3).over([1.0, 2.0, 3.0, 7.0]) == [
        None,
        None,
        pytest.approx(1.0),
        pytest.approx(3 / math.sqrt(7)),
    ]


def test_zscore_spans_little_more_than_its_values():
    """Three values may lie in four rows (five in a hundred more, rounded up), not in five."""
    in_four = Transform("zscore", 3).over([1.0, None, 2.0, 3.0])
    assert in_four == [None, None, None, pytest.approx(1.0)]
    assert Transform("zscore", 3).over([1.0, None, None, 2.0, 3.0])[-1] is None


def test_zscore_of_what_does_not_vary_is_none():
    assert Transform("zscore", 2).over([0.1, 0.1, 0.1]) == [None, None, None]


def test_ratio_to_the_first_value_there_is():
    assert Transform("ratio").over([None, 4.0, 5.0, None, 2.0]) == [None, 1.0, 1.25, None, 0.5]
    assert Transform("ratio").over([-1.0, 5.0]) == [None, None], "nothing is a multiple of less than zero"
    assert Transform("ratio").over([0.0, 5.0]) == [None, None]
    assert Transform("ratio").over([]) == []


def test_neither_nan_nor_infinity_is_a_figure():
    assert Transform().over([math.nan, math.inf, -math.inf, 1.0]) == [None, None, None, 1.0]
    assert Transform("change", 1).over([1e308, -1e308]) == [None, None], "it would overflow"


def test_units():
    assert Transform("change", 1).unit("%") == "percentage points"
    assert Transform("change", 1).unit("USD bn") == "USD bn"
    assert [Transform("percent", 1).unit("bp"), Transform("zscore", 9).unit("bp"), Transform("ratio").unit("bp")] == [
        "%",
        "z-score",
        "ratio to the first",
    ]


@pytest.mark.parametrize("name", ["change", "percent", "zscore"])
def test_nothing_looks_ahead(name: Name):
    chance = random.Random(7)
    for _ in range(40):
        values = [chance.choice([None, chance.uniform(-9, 9), chance.uniform(-9, 9)]) for _ in range(30)]
        transform, cut = Transform(name, chance.randint(2, 8)), chance.randint(0, 29)
        assert transform.over(values)[:cut] == pytest.approx(transform.over(values[:cut]), nan_ok=True)
