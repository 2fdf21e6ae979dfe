"""The dictionary's pages over a small published file, and what they read out of names and descriptions."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pytest

from ingest.errors import NothingPublished, QueryRefused
from ingest.home import home_at
from serving.dictionary.facts import Facts
from serving.dictionary.search import entries
from serving.dictionary.site import pages, write_dictionary
from serving.dictionary.words import grain_of, register_ids, unit_of
from tests.unit.query_home import publish_small

LATER = """
    create table marts.freight_weekly as select date '2026-01-30' as week_date, 1402.0 as freight_index;
    comment on table marts.freight_weekly is
        'SIMULATED. Freight by week. Register: FRT-01 to FRT-03. One row per week.';
    comment on column marts.freight_weekly.freight_index is 'Index points; </script><b>freight</b>';
    create table meta.keys as select 'freight_weekly' as mart, 1::bigint as key_position, 'week_date' as column_name;
    create table meta.lineage as select * from (values
        ('marts.freight_weekly', 'freight_index', 'o.value', 'marts.observations', 'value', 'freight'),
        ('marts.carry_daily', 'carry_2y_bp', 'f.freight_index', 'marts.freight_weekly', 'freight_index', null)
    ) as t(table_path, column_name, formula_text, input_path, input_column, input_series_id);
    create table meta.quality as select 'marts.freight_weekly' as asset, 'unique_key' as check_name, 'dbt' as stage,
        'error' as severity, true as is_blocking, false as is_passed, 2::bigint as failed_count;
    create table marts.series as select 'freight' as series_id, 'Freight rates' as title, 'FRT-09' as register_id,
        'Example Freight Board' as publisher, 'weekly' as frequency, 'index' as unit, 'attribution' as licence,
        true as is_revised, null::date as end_date, date '2020-01-03' as first_period_date,
        date '2026-01-30' as last_period_date, 300::bigint as periods_count, 'fred F1' as provider_codes;
    create table meta.freshness as select 'freight' as series_id, 'fresh' as state,
        date '2026-01-30' as data_through_date, timestamp '2026-02-01 12:00:00' as known_at,
        timestamp '2026-02-08 12:00:00' as expected_by_at;
"""


@pytest.fixture
def home(tmp_path: Path):
    found = home_at(tmp_path / "home")
    publish_small(found.published)
    return found


@pytest.fixture
def later(home):
    """The same file with a mart that a later version added."""
    home.published.chmod(0o644)
    with duckdb.connect(str(home.published)) as con:
        con.execute(LATER)
    return home


def facts_of(home) -> Facts:
    with duckdb.connect(str(home.published), read_only=True) as con:
        return Facts(con)


@pytest.mark.parametrize(
    ("column", "kind", "said", "unit"),
    [
        ("tga_usd_bn", "DOUBLE", "USD billions; level", "USD billions"),
        ("boj_assets_number", "DOUBLE", "JPY billions; assets", "JPY billions"),
        ("change_21d_pct", "DOUBLE", "What it changed by", "percent"),
        ("qt_pace_usd_bn", "DOUBLE", "The pace of it", "billions of US dollars"),
        ("is_month_end", "BOOLEAN", "TRUE on the last session", "yes or no"),
        ("missing_reason", "VARCHAR", "Percent; why", ""),
        ("known_at", "TIMESTAMP", "UTC; when", "UTC"),
        ("session_date", "DATE", "The session", ""),
        ("volume", "BIGINT", "Of the day", ""),
    ],
)
def test_a_unit_is_what_the_description_states_else_what_the_name_ends_with(column, kind, said, unit):
    assert unit_of(column, kind, said) == unit


def test_grain_and_register_rows_are_read_from_descriptions():
    said = "What it is. Register: VOL-09 to VOL-11, CON-01 (transfers). One row per fund and session from the first on."
    assert grain_of(said) == "One row per fund and session from the first on"
    assert register_ids(said) == ["VOL-09", "VOL-10", "VOL-11", "CON-01"]
    assert register_ids("CR-08", None) == ["CR-08"]
    assert register_ids("Covid-19 is not a row") == []


def test_a_file_without_the_later_tables_has_its_pages(home):
    with duckdb.connect(str(home.published), read_only=True) as con:
        facts = Facts(con)
        found = pages(facts, entries(con, facts))
    assert {"index.html", "tables/marts.carry_daily.html", "tables/meta.build.html"} <= set(found)
    assert "SIMULATED" in found["tables/marts.carry_daily.html"]
    assert "order by session_date desc" in found["tables/marts.carry_daily.html"]
    assert "carry_daily_as_of(marts.new_york(" in found["tables/marts.carry_daily.html"]
    assert "says how well moments are known" in found["tables/marts.knowledge.html"]


def test_a_mart_that_is_added_appears_by_itself(later):
    """Only the file was changed: page, search, register, lineage both ways, checks and joins follow."""
    with duckdb.connect(str(later.published), read_only=True) as con:
        facts = Facts(con)
        searched = entries(con, facts)
        found = pages(facts, searched)
    page = found["tables/marts.freight_weekly.html"]
    assert "One row per week" in page
    assert '<a class="name" href="../series/freight.html">freight</a>' in page
    assert "Read by" in page
    assert 'href="../tables/marts.carry_daily.html"' in page
    assert "2 rows" in page, "what its failed check counted"
    assert "FRT-02" in found["index.html"]
    assert ["column", "freight_index", "marts.freight_weekly"] in [one[:3] for one in searched]
    series = found["series/freight.html"]
    assert "2.5 days (its newest value)" in series
    assert "By way of these also in" in series
    assert "carry_daily" in series


def test_nothing_of_a_description_becomes_markup(later):
    with duckdb.connect(str(later.published), read_only=True) as con:
        facts = Facts(con)
        found = pages(facts, entries(con, facts))
    for page in found.values():
        assert "</script><b>" not in page
        assert "<b>freight" not in page
    assert found["index.html"].count("</script>") == 2


def test_every_example_runs(later):
    with duckdb.connect(str(later.published), read_only=True) as con:
        for table in Facts(con).tables:
            assert con.execute(table.example).fetchall()
            if table.is_readable:
                con.execute(table.example_at)


def test_the_folder_is_replaced_and_no_other_is_touched(later, tmp_path):
    out = tmp_path / "pages"
    first = write_dictionary(later, out)
    (out / "tables" / "marts.gone.html").write_text("of an earlier release")
    assert write_dictionary(later, out) == first == out / "index.html"
    assert not (out / "tables" / "marts.gone.html").exists()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
    for target in re.findall(r'href="([^"#]+)', first.read_text()):
        assert (out / target).exists()
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "index.html").write_text("my own page")
    with pytest.raises(QueryRefused, match="holds something other than a dictionary: nothing was touched"):
        write_dictionary(later, mine)
    assert (mine / "index.html").read_text() == "my own page"


def test_nothing_published_says_so(tmp_path):
    with pytest.raises(NothingPublished):
        write_dictionary(home_at(tmp_path / "none"), tmp_path / "pages")
