"""A snapshot table on its whole way: gate, landing, publication, doctor and rebuild, with a made-up connector."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import duckdb
import polars as pl
import pytest

from ingest import dataset as datasets
from ingest.batch import Batch, GateResult
from ingest.catalog import load_catalog
from ingest.errors import AuditFailed
from ingest.home import Home
from ingest.snapshot_gate import gate_with_snapshots
from orchestration.archive_check import snapshot_findings
from tests.unit.snapshot_sample import CHAINS, DAY, NOW, SEEN, chain
from warehouse import rebuild, release_head, snapshots
from warehouse.connection import writer
from warehouse.landing import land as land_batch
from warehouse.snapshots import rows_by_day, show_snapshots

LATER = SEEN + timedelta(hours=1)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    monkeypatch.setattr(datasets, "DATASETS", (*datasets.DATASETS, CHAINS))
    for module in (snapshots, release_head):
        monkeypatch.setattr(module, "TABLES", (CHAINS,))
    datasets.dataset.cache_clear()
    yield Home(tmp_path / "home").ensure()
    datasets.dataset.cache_clear()


def batch_of(rows: pl.DataFrame) -> Batch:
    return Batch("made_up", {CHAINS.id: rows}, (), (), (), NOW)


def judged(con: duckdb.DuckDBPyConnection, batch: Batch) -> GateResult:
    return gate_with_snapshots(batch, _no_other_tables, lambda table: rows_by_day(con, table), batch.fetched_at)


def _no_other_tables(batch: Batch) -> GateResult:
    raise AssertionError(batch)


ANSWERS = (
    chain().with_columns(bid_usd=pl.when(pl.col("contract") == "AAA0003").then(-1.0).otherwise("bid_usd")),
    chain(("BBB",), payload="q", bid=2.0, seen=LATER),
)


def land(home: Home, answers: tuple[pl.DataFrame, ...] = ANSWERS) -> list[tuple[str, int, int, int]]:
    with writer(home) as con:
        show_snapshots(con, home.snapshots)
        done = []
        for rows in answers:
            batch = batch_of(rows)
            result = land_batch(con, batch, judged(con, batch), load_catalog(), "r", NOW, snapshots=home.snapshots)
            done.append((result.state, result.rows_new, result.rows_changed, result.rows_quarantined))
        return done


def test_gate_and_landing_record_how_the_answer_fared(home: Home) -> None:
    assert [row[1:] for row in land(home)] == [(19, 0, 1), (0, 10, 0)]
    with duckdb.connect(str(home.warehouse), read_only=True) as con:
        assert con.execute("select count(*) from made_up.chains_latest").fetchone() == (19,)
        assert con.execute("select contract, reason from quarantine.made_up_chains").fetchall() == [
            ("AAA0003", "bid_usd_is_not_negative")
        ]
        assert con.execute(
            "select check_name, failed_count from ops.checks"
            " where asset = 'made_up.chains' and not is_passed order by 1"
        ).fetchall() == [("bid_usd_is_in_its_range", 1), ("bid_usd_is_not_negative", 1)]
        assert con.execute("select rows_received, newest_period from ops.source_runs").fetchall() == [
            (20, DAY),
            (10, DAY),
        ]


def test_an_answer_that_was_misread_is_held_and_nothing_of_it_lands(home: Home) -> None:
    assert land(home, (chain(bid=-1.0),)) == [("held", 0, 0, 20)]
    with duckdb.connect(str(home.warehouse), read_only=True) as con:
        assert con.execute("select count(*) from made_up.chains").fetchone() == (0,)
        (error,) = con.execute("select error from ops.source_runs").fetchall()[0]
    assert error.startswith("made_up: held back, nothing of this answer landed: made_up.chains: 20 of 20 rows")


def test_doctor_names_a_damaged_file_and_one_left_over(home: Home) -> None:
    assert list(snapshot_findings(home, None, full=True)) == []
    land(home)
    (good,) = snapshot_findings(home, None, full=True)
    assert (good.level, good.seen) == ("good", "3 files are what was put there")
    stray = home.snapshots / "made_up" / "chains" / str(DAY) / "0.parquet"
    stray.write_bytes(b"PAR1")
    (note,) = snapshot_findings(home, None, full=False)
    assert note.level == "note"
    assert str(stray) in note.seen
    _damage(home)
    (bad,) = snapshot_findings(home, None, full=True)
    assert bad.level == "bad"
    assert "expected sha256" in bad.seen
    assert "tidegauge rebuild" in bad.advice


def test_a_rebuild_gives_the_same_files_and_mends_a_damaged_one(home: Home) -> None:
    land(home)
    before = _bodies(home)
    path = _damage(home)
    assert _rebuilt(home).batches == 2
    assert _bodies(home) == before
    assert path.name in {path.name for path in before}
    (good,) = snapshot_findings(home, None, full=True)
    assert good.level == "good"


def test_a_rebuild_that_gives_other_rows_is_refused_and_the_old_file_stays(home: Home) -> None:
    land(home)
    other = (ANSWERS[0], ANSWERS[1].with_columns(bid_usd=pl.lit(1.5)))
    with pytest.raises(AuditFailed, match=r"made_up\.chains: the archive gives other rows"):
        _rebuilt(home, other)
    with pytest.raises(
        AuditFailed, match=r"made_up\.chains: the old file has a snapshot that the archive does not give"
    ):
        _rebuilt(home, ANSWERS[:1])
    with duckdb.connect(str(home.warehouse), read_only=True) as con:
        assert con.execute("select max(bid_usd) from made_up.chains_latest").fetchone() == (2.0,)


def _rebuilt(home: Home, answers: tuple[pl.DataFrame, ...] = ANSWERS) -> rebuild.RebuildResult:
    return rebuild.rebuild(home, map(batch_of, answers), judged, load_catalog(), run_id="rebuild", now=NOW)


def _bodies(home: Home) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in home.snapshots.rglob("*.parquet")}


def _damage(home: Home) -> Path:
    path = next(iter(sorted((home.snapshots / "made_up" / "chains" / str(DAY)).glob("?*" + "?" * 20 + ".parquet"))))
    body = path.read_bytes()
    path.unlink()
    path.write_bytes(bytes([*body[:-30], body[-30] ^ 1, *body[-29:]]))
    return path
