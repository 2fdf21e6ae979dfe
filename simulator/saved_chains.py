"""Option chains around the newest earnings of a simulated market, as somebody would have saved them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Final

from ingest.catalog.calendars import working_days
from ingest.catalog.underlyings import load_underlyings
from ingest.clock import NEW_YORK
from simulator.economy.earnings import releases
from simulator.market import Market
from simulator.render.cboe_chains import chain
from simulator.render.view import View

_A_QUARTER: Final = timedelta(days=100)
_SAVED_AT: Final = time(16, 20)


def saved_chains(market: Market, now: datetime) -> Iterator[tuple[str, str]]:
    """Yield names (below user_files) and texts of the chains of all stocks and SPX, before and after a release.

    The release is the newest one behind whose day a session has ended by `now`; the chains are of the end of that
    session and of the end of the one before the day.
    """
    stocks = [one for one in load_underlyings() if one.kind == "stock"]
    today = now.astimezone(NEW_YORK).date()
    ended = working_days("nyse", today - timedelta(days=10), today - timedelta(days=1))[-1]
    reported = [
        one.release_date
        for of in stocks
        for one in releases(of.underlying, ended - _A_QUARTER, ended - timedelta(days=1))
    ]
    for day in _around(max(reported)):
        moment = datetime.combine(day, _SAVED_AT, NEW_YORK)
        for of in (*stocks, *(one for one in load_underlyings() if one.underlying == "SPX")):
            answer = chain(View(market, moment), of.code)
            if answer is not None:
                yield f"option_chains/{of.underlying}_{day}.json", answer.body.decode()


def _around(day: date) -> tuple[date, date]:
    """Return the sessions before and after a session."""
    days = working_days("nyse", day - timedelta(days=10), day + timedelta(days=10))
    place = days.index(day)
    return days[place - 1], days[place + 1]
