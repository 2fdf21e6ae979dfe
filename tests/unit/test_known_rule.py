"""The fast as-of SQL of int_known against the rule written out plainly."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import cache

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.models import model_sql

DAY = date(2026, 1, 26)  # a Monday

# Per provider and period the newest vintage; no NULL ones, unless publishers differ; the greatest period; the first
# provider; then its age.
PLAIN_RULE = """
with newest as (
    select s.session_date, o.*
    from sessions as s
    join observations as o on o.known_at <= s.cutoff_at and o.period_date <= s.session_date
    qualify row_number() over (
        partition by s.session_date, o.series_id, o.provider, o.period_date
        order by o.known_at desc, o.loaded_at desc, o.payload_sha256 desc
    ) = 1
),
chosen as (
    select * from newest
    where value is not null or is_disputed
    qualify row_number() over (partition by session_date, series_id order by period_date desc, provider_rank) = 1
)
select c.session_date, c.series_id,
    case when c.session_date - c.period_date <= p.stale_limit_days then c.value end as value,
    c.period_date as obs_date, c.known_at, c.provider,
    case
        when c.session_date - c.period_date > p.stale_limit_days then 'stale' when c.is_disputed then 'disputed'
    end as reason
from chosen as c join providers as p using (series_id, provider)
order by all
"""


@cache
def known_sql() -> str:
    """Return the model's select over tables of these names; every cut-off has passed."""
    relations = {"int_agreed": "observations", "sessions": "sessions", "series": "series", "providers": "providers"}
    return model_sql("int_known", relations, "timestamp '2100-01-01'")


@pytest.fixture(scope="module")
def con() -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    con.execute(
        """
        create table sessions (session_seq bigint, session_date date, cutoff_at timestamp);
        create table observations (series_id varchar, provider varchar, provider_rank bigint, period_date date,
            value double, unit varchar, known_at timestamp, known_basis varchar, loaded_at timestamp,
            payload_sha256 varchar, is_disputed boolean);
        create table series (series_id varchar, frequency varchar, stale_limit_long_holiday_days bigint);
        create table providers (series_id varchar, provider varchar, stale_limit_days bigint);
        insert into series values ('x', 'daily', null), ('y', 'daily', null);
        insert into providers values ('x', 'first', 4), ('x', 'second', 6), ('y', 'first', 4), ('y', 'second', 6);
        """
    )
    return con


def fill(con: duckdb.DuckDBPyConnection, sessions: list[date], rows: list[tuple]) -> None:
    """Sessions get a cut-off at 14:15 the next day; rows are (series, provider, period, value, known_at).

    A value of 0 stands for a period in dispute: it has none.
    """
    con.execute("delete from sessions; delete from observations")
    cutoffs = [datetime(day.year, day.month, day.day, 14, 15) + timedelta(days=1) for day in sessions]
    _insert(con, "sessions", "(?, ?, ?)", [(n, *one) for n, one in enumerate(zip(sessions, cutoffs, strict=True), 1)])
    _insert(
        con,
        "observations",
        "(?, ?, ?, ?, nullif(?, 0), 'pct', ?, 'captured', ?, ?, ?)",
        [
            (series, provider, 1 + (provider == "second"), period, value, known_at, *_landed(n), value == 0)
            for n, (series, provider, period, value, known_at) in enumerate(rows)
        ],
    )


