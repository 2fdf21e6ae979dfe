"""The readings show what the regime takes: the greatest period of breadth, whoever counted it."""

from __future__ import annotations

from datetime import date, datetime

import duckdb
import pytest

from serving.readings import Reading, readings
from warehouse.presentation import MartMeta, Presentation, presentation_of

TODAY = datetime(2026, 4, 2, 14, 20)


def shown_in(con: duckdb.DuckDBPyConnection, presentation: Presentation) -> None:
    """Create the tables that say what is shown."""
    for table, rows in presentation.rows().items():
        con.execute(f"create table {table.path} ({', '.join(f'{name} {kind}' for name, kind, _ in table.columns)})")
        for row in rows:
            con.execute(f"insert into {table.path} values ({', '.join('?' * len(row))})", row)


def published(own: list[tuple], filed: list[tuple]) -> duckdb.DuckDBPyConnection:
    """Return a published file with breadth alone: `own` rows of ours, `filed` vintages of the published series."""
    con = duckdb.connect()
    con.execute(
        """
        create schema marts; create schema meta;
        create table meta.freshness (series_id varchar, state varchar, age_days bigint, provider varchar,
            data_through_date date, checked_at timestamp);
        create table marts.series (series_id varchar, unit varchar);
        create table marts.sessions as select unnest(range(date '2026-03-20', date '2026-04-10', interval 1 day))::date
            as session_date, session_date + interval 20 hour as close_at;
        create table marts.breadth_daily (session_date date, universe varchar, above_200dma_pct double,
            known_at timestamp);
        create table marts.observations (series_id varchar, provider varchar, provider_rank bigint, period_date date,
            value double, unit varchar, known_at timestamp, loaded_at timestamp, payload_sha256 varchar);
        """
    )
    reading = {
        "label": "Members above 200-day average",
        "order": 1,
        "unit": "%",
        "decimals": 1,
        "rows": {"universe": "SPX"},
        "published_series": "sp500_above_200dma_published",
    }
    columns = {"session_date": {}, "universe": {}, "known_at": {}, "above_200dma_pct": {"readings": [reading]}}
    shown_in(con, presentation_of([MartMeta("breadth_daily", columns)]))
    con.execute("insert into meta.freshness values ('vix_close', 'fresh', 1, 'cboe', '2026-04-01', ?)", [TODAY])
    for day, value in own:
        con.execute("insert into marts.breadth_daily values (?, 'SPX', ?, ?)", [day, value, TODAY])
    for day, value, known_at in filed:
        con.execute(
            "insert into marts.observations values"
            " ('sp500_above_200dma_published', 'user_file', 1, ?, ?, 'pct', ?::timestamp, ?::timestamp, '')",
            [day, value, known_at, known_at],
        )
    return con


def breadth(own: list[tuple], filed: list[tuple]) -> Reading:
    (found,) = readings(published(own, filed)) or []
    return found


OWN = [("2025-07-23", 65.0), ("2025-07-24", 65.936255)]
FILED = [("2026-03-26", 44.0, "2026-03-26 22:00"), ("2026-03-27", 42.1471, "2026-03-27 22:00")]


def test_a_published_series_that_goes_on_is_shown_and_named():
    found = breadth(OWN, FILED)
    assert found.label == "Members above 200-day average, published series"
    assert (found.value, found.obs_date, found.state) == (42.1471, date(2026, 3, 27), "stale")


def test_our_own_count_is_shown_where_it_is_as_new():
    found = breadth([*OWN, ("2026-03-27", 41.0)], FILED)
    assert (found.label, found.value) == ("Members above 200-day average", 41.0)
    assert breadth(OWN, []).value == 65.936255
    assert breadth([], []).state == "never"


def test_a_withdrawn_figure_does_not_revive():
    found = breadth(OWN, [*FILED, ("2026-03-27", None, "2026-03-30 22:00")])
    assert (found.value, found.obs_date) == (44.0, date(2026, 3, 26))


def test_of_several_snapshots_of_a_session_the_last_one_counts():
    con = duckdb.connect()
    con.execute(
        """
        create schema marts; create schema meta;
        create table meta.freshness (series_id varchar, state varchar, age_days bigint, checked_at timestamp);
        create table marts.sessions as
            select date '2026-03-27' as session_date, timestamp '2026-03-27 20:00' as close_at;
        create table marts.snapshots as from (values
            (date '2026-03-26', 18.0, timestamp '2026-03-26 20:20'),
            (date '2026-03-27', 22.0, timestamp '2026-03-27 20:20'),
            (date '2026-03-27', 20.0, timestamp '2026-03-27 13:45')) as t(session_date, iv_pct, known_at);
        """
    )
    columns = {"session_date": {}, "known_at": {}, "iv_pct": {"readings": [{"label": "IV", "order": 1, "unit": "%"}]}}
    shown_in(con, presentation_of([MartMeta("snapshots", columns)]))
    (found,) = readings(con) or []
    assert (found.value, found.before, found.obs_date) == (22.0, 18.0, date(2026, 3, 27))


