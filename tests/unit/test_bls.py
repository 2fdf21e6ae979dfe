"""The calendar of the Bureau of Labor Statistics."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from ingest.errors import SourceChanged, SourceRefused
from ingest.sources.bls import bls
from tests.unit.fakes import FakeHttp, payload_of
from tests.unit.panel_helpers import panel_context, whole

HEAD = """BEGIN:VCALENDAR
VERSION:2.0
BEGIN:VTIMEZONE
TZID:US-Eastern
BEGIN:STANDARD
TZOFFSETFROM:-0400
TZOFFSETTO:-0500
DTSTART:20071104T020000
END:STANDARD
END:VTIMEZONE
"""
JOBS = """BEGIN:VEVENT
DTSTART;TZID=US-Eastern:20260605T083000
SUMMARY:Employment Situation
LOCATION:Washington\\, DC
END:VEVENT
"""
LONG = """BEGIN:VEVENT
DTSTART;TZID=US-Eastern:20261110T100000
SUMMARY:Persons with a Disability\\; Labor
  Force Characteristics\\, Annual
END:VEVENT
"""
END = "END:VCALENDAR\n"


def parse(body: str) -> pl.DataFrame:
    return whole(bls.parse(payload_of("bls", body.replace("\n", "\r\n"), name="releases")), bls.TABLE)


def test_reads_titles_days_and_local_times() -> None:
    rows = parse(HEAD + JOBS + "\n\n" + LONG + END)
    assert rows.select("release_title", "release_date", "release_time").rows() == [
        ("Employment Situation", date(2026, 6, 5), "08:30"),
        ("Persons with a Disability; Labor Force Characteristics, Annual", date(2026, 11, 10), "10:00"),
    ]
    assert rows["stated_at"].null_count() == 2


def test_a_calendar_that_ends_without_a_line_end_is_whole_and_a_double_counts_once() -> None:
    assert parse(HEAD + JOBS + JOBS + END.strip()).height == 1


def test_what_left_the_calendar_is_not_withdrawn_and_what_was_moved_is() -> None:
    payload = payload_of("bls", HEAD + LONG + JOBS + END)
    (window,) = bls.windows(payload, bls.parse(payload))
    assert (window.group, window.start, window.end) == ("", date(2026, 6, 5), None)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("<html><body>Access Denied</body></html>", "got an HTML page"),
        ("", "got an empty body"),
        (HEAD + JOBS, "expected an iCalendar file from BEGIN:VCALENDAR to END:VCALENDAR"),
        (HEAD + END, "expected at least one event, got a calendar without any"),
        (
            HEAD + JOBS.replace("US-Eastern", "America/Chicago") + END,
            "got 'DTSTART;TZID=America/Chicago:20260605T083000'",
        ),
        (HEAD + JOBS.replace(";TZID=US-Eastern", "") + END, "got 'DTSTART:20260605T083000'"),
        (HEAD + JOBS.replace("20260605T083000", "06052026T083000") + END, "DTSTART;TZID=US-Eastern:YYYYMMDDTHHMMSS"),
        (HEAD + JOBS.replace("T083000", "") + END, "got 'DTSTART;TZID=US-Eastern:20260605'"),
        (HEAD + JOBS.replace("SUMMARY:Employment Situation\n", "") + END, "expected a SUMMARY in each event"),
        (HEAD + JOBS.replace("END:VEVENT\n", "") + JOBS + END, "expected END:VEVENT before the next event"),
        (
            HEAD + JOBS + JOBS.replace("T0830", "T1000") + END,
            "expected one time of 'Employment Situation' on 2026-06-05",
        ),
        (HEAD.replace("-0500", "-0600") + JOBS + END, "got 'TZOFFSETTO:-0600'"),
    ],
)
def test_what_it_refuses(body: str, told: str) -> None:
    with pytest.raises(SourceChanged) as caught:
        parse(body)
    assert told in str(caught.value)


def test_names_a_contact_where_there_is_one_and_says_what_to_set_where_not() -> None:
    http = FakeHttp({bls.URL: HEAD + JOBS + END})
    list(bls.fetch(panel_context("bls", http, contact="me@example.org")))
    assert http.headers == [{"User-Agent": "tidegauge me@example.org"}]
    refusing = FakeHttp({bls.URL: SourceRefused("bls", "releases", "HTTP 403")})
    with pytest.raises(SourceRefused, match="set TIDEGAUGE_CONTACT to a mail address"):
        list(bls.fetch(panel_context("bls", refusing)))
    with pytest.raises(SourceRefused, match="HTTP 403"):
        list(bls.fetch(panel_context("bls", refusing, contact="me@example.org")))
