"""What a rehearsal writes among the user's files, and into whose home."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest.home import Home
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
