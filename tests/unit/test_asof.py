"""Moments as people write them, and how a mart is read at one."""

from __future__ import annotations

from datetime import UTC, datetime

import duckdb
import pytest

from warehouse.asof import AsOf, as_of_queries, clock_of, moment_of
from warehouse.published_table import PublishedTable


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2023-03-10 09:15 America/New_York", datetime(2023, 3, 10, 14, 15)),
        ("2023-03-10 09:15", datetime(2023, 3, 10, 14, 15)),  # New York where nothing is said
        ("2023-07-10 09:15", datetime(2023, 7, 10, 13, 15)),
        ("2023-03-10", datetime(2023, 3, 10, 5, 0)),
        ("2023-03-10T14:15Z", datetime(2023, 3, 10, 14, 15)),
        ("2023-03-10 09:15:30-05:00", datetime(2023, 3, 10, 14, 15, 30)),
        ("2023-03-10 14:15 UTC", datetime(2023, 3, 10, 14, 15)),
        ("2023-03-10 23:15 Asia/Tokyo", datetime(2023, 3, 10, 14, 15)),
        ("2023-11-05 01:30", datetime(2023, 11, 5, 5, 30)),  # twice that night: the first
    ],
)
def test_moments(text: str, moment: datetime):
    assert moment_of(text) == moment.replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("2023-03-12 02:30", "does not exist"),
        ("2023-03-10 09:15 Mars", "no time zone"),
        ("2023-03-10 09:15 America", "no time zone"),
        ("yesterday", "is no moment"),
        ("", "is no moment"),
    ],
)
def test_what_is_no_moment(text: str, why: str):
    with pytest.raises(ValueError, match=why):
        moment_of(text)


def table(name: str, *columns: str) -> PublishedTable:
    return PublishedTable("marts", name, "A mart.", tuple((column, "timestamp", "C.") for column in columns))


def test_the_clock_of_stored_rows():
    assert clock_of(table("regime_daily", "session_date", "known_at", "cutoff_at")) == "cutoff_at"
    assert clock_of(table("breadth_daily", "known_at", "settled_at")) == "settled_at"
    assert clock_of(table("prices_daily", "known_at")) == "known_at"
    assert clock_of(table("outcomes", "session_date")) is None


def test_computed_marts_come_last_and_in_the_order_of_their_texts():
    with duckdb.connect() as con:
        con.execute("create schema intermediate")
        con.execute(
            "create table intermediate.int_as_of as from (values (1, 'b', 'select 1'), (2, 'a', 'select 2'), "
            "(3, 'not_built', 'select 3')) as t (position, mart, select_text)"
        )
        found = as_of_queries(con, [table("a", "known_at"), table("b"), table("z", "known_at"), table("knowledge")])
    assert [query.mart for query in found] == ["z", "b", "a"]


@pytest.mark.parametrize(
    ("moment", "count"),
    [
        ("timestamp '2026-03-02 12:00:00'", 1),
        ("'2026-03-02 12:00:00'", 1),
        ("date '2026-03-03'", 2),
        ("timestamptz '2026-03-02 20:00:00-05'", 2),
        ("timestamptz '2026-03-02 20:00:00-03'", 1),
        ("null", 0),
    ],
)
@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/New_York"])
def test_moments_in_sql_are_utc_and_zoned_ones_are_instants(moment: str, count: int, zone: str):
    select = as_of_queries(duckdb.connect(), [table("m", "known_at")])[0].select
    with duckdb.connect() as con:
        con.execute(f"set timezone = '{zone}'")
        con.execute("create schema marts; create schema meta; create table meta.build as select 'x' as build_id")
        con.execute(
            "create table marts.m as select unnest([timestamp '2026-03-02', timestamp '2026-03-03']) as known_at"
        )
        for statement in AsOf("m", select, "How.", (("known_at", "C."),)).statements("x"):
            con.execute(statement)
        assert con.execute(f"select count(*) from marts.m_as_of({moment})").fetchone() == (count,)
        if moment != "null":
            con.execute(f"set variable as_of = {moment}")
            assert con.execute("select count(*) from marts.m_at").fetchone() == (count,)
        con.execute("reset variable as_of")
        assert con.execute("select count(*) from marts.m_at").fetchone() == (2,)
