"""Whole runs of the daily job against the simulated market, in this process, early in its history."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from dagster import AssetKey, DagsterEventType, DagsterRunStatus, build_schedule_context

from ingest.catalog import SOURCES
from ingest.clock import NEW_YORK
from ingest.connectors import TABLE_CONNECTORS
from ingest.errors import AnotherWriter, AuditFailed, ConfigError, SourceUnavailable
from ingest.home import Home
from orchestration import cli
from orchestration.instance import open_instance
from orchestration.run import RunOutcome, run_daily, run_marts
from simulator import StandIn
from simulator.simulate import simulate
from tests.pipeline.placed import settings_of
from warehouse.connection import WriterLock
from warehouse.status import status

FIRST = datetime(2014, 6, 10, 18, 30, tzinfo=NEW_YORK).astimezone(UTC)
NEXT = FIRST + timedelta(days=1)
ASKED = [*SOURCES, *(desk.name for desk in TABLE_CONNECTORS)]


@pytest.fixture(scope="module")
def standin() -> Iterator[StandIn]:
    with StandIn(simulate(NEXT.date(), members=60), FIRST) as serving:
        yield serving


@pytest.fixture(scope="module")
def first(standin: StandIn, tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, RunOutcome]:
    home = tmp_path_factory.mktemp("run") / "home"
    outcome = run_daily(settings_of(home, standin))
    return Home(home.resolve()), outcome


@pytest.fixture
def copied(first: tuple[Home, RunOutcome], standin: StandIn, tmp_path: Path) -> Iterator[Home]:
    """The home after the first run, to do with as one likes; the stand-in as it was."""
    shutil.copytree(first[0].root, tmp_path / "copy")
    yield Home(tmp_path / "copy")
    standin.faults.clear()
    standin.set_now(FIRST)


def digest(home: Home) -> str:
    return hashlib.sha256(home.published.read_bytes()).hexdigest()


def asked(home: Home, query: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(home.warehouse), read_only=True) as con:
        return con.execute(query).fetchall()


def last_run(home: Home):
    with open_instance(home) as instance:
        return instance.get_runs(limit=1)[0]


def test_a_run_publishes_and_shows_in_dagster(first):
    home, outcome = first
    assert set(outcome.sources) == set(ASKED)
    # SOFR, IORB and the term funding programme were yet to come, and FRED says so for each
    assert {source for source, one in outcome.sources.items() if one.error} == {"federal_reserve", "fred"}
    assert {one.landing.state for one in outcome.sources.values()} == {"ok", "partial", "skipped"}
    assert outcome.release.state == "published"
    assert home.report.exists()
    with duckdb.connect(str(home.published), read_only=True) as con:
        assert con.execute("select run_id, origin from meta.build").fetchone() == (outcome.run_id, "SIMULATED")
        assert con.execute("select count(*) from meta.quality where stage = 'dbt'").fetchone()[0] > 0
        assert con.execute("select count(*) from meta.quality where stage = 'gate'").fetchone()[0] > 0
    run = last_run(home)
    assert (run.job_name, run.status) == ("daily", DagsterRunStatus.SUCCESS)
    assert run.tags["tidegauge/run_id"] == outcome.run_id
    assert asked(home, "select state from ops.runs order by recorded_at, rowid") == [
        ("started",),
        ("built",),
        ("published",),
    ]


def test_each_sources_expectations_have_their_page(first):
    pages = {path.name: path.read_text() for path in first[0].quality.rglob("*.html")}
    assert {"fred_rows.html", "fred_series.html", "cboe_rows.html", "treasury_rows.html"} <= pages.keys()
    assert "Succeeded" in pages["fred_rows.html"]
    assert all("default-src 'none'" in page for page in pages.values()), "a page loads and runs nothing"


def test_metadata_that_a_person_can_use(first):
    home, _ = first
    with open_instance(home) as instance:
        event = instance.get_latest_materialization_event(AssetKey(["cboe", "observations"]))
    metadata = event.asset_materialization.metadata
    assert metadata["rows_new"].value > 1000
    assert metadata["newest_period"].value == "2014-06-09", "the day's own indices come at 21:00"
    assert metadata["age_days"].value == 1
    assert "▁" in metadata["vix_close_plot"].value


def test_a_second_run_lands_and_publishes_nothing(copied, standin):
    before = digest(copied)
    outcome = run_daily(settings_of(copied.root, standin))
    landed = {s: (o.landing.rows_new, o.landing.rows_changed) for s, o in outcome.sources.items()}
    assert landed == dict.fromkeys(ASKED, (0, 0))
    assert outcome.release.state == "unchanged"
    assert digest(copied) == before
    assert len(list(copied.releases.glob("*.duckdb"))) == 1


def test_the_next_day_lands_the_next_day(copied, standin):
    standin.set_now(NEXT)
    outcome = run_daily(settings_of(copied.root, standin))
    assert outcome.release.state == "published"
    rows = {name: one.landing.rows_new for name, one in outcome.sources.items()}
    assert 0 < sum(rows[source] for source in SOURCES) < 400
    assert 0 < sum(rows[desk.name] for desk in TABLE_CONNECTORS) < 1500, "a day of each panel, not its history"
    assert outcome.sources["treasury"].landing.newest_period == NEXT.astimezone(NEW_YORK).date()


def test_one_bad_source_stops_nobody_and_is_not_green(copied, standin):
    standin.set_now(NEXT)
    standin.faults.add("financialresearch", "status", code=503)
    standin.faults.add("mof.go.jp", "html")
    outcome = run_daily(settings_of(copied.root, standin))
    assert outcome.sources["ofr"].landing.state == "failed"
    assert "ofr: financial stress index" in outcome.sources["ofr"].error
    assert outcome.sources["japan_mof"].landing.state == "failed"
    assert outcome.sources["treasury"].landing.rows_new > 0
    assert outcome.release.state == "published"
    with open_instance(copied) as instance:
        run = instance.get_runs(limit=1)[0]
        assert run.status is DagsterRunStatus.SUCCESS
        logs = instance.all_logs(run.run_id, of_type=DagsterEventType.ASSET_CHECK_EVALUATION)
    checks = [entry.dagster_event.asset_check_evaluation_data for entry in logs]
    found = {c.check_name: c.passed for c in checks if c.asset_key == AssetKey(["ofr", "observations"])}
    assert found["answered"] is False
    with duckdb.connect(str(copied.published), read_only=True) as con:
        told = con.execute("select last_error from meta.freshness where series_id = 'ofr_fsi'").fetchone()
        sources = con.execute("select state, error_text from meta.sources where source = 'ofr'").fetchone()
        blocking = con.execute("select bool_and(is_passed) from meta.quality where is_blocking").fetchone()
    assert told[0] in (None, "ofr: failed")
    assert sources[0] == "failed"
    assert "503" in sources[1]
    assert blocking == (True,), "what blocks and failed is never published"


def test_a_bug_in_one_source_stops_nobody(copied, standin, monkeypatch):
    from ingest.sources.ofr import ofr

    def broken(context):
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(ofr, "fetch", broken)
    outcome = run_daily(settings_of(copied.root, standin))
    assert outcome.sources["ofr"].landing.state == "failed"
    assert "ZeroDivisionError: division by zero" in outcome.sources["ofr"].error


def test_no_source_at_all_is_an_error_and_changes_nothing(copied, standin):
    before = digest(copied)
    standin.faults.add(".", "status", code=503)
    with pytest.raises(SourceUnavailable, match="no source answered"):
        run_daily(settings_of(copied.root, standin))
    assert digest(copied) == before
    assert asked(copied, "select state from ops.runs order by recorded_at desc, rowid desc limit 1") == [("failed",)]


def spoil(home: Home) -> None:
    """Land a value in a unit that the catalog does not know, as no gate would let through."""
    with duckdb.connect(str(home.warehouse)) as con:
        con.execute(
            "insert into fred.observations by name select * replace ('Furlongs' as unit, now()::timestamp as loaded_at)"
            " from fred.observations where series_id = 'hy_oas' limit 1"
        )


def test_a_failed_audit_leaves_the_release_and_says_why(copied, standin, monkeypatch, capfd):
    before = digest(copied)
    spoil(copied)
    with pytest.raises(AuditFailed, match=r"audit failed: .*every_published_unit_has_a_factor"):
        run_daily(settings_of(copied.root, standin))
    assert digest(copied) == before
    run = last_run(copied)
    assert run.status is DagsterRunStatus.FAILURE
    state, reason = asked(copied, "select state, reason from ops.runs order by recorded_at desc, rowid desc limit 1")[0]
    assert state == "failed"
    assert "every_published_unit_has_a_factor" in reason

    monkeypatch.setenv("TIDEGAUGE_HOME", str(copied.root))
    monkeypatch.setenv("TIDEGAUGE_NOW", FIRST.isoformat())
    capfd.readouterr()
    assert cli.call(["publish"]) == AuditFailed.exit_code
    printed = capfd.readouterr().err.splitlines()
    assert [line for line in printed if line.startswith("tidegauge: audit failed: ")] == printed[-1:]
    assert digest(copied) == before


def test_the_job_marts_builds_from_what_has_landed(copied, standin):
    asked_before = len(standin.requests)
    outcome = run_marts(settings_of(copied.root, standin))
    assert outcome.release.state == "unchanged"
    assert len(standin.requests) == asked_before
    assert last_run(copied).job_name == "marts"


def test_the_build_file_is_let_go_in_this_process_too(copied, standin):
    """Dagster's daemon lives on after a run: who reads the build file then must not meet our lock, nor dbt's."""
    for run in (run_daily, run_marts):
        run(settings_of(copied.root, standin))
        assert status(copied).note is None, "read from the build file itself"
        command = [sys.executable, "-c", f"import duckdb; duckdb.connect({str(copied.warehouse)!r}).close()"]
        assert subprocess.run(command, check=False).returncode == 0, "another process may write it"


def test_a_second_writer_is_turned_away(copied, standin):
    with WriterLock(copied), pytest.raises(AnotherWriter, match="nothing was touched"):
        run_daily(settings_of(copied.root, standin))


def test_live_figures_do_not_mix_with_simulated_ones(copied, standin):
    with pytest.raises(ConfigError, match="SIMULATED"):
        run_daily(settings_of(copied.root, standin).model_copy(update={"origin": "LIVE"}))
    with pytest.raises(ConfigError, match="stand-in"):
        run_daily(settings_of(copied.root, standin).model_copy(update={"upstream": None}))


def test_a_tick_of_the_schedule_runs_the_whole_job(copied, standin, monkeypatch):
    """As Dagster's daemon does it: the session comes from the environment, not from us."""
    from orchestration.definitions import defs

    standin.set_now(NEXT)
    for name, value in {
        "HOME": copied.root,
        "UPSTREAM": standin.url,
        "ORIGIN": "SIMULATED",
        "NOW": NEXT.isoformat(),
    }.items():
        monkeypatch.setenv(f"TIDEGAUGE_{name}", str(value))
    context = build_schedule_context(scheduled_execution_time=NEXT.astimezone(NEW_YORK))
    schedule = defs.resolve_schedule_def("evening")
    requests = schedule.evaluate_tick(context).run_requests
    assert len(requests) == 1
    before = digest(copied)
    with open_instance(copied) as instance:
        done = defs.resolve_job_def(schedule.job_name).execute_in_process(
            instance=instance, tags=requests[0].tags, run_config=requests[0].run_config
        )
    assert done.success
    assert digest(copied) != before
    assert asked(copied, "select state from ops.runs order by recorded_at desc, rowid desc limit 1") == [("published",)]
    assert not os.path.exists(copied.lock) or WriterLock(copied).acquire().release() is None
