"""Publishers' working days: stock exchanges, the Reserve Banks, federal offices, the US bond market (SIFMA), Tokyo.

Exchanges come from exchange-calendars, US federal holidays from python-holidays. Days before `FIRST_YEAR` count
as working days from Monday to Friday: they only place history that was known long ago.

federal_reserve        Reserve Banks: open on the Friday before a Saturday holiday
federal_government     offices in Washington, the Board of Governors among them: closed on that Friday, and on days
                       that an executive order closed. Snow and shutdowns are not in it: releases came out all the same,
                       or their rule lists them
sifma                  the bond market: keeps a Saturday 4 July, Juneteenth or Christmas on the Friday, but not New Year
                       or Veterans Day; opens until noon on a Good Friday with the jobs report
government_securities  the same without any Good Friday: no repo rate is printed for one, open until noon or not
tokyo                  days on which Japanese government bonds are quoted
hong_kong, shanghai    sessions of the stock exchange. The mainland's holidays are set late in the year before: weekdays
                       of years whose holidays are not known yet count as sessions
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from functools import cache
from threading import Lock
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from ingest.catalog.exchange_sessions import FIRST_DAYS, FIRST_YEAR, exchange_sessions, last_known_year

CalendarName = Literal[
    "nyse",
    "federal_reserve",
    "federal_government",
    "sifma",
    "government_securities",
    "tokyo",
    "hong_kong",
    "shanghai",
    "every_day",
]

_SESSION_COLUMNS = (
    "session_date",
    "open_at",
    "close_at",
    "is_early_close",
    "cutoff_at",
    "close_cutoff_at",
    "session_seq",
)
_OPEN_GOOD_FRIDAYS = frozenset({1996, 1999, 2007, 2010, 2012, 2015, 2021, 2023, 2026})
"""Years whose jobs report came on Good Friday: SIFMA recommended an early close, and H.15 has yields of the day."""

_BOND_MARKET_CLOSED = (
    date(1994, 4, 27),  # mourning for President Nixon
    date(2001, 9, 12),
    date(2004, 6, 11),  # mourning for President Reagan
    date(2012, 10, 30),  # Hurricane Sandy
    date(2018, 12, 5),  # mourning for President Bush
)
_OFFICES_CLOSED_BY_ORDER = (date(1994, 4, 27),)  # python-holidays has the orders since 2001
_FRIDAYS_KEPT_OPEN = frozenset({(12, 31), (11, 10)})  # before New Year and Veterans Day on a Saturday
_FIRST_JUNETEENTH_OF_MARKETS = 2022  # made a holiday on the Thursday before the Friday that offices then kept
_QUOTED_WITHOUT_EXCHANGE = (date(2020, 10, 1),)  # the Tokyo exchange's computers failed; bonds traded

_one_at_a_time = Lock()  # publishers are asked in threads, and many of them want the same one first


def _closed_on_exchange(name: str) -> list[date]:
    sessions = exchange_sessions(name)["session_date"].to_numpy().astype("datetime64[D]")
    weekdays = np.arange(np.datetime64(FIRST_DAYS[name]), sessions[-1] + 1)
    closed: list[date] = np.setdiff1d(weekdays[np.is_busday(weekdays)], sessions).tolist()
    return [day for day in closed if name != "tokyo" or day not in _QUOTED_WITHOUT_EXCHANGE]


@cache
def _federal_holidays(last_year: int) -> tuple[tuple[date, bool], ...]:
    """Return the federal holidays, Sunday's kept on Monday, and whether it is the Friday before a Saturday's."""
    import holidays

    days = holidays.country_holidays(
        "US", years=range(FIRST_YEAR, last_year + 1), observed=True, categories=("public",)
    )
    return tuple((day, "observed" in name and day.weekday() == 4) for day, name in days.items())


def _closed_by_order(last_year: int) -> list[date]:
    """Return the days that an executive order closed federal offices for; not those closed from noon on."""
    import holidays

    days = holidays.country_holidays("US", years=range(FIRST_YEAR, last_year + 1), categories=("government",))
    ordinary = {day for day, _ in _federal_holidays(last_year)}
    return [
        *_OFFICES_CLOSED_BY_ORDER,
        *(day for day, name in days.items() if day not in ordinary and "half-day" not in name),
    ]


def _bond_market_holidays(last_year: int) -> Iterator[date]:
    yield from _BOND_MARKET_CLOSED
    for day, is_friday_before in _federal_holidays(last_year):
        if is_friday_before and (day.month, day.day) in _FRIDAYS_KEPT_OPEN:
            continue
        if day.month == 6 and day.year < _FIRST_JUNETEENTH_OF_MARKETS:
            continue
        yield day
    yield from (day for day in _good_fridays(last_year) if day.year not in _OPEN_GOOD_FRIDAYS)


def _good_fridays(last_year: int) -> list[date]:
    from dateutil.easter import easter

    return [easter(year) - timedelta(days=2) for year in range(FIRST_YEAR, last_year + 1)]


def busday_calendar(name: CalendarName) -> np.busdaycalendar:
    """Return the working days of a publisher's calendar for numpy's busday functions."""
    with _one_at_a_time:
        return _calendar(name)


@cache
def _calendar(name: CalendarName) -> np.busdaycalendar:
    if name == "every_day":
        return np.busdaycalendar(weekmask="1111111")
    last_year = last_known_year()
    if name == "federal_reserve":
        closed = [day for day, is_friday_before in _federal_holidays(last_year) if not is_friday_before]
    elif name == "federal_government":
        closed = [*(day for day, _ in _federal_holidays(last_year)), *_closed_by_order(last_year)]
    elif name == "sifma":
        closed = list(_bond_market_holidays(last_year))
    elif name == "government_securities":
        closed = [*_bond_market_holidays(last_year), *_good_fridays(last_year)]
    else:
        closed = _closed_on_exchange(name)
    return np.busdaycalendar(holidays=np.array(sorted(closed), dtype="datetime64[D]"))


def is_working_day(name: CalendarName, day: date) -> bool:
    """Say whether the publisher works on `day`."""
    return bool(np.is_busday(np.datetime64(day), busdaycal=busday_calendar(name)))


def working_days(name: CalendarName, first: date, last: date) -> list[date]:
    """Return the publisher's working days from `first` to `last`, both included."""
    days: npt.NDArray[np.datetime64] = np.arange(np.datetime64(first), np.datetime64(last) + 1)
    found: list[date] = days[np.is_busday(days, busdaycal=busday_calendar(name))].tolist()
    return found


def nyse_sessions(first: date, last: date) -> pl.DataFrame:
    """Return NYSE sessions from `first` to `last` with their cut-offs.

    Columns: session_date; open_at, close_at (naive UTC); is_early_close; cutoff_at (09:15 New York on the next
    session: what was known "the next morning, before the open"); close_cutoff_at (16:15 New York on the session);
    session_seq (1 for the first NYSE session of FIRST_YEAR, so that it never depends on `first`).
    """
    frame = exchange_sessions("nyse").with_columns(pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias("session_seq"))
    frame = frame.with_columns(
        _new_york_at(pl.col("session_date").shift(-1), 9, 15).alias("cutoff_at"),
        _new_york_at(pl.col("session_date"), 16, 15).alias("close_cutoff_at"),
    )
    return frame.filter(pl.col("session_date").is_between(first, last)).select(_SESSION_COLUMNS)


def _new_york_at(day: pl.Expr, hour: int, minute: int) -> pl.Expr:
    return (
        day.cast(pl.Datetime("us"))
        .dt.offset_by(f"{hour}h{minute}m")
        .dt.replace_time_zone("America/New_York")
        .dt.convert_time_zone("UTC")
        .dt.replace_time_zone(None)
    )
