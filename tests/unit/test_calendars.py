"""Every closed weekday of 2000 to 2027, written down from the published rules, against the calendars in use.

The rules here are the publishers' own (weekday of a month, Easter, what is kept when a holiday falls on a weekend) and
the single days that they announced; no library of holidays is asked. Not checked: closings for snow in Washington, days
before 2000, and what nobody can know yet (orders for days to come).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta

import pytest

from ingest.catalog.calendars import is_working_day, nyse_sessions, working_days

MONDAY, THURSDAY, FRIDAY, SATURDAY, SUNDAY = 0, 3, 4, 5, 6
DAY = timedelta(days=1)


def nth(year: int, month: int, weekday: int, count: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (count - 1))


def last_monday_of_may(year: int) -> date:
    return date(year, 5, 31) - timedelta(days=date(year, 5, 31).weekday())


def easter(year: int) -> date:
    """The Gregorian computus of Meeus, Jones and Butcher."""
    a, b, c = year % 19, year // 100, year % 100
    d, e = divmod(b, 4)
    f = (b + 8) // 25
    g = (b - f + 1) // 3
    h = (19 * a + b - d - g + 15) % 30
    i, k = divmod(c, 4)
    m = (32 + 2 * e + 2 * i - h - k) % 7
    n = (a + 11 * h + 22 * m) // 451
    month, day = divmod(h + m - 7 * n + 114, 31)
    return date(year, month, day + 1)


def good_friday(year: int) -> date:
    return easter(year) - 2 * DAY


def jobs_report_of(month: date) -> date:
    """The third Friday after the week, Sunday to Saturday, with the month's 12th."""
    twelfth = month.replace(day=12)
    saturday = twelfth + timedelta(days=(SATURDAY - twelfth.weekday()) % 7)
    return saturday + timedelta(days=20)


def opens_for_the_jobs_report(friday: date) -> bool:
    return friday in {jobs_report_of(date(friday.year, month, 1)) for month in (2, 3)}


def kept(day: date, *, friday: bool) -> date:
    """Sunday's holiday is kept on Monday; Saturday's on Friday, or not on a working day at all."""
    if day.weekday() == SUNDAY:
        return day + DAY
    return day - DAY if friday and day.weekday() == SATURDAY else day


def mondays_and_thanksgiving(year: int) -> list[date]:
    return [
        nth(year, 1, MONDAY, 3),
        nth(year, 2, MONDAY, 3),
        last_monday_of_may(year),
        nth(year, 9, MONDAY, 1),
        nth(year, 11, THURSDAY, 4),
    ]


def nyse(year: int) -> Iterator[date]:
    yield from mondays_and_thanksgiving(year)
    yield good_friday(year)
    yield kept(date(year, 1, 1), friday=False)
    yield from (kept(date(year, month, day), friday=True) for month, day in ((7, 4), (12, 25)))
    if year >= 2022:
        yield kept(date(year, 6, 19), friday=True)
    yield from (date(2001, 9, day) for day in (11, 12, 13, 14))
    yield from (date(2004, 6, 11), date(2007, 1, 2), date(2018, 12, 5), date(2025, 1, 9))  # days of mourning
    yield from (date(2012, 10, 29), date(2012, 10, 30))


def federal(year: int, *, friday: bool) -> Iterator[date]:
    yield from mondays_and_thanksgiving(year)
    yield nth(year, 10, MONDAY, 2)
    for month, day in ((1, 1), (7, 4), (11, 11), (12, 25)):
        yield kept(date(year, month, day), friday=friday)
    yield kept(date(year + 1, 1, 1), friday=friday)
    if year >= 2021:
        yield kept(date(year, 6, 19), friday=friday)


def federal_reserve(year: int) -> Iterator[date]:
    return federal(year, friday=False)


def federal_government(year: int) -> Iterator[date]:
    """Offices; executive orders 13238, 13322, 13343, 13421, 13453, 13482, 13633, 13682, 13852, 13854, 13900, 13965,
    14129, 14133 and 14371. Those of 2002, 2009 and 2015 let people go at noon: claims came out that morning."""
    yield from federal(year, friday=True)
    yield from (date(ordered, 12, 24) for ordered in (2001, 2007, 2012, 2018, 2019, 2020, 2024, 2025))
    yield from (date(ordered, 12, 26) for ordered in (2003, 2008, 2014, 2025))
    yield from (date(2004, 6, 11), date(2007, 1, 2), date(2018, 12, 5), date(2025, 1, 9))  # days of mourning


def bond_market(year: int) -> Iterator[date]:
    yield from mondays_and_thanksgiving(year)
    yield nth(year, 10, MONDAY, 2)
    yield from (kept(date(year, month, day), friday=False) for month, day in ((1, 1), (11, 11)))
    yield from (kept(date(year, month, day), friday=True) for month, day in ((7, 4), (12, 25)))
    if year >= 2022:
        yield kept(date(year, 6, 19), friday=True)
    yield from (date(2001, 9, 12), date(2004, 6, 11), date(2012, 10, 30), date(2018, 12, 5))


def sifma(year: int) -> Iterator[date]:
    yield from bond_market(year)
    if not opens_for_the_jobs_report(good_friday(year)):
        yield good_friday(year)


