"""The report says what went wrong with a source once, in a sentence, and that no failed check stops a release."""

from __future__ import annotations

from datetime import datetime

import duckdb
import pytest

from serving.report.health import checks_section, health_section


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


def test_a_source_has_one_line_with_what_went_wrong_in_a_sentence(con):
    assert "Each source" not in health_section(con), "an older release has no such table"
    con.execute(
        "create table meta.sources (source varchar, state varchar, error_text varchar, asked_at timestamp,"
        " answered_at timestamp)"
    )
    moment = datetime(2026, 2, 6, 14, 20)
    body = "<!doctype html><title>Sorry</title>" + "<p>So many visitors</p>" * 50
    told = [
        ("cboe", "ok", None, moment, moment),
        ("fred", "partial", f"fred: WALCL: got <b>nothing</b>. {body}", moment, moment),
        ("ofr", "failed", f"ofr: expected a CSV, got {body}", moment, None),
        ("user_prices", "skipped", None, moment, None),
    ]
    con.executemany("insert into meta.sources values (?, ?, ?, ?, ?)", told)
    con.execute("insert into marts.series values ('a', 'A'), ('b', 'B')")
    con.execute(
        "insert into meta.freshness values ('a', 'cboe', '2026-02-05', 1, null, 'fresh', null, null),"
        " ('b', 'cboe', '2026-01-05', 32, null, 'stale', 'as of fred', null)"
    )
    page = health_section(con)
    sources = page[: page.index("</tbody>")]
    assert sources.count('<tr><th scope="row">') == 4
    assert sources.index("ofr") < sources.index("fred") < sources.index("cboe"), "what went wrong comes first"
    assert "2026-02-06 09:20" in sources
    assert '<span lang="en">fred: WALCL: got nothing .</span>' in sources
    assert "Sorry So many visitors" in sources
    assert "…</span>" in sources, "a page that came instead is cut"
    assert "1 stale, 1 fresh</td>" in sources
    assert "2026-02-05" in sources


def test_a_series_shows_its_note_and_no_due_moment_where_none_is_due(con):
    con.execute("insert into marts.series values ('a', 'A & B'), ('b', 'B'), ('c', 'C')")
    con.execute(
        "insert into meta.freshness values"
        " ('a', null, null, null, '2026-02-06 22:05', 'ended', '<x>', 'shortened <y>'),"
        " ('b', 'fred', '2026-02-05', 1, '2026-02-06 22:05', 'fresh', null, null),"
        " ('c', 'fred', '2026-01-05', 32, '2026-02-09 22:05', 'late', '<x>', null)"
    )
    page = health_section(con)
    assert "A &amp; B" in page
    assert '<td><span lang="en">' not in page
    assert "<td>shortened</td>" in page
    assert "&lt;x&gt;" not in page, "what went wrong stands with the source"
    assert page.count("2026-02-06 17:05") == 1, "an ended series has no next value"
    behind = page[page.index("Series that are not in time.") : page.index("The other series")]
    assert behind.index('<th scope="row">C</th>') < behind.index('<th scope="row">A &amp; B</th>')
    assert '<th scope="row">B</th>' not in behind


def test_failed_checks_are_said_to_stop_no_release(con):
    page = checks_section(con)
    assert "1 of 2 checks passed." in page
    assert "None of those that failed stops a release" in page
    con.execute("delete from meta.quality where not is_passed")
    assert "stops a release" not in checks_section(con)
