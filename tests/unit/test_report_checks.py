"""The report tells what went wrong with a source once, and of failed checks that none of them stops a release."""

from __future__ import annotations

from datetime import datetime

import duckdb
import pytest

from serving.report.page import checks_section, freshness_section


@pytest.fixture
def con() -> duckdb.DuckDBPyConnection:
    opened = duckdb.connect()
    opened.execute(
        """
        create schema meta;
        create table meta.quality as select * from (values
            ('cboe.observations', 'upstream_is_not_frozen', 'error', false, 4, 'frozen'),
            ('marts.x', 'unique', 'error', true, 0, '')
        ) as t(asset, check_name, severity, is_passed, failed_count, detail);
        create table meta.freshness (series_id varchar, provider varchar, data_through_date date, age_days bigint,
            expected_by_at timestamp, state varchar, last_error varchar, shrinkage_note varchar);
        create schema marts;
        create table marts.series (series_id varchar, title varchar);
        """
    )
    return opened


def test_a_source_is_told_once_and_only_when_something_went_wrong(con):
    assert "Sources that" not in freshness_section(con), "an older release has no such table"
    con.execute(
        "create table meta.sources (source varchar, state varchar, error_text varchar, asked_at timestamp,"
        " answered_at timestamp)"
    )
    moment = datetime(2026, 2, 6, 14, 20)
    told = [
        ("cboe", "ok", None, moment, moment),
        ("fred", "partial", "fred: WALCL: got <b>nothing</b>", moment, moment),
        ("user_prices", "skipped", None, moment, None),
    ]
    con.executemany("insert into meta.sources values (?, ?, ?, ?, ?)", told)
    page = freshness_section(con)
    assert page.count("<tr>") == 3, "two heads and one source"
    assert "2026-02-06 09:20" in page
    assert "&lt;b&gt;nothing" in page


def test_a_series_shows_its_notes_and_no_due_moment_where_none_is_due(con):
    con.execute("insert into marts.series values ('a', 'A & B'), ('b', 'B')")
    con.execute(
        "insert into meta.freshness values ('a', null, null, null, '2026-02-06 22:05', 'ended', '<x>', 'shortened'),"
        " ('b', 'fred', '2026-02-05', 1, '2026-02-06 22:05', 'fresh', null, null)"
    )
    page = freshness_section(con)
    assert "A &amp; B" in page
    assert "<td>&lt;x&gt;; shortened</td>" in page
    assert page.count("2026-02-06 17:05") == 1, "an ended series has no next value"


def test_failed_checks_are_said_to_stop_no_release(con):
    page = checks_section(con)
    assert "1 of 2 checks passed." in page
    assert "None of those that failed stops a release" in page
    con.execute("delete from meta.quality where not is_passed")
    assert "stops a release" not in checks_section(con)
