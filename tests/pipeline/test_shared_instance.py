"""Dagster's state in one PostgreSQL: what one host runs, another one sees; the password is in no row of it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from ingest import secrets
from ingest.errors import ConfigError, HomeUnusable
from ingest.home import Home
from ingest.settings import load_settings
from orchestration.instance import STATE_VARIABLE, dagster_environment, open_instance
from orchestration.shared_instance import DSN_VARIABLE, FOLDER
from tests.cli import ROOT, environment
from tests.pipeline import shared_host
from tests.unit.postgres_server import PASSWORD, Server, running


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running() as found:
        found.asked("create database dagster")
        yield found


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch):
    for name in (STATE_VARIABLE, DSN_VARIABLE):
        monkeypatch.setenv(name, "")  # put back afterwards


def dumped(server: Server, database: str) -> str:
    """Return every text of a database."""
    tables = server.asked("select tablename from pg_tables where schemaname = 'public'", database=database)
    rows = (server.asked(f'select t::text from "{table}" as t', database=database) for (table,) in tables)
    return "\n".join(text for found in rows for (text,) in found)


def test_two_hosts_share_runs_and_events(server: Server, tmp_path: Path):
    dsn = server.dsn(database="dagster")
    other = subprocess.Popen(
        [sys.executable, "-m", "tests.pipeline.shared_host", "one", PASSWORD],
        cwd=ROOT,
        env={**environment(tmp_path / "one"), DSN_VARIABLE: dsn},
        stderr=subprocess.PIPE,
        text=True,
    )
    secrets.guard(PASSWORD)
    shared_host.run(Home(tmp_path / "two"), SecretStr(dsn), "two", PASSWORD)  # at once: either may make the tables
    _, said = other.communicate(timeout=300)
    assert other.returncode == 0, said
    with open_instance(Home(tmp_path / "third").ensure(), SecretStr(dsn)) as instance:
        runs = instance.get_runs()
        assert sorted(run.tags["host"] for run in runs) == ["one", "two"]
        assert all(run.is_success for run in runs)
        for run in runs:
            events = [record.event_log_entry for record in instance.get_records_for_run(run.run_id).records]
            assert events[-1].get_dagster_event().event_type_value == "PIPELINE_SUCCESS"
    assert not list((tmp_path / "one" / "dagster").glob("*.db")), "nothing of it lies in the home"
    rows = dumped(server, "dagster")
    assert "measured with ***" in rows
    assert PASSWORD not in rows


def test_a_database_that_cannot_be_used_is_named_without_its_password(server: Server, tmp_path, monkeypatch):
    home = Home(tmp_path / "home").ensure()
    monkeypatch.setattr("dagster_postgres.utils.time.sleep", lambda _: None)  # between its tries
    wrong = server.dsn(password="wr0ng-Secret-77")
    secrets.guard(wrong)
    with pytest.raises(ConfigError, match=f"setting {DSN_VARIABLE}: Dagster cannot use that database: ") as caught:
        open_instance(home, SecretStr(wrong)).__enter__()
    assert "authentication failed" in str(caught.value)
    assert "Secret" not in str(caught.value)


def test_a_database_that_goes_away_ends_a_run_in_words_and_one_that_comes_back_does_not(
    server: Server, tmp_path, monkeypatch
):
    monkeypatch.setattr("dagster_postgres.utils.time.sleep", lambda _: None)
    home, dsn = Home(tmp_path / "home").ensure(), SecretStr(server.dsn(database="dagster"))
    with open_instance(home, dsn) as instance:
        before = instance.get_runs_count()
        server.stop()
        server.start()
        assert instance.get_runs_count() == before
    server.stop()
    with pytest.raises(ConfigError, match="Dagster cannot use that database"):
        open_instance(home, dsn).__enter__()
    server.start()
    with pytest.raises(HomeUnusable, match=r"went away: .*What had landed is whole; run again"):
        lose(server, home, dsn)
    server.start()


def lose(server: Server, home: Home, dsn: SecretStr) -> None:
    with open_instance(home, dsn) as instance:
        server.stop()
        instance.get_runs_count()


def test_dagsters_own_processes_find_the_shared_instance(server: Server, tmp_path, monkeypatch):
    monkeypatch.setenv(DSN_VARIABLE, server.dsn(database="dagster"))
    found = dagster_environment(load_settings(), Home(tmp_path / "home").ensure())
    assert found["DAGSTER_HOME"] == str(FOLDER)
    assert found[DSN_VARIABLE] == os.environ[DSN_VARIABLE]
    monkeypatch.setenv(DSN_VARIABLE, "")
    assert dagster_environment(load_settings(), Home(tmp_path / "home"))["DAGSTER_HOME"] == str(ROOT)
