"""The build file: one writer, a schema that is applied once, and sentences for a home that cannot be used."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import duckdb
import pytest

from ingest.dataset import DATASETS
from ingest.errors import AnotherWriter, HomeUnusable
from ingest.home import Home
from warehouse.connection import WriterLock, connect, home_errors, is_writer_active, migrate, writer


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home").ensure()


def in_process(code: str, home: Home, **options) -> subprocess.Popen[str]:
    program = "from pathlib import Path\nfrom ingest.home import Home\n" + textwrap.dedent(code)
    program = program.replace("HOME", f"Home(Path({str(home.root)!r}))")
    return subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
        **options,
    )


HOLDER = """
    from warehouse.connection import WriterLock
    with WriterLock(HOME):
        print("held", flush=True)
        input()
"""


def test_a_second_process_is_told_who_writes_and_touches_nothing(home):
    with in_process(HOLDER, home) as holder:
        assert holder.stdout.readline() == "held\n"
        assert is_writer_active(home)
        with pytest.raises(AnotherWriter) as told, writer(home):
            pass
        assert re.fullmatch(
            rf"another run \(pid {holder.pid}, since 20\d\d-\d\d-\d\d \d\d:\d\d:\d\d UTC\) is writing to "
            rf"{re.escape(str(home.root))}; wait for it or stop it; nothing was touched",
            str(told.value),
        )
        assert not home.warehouse.exists()
        holder.communicate("\n")
    assert not is_writer_active(home)
    with writer(home) as con:
        assert con.execute("select count(*) from ops.runs").fetchone() == (0,)


def test_a_killed_writer_leaves_no_lock(home):
    with in_process(HOLDER, home) as holder:
        holder.stdout.readline()
        assert is_writer_active(home)
        holder.kill()
    with WriterLock(home):
        assert is_writer_active(home), "the lock could be taken again"


def test_the_lock_is_held_while_the_connection_comes_and_goes(home):
    with WriterLock(home):
        for _ in range(2):
            connect(home).close()
            with pytest.raises(AnotherWriter):
                WriterLock(home).acquire()


def test_a_reader_that_stays_is_named(home, monkeypatch):
    connect(home).close()
    monkeypatch.setattr("warehouse.connection._READER_WAIT_SECONDS", 0.2)
    code = f"""
        import duckdb
        con = duckdb.connect({str(home.warehouse)!r}, read_only=True)
        print("open", flush=True)
        input()
    """
    with in_process(code, home) as reader:
        reader.stdout.readline()
        with pytest.raises(AnotherWriter, match=rf"has .*warehouse.duckdb open: .*PID {reader.pid}"):
            connect(home)
        reader.communicate("\n")


def test_the_schema_is_applied_once_and_recorded(home):
    with writer(home) as con:
        recorded = con.execute("select name from ops.migrations").fetchall()
        raw = {table.id for table in DATASETS if not table.is_in_daily_files}  # files of the home show the others
        assert {f"table {table}" for table in raw} <= {name for (name,) in recorded}
        assert {f"latest {table}" for table in raw} <= {name for (name,) in recorded}
        assert migrate(con) == []
        con.execute("insert into ops.runs values ('a', now(), null, 'started', null, now())")
        con.execute("update ops.migrations set text_sha256 = 'older' where name = 'table ops.runs'")
        assert migrate(con) == ["table ops.runs"]
        assert con.execute("select count(*) from ops.runs").fetchone() == (1,)
        uncommented = con.execute(
            "select schema_name || '.' || table_name from duckdb_tables() where comment is null and not temporary"
        ).fetchall()
        assert uncommented == []


def test_a_home_that_is_no_folder(tmp_path):
    (tmp_path / "file").write_text("")
    home = Home(tmp_path / "file" / "home")
    with pytest.raises(HomeUnusable, match=r"cannot write .*writer.lock: Not a directory. Set TIDEGAUGE_HOME"):
        WriterLock(home).acquire()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_home(home):
    home.build.chmod(0o500)
    try:
        with pytest.raises(HomeUnusable, match="Set TIDEGAUGE_HOME to a folder you own"), writer(home):
            pass
    finally:
        home.build.chmod(0o700)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("IO Error: Cannot open file: Permission denied", "is read-only for this user"),
        ('Cannot execute statement of type "INSERT" on database attached in read-only mode', "read-only"),
        ("Could not write: No space left on device", "disk of .* is full"),
    ],
)
def test_errors_of_the_home_become_sentences(home, text, sentence):
    with pytest.raises(HomeUnusable, match=sentence), home_errors(home):
        raise duckdb.IOException(text)


def test_other_errors_pass(home):
    with pytest.raises(duckdb.BinderException), home_errors(home):
        raise duckdb.BinderException("no such column")


def test_a_damaged_build_file(home):
    home.warehouse.write_bytes(b"this is no database" * 1000)
    with pytest.raises(HomeUnusable, match=r"cannot be opened as a DuckDB file.*tidegauge rebuild"):
        connect(home)


def test_a_disk_that_fills_up_loses_nothing_that_had_landed(home):
    with writer(home) as con:
        con.execute("create table t as select 1 as a")
    code = """
        import resource
        from ingest.errors import HomeUnusable
        from warehouse.connection import writer
        size = HOME.warehouse.stat().st_size
        try:
            with writer(HOME) as con:
                resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100_000, size + 100_000))
                con.execute("insert into t select range from range(2_000_000)")
                con.execute("checkpoint")
        except HomeUnusable as error:
            print(error)
    """
    with in_process(code, home) as full:
        out, err = full.communicate(timeout=60)
    assert f"the disk of {home.root} is full: free some space and run again" in out, err
    with writer(home) as con:
        assert con.execute("select count(*) from t").fetchone() in [(1,), (2_000_001,)]  # whole, or not at all
