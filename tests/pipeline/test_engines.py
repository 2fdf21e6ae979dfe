"""Buckets on real workers: the same rows on every engine, and what a kill changes.

Each worker reads the panel from a real lake (DuckLake on PostgreSQL) by a connection of its own.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path

import polars as pl
import pytest

from analytics.breadth.bucketed import ORDER, feature_columns, features_kernel, panel_query
from analytics.engines import on_dask, run_buckets
from analytics.engines.on_lake import LakeReader, staged_folder
from analytics.options import bucketed
from analytics.options.bucketed import gamma_kernel
from ingest.dataset import dataset
from ingest.errors import EngineUnusable
from ingest.settings import PROJECT_ROOT
from ingest.sources.cboe import cboe_chains
from orchestration.engine_check import engine_finding
from orchestration.scale_demo.workers import Workers
from tests.unit import sail_server, spark_server
from tests.unit.lakes import new_address, opened
from tests.unit.option_sample import FETCHED_AT, document, option, payload_of
from tests.unit.panels import panel_of
from tests.unit.postgres_server import PASSWORD, running
from warehouse.lake.attached import newest_snapshot
from warehouse.lake.commit import register
from warehouse.lake.setting import lake_of
from warehouse.snapshot_views import file_columns

STOCKS, SESSIONS, BUCKETS = 200, 600, 8
CHAINS = dataset(cboe_chains.TABLE)
EARLY = {"last_trade_time": None, "price": 4000.0}
CALL, PUT = (option(name, last_trade_time=None) for name in ("SPX261218C04000000", "SPX261218P04000000"))
SNAPSHOTS = (
    {},
    {"timestamp": "2026-11-18 14:45:00", "options": [CALL], **EARLY},
    {"timestamp": "2026-11-18 15:45:00", "options": [CALL, {**PUT, "open_interest": 700.0}], **EARLY},
)


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """A lake with a panel, by its setting."""
    folder = tmp_path_factory.mktemp("lake")
    panel = panel_of(STOCKS, SESSIONS, BUCKETS)
    with running() as server:
        address = new_address(server, folder / "data")
        lake = lake_of(address)
        (folder / "data" / "panel").mkdir(parents=True)
        files = [str(folder / "data" / "panel" / f"{bucket}.parquet") for bucket in range(BUCKETS)]
        for bucket, file in enumerate(files):
            panel.filter(pl.col("bucket") == bucket).write_parquet(file)
        with opened(lake) as con:
            register(con, "breadth.prices", files, comment="a made-up panel")
            register(con, CHAINS.id, chain_files(folder / "data" / "chains"), comment="made-up chains")
        yield address


def chain_files(folder) -> list[str]:
    """Write three snapshots of a chain as landing does."""
    folder.mkdir()
    names = [name for name, _ in file_columns(CHAINS)]
    files = []
    for hours, changes in enumerate(SNAPSHOTS):
        seen = (FETCHED_AT - timedelta(hours=hours)).replace(tzinfo=None)
        rows = cboe_chains.parse(payload_of(document(**changes)))[CHAINS.id].select(names)
        files.append(str(folder / f"{hours}.parquet"))
        rows.with_columns(known_at=pl.lit(seen, pl.Datetime("us")), known_basis=pl.lit("captured")).write_parquet(
            files[-1]
        )
    return files


def gamma(engine, address) -> list:
    """Return files of dealers' gamma, a bucket for each snapshot."""
    lake = lake_of(address)
    with opened(lake, read_only=True) as con:
        snapshot = newest_snapshot(con)
        found = con.execute(f"select distinct filename from lake.{CHAINS.id} order by 1").fetchall()
    return run_buckets(
        engine,
        gamma_kernel,
        LakeReader(lake, snapshot),
        {f"{at}": f"select * from lake.{CHAINS.id} where filename = '{file}'" for at, (file,) in enumerate(found)},
        order=bucketed.ORDER,
        columns=bucketed.columns(),
        folder=staged_folder(lake, "gamma"),
    )


def features(engine, address, kernel=None, progress=None, run_id="run"):
    lake = lake_of(address)
    with opened(lake, read_only=True) as con:
        snapshot = con.execute("select id from lake.current_snapshot()").fetchone()[0]
    rows = "(from lake.breadth.prices where bucket = {})"
    return run_buckets(
        engine,
        kernel or features_kernel(),
        LakeReader(lake, snapshot),
        {f"{one:02}": panel_query(rows.format(one), None) for one in range(BUCKETS)},
        order=ORDER,
        columns=feature_columns(),
        folder=staged_folder(lake, run_id),
        progress=progress,
    )


@pytest.fixture(scope="module")
def expected(address):
    """What this process computes of the whole panel."""
    return features("local", address)


def differences(address, files, expected, columns=None) -> tuple[int, int]:
    """Return how many rows are only in the one and only in the other: every column, NULLs too."""
    names = ", ".join(name for name, _ in columns or feature_columns())
    one, other = (f"select {names} from read_parquet({[file.file for file in held]})" for held in (files, expected))
    with opened(lake_of(address)) as con:
        return tuple(
            con.execute(f"select count(*) from (({left}) except all ({right}))").fetchone()[0]
            for left, right in ((one, other), (other, one))
        )


@contextmanager
def cluster_of(folder, address):
    workers = Workers(folder, environment={"TIDEGAUGE_LAKE": address, "PYTHONPATH": str(PROJECT_ROOT)})
    try:
        workers.start()
        yield workers
    finally:
        workers.stop()


