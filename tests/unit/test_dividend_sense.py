"""Dividends larger than reason, and those that are large and right."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from ingest.catalog.calendars import working_days
from ingest.rules.dividend_sense import senseless_dividends
from ingest.rules.evidence import SPLITS

DAYS = working_days("nyse", date(2026, 9, 1), date(2026, 11, 17))
EX = DAYS[21]


def judged(amount, *, after=100.0, before=100.0, splits=(), past=(), day=EX):
    closes = [before] * 21 + [after] * (len(DAYS) - 21)
    prices = pl.DataFrame({"ticker": "AAA", "session_date": DAYS, "close_usd": closes})
    schema = {"ticker": pl.String, "session_date": pl.Date, "dividend_usd": pl.Float64}
    paid = pl.DataFrame([("AAA", day, amount)], schema=schema, orient="row")
    known = pl.DataFrame(
        [("AAA", date(2024, 1 + at, 3), one) for at, one in enumerate(past)], schema=schema, orient="row"
    )
    listed = pl.DataFrame(list(splits), schema=SPLITS, orient="row")
    return senseless_dividends(paid.with_row_index("position"), prices, listed, known)


def test_a_dividend_above_the_price_is_refused():
    assert judged(226.0) == {0: "a dividend of 226.0 on a stock at 100 the session before"}
    assert judged(100.0, after=1.0) != {}


def test_a_dividend_that_the_price_does_not_show_is_refused():
    assert "25.0% of the close of 100 before" in judged(25.0)[0]
    assert judged(25.0, after=76.0) == {}  # paid out, and the price fell by it
    assert judged(0.25) == {}


@pytest.mark.parametrize(("amount", "is_refused"), [(25.0, True), (6.0, True), (2.5, False), (0.3, False)])
def test_a_dividend_far_above_the_stocks_own_is_refused_unless_it_shows(amount, is_refused):
    assert (judged(amount, past=[0.25] * 6) != {}) is is_refused
    assert judged(amount, past=[0.25] * 6, after=100.0 - amount) == {}


def test_a_hundredfold_small_one_is_told_by_the_stocks_own():
    assert judged(2.0, past=[0.02] * 6) != {}


def test_a_dividend_is_held_against_the_price_on_its_own_split_basis():
    assert judged(6.0, before=1000.0, after=99.0, splits=[("AAA", EX, 10.0)]) == {}
    assert judged(120.0, before=1000.0, after=99.0, splits=[("AAA", EX, 10.0)]) != {}


def test_without_a_price_before_it_nothing_can_be_said():
    assert judged(226.0, day=DAYS[0]) == {}
