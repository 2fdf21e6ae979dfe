"""FRED cuts the ICE series to three rolling years: nothing landed is lost, and status says so."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import duckdb

from ingest.home import Home
from simulator import StandIn
from simulator.simulate import simulate
from tests.pipeline.placed import ingested, settings_of
from warehouse.status import status

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
    with StandIn(simulate(AFTER.date(), members=20), BEFORE) as upstream:
        ingested(settings_of(home, upstream), "fred")
        held = rows(home)
        assert held["hy_oas"][1].year == 2012
        upstream.set_now(AFTER)
        ingested(settings_of(home, upstream), "fred")
    assert rows(home) == held
    told = [line for line in status(Home(home)).shrinkages if "hy_oas" in line]
    assert len(told) == 1
    assert "source now starts 2023-04" in told[0], "the first period that the source still serves"
    assert "2012-01-03" in told[0], "from where we keep it"
