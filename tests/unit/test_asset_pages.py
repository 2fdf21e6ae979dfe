"""What Dagster's pages show of a table and of a test, without Dagster's server and without dbt."""

from __future__ import annotations

import base64
from types import SimpleNamespace

import duckdb
import pytest

from orchestration.assets.described import check_text
from orchestration.assets.regime_plot import drawing, regime_facts
from orchestration.assets.table_facts import origin_of, rows_of, table_facts


def session(con: duckdb.DuckDBPyConnection, origin: str = "SIMULATED"):
    return SimpleNamespace(con=con, settings=SimpleNamespace(origin=origin))


@pytest.fixture
def con():
    with duckdb.connect() as made:
        made.execute("""
            create schema marts; create schema meta;
            create table marts.carry_daily as select unnest([date '2026-02-04', '2026-02-05']) as session_date;
            create table marts.empty_weekly (week_date date, x double);
            create table marts.undated as select 1 as x;
            create view marts.carry_daily_at as from marts.carry_daily;
            create table meta.build as select 'b1' as build_id;
        """)
        yield made


def test_a_table_shows_its_rows_and_its_newest_day(con):
    facts = table_facts(session(con, "LIVE"), "marts")
    assert facts == {
        "marts.carry_daily": {"dagster/row_count": 2, "newest_day": "2026-02-05"},
        "marts.empty_weekly": {"dagster/row_count": 0},
        "marts.undated": {"dagster/row_count": 1},
        "marts.carry_daily_at": {"dagster/row_count": 2},
    }
    raw = SimpleNamespace(id="marts.carry_daily", is_in_daily_files=False)
    assert rows_of(session(con), raw) == {"dagster/row_count": 2}
    files = SimpleNamespace(id="marts.carry_daily_at", is_in_daily_files=True)
    assert rows_of(session(con), files) == {}, "files are not counted"


def test_figures_that_are_no_markets_are_marked(con):
    assert origin_of(session(con, "LIVE")) == {}
    assert "say nothing about any market" in origin_of(session(con))["origin"].text
    assert origin_of(session(con, "REAL FOLDER"))["origin"].text == "REAL FOLDER"
    assert all("origin" in each for each in table_facts(session(con), "marts", "meta").values())


def test_the_regime_shows_its_class_its_sentence_and_a_drawing(con):
    con.execute("""
        create table marts.regime_daily as from (values
            (date '2026-02-03', 'CALM', 1, 'a'), (date '2026-02-04', 'STRESS', null, 'b'),
            (date '2026-02-05', 'STRESS', 7, 'STRESS: core score 7 of 12')
        ) as t(session_date, regime_class, core_score, explain_text)
    """)
    facts = regime_facts(con)
    assert facts["regime_class"].md_str == "**STRESS** on 2026-02-05"
    assert facts["explain_text"].text == "STRESS: core score 7 of 12"
    address = facts["class_and_core_score"].md_str.partition("base64,")[2].partition(")")[0]
    svg = base64.b64decode(address).decode()
    assert svg.count("<rect") == 2, "one band for each run of sessions of a class"
    assert svg.count("<polyline") == 2, "the line breaks where no score is known"
    con.execute("delete from marts.regime_daily")
    assert regime_facts(con) == {}


def test_a_drawing_is_as_wide_as_its_sessions():
    svg = drawing([("CALM", 0), ("CALM", 12)])
    assert 'width="600.0"' in svg
    assert "150.0,88.0 450.0,2.0" in svg


@pytest.mark.parametrize(
    ("test", "says"),
    [
        ({"name": "unique_key", "kwargs": {"columns": ["fund", "day"]}}, "One row per fund, day, none of them NULL."),
        (
            {"name": "expressions_are_true", "kwargs": {"expressions": ["a  =\n b", "c > 0"], "reason": "of parts"}},
            "In every row: `a = b`; `c > 0`. Of parts.",
        ),
        (
            {"name": "values_in_range", "kwargs": {"ranges": {"x_bp": [150, 3000]}, "reason": "left in percent"}},
            "x_bp 150 to 3,000. Left in percent.",
        ),
        (
            {"name": "seed_rows_are_sound", "kwargs": {"dates": ["day"], "before": ["day <= end"]}},
            "Every row names its source, and its dates can be (day). `day <= end`.",
        ),
    ],
)
def test_a_test_says_what_it_holds(test, says):
    assert check_text({"test_metadata": test}) == says


def test_a_singular_test_says_its_comment():
    assert check_text({"raw_code": "-- Within a million:\n-- it rounds.\nselect 1"}) == "Within a million: it rounds."
    assert check_text({"raw_code": "{#- Within\n   two. -#}\nselect 1"}) == "Within two."
    assert check_text({"raw_code": "select 1"}) == ""
