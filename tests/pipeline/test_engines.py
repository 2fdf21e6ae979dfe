"""Buckets on real workers: the same rows on every engine, and what a kill changes."""

from __future__ import annotations

import threading
import time
from functools import partial

import duckdb
import polars as pl
import pytest

from analytics.breadth.bucketed import ORDER, feature_columns, features_kernel, panel_query
from analytics.engines import run_buckets
from ingest.errors import EngineUnusable
from tests.unit import dask_cluster
from tests.unit.panels import panel_of
from tests.unit.test_engines import FileReader
from warehouse.records import shown

STOCKS, SESSIONS, BUCKETS = 200, 600, 8


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    path = tmp_path_factory.mktemp("panel") / "panel.duckdb"
    with duckdb.connect(str(path)) as con, shown(con, "made_up", panel_of(STOCKS, SESSIONS, BUCKETS)):
        con.execute("create table panel as from made_up")
    return FileReader(str(path))


def features(engine, reader, folder, kernel=None, progress=None):
    queries = {f"{one:02}": panel_query(f"(from panel where bucket = {one})", None) for one in range(BUCKETS)}
    return run_buckets(
        engine,
        kernel or features_kernel(),
        reader,
        queries,
        order=ORDER,
        columns=feature_columns(),
        folder=str(folder),
        progress=progress,
    )


@pytest.fixture(scope="module")
def expected(reader, tmp_path_factory):
    """What this process computes of the whole panel."""
    return features("local", reader, tmp_path_factory.mktemp("local"))


def differences(files, expected) -> tuple[int, int]:
    """Return how many rows are only in the one and only in the other: every column, NULLs too."""
    names = ", ".join(name for name, _ in feature_columns())
    one, other = (f"select {names} from read_parquet({[file.file for file in held]})" for held in (files, expected))
    with duckdb.connect() as con:
        return tuple(
            con.execute(f"select count(*) from (({left}) except all ({right}))").fetchone()[0]
            for left, right in ((one, other), (other, one))
        )


def slowly(rows: pl.DataFrame, seconds: float) -> pl.DataFrame:
    time.sleep(seconds)
    return features_kernel()(rows)


def test_dask_gives_the_same_rows_and_a_kill_costs_time_only(reader, expected, tmp_path):
    """One cluster for all: starting it is what costs."""
    with dask_cluster.running(tmp_path, workers=2) as cluster:
        files = features(cluster.address, reader, tmp_path / "plain")
        assert differences(files, expected) == (0, 0)
        assert sum(file.rows for file in files) > 100_000
        assert [file.fingerprint for file in files] == [file.fingerprint for file in expected]

        def kill_a_worker(done, of):
            if done == 1:
                cluster.workers[0].kill()

        kernel = partial(slowly, seconds=0.2)
        files = features(cluster.address, reader, tmp_path / "killed", kernel, kill_a_worker)
        assert cluster.workers[0].wait(10) == -9
        assert differences(files, expected) == (0, 0)

        began = time.monotonic()
        threading.Timer(1.5, cluster.scheduler.kill).start()
        with pytest.raises(EngineUnusable, match=r"engine tcp://\S+: the scheduler went away during the work; nothing"):
            features(cluster.address, reader, tmp_path / "lost", partial(slowly, seconds=1))
        assert time.monotonic() - began < 60
    with pytest.raises(EngineUnusable, match=r"engine tcp://127.0.0.1:\d+: no scheduler answers there"):
        features(cluster.address, reader, tmp_path / "gone")
