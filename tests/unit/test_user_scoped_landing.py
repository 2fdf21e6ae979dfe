"""A user file with scopes on its way into the warehouse, and the days that a connector asked by day is told of."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import duckdb

from ingest.archive import Archive
from ingest.catalog import load_catalog
from ingest.clock import clock_at
from ingest.collect import collect
from ingest.connector import FetchContext
from ingest.connectors import connector
from ingest.gate import gate
from ingest.http import Upstream
from ingest.settings import Settings
from tests.unit.databases import empty_build
from warehouse.evidence import evidence
from warehouse.held import held_days
from warehouse.landing import land

NOW = datetime(2026, 1, 20, 14, tzinfo=UTC)
CATALOG = load_catalog()


def land_file(con: duckdb.DuckDBPyConnection, home: Path, body: str, now: datetime) -> str:
    (home / "user_files").mkdir(parents=True, exist_ok=True)
    (home / "user_files/sp_bankruptcies_count.csv").write_text(body)
    settings = Settings(_env_file=None, home=home)
    with Upstream(settings, clock_at(now), Archive(home / "archive")) as http:
        batch = collect(connector("user_scoped"), FetchContext("user_file", settings, clock_at(now), http))
    assert not batch.problems
    gated = gate(batch, CATALOG, evidence(con, batch, CATALOG), now)
    assert gated.held_back is None
    assert gated.refused["user_file.scoped_values"].is_empty()
    return land(con, batch, gated, CATALOG, f"run {now}", now).state


def test_known_at_of_the_file_stands_and_without_it_the_late_rule(tmp_path: Path) -> None:
    body = (
        "date,value,known_at,scope,vendor\n2025-10-01,98,2025-11-06T16:00,Industrials,S&P\n2025-10-01,80,,Energy,S&P\n"
    )
    with empty_build() as con:
        assert land_file(con, tmp_path, body, NOW) == "ok"
        query = (
            "select scope, value, vendor, known_at, known_basis from user_file.scoped_values order by scope, known_at"
        )
        assert con.execute(query).fetchall() == [
            ("Energy", 80.0, "S&P", datetime(2025, 12, 2, 23, 0), "latest_only"),
            ("Industrials", 98.0, "S&P", datetime(2025, 11, 6, 21, 0), "vintage"),
        ]
        later = body.replace("80", "81")
        assert land_file(con, tmp_path, later, datetime(2026, 1, 21, 14, tzinfo=UTC)) == "ok"
        changed = [row for row in con.execute(query).fetchall() if row[0] == "Energy"]
        assert [(value, basis) for _, value, _, _, basis in changed] == [(80.0, "latest_only"), (81.0, "captured")]


def test_held_days_are_all_that_a_table_has_rows_of() -> None:
    with empty_build() as con:
        now = datetime(2026, 1, 9, 12)
        assert held_days(con, "sec.answers", now) == frozenset()
        con.execute(
            "insert into sec.answers by name select day::date as file_date, 0 as first_document_number,"
            " 5 as documents_count, 5 as total_documents_count, 5 as filings_count, day as known_at,"
            " 'captured' as known_basis, 'sec' as provider, day as loaded_at, 'r' as run_id, 'a' as payload_sha256"
            " from range(timestamp '2026-01-05', timestamp '2026-01-08', interval 1 day) as days (day)"
        )
        days = {date(2026, 1, 5), date(2026, 1, 6), date(2026, 1, 7)}
        assert held_days(con, "sec.answers", now) == days
        # the first page of a day of three came, by a run that broke off or out of its archive
        con.execute("update sec.answers set total_documents_count = 205 where file_date = '2026-01-06'")
        whole = connector("sec").facts.whole_when
        assert held_days(con, "sec.answers", now, whole) == days - {date(2026, 1, 6)}
        con.execute("update sec.answers set total_documents_count = 5")
        assert held_days(con, "sec.answers", now, whole) == days


def test_a_day_of_which_rows_were_refused_is_not_held_until_more_of_it_lands_or_a_week_has_passed() -> None:
    with empty_build() as con:
        con.execute(
            "insert into sec.answers by name select '2026-01-06'::date as file_date, 0 as first_document_number,"
            " 5 as documents_count, 5 as total_documents_count, 5 as filings_count,"
            " '2026-01-07'::timestamp as known_at,"
            " 'captured' as known_basis, 'sec' as provider, '2026-01-07'::timestamp as loaded_at, 'r' as run_id,"
            " 'a' as payload_sha256"
        )
        con.execute(
            "insert into quarantine.refused_rows by name select 'sec' as source, 'sec.answers' as table_id,"
            " '' as group_name, '2026-01-06'::date as period_date, '{}' as row_json, 'why' as reason,"
            " 'a' as payload_sha256, '2026-01-07'::timestamp as fetched_at, '2026-01-07'::timestamp as quarantined_at,"
            " 'r' as run_id"
        )
        day = frozenset({date(2026, 1, 6)})
        assert held_days(con, "sec.answers", datetime(2026, 1, 8)) == frozenset()
        assert held_days(con, "sec.answers", datetime(2026, 1, 15)) == day
        con.execute("update sec.answers set loaded_at = '2026-01-08'")
        assert held_days(con, "sec.answers", datetime(2026, 1, 9)) == day
