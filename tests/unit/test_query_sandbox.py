"""`query` and `as-of` read the published file and nothing else, whatever the SQL says."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import duckdb
import pytest

from orchestration import cli
from tests.unit.query_home import publish_small, tree

SECRET = "the-secret-of-this-machine"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home, a folder to work in with files worth stealing, and an empty folder for temporary files."""
    root = tmp_path_factory.mktemp("sandbox")
    publish_small(root / "home" / "published" / "tidegauge.duckdb")
    work = root / "work"
    for folder in (work, root / "tmp", root / "home" / "archive", root / "home" / "build", root / "user"):
        folder.mkdir()
    (work / "secret.csv").write_text(f"a,b\n{SECRET},1\n")
    (work / "secret.json").write_text(f'[{{"a": "{SECRET}"}}]')
    (work / "secret.txt").write_text(SECRET)
    with duckdb.connect(str(work / "other.duckdb")) as con:
        con.execute(f"create table t as select '{SECRET}' as a; copy t to '{work}/secret.parquet' (format parquet)")
        con.execute(f"export database '{work}/exported'")
    return root


@pytest.fixture(autouse=True)
def _placed(world: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TIDEGAUGE_HOME", str(world / "home"))
    monkeypatch.setenv("HOME", str(world / "user"))
    monkeypatch.setenv("TIDEGAUGE_TEST_SECRET", SECRET)
    monkeypatch.setattr("tempfile.tempdir", str(world / "tmp"))
    monkeypatch.chdir(world / "work")


HOSTILE_STATEMENTS = [
    # writes files
    "copy (select 1) to 'out.csv'",
    "copy (select 1) to '{home}/published/tidegauge.duckdb'",
    "copy (select 1) to '{home}/archive/x.parquet' (format parquet)",
    "copy marts.carry_daily to '/dev/stdout'",
    "explain analyze copy (select 1) to 'out.csv'",
    "explain (analyze, format json) copy (select 1) to 'out.csv'",
    "copy (pivot carry_daily on session_date using max(carry_2y_bp)) to 'out.csv'",
    "export database 'out'",
    "copy from database tidegauge to memory",
    "select 1; copy (select 1) to 'out.csv'; select 2",
    "/* select */ copy (select 1) to 'out.csv' -- select",
    "attach 'new.duckdb'",
    "attach ':memory:' as m; create table m.t as select 1",
    "from enable_profiling(format='json', save_location='profile.json')",
    "from \"enable_profiling\" /* x */ (save_location := 'profile.txt')",
    "call enable_profiling(save_location='profile.txt')",
    "from enable_logging(storage='file', storage_config={{'path': 'logs'}})",
    "call enable_logging(storage='file', storage_path='logs')",
    "from query('from enable_logging(storage=''file'', storage_path=''logs'')')",
    "from QUERY ( 'from read_text(''secret.txt'')' )",
    "select write_log('x')",
    "set profiling_output = 'profile.txt'",
    "pragma enable_profiling",
    "pragma profiling_output = 'profile.txt'",
    "checkpoint",
    "force checkpoint",
    "from checkpoint()",
    "call force_checkpoint()",
    "vacuum",
    # changes the file or the connection
    "create table marts.t as select 1",
    "create temp table t as pivot carry_daily on session_date using max(carry_2y_bp)",
    "create temp macro m() as 1",
    "create or replace view marts.carry_daily as select 1 as a",
    "insert into marts.carry_daily values (null, null, null)",
    "insert into marts.carry_daily from marts.carry_daily",
    "with x as (select 1) insert into marts.carry_daily select null, null, null from x",
    "update marts.carry_daily set carry_2y_bp = 0",
    "delete from marts.carry_daily",
    "truncate marts.carry_daily",
    "merge into marts.carry_daily using (select 1 as a) x on true when matched then delete",
    "alter table marts.carry_daily add column a integer",
    "comment on table marts.carry_daily is 'x'",
    "drop table marts.carry_daily",
    "drop schema marts cascade",
    "explain analyze delete from marts.carry_daily",
    "begin; select 1",
    "prepare p as select 1; execute p",
    "detach tidegauge",
    "use tidegauge.meta",
    "set threads = 1",
    "set global enable_external_access = true",
    "set enable_external_access = true; from 'secret.csv'",
    "reset lock_configuration",
    "set allowed_directories = ['/']",
    "pragma memory_limit = '1GB'",
    "set temp_directory = 'spill'",
    "call pragma_version()",
    # reads files and the machine
    "from 'secret.csv'",
    'from "{work}/secret.csv"',
    "from 'secret.parquet'",
    "from 'secret.json'",
    "from '*.csv'",
    "from query_table('secret.csv')",
    "select * from read_csv('secret.csv')",
    "select * from read_csv_auto('secret.csv')",
    "select * from read_json('secret.json')",
    "select * from read_parquet('secret.parquet')",
    "select * from parquet_scan('secret.parquet')",
    "select * from parquet_schema('secret.parquet')",
    "select * from read_text('secret.txt')",
    "select * from read_blob('{work}/secret.txt')",
    "select (select content from read_text('secret.txt'))",
    "select * from sniff_csv('secret.csv')",
    "select * from glob('*')",
    "select * from read_duckdb('other.duckdb', table_name = 't')",
    "from 'other.duckdb'",
    "attach 'other.duckdb' as o (read_only); from o.t",
    "attach '{work}/other.duckdb' as o (read_only); select 1",
    "import database 'exported'",
    "select getenv('TIDEGAUGE_TEST_SECRET')",
    "from sqlite_scan('other.duckdb', 't')",
    "from postgres_scan('host=127.0.0.1', 'public', 't')",
    "from json_execute_serialized_sql(json_serialize_sql('from read_text(''secret.txt'')'))",
    "from duckdb_secrets()",
    "from pandas_scan(1)",
    "from world",
    # the network and code from elsewhere
    "from read_text('http://127.0.0.1:9/x')",
    "from 'https://127.0.0.1:9/x.parquet'",
    "from read_parquet('s3://bucket/x.parquet')",
    "install httpfs",
    "force install httpfs from 'http://127.0.0.1:9'",
    "load httpfs",
    "load '{work}/evil.duckdb_extension'",
    "from duckdb_extensions()",
    "create secret (type s3)",
    "create persistent secret s (type http, bearer_token 'x')",
]


@pytest.mark.parametrize("command", [["query"], ["as-of", "2023-03-13 09:15"]], ids=["query", "as-of"])
@pytest.mark.parametrize("statement", HOSTILE_STATEMENTS)
def test_nothing_is_written_read_or_loaded(statement: str, command: list[str], world: Path, capfd):
    before = tree(world)
    sql = statement.format(home=world / "home", work=world / "work")
    code = cli.call([*command, sql])
    printed = capfd.readouterr()
    assert code == 2, printed
    assert SECRET not in printed.out + printed.err
    assert printed.err.splitlines()[-1].strip(), "and it says why"
    assert tree(world) == before


@pytest.mark.parametrize("command", [["query"], ["as-of", "2023-03-13 09:15"]], ids=["query", "as-of"])
@pytest.mark.parametrize(
    "statement",
    [
        "select 1",
        "from carry_daily",
        "from marts.carry_daily",
        "table marts.carry_daily",
        "values (1, 'copy to attach install')",
        "with x as (select 1 as a) select * from x",
        "describe carry_daily",
        "summarize carry_daily",
        "show tables",
        "explain select 1",
        "explain analyze select count(*) from carry_daily",
        "explain (format json) select 1",
        "explain (select 1)",
        "pivot carry_daily on session_date using max(carry_2y_bp)",
        "with p as (pivot carry_daily on session_date using max(carry_2y_bp)) from p",
        "unpivot carry_daily on carry_2y_bp",
        "from range(3) as t(query), unnest([1, 2]) as u(checkpoint)",
        "set variable x = 1; select getvariable('x') as é -- é",
        "select timestamptz '2023-03-13 09:15:00 America/New_York'",
        "from duckdb_columns() where table_name = 'carry_daily'",
        "from build",
    ],
)
def test_what_reads_runs(statement: str, command: list[str], world: Path, capsys):
    before = tree(world)
    assert cli.call([*command, statement]) == 0, capsys.readouterr().err
    assert capsys.readouterr().out
    assert tree(world) == before


def test_a_large_sort_leaves_nothing_beside_the_published_file(world: Path, capsys):
    sql = "select current_setting('temp_directory') as t, current_setting('lock_configuration') as l"
    assert cli.call(["query", sql, "-f", "csv"]) == 0
    folder, locked = capsys.readouterr().out.splitlines()[1].split(",")
    assert folder.startswith(str(world / "tmp"))
    assert locked == "True"
    assert not list((world / "tmp").iterdir())


def test_ctrl_c_ends_a_query_and_keeps_the_file(world: Path):
    import signal
    import subprocess
    import time

    (world / "work" / "kept.csv").write_text("as it was\n")
    before = tree(world)
    sql = "select count(*) from range(100000000000) as t(a) where sin(a) > 2"
    code = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler);"
        "from orchestration import cli; sys.exit(cli.call(sys.argv[1:]))"
    )
    env = os.environ | {"PYTHONPATH": str(Path(cli.__file__).parents[1]), "TMPDIR": str(world / "tmp")}
    running = subprocess.Popen(
        [sys.executable, "-c", code, "query", sql, "-o", "kept.csv"], stderr=subprocess.PIPE, text=True, env=env
    )
    assert running.stderr is not None
    running.stderr.readline()  # the origin is told just before the query runs
    time.sleep(0.5)
    running.send_signal(signal.SIGINT)
    try:
        assert running.wait(60) == 130
    finally:
        running.kill()
    assert "interrupted" in running.stderr.read()
    assert tree(world) == before


