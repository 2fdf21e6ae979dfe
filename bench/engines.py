"""Breadth features of 8,000 stocks over 25 years: two workers of Dask beside polars in one process, in the same run.

The workers read their buckets from a lake (DuckLake on PostgreSQL, both of the bench's own) and their files are
registered in one transaction; all of that is in their time. Polars alone reads the Parquet files of the panel, computes
and writes.
On one machine an engine cannot be faster: what is measured is what it costs, and what it saves in memory.

`python -m bench.engines 500` measures 500 stocks. Not in `python -m bench`: it takes minutes and needs PostgreSQL.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import polars as pl
import pyarrow.parquet as pq

from analytics.breadth.features import PRICES, breadth_features, feature_batches
from analytics.engines import Fingerprint, run_buckets
from analytics.engines.fingerprint import fingerprint_of
from analytics.engines.on_lake import LakeReader, staged_folder
from bench import BenchRow, bench_folder
from bench.breadth import GAPPY_EVERY, SESSIONS, STOCKS, generate
from ingest.settings import PROJECT_ROOT
from orchestration.scale_demo.postgres import PostgresServer
from orchestration.scale_demo.workers import Workers
from warehouse.lake.attached import attach
from warehouse.lake.commit import register
from warehouse.lake.setting import Lake, lake_of

BUCKETS = 64
MOST_TIMES, MOST_GB = 1.7, 0.6
_TYPES = {pl.Int32: "integer", pl.Int64: "bigint", pl.Float64: "double", pl.Boolean: "boolean"}


def run(stocks: int = STOCKS, sessions: int = SESSIONS) -> list[BenchRow]:
    """Time both on one panel and hold their rows against each other."""
    with bench_folder() as folder:
        folder.chmod(0o755)
        panel = folder / "panel"
        generate(panel, stocks, sessions, GAPPY_EVERY, stocks_a_file=-(-stocks // BUCKETS))
        alone = _alone(panel, folder / "alone.parquet")
        server = PostgresServer(folder / "postgres", is_durable=False)
        try:
            server.start()
            server.asked("create database lake")
            lake = f"{server.dsn(database='lake')}?data={folder / 'data'}"
            workers = Workers(folder / "dask", environment={"TIDEGAUGE_LAKE": lake, "PYTHONPATH": str(PROJECT_ROOT)})
            try:
                workers.start()
                seconds, peak, fingerprint = _on_workers(panel, workers, lake_of(f"{lake}&engine={workers.address}"))
            finally:
                workers.stop()
        finally:
            server.remove()
        if _of_file(folder / "alone.parquet") != fingerprint:
            raise RuntimeError("the workers computed other rows than polars alone")
    note = (
        f"once; {fingerprint.rows:,} equal rows; a worker at its peak {peak:.2f} GB (bound {MOST_GB}),"
        f" polars alone {alone['peak_gb']:.2f}; {seconds / alone['seconds']:.2f} times its time (bound {MOST_TIMES})"
    )
    work = f"breadth features, two workers, {stocks:,} x {sessions:,}"
    return [BenchRow(work, seconds, "polars alone", alone["seconds"], None, note)]


def _on_workers(panel: Path, workers: Workers, lake: Lake) -> tuple[float, float, Fingerprint]:
    """Return seconds from the look-up of the snapshot to the commit, the peak of a worker in GB, and what was made."""
    files = sorted(str(file) for file in panel.glob("*.parquet"))
    with duckdb.connect() as con:
        attach(con, lake)
        snapshot = register(con, "panel.prices", files, comment="panel")
        firsts = [int(Path(file).stem) for file in files]
        queries = {
            f"{first:06}": f"from lake.panel.prices where permid >= {first} and permid < {end}"
            for first, end in zip(firsts, [*firsts[1:], 10**9], strict=True)
        }
        began = time.perf_counter()
        made = run_buckets(
            lake.engine,
            breadth_features,
            LakeReader(lake, snapshot),
            queries,
            order=("permid", "session_seq"),
            columns=_columns(),
            folder=staged_folder(lake, "bench"),
        )
        register(con, "panel.features", [one.file for one in made if one.file], comment="features")
        seconds = time.perf_counter() - began
        fingerprint = fingerprint_of(con, _columns(), "lake.panel.features")
    if sum((one.fingerprint for one in made), Fingerprint()) != fingerprint:
        raise RuntimeError("the lake has other rows than the workers wrote")
    return seconds, max(_peak_gb(process.pid) for process in workers.workers), fingerprint


def _columns() -> list[tuple[str, str]]:
    prices = {"permid": pl.Int32, "session_seq": pl.Int32, "close_adj": pl.Float64, "volume_adj": pl.Float64}
    schema = breadth_features(pl.DataFrame(schema=prices).select(PRICES)).schema
    return [(name, _TYPES[type(kind)]) for name, kind in schema.items()]


def _of_file(file: Path) -> Fingerprint:
    with duckdb.connect() as con:
        return fingerprint_of(con, _columns(), f"read_parquet('{file}')")


def _peak_gb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024 / 1e9


def _alone(panel: Path, made: Path) -> dict[str, float]:
    """Let a process of its own compute everything, so that its peak is its own."""
    command = [sys.executable, "-m", "bench.engines", "--alone", str(panel), str(made)]
    ran = subprocess.run(command, cwd=PROJECT_ROOT, env=os.environ, capture_output=True, text=True)
    if ran.returncode:
        raise RuntimeError(f"polars alone failed:\n{ran.stderr[-2000:]}")
    return json.loads(ran.stdout)


def _compute_alone(panel: Path, made: Path) -> None:
    began = time.perf_counter()
    prices = pl.read_parquet(panel / "*.parquet").rechunk()
    writer = None
    for batch in feature_batches(prices):
        table = batch.to_arrow()
        writer = writer or pq.ParquetWriter(made, table.schema, compression="zstd")
        writer.write_table(table)
    assert writer is not None
    writer.close()
    print(json.dumps({"seconds": time.perf_counter() - began, "peak_gb": _peak_gb(os.getpid())}))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--alone"]:
        _compute_alone(Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        for row in run(*(int(size) for size in sys.argv[1:3])):
            print(row)
