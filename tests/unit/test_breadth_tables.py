"""The breadth tables of the build file: computed whole, brought up to date by the tail, equal either way."""

from __future__ import annotations

from datetime import UTC, date, datetime

import duckdb
import pytest

from ingest.catalog import load_catalog
from ingest.catalog.calendars import working_days
from ingest.panel_kit import PanelBatch, PanelGateResult
from tests.unit.test_panel_landing import price, rows_of
from warehouse.breadth_tables import update_breadth
from warehouse.connection import migrate
from warehouse.panel_landing import land_panel
from warehouse.reference import replace_reference

NOW = datetime(2026, 6, 12, 23, tzinfo=UTC)
DAYS = working_days("nyse", date(2025, 1, 2), date(2026, 6, 12))
TABLES = ("breadth.features", "breadth.daily_counts", "breadth.market")


@pytest.fixture
def con():
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        migrate(connection)
        replace_reference(connection, load_catalog(), NOW)
        yield connection


def landed(con, table_id: str, *rows) -> None:
    frame = rows_of(table_id, NOW, *rows)
    batch = PanelBatch("yahoo", {table_id: frame}, (), (), (), NOW)
    land_panel(con, batch, PanelGateResult({table_id: frame}, {table_id: frame.clear()}, (), None), "run", NOW)


def members(con, *rows) -> None:
    landed(con, "sp500_membership.intervals", *[(*row[:3], None, None, row[3]) for row in rows])


def closes(ticker: str, days: list[date], phase: int) -> list[tuple]:
    return [price(ticker, day, 50.0 + (at * (phase + 3)) % 17) for at, day in enumerate(days)]


def table(con, name: str) -> list[tuple]:
    return con.execute(f"from {name} order by all").fetchall()


def loaded(con, until: int) -> None:
    members(con, ("AAA", DAYS[0], "AAA", None), ("BBB", DAYS[0], "BBB", DAYS[100]), ("CCC", DAYS[100], "CCC", None))
    for phase, ticker in enumerate(("AAA", "BBB", "CCC", "SPY")):
        landed(con, "yahoo.prices", *closes(ticker, DAYS[:until], phase))


def test_all_is_computed_and_the_second_time_nothing(con):
    loaded(con, len(DAYS))
    update = update_breadth(con)
    assert (update.extent, update.feature_rows, update.sessions) == ("all", 3 * len(DAYS), len(DAYS))
    counts = con.execute(
        "select members_count, priced_count from breadth.daily_counts order by session_date"
    ).fetchall()
    assert counts == [(2, 0), *[(2, 2)] * (len(DAYS) - 1)]
    assert {row[0] for row in con.execute("select ticker from breadth.features").fetchall()} == {"AAA", "BBB", "CCC"}
    assert con.execute("select count(is_above_200dma) from breadth.features").fetchone() == (3 * (len(DAYS) - 199),)
    assert len(table(con, "breadth.market")) == len(DAYS)
    assert update_breadth(con).extent == "nothing"


def test_a_day_more_is_a_tail_and_equals_the_whole(con):
    loaded(con, len(DAYS) - 1)
    update_breadth(con)
    for phase, ticker in enumerate(("AAA", "BBB", "CCC", "SPY")):
        landed(con, "yahoo.prices", closes(ticker, DAYS, phase)[-1])
    update = update_breadth(con)
    assert (update.extent, update.first_session, update.feature_rows) == ("tail", DAYS[-1], 3)
    by_tail = [table(con, name) for name in TABLES]
    con.execute("delete from breadth.inputs")
    assert update_breadth(con).extent == "all"
    assert [table(con, name) for name in TABLES] == by_tail


def test_a_restated_close_is_computed_from_its_session_on(con):
    loaded(con, len(DAYS))
    update_breadth(con)
    landed(con, "yahoo.prices", price("AAA", DAYS[-5], 80.0))
    update = update_breadth(con)
    assert (update.extent, update.first_session) == ("tail", DAYS[-5])
    by_tail = [table(con, name) for name in TABLES]
    con.execute("delete from breadth.inputs")
    update_breadth(con)
    assert [table(con, name) for name in TABLES] == by_tail


def test_prices_of_others_change_nothing(con):
    loaded(con, len(DAYS))
    update_breadth(con)
    landed(con, "yahoo.prices", price("SPY", DAYS[-1], 900.0))
    assert update_breadth(con).extent == "nothing"


def test_a_split_moves_history(con):
    loaded(con, len(DAYS))
    update_breadth(con)
    landed(con, "yahoo.splits", ("AAA", DAYS[-1], 2.0))
    assert update_breadth(con).extent == "all"
    adjusted = (
        "select close_usd / close_split_adjusted_usd from breadth.features where ticker = 'AAA' order by session_date"
    )
    assert con.execute(adjusted).fetchall()[-2:] == [(2.0,), (1.0,)]


def test_a_recycled_ticker_is_another_stock(con):
    members(con, ("AAA", DAYS[0], "AAA", DAYS[100]), ("AAA-2", DAYS[200], "AAA", None))
    landed(con, "yahoo.prices", *closes("AAA", DAYS, 1))
    update_breadth(con)
    found = con.execute("select permid, count(*) from breadth.features group by 1 order by 1").fetchall()
    assert found == [("AAA", 100), ("AAA-2", len(DAYS) - 100)]


def test_the_first_provider_with_a_close_counts(con):
    members(con, ("AAA", DAYS[0], "AAA", None))
    landed(con, "yahoo.prices", price("AAA", DAYS[0], 10.0), price("AAA", DAYS[1], None))
    landed(con, "nasdaq.prices", price("AAA", DAYS[0], 99.0), price("AAA", DAYS[1], 11.0))
    update_breadth(con)
    found = con.execute("select close_usd from breadth.features order by session_date").fetchall()
    assert found == [(10.0,), (11.0,)]


def test_without_membership_there_is_nothing_to_say(con):
    landed(con, "yahoo.prices", *closes("AAA", DAYS, 1))
    assert update_breadth(con).feature_rows == 0
    assert table(con, "breadth.daily_counts") == []


def test_tables_are_commented(con):
    uncommented = con.execute(
        "select table_name from duckdb_tables() where schema_name = 'breadth' and comment is null"
    ).fetchall()
    assert uncommented == []
