"""Dagster's events on one connection: there for everybody at once, whole or not at all."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from dagster import (
    AssetCheckEvaluation,
    AssetCheckKey,
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetKey,
    AssetMaterialization,
    AssetsDefinition,
    AssetSpec,
    DagsterEventType,
    DagsterInstance,
    MaterializeResult,
    materialize,
    multi_asset,
)
from dagster_shared.record import as_dict

from ingest.home import Home
from orchestration.event_log import OneConnectionEventLog
from orchestration.instance import open_instance
from orchestration.named_check import NamedCheckResult


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


KEY = AssetKey(["marts", "carry_daily"])


def checked(name: str, *, passed: bool, kind: type[AssetCheckResult] = NamedCheckResult) -> AssetsDefinition:
    specs = [
        AssetCheckSpec(one, asset=KEY, blocking=one == "key_is_unique") for one in ("key_is_unique", "is_in_range")
    ]

    @multi_asset(specs=[AssetSpec(KEY)], check_specs=specs)
    def step() -> Iterator[MaterializeResult[None]]:
        one = kind(passed=passed, asset_key=KEY, check_name=name, metadata={"failed_rows": 3})
        other = kind(passed=True, asset_key=KEY, check_name="is_in_range", severity=AssetCheckSeverity.WARN)
        yield MaterializeResult(asset_key=KEY, check_results=[one, other])

    return step


def results(instance: DagsterInstance, run_id: str) -> dict[str, tuple[str, dict[str, object]]]:
    found = {}
    for name in ("key_is_unique", "is_in_range"):
        (one,) = instance.event_log_storage.get_asset_check_execution_history(AssetCheckKey(KEY, name), limit=5)
        assert one.run_id == run_id
        assert one.event is not None
        said = one.event.get_dagster_event().event_specific_data
        assert isinstance(said, AssetCheckEvaluation)
        assert said.target_materialization_data is not None
        told = as_dict(said)
        found[name] = one.status.value, {key: of for key, of in told.items() if key != "target_materialization_data"}
    return found


def test_results_of_checks_are_kept_as_dagster_keeps_them(home: Home, tmp_path: Path) -> None:
    """A result that names its check, and the log that writes results together, beside Dagster's own."""
    with open_instance(home) as instance:
        ran = materialize([checked("key_is_unique", passed=False)], instance=instance, raise_on_error=False)
        ours = results(instance, ran.run_id)
        types = [one.dagster_event_type for one in instance.all_logs(ran.run_id)]
    (tmp_path / "own").mkdir()
    with DagsterInstance.local_temp(str(tmp_path / "own")) as own:
        ran = materialize(
            [checked("key_is_unique", passed=False, kind=AssetCheckResult)], instance=own, raise_on_error=False
        )
        assert ours == results(own, ran.run_id)
        theirs = [one.dagster_event_type for one in own.all_logs(ran.run_id)]
    assert ours["key_is_unique"][0] == "FAILED"
    assert ours["is_in_range"][0] == "SUCCEEDED"
    # all but the outputs that say that a check has a result
    assert theirs.count(DagsterEventType.STEP_OUTPUT) == types.count(DagsterEventType.STEP_OUTPUT) + 2
    is_ours = [one for one in types if one is not DagsterEventType.STEP_OUTPUT]
    assert is_ours == [one for one in theirs if one is not DagsterEventType.STEP_OUTPUT]


def test_a_result_of_a_check_that_nobody_declared_is_an_error(home: Home) -> None:
    with open_instance(home) as instance, pytest.raises(KeyError, match="unheard_of"):
        materialize([checked("unheard_of", passed=True)], instance=instance)


def test_results_wait_until_somebody_asks_and_no_longer(home: Home) -> None:
    with open_instance(home) as instance:
        log = log_of(instance)
        instance.report_runless_asset_event(AssetCheckEvaluation(KEY, "key_is_unique", passed=True))
        with closing(sqlite3.connect(home.dagster / "event_log.db")) as other:
            count = "select count(*) from asset_check_executions"
            assert other.execute(count).fetchone() == (0,)
            assert log.get_asset_check_execution_history(AssetCheckKey(KEY, "key_is_unique"), limit=1)
            assert other.execute(count).fetchone() == (1,)
        instance.report_runless_asset_event(AssetCheckEvaluation(KEY, "key_is_unique", passed=True))
    with closing(sqlite3.connect(home.dagster / "event_log.db")) as other:  # what waited is stored at the end
        assert other.execute(count).fetchone() == (2,)
