"""Of dbt's events results, warnings and errors are told, and a model that is committed as soon as it is."""

from __future__ import annotations

from typing import Any

import pytest
from dbt.events.types import LogModelResult, LogTestResult
from dbt_common.events.base_types import EventLevel
from dbt_common.events.event_manager_client import add_callback_to_manager, get_event_manager
from dbt_common.events.functions import fire_event
from dbt_common.events.types import Note

from orchestration.dbt_bridge import _keep_results
from orchestration.dbt_events import results_and_trouble


def result(kind: type = LogModelResult, name: str = "carry_daily", status: str = "success") -> Any:
    more = {"num_models": 2} if kind is LogTestResult else {"total": 2, "description": "-"}
    node = {"unique_id": f"model.tidegauge.{name}", "node_name": name, "node_status": status}
    return kind(
        status=status,
        index=1,
        execution_time=0.1,
        node_info=node,
        **({"name": name} if kind is LogTestResult else {}),
        **more,
    )


@pytest.mark.parametrize(
    ("event", "level", "is_told"),
    [
        (Note(msg="looked"), EventLevel.DEBUG, False),
        (Note(msg="went on"), EventLevel.INFO, False),
        (Note(msg="odd"), EventLevel.WARN, True),
        (Note(msg="broken"), EventLevel.ERROR, True),
        (result(), EventLevel.INFO, True),
        (result(LogTestResult), EventLevel.INFO, True),
    ],
)
def test_what_is_told(event, level, is_told):
    told: list[str] = []
    before = get_event_manager()
    with results_and_trouble():
        add_callback_to_manager(lambda message: told.append(message.info.name))
        fire_event(event, level)
    assert told == ([type(event).__name__] if is_told else [])
    assert get_event_manager() is before


def test_a_model_that_is_committed_is_told_by_its_id_and_nothing_else_is():
    events: list[dict[str, Any]] = []
    built: list[str] = []
    with results_and_trouble():
        add_callback_to_manager(_keep_results(events, lambda *_: None, on_built=built.append))
        fire_event(result(name="failed", status="error"), EventLevel.ERROR)
        fire_event(result(LogTestResult, name="tested"), EventLevel.INFO)
        fire_event(result(name="carry_daily"), EventLevel.INFO)
    assert built == ["model.tidegauge.carry_daily"]
    assert [event["data"]["node_info"]["unique_id"].split(".")[-1] for event in events] == [
        "failed",
        "tested",
        "carry_daily",
    ]
