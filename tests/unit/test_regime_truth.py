"""The simulated truth: confusion and detection lag on sequences made by hand."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from analytics.regimes.truth import CONFUSION, DETECTION, LATENT, TRUTH, confusion, detection, regime_truth
from simulator.economy.regimes import NAMES

FIRST = date(2024, 1, 1)


def truth(*stays: tuple[str, list[str]]) -> pl.DataFrame:
    """Return TRUTH of latent regimes that follow one another, each with the classes of its sessions."""
    latent = [regime for regime, classes in stays for _ in classes]
    classes = [name for _, stay in stays for name in stay]
    days = [FIRST + timedelta(days=place) for place in range(len(latent))]
    rows = pl.DataFrame({"session_date": days, "regime_class": classes, "core_score": [0] * len(days)})
    return regime_truth(rows, pl.DataFrame({"session_date": days, "regime": latent}))


def test_the_names_are_the_simulators():
    assert LATENT == NAMES


def test_confusion_by_hand():
    found = confusion(truth(("calm", ["CALM", "CALM", "NORMAL"]), ("crisis", ["NORMAL", "CRISIS", "CRISIS", "CRISIS"])))
    assert found.columns == [name for name, *_ in CONFUSION.columns]
    assert found.rows() == [
        ("calm", "CALM", 2, pytest.approx(2 / 3, abs=1e-6), 1.0),
        ("calm", "NORMAL", 1, pytest.approx(1 / 3, abs=1e-6), 0.5),
        ("crisis", "CRISIS", 3, 0.75, 1.0),
        ("crisis", "NORMAL", 1, 0.25, 0.5),
    ]


def test_the_lag_counts_sessions_from_the_first_of_the_regime():
    found = detection(
        truth(
            ("calm", ["CALM", "CALM"]),
            ("stress", ["CALM", "NORMAL", "CAUTION", "STRESS"]),
            ("crisis", ["STRESS", "CRISIS"]),
            ("recovery", ["CRISIS", "CALM"]),
        )
    )
    assert found.columns == [name for name, *_ in DETECTION.columns]
    stress, crisis = found.to_dicts()
    assert (stress["began_date"], stress["ended_date"]) == (date(2024, 1, 3), date(2024, 1, 6))
    assert (stress["detected_date"], stress["detection_lag_count"]) == (date(2024, 1, 5), 2)
    assert (stress["is_detected"], stress["is_seen_before"], stress["is_running"]) == (True, False, False)
    assert (crisis["detection_lag_count"], crisis["is_seen_before"]) == (0, True), "no credit: it stood there already"


def test_a_regime_nobody_saw():
    (missed,) = detection(
        truth(("calm", ["CALM"]), ("stress", ["CALM", "unknown"]), ("recovery", ["STRESS"]))
    ).to_dicts()
    assert (missed["is_detected"], missed["detected_date"], missed["detection_lag_count"]) == (False, None, None)


def test_the_running_regime_has_no_end():
    (running,) = detection(truth(("late_cycle", ["CALM"]), ("stress", ["CAUTION", "CAUTION"]))).to_dicts()
    assert (running["is_running"], running["ended_date"], running["sessions_count"]) == (True, None, 2)
    assert running["detection_lag_count"] == 0


def test_a_crisis_at_the_very_start_was_not_seen_before():
    (first,) = detection(truth(("crisis", ["STRESS", "CRISIS"]), ("recovery", ["CALM"]))).to_dicts()
    assert first["is_seen_before"] is False


def test_a_session_without_truth_or_class():
    days = [FIRST, FIRST + timedelta(days=1)]
    rows = pl.DataFrame(
        {"session_date": days, "regime_class": [None, "CALM"], "core_score": [None, 0]},
        schema_overrides={"core_score": pl.Int32},
    )
    found = regime_truth(rows, pl.DataFrame({"session_date": days[:1], "regime": ["calm"]}))
    assert found.rows() == [(FIRST, "calm", "unknown", None)]
    assert found.columns == [name for name, *_ in TRUTH.columns]


def test_every_table_says_simulated():
    for table in (TRUTH, CONFUSION, DETECTION):
        assert "SIMULATED" in (table.comment or "")


def test_the_run_is_told_the_truth_beside_the_stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """It comes as a file that the session alone knows of, for a simulated market only, and goes with the rehearsal."""
    from ingest.settings import Settings
    from orchestration.rehearsal import simulated
    from orchestration.session import open_session

    monkeypatch.chdir(tmp_path)
    settings = Settings(home=tmp_path / "home", now=datetime(2012, 3, 1, 9, 0), _env_file=None)
    with simulated(settings) as rehearsed:
        assert rehearsed.simulated_truth is not None
        told = pl.read_parquet(rehearsed.simulated_truth)
        assert told.columns == ["session_date", "regime"]
        assert set(told["regime"]) <= set(NAMES)
        assert not rehearsed.simulated_truth.is_relative_to(tmp_path), "no home keeps it"
        with open_session(rehearsed) as session:
            assert session.simulated_truth == rehearsed.simulated_truth
        live = rehearsed.model_copy(update={"origin": "LIVE", "home": tmp_path / "live"})
        with open_session(live) as session:
            assert session.simulated_truth is None
    assert not rehearsed.simulated_truth.exists()
