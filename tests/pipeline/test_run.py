"""Whole runs of the daily job against the simulated market, in this process, early in its history."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from datetime import datetime, timedelta

import duckdb
import pytest
from dagster import AssetKey, DagsterEventType, DagsterRunStatus, build_schedule_context

from ingest.clock import NEW_YORK
from ingest.connectors import SOURCES, TABLE_CONNECTORS
from ingest.errors import AnotherWriter, AuditFailed, ConfigError, SourceUnavailable
from ingest.home import Home
from orchestration import cli
from orchestration.instance import open_instance
from orchestration.run import run_daily, run_marts
from simulator import StandIn
from tests.pipeline.placed import settings_of
from tests.pipeline.small import FIRST, NEXT, NOT_SERVED_YET, Ran, asked, fared
from warehouse.connection import WriterLock
from warehouse.status import status

ASKED = [*SOURCES, *(desk.name for desk in TABLE_CONNECTORS)]


def digest(home: Home) -> str:
    return hashlib.sha256(home.published.read_bytes()).hexdigest()


def last_run(home: Home):
    with open_instance(home) as instance:
        return instance.get_runs(limit=1)[0]


def placed(home: Home, standin: StandIn, monkeypatch: pytest.MonkeyPatch, now: datetime) -> None:
    """Name home, stand-in and moment in the environment, as a user does."""
    values = {"HOME": home.root, "UPSTREAM": standin.url, "ORIGIN": "SIMULATED", "NOW": now.isoformat()}
    for name, value in values.items():
        monkeypatch.setenv(f"TIDEGAUGE_{name}", str(value))


def stay_in_place(first: Ran, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the snapshot files where the first run put them: a release says where they are, and a move is a new one."""
    monkeypatch.setattr(Home, "snapshots", property(lambda _: first.home.root / "snapshots"))


def require_let_go(home: Home) -> None:
    """Dagster's daemon lives on after a run: who reads the build file then must not meet our lock, nor dbt's."""
    assert status(home).note is None, "read from the build file itself"
    command = [sys.executable, "-c", f"import duckdb; duckdb.connect({str(home.warehouse)!r}).close()"]
    assert subprocess.run(command, check=False).returncode == 0, "another process may write it"


def test_a_run_publishes_and_shows_in_dagster(first):
    home, sources = first.home, fared(first.home)
    assert set(sources) == set(ASKED)
    # at that moment these have nothing, or only a part: each says so
    partly = {"federal_reserve", "fred", "cboe", "yahoo"}  # SOFR, IORB, DSPX, bitcoin and others were yet to come
    assert {source for source, one in sources.items() if one.state == "partial"} == partly
    assert {source for source, one in sources.items() if one.state == "failed"} == NOT_SERVED_YET
    assert {source for source, one in sources.items() if one.error} == partly | NOT_SERVED_YET
    assert home.report.exists()
    run = last_run(home)
    assert (run.job_name, run.status) == ("daily", DagsterRunStatus.SUCCESS)
    with duckdb.connect(str(home.published), read_only=True) as con:
        found = con.execute("select run_id, origin from meta.build").fetchone()
        assert found == (run.tags["tidegauge/run_id"], "SIMULATED")
        assert con.execute("select count(*) from meta.quality where stage = 'dbt'").fetchone()[0] > 0
        assert con.execute("select count(*) from meta.quality where stage = 'gate'").fetchone()[0] > 0
    assert asked(home, "select state from ops.runs order by recorded_at, rowid") == [
        ("started",),
        ("built",),
        ("published",),
    ]


def test_each_sources_expectations_have_their_page(first):
    pages = {path.name: path.read_text() for path in first.home.quality.rglob("*.html")}
    tables = {f"{source}.observations" for source in ("fred", "cboe", "treasury")}
    assert {f"{name}{what}.html" for name in tables for what in ("", "_series")} <= pages.keys()
    assert "Succeeded" in pages["fred.observations.html"]
    assert all("default-src 'none'" in page for page in pages.values()), "a page loads and runs nothing"


