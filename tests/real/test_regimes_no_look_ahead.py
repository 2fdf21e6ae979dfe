"""No look-ahead on the recorded history: what became known after a cut-off changes no regime up to it."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from analytics.regimes.ledger import reconstruct
from ingest.home import Home
from tests.truncated import PLACES, chosen_row, regimes_without_what_came_later


@pytest.fixture(scope="module")
def build(real_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("build") / "warehouse.duckdb"
    shutil.copy(Home(real_home).warehouse, path)
    return path


@pytest.fixture(scope="module")
def whole(build: Path) -> pl.DataFrame:
    with duckdb.connect(str(build)) as con:
        last = con.execute("select max(cutoff_at) from marts.regime_daily").fetchone()
        assert last is not None
        return reconstruct(con, last[0])


def test_the_rows_have_something_to_lose(whole: pl.DataFrame):
    assert whole["core_score"].is_not_null().sum() > 4_000
    assert (whole["breadth_state"] != "unknown").sum() > 4_000


@pytest.mark.parametrize("place", PLACES)
def test_what_became_known_after_a_cutoff_changes_no_row_up_to_it(build: Path, whole, place: int, tmp_path: Path):
    chosen = chosen_row(whole, place)
    cut = regimes_without_what_came_later(build, whole["cutoff_at"][chosen], tmp_path / "warehouse.duckdb")
    assert cut["cutoff_at"].max() == whole["cutoff_at"][chosen]
    assert_frame_equal(cut, whole.head(chosen + 1))
