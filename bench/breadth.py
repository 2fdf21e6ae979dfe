"""Breadth features of 8,000 stocks over 25 years, in full and for one more session.

Beside ours: polars as one writes it by hand (each window `.over` the stock), a pandas pivot, and SQL windows in
DuckDB. They count rows where ours counts sessions, so they are right only for stocks without a missing session; the
generated panel has some such stocks, which only ours pays for. Each runs in a process of its own, so that its peak
memory is its own; it contains the panel itself and, for ours and the pandas pivot, the result in memory.

`python -m bench.breadth 500` measures 500 stocks.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import polars as pl

from analytics.breadth.features import STANDARD, breadth_features, listing_sessions, update_features
from bench import BenchRow

STOCKS = 8_000
SESSIONS = 6_300
GAPPY_EVERY = 50
"""One stock in so many lacks one session in a hundred; 0: none does."""
DAY_BUDGET_SECONDS = 1.0
_STOCKS_A_FILE = 500

T = TypeVar("T")

Checks = dict[str, int]
"""How many rows each flag is true for, by which the versions can be held against each other."""


def run(stocks: int = STOCKS, sessions: int = SESSIONS, *, gappy_every: int = GAPPY_EVERY) -> list[BenchRow]:
    """Generate a panel of `stocks` by `sessions` and time every version on it, one after the other."""
    with tempfile.TemporaryDirectory(prefix="tidegauge-bench-") as folder:
        panel = Path(folder) / "panel"
        generate(panel, stocks, sessions, gappy_every)
        measured = {name: _in_a_process(name, panel) for name in VERSIONS}
    ours, day = measured["ours"], measured["ours, one more session"]
    size = f"{stocks:,} x {sessions:,}"
    rows = [
        BenchRow(
            f"breadth features, full, {size}",
            ours["seconds"],
            name,
            other["seconds"],
            None,
            f"once; peak {ours['peak_gb']:.1f} GB against {other['peak_gb']:.1f}",
        )
        for name, other in measured.items()
        if not name.startswith("ours")
    ]
    note = f"once; peak {day['peak_gb']:.1f} GB, the whole panel not in memory; the alternative is ours in full"
    one_more = f"breadth features, one more session, {stocks:,} stocks"
    return [*rows, BenchRow(one_more, day["seconds"], "ours, full", ours["seconds"], DAY_BUDGET_SECONDS, note)]


def generate(
    folder: Path, stocks: int, sessions: int, gappy_every: int, *, stocks_a_file: int = _STOCKS_A_FILE
) -> None:
    """Write a sorted panel of random walks in dollars and cents as Parquet files of some stocks each."""
    folder.mkdir()
    dice = np.random.default_rng(20)
    for first in range(0, stocks, stocks_a_file):
        count = min(stocks_a_file, stocks - first)
        walk = np.cumsum(dice.normal(0.0002, 0.02, (count, sessions)), axis=1)
        rows = pl.DataFrame(
            {
                "permid": np.repeat(np.arange(first, first + count, dtype=np.int32), sessions),
                "session_seq": np.tile(np.arange(sessions, dtype=np.int32), count),
                "close_adj": np.round(50 * np.exp(walk), 2).ravel() + 0.01,
                "volume_adj": dice.integers(1, 10**7, count * sessions).astype(np.float64),
            }
        )
        gappy = pl.col("permid") % gappy_every == 0 if gappy_every else pl.lit(False)
        missing = pl.Series(dice.random(rows.height) < 0.01)
        rows.filter(~(gappy & missing)).write_parquet(folder / f"{first:06}.parquet", compression="lz4")


def _read(folder: Path) -> pl.DataFrame:
    return pl.read_parquet(folder / "*.parquet").rechunk()


def _checks(features: pl.DataFrame) -> Checks:
    flags = features.select(
        pl.col("is_advance", "is_above_50dma", "is_above_200dma", "is_new_high", "is_new_low").sum()
    )
    return flags.row(0, named=True)


def ours(folder: Path) -> tuple[float, Checks]:
    prices = _read(folder)
    seconds, features = _timed(lambda: breadth_features(prices))
    return seconds, _checks(features)


def ours_one_more_session(folder: Path) -> tuple[float, Checks]:
    scan = pl.scan_parquet(folder / "*.parquet")
    last = int(scan.select(pl.col("session_seq").max()).collect().item())
    tail = scan.filter(pl.col("session_seq") >= last - STANDARD.lookback).collect()
    listings = listing_sessions(scan.select("permid", "session_seq", "close_adj").collect(engine="streaming"))
    seconds, features = _timed(lambda: update_features(tail, listings, last))
    return seconds, _checks(features)


def polars_by_hand(folder: Path) -> tuple[float, Checks]:
    prices = _read(folder)
    close = pl.col("close_adj")
    before = close.shift(1)

    def work() -> pl.DataFrame:
        windows = prices.with_columns(
            previous_close_adj=before.over("permid"),
            sma_50=close.rolling_mean(50, min_samples=48).over("permid"),
            sma_200=close.rolling_mean(200, min_samples=190).over("permid"),
            high=before.rolling_max(251, min_samples=239).over("permid"),
            low=before.rolling_min(251, min_samples=239).over("permid"),
            sessions=pl.int_range(1, pl.len() + 1).over("permid"),
        )
        previous, eligible = pl.col("previous_close_adj"), pl.col("sessions") >= 252
        return windows.with_columns(
            return_ratio=close / previous - 1,
            is_advance=close.round(4) > previous.round(4),
            is_decline=close.round(4) < previous.round(4),
            is_unchanged=close.round(4) == previous.round(4),
            is_above_50dma=pl.when(pl.col("sessions") >= 50).then(close > pl.col("sma_50")),
            is_above_200dma=pl.when(pl.col("sessions") >= 200).then(close > pl.col("sma_200")),
            is_new_high=pl.when(eligible).then(close > pl.col("high")),
            is_new_low=pl.when(eligible).then(close < pl.col("low")),
        ).drop("high", "low")

    seconds, features = _timed(work)
    return seconds, _checks(features)


def pandas_pivot(folder: Path) -> tuple[float, Checks]:
    import pandas as pd

    prices = _read(folder).to_pandas()

    def work() -> pd.DataFrame:
        close = prices.pivot(index="session_seq", columns="permid", values="close_adj")
        before = close.shift(1)
        cents, cents_before = close.round(4), before.round(4)
        short, long = (close.rolling(n, min_periods=least).mean() for n, least in ((50, 48), (200, 190)))
        high, low = (getattr(before.rolling(251, min_periods=239), name)() for name in ("max", "min"))
        eligible = np.arange(len(close))[:, None] >= 251
        wide = {
            "return_ratio": close / before - 1,
            "is_advance": cents > cents_before,
            "is_decline": cents < cents_before,
            "is_unchanged": cents == cents_before,
            "sma_50": short,
            "sma_200": long,
            "is_above_50dma": (close > short) & (np.arange(len(close))[:, None] >= 49),
            "is_above_200dma": (close > long) & (np.arange(len(close))[:, None] >= 199),
            "is_new_high": (close > high) & eligible,
            "is_new_low": (close < low) & eligible,
        }
        # Back to a row per stock and session, as every other version returns.
        held = close.notna().to_numpy().T.ravel()
        return pd.DataFrame({name: matrix.to_numpy().T.ravel()[held] for name, matrix in wide.items()})

    seconds, features = _timed(work)
    flags = ("is_advance", "is_above_50dma", "is_above_200dma", "is_new_high", "is_new_low")
    return seconds, {name: int(features[name].sum()) for name in flags}


def sql_windows(folder: Path) -> tuple[float, Checks]:
    import duckdb

    con = duckdb.connect(str(folder.parent / "windows.duckdb"))
    con.execute("set preserve_insertion_order = false; set memory_limit = '8GB'")
    con.execute(f"create table prices as from read_parquet('{folder}/*.parquet')")
    sql = """
        create or replace table features as
        with windows as (
            select *,
                lag(close_adj) over stock as previous_close_adj,
                avg(close_adj) over (stock rows 49 preceding) as sma_50,
                avg(close_adj) over (stock rows 199 preceding) as sma_200,
                max(close_adj) over (stock rows between 251 preceding and 1 preceding) as high,
                min(close_adj) over (stock rows between 251 preceding and 1 preceding) as low,
                row_number() over stock as sessions
            from prices
            window stock as (partition by permid order by session_seq)
        )
        select * exclude (high, low),
            close_adj / previous_close_adj - 1 as return_ratio,
            round(close_adj, 4) > round(previous_close_adj, 4) as is_advance,
            round(close_adj, 4) < round(previous_close_adj, 4) as is_decline,
            round(close_adj, 4) = round(previous_close_adj, 4) as is_unchanged,
            case when sessions >= 50 then close_adj > sma_50 end as is_above_50dma,
            case when sessions >= 200 then close_adj > sma_200 end as is_above_200dma,
            case when sessions >= 252 then close_adj > high end as is_new_high,
            case when sessions >= 252 then close_adj < low end as is_new_low
        from windows
    """
    seconds, _ = _timed(lambda: con.execute(sql))
    flags = ("is_advance", "is_above_50dma", "is_above_200dma", "is_new_high", "is_new_low")
    counts = con.execute(f"select {', '.join(f'count_if({name})' for name in flags)} from features").fetchone()
    assert counts is not None
    con.close()
    return seconds, dict(zip(flags, counts, strict=True))


VERSIONS: dict[str, Callable[[Path], tuple[float, Checks]]] = {
    "ours": ours,
    "ours, one more session": ours_one_more_session,
    "polars by hand": polars_by_hand,
    "pandas pivot": pandas_pivot,
    "SQL windows": sql_windows,
}


def _timed(work: Callable[[], T]) -> tuple[float, T]:
    start = time.perf_counter()
    made = work()
    return time.perf_counter() - start, made


def _in_a_process(name: str, panel: Path) -> dict[str, float]:
    """Run one version alone; return its seconds, checks and peak resident memory in GB."""
    command = [sys.executable, "-m", "bench.breadth", "--version", name, str(panel)]
    ran = subprocess.run(command, cwd=Path(__file__).parents[1], env=os.environ, capture_output=True, text=True)
    if ran.returncode:
        raise RuntimeError(f"bench version {name!r} failed:\n{ran.stderr[-2000:]}")
    return json.loads(ran.stdout)


def _report(name: str, panel: Path) -> None:
    seconds, checks = VERSIONS[name](panel)
    # Linux gives kilobytes, macOS bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9
    print(json.dumps({"seconds": seconds, "peak_gb": peak, **checks}))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--version"]:
        _report(sys.argv[2], Path(sys.argv[3]))
    else:
        for row in run(*(int(size) for size in sys.argv[1:3])):
            print(row)
