"""Snapshot tables in a lake: the same rows as in the home, registered once whatever is killed, kept for releases."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import duckdb
import polars as pl
import pytest

from ingest import dataset as datasets
from ingest.catalog import load_catalog
from ingest.errors import AnotherWriter, ConfigError, HomeUnusable, QueryRefused
from ingest.home import Home
from ingest.settings import Settings
from orchestration import lake_command
from orchestration.archive_check import snapshot_findings
from orchestration.lake_check import lake_finding
from serving.query.querying import Format, run_query
from tests.unit.lakes import READER, address_of, new_lake
from tests.unit.postgres_server import OWNER, PASSWORD, Server, running
from tests.unit.s3_server import SECRET, serving
from tests.unit.snapshot_sample import CHAINS, DAY, NOW, SEEN, chain
from tests.unit.test_publish import MARTS
from tests.unit.test_snapshot_home import ANSWERS, batch_of, judged
from warehouse import publish, rebuild, release_head, snapshots
from warehouse.connection import WriterLock, connect, migrate
from warehouse.lake import retention
from warehouse.lake import snapshots as lake_snapshots
from warehouse.lake.attached import attach, newest_snapshot
from warehouse.lake.belonging import claim, require_lake
from warehouse.lake.errors import LakeLost
from warehouse.lake.setting import Lake, lake_of
from warehouse.lake.snapshots import adopt_files, create_tables, register_snapshots
from warehouse.landing import land
from warehouse.sandbox import opened, read_only_statements
from warehouse.snapshot_store import SnapshotStore, store_in
from warehouse.snapshot_views import snapshot_macros
from warehouse.snapshots import show_snapshots

EARLIER = DAY - timedelta(days=1)
VIEWS = ("made_up.chains", "made_up.chains_latest", "quarantine.made_up_chains")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running() as found:
        yield found


@pytest.fixture(scope="module")
def empty_build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a build file without rows: its schema takes seconds."""
    home = Home(tmp_path_factory.mktemp("empty"))
    con = connect(home)
    migrate(con)
    con.close()
    return home.warehouse