def test_metadata_that_a_person_can_use(first):
    with open_instance(first.home) as instance:
        event = instance.get_latest_materialization_event(AssetKey(["cboe", "observations"]))
    metadata = event.asset_materialization.metadata
    assert metadata["rows_new"].value > 1000
    assert metadata["newest_period"].value == "2014-06-09", "the day's own indices come at 21:00"
    assert metadata["age_days"].value == 1
    assert "▁" in metadata["vix_close_plot"].value


def test_a_second_run_lands_computes_and_publishes_nothing(first, copied, standin, monkeypatch):
    stay_in_place(first, monkeypatch)
    features = "select count(*), max(known_at) from breadth.features"
    before, computed = digest(copied), asked(copied, features)
    # without a contact the SEC is not asked: its past comes back some days a run
    outcome = run_daily(settings_of(copied.root, standin).model_copy(update={"contact": None}))
    landed = {s: (o.landing.rows_new, o.landing.rows_changed) for s, o in outcome.sources.items()}
    assert landed == dict.fromkeys(ASKED, (0, 0))
    assert asked(copied, features) == computed
    assert outcome.release.state == "unchanged"
    assert digest(copied) == before
    assert len(list(copied.releases.glob("*.duckdb"))) == 1
    require_let_go(copied)


def test_the_next_day_lands_the_next_day(next_day):
    rows = {name: one.rows_new for name, one in fared(next_day.home).items()}
    assert 0 < sum(rows[source] for source in SOURCES) < 400
    panels = [desk.name for desk in TABLE_CONNECTORS if not any(table.is_in_daily_files for table in desk.tables)]
    assert 0 < sum(rows[name] for name in panels) < 1500, "a day of each panel, not its history"
    assert fared(next_day.home)["treasury"].newest_period == NEXT.astimezone(NEW_YORK).date()
    assert asked(next_day.home, "select state from ops.runs order by recorded_at, rowid")[-1] == ("published",)


