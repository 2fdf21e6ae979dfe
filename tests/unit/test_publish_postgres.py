"""A release in PostgreSQL: whole or not there, compared with what was sent, readers never disturbed."""

from __future__ import annotations

import math
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import duckdb
import psycopg
import pytest

from ingest.errors import ConfigError, TargetUnusable
from ingest.home import Home
from orchestration import cli
from serving.publish import postgres_load
from serving.publish.postgres import Target
from serving.publish.publishing import copy_to_postgres
from tests.unit.postgres_server import OWNER, PASSWORD, Server, running
from tests.unit.publish_home import ODD_TEXTS, publish_release

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running() as found:
        yield found


@pytest.fixture
def target(server) -> Iterator[Target]:
    yield Target(server.dsn(), "gauge", ("bi_reader",), patience_seconds=20)
    server.asked("drop schema if exists gauge cascade; drop schema if exists bi cascade")


@pytest.fixture
def home(tmp_path) -> Home:
    home = Home(tmp_path / "home")
    publish_release(home)
    return home


def publish(home: Home, target: Target, tell: Callable[[str], None] = print) -> tuple[str, ...]:
    return copy_to_postgres(home, target, tell=tell).lines


def schemas(server: Server) -> list[str]:
    return [name for (name,) in server.asked("select nspname from pg_namespace where nspname ~ '^gauge' order by 1")]


def test_a_release_arrives_whole(server, target, home):
    lines = publish(home, target)
    assert lines[0].startswith("SIMULATED. PostgreSQL postgres on 127.0.0.1, schema gauge: ")
    assert "left out of marts.credit_daily: hy_oas_bp" in lines
    sent = duckdb.connect(str(home.published), read_only=True).execute(
        "from marts.odd_values select * exclude (half_ratio, zoned_at) order by row_number"
    )
    rows = server.asked("select * from gauge.odd_values order by row_number")
    for before, after in zip(sent.fetchall(), ((*row[:6], *row[7:-1]) for row in rows), strict=True):
        assert [repr(float(one)) if isinstance(one, float) else one for one in before] == [
            repr(float(one)) if isinstance(one, float) else one for one in after
        ]
    assert [row[1] for row in rows] == list(ODD_TEXTS)
    assert math.copysign(1, rows[4][5]) == -1, "a negative zero keeps its sign"
    assert {row[-1].isoformat() for row in rows} == {"2026-02-06T14:20:00+00:00"}
    kinds = dict(
        server.asked(
            "select attname, format_type(atttypid, atttypmod) from pg_attribute where attnum > 0 "
            "and attrelid = 'gauge.odd_values'::regclass"
        )
    )
    assert kinds["seen_at"] == "timestamp without time zone"
    assert (kinds["big_count"], kinds["price_usd"]) == ("numeric(39,0)", "numeric(18,4)")
    assert server.asked("select count(*), min(table_path) from gauge.meta_left_out where left_out = 'rows'") == [
        (2, "marts.observations")
    ]
    assert server.asked("select build_id, is_simulated from gauge.meta_build") == [("b1", True)]


def test_what_the_file_says_of_itself_the_database_says_too(server, target, home):
    publish(home, target)
    said = (
        "select obj_description('gauge'::regnamespace, 'pg_namespace'), obj_description('gauge.credit_daily'::regclass)"
    )
    schema, table = server.asked(said)[0]
    assert schema.startswith("SIMULATED. tidegauge release b1, built 2026-02-06 14:20 UTC")
    assert table == "SIMULATED. Spreads. It's one row per session."
    assert server.asked("select col_description('gauge.credit_daily'::regclass, 2)") == [
        ("Basis points; a \\ and a 'quote'",)
    ]
    keys = server.asked(
        "select conrelid::regclass::text, pg_get_constraintdef(oid) from pg_constraint "
        "where connamespace = 'gauge'::regnamespace order by 1, 2"
    )
    assert ("gauge.observations", "PRIMARY KEY (series_id, period_date)") in keys
    assert ("gauge.observations", "FOREIGN KEY (series_id) REFERENCES gauge.series(series_id)") in keys
    assert ("gauge.market_daily", "FOREIGN KEY (session_date) REFERENCES gauge.sessions(session_date)") in keys


