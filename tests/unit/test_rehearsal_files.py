"""What a rehearsal writes among the user's files, into whose home, and what its market has out at that moment."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import httpx
import polars as pl
import pytest

from ingest.clock import NEW_YORK
from ingest.home import Home
from ingest.settings import Settings
from orchestration import rehearsal

FILE = "fund_flows/bitcoin_usd_mn"


@pytest.mark.parametrize(
    ("held", "written"), [(None, True), ("SIMULATED", True), ("LIVE", False), ("REAL FOLDER", False)]
)
def test_no_home_of_other_figures_is_written_to(tmp_path: Path, held: str | None, written: bool) -> None:
    if held is not None:
        (tmp_path / "origin.txt").write_text(f"{held}\n", encoding="ascii")
    rehearsal._write_user_files(Home(tmp_path), "SIMULATED", {FILE: "Date,Total\n"})
    assert (Home(tmp_path).user_files / f"{FILE}.csv").exists() == written


@pytest.mark.parametrize(("hour", "newest"), [(9, "2018-03-06"), (23, "2018-03-07")])
def test_the_rate_of_tomorrow_is_out_this_afternoon_and_nothing_else_of_tomorrow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hour: int, newest: str
) -> None:
    monkeypatch.chdir(tmp_path)
    now = datetime(2018, 3, 6, hour, tzinfo=NEW_YORK)
    settings = Settings(home=tmp_path / "home", now=now, _env_file=None)
    with rehearsal.simulated(settings) as rehearsed:
        assert rehearsed.simulated_truth is not None
        assert max(pl.read_parquet(rehearsed.simulated_truth)["session_date"]) == now.date()
        last = {}
        for series in ("DFEDTARU", "DGS2"):
            answer = httpx.get(f"{rehearsed.upstream}/fred.stlouisfed.org/graph/fredgraph.csv", params={"id": series})
            last[series] = answer.text.splitlines()[-1].split(",")[0]
    assert last["DFEDTARU"] == newest
    assert last["DGS2"] <= "2018-03-06"
