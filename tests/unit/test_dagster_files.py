"""Dagster's files are a log for people: whatever happens to them, an instance opens, and the damage is told once."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from dagster import AssetKey, AssetMaterialization

from ingest.home import Home
from orchestration.dagster_files import TABLES, mend
from orchestration.instance import open_instance


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return Dagster's folder after a first use."""
    home = Home(tmp_path_factory.mktemp("dagster") / "home").ensure()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIDEGAUGE_DAGSTER_HOME", "")
        with open_instance(home) as instance:
            for number in range(20):
                instance.report_runless_asset_event(AssetMaterialization(AssetKey(f"asset_{number}")))
    return home.dagster


@pytest.fixture
def home(used: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("TIDEGAUGE_DAGSTER_HOME", str(tmp_path))  # put back afterwards
    home = Home(tmp_path / "home").ensure()
    shutil.copytree(used, home.dagster, dirs_exist_ok=True)
    return home


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def another_schema(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as con:
        con.execute("create table something_else (a)")


def middle_lost(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(path.stat().st_size - 4096))


DAMAGES: dict[str, Callable[[Path], object]] = {
    "garbage": lambda path: path.write_bytes(os.urandom(20_000)),
    "junk": lambda path: path.write_text("junk"),
    "empty": lambda path: os.truncate(path, 0),
    "half": lambda path: os.truncate(path, path.stat().st_size // 2),
    "a folder": folder,
    "pages": middle_lost,
    "another's": another_schema,
}


def works(home: Home) -> bool:
    with open_instance(home) as instance:
        instance.report_runless_asset_event(AssetMaterialization(AssetKey("new")))
        return instance.get_latest_materialization_event(AssetKey("new")) is not None and instance.get_runs() == []


@pytest.mark.parametrize("name", list(TABLES))
@pytest.mark.parametrize("how", list(DAMAGES))
def test_a_damaged_file_is_set_aside_and_begun_anew(home: Home, name: str, how: str, capsys) -> None:
    DAMAGES[how](home.dagster / name)
    assert works(home)
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert str(home.dagster / name) in told
    assert len(list(home.dagster.glob(f"{name}.damaged-*"))) == 1
    assert works(home)
    assert capsys.readouterr().err == "", "told once"


def test_a_sound_log_is_left_alone(home: Home) -> None:
    assert mend(home) == []
    assert works(home)
    with closing(sqlite3.connect(home.dagster / "event_log.db")) as con:
        assert con.execute("select count(*) from asset_keys").fetchone() == (21,)


def test_a_schema_of_a_version_to_come_is_set_aside(home: Home, capsys) -> None:
    with closing(sqlite3.connect(home.dagster / "runs.db")) as con:
        con.execute("update alembic_version set version_num = 'fffffffffff1'")
        con.commit()
    assert works(home)


def test_a_log_that_is_damaged_while_a_run_goes_on(home: Home) -> None:
    with open_instance(home) as instance:
        instance.report_runless_asset_event(AssetMaterialization(AssetKey("before")))
        log = home.dagster / "event_log.db"
        for part in (log, log.with_name("event_log.db-wal")):
            if part.exists():
                part.write_bytes(os.urandom(max(part.stat().st_size, 50_000)))
        instance.report_runless_asset_event(AssetMaterialization(AssetKey("after")))
        instance.report_runless_asset_event(AssetMaterialization(AssetKey("and later")))
    # the run went on without an error; what it logged meanwhile may be lost, the next one opens a sound log
    assert works(home)
