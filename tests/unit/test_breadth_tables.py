"""The breadth tables of the build file: computed whole, brought up to date by the tail, equal either way."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from analytics.breadth.tables import update_breadth
from ingest.batch import Batch, GateResult
from ingest.catalog import load_catalog
from ingest.catalog.calendars import working_days
from tests.unit.databases import empty_build
from tests.unit.test_panel_landing import price, rows_of
from warehouse.landing import land
from warehouse.panel_wanted import wanted_tickers
from warehouse.wide_universe import common_stocks

NOW = datetime(2026, 6, 12, 23, tzinfo=UTC)
DAYS = working_days("nyse", date(2025, 1, 2), date(2026, 6, 12))
SATURDAY, MONDAY = date(2026, 6, 13), date(2026, 6, 15)
TABLES = ("breadth.features", "breadth.daily_counts", "breadth.market")


@pytest.fixture
def con():
    with empty_build(NOW) as connection:
        yield connection


def landed(con, table_id: str, *rows) -> None:
    frame = rows_of(table_id, NOW, *rows)
    batch = Batch("yahoo", {table_id: frame}, (), (), (), NOW)
    land(con, batch, GateResult({table_id: frame}, {table_id: frame.clear()}, (), None), load_catalog(), "run", NOW)


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


def test_members_are_counted_up_to_the_last_session_that_had_closed_priced_or_not(con):
    """Prices end in the middle; who is a member goes on to be known."""
    loaded(con, 300)
    now = datetime.combine(DAYS[309], datetime.min.time(), UTC) + timedelta(hours=21)
    counts = "select session_date, members_count, priced_count from breadth.daily_counts order by 1"
    update = update_breadth(con, now=now)
    assert (update.extent, update.sessions) == ("all", 310)
    assert con.execute(counts).fetchall()[-11:] == [(DAYS[299], 2, 2), *[(day, 2, 0) for day in DAYS[300:310]]]
    assert update_breadth(con, now=now).extent == "nothing"
    update = update_breadth(con, now=now + timedelta(days=6))  # no new price, more sessions over
    assert (update.extent, update.first_session, update.feature_rows) == ("tail", DAYS[310], 0)
    more = con.execute(counts).fetchall()
    assert more[-2:] == [(day, 2, 0) for day in DAYS[len(more) - 2 : len(more)]]
    by_tail = [table(con, name) for name in TABLES]
    con.execute("delete from breadth.inputs")
    update_breadth(con, now=now + timedelta(days=6))
    assert [table(con, name) for name in TABLES] == by_tail
    for phase, ticker in enumerate(("AAA", "BBB", "CCC")):  # and the price comes after all
        landed(con, "yahoo.prices", closes(ticker, DAYS, phase)[300])
    assert update_breadth(con, now=now + timedelta(days=6)).first_session == DAYS[300]
    assert con.execute(counts).fetchall()[300:302] == [(DAYS[300], 2, 2), (DAYS[301], 2, 0)]


def test_long_after_the_last_price_members_are_still_counted(con):
    loaded(con, 20)
    update_breadth(con, now=datetime.combine(DAYS[19], datetime.min.time(), UTC) + timedelta(hours=22))
    update = update_breadth(con, now=NOW)
    assert (update.extent, update.first_session) == ("tail", DAYS[20])
    assert con.execute("select count(*), max(session_date) from breadth.daily_counts").fetchone() == (
        len(DAYS),
        DAYS[-1],
    )


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


LATER = datetime(2026, 6, 15, 23, tzinfo=UTC)


def settled(con, query: str) -> list[date]:
    """Return the sessions whose row of breadth was settled by NOW."""
    found = con.execute(f"{query} and settled_at <= ? order by session_date", [NOW.replace(tzinfo=None)]).fetchall()
    return [row[0] for row in found]


def learned_later(con, monkeypatch, table_id: str, *rows) -> None:
    monkeypatch.setattr("tests.unit.test_breadth_tables.NOW", LATER)
    landed(con, table_id, *rows)
    monkeypatch.undo()


def test_what_looks_at_a_restated_close_is_settled_when_it_was_restated(con, monkeypatch):
    loaded(con, len(DAYS))
    learned_later(con, monkeypatch, "yahoo.prices", price("AAA", DAYS[90], 80.0))
    update_breadth(con)
    of_stock = "select session_date from breadth.features where permid = 'AAA'"
    assert settled(con, of_stock) == [*DAYS[:90], *DAYS[90 + 252 :]]
    assert settled(con, "select session_date from breadth.features where permid = 'CCC'") == DAYS
    assert settled(con, "select session_date from breadth.daily_counts where true") == [*DAYS[:90], *DAYS[90 + 252 :]]


def test_a_split_learned_of_late_unsettles_what_it_lies_in(con, monkeypatch):
    loaded(con, len(DAYS))
    learned_later(con, monkeypatch, "yahoo.splits", ("AAA", DAYS[100], 2.0))
    con.execute("update yahoo.splits set known_at = ?", [LATER.replace(tzinfo=None)])
    update_breadth(con)
    of_stock = "select session_date from breadth.features where permid = 'AAA'"
    assert settled(con, of_stock) == [*DAYS[:100], *DAYS[100 + 252 :]]


def test_a_stay_that_ended_unnoticed_unsettles_what_came_after(con, monkeypatch):
    loaded(con, len(DAYS))
    learned_later(con, monkeypatch, "sp500_membership.intervals", ("CCC", DAYS[100], "CCC", None, None, DAYS[300]))
    update_breadth(con)
    assert settled(con, "select session_date from breadth.daily_counts where true") == DAYS[:300]


def test_a_withdrawn_close_is_a_row_without_one(con, monkeypatch):
    loaded(con, len(DAYS))
    learned_later(con, monkeypatch, "yahoo.prices", price("AAA", DAYS[-2], None))
    update_breadth(con)
    rows = con.execute(
        "select close_usd is null, return_ratio is null, settled_at <= ? from breadth.features"
        " where permid = 'AAA' order by session_date desc limit 3",
        [NOW.replace(tzinfo=None)],
    ).fetchall()
    assert rows == [(False, True, False), (True, True, False), (False, False, True)]


def test_a_later_split_does_not_move_the_volume_of_a_session(con):
    loaded(con, len(DAYS))
    update_breadth(con)
    volumes = "select up_volume_shares, down_volume_shares from breadth.daily_counts order by session_date"
    before = con.execute(volumes).fetchall()
    landed(con, "yahoo.splits", ("AAA", DAYS[-1], 2.0))
    update_breadth(con)
    after = con.execute(volumes).fetchall()
    assert after[:-1] == before[:-1]


# ---- the wide universe


def listed(con, day: date, *symbols: tuple[str, str, str]) -> None:
    """Land both directories of a day: symbol, name, exchange."""
    landed(con, "nasdaq_trader.symbols", *[(day, symbol, name, exchange, False) for symbol, name, exchange in symbols])


STOCK = "Company - Common Stock"


def wide(con) -> None:
    """The index is AAA; the directories list AAA, ZED and BF.B, from DAYS[-3] on, and ZED no more on the last day."""
    members(con, ("AAA", DAYS[0], "AAA", None))
    for phase, ticker in enumerate(("AAA", "ZED", "BF-B", "FUND")):
        landed(con, "yahoo.prices", *closes(ticker, DAYS, phase))
    always = [("AAA", STOCK, "N"), ("BF.B", STOCK, "N"), ("QNEW", STOCK, "Q")]
    others = [("FUND", "Nuveen Municipal Income Fund Common Stock", "N"), ("AAA$P", "Preferred Stock", "N")]
    listed(con, DAYS[-3], *always, *others, ("ZED", STOCK, "N"))
    listed(con, DAYS[-2], *always, *others, ("ZED", STOCK, "N"))
    listed(con, DAYS[-1], *always, *others)


def test_common_stocks_of_the_newest_directories(con):
    wide(con)
    assert common_stocks(con) == ["AAA", "BF-B", "QNEW"]
    assert {"BF-B", "QNEW"} <= set(wanted_tickers(con, DAYS[-1], wide=True))
    assert "BF-B" not in wanted_tickers(con, DAYS[-1])


def test_the_wide_universe_begins_with_the_first_snapshot(con):
    wide(con)
    update_breadth(con, wide=True)
    counts = con.execute(
        "select session_date, members_count, priced_count from breadth.daily_counts"
        " where universe = 'USCOMMON' order by 1"
    ).fetchall()
    assert counts == [(DAYS[-3], 4, 3), (DAYS[-2], 4, 3), (DAYS[-1], 3, 2)], "QNEW has no prices yet"
    index = con.execute(
        "select count(*), min(members_count) from breadth.daily_counts where universe = 'SPX'"
    ).fetchone()
    assert index == (len(DAYS), 1)
    permids = con.execute("select distinct permid from breadth.features order by 1").fetchall()
    assert permids == [("AAA",), ("US:BF-B",), ("US:ZED",)]
    assert len(table(con, "breadth.market")) == len(DAYS) + 3
    assert update_breadth(con, wide=True).extent == "nothing"


def test_a_day_more_of_the_wide_universe_is_a_tail_and_equals_the_whole(con):
    wide(con)
    con.execute("delete from nasdaq_trader.symbols where snapshot_date = ?", [DAYS[-1]])
    con.execute("delete from yahoo.prices where session_date = ?", [DAYS[-1]])
    con.execute("checkpoint")
    update_breadth(con, wide=True)
    for phase, ticker in enumerate(("AAA", "ZED", "BF-B", "FUND")):
        landed(con, "yahoo.prices", closes(ticker, DAYS, phase)[-1])
    listed(con, DAYS[-1], ("AAA", STOCK, "N"), ("BF.B", STOCK, "N"), ("QNEW", STOCK, "Q"))
    update = update_breadth(con, wide=True)
    assert (update.extent, update.first_session) == ("tail", DAYS[-1])
    by_tail = [table(con, name) for name in TABLES]
    con.execute("delete from breadth.inputs")
    assert update_breadth(con, wide=True).extent == "all"
    assert [table(con, name) for name in TABLES] == by_tail


def test_a_stranger_under_a_ticker_given_up_touches_no_index_member(con):
    members(con, ("META", DAYS[0], "FB", DAYS[50]), ("META", DAYS[50], "META", None))
    landed(con, "yahoo.prices", *closes("META", DAYS, 1), *closes("FB", DAYS[300:], 2))
    listed(con, DAYS[-1], ("META", STOCK, "N"), ("FB", STOCK, "N"))
    update_breadth(con)
    index = [row for row in table(con, "breadth.features") if row[0] == "META" and row[1] == "META"]
    update_breadth(con, wide=True)
    assert [row for row in table(con, "breadth.features") if row[0] == "META"] == index
    found = con.execute("select permid, max(ticker), count(*) from breadth.features group by 1 order by 1").fetchall()
    assert found == [("META", "META", len(DAYS)), ("US:FB", "FB", len(DAYS) - 300)]


def test_a_directory_that_failed_delists_nobody(con):
    wide(con)
    con.execute("delete from nasdaq_trader.symbols where snapshot_date = ? and listing_exchange = 'Q'", [DAYS[-2]])
    update_breadth(con, wide=True)
    found = con.execute(
        "select members_count from breadth.daily_counts where universe = 'USCOMMON' order by session_date"
    )
    assert found.fetchall() == [(4,), (4,), (3,)]


def test_switched_off_the_index_alone_is_left(con):
    wide(con)
    update_breadth(con)
    alone = [table(con, name) for name in TABLES]
    update_breadth(con, wide=True)
    assert update_breadth(con).extent == "all"
    assert [table(con, name) for name in TABLES] == alone


def test_a_first_snapshot_after_the_last_session_says_nothing_yet(con):
    members(con, ("AAA", DAYS[0], "AAA", None))
    landed(con, "yahoo.prices", *closes("AAA", DAYS, 1))
    listed(con, SATURDAY, ("AAA", STOCK, "N"))
    update_breadth(con, wide=True)
    assert con.execute("select distinct universe from breadth.daily_counts").fetchall() == [("SPX",)]


def test_sessions_without_a_snapshot_are_recorded_as_gaps(con):
    listed(con, DAYS[-5], ("AAA", STOCK, "N"))
    listed(con, DAYS[-2], ("AAA", STOCK, "N"))
    listed(con, DAYS[-1], ("AAA", STOCK, "N"))
    gaps = con.execute("select table_id, group_name, session_date from ops.snapshot_gaps order by all").fetchall()
    assert gaps == [("nasdaq_trader.symbols", "", DAYS[-4]), ("nasdaq_trader.symbols", "", DAYS[-3])]


@pytest.mark.parametrize("day", [SATURDAY, MONDAY], ids=["no session", "a session without prices"])
def test_a_snapshot_after_the_last_price_changes_nothing(con, day):
    wide(con)
    update_breadth(con, wide=True)
    before = [table(con, name) for name in TABLES]
    listed(con, day, ("AAA", STOCK, "N"), ("BF.B", STOCK, "N"), ("QNEW", STOCK, "Q"))
    update_breadth(con, wide=True)
    assert [table(con, name) for name in TABLES] == before
