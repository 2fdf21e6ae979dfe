"""A first load of daily bars, 220 symbols since 2000: judged by the gate, then landed.

Ours checks every bar, dates each by the rule of its release and keeps the payload that it came from. The alternative is
what a notebook does: the same rows inserted into a table as they are.
"""

from __future__ import annotations

import tempfile
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import polars as pl

from bench import BenchRow, median_seconds
from ingest.batch import Batch, Window
from ingest.catalog.calendars import working_days
from ingest.clock import naive_utc
from ingest.home import Home
from ingest.panel_gate import Evidence, panel_gate
from warehouse.connection import connect, migrate
from warehouse.panel_landing import land_panel

SYMBOLS = 220
_FETCHED = datetime(2026, 11, 20, 23, tzinfo=UTC)
_TABLE = "yahoo.prices"


def run(symbols: int = SYMBOLS) -> list[BenchRow]:
    """Time the gate, the landing and the plain insert in one go."""
    batch = _batch(symbols)
    frame = batch.tables[_TABLE]
    rows = f"{frame.height:,} bars"
    with tempfile.TemporaryDirectory(prefix="tidegauge-bench-") as folder:
        gate = median_seconds(lambda: panel_gate(batch, Evidence.none(), _FETCHED))
        landed = median_seconds(lambda: _land(Path(folder), batch), repeats=1)
        inserted = median_seconds(lambda: _insert(Path(folder) / "plain.duckdb", frame), repeats=1)
    return [
        BenchRow("prices: gate", gate, None, None, None, rows),
        BenchRow(
            "prices: judge and land", landed, "DuckDB insert (no clock, no vintages)", inserted, None, f"{rows}, once"
        ),
    ]


def _batch(symbols: int) -> Batch:
    days = pl.Series("session_date", working_days("nyse", date(2000, 1, 3), date(2026, 11, 19)))
    tickers = pl.Series("ticker", [f"T{number:04}" for number in range(symbols)])
    prices = ("open_usd", "high_usd", "low_usd", "close_usd", "volume_shares")
    frame = (
        tickers.to_frame()
        .join(days.to_frame(), how="cross")
        .with_columns(
            *(pl.lit(10.0).alias(name) for name in prices),
            pl.lit(None, dtype=pl.Datetime("us")).alias("stated_at"),
            pl.lit("0" * 64).alias("payload_sha256"),
            pl.lit(naive_utc(_FETCHED), dtype=pl.Datetime("us")).alias("fetched_at"),
        )
    )
    windows = [Window(ticker, days[0], days[-1], table_id=_TABLE) for ticker in tickers]
    return Batch("yahoo", {_TABLE: frame}, windows, (), (), _FETCHED, "yahoo_prices")


def _land(folder: Path, batch: Batch) -> None:
    con = connect(Home(folder / "home").ensure())
    try:
        migrate(con)
        land_panel(con, batch, panel_gate(batch, Evidence.none(), _FETCHED), "bench", _FETCHED)
    finally:
        con.close()


def _insert(path: Path, frame: pl.DataFrame) -> None:
    with duckdb.connect(str(path)) as con:
        con.register("bars", frame)
        con.execute("create table prices as from bars")
