"""What counts as evidence for a figure that was said."""

from __future__ import annotations

from datetime import datetime

import duckdb
import pytest

from analytics.claims.facts import evidence_sql, facts, verdict_of

MOMENT = datetime(2026, 2, 7, 14)


@pytest.fixture
def con():
    with duckdb.connect() as con:
        con.execute(
            """
            create schema marts;
            create table marts.observations as select * from (values
                ('close', date '2026-02-02', 100.0, 1, timestamp '2026-02-03'),
                ('close', date '2026-02-03', null, 1, timestamp '2026-02-04'),
                ('close', date '2026-02-04', 101.0, 1, timestamp '2026-02-05'),
                ('close', date '2026-02-05', 102.0, 1, timestamp '2026-02-06'),
                ('close', date '2026-02-05', 999.0, 1, timestamp '2026-02-08')
            ) as t(series_id, period_date, value, provider_rank, known_at);
            alter table marts.observations add column loaded_at timestamp;
            alter table marts.observations add column payload_sha256 varchar;
            update marts.observations set loaded_at = known_at;
            create table marts.disagreements as select 'close' as series_id, date '2026-02-02' as period_date,
                true as is_disputed, timestamp '2026-02-09' as known_at
            """
        )
        yield con


def rows(con: duckdb.DuckDBPyConnection, moment: datetime) -> list[tuple]:
    query = "select strftime(period_date, '%d'), value from newest where series_id = 'close' order by 1"
    return con.execute(evidence_sql(query, moment)).fetchall()


def test_a_day_without_a_value_is_no_session_and_what_came_later_was_not_known(con):
    assert rows(con, MOMENT) == [("02", 100.0), ("04", 101.0), ("05", 102.0)]


def test_what_providers_dispute_is_no_evidence(con):
    assert rows(con, datetime(2026, 2, 10)) == [("04", 101.0), ("05", 999.0)]


@pytest.mark.parametrize(
    ("then", "now", "verdict", "basis"),
    [
        (6932.3, 6932.3, "confirmed", "data"),
        (6900.0, 6932.0, "refuted", "data"),  # what was known when it was said counts
        (None, 6900.0, "refuted", "data"),
        (6900.0, None, "confirmed", "public_record"),  # disputed since
        (None, None, "confirmed", "public_record"),
    ],
)
def test_a_verdict_rests_on_what_was_known_then_as_long_as_it_is_undisputed(then, now, verdict, basis):
    fact = next(one for one in facts() if one.id == "spx_2026_02_06")
    assert verdict_of(fact, then, now, is_simulated=False) == (verdict, basis)
    assert verdict_of(fact, then, now, is_simulated=True) == ("confirmed", "public_record")