@pytest.mark.parametrize(
    ("column", "period", "today", "state"),
    [
        # November is the newest month until December is over, then every weekday here is a session
        ("month_date", "2026-11-01", "2026-11-30", "fresh"),
        ("month_date", "2026-11-01", "2026-12-31", "fresh"),
        ("month_date", "2026-11-01", "2027-01-05", "late"),
        ("month_date", "2026-11-01", "2027-01-07", "stale"),
        ("quarter_date", "2026-07-01", "2026-12-31", "fresh"),
        ("quarter_date", "2026-07-01", "2027-01-07", "stale"),
        ("week_date", "2026-11-20", "2026-11-27", "fresh"),
        ("week_date", "2026-11-20", "2026-12-02", "late"),
        ("session_date", "2026-11-20", "2026-11-24", "fresh"),
        ("session_date", "2026-11-20", "2026-11-25", "late"),
        ("session_date", "2026-11-20", "2026-11-27", "stale"),
    ],
)
def test_a_week_month_or_quarter_is_current_until_the_next_one_is_over(
    column: str, period: str, today: str, state: str
) -> None:
    con = duckdb.connect()
    con.execute(
        f"""
        create schema marts; create schema meta;
        create table meta.freshness as select '' as series_id, '' as state, 0::bigint as age_days,
            timestamp '{today} 23:00' as checked_at;
        create table marts.sessions as select day::date as session_date, day + interval 21 hour as close_at
            from range(timestamp '2026-06-01', timestamp '2027-03-01', interval 1 day) as days(day)
            where isodow(day) < 6;
        create table marts.long as
            select date '{period}' as {column}, 27.9::double as cape, timestamp '2026-12-01' as known_at;
        """
    )
    columns = {column: {}, "known_at": {}, "cape": {"readings": [{"label": "CAPE", "order": 1, "unit": "ratio"}]}}
    shown_in(con, presentation_of([MartMeta("long", columns)]))
    (found,) = readings(con) or []
    assert (found.value, found.state) == (27.9, state)


REPORT = {
    "label": "Asset managers, net",
    "order": 1,
    "unit": "% of OI",
    "decimals": 1,
    "dates": ["report_date"],
    "current_days": 10,
}


@pytest.mark.parametrize(
    ("checked", "state"),
    [
        ("2026-04-03 22:00", "fresh"),  # the Friday on which the next report is due
        ("2026-04-05 22:00", "fresh"),
        ("2026-04-06 22:00", "late"),  # the third day of the table of sessions after it
        ("2026-04-08 22:00", "stale"),
    ],
)
def test_a_report_that_every_session_shows_has_its_own_date_and_the_report_before_it(checked: str, state: str):
    con = published([], [])
    columns = {"session_date": {}, "report_date": {}, "known_at": {}, "net_oi_pct": {"readings": [REPORT]}}
    con.execute("drop table meta.readings; drop table meta.charts; drop table meta.keys")
    shown_in(con, presentation_of([MartMeta("positions_daily", columns)]))
    con.execute("update meta.freshness set checked_at = ?", [checked])
    con.execute(
        """
        create table marts.positions_daily as
        select session_date, report_date, known_at, net_oi_pct
        from marts.sessions
        asof join (values
            (date '2026-03-17', 20.0, timestamp '2026-03-20 20:30'),
            (date '2026-03-24', 26.0, timestamp '2026-03-27 20:30')
        ) as reports (report_date, net_oi_pct, known_at) on session_date >= known_at::date
        """
    )
    (found,) = readings(con) or []
    assert (found.value, found.obs_date, found.before, found.state) == (26.0, date(2026, 3, 24), 20.0, state)
    assert found.known_at == datetime(2026, 3, 27, 20, 30)


def test_the_age_is_that_of_the_date_beside_it():
    """Of an observation too, whose freshness counts a month from its last day."""
    con = published([], [])
    observed = {"label": "Card rate", "order": 1, "unit": "%", "observation": "card_rate"}
    columns = {"month_date": {}, "known_at": {}, "card_rate_pct": {"readings": [observed]}}
    con.execute("drop table meta.readings; drop table meta.charts; drop table meta.keys")
    shown_in(con, presentation_of([MartMeta("cards_monthly", columns)]))
    con.execute("insert into meta.freshness values ('card_rate', 'fresh', 33, 'fred', '2026-02-01', ?)", [TODAY])
    con.execute(
        "create table marts.observations_latest as select 'card_rate' as series_id, date '2026-01-01' as period_date,"
        " 19.0 as value"
    )
    con.execute(
        "insert into marts.observations values"
        " ('card_rate', 'fred', 1, date '2026-02-01', 20.0, 'pct', timestamp '2026-03-07', timestamp '2026-03-07', '')"
    )
    (found,) = readings(con) or []
    assert (found.obs_date, found.before, found.state) == (date(2026, 2, 1), 19.0, "fresh")
    assert found.age_days == (TODAY.date() - date(2026, 2, 1)).days