@pytest.fixture
def home(tmp_path: Path, empty_build: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    monkeypatch.setattr(datasets, "DATASETS", (*datasets.DATASETS, CHAINS))
    for module in (snapshots, release_head, lake_snapshots):
        monkeypatch.setattr(module, "TABLES", (CHAINS,))
    datasets.dataset.cache_clear()
    made = Home(tmp_path / "home").ensure()
    shutil.copyfile(empty_build, made.warehouse)
    yield made
    datasets.dataset.cache_clear()


def begun(home: Home, lake: Lake | None) -> tuple[duckdb.DuckDBPyConnection, SnapshotStore]:
    """Open the build file as a run does."""
    con = connect(home, lake)
    migrate(con)
    store = store_in(home.snapshots, lake)
    if lake is not None:
        claim(con, home, lake)
        create_tables(con, lake)
        adopt_files(con, store, home.snapshots)
        register_snapshots(con, store)
    show_snapshots(con, store)
    return con, store


def landed(con: duckdb.DuckDBPyConnection, store: SnapshotStore, *answers: pl.DataFrame) -> None:
    for rows in answers:
        land(con, batch_of(rows), judged(con, batch_of(rows)), load_catalog(), "r", NOW, snapshots=store)


def rows(con: duckdb.DuckDBPyConnection) -> list[list[tuple]]:
    return [con.execute(f"from {view} order by all").fetchall() for view in VIEWS]


def files(con: duckdb.DuckDBPyConnection) -> list[str]:
    found = con.execute("select data_file from ducklake_list_files('lake', 'chains', schema => 'made_up') order by 1")
    return [file for (file,) in found.fetchall()]


def test_the_lake_has_the_rows_that_the_home_had(server, home, tmp_path):
    answers = (*ANSWERS, chain(day=EARLIER, seen=SEEN - timedelta(days=1), payload="r"))
    con, store = begun(home, None)
    landed(con, store, *answers)
    expected = rows(con)
    assert [len(part) for part in expected] == [49, 39, 1]
    con.close()

    lake = new_lake(server, tmp_path / "data")
    con, store = begun(home, lake)
    assert rows(con) == expected, "files of before are taken over"
    snapshot = newest_snapshot(con)
    register_snapshots(con, store)
    assert newest_snapshot(con) == snapshot, "nothing is to be done"

    for macro in snapshot_macros(con, store, [CHAINS]):
        for statement in macro.statements("build"):
            con.execute(statement)
    at = f"timestamp '{SEEN + timedelta(minutes=1)}'"
    (count,) = con.execute(f"select count(*) from snapshots.made_up_chains(moment := {at})").fetchone()
    assert (count, con.execute("from snapshots.made_up_chains() order by all").fetchall()) == (39, expected[1])

    # a later answer, killed before it is registered: not seen until the next run begins
    landed(con, store, chain(day=EARLIER, seen=SEEN - timedelta(hours=23), payload="s", bid=1.5))
    assert rows(con) == expected
    con.close()
    con, store = begun(home, lake)
    seen = rows(con)
    assert [len(part) for part in seen] == [69, 39, 1]
    assert len(files(con)) == len(set(files(con))) == 4
    require_lake(home, lake)
    with pytest.raises(ConfigError, match=r"are in the lake postgresql://.*: set TIDEGAUGE_LAKE; nothing was touched"):
        require_lake(home, None)

    # what expires is taken out whole, and stays in the snapshots of before
    before = newest_snapshot(con)
    con.execute(
        "insert into ops.snapshot_expired select file, now()::timestamp, 'r' from ops.snapshot_files"
        " where period_date = ?",
        [DAY],
    )
    register_snapshots(con, store)
    assert con.execute("select count(*), min(session_date) from made_up.chains").fetchone() == (40, EARLIER)
    kept = con.execute(f"select count(*) from lake.made_up.chains at (version => {before})").fetchone()
    assert kept == (69,)
    deletes = con.execute("select delete_file from ducklake_list_files('lake', 'chains', schema => 'made_up')")
    assert set(deletes.fetchall()) == {(None,)}
    con.close()
    (good,) = snapshot_findings(home, lake, full=True)
    assert (good.level, good.seen) == ("good", "5 files are what was put there")


def test_a_rebuild_replaces_what_the_lake_has_at_its_end(server, home, tmp_path):
    lake = new_lake(server, tmp_path / "data")
    con, store = begun(home, lake)
    landed(con, store, *ANSWERS)
    register_snapshots(con, store)
    expected = rows(con)
    path = next(Path(file) for file in files(con))
    con.close()
    path.chmod(0o644)
    path.write_bytes(b"PAR1")
    (bad,) = snapshot_findings(home, lake, full=False)
    assert "expected" in bad.seen
    rebuild.rebuild(home, map(batch_of, ANSWERS), judged, load_catalog(), run_id="rebuild", now=NOW, lake=lake)
    con = connect(home, lake)
    assert rows(con) == expected

    # a lake that is another's, or that was lost, is not written to
    other = Home(tmp_path / "other").ensure()
    with pytest.raises(ConfigError, match=r"is the lake of another home \(.*home\): nothing was touched"):
        claim(con, other, lake)
    path.unlink()
    with pytest.raises(HomeUnusable, match="is missing: the lake is not the one that this home wrote to"):
        adopt_files(con, store, home.snapshots)
    con.close()


def published(con: duckdb.DuckDBPyConnection, home: Home, lake: Lake | None, version: int) -> publish.PublishResult:
    """Publish a build of two marts, as a run does at its end."""
    con.execute("drop schema if exists marts cascade; drop schema if exists meta cascade")
    con.execute(MARTS.format(version=version, rows=3))
    con.close()
    arguments = {"run_id": "r", "now": NOW + timedelta(hours=version), "origin": "SIMULATED", "code_version": "0"}
    return publish.publish(home, **arguments, keep=2, lake=lake)


def asked(home: Home, sql: str, lake: Lake | None, capsys: pytest.CaptureFixture[str]) -> list[dict]:
    run_query(home, sql, Format.json, lake=lake)
    return json.loads(capsys.readouterr().out)


COUNT = "select count(*) as rows_count from lake.made_up.chains"
REFUSED = (
    ("select * from read_parquet('/etc/passwd')", "read_parquet() is not for here"),
    ("delete from lake.made_up.chains", "DELETE is not read-only"),
    ("select * from ducklake_list_files('lake', 'chains')", "ducklake_list_files() is not for here"),
    ("select * from postgres_query('__ducklake_metadata_lake', 'select 1')", "postgres_query() is not for here"),
)


def test_a_release_reads_the_lake_as_it_was(server, home, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(retention, "_LONG_ENOUGH", "now() + interval 1 day")
    lake = new_lake(server, tmp_path / "data")
    con, store = begun(home, lake)
    landed(con, store, ANSWERS[0])
    first = published(con, home, lake, 1)
    con, store = begun(home, lake)
    landed(con, store, ANSWERS[1])
    second = published(con, home, lake, 2)

    both = COUNT.replace(" from", ", (select count(*) from snapshots.made_up_chains()) as newest_count from", 1)
    assert asked(home, both, lake, capsys) == [{"rows_count": 29, "newest_count": 19}]
    build = "select lake_snapshot, lake_address from meta.build"
    ((newest, address),) = [row.values() for row in asked(home, build, None, capsys)]
    assert address == lake.address
    publish.rollback(home)
    assert asked(home, COUNT, lake, capsys) == [{"rows_count": 19}]
    ((older, _),) = [row.values() for row in asked(home, build, None, capsys)]
    assert older < newest
    assert retention.named_snapshots(home) == {first.build_id: older, second.build_id: newest}

    with opened(home.published, lake=lake) as con:
        for sql, said in REFUSED:
            with pytest.raises(QueryRefused, match=re.escape(said)):
                read_only_statements(con, sql, is_as_of=False)
        with pytest.raises(duckdb.Error, match="disabled by configuration"):
            con.execute(f"from '{home.root}/lake.json'")
        with pytest.raises(duckdb.Error, match="read-only"):
            con.execute("delete from lake.made_up.chains")
    with pytest.raises(QueryRefused, match="these rows are in the lake: add --lake"):
        asked(home, COUNT, None, capsys)
    other = replace(lake, address=lake.address.replace("/lake_", "/sea_"))
    with pytest.raises(ConfigError, match=r"this release was made from the lake postgresql://.*, TIDEGAUGE_LAKE names"):
        asked(home, COUNT, other, capsys)

    # what no release names goes, and nothing else
    con, store = begun(home, lake)
    files_before = len(list(Path(lake.data).rglob("*.parquet")))
    con.execute("create table lake.main.many as select 1 as x")
    stray = Path(lake.data) / "staged" / "a run" / "x.parquet"
    stray.parent.mkdir(parents=True)
    pl.DataFrame({"x": [1]}).write_parquet(stray)
    for part in range(3):
        con.execute(f"insert into lake.main.many values ({part})")
    assert retention.compact(con) == 3
    assert con.execute("select sum(x) from lake.main.many").fetchone() == (4,)
    con.execute("insert into breadth.lake_state (features_snapshot, tail_date) values (1, ?)", [DAY])
    done = retention.expire(con, home)
    assert (done.orphans, stray.exists()) == (1, False)
    assert done.files == 4, "the small files that were merged"
    found = retention.lake_status(con, home, lake.address)
    assert found.snapshots == 4, "two that releases name, one that the next run needs, and the newest"
    assert {one.name: one.rows for one in found.tables}["made_up.chains"] == 29
    assert len(list(Path(lake.data).rglob("*.parquet"))) == files_before + 1
    con.close()
    assert asked(home, COUNT, lake, capsys) == [{"rows_count": 19}]

    # never beside a run
    monkeypatch.setenv("TIDEGAUGE_LAKE", address_of(lake))
    with WriterLock(home):
        for command in (lake_command.expire, lake_command.compact):
            with pytest.raises(AnotherWriter):
                command()

    # a role that reads, and cannot write
    database = lake.catalog.partition("dbname=")[2]
    with server.connect(dbname=database, autocommit=True) as catalog:
        catalog.execute("drop role if exists lake_reader")
        for statement in READER.format(password=PASSWORD, database=database).split(";"):
            catalog.execute(statement)
    reader = lake_of(lake.address.replace(OWNER, f"lake_reader:{PASSWORD}"))
    assert asked(home, COUNT, reader, capsys) == [{"rows_count": 19}]
    con = duckdb.connect()
    attach(con, reader)
    with pytest.raises(duckdb.Error, match="permission denied"):
        con.execute("create table lake.main.mine as select 1 as x")
    con.close()

    # a lake that was lost
    with server.connect(dbname=database, autocommit=True) as catalog:
        catalog.execute("drop schema public cascade; create schema public")
    with pytest.raises(LakeLost, match="has nothing that this release was made from: set TIDEGAUGE_LAKE to the right"):
        asked(home, COUNT, lake, capsys)


def test_the_same_on_s3(server, home, monkeypatch, capsys):
    with serving() as bucket:
        for name, value in bucket.environment.items():
            monkeypatch.setenv(name, value)
        lake = new_lake(server, f"s3://{bucket.name}/tide")
        con, store = begun(home, lake)
        landed(con, store, *ANSWERS)
        register_snapshots(con, store)
        assert [len(part) for part in rows(con)] == [29, 19, 1]
        accepted = [file for file in store.sizes() if "/refused/" not in file]
        assert store.scan(accepted).select("contract").collect().height == 29
        published(con, home, lake, 1)
        assert asked(home, COUNT, lake, capsys) == [{"rows_count": 29}]
        (good,) = snapshot_findings(home, lake, full=True)
        assert (good.level, good.seen) == ("good", "3 files are what was put there")
        (_, finding) = lake_finding(Settings(lake=address_of(lake)), home)
        assert finding is not None
        assert finding.level == "good", finding.seen
        assert "data can be written" in finding.seen
        assert sorted(store.sizes()) == sorted(set(store.sizes())), "the proof is gone"

        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another-Secret-31x")
        (_, refused) = lake_finding(Settings(lake=address_of(lake)), home)
        assert refused is not None
        assert (refused.level, SECRET in refused.seen, "another-Secret" in refused.seen) == ("bad", False, False)