def government_securities(year: int) -> Iterator[date]:
    yield from bond_market(year)
    yield good_friday(year)


def tokyo(year: int) -> Iterator[date]:
    """National holidays, with the banks' 2 and 3 January and 31 December."""
    since_1980 = year - 1980
    march = int(20.8431 + 0.242194 * since_1980 - since_1980 // 4)
    september = int(23.2488 + 0.242194 * since_1980 - since_1980 // 4)
    days = {date(year, 1, 1), nth(year, 1, MONDAY, 2), date(year, 2, 11), date(year, 3, march), date(year, 4, 29)}
    days |= {date(year, 5, 3), date(year, 5, 5), date(year, 9, september), date(year, 11, 3), date(year, 11, 23)}
    days |= {date(year, 9, 15) if year <= 2002 else nth(year, 9, MONDAY, 3)}
    if year <= 2018:
        days.add(date(year, 12, 23))
    if year >= 2020:
        days.add(date(year, 2, 23))
    if year >= 2007:
        days.add(date(year, 5, 4))
    moved = {  # the Olympic games
        2020: {date(2020, 7, 23), date(2020, 7, 24), date(2020, 8, 10)},
        2021: {date(2021, 7, 22), date(2021, 7, 23), date(2021, 8, 8)},
    }
    usual = {date(year, 7, 20) if year <= 2002 else nth(year, 7, MONDAY, 3), nth(year, 10, MONDAY, 2)}
    days |= moved.get(year, usual | ({date(year, 8, 11)} if year >= 2016 else set()))
    if year == 2019:  # the new emperor
        days |= {date(2019, 5, 1), date(2019, 10, 22)}
    # Sunday's is kept on the next day that is none itself; a day between two holidays is one
    for day in sorted(days):
        if day.weekday() == SUNDAY:
            instead = day + DAY
            while instead in days:
                instead += DAY
            days.add(instead)
    between = {day + DAY for day in days if day + 2 * DAY in days and (day + DAY).weekday() != SUNDAY}
    yield from days | between
    yield from (date(year, 1, 2), date(year, 1, 3), date(year, 12, 31))


@pytest.mark.parametrize("rules", [nyse, federal_reserve, federal_government, sifma, government_securities, tokyo])
@pytest.mark.parametrize("year", range(2000, 2028))
def test_closed_days_are_those_of_the_published_rules(rules: Callable[[int], Iterator[date]], year: int):
    name = rules.__name__
    weekdays = [day for at in range(366) if (day := date(year, 1, 1) + at * DAY).year == year and day.weekday() < 5]
    expected = {day for day in rules(year) if day in weekdays}
    assert {day for day in weekdays if not is_working_day(name, day)} == expected
    assert working_days(name, weekdays[0], weekdays[-1]) == [day for day in weekdays if day not in expected]


def test_the_rules_here_know_the_good_fridays_with_a_jobs_report():
    found = [year for year in range(1996, 2028) if opens_for_the_jobs_report(good_friday(year))]
    assert found == [1996, 1999, 2007, 2010, 2012, 2015, 2021, 2023, 2026]


@pytest.mark.parametrize(
    ("calendar", "day", "works"),
    [
        ("sifma", date(2020, 7, 3), False),
        ("sifma", date(2021, 12, 24), False),
        ("sifma", date(2026, 7, 3), False),
        ("sifma", date(2027, 6, 18), False),
        ("sifma", date(2027, 12, 24), False),
        ("sifma", date(2021, 12, 31), True),  # New Year's Saturday
        ("sifma", date(2017, 11, 10), True),  # that of Veterans day
        ("sifma", date(2021, 6, 18), True),  # Juneteenth was a day old
        ("sifma", date(1996, 4, 5), True),
        ("sifma", date(1994, 4, 27), False),
        ("federal_reserve", date(2021, 12, 24), True),
        ("federal_government", date(2021, 12, 24), False),
        ("federal_government", date(2015, 12, 24), True),  # from noon on
        ("tokyo", date(2020, 10, 1), True),  # the exchange stood still, bonds did not
    ],
)
def test_days_on_which_calendars_differ(calendar, day, works):
    assert is_working_day(calendar, day) is works


@pytest.mark.parametrize(
    ("calendar", "day", "works"),
    [
        ("hong_kong", date(2026, 2, 16), True),  # the eve of the lunar new year: half a day
        ("hong_kong", date(2026, 2, 17), False),
        ("hong_kong", date(2026, 7, 1), False),
        ("shanghai", date(2026, 2, 17), False),
        ("shanghai", date(2026, 10, 1), False),
        ("shanghai", date(2026, 7, 1), True),
    ],
)
def test_exchanges_of_asia_keep_their_own_holidays(calendar, day, works):
    assert is_working_day(calendar, day) is works


def test_sessions_are_known_a_year_ahead_to_its_end():
    assert nyse_sessions(date(2027, 12, 23), date(2027, 12, 31))["session_date"].to_list() == [
        date(2027, 12, 23),
        *(date(2027, 12, day) for day in (27, 28, 29, 30, 31)),
    ]