def slowly(rows: pl.DataFrame, seconds: float) -> pl.DataFrame:
    time.sleep(seconds)
    return features_kernel()(rows)


def test_dask_gives_the_same_rows_and_a_kill_costs_time_only(address, expected, tmp_path, monkeypatch):
    """One cluster for all: starting it is what costs."""
    with cluster_of(tmp_path, address) as cluster:
        seen = engine_finding(lake_of(f"{address}&engine={cluster.address}"))
        assert seen.level == "good"
        assert seen.seen.startswith(f"{cluster.address}: workers 2, each with our code, python 3.")
        files = features(cluster.address, address)
        assert differences(address, files, expected) == (0, 0)
        assert sum(file.rows for file in files) > 100_000
        assert [file.fingerprint for file in files] == [file.fingerprint for file in expected]

        of_gamma, ours = gamma(cluster.address, address), gamma("local", address)
        assert differences(address, of_gamma, ours, bucketed.columns()) == (0, 0)
        assert all(file.rows > 1 for file in of_gamma)
        assert not {file.worker for file in of_gamma} & {file.worker for file in ours}

        def kill_a_worker(done, of):
            if done == 1:
                os.kill(cluster.workers[0].pid, signal.SIGKILL)

        files = features(cluster.address, address, partial(slowly, seconds=0.2), kill_a_worker)
        assert not cluster.workers[0].is_running
        assert differences(address, files, expected) == (0, 0)

        def kill_the_scheduler(done, of):
            cluster.scheduler.kill()

        monkeypatch.setattr(on_dask, "CONNECT_SECONDS", 2)
        gone = r"engine tcp://\S+: the scheduler went away during the work; nothing was registered"
        with pytest.raises(EngineUnusable, match=gone):
            features(cluster.address, address, partial(slowly, seconds=1), kill_the_scheduler)
        for process in (cluster.scheduler, *cluster.workers):
            assert PASSWORD not in process.log.read_text(errors="replace")
    with pytest.raises(EngineUnusable, match=r"engine tcp://\S+: no scheduler answers there"):
        features(cluster.address, address)
    assert engine_finding(lake_of(f"{address}&engine={cluster.address}")).level == "bad"


def test_the_spark_api_gives_the_same_rows(address, expected, tmp_path):
    """Sail serves it, and hands rows over in no order: what is computed is sorted in the call."""
    with sail_server.running(tmp_path, TIDEGAUGE_LAKE=address) as engine:
        files = features(engine, address)
        assert differences(address, files, expected) == (0, 0)
        assert [file.fingerprint for file in files] == [file.fingerprint for file in expected]
        with pytest.raises(EngineUnusable, match="no such price"):
            features(engine, address, broken)
    with pytest.raises(EngineUnusable, match=r"engine sc://\S+: no server answers there"):
        features(engine, address)


@pytest.mark.slow
def test_spark_itself_gives_the_same_rows(address, expected, tmp_path):
    """The same API before a JVM, and two executors beside it."""
    with spark_server.running(tmp_path, TIDEGAUGE_LAKE=address) as engine:
        files = features(engine, address)
        assert differences(address, files, expected) == (0, 0)
        assert [file.fingerprint for file in files] == [file.fingerprint for file in expected]
        assert len({file.worker for file in files}) > 1
        with pytest.raises(EngineUnusable, match="no such price"):
            features(engine, address, broken)
    assert PASSWORD not in (tmp_path / "spark.log").read_text(errors="replace")


def broken(rows: pl.DataFrame) -> pl.DataFrame:
    raise ValueError("no such price")


COMMITTER = """
import sys
from tests.unit.lakes import opened
from warehouse.lake.commit import register
from warehouse.lake.setting import lake_of

con = opened(lake_of(sys.argv[1]))
print("go", flush=True)
register(con, "breadth.killed", sys.argv[2:], comment="features", replace=True)
"""


def killed_committer(address, files, seconds) -> int:
    """Kill a process so long after it began to commit; return the rows that the lake has then."""
    command = [sys.executable, "-c", COMMITTER, address, *(file.file for file in files)]
    with subprocess.Popen(command, cwd=PROJECT_ROOT, stdout=subprocess.PIPE, text=True) as committer:
        assert committer.stdout.readline() == "go\n"
        time.sleep(seconds)
        committer.kill()
    with opened(lake_of(address)) as con:
        known = "select 1 from duckdb_tables() where database_name = 'lake' and table_name = 'killed'"
        if con.execute(known).fetchone() is None:
            return 0
        return con.execute("select count(*) from lake.breadth.killed").fetchone()[0]


@pytest.mark.slow
def test_a_committer_killed_at_twelve_moments_leaves_all_or_nothing(address, expected):
    rows = sum(file.rows for file in expected)
    found = {killed_committer(address, expected, 0.012 * moment) for moment in range(12)}
    assert found <= {0, rows}
    with opened(lake_of(address)) as con:
        register(con, "breadth.killed", [file.file for file in expected], comment="features", replace=True)
        assert con.execute("select count(*) from lake.breadth.killed").fetchone() == (rows,)


def test_files_of_a_run_are_staged_beside_the_data(address, expected):
    folder = Path(staged_folder(lake_of(address), "run"))
    assert {Path(file.file).parent for file in expected} == {folder}