# -- where rows may go -------------------------------------------------------------------------------------------


def test_a_failing_query_leaves_the_file_as_it_was(world: Path, capsys):
    target = world / "work" / "report.csv"
    target.write_text("as it was\n")
    target.chmod(0o640)
    before = tree(world)
    for sql in ("selec 1", "from nowhere", "select error('late') from range(100000)", "copy (select 1) to 'x'"):
        assert cli.call(["query", sql, "-o", str(target)]) == 2
    for name in ("report.parquet", "report.xlsx", "new.json"):
        assert cli.call(["query", "select cast('x' as integer)", "-o", name]) == 2
    capsys.readouterr()
    assert tree(world) == before
    assert cli.call(["query", "select 1 as a", "-o", str(target)]) == 0
    assert target.read_text() == "a\n1\n"
    assert target.stat().st_mode & 0o777 == 0o640, "and who may read it stays"
    target.unlink()


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("{home}/published/tidegauge.duckdb", "belongs to tidegauge"),
        ("{home}/published/x.csv", "belongs to tidegauge"),
        ("{home}/archive/2026/x.csv", "no folder"),
        ("{home}/build/x.csv", "belongs to tidegauge"),
        ("{home}/build/../archive/x.csv", "belongs to tidegauge"),
        ("{home}/tidegauge.log", "tidegauge's own"),
        ("{home}/origin.txt", "tidegauge's own"),
        ("folder.csv", "is a folder"),
        ("link.csv", "is a link"),
        ("dangling.csv", "is a link"),
        ("linked/x.csv", "belongs to tidegauge"),
        ("pipe.csv", "no plain file"),
        ("/dev/null", "no plain file"),
        ("nowhere/x.csv", "no folder"),
    ],
)
def test_a_target_that_would_harm_is_refused(target: str, why: str, world: Path, capsys):
    work = world / "work"
    (work / "folder.csv").mkdir(exist_ok=True)
    for name, to in (("link.csv", "secret.csv"), ("dangling.csv", "gone"), ("linked", world / "home" / "archive")):
        if not (work / name).is_symlink():
            (work / name).symlink_to(to)
    if not (work / "pipe.csv").exists():
        os.mkfifo(work / "pipe.csv")
    before = tree(world / "home")
    assert cli.call(["query", "select 1", "-f", "csv", "-o", target.format(home=world / "home")]) == 2
    assert why in capsys.readouterr().err
    assert tree(world / "home") == before
    assert (work / "secret.csv").read_text().startswith("a,b")
