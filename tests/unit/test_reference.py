"""Reference tables: what the catalog and the calendars say, replaced only when they differ."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import duckdb
import pytest

from ingest.catalog import load_catalog
from warehouse.connection import migrate
from warehouse.reference import due_releases, replace_reference

CATALOG = load_catalog()
NOW = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def con() -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    migrate(con)
    replace_reference(con, CATALOG, NOW)
    return con


def periods(series: str, provider: str) -> list[date]:
    due = due_releases(CATALOG, NOW)
    return due.filter((due["series_id"] == series) & (due["provider"] == provider))["period_date"].to_list()


def test_the_same_catalog_replaces_nothing_and_a_day_later_only_the_calendars(con):
    other = duckdb.connect()
    migrate(other)
    assert len(replace_reference(other, CATALOG, NOW)) == 8
    assert replace_reference(other, CATALOG, NOW) == []
    monday = NOW + timedelta(days=3)
    assert replace_reference(other, CATALOG, monday) == ["calendar.sessions", "calendar.releases"]
    other.execute("update catalog.units set factor = 2 where unit_published = 'Percent' and unit = 'bp'")
    assert replace_reference(other, CATALOG, monday) == ["catalog.units"]
    other.close()


def test_each_series_has_its_providers_in_order(con):
    assert con.execute("select count(*) from catalog.series").fetchone() == (len(CATALOG.series),)
    found = con.execute(
        "select provider_rank, provider, stale_limit_days from catalog.providers where series_id = 'fed_total_assets' "
        "order by 1"
    ).fetchall()
    assert found == [(1, "federal_reserve", 9), (2, "fred", 9), (3, "user_file", 9)]


def test_sessions_reach_from_1990_to_15_days_ahead_with_their_cutoffs(con):
    first, last, count = con.execute(
        "select min(session_date), max(session_date), count(*) filter (where cutoff_at is null) from calendar.sessions"
    ).fetchone()
    assert (first, last, count) == (date(1990, 1, 2), date(2026, 12, 4), 0)
    # the day after Thanksgiving closes early; Thursday's missing session moves Wednesday's cut-off to Friday
    assert con.execute(
        "select session_date, is_early_close, cutoff_at from calendar.sessions "
        "where session_date between '2026-11-25' and '2026-11-27' order by 1"
    ).fetchall() == [
        (date(2026, 11, 25), False, datetime(2026, 11, 27, 14, 15)),
        (date(2026, 11, 27), True, datetime(2026, 11, 30, 14, 15)),
    ]


@pytest.mark.parametrize(
    ("series", "provider", "thanksgiving"),
    [
        ("vix_close", "cboe", False),
        ("sofr", "new_york_fed", False),
        ("on_rrp", "fred", False),  # printed on any day, but of days of the Reserve Banks
        ("jgb_2y_yield", "japan_mof", True),
    ],
)
def test_daily_series_are_due_on_their_publishers_days(series, provider, thanksgiving):
    found = periods(series, provider)
    assert (date(2026, 11, 26) in found) is thanksgiving
    assert all(day.weekday() < 5 for day in found)
    assert (min(found), max(found)) == (
        date(2026, 9, 21) if provider != "japan_mof" else date(2026, 9, 24),
        date(2026, 12, 4),
    )


def test_weekly_series_are_due_on_the_end_of_their_week():
    assert {day.weekday() for day in periods("fed_total_assets", "fred")} == {2}
    assert {day.weekday() for day in periods("nfci", "fred")} == {4}
    assert {day.weekday() for day in periods("stlfsi", "fred")} == {4}
    assert {day.weekday() for day in periods("initial_claims", "fred")} == {5}


def test_months_are_due_on_their_first_day_and_stay_in_sight_until_the_next_one_is_out():
    for series_id, provider in (("unrate", "fred"), ("margin_debt", "finra")):
        found = periods(series_id, provider)
        assert {day.day for day in found} == {1}
        assert date(2026, 9, 1) in found


def test_release_moments_are_those_of_the_provider(con):
    assert con.execute(
        "select release_at from calendar.releases where series_id = 'fed_total_assets' and provider = 'fred' "
        "and period_date = '2026-11-25'"  # Thursday is Thanksgiving: Friday 16:30 New York
    ).fetchone() == (datetime(2026, 11, 27, 21, 30),)


def test_discontinued_series_and_user_files_owe_nothing(con):
    ended = [series.id for series in CATALOG.series if series.ends is not None]
    assert ended
    owing = {row[0] for row in con.execute("select distinct series_id from calendar.releases").fetchall()}
    assert not owing & set(ended)
    assert con.execute("select count(*) from calendar.releases where provider = 'user_file'").fetchone() == (0,)
    published = {series.id for series in CATALOG.series if series.providers[0].source != "user_file"}
    assert owing == published - set(ended)