def test_the_role_reads_and_does_nothing_else(server, target, home):
    publish(home, target)
    server.asked(f"alter role bi_reader login password '{PASSWORD}'")
    assert server.asked("select count(*) from gauge.credit_daily", "bi_reader") == [(3,)]
    for statement in (
        "delete from gauge.series",
        "create table gauge.mine (x int)",
        "create table public.mine (x int)",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            server.asked(statement, "bi_reader")
    publish_release(home, "b2")
    publish(home, target)
    assert server.asked("select build_id from gauge.meta_build", "bi_reader") == [("b2",)], "the next release too"
    psql = shutil.which("psql")
    if psql:
        asked = [psql, server.dsn("bi_reader"), "-Atc", "select max(session_date) from gauge.market_daily"]
        assert subprocess.run(asked, capture_output=True, text=True, check=True).stdout == "2026-02-04\n"
    with pytest.raises(TargetUnusable, match=f"--role {OWNER}: expected a role that only reads, found a superuser"):
        publish(home, replace(target, roles=(OWNER,)))


READS = (
    "select b.build_id || b.generation_count, c.generation_count from gauge.meta_build as b, gauge.credit_daily as c",
    "select build_id || generation_count, generation_count from gauge.meta_build",
    "select generation_count from gauge.market_daily",
)


def test_readers_meet_whole_releases_and_no_error(server, target, home):
    target = replace(target, patience_seconds=300)
    publish(home, target)
    stop, seen, trouble = threading.Event(), set(), []

    def read(level: psycopg.IsolationLevel, autocommit: bool) -> None:
        try:
            with server.connect(autocommit=autocommit) as connection:
                connection.isolation_level = level
                while not stop.wait(0.01):
                    if autocommit:
                        ((build, generation),) = set(connection.execute(READS[0]))
                        assert build == f"b{generation}{generation}"
                        seen.add(generation)
                        continue
                    with connection.transaction():
                        connection.execute("select 1")  # the snapshot is older than what is read next
                        generations = {row[-1] for sql in READS for row in connection.execute(sql)}
                    assert len(generations) == 1, generations
                    seen.add(generations.pop())
        except BaseException as error:  # noqa: BLE001  # told below, in the thread of the test
            trouble.append(error)

    levels = psycopg.IsolationLevel
    kinds = [(levels.READ_COMMITTED, True), (levels.READ_COMMITTED, False), (levels.REPEATABLE_READ, False)]
    threads = [threading.Thread(target=read, args=kind) for kind in kinds]
    for thread in threads:
        thread.start()
    try:
        for generation in (2, 3):
            publish_release(home, f"b{generation}", generation=generation)
            publish(home, target)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert not trouble
    assert 3 in seen
    assert schemas(server) == ["gauge"]


def test_a_long_reader_delays_the_release_and_is_left_alone(server, target, home):
    publish(home, target)
    publish_release(home, "b2")
    told: list[str] = []

    with server.connect() as reader:
        reader.execute("select * from gauge.series")
        with pytest.raises(
            TargetUnusable, match=rf"readers held .* \(pid \d+, {OWNER}.*the release that is in place stays"
        ):
            publish(home, replace(target, patience_seconds=0))
        assert reader.execute("select build_id from gauge.meta_build").fetchall() == [("b1",)]

        def ended(sentence: str) -> None:
            told.append(sentence)
            reader.rollback()

        publish(home, target, ended)
    assert told[0].startswith("waiting for readers of schema gauge to end their transactions: pid ")
    assert server.asked("select build_id from gauge.meta_build") == [("b2",)]


def test_killed_while_it_loads_the_old_release_stays(server, target, home, tmp_path):
    publish(home, target)
    publish_release(home, "b2")
    code = f"""
import time
from pathlib import Path
from ingest.home import Home
from serving.publish import postgres_load
from serving.publish.postgres import Target
from serving.publish.publishing import copy_to_postgres
inner = postgres_load._copy
def slow(cursor, con, table, *rest):
    rows = inner(cursor, con, table, *rest)
    if table.name == "market_daily":
        print("loading", flush=True)
        time.sleep(60)
    return rows
postgres_load._copy = slow
copy_to_postgres(Home(Path({str(home.root)!r})), Target({target.dsn!r}, "gauge"), tell=print)
"""
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "loading\n"
    with pytest.raises(TargetUnusable, match="another tidegauge is publishing into schema gauge"):
        publish(home, target)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert server.asked("select build_id from gauge.meta_build") == [("b1",)]
    while server.asked("select 1 from pg_stat_activity where application_name = 'tidegauge publish'"):
        time.sleep(0.05)
    assert schemas(server) == ["gauge"]
    publish(home, target)
    assert server.asked("select build_id from gauge.meta_build") == [("b2",)]


def test_what_was_not_received_as_sent_is_rolled_back(server, target, home, monkeypatch):
    publish(home, target)
    publish_release(home, "b2")
    inner = postgres_load._copy
    damage = iter(
        [
            (
                "update {} set hy_oas_change_21d_bp = hy_oas_change_21d_bp + 1e-13",
                r"credit_daily\.hy_oas_change_21d_bp: "
                r"expected 3 values with the sum \d+, found 3 with \d+",
            ),
            ("delete from {} where session_date = date '2026-02-03'", "credit_daily: expected 3 rows, found 2"),
        ]
    )
    for statement, told in damage:

        def damaged(cursor, con, table, where, path, statement=statement):
            rows = inner(cursor, con, table, where, path)
            if table.name == "credit_daily":
                cursor.execute(statement.format(where))
            return rows

        monkeypatch.setattr(postgres_load, "_copy", damaged)
        with pytest.raises(TargetUnusable, match=told):
            publish(home, target)
        assert server.asked("select build_id from gauge.meta_build") == [("b1",)]
    assert schemas(server) == ["gauge"]


def test_a_column_that_came_later_is_there(server, target, home):
    publish(home, target)
    publish_release(home, "b2", adds_column=True)
    publish(home, target)
    assert server.asked("select distinct later_ratio from gauge.odd_values") == [(0.5,)]


def test_a_schema_of_somebody_else_is_left_alone(server, target, home):
    server.asked("create schema gauge; create table gauge.precious as select 1 as x")
    with pytest.raises(TargetUnusable, match=r"schema gauge is there and tidegauge did not make it .*found none"):
        publish(home, target)
    assert server.asked("select x from gauge.precious") == [(1,)]
    for name in ("public", "pg_gauge"):
        with pytest.raises(TargetUnusable, match="expected a schema for the release alone"):
            publish(home, replace(target, schema=name))


@pytest.mark.parametrize(
    "made",
    [
        "create schema bi; create view bi.ours as select * from gauge.series",
        "create table gauge.notes (x int); comment on table gauge.notes is 'SIMULATED. Mine.'",
    ],
)
def test_what_hangs_on_the_release_is_named_and_not_dropped(server, target, home, made):
    publish(home, target)
    server.asked(made)
    publish_release(home, "b2")
    with pytest.raises(
        TargetUnusable, match=r"hangs on schema gauge and would be lost: (view bi\.ours|table gauge\.notes)"
    ):
        publish(home, target)
    assert server.asked("select build_id from gauge.meta_build") == [("b1",)]


def test_users_who_may_not_write_are_told(server, target, home):
    server.asked(
        f"create role weak login password '{PASSWORD}'; create role calm login password '{PASSWORD}';"
        "alter role calm set default_transaction_read_only to on"
    )
    with pytest.raises(TargetUnusable, match="permission denied for database postgres; the release that is in place"):
        publish(home, replace(target, dsn=server.dsn("weak")))
    with pytest.raises(TargetUnusable, match="this user's transactions are read-only; nothing was changed"):
        publish(home, replace(target, dsn=server.dsn("calm")))


def test_a_type_without_a_word_for_it_is_named(home, target):
    with duckdb.connect(str(home.published)) as con:
        con.execute("create table marts.lists as select [1, 2] as numbers")
    with pytest.raises(TargetUnusable, match=r"marts\.lists\.numbers: expected a plain type, found INTEGER\[\]"):
        publish(home, target)


@pytest.mark.parametrize("password", ["Wrong-Secret-77", "abc"])
def test_a_password_is_in_no_error_and_no_log(server, home, capsys, monkeypatch, password):
    monkeypatch.setenv("TIDEGAUGE_HOME", str(home.root))
    addresses = (
        server.dsn(password=password),
        f"host=127.0.0.1 port={server.port} user={OWNER} password={password} dbname=postgres",
        f"host=127.0.0.1 port=1 user={OWNER} password={password}",
        f"host=127.0.0.1 {password} user={OWNER}",
        f"postgresql://{OWNER}:{password}@127.0.0.1:{server.port}/postgres?colour={password}",
    )
    for place, wrong in enumerate(addresses, start=len(password)):
        monkeypatch.setenv("TIDEGAUGE_POSTGRES_DSN", "" if place % 2 else wrong)
        arguments = ["--dsn", wrong] if place % 2 else []
        assert cli.call(["publish", "--to", "postgres", *arguments]) in {ConfigError.exit_code, 9}
        printed = capsys.readouterr()
        assert password not in printed.out + printed.err
        assert "PostgreSQL: " in printed.err or "expected postgresql://user@host" in printed.err
    logs = [path.read_text() for path in home.root.rglob("*.log")]
    assert not [log for log in logs if password in log]


def test_from_the_command_line(server, target, home, capsys, monkeypatch):
    monkeypatch.setenv("TIDEGAUGE_HOME", str(home.root))
    monkeypatch.setenv("TIDEGAUGE_POSTGRES_DSN", target.dsn)
    assert cli.call(["publish", "--to", "postgres", "--schema", "gauge", "--include-restricted"]) == 0
    printed = capsys.readouterr()
    assert PASSWORD not in printed.out + printed.err
    assert "Series of the licence class restricted are in it" in printed.out
    assert server.asked("select max(hy_oas_bp) from gauge.market_daily") == [(527.75,)]
    assert cli.call(["publish", "--to", "postgres", "--out", "here"]) == 2
    monkeypatch.delenv("TIDEGAUGE_POSTGRES_DSN")
    assert cli.call(["publish", "--to", "postgres"]) == 2
    assert "needs TIDEGAUGE_POSTGRES_DSN or --dsn" in capsys.readouterr().err
