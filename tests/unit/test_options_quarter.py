"""A quarter of chains of realistic size: how large it is, how long a day takes, and how fast its history is read."""

from __future__ import annotations

import resource
import time as clock
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
import pytest

from analytics.options.tables import update_options
from ingest.catalog import load_catalog
from ingest.clock import naive_utc
from ingest.dataset import dataset
from ingest.home import Home
from ingest.snapshot_gate import judge_snapshot
from ingest.snapshot_times import due_moments
from tests.models import model_sql
from warehouse.connection import migrate
from warehouse.reference import replace_reference
from warehouse.snapshots import land_snapshot, show_snapshots

TABLE = dataset("cboe.option_quotes")
FIRST, LAST = date(2026, 7, 1), date(2026, 9, 30)
CHAINS = {  # price, expiries, strikes
    "SPX": (6500.0, 57, 268),
    "NDX": (23000.0, 40, 190),
    "RUT": (2300.0, 40, 110),
    "VIX": (18.0, 16, 47),
    "SPY": (650.0, 34, 150),
    "QQQ": (560.0, 34, 140),
    "IBIT": (60.0, 18, 80),
}
BUDGET_SECONDS = 0.2
SOURCES = {
    "gamma_daily": "options.gamma_daily",
    "gamma_strikes": "options.gamma_strikes",
    "sessions": "calendar.sessions",
}


def chain(underlying: str, moment: datetime, day: date, chance: np.random.Generator) -> pl.DataFrame:
    """Return a chain of that size: a smile, gamma to four decimals, open interest around the money."""
    level, expiries, strikes = CHAINS[underlying]
    spot = level * (1 + 0.002 * (day - FIRST).days / 10)
    rows = pl.DataFrame({"days": np.arange(expiries) * 3 + 1}).join(
        pl.DataFrame({"away": np.linspace(-0.5, 0.5, strikes)}), how="cross"
    )
    rows = rows.join(pl.DataFrame({"option_type": ["C", "P"]}), how="cross")
    away, years = rows["away"].to_numpy(), rows["days"].to_numpy() / 365
    iv = 0.2 - 0.3 * away + away**2
    spread = iv * np.sqrt(years)
    gamma = np.exp(-((away / spread) ** 2) / 2) / (spot * spread * np.sqrt(2 * np.pi))
    strike = pl.Series((level * (1 + away)).round(3))
    expiry = (pl.lit(day) + pl.duration(days=pl.col("days"))).cast(pl.Date)
    columns = {
        "strike_usd": strike,
        "spot_usd": spot,
        "bid_usd": pl.Series((spot * spread * 0.4).round(2)),
        "ask_usd": pl.Series((spot * spread * 0.41).round(2)),
        "bid_size_contracts": pl.Series(chance.integers(0, 90, rows.height).astype(float)),
        "ask_size_contracts": pl.Series(chance.integers(0, 90, rows.height).astype(float)),
        "last_price_usd": pl.Series((spot * spread * 0.4).round(2)),
        "volume_contracts": pl.Series(chance.integers(0, 500, rows.height).astype(float)),
        "open_interest_contracts": pl.Series(
            (chance.random(rows.height) * 5000 * np.exp(-((away / 0.1) ** 2))).round()
        ),
        "iv_ratio": pl.Series(iv.round(4)),
        "delta_ratio": pl.Series((0.5 - away / spread / 6).clip(-1, 1).round(4)),
        "gamma_ratio": pl.Series(gamma.round(4)),
        "theta_usd": pl.Series(chance.random(rows.height).round(4)),
        "vega_usd": pl.Series(chance.random(rows.height).round(4)),
    }
    root = "SPXW" if underlying == "SPX" else underlying
    symbol = pl.format(
        "{}{}{}{}",
        pl.lit(root),
        expiry.dt.strftime("%y%m%d"),
        "option_type",
        (pl.col("strike_usd") * 1000).round().cast(pl.Int64).cast(pl.String).str.zfill(8),
    )
    frame = rows.with_columns(
        *(pl.lit(value).alias(name) for name, value in columns.items()),
        session_date=pl.lit(day),
        underlying=pl.lit(underlying),
        snapshot_at=pl.lit(naive_utc(moment), dtype=pl.Datetime("us")),
        root=pl.lit(root),
        expiry_date=expiry,
        last_trade_at=pl.lit(naive_utc(moment) - timedelta(minutes=20), dtype=pl.Datetime("us")),
        stated_at=pl.lit(None, dtype=pl.Datetime("us")),
        payload_sha256=pl.lit(f"{underlying}-{moment:%Y%m%d%H%M}".ljust(64, "0")),
        fetched_at=pl.lit(naive_utc(moment) + timedelta(seconds=20), dtype=pl.Datetime("us")),
    ).with_columns(symbol.alias("option_symbol"))
    return frame.select(*TABLE.rows_schema, "fetched_at")


@pytest.mark.slow
def test_a_quarter_of_chains_is_read_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = Home(tmp_path / "home").ensure()
    con = duckdb.connect(str(home.warehouse))
    migrate(con)
    replace_reference(con, load_catalog(), datetime.combine(LAST, time.min, UTC))
    show_snapshots(con, home.snapshots)
    chance = np.random.default_rng(1)
    landing, reading, contracts = [], [], 0
    for day, _, moment in due_moments(TABLE, FIRST, LAST):
        rows = pl.concat([chain(name, moment, day, chance) for name in CHAINS])
        start = clock.process_time()
        judged = judge_snapshot(TABLE, rows, moment, {})
        assert judged.held_back is None
        con.begin()
        land_snapshot(con, home.snapshots, TABLE, judged.accepted, judged.refused, run_id="r", now=naive_utc(moment))
        con.commit()
        landing.append(clock.process_time() - start)
        start = clock.process_time()
        assert update_options(con, home.snapshots).chains == len(CHAINS)
        reading.append(clock.process_time() - start)
        contracts += rows.height
    published = tmp_path / "published.duckdb"
    con.execute(f"attach '{published}' as release; create schema release.marts")
    for name in ("dealer_gamma_daily", "dealer_gamma_strikes"):
        con.execute(f"create table release.marts.{name} as {model_sql(name, SOURCES)}")
    con.execute("detach release")
    con.close()
    with duckdb.connect(str(published), read_only=True) as release:
        seconds = []
        for _ in range(5):
            start = clock.perf_counter()
            history = release.execute(
                "select snapshot_at, gex_usd_bn, flip_index from marts.dealer_gamma_daily"
                " where underlying = 'SPX' order by snapshot_at"
            ).fetchall()
            seconds.append(clock.perf_counter() - start)
        (strikes,) = release.execute("select count(*) from marts.dealer_gamma_strikes").fetchone() or (0,)
    files = [path.stat().st_size for path in home.snapshots.rglob("*.parquet")]
    with capsys.disabled():
        print(
            f"\n{len(landing)} snapshots of {contracts // len(landing):,} contracts: gate and land"
            f" {np.median(landing):.2f} s, read {np.median(reading):.2f} s of processor each;"
            f" {sum(files) / 1e6:.0f} MB in {len(files)} files; published {published.stat().st_size / 1e6:.0f} MB with"
            f" {strikes:,} strikes; history of SPX in {np.median(seconds) * 1000:.1f} ms;"
            f" peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB"
        )
    assert len(history) == len(landing)
    assert all(gex is not None for _, gex, _ in history)
    assert float(np.median(seconds)) <= BUDGET_SECONDS
