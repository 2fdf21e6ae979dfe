"""Rebuild: the archive alone gives the same rows, and a difference is never swapped in."""

from __future__ import annotations

import gzip
import os
import shutil
from pathlib import Path

import polars as pl
import pytest

from ingest.archive import Archive, sha256_of
from ingest.batch import Batch, CheckResult, GateResult, Window
from ingest.errors import AuditFailed, HomeUnusable
from ingest.home import Home
from ingest.payload import Payload
from orchestration import cli
from tests.unit.databases import opened_build
from tests.unit.series_batches import series_batch, series_gated
from tests.unit.test_landing import CATALOG, MON, OAS, SOURCE, TUE, WED, frame, utc
from warehouse.connection import connect
from warehouse.landing import land
from warehouse.lived import KEPT_ON_REBUILD, MODEL_VERSION
from warehouse.publish import publish
from warehouse.rebuild import RebuildResult, foreseen_loss, rebuild
from warehouse.runs import begin_run, finish_run, record_checks

BATCHES = [
    series_batch(SOURCE, frame(rows, moment), [Window(OAS, None)], (), (), moment)
    for moment, rows in (
        (utc(3, 16), [(OAS, MON, 3.1)]),
        (utc(4, 16), [(OAS, MON, 3.15)]),
        (utc(6, 16), [(OAS, MON, 3.15), (OAS, TUE, 3.2), (OAS, WED, 99.0)]),
        (utc(9, 16), [(OAS, MON, 3.1), (OAS, WED, 3.3)]),
    )
]


def gate(_con, batch: Batch) -> GateResult:
    plausible = pl.col("value") < 40
    refused = batch.rows.filter(~plausible).with_columns(pl.lit("above 40").alias("reason"))
    return series_gated(SOURCE, batch.rows.filter(plausible), refused)


