"""The central banks' weeks: what was known of each series at a moment, against the rule written out plainly."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import cache

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.models import model_sql

WEEK = date(2020, 12, 23)
MOMENT = datetime(2020, 12, 28, 21, 30)
LIMIT_DAYS = 14

# Per provider and period the newest vintage; no NULL ones, unless publishers differ; the greatest period; the first
# provider; then its age.
PLAIN_RULE = f"""
with weeks as (
    select period_date as week_date, min(known_at) as known_at from agreed
    where series_id = 'fed_total_assets' group by 1
),
newest as (
    select w.week_date, o.*
    from weeks as w
    join agreed as o on o.series_id = 'usdjpy' and o.known_at <= w.known_at
    qualify row_number() over (
        partition by w.week_date, o.provider_rank, o.period_date
        order by o.known_at desc, o.loaded_at desc, o.payload_sha256 desc
    ) = 1
),
chosen as (
    select * from newest
    where value is not null or is_disputed
    qualify row_number() over (partition by week_date order by period_date desc, provider_rank) = 1
)
select
    w.week_date,
    case when w.week_date - c.period_date <= {LIMIT_DAYS} then c.value end as value,
    c.period_date
from weeks as w left join chosen as c using (week_date)
order by 1
"""

Print = tuple[date, int, float | None, datetime]
"""Day, rank of the provider, value (NULL: withdrawn or blank; 0: in dispute), moment."""


@cache
def weekly_sql() -> str:
    return model_sql("global_liquidity_weekly", {"int_agreed": "agreed"})


@pytest.fixture(scope="module")
def con() -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    con.execute(
        """
        create table agreed (series_id varchar, period_date date, provider_rank bigint, value double,
            known_at timestamp, loaded_at timestamp, payload_sha256 varchar, is_disputed boolean)
        """
    )
    return con


def fill(con: duckdb.DuckDBPyConnection, prints: list[Print], weeks: dict[date, datetime]) -> None:
    con.execute("delete from agreed")
    for week, moment in weeks.items():
        con.execute(
            "insert into agreed values ('fed_total_assets', ?, 1, 7404.0, ?, ?, 'a', false)", [week, moment, moment]
        )
    for n, (day, rank, value, moment) in enumerate(prints):
        con.execute(
            "insert into agreed values ('usdjpy', ?, ?, nullif(?, 0), ?, ?, ?, ?)",
            [day, rank, value, moment, datetime(2021, 3, 1, 0, 59 - n // 3), f"{7 * n % 24:02}", value == 0],
        )


def told(con: duckdb.DuckDBPyConnection) -> tuple[float | None, date | None, str | None]:
    """Return the rate of the one week, its day, and what the row says is missing of it."""
    rate, day, text = con.execute(
        f"select boj_usdjpy_rate, boj_usdjpy_obs_date, missing_text from ({weekly_sql()})"
    ).fetchone()
    missing = [part for part in text.split("; ") if part.startswith("usdjpy: ")]
    return rate, day, missing[0].removeprefix("usdjpy: ") if missing else None


YAHOO: list[Print] = [
    (date(2020, 12, 23), 1, 103.5, datetime(2020, 12, 23, 22, 5)),
    (date(2020, 12, 24), 1, 103.552, datetime(2020, 12, 24, 22, 5)),
]
H10_AT = datetime(2020, 12, 28, 21, 15)  # a quarter of an hour before the H.4.1, late for Christmas


@pytest.mark.parametrize("second", [None, 103.62])
def test_the_second_provider_replaces_nothing_of_the_first(con: duckdb.DuckDBPyConnection, second: float | None):
    """H.10 is blank on 12-24, and would not count if it were not."""
    h10: list[Print] = [(date(2020, 12, 23), 2, 103.52, H10_AT), (date(2020, 12, 24), 2, second, H10_AT)]
    fill(con, YAHOO + h10, {WEEK: MOMENT})
    assert told(con) == (103.552, date(2020, 12, 24), None)


def test_a_withdrawn_day_leaves_the_second_provider_and_then_the_day_before(con: duckdb.DuckDBPyConnection):
    gone: Print = (date(2020, 12, 24), 1, None, datetime(2020, 12, 26))
    fill(con, [*YAHOO, gone, (date(2020, 12, 24), 2, 103.62, H10_AT)], {WEEK: MOMENT})
    assert told(con) == (103.62, date(2020, 12, 24), None)
    fill(con, [*YAHOO, gone], {WEEK: MOMENT})
    assert told(con) == (103.5, date(2020, 12, 23), None)
    fill(con, [*YAHOO, gone], {WEEK: datetime(2020, 12, 25)})
    assert told(con) == (103.552, date(2020, 12, 24), None), "what is withdrawn later was known until then"


def test_why_there_is_no_rate(con: duckdb.DuckDBPyConnection):
    fill(con, [], {WEEK: MOMENT})
    assert told(con) == (None, None, "never any")
    old: Print = (date(2020, 12, 1), 1, 104.3, datetime(2020, 12, 1, 22, 5))
    fill(con, [old], {WEEK: MOMENT})
    assert told(con) == (None, date(2020, 12, 1), "none since 2020-12-01")
    withdrawn: list[Print] = [(day, rank, None, datetime(2020, 12, 26)) for day, rank, _, _ in YAHOO]
    fill(con, [old, *YAHOO, *withdrawn], {WEEK: MOMENT})
    assert told(con) == (None, date(2020, 12, 1), "withdrawn for 2020-12-24, none since 2020-12-01")
    fill(con, [*YAHOO, *withdrawn], {WEEK: MOMENT})
    assert told(con) == (None, None, "withdrawn for 2020-12-24")
    fill(con, [*YAHOO, (date(2020, 12, 24), 1, 0.0, datetime(2020, 12, 26))], {WEEK: MOMENT})
    assert told(con) == (None, date(2020, 12, 24), "in dispute on 2020-12-24")


PRINT = st.tuples(
    st.integers(-30, 5).map(lambda n: WEEK + timedelta(days=n)),
    st.integers(1, 2),
    st.none() | st.integers(1, 999).map(float) | st.just(0.0),
    st.integers(-8, 20).map(lambda n: datetime(2020, 12, 23) + timedelta(hours=12 * n)),
)


@settings(max_examples=80, deadline=None)
@given(prints=st.lists(PRINT, max_size=24), at=st.lists(st.integers(-4, 24), min_size=2, max_size=2))
def test_the_weeks_keep_the_rule(con: duckdb.DuckDBPyConnection, prints: list[Print], at: list[int]) -> None:
    begin = datetime(2020, 12, 23, 6)
    weeks = [WEEK - timedelta(days=7), WEEK]
    fill(con, prints, {week: begin + timedelta(hours=12 * n) for week, n in zip(weeks, at, strict=True)})
    columns = "week_date, boj_usdjpy_rate, boj_usdjpy_obs_date"
    assert (
        con.execute(f"select {columns} from ({weekly_sql()}) order by 1").fetchall()
        == con.execute(PLAIN_RULE).fetchall()
    )
