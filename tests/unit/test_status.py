"""Status: what each source and mart look like, from the build file or, during a run, from the published one."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pytest

from ingest.batch import Batch, CheckResult, GateResult, Window
from ingest.catalog import load_catalog
from ingest.errors import NothingPublished, SourceUnavailable
from ingest.home import Home
from tests.unit.databases import empty_build, opened_build
from tests.unit.test_landing import MON, OAS, TUE, WED, answer, utc
from tests.unit.test_panel_landing import price, rows_of
from tests.unit.test_publish import build, publish_now
from warehouse.connection import WriterLock, connect
from warehouse.landing import land
from warehouse.runs import begin_run, finish_run, record_checks
from warehouse.status import FailedCheck, MartStatus, status


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home").ensure()


def run_once(home: Home) -> None:
    con = opened_build(home)
    begin_run(con, "run 1", utc(9, 16))
    answer(con, utc(9, 16), (OAS, MON, 3.1), (OAS, TUE, 3.2), (OAS, WED, None))
    answer(con, utc(10, 16), (OAS, TUE, 3.2), (OAS, WED, None))
    answer(con, utc(11, 16), windows=[], problems=[SourceUnavailable("fred", "BAMLH0A0HYM2", "HTTP 503")])
    finish_run(con, "run 1", "failed", utc(11, 17), "audit failed")
    con.close()


def test_nothing_there(home):
    with pytest.raises(NothingPublished, match=r"nothing in .*home yet"):
        status(home)


def test_each_source_with_its_last_run_and_what_is_held(home):
    run_once(home)
    found = status(home)
    (fred,) = found.sources
    assert (fred.source, fred.state, fred.error) == ("fred", "failed", "fred: BAMLH0A0HYM2: HTTP 503")
    assert (fred.rows_count, fred.newest_period) == (3, TUE)
    assert (fred.recorded_at, fred.last_ok_at) == (datetime(2026, 3, 11, 16), datetime(2026, 3, 10, 16))
    assert found.shrinkages == ("fred hy_oas: source now starts 2026-03-03, we keep from 2026-03-02",)
    assert found.last_run == ("run 1", "failed", "audit failed")
    assert (found.published, found.note, found.is_writer_active) == (None, None, False)


def test_what_a_desk_holds_is_counted_in_every_table_it_fills(home):
    con = opened_build(home)
    moment = utc(9, 16)
    listed = ((TUE, "ABC", "Abc Corp", "N", False), (TUE, "XYZ", "Xyz Corp", "Q", False))
    symbols = {"nasdaq_trader.symbols": rows_of("nasdaq_trader.symbols", moment, *listed)}
    bars = {"yahoo.prices": rows_of("yahoo.prices", moment, price("ABC", MON, 9.0), price("ABC", TUE, 9.5))}
    asked = Window("ABC", MON, TUE, table_id="yahoo.prices")
    for batch in (
        Batch("nasdaq_trader", symbols, (), (), (), moment),
        Batch("yahoo", bars, (asked,), (), (), moment, "yahoo_prices"),
    ):
        land(con, batch, GateResult(batch.tables, {}, (), None), load_catalog(), "run 1", moment)
    con.close()
    found = {one.source: (one.rows_count, one.newest_period) for one in status(home).sources}
    assert found == {"nasdaq_trader": (2, TUE), "yahoo_prices": (2, TUE)}


def test_a_desk_that_shares_a_schema_is_not_credited_with_what_the_other_holds(home):
    con = opened_build(home)
    moment = utc(9, 16)
    for name, table, told in (
        ("ici", "ici.weekly_flows", (MON, "total_equity", 5.0)),
        ("ici_combined", "ici.combined_flows", (MON, "total_equity", 7.0)),
    ):
        rows = {table: rows_of(table, moment, told)}
        batch = Batch("ici", rows, (Window("total_equity", MON, MON, table_id=table),), (), (), moment, name)
        land(con, batch, GateResult(rows, {}, (), None), load_catalog(), "run 1", moment)
    con.close()
    assert {one.source: one.rows_count for one in status(home).sources} == {"ici": 1, "ici_combined": 1}


def test_what_lands_of_a_desk_is_counted_where_its_answers_are_of_no_group(home):
    """Its table is in the schema of its publisher, whose name is another."""
    con = opened_build(home)
    for day, shares in ((9, 100.0), (10, 120.0)):
        moment = utc(day, 16)
        told = ("SPY", MON, shares, 90.0, 5.0, 20.0, 11.1, False, False, "NYSE")
        rows = {"finra.short_interest": rows_of("finra.short_interest", moment, told)}
        batch = Batch("finra", rows, (), (), (), moment, "short_interest")
        land(con, batch, GateResult(rows, {}, (), None), load_catalog(), "run 1", moment)
    con.close()
    found = {one.source: (one.rows_count, one.newest_period) for one in status(home).sources}
    assert found == {"short_interest": (2, MON)}


DATA_SETS = ((MON, "01dec2025-28feb2026_form13f.zip", 9000, 2, 2, 40),)
FILINGS = tuple(
    (
        *(f"{number:010}", MON, f"{number:010}-26-000001", date(2025, 12, 31)),
        *("13F-HR", False, None, "13F HOLDINGS REPORT", f"MANAGER {number}", 20, 20, 1e9, False),
    )
    for number in (1, 2)
)


def test_rows_that_come_with_what_was_asked_for_are_counted_too(home):
    """A data set of filings is asked for; the filings and their holdings are in tables of their own."""
    con = opened_build(home)
    moment = utc(9, 16)
    rows = {
        "sec.data_sets_13f": rows_of("sec.data_sets_13f", moment, *DATA_SETS),
        "sec.filings_13f": rows_of("sec.filings_13f", moment, *FILINGS),
    }
    asked = Window("", MON, MON, table_id="sec.data_sets_13f")
    batch = Batch("sec", rows, (asked,), (), (), moment, "sec_13f")
    land(con, batch, GateResult(rows, {}, (), None), load_catalog(), "run 1", moment)
    con.close()
    assert {one.source: one.rows_count for one in status(home).sources} == {"sec_13f": len(DATA_SETS) + len(FILINGS)}


def test_former_members_that_a_provider_does_not_know_are_a_known_lack(home):
    run_once(home)
    con = connect(home)
    rows = [("yahoo_prices", f"OLD{number:02}", "unknown", datetime(2026, 3, 9), "run") for number in range(22)]
    con.executemany("insert into ops.panel_lacks values (?, ?, ?, ?, ?)", rows)
    con.execute(
        "insert into ops.answers values"
        " ('yahoo_prices', 'yahoo.prices', 'OLD00', '2026-03-10', null, null, null, null, 9, 'later')"
    )
    con.close()
    (sentence,) = status(home).lacks
    assert sentence.startswith("yahoo_prices does not know 21 former members: OLD01, OLD02")
    assert sentence.endswith("OLD20 and 1 more")


def test_marts_are_those_that_analysts_see(home):
    run_once(home)
    build(home)
    publish_now(home)
    found = status(home)
    assert found.marts == (
        MartStatus("credit_daily", 10, date(2026, 3, 11)),
        MartStatus("sessions", 1, date(2027, 1, 1)),
    )
    assert found.published["origin"] == "LIVE"
    assert [row["state"] for row in found.freshness] == ["fresh"]


def test_marts_of_months_and_reports_have_a_newest_period_too(home):
    run_once(home)
    build(home)
    con = connect(home)
    con.execute("create table marts.valuation_monthly as select date '2026-02-01' as month_date, 30.0 as cape_ratio")
    con.execute(
        "create table marts.fund_reports as select date '2026-03-06' as report_date, date '2026-03-05' as session_date"
    )
    con.execute("create table marts.margin_changes as select 'none' as what")
    con.close()
    publish_now(home)
    found = {mart.mart: mart.newest_date for mart in status(home).marts}
    assert found["valuation_monthly"] == date(2026, 2, 1)
    assert found["fund_reports"] == date(2026, 3, 5), "of several the one that orders its rows"
    assert found["margin_changes"] is None


def test_failed_checks_of_the_published_file_are_told_once_each(home):
    run_once(home)
    build(home)
    con = connect(home)
    frozen = [
        CheckResult(f"{source}.observations", "upstream_is_not_frozen", "error", False, 2, "{}", "freshness")
        for source in ("fred", "cboe")
    ]
    record_checks(con, "run 1", [*frozen, CheckResult("meta.freshness", "late", "warn", False, 1, "", "dbt")], utc(9))
    con.close()
    publish_now(home)
    checks = status(home).checks
    assert (checks.count, checks.failed_count) == (4, 3)
    assert checks.failed == (
        FailedCheck("upstream_is_not_frozen", "error", ("cboe.observations", "fred.observations"), False),
        FailedCheck("late", "warn", ("meta.freshness",), False),
    )


def test_the_checks_of_a_run_before_blocking_was_told_block_nothing(home):
    build(home)
    con = connect(home)
    con.execute("update ops.checks set is_blocking = null")
    con.close()
    publish_now(home)
    with duckdb.connect(str(home.published), read_only=True) as release:
        assert release.execute("select is_blocking from meta.quality").fetchall() == [(False,)]


def test_during_a_run_the_published_file_answers(home):
    run_once(home)
    build(home)
    publish_now(home)
    with WriterLock(home):
        con = connect(home)
        found = status(home)
        con.close()
    assert found.is_writer_active
    assert found.sources == ()
    assert len(found.marts) == 2
    assert found.note.startswith("the build file is in use")


def test_a_build_file_that_is_open_in_this_process_is_no_obstacle(home):
    run_once(home)
    build(home)
    publish_now(home)
    con = connect(home)
    assert status(home).note.startswith("the build file is in use")
    con.close()


def test_the_first_run_going_on(home):
    with WriterLock(home):
        assert status(home).note == "the first run is in progress: nothing is published yet"


def test_status_imports_nothing_heavy():
    code = (
        "import sys, warehouse.status; "
        "print(sorted({'polars', 'pandas', 'numpy', 'pydantic', 'dagster', 'dbt'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_runs_and_checks_are_only_added():
    con = empty_build()
    begin_run(con, "a", utc(9, 16))
    finish_run(con, "a", "built", utc(9, 17))
    finish_run(con, "a", "published", utc(9, 18))
    assert con.execute(
        "select run_id, started_at, finished_at, state, reason from ops.runs order by recorded_at"
    ).fetchall() == [
        ("a", datetime(2026, 3, 9, 16), None, "started", None),
        ("a", datetime(2026, 3, 9, 16), datetime(2026, 3, 9, 17), "built", None),
        ("a", datetime(2026, 3, 9, 16), datetime(2026, 3, 9, 18), "published", None),
    ]
    with pytest.raises(ValueError, match="run b was never begun"):
        finish_run(con, "b", "failed", datetime(2026, 3, 9, tzinfo=UTC), "why")
    record_checks(con, "a", [], utc(9))
    record_checks(con, "a", [CheckResult("marts.x", "unique", "warn", False, 3, "3 rows", "dbt", True)], utc(9))
    assert con.execute("select * exclude (checked_at) from ops.checks").fetchall() == [
        ("a", "dbt", "marts.x", "unique", "warn", False, 3, "3 rows", True)
    ]