@pytest.fixture(scope="module")
def landed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a home in which BATCHES have landed. No test changes it."""
    home = Home(tmp_path_factory.mktemp("landed") / "home").ensure()
    con = opened_build(home)
    for number, batch in enumerate(BATCHES):
        begin_run(con, f"run {number}", batch.fetched_at)
        land(con, batch, gate(con, batch), CATALOG, f"run {number}", batch.fetched_at)
    con.close()
    return home.root


@pytest.fixture
def home(landed: Path, tmp_path: Path) -> Home:
    return Home(Path(shutil.copytree(landed, tmp_path / "home")))


def rows(home: Home) -> list[tuple]:
    con = connect(home)
    found = con.execute(
        "select series_id, period_date, value, known_at, known_basis, loaded_at from fred.observations order by all"
    ).fetchall()
    con.close()
    return found


def again(home: Home, batches: list[Batch]) -> RebuildResult:
    return rebuild(home, iter(batches), gate, CATALOG, run_id="rebuild", now=utc(20))


def test_the_archive_gives_the_same_rows(home):
    before = rows(home)
    assert [row[4] for row in before] == ["release_rule", "captured", "captured", "captured", "captured", "captured"]
    assert again(home, BATCHES) == RebuildResult(4, 6, 6)
    assert rows(home) == before
    con = connect(home)
    assert con.execute("select count(*) from ops.runs").fetchone() == (4,)
    con.close()
    assert not (home.root / "rebuild").exists()


def test_a_warehouse_that_was_deleted_comes_back(home):
    before = rows(home)
    home.warehouse.unlink()
    assert again(home, BATCHES) == RebuildResult(4, 6, None)
    assert rows(home) == before


def test_a_difference_keeps_the_old_file_and_says_what_differs(home):
    before = rows(home)
    with pytest.raises(
        AuditFailed,
        match=r"fred.observations: the old file has a row that the archive does not give: hy_oas 2026-03-02",
    ):
        again(home, BATCHES[:1])
    assert rows(home) == before
    assert home.warehouse.with_name("warehouse_rebuilt.duckdb").exists()
    assert again(home, BATCHES).rows_compared == 6


# -- what no archive holds ---------------------------------------------------------------------------------------

DAMAGES = {
    "gone": lambda path: path.unlink(),
    "garbage": lambda path: path.write_bytes(b"no database" * 1000),
    "cut": lambda path: os.truncate(path, 9000),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
}


def say(home: Home) -> None:
    """Give the build file regime rows, checks and marts as a run would, and publish."""
    con = connect(home)
    con.execute("create schema if not exists marts; create schema if not exists meta")
    con.execute(
        "create or replace table marts.carry_daily as select date '2026-03-06' as session_date, 1.5 as carry_bp"
    )
    con.execute(
        """
        insert into regime.days by name
        select date '2026-03-02' + i::int as session_date, name as cutoff_name, version as model_version,
            timestamp '2026-03-03 14:15:00.123456' + to_days(i::int) as cutoff_at,
            if(i % 3 = 0, 'lived', 'reconstructed') as basis, timestamp '2026-03-03 14:20:00' as computed_at,
            'run ' || i as run_id, '{"seen": {"a": [1, 2.5]}, "fold": null}' as memory_json,
            'EASY' as regime_class, i as core_score, i * 0.1 + 1e-17 as vix_level,
            'He said "no"; o''clock – ü' as explanation
        from range(9) t(i), (values ('next_morning'), ('at_close')) c(name), (values (?), ('old rules')) v(version)
        """.replace("vix_level", _a_double(con)).replace("explanation", _a_text(con)),
        [MODEL_VERSION],
    )
    con.execute(
        "insert into ops.checks values"
        " ('run 3', 'gate', 'fred.observations', 'unique', 'error', true, 0, null, ?, false)",
        [utc(9).replace(tzinfo=None)],
    )
    con.close()
    publish(home, run_id="run 3", now=utc(9, 17), origin="LIVE", code_version="1", keep=5)
    con = connect(home)
    finish_run(con, "run 3", "published", utc(9, 17))  # as a run does, after its release was written
    con.close()


def _column(con, kind: str) -> str:
    taken = "('core_score', 'regime_class', 'memory_json', 'cutoff_name', 'model_version', 'basis', 'run_id')"
    return con.execute(
        f"select column_name from duckdb_columns() where schema_name = 'regime' and table_name = 'days' "
        f"and data_type = '{kind}' and column_name not in {taken} order by column_index limit 1"
    ).fetchone()[0]


def _a_double(con) -> str:
    return _column(con, "DOUBLE")


def _a_text(con) -> str:
    return _column(con, "VARCHAR")


def kept(home: Home) -> list[list[tuple]]:
    con = connect(home)
    found = [
        con.execute(f"select * from {table} where {which} order by all").fetchall()
        for table, which in (
            ("regime.days", KEPT_ON_REBUILD),
            ("ops.runs", "run_id <> 'rebuild'"),
            ("ops.checks", "run_id <> 'rebuild'"),
        )
    ]
    con.close()
    return found


@pytest.mark.parametrize("how", list(DAMAGES))
def test_what_was_said_and_run_comes_back_from_the_newest_release(home, how):
    say(home)
    before, landed = kept(home), rows(home)
    assert len(before[0]) == 24, "of 36 rows those lived, and those of rules that are gone"
    DAMAGES[how](home.warehouse)
    assert foreseen_loss(home) is None
    done = again(home, BATCHES)
    assert rows(home) == landed
    assert kept(home) == before
    assert (done.rows_compared, done.recovered.runs, done.recovered.regime_rows) == (None, 4, 24)
    assert (done.set_aside is None) == (how == "gone")
    assert done.set_aside is None or done.set_aside.exists()
    assert again(home, BATCHES).rows_compared == 6, "and the new file is as good as any"
    assert kept(home) == before


def test_a_damaged_release_gives_nothing_and_the_one_before_does(home):
    say(home)
    before = kept(home)
    con = connect(home)
    con.execute("insert into marts.carry_daily values ('2026-03-07', 2.0)")
    con.close()
    newest = publish(home, run_id="run 3", now=utc(10, 17), origin="LIVE", code_version="1", keep=5).path
    newest.chmod(0o644)
    os.truncate(newest, newest.stat().st_size - 500)
    home.warehouse.unlink()
    assert again(home, BATCHES).recovered.build_id != newest.stem.removeprefix("tidegauge_")
    assert kept(home) == before


def test_without_a_release_the_loss_is_said_before(home):
    home.warehouse.unlink()
    assert "would be lost" in foreseen_loss(home)
    assert "basis lived" in foreseen_loss(home)


def test_nothing_is_lost_while_the_file_is_sound(home):
    assert foreseen_loss(home) is None


@pytest.fixture
def archived(tmp_path, monkeypatch) -> Home:
    """A home whose archive holds one answer of a user's file, and which has landed it."""
    home = Home(tmp_path / "home").ensure()
    archive = Archive(home.archive)
    body = b"DATE,OPEN,HIGH,LOW,CLOSE\n07/01/2014,11.0,12.0,10.0,11.15\n"
    archive.put(
        Payload(
            "cboe", "VIX history", "https://cdn.cboe.com/x", body, sha256_of(body), utc(3, 16), meta={"series": "x"}
        ),
        utc(3, 16).isoformat(),
    )
    archive.close()
    con = opened_build(home)
    con.close()
    monkeypatch.setenv("TIDEGAUGE_HOME", str(home.root))
    monkeypatch.setenv("TIDEGAUGE_NOW", "2026-03-20T12:00")
    return home


