"""Dagster's events on one connection: there for everybody at once, whole or not at all."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
from dagster import AssetKey, AssetMaterialization, DagsterInstance

from ingest.home import Home
from orchestration.event_log import OneConnectionEventLog
from orchestration.instance import open_instance


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("TIDEGAUGE_DAGSTER_HOME", str(tmp_path))  # put back afterwards
    return Home(tmp_path / "home").ensure()


def log_of(instance: DagsterInstance) -> OneConnectionEventLog:
    found = instance.event_log_storage
    assert isinstance(found, OneConnectionEventLog)
    return found


def assets_seen_from_outside(home: Home) -> list[str]:
    with closing(sqlite3.connect(home.dagster / "event_log.db")) as other:
        return [key for (key,) in other.execute("select asset_key from asset_keys order by asset_key")]


def test_other_connections_see_an_event_as_soon_as_it_is_stored(home: Home) -> None:
    with open_instance(home) as instance:
        instance.report_runless_asset_event(AssetMaterialization(AssetKey(["marts", "carry_daily"])))
        assert assets_seen_from_outside(home) == ['["marts", "carry_daily"]']
        assert instance.get_latest_materialization_event(AssetKey(["marts", "carry_daily"])) is not None
    with open_instance(home) as again:
        assert again.get_latest_materialization_event(AssetKey(["marts", "carry_daily"])) is not None


def test_an_event_that_breaks_on_its_way_leaves_nothing_and_the_next_one_lands(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_instance(home) as instance:
        log = log_of(instance)
        with monkeypatch.context() as broken:
            broken.setattr(log, "_store_asset_event", lambda *_: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                instance.report_runless_asset_event(AssetMaterialization(AssetKey("lost")))
        instance.report_runless_asset_event(AssetMaterialization(AssetKey("kept")))
        assert assets_seen_from_outside(home) == ['["kept"]']
        with log.index_connection() as opened:
            assert opened.exec_driver_sql("select count(*) from event_logs").scalar() == 1


def test_threads_wait_for_each_other(home: Home) -> None:
    def report(name: str) -> None:
        instance.report_runless_asset_event(AssetMaterialization(AssetKey(name)))

    with open_instance(home) as instance:
        threads = [threading.Thread(target=report, args=(f"asset_{number}",)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert assets_seen_from_outside(home) == [f'["asset_{number}"]' for number in range(8)]


def test_it_knows_its_tables(home: Home) -> None:
    with open_instance(home) as instance:
        assert log_of(instance).has_table("asset_check_executions")
        assert not log_of(instance).has_table("nothing_of_that_name")


def test_tables_and_columns_are_looked_for_until_they_are_there(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_instance(home) as instance:
        log = log_of(instance)
        assert not log.has_table("of_a_later_version")
        with log.index_connection() as opened:
            opened.exec_driver_sql("create table of_a_later_version (n)")
        assert log.has_table("of_a_later_version")
        instance.report_runless_asset_event(AssetMaterialization(AssetKey("first")))
        with monkeypatch.context() as broken:
            broken.setattr("sqlalchemy.engine.reflection.Inspector.get_columns", lambda *_: 1 / 0)
            broken.setattr("sqlalchemy.engine.reflection.Inspector.has_table", lambda *_: 1 / 0)
            instance.report_runless_asset_event(AssetMaterialization(AssetKey("second")))
        assert assets_seen_from_outside(home) == ['["first"]', '["second"]']
