"""One archived answer may have several vintages of a period: an input is compared with its own."""

from __future__ import annotations

from datetime import datetime

import polars as pl
import pytest

from serving.explain.archived import value_of

FIRST, REVISED = datetime(2012, 7, 19, 12, 30), datetime(2012, 7, 27, 3, 59, 59)
CLAIMS = pl.DataFrame({"value": [220_000.0, 219_000.0, None], "stated_at": [FIRST, REVISED, None]})


@pytest.mark.parametrize(
    ("known_at", "value"),
    [
        (FIRST, 220_000.0),
        (REVISED, 219_000.0),
        (datetime(2012, 7, 20), 219_000.0),  # known by a rule of ours: the publisher dates no vintage so
        (None, 219_000.0),
    ],
)
def test_the_vintage_of_its_moment_counts(known_at: datetime | None, value: float):
    assert value_of(CLAIMS, "value", known_at) == value


def test_an_answer_without_vintages_has_its_last_value_and_one_without_rows_none():
    assert value_of(CLAIMS.drop("stated_at"), "value", FIRST) == 219_000.0
    assert value_of(CLAIMS.clear(), "value", FIRST) is None