ARCHIVE_DAMAGES = {
    "missing": lambda path: path.unlink(),
    "cut": lambda path: os.truncate(path, 20),
    "empty": lambda path: os.truncate(path, 0),
    "garbage": lambda path: path.write_bytes(b"garbage"),
    "a bit": lambda path: path.write_bytes(bytes(b ^ 4 if at == 30 else b for at, b in enumerate(path.read_bytes()))),
    "other bytes": lambda path: path.write_bytes(gzip.compress(b"other")),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
}


@pytest.mark.parametrize("how", list(ARCHIVE_DAMAGES))
def test_a_damaged_answer_is_named_and_can_be_left_out(archived, how, capsys):
    (path,) = archived.archive.glob("*/*.gz")
    ARCHIVE_DAMAGES[how](path)
    assert cli.call(["rebuild"]) == HomeUnusable.exit_code
    told = capsys.readouterr().err
    assert str(path) in told
    assert "--accept-loss" in told
    assert cli.call(["rebuild", "--accept-loss"]) == 0
    assert f"left out: archive: {path}" in capsys.readouterr().err


@pytest.mark.parametrize("how", list(ARCHIVE_DAMAGES))
def test_doctor_finds_a_damaged_answer(archived, how, capsys):
    assert cli.call(["doctor", "--full"]) == 0, capsys.readouterr().out
    assert "1 of 1 answers are what was put there" in capsys.readouterr().out
    (path,) = archived.archive.glob("*/*.gz")
    ARCHIVE_DAMAGES[how](path)
    assert cli.call(["doctor"]) == HomeUnusable.exit_code
    assert str(path) in capsys.readouterr().out


def test_an_answer_that_comes_again_takes_the_place_of_a_cut_one(archived):
    (path,) = archived.archive.glob("*/*.gz")
    archive = Archive(archived.archive)
    entry = next(archive.entries())
    body = archive.body(entry.sha256)
    os.truncate(path, 20)
    archive.put(Payload("cboe", "VIX history", "https://cdn.cboe.com/x", body, entry.sha256, utc(4, 16)))
    archive.close()
    assert Archive(archived.archive).body(entry.sha256) == body


def test_without_a_warehouse_the_command_wants_to_be_told(archived, capsys):
    archived.warehouse.unlink()
    assert cli.call(["rebuild"]) == HomeUnusable.exit_code
    told = capsys.readouterr().err
    assert "basis lived" in told
    assert "--accept-loss" in told
    assert not archived.warehouse.exists()
    assert cli.call(["rebuild", "--accept-loss"]) == 0
    assert archived.warehouse.exists()


def test_the_checks_of_a_file_of_older_code_are_carried_over(home: Home):
    """Checks of runs before a column was there: the rebuilt file has the column and does not know."""
    con = connect(home)
    check = CheckResult("fred.observations", "value_is_a_number", "error", True, 0, "passed")
    record_checks(con, "run 0", [check], utc(3, 16))
    con.execute("alter table ops.checks drop column is_blocking")
    con.close()
    again(home, BATCHES)
    con = connect(home)
    kept = con.execute(
        "select run_id, check_name, is_blocking from ops.checks where check_name = 'value_is_a_number'"
    ).fetchall()
    con.close()
    assert kept == [("run 0", "value_is_a_number", None)]
