"""The SQL of disagreements and int_agreed: what is served where publishers differ, without what came later."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.models import model_sql

FRIDAY = date(2026, 2, 6)
BEGIN = datetime(2026, 2, 7, 2)
RANKS = {"cboe": 1, "fred": 2, "third": 3, "user_file": 4}

Print = tuple[str, float | None, int]
"""Provider, value (NULL: taken back), hours after BEGIN."""


RELATIONS = {"int_observations": "observations", "disagreements": "disagreements", "tolerances": "tolerances"}
DISAGREEMENTS = model_sql("disagreements", RELATIONS)


@pytest.fixture(scope="module")
def con() -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    con.execute(
        """
        create table observations (series_id varchar, provider varchar, provider_rank bigint, period_date date,
            value double, unit varchar, known_at timestamp, known_basis varchar, loaded_at timestamp,
            payload_sha256 varchar, licence varchar);
        create table tolerances (series_id varchar, agree_within double, agree_within_ratio double);
        insert into tolerances values ('vix_close', 0.011, null);
        """
    )
    return con


def fill(con: duckdb.DuckDBPyConnection, prints: Iterable[Print]) -> None:
    con.execute("delete from observations")
    for at_row, (provider, value, hours) in enumerate(prints):
        con.execute(
            "insert into observations values ('vix_close', ?, ?, ?, ?, 'index', ?, 'captured', ?, 'sha', 'public')",
            [
                provider,
                RANKS[provider],
                FRIDAY,
                value,
                BEGIN + timedelta(hours=hours),
                datetime(2026, 3, 1) + timedelta(seconds=at_row),
            ],
        )
    con.execute(f"create or replace table disagreements as {DISAGREEMENTS}")


def read(con: duckdb.DuckDBPyConnection, hours: int) -> tuple[float | None, str] | None:
    """Return the value and its provider so many hours after BEGIN, as every as-of reader finds it."""
    moment = BEGIN + timedelta(hours=hours)
    agreed = f"(select * from ({model_sql('int_agreed', RELATIONS)}) where known_at <= timestamp '{moment}')"
    sql = model_sql("int_observations_latest", {"int_agreed": agreed})
    return con.execute(f"select value, provider from ({sql})").fetchone()


def test_a_history_loaded_late_shows_what_the_other_came_to_print_later(con):
    fill(con, [("fred", 24.0, 0), ("fred", 15.2, 90), ("third", 15.2, 1)])
    con.execute("update observations set known_basis = if(provider = 'fred', 'vintage', 'latest_only')")
    con.execute(f"create or replace table disagreements as {DISAGREEMENTS}")
    assert read(con, 2) == (24.0, "fred")
    assert read(con, 91) == (15.2, "fred")
    # one that nobody ever printed is a difference
    con.execute("update observations set value = 19.0 where provider = 'third'")
    con.execute(f"create or replace table disagreements as {DISAGREEMENTS}")
    assert read(con, 2)[0] is None
    assert read(con, 91)[0] is None


def test_two_that_differ_leave_no_value_from_the_second_on(con):
    fill(con, [("cboe", 20.37, 0), ("fred", 17.76, 30)])
    assert read(con, -1) is None
    assert read(con, 29) == (20.37, "cboe")
    assert read(con, 30) == (None, "cboe")
    assert con.execute("select count(*) from observations").fetchone() == (2,), "both prints are kept"


def test_a_correction_ends_it_and_a_third_breaks_it(con):
    fill(con, [("cboe", 20.37, 0), ("fred", 17.76, 30), ("fred", 20.37, 50)])
    assert [read(con, hours) for hours in (49, 50)] == [(None, "cboe"), (20.37, "cboe")]
    fill(con, [("cboe", 20.37, 0), ("fred", 17.76, 30), ("third", 17.76, 50)])
    assert [read(con, hours) for hours in (49, 50)] == [(None, "cboe"), (17.76, "fred")]
    fill(con, [("cboe", 20.37, 0), ("fred", 17.76, 30), ("third", 19.0, 50)])
    assert read(con, 50) == (None, "cboe")


def test_two_against_two_decide_nothing(con):
    fill(con, [("cboe", 20.0, 0), ("fred", 17.0, 1), ("third", 17.0, 2), ("user_file", 20.0, 3)])
    assert [read(con, hours) for hours in (1, 2, 3)] == [(None, "cboe"), (17.0, "fred"), (None, "cboe")]


def test_a_users_file_makes_no_dispute(con):
    fill(con, [("cboe", 20.0, 0), ("user_file", 3.0, 1)])
    assert read(con, 1) == (20.0, "cboe")
    assert con.execute("select count(*) from disagreements").fetchone() == (0,)


def test_a_print_that_is_taken_back_has_no_say(con):
    fill(con, [("cboe", 20.0, 0), ("fred", 17.0, 1), ("cboe", None, 2), ("cboe", 17.005, 3)])
    assert [read(con, hours) for hours in (1, 2, 3)] == [(None, "cboe"), (17.0, "fred"), (17.005, "cboe")]


def test_of_prints_of_one_moment_the_later_landed_counts_and_then_the_greater_hash(con):
    fill(con, [("cboe", 1.0, 0), ("cboe", 2.0, 0)])
    assert read(con, 0) == (2.0, "cboe")
    con.execute("update observations set loaded_at = timestamp '2026-03-01', payload_sha256 = (9 - value)::varchar")
    assert read(con, 0) == (1.0, "cboe")
    fill(con, [("fred", 5.0, 0), ("cboe", 1.0, 0), ("cboe", 2.0, 0)])
    con.execute("update observations set loaded_at = timestamp '2026-03-01', payload_sha256 = (9 - value)::varchar")
    con.execute(f"create or replace table disagreements as {DISAGREEMENTS}")
    printed = "select printed_number from disagreements where provider = 'cboe'"
    assert con.execute(printed).fetchall() == [(1.0,)], "in a period on which publishers differ, too"


PRINT = st.tuples(
    st.sampled_from(sorted(RANKS)), st.none() | st.sampled_from([17.0, 17.01, 17.02, 20.0]), st.integers(0, 6)
)


@settings(max_examples=20, deadline=None)
@given(prints=st.lists(PRINT, min_size=2, max_size=9), hours=st.integers(0, 6))
def test_what_came_later_changes_nothing(con, prints, hours):
    fill(con, prints)
    whole = read(con, hours)
    # of several prints of one provider and moment the later landed counts, so their order stays
    fill(con, [one if one[2] <= hours else (one[0], one[1], 99) for one in prints])
    con.execute("delete from observations where known_at > ?", [BEGIN + timedelta(hours=50)])
    con.execute(f"create or replace table disagreements as {DISAGREEMENTS}")
    assert read(con, hours) == whole


@settings(max_examples=20, deadline=None)
@given(prints=st.lists(PRINT, min_size=2, max_size=9))
def test_what_is_served_is_what_the_rule_says(con, prints):
    """The rule written out plainly, over what each provider prints at the end."""
    fill(con, prints)
    newest: dict[str, float | None] = {}
    for provider, value, _ in sorted(prints, key=lambda one: one[2]):
        newest[provider] = value
    told = {name: value for name, value in newest.items() if value is not None}
    publishers = [value for name, value in told.items() if name != "user_file"]
    voices = {name: sum(abs(value - other) <= 0.011 for other in told.values()) for name, value in told.items()}
    if not told:
        expected = None
    elif not publishers or max(publishers) - min(publishers) <= 0.011:
        first = min(told, key=RANKS.__getitem__)
        expected = (told[first], first)
    else:
        believed = [
            name
            for name, value in told.items()
            if voices[name] > 1
            and all(voices[name] > voices[other] for other in told if abs(told[other] - value) > 0.011)
        ]
        first = min(believed or told, key=RANKS.__getitem__)
        expected = (told[first] if believed else None, first)
    assert read(con, 6) == expected
