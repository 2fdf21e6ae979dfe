"""What a build leaves is only what would come out the same, whatever has happened meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import duckdb
import pytest

from orchestration import drawn
from orchestration.unchanged import Plan, plan_build
from tests.unit.databases import empty_build
from warehouse.built import has_failed_since, take_built
from warehouse.runs import RunState, begin_run, finish_run

MORNING, NEXT = "2026-02-06 14:05:00", "2026-02-07 14:05:00"
RUN_AT = f"timestamp '{MORNING}'"
LATEST = "intermediate.latest"
CLOSED = f"select session_date from calendar.sessions where close_at <= {RUN_AT}"

MODELS = {
    "latest": ("intermediate", "table", {"by": "series_id"}, ["fred"], "select * from fred.observations"),
    "staged": ("intermediate", "view", {}, ["fred"], "select * from fred.observations"),
    "a_daily": ("marts", "table", {}, ["latest"], f"select * from {LATEST} where series_id = 'a'"),
    "b_daily": ("marts", "table", {}, ["latest"], f"select * from {LATEST} where series_id = 'b'"),
    "all_daily": ("marts", "table", {}, ["latest"], f"select * from {LATEST}"),
    "closed": ("marts", "table", {"clock": "closes"}, ["sessions"], CLOSED),
    "at_run": ("meta", "table", {}, [], f"select {RUN_AT} as run_at"),
    "of_run": ("meta", "table", {}, [], "select 'run-1' as run_id"),
    "titles": ("marts", "table", {}, ["series"], "select series_id, title from catalog.series"),
}
TESTS = {"a_is_sound": ["a_daily"], "all_is_sound": ["all_daily"], "a_fits_all": ["a_daily", "all_daily"]}
SOURCES = {"fred": ("fred", "observations"), "series": ("catalog", "series"), "sessions": ("calendar", "sessions")}
MADE_EACH_TIME = {"at_run", "of_run"}
EVERYTHING = {*MODELS, *TESTS, "holidays"}


def manifest() -> dict[str, Any]:
    nodes: dict[str, Any] = {
        name: {
            "unique_id": name,
            "resource_type": "model",
            "name": name,
            "schema": schema,
            "fqn": ["tidegauge", schema, name],
            "config": {"materialized": kind, "meta": meta},
            "depends_on": {"nodes": parents},
        }
        for name, (schema, kind, meta, parents, _) in MODELS.items()
    }
    for name, guards in TESTS.items():
        nodes[name] = {
            "unique_id": name,
            "resource_type": "test",
            "name": name,
            "schema": "tests",
            "fqn": ["tidegauge", name],
            "config": {},
            "depends_on": {"nodes": guards},
        }
    nodes["holidays"] = {
        "unique_id": "holidays",
        "resource_type": "seed",
        "name": "holidays",
        "schema": "catalog",
        "fqn": ["tidegauge", "holidays"],
        "config": {},
        "depends_on": {"macros": []},
    }
    return {"nodes": nodes, "sources": {name: {"schema": of[0], "name": of[1]} for name, of in SOURCES.items()}}


def texts(run_at: str = MORNING, run_id: str = "run-1") -> dict[str, str]:
    found = {name: model[-1].replace(MORNING, run_at).replace("run-1", run_id) for name, model in MODELS.items()}
    return found | {name: f"select count(*) from {guards[0]}" for name, guards in TESTS.items()} | {"holidays": ""}


def land(
    con: duckdb.DuckDBPyConnection, series_id: str, value: float | None, loaded_at: str, day: str = "2026-02-02"
) -> None:
    con.execute(
        "insert into fred.observations by name select ? as series_id, 'X' as code, ?::date as period_date, ? as value,"
        " 'percent' as unit, ?::timestamp as known_at, 'captured' as known_basis, 'fred' as provider,"
        " 'sha' as payload_sha256, ?::timestamp as loaded_at, 'r' as run_id",
        [series_id, day, value, loaded_at, loaded_at],
    )


@pytest.fixture
def con() -> duckdb.DuckDBPyConnection:
    """A build file after one sound build of MODELS and TESTS."""
    con = empty_build()
    for series_id in ("a", "b"):
        land(con, series_id, 1.0, "2026-02-03 12:00:00")
    con.execute("insert into catalog.units values ('percent', 'pct', 1)")
    con.execute(
        "insert into calendar.sessions by name select * from (values"
        " (date '2026-02-05', timestamp '2026-02-05 21:00:00', timestamp '2026-02-06 14:15:00', 1),"
        " (date '2026-02-06', timestamp '2026-02-06 21:00:00', timestamp '2026-02-09 14:15:00', 2))"
        " as s (session_date, close_at, cutoff_at, session_seq),"
        " (select timestamp '2026-02-05 14:30:00' as open_at, false as is_early_close,"
        " timestamp '2026-02-05 21:15:00' as close_cutoff_at)"
    )
    for schema in ("intermediate", "marts", "meta"):
        con.execute(f"create schema if not exists {schema}")
    con.execute("create table catalog.holidays (day date)")
    build(con)
    return con


def plan(con: duckdb.DuckDBPyConnection, run_at: str = MORNING, version: str = "1", why: str | None = None) -> Plan:
    return plan_build(con, manifest(), version=version, run_at=run_at, run_id="run-2", build_all=why)


def build(con: duckdb.DuckDBPyConnection, *, failed: tuple[str, ...] = ()) -> None:
    """Build everything, as a run at MORNING does."""
    all_of = plan_build(con, manifest(), version="1", run_at=MORNING, run_id="run-1", build_all="first")
    for name, (schema, kind, _, _, text) in MODELS.items():
        con.execute(f"create or replace {kind} {schema}.{name} as {text}")
    made = {name: text for name, text in texts().items() if name not in failed}
    all_of.keep(con, made, datetime(2026, 2, 6, 14, 5), "run-1")


def made(found: Plan) -> set[str]:
    return EVERYTHING - found.left


def test_without_anything_new_only_what_reads_the_run_is_built(con: duckdb.DuckDBPyConnection):
    found = plan(con)
    assert made(found) == MADE_EACH_TIME


def correct(con: duckdb.DuckDBPyConnection) -> None:
    land(con, "a", 1.5, "2026-02-06 14:00:00", day="2020-01-01")


def withdraw(con: duckdb.DuckDBPyConnection) -> None:
    land(con, "a", None, "2026-02-06 14:00:00")


def accept(con: duckdb.DuckDBPyConnection) -> None:
    """Land a row that was held back: as old as the others."""
    land(con, "a", 9.0, "2026-02-03 12:00:00")


@pytest.mark.parametrize("happened", [correct, withdraw, accept])
def test_a_new_row_of_a_series_reaches_what_reads_the_series(
    con: duckdb.DuckDBPyConnection, happened: Callable[[duckdb.DuckDBPyConnection], None]
):
    happened(con)
    assert made(plan(con)) == MADE_EACH_TIME | {"latest", "a_daily", "all_daily", *TESTS}


def test_a_new_series_reaches_what_reads_all_of_them(con: duckdb.DuckDBPyConnection):
    land(con, "c", 1.0, "2026-02-06 14:00:00")
    assert made(plan(con)) == MADE_EACH_TIME | {"latest", "all_daily", "all_is_sound", "a_fits_all"}


def test_a_changed_catalog_reaches_what_reads_it(con: duckdb.DuckDBPyConnection):
    con.execute(
        "insert into catalog.series by name select 'a' as series_id, 'A' as title, 'P' as publisher,"
        " 'daily' as frequency, 'pct' as unit, 1 as stale_limit_days, 0 as plausible_min, 1 as plausible_max,"
        " 1 as plausible_max_step,"
        " 'public_domain' as licence, false as is_revised"
    )
    assert made(plan(con)) == MADE_EACH_TIME | {"titles"}
    build(con)
    con.execute("update catalog.series set title = 'B'")
    assert made(plan(con)) == MADE_EACH_TIME | {"titles"}


def test_a_session_that_has_closed_since_reaches_what_goes_by_the_clock(con: duckdb.DuckDBPyConnection):
    assert made(plan(con, run_at="2026-02-06 20:59:00")) == MADE_EACH_TIME
    build(con)
    assert made(plan(con, run_at=NEXT)) == MADE_EACH_TIME | {"closed"}


def test_a_session_to_come_reaches_nothing_and_a_corrected_one_does(con: duckdb.DuckDBPyConnection):
    con.execute(
        "insert into calendar.sessions select * replace (date '2026-02-20' as session_date, timestamp"
        " '2026-02-20 21:00:00' as close_at, timestamp '2026-02-23 14:15:00' as cutoff_at, 3 as session_seq)"
        " from calendar.sessions where session_seq = 2"
    )
    assert made(plan(con)) == MADE_EACH_TIME
    build(con)
    con.execute("update calendar.sessions set is_early_close = true where session_seq = 1")
    assert made(plan(con)) == MADE_EACH_TIME | {"closed"}


@pytest.mark.parametrize(
    ("happened", "version"),
    [
        ("select 1", "2"),
        ("insert into ops.migrations values ('099_new.sql', 'sha')", "1"),
        ("delete from ops.built", "1"),
    ],
    ids=["another project", "another schema", "a new build file"],
)
def test_after_an_upgrade_and_in_a_new_file_everything_is_built(
    con: duckdb.DuckDBPyConnection, happened: str, version: str
):
    con.execute(happened)
    assert made(plan(con, version=version)) == EVERYTHING


def test_a_full_build_can_be_asked_for(con: duckdb.DuckDBPyConnection):
    found = plan(con, why="asked for")
    assert made(found) == EVERYTHING
    assert found.reason == "asked for"


def test_a_build_that_did_not_end_well_leaves_nothing(con: duckdb.DuckDBPyConnection):
    plan(con)  # and killed
    assert made(plan(con)) == EVERYTHING


def test_a_relation_that_is_gone_and_a_test_that_failed_are_made_again(con: duckdb.DuckDBPyConnection):
    con.execute("drop table marts.b_daily; drop view intermediate.staged")
    assert made(plan(con)) == MADE_EACH_TIME | {"b_daily", "staged"}
    con.execute("create view intermediate.staged as select 1")
    build(con, failed=("a_is_sound",))
    assert made(plan(con)) == MADE_EACH_TIME | {"a_is_sound"}


@pytest.mark.parametrize(
    ("states", "is_failed"),
    [
        (["built", "published"], False),
        (["built", "unchanged"], False),
        (["failed"], True),
        (["built", "failed"], True),
        ([], True),
        (["built"], True),
    ],
    ids=["published", "unchanged", "failed", "failed late", "killed", "killed before the release"],
)
def test_the_run_before_that_did_not_end_well_is_known(
    con: duckdb.DuckDBPyConnection, states: list[RunState], is_failed: bool
):
    now = datetime.fromisoformat(f"{MORNING}+00:00")
    assert not has_failed_since(con, "this"), "there was none"
    begin_run(con, "before", now)
    for state in states:
        finish_run(con, "before", state, now)
    begin_run(con, "this", now)
    assert has_failed_since(con, "this") == is_failed


def test_what_is_recorded_goes_with_the_first_look(con: duckdb.DuckDBPyConnection):
    assert take_built(con).keys() == EVERYTHING - MADE_EACH_TIME
    assert take_built(con) == {}


def test_the_draw_finds_a_table_that_is_not_what_a_full_build_gives(con: duckdb.DuckDBPyConnection):
    days = [date(2026, 2, day) for day in range(1, 28)]
    drawings = [drawn.check_drawn(con, plan_again(con), day) for day in days]
    assert all(check.passed for check in drawings)
    tables = (
        "intermediate.latest",
        "marts.a_daily",
        "marts.b_daily",
        "marts.all_daily",
        "marts.closed",
        "marts.titles",
    )
    assert {check.detail for check in drawings} == {f"drawn: {table}" for table in tables}, "each has its turn"
    con.execute("update marts.b_daily set value = 2")
    wrong = [check for check in (drawn.check_drawn(con, plan_again(con), day) for day in days) if not check.passed]
    assert {(check.failed_count, check.is_blocking) for check in wrong} == {(2, True)}
    assert {check.detail.split(",")[0] for check in wrong} == {"marts.b_daily"}


def plan_again(con: duckdb.DuckDBPyConnection) -> Plan:
    """Plan without forgetting."""
    con.execute("begin")
    found = plan(con)
    con.execute("rollback")
    return found


def test_nothing_left_is_nothing_to_draw(con: duckdb.DuckDBPyConnection):
    assert drawn.check_drawn(con, plan(con, why="asked for"), date(2026, 2, 6)).passed
