"""From landed chains to the tables of schema options: each file is read once, a later answer is another row."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from analytics.engines import BucketFile, Kernel, Reader, run_buckets
from analytics.engines.on_lake import LakeRun
from analytics.engines.work import Queries
from analytics.options import bucketed, tables
from analytics.options.implied_volatility_tables import update_at_the_money
from analytics.options.tables import update_options
from ingest.clock import naive_utc
from ingest.dataset import dataset
from ingest.errors import SourceChanged
from ingest.home import Home
from ingest.sources.cboe import cboe_chains
from ingest.sources.user_file import user_chains
from tests.unit.databases import opened_build
from tests.unit.option_sample import FETCHED_AT, document, option, payload_of
from warehouse.lake.setting import lake_of
from warehouse.snapshots import land_snapshot, show_snapshots

TABLE = dataset(cboe_chains.TABLE)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path).ensure()


@pytest.fixture
def con(home: Home) -> duckdb.DuckDBPyConnection:
    con = opened_build(home)
    show_snapshots(con, home.snapshots)
    return con


def land(con: duckdb.DuckDBPyConnection, home: Home, *, seen: datetime = FETCHED_AT, **changes: object) -> None:
    rows = cboe_chains.parse(replace(payload_of(document(**changes)), fetched_at=seen))[TABLE.id]
    rows = rows.with_columns(fetched_at=pl.lit(naive_utc(seen), dtype=pl.Datetime("us")))
    nothing = rows.clear().with_columns(reason=pl.lit(""))
    con.begin()
    land_snapshot(con, home.snapshots, TABLE, rows, nothing, run_id="r", now=naive_utc(seen))
    con.commit()


def test_both_snapshots_of_a_session_are_there_and_a_file_is_read_once(
    con: duckdb.DuckDBPyConnection, home: Home
) -> None:
    morning = {"timestamp": "2026-11-18 14:45:00", "last_trade_time": None, "price": 4000.0}
    early = [option(last_trade_time=None), option("SPX261218P04000000", last_trade_time=None, open_interest=700.0)]
    land(con, home, seen=FETCHED_AT - timedelta(hours=6), options=early, **morning)
    land(con, home)
    assert con.execute("select count(*) from cboe.option_quotes_latest").fetchone() == (6,)  # both moments
    assert update_options(con, home.snapshots) == tables.OptionsUpdate(2, 2)
    assert update_options(con, home.snapshots) == tables.OptionsUpdate(0, 0)
    found = con.execute(
        "select snapshot_at, spot_usd, contracts_count, round(gex_usd_bn, 6), known_at"
        " from options.gamma_daily order by snapshot_at"
    ).fetchall()
    # 0.0018 x (1200 - 700) x 100 x 4000^2 x 0.01 = 14.4 million
    assert found == [
        (datetime(2026, 11, 18, 14, 45), 4000.0, 2, 0.0144, datetime(2026, 11, 18, 15, 20, 3)),
        (datetime(2026, 11, 18, 21, 20), 4010.0, 4, 0.0, datetime(2026, 11, 18, 21, 20, 3)),
    ]
    assert con.execute("select count(*), count(distinct expiry_date) from options.gamma_strikes").fetchone() == (3, 2)


def test_another_method_reads_all_again_and_replaces_what_it_said(
    con: duckdb.DuckDBPyConnection, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    land(con, home)
    update_options(con, home.snapshots)
    monkeypatch.setattr(tables, "METHOD", tables.METHOD + 1)
    assert update_options(con, home.snapshots).files == 1
    assert con.execute("select count(*) from options.gamma_daily").fetchone() == (1,)
    assert con.execute("select count(*) from options.gamma_strikes").fetchone() == (2,)


def test_a_saved_chain_of_a_ticker_that_is_not_collected_is_worked_out_as_a_stock(
    con: duckdb.DuckDBPyConnection, home: Home
) -> None:
    table = dataset(user_chains.TABLE)
    listed = [option(f"KO261218{side}00062500", gamma=0.08) for side in "CP"]
    body = document(symbol="KO", price=62.0, options=listed)
    saved = replace(payload_of(body), source="user_file", name="option_chains/ko.json", meta={})
    rows = user_chains.parse(saved)[table.id]
    rows = rows.with_columns(fetched_at=pl.lit(naive_utc(FETCHED_AT), dtype=pl.Datetime("us")))
    con.begin()
    land_snapshot(
        con,
        home.snapshots,
        table,
        rows,
        rows.clear().with_columns(reason=pl.lit("")),
        run_id="r",
        now=rows["fetched_at"][0],
    )
    con.commit()
    assert update_options(con, home.snapshots) == tables.OptionsUpdate(1, 1)
    assert con.execute("select underlying, contracts_count from options.gamma_daily").fetchall() == [("KO", 2)]
    assert update_at_the_money(con, home.snapshots) == 1
    assert con.execute("select symbol, iv_pct from implied_volatility.at_the_money").fetchall() == [("KO", 19.0)]
    with pytest.raises(SourceChanged, match="a chain of a stock, a fund, SPX, VIX, NDX, RUT, got '\\^XSP'"):
        user_chains.parse(replace(payload_of(document(symbol="^XSP")), name="option_chains/xsp.json", meta={}))


def test_a_file_that_expired_is_not_read_again_and_what_was_read_of_it_stays(
    con: duckdb.DuckDBPyConnection, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    land(con, home)
    update_options(con, home.snapshots)
    con.execute("insert into ops.snapshot_expired select file, known_at, 'r' from ops.snapshot_files")
    for path in home.snapshots.rglob("*.parquet"):
        path.unlink()
    monkeypatch.setattr(tables, "METHOD", tables.METHOD + 1)
    assert update_options(con, home.snapshots) == tables.OptionsUpdate(0, 0)
    assert con.execute("select count(*) from options.gamma_daily").fetchone() == (1,)
    assert update_at_the_money(con, home.snapshots) == 0


def test_a_failure_keeps_nothing_of_the_file(
    con: duckdb.DuckDBPyConnection, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    land(con, home)
    monkeypatch.setattr(tables, "STRIKES", "options.no_such_table")
    with pytest.raises(duckdb.CatalogException):
        update_options(con, home.snapshots)
    assert con.execute("select count(*) from options.gamma_daily").fetchone() == (0,)


def test_a_snapshot_that_nobody_took_is_a_gap_once_the_next_was_due(con: duckdb.DuckDBPyConnection, home: Home) -> None:
    land(con, home)  # the close of Wednesday the 18th
    assert con.execute("select count(*) from ops.snapshot_gaps").fetchone() == (0,)
    later = datetime(2026, 11, 20, 23, 30, tzinfo=FETCHED_AT.tzinfo)  # late on Friday: it stands for its close
    land(con, home, seen=later, timestamp="2026-11-20 23:30:00")
    gaps = "select group_name, session_date, due_time from ops.snapshot_gaps order by all"
    missed = [
        ("SPX", date(2026, 11, 19), "09:45"),
        ("SPX", date(2026, 11, 19), "16:20"),
        ("SPX", date(2026, 11, 20), "09:45"),
    ]
    assert con.execute(gaps).fetchall() == missed
    again = later + timedelta(minutes=5)
    land(con, home, seen=again, timestamp="2026-11-20 23:35:00")
    assert con.execute(gaps).fetchall() == missed  # each once


def test_an_engine_of_the_lake_gives_the_same_rows(
    con: duckdb.DuckDBPyConnection, home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each file is a bucket; the engine is this process here, which computes it as a worker would."""
    morning = {"timestamp": "2026-11-18 14:45:00", "last_trade_time": None, "price": 4000.0}
    land(con, home, seen=FETCHED_AT - timedelta(hours=6), options=[option(last_trade_time=None)], **morning)
    land(con, home)
    update_options(con, home.snapshots)
    expected = [con.execute(f"from {name} order by all").fetchall() for name in (tables.DAILY, tables.STRIKES)]
    files = con.execute("select table_id, file from options.gamma_files order by file").fetchall()

    def on_an_engine(engine: str, kernel: Kernel, reader: Reader, queries: Queries, **more: Any) -> list[BucketFile]:
        return run_buckets("local", kernel, read_files, {key: of_disk(key) for key in queries}, **more)

    def of_disk(key: str) -> str:
        return f"from read_parquet('{home.snapshots / files[int(key)][1]}') order by random()"

    monkeypatch.setattr(bucketed, "run_buckets", on_an_engine)
    monkeypatch.setattr(bucketed, "newest_snapshot", lambda con: 1)
    con.execute("delete from options.gamma_files; delete from options.gamma_daily; delete from options.gamma_strikes")
    lake = lake_of(f"postgresql://u@127.0.0.1/lake?data={tmp_path / 'lake'}&engine=tcp://127.0.0.1:1")
    found = update_options(con, home.snapshots, lake=LakeRun(lake, "run"))
    assert found == tables.OptionsUpdate(2, 2)
    assert [con.execute(f"from {name} order by all").fetchall() for name in (tables.DAILY, tables.STRIKES)] == expected


def read_files() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()
