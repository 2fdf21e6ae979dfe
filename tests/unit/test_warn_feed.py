"""WARN Feed: notices counted by month, hostile files, and the way through GitHub's redirect."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from ingest.archive import Archive
from ingest.batch import Window
from ingest.clock import clock_at
from ingest.collect import collect
from ingest.connector import FetchContext
from ingest.connectors import connector
from ingest.errors import SourceChanged
from ingest.http import Upstream
from ingest.settings import Settings
from ingest.sources.warn_feed import warn_feed
from simulator import StandIn
from tests.unit.fakes import payload_of
from tests.unit.standin_helpers import market, new_york

HEADER = "id,state,company,employees_affected,notice_date,effective_date"


def parse(*lines: str, now: datetime = datetime(1990, 12, 31, tzinfo=UTC), header: str = HEADER):
    body = "\n".join([header, *lines]) + "\n"
    payload = payload_of("warn_feed", body, name="WARN notices", fetched_at=now)
    rows = warn_feed.parse(payload)
    return rows[warn_feed.TABLE], warn_feed.windows(payload, rows)


def december_1988() -> list[str]:
    """Six notices of one month with 5,661 workers; packs of two states, one without a headcount."""
    counts = ["1500", "2400", "61", "", "700", "1000"]
    return [
        f"n{at},{'OH' if at % 2 else 'WI'},A,{count},1988-12-{at + 1:02},1989-02-01" for at, count in enumerate(counts)
    ]


def test_a_month_of_six_notices_and_5661_workers() -> None:
    rows, windows = parse(*december_1988())
    assert rows.drop("stated_at", "payload_sha256").rows() == [(date(1988, 12, 1), 6, 5, 5_661, 2, 0, 0, None)]
    assert windows == [Window("", date(1988, 12, 1), table_id="warn_feed.months")]


def test_45_notices_and_5562_workers_of_june_1990() -> None:
    lines = [f"k{at},CA,A,{123 if at else 150},1990-06-11,1990-06-30" for at in range(45)]
    rows, _ = parse(*lines)
    assert rows.drop("stated_at", "payload_sha256").rows() == [(date(1990, 6, 1), 45, 45, 5_562, 1, 0, 45, 5_562)]


def test_a_notice_without_its_date_counts_by_its_effect_and_is_counted_as_such() -> None:
    rows, _ = parse("a,CA,X,10,,1990-03-05", "b,OH,X,20,1990-03-01,1990-05-01", "c,OH,X,,,", "d,OH,X,5,1990-03-02,")
    assert rows.drop("stated_at", "payload_sha256").rows() == [(date(1990, 3, 1), 3, 3, 35, 2, 1, 1, 10)]


def test_workers_are_unknown_where_no_notice_names_them() -> None:
    rows, _ = parse("a,CA,X,,1990-03-05,")
    assert rows.row(0, named=True)["workers_affected_count"] is None


def test_a_month_counts_ten_days_after_its_end() -> None:
    lines = ["a,CA,X,1,2026-09-05,", "b,CA,X,2,2026-10-05,"]
    before, _ = parse(*lines, now=datetime(2026, 11, 10, 13, 59, tzinfo=UTC))
    after, _ = parse(*lines, now=datetime(2026, 11, 10, 14, 0, tzinfo=UTC))
    assert before["month_date"].to_list() == [date(2026, 9, 1)]
    assert after["month_date"].to_list() == [date(2026, 9, 1), date(2026, 10, 1)]


def test_one_notice_that_stands_twice_is_one_and_cells_may_hold_commas_and_line_ends() -> None:
    line = 'a,CA,"Mills, Inc.\nPlant ""2""",7,1990-03-05,1990-04-01'
    rows, _ = parse(line, line)
    assert rows["notices_count"].to_list() == [1]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["a,CA,X,ten,1990-03-05,"], "got 'ten'"),
        (["a,CA,X,-4,1990-03-05,"], "expected employees_affected between 0 and 100,000, got -4"),
        (["a,CA,X,4,1990-03-05,", "b,CA,X,1e308,1990-03-05,"], "between 0 and 100,000, got 1e+308"),
        (["a,CA,X,1,03/05/1990,"], "got '03/05/1990'"),
        (["a,CA,X,1,,1990-30-01"], "got '1990-30-01'"),
        (["a,California,X,1,1990-03-05,"], "expected a state of two letters in line 2, got 'California'"),
        (["a,CA,X,1,1990-03-05,", "a,CA,X,2,1990-03-05,"], "expected one notice for the id a, got another in line 3"),
        (["a,CA,X,1"], "expected 6 cells in line 2, got 4"),
        (["a,CA,X,1,,"], "expected at least one dated notice, got none"),
        ([], "expected at least one notice, got a header alone"),
        (['a,CA,"X,1,1990-03-05,'], "unexpected end of data"),
    ],
)  # fmt: skip
def test_what_is_not_as_agreed_is_named(lines: list[str], message: str) -> None:
    with pytest.raises(SourceChanged) as caught:
        parse(*lines)
    assert str(caught.value).startswith("warn_feed: WARN notices: expected ")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("id,state,company,notice_date,effective_date\n", "got no employees_affected in 'id,state,company"),
        ("<!DOCTYPE html><html></html>\n", "got an HTML page"),
        ("", "got an empty body"),
        (HEADER + "\na,CA,X,1,1990-03-05,19", "expected a last line with its end"),
        (b"\xff\xfe\n", "in UTF-8, got byte 0xff"),
    ],
)
def test_what_is_no_such_file_is_named(body: str | bytes, message: str) -> None:
    with pytest.raises(SourceChanged) as caught:
        warn_feed.parse(payload_of("warn_feed", body, name="WARN notices"))
    assert message in str(caught.value)


def test_the_stand_in_sends_to_the_file_of_the_release(tmp_path: Path) -> None:
    now = new_york("2026-11-18T09:15")
    with StandIn(market(), now) as stand_in:
        settings = Settings(_env_file=None, upstream=stand_in.url, home=tmp_path)
        with Upstream(settings, clock_at(now), Archive(tmp_path / "archive")) as http:
            batch = collect(connector("warn_feed"), FetchContext("warn_feed", settings, clock_at(now), http))
        asked = [one.path.partition("/")[0] for one in stand_in.requests]
    assert not batch.problems
    assert asked == ["github.com", "release-assets.githubusercontent.com"]
    months = batch.tables[warn_feed.TABLE].sort("month_date")
    assert months["month_date"].to_list()[-1] == date(2026, 10, 1)
    assert months.height == 12 * 14 + 10
    assert months["states_reporting_count"][-1] > months["states_reporting_count"][0]
