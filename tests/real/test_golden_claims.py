"""The claims on the recorded history, beside what was computed on it before (same-day closes; next opens here)."""

from __future__ import annotations

import pytest


def row(published, claim_id: str, parameter_set: str, horizon: int, outcome: str = "return") -> dict[str, object]:
    columns = 'n_events, hit_ratio, "median", baseline_ratio, p_shift, event_dates'
    found = published.execute(
        f"select {columns} from claims.results where claim_id = ? and parameter_set = ? and horizon_count = ?"
        " and outcome = ?",
        [claim_id, parameter_set, horizon, outcome],
    ).fetchone()
    return dict(zip(("n", "hit", "median", "base", "p", "dates"), found, strict=True))


def test_vix_above_35(published):
    found = row(published, "C-VOL-01", "cooldown_21", 63)
    assert found["n"] == 27
    assert found["hit"] == pytest.approx(0.85, abs=0.08)  # two events turn: the next open lies above the panic's close
    assert found["median"] == pytest.approx(0.104, abs=0.01)
    assert row(published, "C-VOL-01", "cooldown_21", 252)["hit"] == pytest.approx(0.85, abs=0.01)


def test_vix_reset(published):
    found = row(published, "C-VOL-03", "own_cooldown", 126)
    assert found["n"] == 21
    assert found["hit"] == pytest.approx(0.90, abs=0.01)
    assert found["base"] == pytest.approx(0.74, abs=0.01)
    assert found["median"] == pytest.approx(0.140, abs=0.01)
    assert found["p"] == pytest.approx(0.004, abs=0.003)


def test_the_runs_of_the_vvix_are_those_of_the_list(published):
    found = row(published, "C-VOL-06", "headline", 92, "dovish_event_after_30d")
    assert found["n"] == 17
    assert str(found["dates"]).split(", ") == [
        *("2007-08-20", "2008-10-21", "2010-05-12", "2011-08-10", "2014-10-16", "2015-08-27", "2016-06-17"),
        *("2018-02-08", "2018-10-16", "2020-02-28", "2020-09-02", "2021-03-16", "2021-10-04", "2022-04-11"),
        *("2024-08-07", "2025-03-12", "2025-11-21"),
    ]
    # 29 % of 17 against 32 % there: one event more is dovish in the collected list of policy events
    assert found["hit"] == pytest.approx(0.29, abs=0.07)
    assert row(published, "C-VOL-06", "headline", 92, "dovish_event")["hit"] == pytest.approx(0.53, abs=0.01)


@pytest.mark.parametrize(
    ("claim", "horizon", "outcome", "count"),
    [
        ("C-VOL-02", 63, "return", 4),
        ("C-VOL-04", 63, "return", 13),
        ("C-VOL-09", 21, "max_adverse", 6),
        ("C-BR-01", 63, "return", 14),
        ("C-CR-01", 63, "max_adverse", 39),
        ("C-TEC-01", 63, "return", 3),  # of six since 1950 those since 1990, where the recorded history begins
    ],
)
def test_events_are_as_many(published, claim: str, horizon: int, outcome: str, count: int):
    assert row(published, claim, "headline", horizon, outcome)["n"] == count


def test_figures_that_were_said_are_held_against_the_data(published):
    found = dict(published.execute("select fact_id, (verdict, known_now_number) from claims.facts").fetchall())
    assert found["spx_2025_11_21"] == ("refuted", pytest.approx(6602.99, abs=0.01))
    assert found["hy_55bp_november"] == ("refuted", pytest.approx(26, abs=0.5))
    assert found["vix_august_2025"] == ("refuted", pytest.approx(20.38, abs=0.01))
    assert found["carry_february_2026"] == ("refuted", pytest.approx(-8, abs=0.5))
    assert found["spx_2026_02_06"][0] == "confirmed"