def _landed(n: int) -> tuple[datetime, str]:
    """The first rows landed last, three at a time: of those that landed together the payload decides."""
    return datetime(2026, 3, 1, 0, 59 - (n + 2) // 3), f"{7 * n % 24:02}"


def _insert(con: duckdb.DuckDBPyConnection, table: str, places: str, rows: list[tuple]) -> None:
    if rows:
        values = [value for row in rows for value in row]
        con.execute(f"insert into {table} values {', '.join([places] * len(rows))}", values)


def known(con: duckdb.DuckDBPyConnection) -> list[tuple]:
    columns = "session_date, series_id, value, obs_date, known_at, provider, reason"
    return con.execute(f"select {columns} from ({known_sql()}) order by all").fetchall()


ROW = st.tuples(
    st.sampled_from(["x", "y"]),
    st.sampled_from(["first", "second"]),
    st.integers(-3, 9).map(lambda n: DAY + timedelta(days=n)),
    st.none() | st.integers(1, 999).map(float) | st.just(0.0),
    st.integers(-4, 26).map(lambda n: datetime(2026, 1, 26) + timedelta(hours=12 * n)),
)


@settings(max_examples=250, deadline=None)
@given(
    rows=st.lists(ROW, max_size=24),
    days=st.lists(st.integers(0, 13), min_size=1, max_size=9, unique=True).map(sorted),
)
def test_fast_sql_keeps_the_rule(con: duckdb.DuckDBPyConnection, rows: list[tuple], days: list[int]) -> None:
    fill(con, [DAY + timedelta(days=n) for n in days], rows)
    assert known(con) == con.execute(PLAIN_RULE).fetchall()


def test_an_older_period_revised_late_does_not_come_back(con: duckdb.DuckDBPyConnection) -> None:
    """Three rows: an ASOF join on known_at returns the revised 01-28 value."""
    fill(
        con,
        [date(2026, 2, 5)],
        [
            ("x", "first", date(2026, 1, 28), 6587.568, datetime(2026, 1, 29, 21, 30)),
            ("x", "first", date(2026, 2, 4), 6605.909, datetime(2026, 2, 5, 21, 30)),
            ("x", "first", date(2026, 1, 28), 6587.570, datetime(2026, 2, 5, 22, 0)),
        ],
    )
    assert [(row[2], row[3]) for row in known(con)] == [(6605.909, date(2026, 2, 4))]


def test_a_withdrawn_period_shows_the_one_before_it_and_then_the_other_provider(con: duckdb.DuckDBPyConnection) -> None:
    sessions = [DAY + timedelta(days=n) for n in range(4)]
    fill(
        con,
        sessions,
        [
            ("x", "first", DAY - timedelta(days=1), 1.0, datetime(2026, 1, 26)),
            ("x", "first", DAY, 2.0, datetime(2026, 1, 27)),
            ("x", "first", DAY, None, datetime(2026, 1, 28)),  # withdrawn: the day before is visible again
            ("x", "second", DAY, 2.5, datetime(2026, 1, 29)),  # the other provider has it
            ("x", "first", DAY, 2.2, datetime(2026, 1, 30)),  # and the first one prints it again
        ],
    )
    assert [(row[2], row[5]) for row in known(con)] == [
        (2.0, "first"),
        (1.0, "first"),
        (2.5, "second"),
        (2.2, "first"),
    ]


def test_of_two_vintages_of_one_moment_the_later_landed_counts(con: duckdb.DuckDBPyConnection) -> None:
    moment = datetime(2026, 1, 27)
    fill(con, [DAY], [("x", "first", DAY, 2.0, moment), ("x", "first", DAY, 1.0, moment)])
    assert [row[2] for row in known(con)] == [2.0]
    con.execute("update observations set loaded_at = timestamp '2026-03-01', payload_sha256 = value::varchar")
    assert [row[2] for row in known(con)] == [2.0], "and of two that landed together the greater hash"
    con.execute("update observations set payload_sha256 = (9 - value)::varchar")
    assert [row[2] for row in known(con)] == [1.0]


def test_a_value_past_its_limit_is_null_and_says_when_it_was(con: duckdb.DuckDBPyConnection) -> None:
    fill(con, [DAY + timedelta(days=4), DAY + timedelta(days=5)], [("x", "first", DAY, 7.0, datetime(2026, 1, 27))])
    assert [(row[2], row[3], row[6]) for row in known(con)] == [(7.0, DAY, None), (None, DAY, "stale")]


def test_tokyo_gets_longer_over_new_year(con: duckdb.DuckDBPyConnection) -> None:
    con.execute("update series set stale_limit_long_holiday_days = 10 where series_id = 'y'")
    try:
        fill(
            con,
            [date(2026, 1, 9), date(2026, 1, 12)],
            [(series, "first", date(2025, 12, 30), 1.0, datetime(2025, 12, 31)) for series in ("x", "y")],
        )
        assert [(row[1], row[2]) for row in known(con)] == [("x", None), ("y", 1.0), ("x", None), ("y", None)]
    finally:
        con.execute("update series set stale_limit_long_holiday_days = null")


def test_a_period_in_dispute_has_no_value_and_nothing_older_stands_in(con: duckdb.DuckDBPyConnection) -> None:
    fill(
        con,
        [DAY + timedelta(days=n) for n in range(4)],
        [
            ("x", "first", DAY - timedelta(days=3), 7.0, datetime(2026, 1, 24)),
            ("x", "first", DAY, 8.0, datetime(2026, 1, 27)),
            ("x", "first", DAY, 0.0, datetime(2026, 1, 28)),  # the other one prints something else
            ("x", "second", DAY, 0.0, datetime(2026, 1, 28)),
            ("x", "first", DAY, None, datetime(2026, 1, 29)),  # and is believed
            ("x", "second", DAY, 9.0, datetime(2026, 1, 29)),
            ("x", "first", DAY + timedelta(days=3), 5.0, datetime(2026, 1, 29, 12)),
        ],
    )
    told = [(row[2], row[3], row[5], row[6]) for row in known(con)]
    assert told == [
        (8.0, DAY, "first", None),
        (None, DAY, "first", "disputed"),
        (9.0, DAY, "second", None),
        (5.0, DAY + timedelta(days=3), "first", None),
    ]
