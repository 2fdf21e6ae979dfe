"""Episodes on sequences made by hand."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

import polars as pl

from analytics.regimes.columns import COLUMN_NAMES
from analytics.regimes.episodes import EPISODES, SUBJECTS, regime_episodes
from analytics.regimes.types import DIMENSIONS

MONDAY = date(2024, 1, 8)
SESSIONS = [MONDAY + timedelta(days=day) for day in (0, 1, 2, 3, 4, 8, 9)]  # the next Monday is a holiday


def rows(**states: list[str | None]) -> pl.DataFrame:
    """Return regime rows on SESSIONS in which every subject that is not told is unknown throughout."""
    told = {SUBJECTS[name]: values for name, values in states.items()}
    columns = {column: told.get(column, ["unknown"] * len(SESSIONS)) for column in SUBJECTS.values()}
    cutoffs = [datetime.combine(day, time(14, 15)) + timedelta(days=1) for day in SESSIONS]
    return pl.DataFrame({"session_date": SESSIONS, "cutoff_at": cutoffs, **columns})


def of(frame: pl.DataFrame, dimension: str) -> list[dict]:
    return frame.filter(pl.col("dimension") == dimension).to_dicts()


def test_each_run_of_a_state_is_an_episode():
    found = of(
        regime_episodes(rows(credit=["tight", "tight", "stress", "stress", "stress", "tight", "tight"])), "credit"
    )
    assert [(e["state"], e["began_date"], e["ended_date"], e["sessions_count"]) for e in found] == [
        ("tight", date(2024, 1, 8), date(2024, 1, 9), 2),
        ("stress", date(2024, 1, 10), date(2024, 1, 12), 3),
        ("tight", date(2024, 1, 16), None, 2),
    ]
    assert [(e["came_from_state"], e["went_to_state"]) for e in found] == [
        (None, "stress"),
        ("tight", "tight"),
        ("stress", None),
    ]
    assert [e["is_running"] for e in found] == [False, False, True]
    assert [e["episode_number"] for e in found] == [1, 2, 3]
    assert [e["calendar_days"] for e in found] == [2, 3, 2]


def test_an_episode_is_known_at_the_cut_off_of_its_first_session():
    found = of(
        regime_episodes(rows(credit=["tight", "tight", "stress", "stress", "stress", "tight", "tight"])), "credit"
    )
    assert found[1]["began_known_at"] == datetime(2024, 1, 11, 14, 15)
    assert found[1]["ended_known_at"] == datetime(2024, 1, 17, 14, 15), "its end shows when the next state does"
    assert found[2]["ended_known_at"] is None


def test_an_episode_of_one_session_and_one_that_starts_on_the_last():
    found = of(
        regime_episodes(rows(regime_class=["CALM"] * 3 + ["CRISIS"] + ["CALM"] * 2 + ["NORMAL"])), "regime_class"
    )
    assert [(e["state"], e["sessions_count"], e["is_running"]) for e in found] == [
        ("CALM", 3, False),
        ("CRISIS", 1, False),
        ("CALM", 2, False),
        ("NORMAL", 1, True),
    ]


def test_unknown_is_a_state_and_no_state_is_unknown():
    found = of(regime_episodes(rows(funding=["ample", None, "unknown", "ample", "ample", "ample", "ample"])), "funding")
    assert [(e["state"], e["sessions_count"], e["came_from_state"]) for e in found] == [
        ("ample", 1, None),
        ("unknown", 2, "ample"),
        ("ample", 4, "unknown"),
    ]


def test_dimensions_do_not_run_into_one_another():
    found = regime_episodes(rows())
    assert found["dimension"].to_list() == list(SUBJECTS)
    assert found["came_from_state"].null_count() == len(SUBJECTS)
    assert found["is_running"].all()


def test_rows_may_come_in_any_order():
    given = rows(credit=["tight", "tight", "stress", "stress", "stress", "tight", "tight"])
    assert regime_episodes(given.reverse()).equals(regime_episodes(given))


def test_every_dimension_and_composite_has_episodes_and_a_column():
    assert set(DIMENSIONS) <= set(SUBJECTS)
    assert set(SUBJECTS.values()) <= set(COLUMN_NAMES)
    assert regime_episodes(rows()).columns == [name for name, *_ in EPISODES.columns]
