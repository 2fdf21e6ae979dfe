"""The report tells what went wrong with a source once, and of failed checks that none of them stops a release."""

from __future__ import annotations

from datetime import datetime

import duckdb
import pytest

from serving.report.page import _checks_section, _sources_table


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
        """
    )
    return opened


def test_a_source_is_told_once_and_only_when_something_went_wrong(con):
    assert _sources_table(con) == "", "an older release has no such table"
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
    page = _sources_table(con)
    assert page.count("<tr>") == 2, "its head and one source"
    assert "2026-02-06 09:20" in page
    assert "&lt;b&gt;nothing" in page


def test_failed_checks_are_said_to_stop_no_release(con):
    page = _checks_section(con)
    assert "1 of 2 checks passed." in page
    assert "None of those that failed stops a release" in page
    con.execute("delete from meta.quality where not is_passed")
    assert "stops a release" not in _checks_section(con)
