"""FRED cuts the ICE series to three rolling years: nothing landed is lost, and status says so."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import duckdb

from simulator import StandIn
from simulator.simulate import simulate
from tests.cli import environment, tidegauge

BEFORE = datetime(2026, 3, 24, 13, 5, tzinfo=UTC)
AFTER = datetime(2026, 4, 21, 13, 5, tzinfo=UTC)


def rows(home: Path) -> dict[str, tuple[int, date]]:
    with duckdb.connect(str(home / "build" / "warehouse.duckdb"), read_only=True) as con:
        found = con.execute(
            "select series_id, count(*), min(period_date) from fred.observations"
            " where series_id in ('hy_oas', 'ig_oas', 'ccc_oas', 'ccc_yield') and period_date <= '2026-03-20'"
            " group by all"
        ).fetchall()
    return {series: (count, first) for series, count, first in found}


def test_truncated_ice_history_is_kept_and_said(tmp_path: Path):
    home = tmp_path / "home"
    with StandIn(simulate(AFTER.date(), members=60), BEFORE) as upstream:
        first = tidegauge("run", env=environment(home, upstream=upstream.url, now=BEFORE))
        assert first.returncode == 0, first.stdout + first.stderr
        held = rows(home)
        assert held["hy_oas"][1].year == 2012
        upstream.set_now(AFTER)
        second = tidegauge("run", env=environment(home, upstream=upstream.url, now=AFTER))
        assert second.returncode == 0, second.stdout + second.stderr
    assert rows(home) == held
    status = tidegauge("status", env=environment(home, now=AFTER))
    assert status.returncode == 0
    said = " ".join(status.stdout.split())
    assert "hy_oas" in said
    assert "2023-04" in said, "the first period that the source still serves"
    with duckdb.connect(str(home / "published" / "tidegauge.duckdb"), read_only=True) as con:
        assert con.execute(
            "select min(session_date) from marts.credit_daily where hy_oas_bp is not null"
        ).fetchone() == (date(2012, 1, 3),)
