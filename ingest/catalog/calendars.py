"""Publishers' working days: NYSE sessions, the Federal Reserve, federal offices, the US bond market (SIFMA), Tokyo.

NYSE and Tokyo come from exchange-calendars, Federal Reserve holidays from python-holidays. Days before
`FIRST_YEAR` count as working days from Monday to Friday: they only place history that was known long ago.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl

CalendarName = Literal["nyse", "federal_reserve", "federal_government", "sifma", "tokyo", "every_day"]

FIRST_YEAR = 1990
_EXCHANGES = {"nyse": "XNYS", "tokyo": "XTKS"}
_SESSION_COLUMNS = (
    "session_date",
    "open_at",
    "close_at",
    "is_early_close",
    "cutoff_at",
    "close_cutoff_at",
    "session_seq",
)


@cache
def _exchange(name: str):  # type: ignore[no-untyped-def]  # exchange_calendars ships no types
    import exchange_calendars

    first = f"{FIRST_YEAR}-01-01" if name == "nyse" else f"{FIRST_YEAR + 10}-01-01"
    return exchange_calendars.get_calendar(_EXCHANGES[name], start=first)


def _federal_holidays(last_year: int, *, saturdays_move: bool) -> list[date]:
    """Return the federal holidays, Sunday's kept on Monday.

    Saturday's are kept on Friday by federal offices (`saturdays_move`) and not at all by the Reserve Banks.
    """
    import holidays

    days = holidays.country_holidays(
        "US", years=range(FIRST_YEAR, last_year + 1), observed=True, categories=("public",)
    )
    kept = []
    for day, name in days.items():
        moved_from_saturday = "observed" in name and day.weekday() == 4
        if saturdays_move or not moved_from_saturday:
            kept.append(day)
    return kept


def _good_fridays(last_year: int) -> list[date]:
    from dateutil.easter import easter

    return [easter(year) - timedelta(days=2) for year in range(FIRST_YEAR, last_year + 1)]


@cache
def busday_calendar(name: CalendarName) -> np.busdaycalendar:
    """Return the working days of a publisher's calendar for numpy's busday functions."""
    last_year = datetime.now(UTC).year + 2  # how far ahead holidays are known, not a "now" of the run
    if name == "every_day":
        return np.busdaycalendar(weekmask="1111111")
    if name in ("federal_reserve", "federal_government"):
        closed = _federal_holidays(last_year, saturdays_move=name == "federal_government")
    elif name == "sifma":
        closed = _federal_holidays(last_year, saturdays_move=False) + _good_fridays(last_year)
    else:
        calendar = _exchange(name)
        sessions = calendar.sessions.to_numpy().astype("datetime64[D]")
        weekdays = np.arange(sessions[0], sessions[-1] + 1)
        weekdays = weekdays[np.is_busday(weekdays)]
        closed = np.setdiff1d(weekdays, sessions).tolist()
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
    calendar = _exchange("nyse")
    schedule = calendar.schedule
    days = [stamp.date() for stamp in schedule.index]
    early = {stamp.date() for stamp in calendar.early_closes}
    frame = pl.DataFrame(
        {
            "session_date": days,
            "open_at": pl.Series(schedule["open"].dt.tz_convert(None).to_numpy()).cast(pl.Datetime("us")),
            "close_at": pl.Series(schedule["close"].dt.tz_convert(None).to_numpy()).cast(pl.Datetime("us")),
            "is_early_close": [day in early for day in days],
        }
    ).with_columns(pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias("session_seq"))
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
