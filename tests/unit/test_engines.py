"""Buckets, fingerprints and the local engine, over a plain DuckDB file in place of a lake."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass

import duckdb
import polars as pl
import pytest

from analytics.breadth.bucketed import ORDER, feature_columns, features_kernel, panel_query
from analytics.breadth.features import STANDARD
from analytics.engines import BUCKETS, Fingerprint, bucket_of, run_buckets
from analytics.engines.buckets import buckets_of
from analytics.engines.fingerprint import fingerprint_of, fingerprints_by
from analytics.engines.versions import require_same, versions_here
from ingest.errors import EngineUnusable
from tests.unit.panels import panel_of
from warehouse.records import shown

SMALL = 4
COLUMNS = (("name", "varchar"), ("value", "double"))


@dataclass(frozen=True)
class FileReader:
    """Reads a DuckDB file, as workers read a lake."""

    path: str

    def __call__(self) -> duckdb.DuckDBPyConnection:
        return duckdb.connect(self.path, read_only=True)


@pytest.fixture
def reader(tmp_path):
    path = tmp_path / "panel.duckdb"
    with duckdb.connect(str(path)) as con, shown(con, "made_up", panel_of(stocks=20, sessions=320, buckets=SMALL)):
        con.execute("create table panel as from made_up")
    return FileReader(str(path))


def queries(from_session=None) -> dict[str, str]:
    rows = "(select * from panel where bucket = {})"
    return {f"{bucket:02}": panel_query(rows.format(bucket), from_session) for bucket in range(SMALL)}


def features(reader, folder, from_session=None, **more):
    return run_buckets(
        "local",
        features_kernel(from_session),
        reader,
        queries(from_session),
        order=ORDER,
        columns=feature_columns(),
        folder=str(folder),
        **more,
    )


def read(files) -> pl.DataFrame:
    return pl.concat(pl.read_parquet(one.file) for one in files if one.file).sort("permid", "session_date")


def test_a_bucket_is_the_same_in_every_process_and_year():
    assert [bucket_of(key) for key in ("AAPL", "BRK.B", "US:ZED", "")] == [43, 7, 55, 20]
    assert {bucket_of(f"stock {n}") for n in range(2_000)} == set(range(BUCKETS))
    assert buckets_of(["b", "a", "b"], "permid").rows() == [("a", bucket_of("a")), ("b", bucket_of("b"))]


def test_fingerprints_add_up_and_tell_a_changed_row(tmp_path):
    con = duckdb.connect()
    con.execute(
        "create table t as select * from (values ('a', 1e0), ('a', 1e0), ('b', null), ('c', 3e0)) v(name, value)"
    )
    whole = fingerprint_of(con, COLUMNS, "t")
    parts = fingerprints_by(con, COLUMNS, "t", "name")
    assert whole.rows == 4
    assert parts["a"] + parts["b"] + parts["c"] == whole
    assert whole - parts["b"] == parts["a"] + parts["c"]
    assert whole - whole == Fingerprint()
    assert fingerprint_of(con, COLUMNS, "(from t order by random())") == whole
    for change in ("update t set value = 3.0000000001 where name = 'c'", "insert into t values ('d', null)"):
        con.begin()
        con.execute(change)
        assert fingerprint_of(con, COLUMNS, "t") != whole
        con.rollback()
    assert fingerprint_of(con, COLUMNS, "(from t where false)") == Fingerprint()


def test_buckets_together_are_the_table_and_the_tail_is_the_end_of_it(reader, tmp_path):
    seen = []
    whole = features(reader, tmp_path / "all", progress=lambda done, of: seen.append((done, of)))
    assert [one.bucket for one in whole] == ["00", "01", "02", "03"]
    assert seen[-1] == (SMALL, SMALL)
    frame = read(whole)
    with reader() as con:
        assert frame.height == con.execute("select count(*) from panel").fetchone()[0]
        for one in whole:
            rows = f"read_parquet('{one.file}')"
            assert fingerprint_of(con, feature_columns(), rows) == one.fingerprint
    first = int(frame["session_seq"].max()) - 3
    tail = read(features(reader, tmp_path / "tail", first))
    assert tail.equals(frame.filter(pl.col("session_seq") >= first))
    assert tail["is_above_200dma"].is_not_null().any()
    assert first - STANDARD.lookback > frame["session_seq"].min()


def test_a_bucket_without_rows_has_no_file(reader, tmp_path):
    found = run_buckets(
        "local",
        features_kernel(),
        reader,
        {"99": panel_query("(from panel where false)", None)},
        order=ORDER,
        columns=feature_columns(),
        folder=str(tmp_path / "none"),
    )
    assert [(one.file, one.rows) for one in found] == [(None, 0)]
    assert not (tmp_path / "none").exists()


def test_rows_arrive_in_any_order_and_are_sorted_inside(reader, tmp_path):
    """Not every engine keeps the order of a query; the kernel refuses rows that are not sorted."""
    shuffled = {key: f"select * from ({query}) order by random()" for key, query in queries().items()}
    arguments = {"order": ORDER, "columns": feature_columns()}
    again = run_buckets("local", features_kernel(), reader, shuffled, folder=str(tmp_path / "b"), **arguments)
    assert [one.fingerprint for one in again] == [one.fingerprint for one in features(reader, tmp_path / "a")]


def broken(rows: pl.DataFrame) -> pl.DataFrame:
    raise ValueError("no such price")


def test_a_failed_bucket_is_named(reader, tmp_path):
    arguments = {"order": ORDER, "columns": feature_columns(), "folder": str(tmp_path)}
    with pytest.raises(EngineUnusable, match="bucket 00: ValueError: no such price; nothing was registered"):
        run_buckets("local", broken, reader, queries(), **arguments)


def test_another_version_anywhere_is_refused_by_name():
    ours = dict(versions_here())
    assert set(ours) == {"python", "polars", "numpy", "duckdb", "tidegauge"}
    require_same("host:1", ours, ours)
    with pytest.raises(EngineUnusable, match=r"worker host:1 cannot be used: it has polars 0\.1 where this"):
        require_same("host:1", {**ours, "polars": "0.1"}, ours)
    with pytest.raises(EngineUnusable, match="tidegauge missing where this process has code"):
        require_same("host:1", {name: ours[name] for name in ours if name != "tidegauge"}, ours)


def test_an_address_that_is_none_is_refused():
    arguments = {"order": (), "columns": (), "folder": ""}
    with pytest.raises(EngineUnusable, match=r"engine ray://x: expected local, tcp://host:port"):
        run_buckets("ray://x", broken, FileReader(""), {}, **arguments)


def test_without_an_engine_no_engine_is_imported():
    engines = "{'distributed', 'dask', 'pyspark'}"
    script = f"import sys, analytics.engines.run, orchestration.cli; print({engines} & set(sys.modules))"
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "set()"
