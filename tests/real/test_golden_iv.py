"""Walmart's earnings of August 2026 out of two recorded chains: collected, landed, reduced, built by dbt.

The folder's other files end before August, so these two do not go into the session's real home: they are a home's own.
"""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pytest

from analytics.options.implied_volatility_tables import update_at_the_money
from ingest.archive import Archive
from ingest.catalog import load_catalog
from ingest.clock import clock_at
from ingest.collect import collect
from ingest.connector import FetchContext
from ingest.connectors import connector
from ingest.http import Upstream
from ingest.settings import Settings
from orchestration.ingestion import judge
from simulator.folder_iv import earnings_file, native_chain
from tests.cli import ROOT
from warehouse.connection import migrate
from warehouse.landing import land
from warehouse.reference import replace_reference

NOW = datetime(2026, 8, 21, 14, 20, tzinfo=UTC)
CHAINS = ("WMT_chain_2026-08-19T2247.json", "WMT_chain_2026-08-20T1007.json")


@pytest.fixture(scope="module")
def marts(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a build file with the two marts."""
    home = tmp_path_factory.mktemp("iv")
    files = home / "user_files"
    (files / "option_chains").mkdir(parents=True)
    for name in CHAINS:
        (files / "option_chains" / name).write_bytes(native_chain(real_data / "packs/p10_iv" / name))
    for stem, text in earnings_file(real_data).items():
        (files / f"{stem}.csv").write_text(text)
    path, catalog = home / "warehouse.duckdb", load_catalog()
    settings = Settings(_env_file=None, home=home)
    with duckdb.connect(str(path)) as con:
        con.execute("set TimeZone = 'UTC'")
        migrate(con)
        replace_reference(con, catalog, NOW)
        for name in ("user_chains", "user_earnings"):
            with Upstream(settings, clock_at(NOW), Archive(home / "archive")) as http:
                batch = collect(connector(name), FetchContext("user_file", settings, clock_at(NOW), http))
            assert not batch.problems
            gated = judge(con, batch, catalog)
            assert gated.held_back is None
            land(con, batch, gated, catalog, "a run", NOW, snapshots=home / "snapshots")
        assert update_at_the_money(con, home / "snapshots") == len(CHAINS)
    _build(path, home / "dbt")
    return path


def _build(warehouse: Path, target: Path) -> None:
    from dbt.cli.main import dbtRunner

    project = str(ROOT / "dbt_project")
    flags = ["--project-dir", project, "--profiles-dir", project, "--quiet", "--log-level-file", "none"]
    flags += ["--target-path", str(target), "--log-path", str(target)]
    variables = '{"run_at": "2026-08-21 14:20:00", "origin": "REAL FOLDER", "run_id": "test"}'
    chosen = ["--select", "single_name_iv_daily", "earnings_iv_events", "--exclude-resource-type", "unit_test"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIDEGAUGE_WAREHOUSE", str(warehouse))
        done = dbtRunner().invoke(["build", *chosen, "--vars", variables, *flags])
    assert done.success, done.exception or [one.message for one in done.result]


@pytest.fixture
def con(marts: Path):
    with duckdb.connect(str(marts)) as found:  # dbt has it open in this process
        yield found


def test_thirty_days_before_and_after(con):
    rows = con.execute(
        "select session_date, round(spot_usd, 2), round(iv_30d_pct, 2), round(iv_front_pct, 2), front_expiry_date"
        " from marts.single_name_iv_daily where symbol = 'WMT' order by snapshot_at"
    ).fetchall()
    assert rows == [
        (date(2026, 8, 19), 114.30, 30.86, 46.48, date(2026, 8, 28)),
        (date(2026, 8, 20), 104.13, 24.62, 27.52, date(2026, 8, 28)),
    ]


def test_the_first_expiry_falls_by_58_percent_and_thirty_days_by_20(con):
    (row,) = con.execute("from marts.earnings_iv_events").pl().to_dicts()
    assert (row["symbol"], row["release_date"], row["timing"]) == ("WMT", date(2026, 8, 20), "BMO")
    figures = {
        "covering_iv_before_pct": 84.13,
        "covering_iv_after_pct": 35.11,
        "covering_crush_pct": -58.3,
        "front_iv_before_pct": 46.48,
        "front_iv_after_pct": 27.52,
        "iv_before_pct": 30.86,
        "iv_after_pct": 24.62,
        "crush_pct": -20.2,
        "spot_move_pct": -8.9,
    }
    assert {name: row[name] for name in figures} == pytest.approx(figures, abs=0.05)
    assert row["covering_expiry_date"] == date(2026, 8, 21)
    assert (row["placebo_count"], row["placebo_median_pct"]) == (0, None), "the folder has no other name's chains"


def test_every_line_of_the_list_of_dates_lands(con, real_data: Path):
    listed = list(csv.DictReader(io.StringIO(earnings_file(real_data)["earnings"])))
    assert len(listed) == 808
    assert con.execute("select count(*) from user_file.earnings").fetchone() == (808,)
