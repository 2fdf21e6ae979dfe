"""The one door to what is derived: every table, in its columns and types, and the truth only where it belongs."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import polars as pl
import pytest

from analytics.regimes import outcomes
from analytics.regimes.followed import FOLLOWED_TABLES, Deriving, derive
from analytics.regimes.frames import schema_of
from analytics.regimes.truth import TRUTH_TABLES
from ingest.second_process import SecondProcess
from tests.unit.regime_build import build_file, latent

UNIT = re.compile(
    r".*(_usd_bn|_usd_mn|_usd|_pct|_bp|_ratio|_zscore|_index|_count|_shares|_days|_seconds|_rate|_points|_score|_number)$"
)


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    path = tmp_path / "truth.parquet"
    latent().write_parquet(path)
    return path


def test_every_table_comes_in_its_columns_and_types(truth: Path):
    found = derive(build_file(), truth=truth)
    assert tuple(found) == FOLLOWED_TABLES
    for table, frame in found.items():
        assert dict(frame.schema) == schema_of(table.columns), table.name
        assert frame.height, table.name


def test_without_the_truth_there_are_no_tables_of_it():
    assert not set(derive(build_file())) & set(TRUTH_TABLES)


def test_a_market_that_is_not_simulated_has_no_truth_even_if_told(truth: Path):
    found = derive(build_file(origin="LIVE"), truth=truth)
    assert not set(found) & set(TRUTH_TABLES)


def test_the_same_build_gives_the_same_tables(truth: Path):
    one, other = derive(build_file(), truth=truth), derive(build_file(), truth=truth)
    assert all(frame.equals(other[table]) for table, frame in one.items())


def test_a_second_process_works_out_what_followed_each_state(truth: Path, monkeypatch: pytest.MonkeyPatch):
    alone = derive(build_file(), truth=truth)
    monkeypatch.setattr(outcomes, "_of_state", None)  # here nothing can be worked out any more
    second = SecondProcess()
    try:
        together = Deriving(build_file(), truth=truth, second=second).finish()
    finally:
        second.close()
    assert tuple(together) == tuple(alone)
    assert all(frame.equals(together[table]) for table, frame in alone.items())


def test_a_newer_session_changes_no_return_that_is_over():
    """What is derived of the past stays what it was when the file grows."""
    (shorter, longer) = (
        next(frame for table, frame in derive(build_file(n)).items() if table.name == "forward_returns_daily")
        for n in (390, 400)
    )
    over = shorter.drop_nulls("close_return_252d_ratio")
    assert over.height > 100
    assert longer.join(over, on=over.columns, how="semi", nulls_equal=True).height == over.height


@pytest.mark.parametrize(("coverage", "value"), [(0.95, 60.0), (0.9499, 30.0)])
def test_known_episodes_take_our_own_breadth_where_it_covers_the_index(coverage: float, value: float):
    con = build_file(origin="LIVE")
    con.execute("update marts.breadth_daily set coverage_ratio = ?", [coverage])
    con.execute(
        "insert into marts.observations select 'sp500_above_200dma_published', 'user_file', 1, session_date, 30.0,"
        " timestamp '2021-01-01', timestamp '2021-01-01', 'one' from marts.regime_daily"
    )
    found = next(frame for table, frame in derive(con).items() if table.name == "regime_known_episodes")
    row = found.row(by_predicate=(pl.col("episode") == "COVID") & (pl.col("aspect") == "breadth minimum"), named=True)
    assert row["value"] == value


def test_a_build_without_regime_rows_derives_empty_tables():
    con = build_file()
    con.execute("delete from marts.regime_daily")
    found = derive(con)
    heights = {table.name: frame.height for table, frame in found.items()}
    assert heights["regime_episodes"] == heights["forward_returns_daily"] == heights["regime_outcomes"] == 0
    assert heights["regime_falsification"] == 8


@pytest.mark.parametrize("table", FOLLOWED_TABLES, ids=lambda table: table.name)
def test_tables_keep_the_contract_of_the_published_file(table):
    assert table.schema == "marts"
    assert "One row per" in (table.comment or "")
    for name, kind, comment in table.columns:
        assert comment, f"{table.name}.{name} has no comment"
        if kind in ("double", "bigint") and name != "value":
            assert UNIT.fullmatch(name), f"{table.name}.{name} is a number without a unit"
        assert (kind == "boolean") == name.startswith(("is_", "has_")), name
        assert (kind == "date") == name.endswith("_date"), name
        assert (kind == "timestamp") == name.endswith("_at"), name


def test_it_reads_and_never_writes(tmp_path: Path):
    path = tmp_path / "build.duckdb"
    memory = build_file()
    memory.execute(f"attach '{path}' as filed")
    memory.execute("copy from database memory to filed")
    memory.close()
    with duckdb.connect(str(path), read_only=True) as con:
        assert derive(con)
