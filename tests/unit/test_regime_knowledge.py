"""The replay in Python against int_known in SQL and the cases that it has to tell apart."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import duckdb
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.regimes.knowledge import Replay
from analytics.regimes.spine import Limits, Spine
from analytics.regimes.vintages import DISPUTED, VINTAGES_SCHEMA
from tests.unit import regime_world as world
from tests.unit.test_known_rule import DAY, ROW, con, fill, known, known_sql  # noqa: F401  # `con` is a fixture

LIMITS = {name: Limits("daily", {"first": 4, "second": 6}, None) for name in ("x", "y")}


def replay_of(con: duckdb.DuckDBPyConnection, limits: dict[str, Limits] = LIMITS) -> Replay:  # noqa: F811
    sessions = con.execute("select session_date, cutoff_at, cutoff_at as close_cutoff_at from sessions").pl()
    columns = ", ".join((*VINTAGES_SCHEMA, DISPUTED))
    return Replay(con.execute(f"select {columns} from observations").pl(), Spine.of(sessions), limits)


def told(replay: Replay) -> list[tuple]:
    found = []
    for position, day in enumerate(replay.spine.dates):
        replay.advance(replay.spine.cutoffs[position])
        for series_id in replay.series_ids:
            one = replay[series_id].last(position)
            if one is not None:
                value = None if one.reason else one.value
                found.append((day, series_id, value, one.obs_date, one.known_at, one.provider, one.reason))
    return sorted(found, key=str)


@settings(max_examples=250, deadline=None)
@given(
    rows=st.lists(ROW, max_size=24),
    days=st.lists(st.integers(0, 13), min_size=1, max_size=9, unique=True).map(sorted),
)
def test_the_replay_says_what_the_macro_says(con, rows, days):  # noqa: F811
    fill(con, [DAY + timedelta(days=n) for n in days], rows)
    assert told(replay_of(con)) == sorted(known(con), key=str)


def test_many_vintages_at_once_are_those_one_by_one(monkeypatch: pytest.MonkeyPatch):
    spine, limits = world.reference()
    position = spine.dates.index(date(2020, 3, 16))
    slow, quick = Replay(world.vintages(), spine, limits), Replay(world.vintages(), spine, limits)
    quick.advance(spine.cutoffs[position])
    monkeypatch.setattr("analytics.regimes.knowledge._MANY", 10**9)
    slow.advance(spine.cutoffs[position])
    for series_id in quick.series_ids:
        assert quick[series_id].last(position) == slow[series_id].last(position)
        assert np.array_equal(quick[series_id].grid, slow[series_id].grid, equal_nan=True)


def test_all_series_and_sessions_of_the_simulated_economy_are_those_of_the_macro():
    spine, limits = world.reference()
    build = world.world()
    build.execute(
        "create table sessions as select * from calendar.sessions"
        " where session_date between '2017-06-01' and '2020-06-26'"
    )
    build.execute(
        "create table observations as select o.*, s.unit from intermediate.int_observations o"
        " join catalog.series s using (series_id)"
    )
    sql = (
        known_sql()
        .replace("join series as", "join catalog.series as")
        .replace("join providers as", "join catalog.providers as")
    )
    columns = "session_date, series_id, value, obs_date, known_at, known_basis, provider, reason"
    expected = {row[:2]: row[2:] for row in build.execute(f"select {columns} from ({sql})").fetchall()}
    replay, compared = Replay(world.vintages(), spine, limits), 0
    for position in range(spine.position(date(2017, 6, 1)), spine.position(date(2020, 6, 26)) + 1):
        replay.advance(spine.close_cutoffs[position])
        replay.advance(spine.cutoffs[position])
        for series_id in replay.series_ids:
            found = replay[series_id].last(position)
            told_of = expected.get((spine.dates[position], series_id))
            if found is None:
                assert told_of is None
                continue
            compared += 1
            stale = (None, "stale") if found.is_stale else (found.value, None)
            assert told_of == (stale[0], found.obs_date, found.known_at, found.known_basis, found.provider, stale[1])
    assert compared == len(expected) > 14_000


def test_an_older_period_revised_late_does_not_come_back():
    """Three rows. Nor does its revision stay out of a window that reaches back to it."""
    rows = world.of_rows(
        world.Row("fed_total_assets", "2026-01-28", 6587.568, "2026-01-29 21:30"),
        world.Row("fed_total_assets", "2026-02-04", 6605.909, "2026-02-05 21:30"),
        world.Row("fed_total_assets", "2026-01-28", 6587.570, "2026-02-05 22:00"),
    )
    day = date(2026, 2, 5)
    spine = Spine.of(
        pl.DataFrame(
            {
                "session_date": [day],
                "cutoff_at": [datetime(2026, 2, 6, 14, 15)],
                "close_cutoff_at": [datetime(2026, 2, 5, 21, 15)],
            }
        )
    )
    replay = Replay(rows, spine, world.reference()[1])
    replay.advance(spine.close_cutoffs[0])
    assert replay["fed_total_assets"].last(0)[:2] == (6587.568, date(2026, 1, 28))
    replay.advance(spine.cutoffs[0])
    assert replay["fed_total_assets"].last(0)[:2] == (6605.909, date(2026, 2, 4))
    assert replay["fed_total_assets"].value_on(date(2026, 1, 28)) == 6587.570


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_of_vintages_of_one_moment_the_last_landed_counts_and_then_the_greater_payload(order):
    """As warehouse/latest.py: by known_at, loaded_at, payload_sha256, whatever order the rows come in."""
    row = world.of_rows(world.Row("vix_close", "2020-03-02", 1.0, "2020-03-02 21:20"))
    landed = datetime(2020, 3, 2, 22)
    told_at = {"early": (landed - timedelta(hours=1), "f"), "lesser": (landed, "a"), "greater": (landed, "b")}
    rows = [
        row.with_columns(loaded_at=pl.lit(at), payload_sha256=pl.lit(payload), value=pl.lit(float(place)))
        for place, (at, payload) in enumerate(told_at.values())
    ]
    spine, limits = world.reference()
    position = spine.position(date(2020, 3, 2))
    replay = Replay(pl.concat([rows[place] for place in order]), spine, limits)
    replay.advance(spine.cutoffs[position])
    found = replay["vix_close"].last(position)
    assert found is not None
    assert found.value == 2.0


def test_a_month_is_as_old_as_its_last_day():
    rows = world.of_rows(world.Row("margin_debt", "2020-01-01", 600.0, "2020-02-24 22:00"))
    assert world.read(rows, "2020-03-31").leverage.margin_debt_yoy_ratio.reason == "warm-up"  # 60 days after 31 January
    assert world.read(rows, "2020-04-01").leverage.margin_debt_yoy_ratio.reason == "stale"


def test_time_does_not_run_backwards_and_nothing_is_seen_ahead():
    spine, limits = world.reference()
    replay = Replay(world.vintages(), spine, limits)
    position = spine.dates.index(date(2019, 8, 1))
    replay.advance(spine.cutoffs[position])
    for series_id in replay.series_ids:
        found = replay[series_id].last(position)
        assert found is None or (found.known_at <= spine.cutoffs[position] and found.obs_date <= date(2019, 8, 1))
    before = replay["vix_close"].last(position)
    replay.advance(spine.cutoffs[position - 20])
    assert replay["vix_close"].last(position) == before
    replay.advance(spine.cutoffs[position])
    assert replay["vix_close"].last(position) == before
