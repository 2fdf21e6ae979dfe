"""A snapshot table of 1.5 million rows a day (option chains of all underlyings): gate and land, then read 30 days.

Ours judges every row, writes one Parquet file a day and its row in the index. Beside it the same frame is inserted into
a DuckDB table, which is what the other raw tables do at the least, and judged and written by pandas. Each way runs in a
process of its own under one limit of memory; its peak is that of the whole process, Python and the frame included.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from bench import BenchRow, bench_folder, median_seconds
from ingest.catalog.release import ReleaseRule
from ingest.clock import naive_utc
from ingest.dataset import Column, Dataset

ROWS = 1_500_000
DAYS = 30
BUDGET_SECONDS = 5.0
BUDGET_GB = 1.5
_FIRST = date(2026, 10, 1)
_LIMIT_BYTES = 6 * 1024**3
"""Address space, of which allocators and file maps reserve far more than they use; it stops a runaway only."""

_NUMBERS = ("bid_usd", "ask_usd", "last_usd", "implied_volatility_ratio", "delta_ratio", "gamma_ratio")

CHAINS = Dataset(
    source="bench",
    name="chains",
    keys=(
        Column("session_date", pl.Date(), "NYSE session"),
        Column("underlying", pl.String(), "Ticker"),
        Column("contract", pl.String(), "OCC symbol"),
    ),
    attributes=(
        Column("expiry_date", pl.Date(), "Last trading day"),
        Column("is_call", pl.Boolean(), "A call"),
        Column("strike_usd", pl.Float64(), "Strike"),
    ),
    values=(
        *(Column(name, pl.Float64(), name) for name in (*_NUMBERS, "theta_usd", "vega_usd")),
        Column("volume_contracts", pl.Int64(), "Traded"),
        Column("open_interest", pl.Int64(), "Open at the close before"),
    ),
    period="session_date",
    release=ReleaseRule.model_validate({"calendar": "nyse", "business_days": 0, "time": "18:00"}),
    comment="Option chains.",
    group="underlying",
    storage="daily_files",
    expect=(
        {"positive": ["strike_usd"]},
        {"not_negative": ["bid_usd", "gamma_ratio", "volume_contracts", "open_interest"]},
        {"range": "0 <= bid_usd <= ask_usd"},
        {"range": {"delta_ratio": [-1, 1], "implied_volatility_ratio": [0, 50]}},
        {"sizes": {"strike_usd": [0.001, 1e6], "open_interest": [1, 1e9]}},
        {"identity": "ask_usd - bid_usd = 0.05", "slack": "0.001"},
    ),
)


def run(rows: int = ROWS, days: int = DAYS) -> list[BenchRow]:
    """Land one day by each way in a process of its own, the other days by ours, and read them all."""
    with bench_folder() as folder:
        ways = {way: _in_own_process(way, folder, rows) for way in ("ours", "duckdb", "pandas")}
        return [*_landed(ways, rows), *_read(folder, rows, days)]


def _landed(ways: dict[str, dict[str, float]], rows: int) -> list[BenchRow]:
    ours = ways["ours"]
    note = (
        f"{rows:,} rows; peak {ours['peak_gb']:.2f} GB ({ours['frame_gb']:.2f} GB before it), budget {BUDGET_GB} GB; "
        f"{ours['cpu_seconds']:.1f} s of processor; {ours['megabytes']:.0f} MB a day"
    )
    said = {"duckdb": "insert into a DuckDB table, unjudged", "pandas": "pandas: judge, sort, write Parquet"}
    return [
        BenchRow(
            "gate and land a snapshot day",
            ours["seconds"],
            said[way],
            ways[way]["seconds"],
            BUDGET_SECONDS,
            f"{note}; the alternative: {ways[way]['cpu_seconds']:.1f} s of processor, "
            f"peak {ways[way]['peak_gb']:.2f} GB, {ways[way]['megabytes']:.0f} MB",
        )
        for way in said
    ]


def _read(folder: Path, rows: int, days: int) -> list[BenchRow]:
    """Read `days` days: the whole market by day, one underlying over all days, and as of a moment in a release."""
    con, root = _build(folder / "read")
    table = folder / "table.duckdb"
    frame = day_of(0, rows)
    for number in range(days):
        day = frame.with_columns(
            session_date=pl.lit(_FIRST + timedelta(days=number)),
            fetched_at=pl.lit(naive_utc(_moment(number)), dtype=pl.Datetime("us")),
            payload_sha256=pl.format("{}-{}", "payload_sha256", pl.lit(number)),
        )
        _land(con, root, day, number)
    with duckdb.connect(str(table)) as other:
        for file in sorted(root.rglob("*.parquet")):
            other.execute(f"create table if not exists chains as from read_parquet('{file}') limit 0")
            other.execute(f"insert into chains from read_parquet('{file}')")
    files = list(root.rglob("*.parquet"))
    sizes = f"{sum(file.stat().st_size for file in files) / 1e9:.2f} GB in {len(files)} files"
    sizes += f" beside {table.stat().st_size / 1e9:.2f} GB as a table"
    from warehouse.snapshot_views import snapshot_macros

    release = folder / "release.duckdb"
    with duckdb.connect(str(release)) as writing:
        for macro in snapshot_macros(con, root, [CHAINS]):
            for statement in macro.statements("bench"):
                writing.execute(statement)
    con.close()
    daily = "select session_date, sum(gamma_ratio * open_interest * if(is_call, 1, -1)), count(*) from {} group by all"
    single = "select session_date, avg(implied_volatility_ratio) from {} where underlying = 'U01234' group by all"
    found = []
    for what, query in (("by day", daily), ("of one underlying", single)):
        ours = _query(release, query.format("snapshots.bench_chains()"))
        theirs = _query(table, query.format("chains"))
        work = f"query {days} days of a snapshot table {what}"
        found.append(BenchRow(work, ours, "the same as a DuckDB table", theirs, None, sizes))
    return found


def _query(path: Path, query: str) -> float:
    with duckdb.connect(str(path), read_only=True) as con:
        return median_seconds(lambda: con.execute(query).fetchall())


# -- one way in a process of its own -----------------------------------------------------------------------------


def _in_own_process(way: str, folder: Path, rows: int) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-m", "bench.snapshots", way, str(folder / way), str(rows)],
        check=True,
        capture_output=True,
        text=True,
    )
    measured: dict[str, float] = json.loads(done.stdout)
    return measured


def _measure(way: str, folder: Path, rows: int) -> dict[str, float]:
    resource.setrlimit(resource.RLIMIT_AS, (_LIMIT_BYTES, _LIMIT_BYTES))
    folder.mkdir(parents=True)
    work = {"ours": _ours, "duckdb": _duckdb, "pandas": _pandas}[way](folder)
    frame = day_of(0, rows)
    before = _peak_gb()
    start, cpu = time.perf_counter(), time.process_time()
    work(frame)
    return {
        "seconds": time.perf_counter() - start,
        "cpu_seconds": time.process_time() - cpu,
        "frame_gb": before,
        "peak_gb": _peak_gb(),
        "megabytes": sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6,
    }


def _peak_gb() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e9 if sys.platform == "darwin" else 1024**2 * 1e9 / 1024**3)


def _build(folder: Path) -> tuple[duckdb.DuckDBPyConnection, Path]:
    from warehouse.own_tables import bring_up, own_table

    folder.mkdir(parents=True, exist_ok=True)
    con = duckdb.connect(str(folder / "build.duckdb"))
    con.execute("create schema ops; create schema quarantine")
    for name in ("ops.snapshot_files", "ops.snapshot_expired"):
        bring_up(con, own_table(name))
    return con, folder / "snapshots"


def _ours(folder: Path) -> Callable[[pl.DataFrame], None]:
    con, root = _build(folder)
    return lambda frame: _land(con, root, frame, 0)


def _land(con: duckdb.DuckDBPyConnection, root: Path, frame: pl.DataFrame, number: int) -> None:
    from ingest.snapshot_gate import judge_snapshot
    from warehouse.snapshots import land_snapshot, rows_by_day

    now = _moment(number)
    judged = judge_snapshot(CHAINS, frame, now, rows_by_day(con, CHAINS))
    assert judged.held_back is None
    assert judged.refused.is_empty()
    con.begin()
    land_snapshot(con, root, CHAINS, judged.accepted, judged.refused, run_id="bench", now=naive_utc(now))
    con.commit()


def _duckdb(folder: Path) -> Callable[[pl.DataFrame], None]:
    con = duckdb.connect(str(folder / "table.duckdb"))

    def insert(frame: pl.DataFrame) -> None:
        con.register("frame", frame)
        con.execute("create table chains as from frame")
        con.execute("checkpoint")

    return insert


def _pandas(folder: Path) -> Callable[[pl.DataFrame], None]:
    import numpy as np

    def judge_and_write(rows: pl.DataFrame) -> None:
        frame: Any = rows.to_pandas()
        keys = list(CHAINS.key_names)
        numbers = frame[[column.name for column in CHAINS.values]]
        wrong = frame[keys].isna().any(axis=1) | frame.duplicated(keys, keep=False)
        wrong |= ~np.isfinite(numbers).all(axis=1)
        wrong |= (numbers[["bid_usd", "gamma_ratio", "volume_contracts", "open_interest"]] < 0).any(axis=1)
        wrong |= (frame["strike_usd"] <= 0) | (frame["bid_usd"] > frame["ask_usd"]) | (frame["delta_ratio"].abs() > 1)
        wrong |= (frame["ask_usd"] - frame["bid_usd"] - 0.05).abs() > 0.001
        frame[~wrong].sort_values(keys).to_parquet(folder / "day.parquet", compression="zstd", index=False)

    return judge_and_write


# -- the rows ----------------------------------------------------------------------------------------------------


def _moment(number: int) -> datetime:
    return datetime(2026, 10, 1, 22, tzinfo=UTC) + timedelta(days=number)


def day_of(number: int, rows: int) -> pl.DataFrame:
    """Return one day: 5,000 underlyings in a payload each, random figures (which compress badly), not in order."""
    index = pl.int_range(rows, eager=True)
    seed = pl.DataFrame({"i": index, "random": index.hash(number)})
    part = lambda bits: ((pl.col("random") // 2**bits) % 4096).cast(pl.Float64) / 4096  # noqa: E731
    underlying = pl.format("U{}", (pl.col("i") * 7919 % 5000).cast(pl.String).str.zfill(5))
    frame = seed.select(
        session_date=pl.lit(_FIRST + timedelta(days=number)),
        underlying=underlying,
        contract=pl.format("{}261218C{}", underlying, pl.col("i").cast(pl.String).str.zfill(8)),
        expiry_date=pl.lit(_FIRST) + pl.duration(days=pl.col("i") % 400),
        is_call=pl.col("i") % 2 == 0,
        strike_usd=(pl.col("i") % 300 + 1).cast(pl.Float64) * 2.5,
        bid_usd=(part(0) * 40).round(2),
        ask_usd=(part(0) * 40).round(2) + 0.05,
        last_usd=(part(4) * 40).round(2),
        implied_volatility_ratio=part(8) + part(20) / 4096,
        delta_ratio=part(12) * 2 - 1,
        gamma_ratio=part(16) * part(28),
        theta_usd=-part(20) * part(32),
        vega_usd=part(24) * part(36),
        volume_contracts=(part(28) * 500).cast(pl.Int64),
        open_interest=(part(32) * 20_000).cast(pl.Int64) + 1,
        stated_at=pl.lit(None, dtype=pl.Datetime("us")),
        payload_sha256=pl.format("{}", (pl.col("i") * 7919 % 5000 + number * 5000).cast(pl.String).str.zfill(64)),
        fetched_at=pl.lit(naive_utc(_moment(number)), dtype=pl.Datetime("us")),
    )
    return frame.select(*CHAINS.rows_schema, "fetched_at")


if __name__ == "__main__":
    print(json.dumps(_measure(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))))
