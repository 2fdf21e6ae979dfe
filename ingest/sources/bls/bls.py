"""Bureau of Labor Statistics: when its news releases come.

Where   https://www.bls.gov/schedule/news_release/bls.ics (keyless; refuses clients that name no contact, which
        TIDEGAUGE_CONTACT does), one iCalendar file of last year, this year and what is known of the next
Grain   one event per news release
Units   none. Times are local ones of the file's own zone US-Eastern, whose rules are those of New York since 2007
Breaks  SourceChanged where the file does not end, on an event without title or start, a start in another zone or
        without a time, a zone US-Eastern of other hours, a release that stands on one day with two times
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final

import polars as pl

from ingest.batch import Window
from ingest.connector import FetchContext
from ingest.errors import SourceError, SourceRefused
from ingest.payload import Payload
from ingest.readers.fund_days import panel_rows
from ingest.readers.parsing import changed, lines_of, quoted

URL: Final = "https://www.bls.gov/schedule/news_release/bls.ics"
TABLE: Final = "bls.releases"

_EXPECTED: Final = "an iCalendar file from BEGIN:VCALENDAR to END:VCALENDAR"
_START: Final = "DTSTART;TZID=US-Eastern"
_STAMP: Final = re.compile(r"\d{8}T\d{6}")
_OFFSETS: Final = frozenset({"-0400", "-0500"})
_ESCAPED: Final = re.compile(r"\\([\\;,nN])")


def fetch(context: FetchContext) -> Iterator[Payload | SourceError]:
    """Yield the calendar."""
    agent = context.settings.contact_agent
    try:
        yield context.http.get("bls", "releases", URL, headers={"User-Agent": agent} if agent else {})
    except SourceRefused as error:
        if agent:
            raise
        why = "it refuses clients that name no contact: set TIDEGAUGE_CONTACT to a mail address"
        raise SourceRefused("bls", "releases", f"{why}; what was landed before stays") from error


def parse(payload: Payload) -> dict[str, pl.DataFrame]:
    """Return every release of the calendar."""
    lines = _unfolded([line for line in lines_of(payload, _EXPECTED, may_end_bare=True) if line.strip()])
    if lines[0] != "BEGIN:VCALENDAR" or lines[-1] != "END:VCALENDAR":
        raise changed(payload, _EXPECTED, f"{quoted(lines[0])} to {quoted(lines[-1])}")
    found: dict[tuple[str, datetime], str] = {}
    for event in _events(payload, lines):
        title, at = _title(payload, event), _start(payload, event)
        key = title, at.replace(hour=0, minute=0)
        time = f"{at:%H:%M}"
        if found.setdefault(key, time) != time:
            raise changed(payload, f"one time of {title!r} on {at:%Y-%m-%d}", f"{found[key]} and {time}")
    if not found:
        raise changed(payload, "at least one event", "a calendar without any")
    columns = {
        "release_title": [title for title, _ in found],
        "release_date": [at.date() for _, at in found],
        "release_time": list(found.values()),
    }
    return {TABLE: panel_rows(payload, TABLE, columns)}


def windows(payload: Payload, rows: Mapping[str, pl.DataFrame]) -> list[Window]:
    """Return what the calendar spans: from its first release on; years that have left it are not withdrawn."""
    days = rows[TABLE]["release_date"].sort()
    return [Window("", days[0], table_id=TABLE)]


def _unfolded(lines: list[str]) -> list[str]:
    """Return the lines with those put together that the format breaks: the rest begins with a blank."""
    whole: list[str] = []
    for line in lines:
        if line[0] in " \t" and whole:
            whole[-1] += line[1:]
        else:
            whole.append(line.rstrip())
    return whole


def _events(payload: Payload, lines: list[str]) -> Iterator[dict[str, str]]:
    """Yield the properties of each event by name (with its parameters); check the zone on the way."""
    event: dict[str, str] | None = None
    for line in lines:
        name, _, value = line.partition(":")
        if name in ("TZOFFSETFROM", "TZOFFSETTO") and value not in _OFFSETS:
            raise changed(payload, "offsets of US-Eastern of -0400 and -0500", quoted(line))
        if line == "BEGIN:VEVENT":
            if event is not None:
                raise changed(payload, "END:VEVENT before the next event", quoted(line))
            event = {}
        elif line == "END:VEVENT":
            if event is None:
                raise changed(payload, "BEGIN:VEVENT before END:VEVENT", quoted(line))
            yield event
            event = None
        elif event is not None:
            event[name] = value
    if event is not None:
        raise changed(payload, "END:VEVENT of the last event", f"the end of the file in {quoted(event)}")


def _title(payload: Payload, event: Mapping[str, str]) -> str:
    title = _ESCAPED.sub(lambda found: " " if found[1] in "nN" else found[1], event.get("SUMMARY", "")).strip()
    if not title:
        raise changed(payload, "a SUMMARY in each event", f"an event with {quoted(', '.join(event))}")
    return title


def _start(payload: Payload, event: Mapping[str, str]) -> datetime:
    text = event.get(_START, "")
    try:
        if not _STAMP.fullmatch(text):
            raise ValueError
        return datetime.strptime(text, "%Y%m%dT%H%M%S")  # noqa: DTZ007 - a time of New York, as the column says
    except ValueError:
        stands = next((f"{name}:{value}" for name, value in event.items() if name.startswith("DTSTART")), "none")
        raise changed(payload, f"{_START}:YYYYMMDDTHHMMSS of each event", quoted(stands)) from None
