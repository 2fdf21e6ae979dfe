"""Snapshot tables in a lake: the same rows as in the home, registered once whatever is killed, kept for releases."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import duckdb
import polars as pl
import pytest

from ingest import dataset as datasets
from ingest.catalog import load_catalog
from ingest.errors import ConfigError, HomeUnusable
from ingest.home import Home
from orchestration.archive_check import snapshot_findings
from tests.unit.lakes import new_lake
from tests.unit.postgres_server import Server, running
from tests.unit.snapshot_sample import CHAINS, DAY, NOW, SEEN, chain
from tests.unit.test_snapshot_home import ANSWERS, batch_of, judged
from warehouse import publish, rebuild, snapshots
from warehouse.connection import connect, migrate
from warehouse.lake import snapshots as lake_snapshots
from warehouse.lake.attached import newest_snapshot
from warehouse.lake.belonging import claim, require_lake
from warehouse.lake.setting import Lake
from warehouse.lake.snapshots import adopt_files, create_tables, register_snapshots
from warehouse.landing import land
from warehouse.snapshot_store import SnapshotStore, store_in
from warehouse.snapshot_views import snapshot_macros
from warehouse.snapshots import show_snapshots

EARLIER = DAY - timedelta(days=1)
VIEWS = ("made_up.chains", "made_up.chains_latest", "quarantine.made_up_chains")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running() as found:
        yield found


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    monkeypatch.setattr(datasets, "DATASETS", (*datasets.DATASETS, CHAINS))
    for module in (snapshots, publish, lake_snapshots):
        monkeypatch.setattr(module, "TABLES", (CHAINS,))
    datasets.dataset.cache_clear()
    yield Home(tmp_path / "home").ensure()
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
    con.close()

    (good,) = snapshot_findings(home, lake, full=True)
    assert (good.level, good.seen) == ("good", "5 files are what was put there")
    require_lake(home, lake)
    with pytest.raises(ConfigError, match=r"are in the lake postgresql://.*: set TIDEGAUGE_LAKE; nothing was touched"):
        require_lake(home, None)

    # what expires is taken out whole, and stays in the snapshots of before
    con, store = begun(home, lake)
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
    con.close()

    # a lake that is another's, or that was lost, is not written to
    other = Home(tmp_path / "other").ensure()
    with pytest.raises(ConfigError, match=r"is the lake of another home \(.*home\): nothing was touched"):
        begun(other, lake)
    path.unlink()
    with pytest.raises(HomeUnusable, match="is missing: the lake is not the one that this home wrote to"):
        begun(home, lake)
