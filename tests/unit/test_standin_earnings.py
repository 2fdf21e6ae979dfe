"""Simulated earnings: when they come, and what they leave in the price of an option."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from ingest.catalog.calendars import is_working_day
from simulator.economy.earnings import releases, variance_ahead


def test_each_name_reports_once_a_quarter_on_a_session_and_on_one_side_of_it() -> None:
    for symbol in ("AAA", "BBB", "CCC"):
        found = list(releases(symbol, date(2024, 1, 1), date(2025, 12, 31)))
        assert len(found) == 8
        assert len({(one.release_date.year, (one.release_date.month - 1) // 3) for one in found}) == 8
        assert len({one.timing for one in found}) == 1
        for one in found:
            assert is_working_day("nyse", one.release_date)
            assert (one.trades_on > one.release_date) == (one.timing == "AMC")
    assert len({next(releases(f"N{number}", date(2026, 1, 1), date(2026, 3, 31))).timing for number in range(9)}) == 2


def test_variance_waits_for_the_release_and_is_gone_with_it() -> None:
    first, second = list(releases("AAA", date(2026, 1, 1), date(2026, 6, 30)))
    day = first.trades_on
    before = day - timedelta(days=1)
    jump = variance_ahead("AAA", before, day)
    assert 0.03**2 <= jump <= 0.08**2
    assert variance_ahead("AAA", before, before) == 0
    assert variance_ahead("AAA", day, day) == 0
    assert variance_ahead("AAA", before, second.trades_on) == pytest.approx(2 * jump)
