"""The rules that the published regime tables are held to: met by a history, broken by what each is there to find."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import duckdb
import polars as pl
import pytest

from analytics.regimes.daily import regime_daily_sql
from analytics.regimes.forward_returns import FORWARD_RETURNS
from analytics.regimes.ledger import LedgerUpdate, update_ledger
from analytics.regimes.tables import (
    CHECKED_TABLES,
    CHECKS,
    NO_ROW_HAS_CHANGED,
    NOTHING_AFTER_THE_CUTOFF,
    check_tables,
)
from analytics.watchlists.tables import WATCHLIST_TABLES, build_watchlists
from tests.unit import regime_world as world

LAST = date(2020, 2, 14)
KEYS = {"varchar": "'one'", "bigint": "1", "date": "'2020-02-13'"}
NEWEST = "session_date = (select max(session_date) from marts.regime_daily)"


def change(cell: str) -> str:
    return f"update marts.regime_daily set {cell} where {NEWEST}"


BREAKS = {
    "regime_daily_key_is_unique": [f"insert into marts.regime_daily from marts.regime_daily where {NEWEST}"],
    "every_session_has_its_row": [
        f"delete from marts.regime_daily where {NEWEST}",
        "delete from marts.regime_daily where session_date = '2020-02-12'",
        "insert into regime.days from regime.days where session_date = '2020-02-12' and cutoff_name = 'at_close'",
    ],
    "classes_are_known": [change("regime_class = 'PANIC'"), change("regime_class_raw = null")],
    "core_score_is_the_sum_of_its_points": [change("core_score = core_score + 1"), change("volatility_points = null")],
    "plumbing_score_is_the_sum_of_its_points": [change("plumbing_score = 9"), change("plumbing_score = null")],
    "unknown_has_a_reason": [change("volatility_reason = 'stale'"), change("volatility_state = 'unknown'")],
    "quality_of_the_class_is_told": [
        change("regime_class_quality = null"),
        change("regime_class_quality = 'good'"),
        change("breadth_quality = 'proxy', regime_class_quality = 'own'"),
    ],
    "counts_add_up": [
        change("dashboard_easing_count = dashboard_easing_count + 1"),
        change("panic_5d_true_count = null"),
    ],
    "rows_have_their_close": [change("regime_class_at_close = null"), change("cutoff_at_close_at = cutoff_at")],
    "entries_come_after_the_cutoff": ["update marts.forward_returns_daily set entry_date = session_date"],
    "returns_say_why_they_are_missing": [
        "update marts.forward_returns_daily set total_return_252d_reason = null",
        "update marts.forward_returns_daily set return_5d_ratio = 0.1",
        "update marts.forward_returns_daily set return_5d_ratio = 0.1, return_5d_reason = null",
    ],
    **{
        f"{table}_key_is_unique": [
            f"insert into marts.{table} from marts.{table}",
            f"update marts.{table} set {key} = null",
        ]
        for table, key in (
            ("regime_episodes", "dimension"),
            ("forward_returns_daily", "session_date"),
            ("regime_outcomes", "state"),
            ("regime_validity", "measure"),
            ("regime_known_episodes", "aspect"),
            ("regime_falsification", "basis"),
        )
    },
    "watchlist_daily_key_is_unique": [
        f"insert into marts.watchlist_daily from marts.watchlist_daily where item = 'move' and {NEWEST}",
        f"update marts.watchlist_daily set watchlist = null where item = 'move' and {NEWEST}",
    ],
    "unknown_items_say_why": [
        f"update marts.watchlist_daily set reason = 'stale' where item = 'vix_band' and {NEWEST}",
        f"update marts.watchlist_daily set state = 'unknown' where item = 'vix_band' and {NEWEST}",
        f"update marts.watchlist_daily set state = null where item = 'vix_band' and {NEWEST}",
    ],
    "items_are_known_by_the_cutoff": [
        "update marts.watchlist_daily set known_at = cutoff_at + interval 1 second"
        f" where item = 'vix_band' and {NEWEST}",
        f"update marts.watchlist_daily set obs_date = session_date + 1 where item = 'vix_band' and {NEWEST}",
    ],
    "watchlist_summary_daily_key_is_unique": [
        "insert into marts.watchlist_summary_daily from marts.watchlist_summary_daily"
        f" where watchlist = 'crossroads' and {NEWEST}",
    ],
    "counts_of_a_watchlist_add_up": [
        f"update marts.watchlist_summary_daily set on_count = on_count + 1 where watchlist = 'crossroads' and {NEWEST}",
        f"update marts.watchlist_summary_daily set off_count = null where watchlist = 'crossroads' and {NEWEST}",
    ],
}


@pytest.fixture(scope="module")
def history() -> Iterator[duckdb.DuckDBPyConnection]:
    """A few weeks of rows, and a row of each other table that a rule reads."""
    spine, _ = world.reference()
    now = spine.cutoffs[spine.dates.index(LAST)] + timedelta(minutes=5)
    recent = (pl.col("period_date") >= date(2019, 12, 2)) & (pl.col("known_at") <= now)
    with world.world(world.vintages().filter(recent)) as con:
        update_ledger(con, now=now, run_id="one")
        con.execute(f"create table marts.regime_daily as {regime_daily_sql()}")
        build_watchlists(con)
        for table in CHECKED_TABLES[1:]:
            if table in WATCHLIST_TABLES:
                continue
            columns = ", ".join(
                f'{KEYS[kind] if name in table.key else "null"}::{kind} as "{name}"' for name, kind, _ in table.columns
            )
            con.execute(f"create table marts.{table.name} as select {columns}")
        con.execute("update marts.forward_returns_daily set session_date = '2020-02-13', entry_date = '2020-02-14'")
        reasons = [f"{name} = 'pending'" for name, *_ in FORWARD_RETURNS.columns if name.endswith("_reason")]
        con.execute(f"update marts.forward_returns_daily set {', '.join(reasons)}")
        yield con


@pytest.fixture
def con(history: duckdb.DuckDBPyConnection) -> Iterator[duckdb.DuckDBPyConnection]:
    history.execute("begin")
    yield history
    history.execute("rollback")


def failed(con: duckdb.DuckDBPyConnection, published: Path, update: LedgerUpdate | None = None) -> dict[str, int]:
    """Return the checks that fail, with their counts."""
    results = check_tables(con, update or LedgerUpdate(0, 0, LAST), published)
    assert {result.name for result in results} == set(CHECKS)
    return {result.name: result.failed_count or 0 for result in results if not result.passed}


def test_a_history_meets_them_all(con, tmp_path: Path):
    newest = con.execute("select max(session_date), count(*) > 20 from marts.regime_daily").fetchone()
    assert newest == (LAST, True)
    assert failed(con, tmp_path / "nothing.duckdb") == {}


@pytest.mark.parametrize(("name", "statement"), [(name, one) for name, changes in BREAKS.items() for one in changes])
def test_each_rule_finds_what_breaks_it(con, tmp_path: Path, name: str, statement: str):
    con.execute(statement)
    assert failed(con, tmp_path / "nothing.duckdb").get(name) == 1


def test_every_rule_has_its_break():
    assert BREAKS.keys() == {rule.name for table in CHECKED_TABLES for rule in table.checks}


def test_a_session_whose_cutoff_has_not_passed_needs_no_row(con, tmp_path: Path):
    """In the evening the close of the session has its row, its next morning is yet to come."""
    con.execute("update regime.days set computed_at = timestamp '2020-02-18 23:30:00'")
    assert failed(con, tmp_path / "nothing.duckdb") == {}
    con.execute("update regime.days set computed_at = timestamp '2020-02-19 14:15:00'")
    assert failed(con, tmp_path / "nothing.duckdb") == {"every_session_has_its_row": 1}


def test_inputs_after_their_cutoff_fail(con, tmp_path: Path):
    ahead = LedgerUpdate(1, 0, LAST, inputs_after_cutoff=2)
    assert failed(con, tmp_path / "nothing.duckdb", ahead) == {NOTHING_AFTER_THE_CUTOFF: 2}


def test_a_lived_row_that_says_something_else_than_in_the_last_release_is_found(history, tmp_path: Path):
    """A reconstructed row may change, a lived one must not; no transaction here, the release is attached."""
    published = tmp_path / "published.duckdb"
    history.execute(f"attach '{published}' as release")
    history.execute("create schema release.marts; create table release.marts.regime_daily as from marts.regime_daily")
    history.execute("update release.marts.regime_daily set explain_text = 'Another.' where session_date = '2020-02-12'")
    lived = history.execute("select count(*) from marts.regime_daily where basis = 'lived'").fetchone()
    history.execute("detach release")
    assert lived == (1,)
    assert failed(history, published) == {}
    history.execute(f"attach '{published}' as release")
    history.execute(f"update release.marts.regime_daily set explain_text = 'Another.' where session_date = '{LAST}'")
    history.execute("detach release")
    assert failed(history, published) == {NO_ROW_HAS_CHANGED: 1}
