"""What Dagster loads: keys, jobs, schedules, and how quickly."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from dagster import DefaultScheduleStatus, RunRequest, SkipReason, build_schedule_context

from ingest.connectors import SOURCES, TABLE_CONNECTORS
from ingest.dataset import DATASETS, TABLES
from ingest.rules.declared import rules_of
from ingest.snapshot_gate import snapshot_checks
from orchestration.dbt_parsed import ensure_manifest
from orchestration.definitions import defs

ROOT = Path(__file__).parents[2]
NEW_YORK = ZoneInfo("America/New_York")
HEAVY = ("great_expectations", "yfinance", "pandas", "altair", "vl_convert", "exchange_calendars")

FIXED_KEYS = {
    *(f"{source}/observations" for source in SOURCES),
    *(table.id.replace(".", "/") for table in TABLES),
    *(f"breadth/{name}" for name in ("features", "daily_counts", "market")),
    *(f"options/{name}" for name in ("gamma_files", "gamma_daily", "gamma_strikes")),
    *(f"implied_volatility/{name}" for name in ("at_the_money", "reduced_files")),
    *(f"catalog/{name}" for name in ("series", "providers", "units", "tolerances", "funds")),
    *(f"calendar/{name}" for name in ("days", "sessions", "releases")),
    *(f"ops/{name}" for name in ("payloads", "source_runs", "shrinkages")),
    "published/tidegauge",
    "regime/days",
    "report/index",
}
MARTS = {
    "carry_daily",
    "credit_daily",
    "funding_daily",
    "market_daily",
    "market_known_daily",
    "net_liquidity_daily",
    "net_liquidity_weekly",
    "observations",
    "options_sentiment_daily",
    "regime_daily",
    "regime_episodes",
    "rates_volatility_daily",
    "series",
    "sessions",
    "volatility_daily",
}


@pytest.fixture(scope="module")
def graph():
    return defs.resolve_asset_graph()


@pytest.fixture(scope="module")
def manifest():
    return json.loads(ensure_manifest().read_text())


def test_asset_keys(graph):
    """A snapshot: a key is a schema and a table, and others build on it."""
    keys = {key.to_user_string() for key in graph.get_all_asset_keys()}
    built = {
        key for key in keys if key.split("/")[0] in ("staging", "intermediate", "seeds", "marts", "claims", "meta")
    }
    assert keys - built == FIXED_KEYS
    assert "staging/stg_observations" in built
    assert {f"marts/{name}" for name in MARTS} <= built
    assert {"meta/freshness", "meta/payloads"} <= built


def test_each_dbt_source_is_an_asset_of_that_key(graph, manifest):
    keys = {tuple(key.path) for key in graph.get_all_asset_keys()}
    sources = {(node["source_name"], node["name"]) for node in manifest["sources"].values()}
    assert sources, "the project reads no source"
    assert sources <= keys


def test_each_source_leads_to_the_release(graph):
    key = next(key for key in graph.get_all_asset_keys() if key.path == ["published", "tidegauge"])
    ancestors = {one.to_user_string() for one in graph.get_ancestor_asset_keys(key)}
    for source in SOURCES:
        assert f"{source}/observations" in ancestors
        observed = next(k for k in graph.get_all_asset_keys() if k.path == [source, "observations"])
        assert graph.get(observed).group_name == "sources"
        assert graph.get(observed).tags["publisher"] == source


def test_each_panel_table_belongs_to_its_publisher_and_one_desk(graph):
    filled = [table_id for desk in TABLE_CONNECTORS for table_id in desk.table_ids]
    assert sorted(filled) == sorted(table.id for table in TABLES)
    for table in TABLES:
        key = next(k for k in graph.get_all_asset_keys() if k.path == [table.source, table.name])
        assert graph.get(key).tags["publisher"] == table.source
    assert all(desk.path.exists() for desk in TABLE_CONNECTORS)


def test_prices_come_after_membership_and_breadth_after_both(graph):
    def ancestors(*path: str) -> set[str]:
        key = next(key for key in graph.get_all_asset_keys() if key.path == list(path))
        return {one.to_user_string() for one in graph.get_ancestor_asset_keys(key)}

    assert "sp500_membership/intervals" in ancestors("yahoo", "prices")
    assert "yahoo/prices" in ancestors("nasdaq", "prices")
    assert {"yahoo/prices", "yahoo/splits", "sp500_membership/intervals", "calendar/sessions"} <= ancestors(
        "breadth", "features"
    )
    assert "breadth/features" in ancestors("published", "tidegauge")


def test_the_gates_checks_are_shown_under_their_names_and_say_what_they_hold(graph):
    for table in DATASETS:
        shown = {key.name for key in graph.asset_check_keys if ".".join(key.asset_key.path) == table.id}
        if table.is_in_daily_files:
            assert set(snapshot_checks(table)) < shown
            continue
        assert {rule.name for rule in rules_of(table)} < shown
        assert all(rule.description.endswith(".") for rule in rules_of(table))


def test_every_asset_says_what_it_is_and_whose_and_every_check_what_it_holds(graph):
    nodes = [graph.get(key) for key in graph.get_all_asset_keys()]
    assert [node.key.to_user_string() for node in nodes if not (node.description and node.owners)] == []
    without = {node.key.to_user_string() for node in nodes if "dagster/column_schema" not in node.metadata}
    assert {path.split("/")[0] for path in without} <= {"staging", "intermediate", "published", "report"}
    assert all(node.is_materializable for node in nodes), "an asset that no step fills shows as never materialised"
    checks = [graph.get(key) for key in graph.asset_check_keys]
    assert [check.key.to_user_string() for check in checks if not check.description] == []
    assert not [check.key for check in checks if "quant.md" in check.description]


def test_groups_are_layers_and_packs(graph):
    groups = {key.to_user_string(): graph.get(key).group_name for key in graph.get_all_asset_keys()}
    assert groups["marts/net_liquidity_daily"] == "marts_liquidity"
    assert groups["marts/regime_daily"] == "marts_regimes"
    assert groups["seeds/fomc_meetings"] == groups["catalog/series"] == "reference"
    assert groups["breadth/features"] == groups["regime/days"] == "analytics"
    assert groups["staging/stg_observations"] == "staging"
    assert groups["report/index"] == "release"


def test_dbt_tests_are_checks_on_what_they_guard(graph, manifest):
    tests = [node for node in manifest["nodes"].values() if node["resource_type"] == "test"]
    shown = {key.name for key in graph.asset_check_keys}
    assert tests, "the project has no test"
    missing = {node["name"] for node in tests} - shown
    assert missing == set(), "singular tests of several models need meta.dagster.ref to show as checks"


def test_jobs():
    jobs = {job.name for job in defs.resolve_all_job_defs() if not job.name.startswith("__")}
    assert jobs == {"daily", "marts", "snapshots"}
    daily, marts = (defs.resolve_job_def(name) for name in ("daily", "marts"))
    assert daily.executor_def.name == "in_process"
    assert marts.executor_def.name == "in_process"
    marts_steps = {node.name for node in marts.nodes}
    assert "sources" not in marts_steps, "the job marts asks no source"
    assert {"reference", "breadth", "options"} <= marts_steps
    assert {node.name for node in defs.resolve_job_def("snapshots").nodes} == {"sources"}


@pytest.mark.parametrize(("name", "cron"), [("snapshots_0945", "45 9 * * 1-5"), ("snapshots_1620", "20 16 * * 1-5")])
def test_snapshots_are_taken_at_the_hours_that_their_tables_name(name, cron):
    schedule = defs.resolve_schedule_def(name)
    assert (schedule.cron_schedule, schedule.execution_timezone) == (cron, "America/New_York")
    assert schedule.job_name == "snapshots"


@pytest.mark.parametrize(("name", "cron"), [("evening", "30 18 * * 1-5"), ("morning", "16 9 * * 1-5")])
def test_schedules_are_off_and_in_new_york(name, cron):
    schedule = defs.resolve_schedule_def(name)
    assert schedule.cron_schedule == cron
    assert schedule.execution_timezone == "America/New_York"
    assert schedule.default_status is DefaultScheduleStatus.STOPPED
    assert schedule.job_name == "daily"


@pytest.mark.parametrize(
    ("moment", "runs"),
    [
        (datetime(2026, 2, 5, 18, 30), True),
        (datetime(2026, 2, 16, 18, 30), False),  # Presidents' Day
        (datetime(2026, 4, 3, 9, 5), False),  # Good Friday
        (datetime(2026, 11, 27, 18, 30), True),  # an early close is a session
    ],
)
def test_schedules_run_on_sessions_only(moment, runs):
    for name in ("evening", "morning"):
        context = build_schedule_context(scheduled_execution_time=moment.replace(tzinfo=NEW_YORK))
        asked = defs.resolve_schedule_def(name).evaluate_tick(context)
        if runs:
            assert [type(request) for request in asked.run_requests] == [RunRequest]
        else:
            assert asked.run_requests in (None, [])
            assert "is not an NYSE session" in (asked.skip_message or "")
            assert isinstance(SkipReason(asked.skip_message), SkipReason)


def test_definitions_load_without_heavy_libraries(tmp_path):
    probe = f"import sys; import orchestration.definitions;print([name for name in {HEAVY!r} if name in sys.modules])"
    ran = subprocess.run(
        [sys.executable, "-c", probe],
        cwd=ROOT,
        env={**os.environ, "TIDEGAUGE_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip() == "[]"