@pytest.fixture(scope="module")
def bad_day(first: Ran, serving: StandIn, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Return the home after a run in which five publishers fail in five ways. No test changes it."""
    from ingest.sources.finra import finra

    def broken(context):
        raise ZeroDivisionError("division by zero")

    home = first.copy_to(tmp_path_factory.mktemp("bad_day") / "home")
    serving.set_now(NEXT)
    serving.faults.add("financialresearch", "status", code=503)
    serving.faults.add("mof.go.jp", "html")
    serving.faults.add("query2.finance.yahoo.com", "status", code=503)
    serving.faults.add(r"fredgraph\.csv\?id=WTREGEN", "changed_unit", scale=0.001)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(finra, "fetch", broken)
            assert run_daily(settings_of(home.root, serving)).release.state == "published"
    finally:
        serving.faults.clear()
        serving.set_now(FIRST)
    return home


def test_bad_sources_stop_nobody_and_are_not_green(bad_day):
    sources = fared(bad_day)
    assert sources["ofr"].state == "failed"
    assert "ofr: financial stress index" in sources["ofr"].error
    assert sources["japan_mof"].state == "failed"
    assert sources["yahoo_prices"].state == "failed"
    assert sources["treasury"].rows_new > 0
    assert sources["ssga"].rows_new > 0
    with open_instance(bad_day) as instance:
        run = instance.get_runs(limit=1)[0]
        assert run.status is DagsterRunStatus.SUCCESS
        logs = instance.all_logs(run.run_id, of_type=DagsterEventType.ASSET_CHECK_EVALUATION)
    checks = [entry.dagster_event.asset_check_evaluation_data for entry in logs]
    found = {c.check_name: c.passed for c in checks if c.asset_key == AssetKey(["ofr", "observations"])}
    assert found["answered"] is False
    with duckdb.connect(str(bad_day.published), read_only=True) as con:
        told = con.execute("select last_error from meta.freshness where series_id = 'ofr_fsi'").fetchone()
        sources = con.execute("select state, error_text from meta.sources where source = 'ofr'").fetchone()
        blocking = con.execute("select bool_and(is_passed) from meta.quality where is_blocking").fetchone()
    assert told[0] in (None, "ofr: failed")
    assert sources[0] == "failed"
    assert "503" in sources[1]
    assert blocking == (True,), "what blocks and failed is never published"


def test_a_bug_in_one_source_stops_nobody(bad_day):
    found = fared(bad_day)["finra"]
    assert found.state == "failed"
    assert "ZeroDivisionError: division by zero" in found.error


def test_a_series_that_changes_its_unit_is_refused_and_the_rest_published(bad_day):
    """WTREGEN in billions again: the series is refused with a reason, its last good values stay."""
    reasons = asked(
        bad_day,
        "select distinct reason from quarantine.refused_rows where source = 'fred' and group_name = 'tga_week_average'",
    )
    assert reasons, "the refused values are kept with their reason"
    assert any("unit" in reason for (reason,) in reasons), reasons
    smallest = asked(bad_day, "select min(value) from fred.observations where series_id = 'tga_week_average'")
    assert smallest[0][0] > 2_000, "millions, as before"


def test_a_tick_of_the_schedule_runs_the_whole_job_and_completes_what_lacked(bad_day, standin, monkeypatch, tmp_path):
    """As Dagster's daemon does it: the session comes from the environment, not from us."""
    from orchestration.definitions import defs

    home = Ran(bad_day, 0.0).copy_to(tmp_path / "copy")
    now = NEXT + timedelta(minutes=5)
    standin.set_now(now)
    placed(home, standin, monkeypatch, now)
    context = build_schedule_context(scheduled_execution_time=now.astimezone(NEW_YORK))
    schedule = defs.resolve_schedule_def("evening")
    requests = schedule.evaluate_tick(context).run_requests
    assert len(requests) == 1
    before = digest(home)
    with open_instance(home) as instance:
        done = defs.resolve_job_def(schedule.job_name).execute_in_process(
            instance=instance, tags=requests[0].tags, run_config=requests[0].run_config
        )
    assert done.success
    assert digest(home) != before
    assert asked(home, "select state from ops.runs order by recorded_at desc, rowid desc limit 1") == [("published",)]
    assert not os.path.exists(home.lock) or WriterLock(home).acquire().release() is None
    sources = fared(home)
    assert {name for name in ("ofr", "japan_mof", "yahoo_prices", "finra") if sources[name].state != "ok"} == set()
    assert sources["yahoo_prices"].rows_new > 0


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
    placed(copied, standin, monkeypatch, FIRST)
    capfd.readouterr()
    assert cli.call(["run"]) == AuditFailed.exit_code
    printed = capfd.readouterr().err.splitlines()
    assert "every_published_unit_has_a_factor" in printed[-1]
    assert [line for line in printed if line.startswith("tidegauge: audit failed: ")] == printed[-1:]
    assert digest(copied) == before
    run = last_run(copied)
    assert run.status is DagsterRunStatus.FAILURE
    state, reason = asked(copied, "select state, reason from ops.runs order by recorded_at desc, rowid desc limit 1")[0]
    assert state == "failed"
    assert "every_published_unit_has_a_factor" in reason


def test_the_job_marts_builds_from_what_has_landed(first, copied, standin, monkeypatch):
    stay_in_place(first, monkeypatch)
    asked_before = len(standin.requests)
    outcome = run_marts(settings_of(copied.root, standin))
    assert outcome.release.state == "unchanged"
    assert len(standin.requests) == asked_before
    assert last_run(copied).job_name == "marts"
    require_let_go(copied)


def test_a_second_writer_is_turned_away(copied, standin):
    with WriterLock(copied), pytest.raises(AnotherWriter, match="nothing was touched"):
        run_daily(settings_of(copied.root, standin))


def test_live_figures_do_not_mix_with_simulated_ones(copied, standin):
    with pytest.raises(ConfigError, match="SIMULATED"):
        run_daily(settings_of(copied.root, standin).model_copy(update={"origin": "LIVE"}))
    with pytest.raises(ConfigError, match="stand-in"):
        run_daily(settings_of(copied.root, standin).model_copy(update={"upstream": None}))
