"""www.bls.gov: the calendar of news releases from last year to the next. The jobs report comes by its own rule."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Final

import polars as pl

from ingest.catalog.calendars import is_working_day
from ingest.clock import NEW_YORK
from simulator.render.view import Request, Response, View, not_found

_PATH: Final = "/schedule/news_release/bls.ics"
_HEAD: Final = """BEGIN:VCALENDAR
VERSION:2.0
METHOD:PUBLISH
X-WR-TIMEZONE:US-Eastern
BEGIN:VTIMEZONE
TZID:US-Eastern
BEGIN:DAYLIGHT
TZOFFSETFROM:-0500
TZOFFSETTO:-0400
DTSTART:20070311T020000
RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=2SU
END:DAYLIGHT
BEGIN:STANDARD
TZOFFSETFROM:-0400
TZOFFSETTO:-0500
DTSTART:20071104T020000
RRULE:FREQ=YEARLY;BYMONTH=11;BYDAY=1SU
END:STANDARD
END:VTIMEZONE
"""
_PRICES_DAY: Final = 13
_OPENINGS_DAY: Final = 8


def render(view: View, request: Request) -> Response:
    """Return the calendar; nothing is made up beside real figures."""
    if request.path != _PATH or not view.market.is_simulated:
        return not_found()
    year = view.now.astimezone(NEW_YORK).year
    months = [date(y, m, 1) for y in range(year - 1, year + 2) for m in range(1, 13)]
    events = sorted(_events(view, months), key=lambda event: event[1])
    body = _HEAD + "".join(_event(title, at) for title, at in events) + "END:VCALENDAR\n"
    return Response(body.replace("\n", "\r\n").encode(), "text/calendar")


def _events(view: View, months: list[date]) -> Iterator[tuple[str, datetime]]:
    rule = view.market.catalog.by_id("unrate").provider("fred").release
    surveyed = [(month - timedelta(days=1)).replace(day=1) for month in months]
    for at in rule.released_at(pl.Series(surveyed)).to_list():
        yield "Employment Situation", at.replace(tzinfo=UTC).astimezone(NEW_YORK)
    for month in months:
        yield "Consumer Price Index", _working(month, _PRICES_DAY, 8, 30)
        yield "Job Openings and Labor Turnover Survey", _working(month, _OPENINGS_DAY, 10, 0)


def _working(month: date, day: int, hour: int, minute: int) -> datetime:
    on = month.replace(day=day)
    while not is_working_day("federal_government", on):
        on += timedelta(days=1)
    return datetime(on.year, on.month, on.day, hour, minute, tzinfo=NEW_YORK)


def _event(title: str, at: datetime) -> str:
    place = "LOCATION:Washington\\, DC"
    return f"BEGIN:VEVENT\nDTSTART;TZID=US-Eastern:{at:%Y%m%dT%H%M%S}\nSUMMARY:{title}\n{place}\nEND:VEVENT\n"


HOSTS: Final = {"www.bls.gov": render}
