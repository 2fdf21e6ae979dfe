"""Publishers are asked in threads that all want calendars first: what these have in common is worked out once."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import holidays
import pytest

from ingest.catalog import calendars


def test_threads_that_want_calendars_at_once_have_the_holidays_worked_out_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, ...]] = []
    real = holidays.country_holidays

    def slowly(*arguments: Any, categories: tuple[str, ...], **options: Any) -> Any:
        asked.append(categories)
        time.sleep(0.05)
        return real(*arguments, categories=categories, **options)

    monkeypatch.setattr(holidays, "country_holidays", slowly)
    calendars._calendar.cache_clear()
    calendars._federal_holidays.cache_clear()
    names: list[calendars.CalendarName] = ["sifma", "federal_reserve", "sifma", "government_securities"]
    with ThreadPoolExecutor(len(names)) as threads:
        sifma, federal, again, government = threads.map(calendars.busday_calendar, names)
    assert asked == [("public",)]
    assert again is sifma
    assert federal.holidays.size < sifma.holidays.size < government.holidays.size
