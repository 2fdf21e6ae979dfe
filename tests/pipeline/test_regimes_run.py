"""The regimes of a whole run: what stands in the published file, and that nothing in it was known too late."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from analytics.claims.tables import CHECKS as CLAIM_CHECKS
from analytics.claims.tables import DRAW
from analytics.regimes.inputs import SERIES
from analytics.regimes.knowledge import read_replay
from analytics.regimes.ledger import reconstruct
from analytics.regimes.tables import CHECKS, REGIME_TABLES
from analytics.regimes.vintages import read_vintages
from ingest.home import Home
from tests.truncated import MANY, PLACES, chosen_row, regimes_without_what_came_later


@pytest.fixture(scope="module")
def build(demo_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the demo's build file."""
    path = tmp_path_factory.mktemp("build") / "warehouse.duckdb"
    shutil.copy(Home(demo_home).warehouse, path)
    return path


@pytest.fixture(scope="module")
def con(build: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(build)) as opened:
        yield opened


@pytest.fixture(scope="module")
def whole(con: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    return reconstruct(con, last_cutoff(con))


def last_cutoff(con: duckdb.DuckDBPyConnection) -> datetime:
    found = con.execute("select max(cutoff_at) from marts.regime_daily").fetchone()
    assert found is not None
    return found[0]


def test_the_published_file_has_every_table_with_its_comments(demo_home: Path):
    with duckdb.connect(str(Home(demo_home).published), read_only=True) as published:
        columns = published.execute(
            "select table_name, column_name, lower(data_type), comment from duckdb_columns()"
            " where schema_name = 'marts'"
        ).fetchall()
        prefix = "SIMULATED. "
        found = {(table, name): (kind, comment) for table, name, kind, comment in columns}
        for table in REGIME_TABLES:
            for name, kind, comment in table.columns:
                assert found[table.name, name] == (kind, comment)
            counted = published.execute(f"select count(*) from marts.{table.name}").fetchone()
            assert counted != (0,), table.name
        told = published.execute("select comment from duckdb_tables() where table_name = 'regime_daily'").fetchone()
        assert told[0].startswith(prefix)
        checks = published.execute(
            "select check_name, is_passed from meta.quality where stage = 'regimes' order by 1"
        ).fetchall()
        assert checks == [(name, True) for name in sorted([*CHECKS, *CLAIM_CHECKS, DRAW])]


def test_each_session_has_a_row_and_each_dimension_is_known_on_most(con):
    newest = con.execute("select max(session_date) from marts.market_known_daily").fetchone()
    counts = con.execute(
        "select max(session_date), count(*), count(*) filter (core_score is not null),"
        " count(*) filter (net_liquidity_points is not null), count(*) filter (leverage_state <> 'unknown'),"
        " count(*) filter (labor_state <> 'unknown'), count(*) filter (etf_flows_state <> 'unknown')"
        " from marts.regime_daily"
    ).fetchone()
    assert counts[:1] == newest
    # HY OAS of the keyless pages reaches three years back; before it Baa stands in
    assert min(counts[2:]) > 0.85 * counts[1]


def test_the_ledger_ignored_the_raw_tables_say_the_same(con, whole):
    kept = con.execute("select * from marts.regime_daily order by session_date").pl()
    assert_frame_equal(whole, kept.select(whole.columns))


def test_the_replay_is_what_market_known_daily_read(con):
    """Of every series and session: the replay in Python and int_known in SQL."""
    expected = {
        row[:2]: row[2:]
        for row in con.execute(
            "select session_date, series_id, value, obs_date, known_at, provider, reason from intermediate.int_known"
            " where list_contains(?, series_id)",
            [list(SERIES)],
        ).fetchall()
    }
    replay, compared = read_replay(con, SERIES), 0
    for position, day in enumerate(replay.spine.dates):
        if replay.spine.cutoffs[position] > last_cutoff(con):
            break
        replay.advance(replay.spine.cutoffs[position])
        for series_id in SERIES:
            found = replay[series_id].last(position)
            if found is not None:
                value = None if found.reason else found.value
                told = (value, found.obs_date, found.known_at, found.provider, found.reason)
                assert expected[day, series_id] == told, (day, series_id)
                compared += 1
    assert compared == len(expected) > 50_000


def test_rows_of_other_days_are_observations_and_no_input_of_anything(con):
    """Month ends on Saturdays, prices on holidays: neither what was known nor a regime reads them."""
    strays = con.execute(
        "select distinct series_id, period_date from marts.observations where not is_own_day and value is not null"
    ).pl()
    assert {"hy_oas", "move", "iorb"} <= set(strays["series_id"])
    known = con.execute("select distinct series_id, obs_date as period_date from intermediate.int_known").pl()
    for read in (known, read_vintages(con, SERIES)):
        assert not read.is_empty()
        assert read.join(strays, on=["series_id", "period_date"]).is_empty()


def test_the_change_of_the_carry_is_that_of_the_mart_as_of_the_cut_off(demo_home: Path):
    """R4's c and carry_daily have one definition: of the session that the input names, by what was known then."""
    with duckdb.connect(str(Home(demo_home).published), read_only=True) as published:
        rows = published.execute(
            "select cutoff_at, inputs_json ->> '$.carry.carry_2y_change_21d_bp.obs_date',"
            " (inputs_json ->> '$.carry.carry_2y_change_21d_bp.value')::double"
            " from marts.regime_daily order by session_date desc limit 5"
        ).fetchall()
        for cutoff, day, change in rows:
            told = published.execute(
                "select carry_2y_change_21d_bp from marts.carry_daily_as_of(?) where session_date = ?", [cutoff, day]
            ).fetchone()
            assert told == (pytest.approx(change, abs=1e-6),), (cutoff, day)


@pytest.mark.parametrize("place", [PLACES[0], *(pytest.param(at, marks=pytest.mark.slow) for at in range(1, MANY))])
def test_what_became_known_after_a_cutoff_changes_no_row_up_to_it(build: Path, whole, place: int, tmp_path: Path):
    """Truncation: every raw row known later is deleted, breadth and flows are computed anew from what is left."""
    chosen = chosen_row(whole, place)
    cut = regimes_without_what_came_later(build, whole["cutoff_at"][chosen], tmp_path / "warehouse.duckdb")
    assert cut["cutoff_at"].max() == whole["cutoff_at"][chosen]
    assert_frame_equal(cut, whole.head(chosen + 1))
