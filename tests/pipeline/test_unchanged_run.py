"""Runs that leave what nothing new feeds: every cell is that of a full build, and every check is on record."""

from __future__ import annotations

from datetime import datetime, timedelta

import duckdb
import pytest

from ingest.clock import naive_utc
from ingest.errors import AuditFailed
from ingest.home import Home
from orchestration import drawn
from orchestration.run import run_marts
from simulator import StandIn
from tests.pipeline import small
from tests.pipeline.placed import settings_of

LATER = small.FIRST + timedelta(hours=1)
PUBLISHED_TABLES = "select schema_name, table_name from duckdb_tables() where schema_name in ('intermediate', 'marts')"


def contents(home: Home) -> dict[str, tuple]:
    """Return row count and hash of every table that the build made."""
    with duckdb.connect(str(home.warehouse), read_only=True) as con:
        tables = [".".join(row) for row in con.execute(PUBLISHED_TABLES).fetchall()]
        return {
            table: con.execute(f"select count(*), sum(hash(t)::hugeint) from {table} as t").fetchone()
            for table in tables
            if table not in ("intermediate.compiled", "marts.regime_daily")
        }


def evaluated(home: Home) -> dict[str, datetime]:
    """Return when each check of the marts that the last run has on record was evaluated."""
    with duckdb.connect(str(home.warehouse), read_only=True) as con:
        rows = con.execute(
            "select asset || ' ' || check_name, checked_at from ops.checks where stage in ('dbt', 'regimes')"
            " and run_id = (select arg_max(run_id, rowid) from ops.checks)"
        )
        return dict(rows.fetchall())


def correct_history(home: Home) -> None:
    """Land another value of an old period of one series, as a correction of its publisher does."""
    with duckdb.connect(str(home.warehouse)) as con:
        con.execute(
            """
            insert into fred.observations
            select * replace (value + 0.25 as value, 'captured' as known_basis, $now as known_at, $now as loaded_at)
            from fred.observations where series_id = 'hy_oas' and value is not null
            order by period_date limit 1 offset 20
            """,
            {"now": naive_utc(LATER)},
        )


def draw(monkeypatch: pytest.MonkeyPatch, table: str) -> None:
    """Have the daily draw choose `table` among those that a run leaves."""
    left: list[str] = []
    left_of = drawn.Plan.left_of

    def seen(plan: drawn.Plan, kind: str) -> list:
        found = left_of(plan, kind)
        left[:] = [f"{n['schema']}.{n['name']}" for n, _ in found if n["config"].get("materialized") != "view"]
        return found

    monkeypatch.setattr(drawn.Plan, "left_of", seen)
    monkeypatch.setattr(drawn, "drawn", lambda _today, _count: left.index(table))


@pytest.mark.slow  # four builds; each run draws a table and compares it itself, and test_unchanged has the rules
def test_what_is_left_equals_a_full_build_and_a_table_that_does_not_stops_the_release(
    copied: Home, standin: StandIn, monkeypatch: pytest.MonkeyPatch
):
    before = evaluated(copied)
    correct_history(copied)
    settings = settings_of(copied.root, standin, LATER)
    run_marts(settings)
    found, checks = contents(copied), evaluated(copied)
    assert before.keys() <= checks.keys(), "no check is lost"
    assert len({name for name in before if checks[name] == before[name]}) > 20, "most results are repeated as they were"
    assert checks["marts.credit_daily unique_key_credit_daily_session_date"] == naive_utc(LATER)

    with duckdb.connect(str(copied.warehouse)) as con:
        con.execute("update marts.net_liquidity_weekly set net_liquidity_usd_bn = 1 where week_date = '2014-05-14'")
    draw(monkeypatch, "marts.net_liquidity_weekly")
    with pytest.raises(AuditFailed, match=r"marts.net_liquidity_weekly, left .* 2 rows differ from a full build"):
        run_marts(settings)
    monkeypatch.undo()

    run_marts(settings)  # after a failed run everything is built
    full = contents(copied)
    assert {table for table in full if full[table] != found[table]} == set()
    assert set(evaluated(copied).values()) == {naive_utc(LATER)}
