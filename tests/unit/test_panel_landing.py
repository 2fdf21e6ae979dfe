"""Landing of panel tables: the rule of `known_at`, withdrawals, quarantine, and what a second time does."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import duckdb
import polars as pl
import pytest

from ingest.batch import Batch, GateResult, Window
from ingest.catalog import load_catalog
from ingest.collect import empty_table
from ingest.connectors import connector
from ingest.dataset import dataset
from ingest.errors import SourceUnavailable, SymbolUnknown
from tests.unit.databases import empty_build
from warehouse.held import held_groups
from warehouse.landing import land

MON, TUE, WED, THU = (date(2026, 6, day) for day in (8, 9, 10, 11))
EVENING = timedelta(hours=22)  # 18:00 New York in June


def utc(day: date, hour: int, minute: int = 0) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC)


def released(day: date) -> datetime:
    return datetime(day.year, day.month, day.day) + EVENING


@pytest.fixture
def con():
    with empty_build() as connection:
        yield connection


def rows_of(table_id: str, moment: datetime, *rows: tuple[Any, ...]) -> pl.DataFrame:
    """Return rows given as keys and values in the order of the table."""
    table = dataset(table_id)
    names = [column.name for column in (*table.keys, *table.values)]
    schema = {name: table.rows_schema[name] for name in names}
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    return frame.with_columns(
        pl.lit(None, dtype=pl.Datetime("us")).alias("stated_at"),
        pl.lit(f"sha {moment}").alias("payload_sha256"),
        pl.lit(moment.replace(tzinfo=None), dtype=pl.Datetime("us")).alias("fetched_at"),
    ).select(empty_table(table).columns)


def price(ticker: str, day: date, close: float | None) -> tuple[Any, ...]:
    return (ticker, day, close, close, close, close, None if close is None else 1000.0)


def answer(
    con: duckdb.DuckDBPyConnection,
    moment: datetime,
    *rows: tuple[Any, ...],
    windows: list[Window] | None = None,
    refused: list[tuple[Any, ...]] | None = None,
    table_id: str = "yahoo.prices",
    problems: tuple[Any, ...] = (),
):
    accepted = rows_of(table_id, moment, *rows)
    out = rows_of(table_id, moment, *(refused or [])).with_columns(pl.lit("a reason").alias("reason"))
    if windows is None:
        windows = [Window(ticker, MON, THU, table_id=table_id) for ticker in {row[0] for row in rows}]
    source = dataset(table_id).source
    batch = Batch(source, {table_id: pl.concat([accepted, out.drop("reason")])}, windows, (), problems, moment)
    gated = GateResult({table_id: accepted}, {table_id: out}, (), None)
    return land(con, batch, gated, load_catalog(), "run", moment)


def counts(result) -> tuple[int, int, int]:
    return result.rows_new, result.rows_changed, result.rows_withdrawn


def vintages(con, ticker: str, day: date) -> list[tuple[Any, ...]]:
    return con.execute(
        "select close_usd, known_at, known_basis from yahoo.prices where ticker = ? and session_date = ? order by 2",
        [ticker, day],
    ).fetchall()


def test_first_load_is_known_at_the_release_of_each_period(con):
    result = answer(con, utc(WED, 23), price("AAA", MON, 10.0), price("AAA", TUE, 11.0))
    assert counts(result) == (2, 0, 0)
    assert (result.state, result.newest_period) == ("ok", TUE)
    assert vintages(con, "AAA", TUE) == [(11.0, released(TUE), "release_rule")]


def test_the_same_again_lands_nothing(con):
    rows = [price("AAA", MON, 10.0), price("AAA", TUE, None)]
    answer(con, utc(WED, 23), *rows)
    assert counts(answer(con, utc(THU, 23), *rows)) == (0, 0, 0)
    assert con.execute("select count(*) from ops.answers").fetchone() == (2,)


def test_a_restated_close_is_a_vintage_captured_when_seen(con):
    answer(con, utc(WED, 23), price("AAA", MON, 10.0))
    assert counts(answer(con, utc(THU, 23), price("AAA", MON, 10.5))) == (0, 1, 0)
    assert vintages(con, "AAA", MON) == [
        (10.0, released(MON), "release_rule"),
        (10.5, datetime(2026, 6, 11, 23), "captured"),
    ]


def test_a_change_of_any_value_counts(con):
    answer(con, utc(WED, 23), price("AAA", MON, 10.0))
    assert counts(answer(con, utc(THU, 23), ("AAA", MON, 10.0, 10.0, 10.0, 10.0, 1001.0))) == (0, 1, 0)


def test_a_volume_that_a_reverse_split_rounded_is_no_vintage(con):
    bar = price("AAA", MON, 10.0)
    answer(con, utc(TUE, 23), (*bar[:-1], 379_490.0))
    assert counts(answer(con, utc(WED, 1), (*bar[:-1], 379_500.0))) == (0, 0, 0)
    assert counts(answer(con, utc(WED, 2), (*bar[:-1], 381_000.0))) == (0, 1, 0)
    assert counts(answer(con, utc(WED, 3), (*bar[:-1], None))) == (0, 1, 0)


def test_what_is_gone_from_inside_the_window_is_withdrawn_and_may_come_back(con):
    monday, tuesday, wednesday = (price("AAA", day, 10.0) for day in (MON, TUE, WED))
    answer(con, utc(WED, 23), monday, tuesday, wednesday)
    assert counts(answer(con, utc(THU, 23), monday, wednesday)) == (0, 0, 1)
    assert vintages(con, "AAA", TUE)[-1] == (None, datetime(2026, 6, 11, 23), "captured")
    assert counts(answer(con, utc(THU, 23, 30), monday, wednesday)) == (0, 0, 0)
    assert counts(answer(con, utc(THU, 23, 40), monday, tuesday, wednesday)) == (0, 1, 0)


def test_outside_the_window_and_other_tickers_nothing_is_withdrawn(con):
    answer(con, utc(WED, 23), price("AAA", MON, 10.0), price("BBB", MON, 5.0))
    window = [Window("AAA", TUE, THU, table_id="yahoo.prices")]
    assert counts(answer(con, utc(THU, 23), price("AAA", TUE, 11.0), windows=window)) == (1, 0, 0)


def test_without_a_window_nothing_is_withdrawn(con):
    answer(con, utc(WED, 23), price("AAA", MON, 10.0), price("AAA", TUE, 11.0))
    assert counts(answer(con, utc(THU, 23), price("AAA", MON, 10.0), windows=[])) == (0, 0, 0)


def chart(con: duckdb.DuckDBPyConnection, moment: datetime, days: list[date], splits: list[tuple[Any, ...]]):
    """Land a chart of AAA: a bar on each of `days`, and its splits."""
    tables = {
        "yahoo.prices": rows_of("yahoo.prices", moment, *(price("AAA", day, 10.0) for day in days)),
        "yahoo.splits": rows_of("yahoo.splits", moment, *splits),
    }
    windows = [Window("AAA", None, table_id=table_id) for table_id in tables]
    batch = Batch("yahoo", tables, windows, (), (), moment, "yahoo_prices")
    return land(con, batch, GateResult(tables, {}, (), None), load_catalog(), "run", moment)


def test_a_split_is_withdrawn_by_a_chart_that_shows_the_days_around_it_without_it(con):
    chart(con, utc(WED, 23), [MON, TUE, WED], [("AAA", TUE, 2.0)])
    assert counts(chart(con, utc(THU, 23), [MON, TUE, WED], [])) == (0, 0, 1)


@pytest.mark.parametrize("days", [[], [MON, TUE], [TUE, WED]])
def test_a_split_stays_where_the_chart_does_not_reach_beyond_it(con, days: list[date]):
    chart(con, utc(WED, 23), [MON, TUE, WED], [("AAA", TUE, 2.0)])
    chart(con, utc(THU, 23), days, [])
    assert con.execute("select split_ratio from yahoo.splits_latest").fetchall() == [(2.0,)]


def test_a_row_that_an_earlier_answer_lacked_is_late(con):
    answer(con, utc(WED, 23), price("AAA", MON, 10.0))
    answer(con, utc(THU, 12), price("AAA", MON, 10.0), price("AAA", TUE, 11.0))
    assert vintages(con, "AAA", TUE) == [(11.0, datetime(2026, 6, 11, 12), "captured")]


def test_an_outage_of_ours_moves_nothing(con):
    window = [Window("AAA", MON, MON, table_id="yahoo.prices")]
    answer(con, utc(MON, 23), price("AAA", MON, 10.0), windows=window)
    answer(con, utc(THU, 12), price("AAA", MON, 10.0), price("AAA", TUE, 11.0))
    assert vintages(con, "AAA", TUE) == [(11.0, released(TUE), "release_rule")]


def test_a_row_seen_before_its_release_is_captured(con):
    answer(con, utc(TUE, 21), price("AAA", TUE, 11.0))
    assert vintages(con, "AAA", TUE) == [(11.0, datetime(2026, 6, 9, 21), "captured")]


def test_history_of_a_revised_table_is_latest_only(con):
    rows = [("AAA-1", date(2001, 3, 1), "AAA", None, None, None)]
    window = [Window("", None, table_id="sp500_membership.intervals")]
    answer(con, utc(WED, 23), *rows, windows=window, table_id="sp500_membership.intervals")
    added = [*rows, ("BBB-1", THU, "BBB", None, None, None)]
    answer(con, utc(WED, 23, 30), *added, windows=window, table_id="sp500_membership.intervals")
    found = con.execute("select permid, known_basis from sp500_membership.intervals order by 1").fetchall()
    assert found == [("AAA-1", "latest_only"), ("BBB-1", "captured")]  # announced the day before


def test_a_changed_end_of_an_interval_is_a_vintage(con):
    window = [Window("", None, table_id="sp500_membership.intervals")]
    common = {"windows": window, "table_id": "sp500_membership.intervals"}
    answer(con, utc(WED, 23), ("AAA-1", date(2001, 3, 1), "AAA", None, None, None), **common)
    assert counts(answer(con, utc(THU, 23), ("AAA-1", date(2001, 3, 1), "AAA", None, None, THU), **common)) == (0, 1, 0)


def test_refused_rows_are_kept_once_and_are_not_withdrawn(con):
    answer(con, utc(WED, 23), price("AAA", MON, 10.0), price("AAA", TUE, 11.0))
    for hour in (22, 23):
        result = answer(con, utc(THU, hour), price("AAA", MON, 10.0), refused=[price("AAA", TUE, 99.0)])
        assert counts(result) == (0, 0, 0)
    kept = con.execute("select table_id, group_name, period_date, reason from quarantine.refused_rows").fetchall()
    assert kept == [("yahoo.prices", "AAA", TUE, "a reason")]


def test_a_row_that_was_refused_first_had_been_seen(con):
    answer(con, utc(TUE, 21), price("AAA", MON, 10.0), refused=[price("AAA", TUE, 99.0)])
    answer(con, utc(THU, 12), price("AAA", MON, 10.0), price("AAA", TUE, 99.0))
    assert vintages(con, "AAA", TUE) == [(99.0, datetime(2026, 6, 9, 21), "captured")]


def test_a_source_that_failed_is_recorded(con):
    batch = Batch("yahoo", {}, (), (), (SourceUnavailable("yahoo", "AAA", "no"),), utc(WED, 23), "yahoo_prices")
    assert land(con, batch, GateResult({}, {}, (), None), load_catalog(), "run", utc(WED, 23)).state == "failed"
    assert con.execute("select source, state from ops.source_runs").fetchall() == [("yahoo_prices", "failed")]


# ---- what is served no more, and what is not known any more


def fund_day(ticker: str, day: date) -> tuple[Any, ...]:
    return (ticker, day, 10.0, 1e6, 1e7)


def history(con, moment: datetime, *days: date, ticker: str = "SPY"):
    rows = [fund_day(ticker, day) for day in days]
    return answer(
        con, moment, *rows, windows=[Window(ticker, None, table_id="ssga.fund_days")], table_id="ssga.fund_days"
    )


def test_history_shortened_upstream_is_kept_and_recorded_once(con):
    assert history(con, utc(WED, 9), MON, TUE).shrinkages == ()
    result = history(con, utc(THU, 9), TUE, WED)
    assert [(s.series_id, s.held_from, s.served_from) for s in result.shrinkages] == [("fund_days SPY", MON, TUE)]
    assert result.rows_withdrawn == 0
    assert con.execute("select count(*) from ssga.fund_days where nav_usd is not null").fetchone() == (3,)
    assert history(con, utc(THU, 10), TUE, WED).shrinkages == (), "told already"
    assert con.execute("select source, series_id, held_from, served_from from ops.shrinkages").fetchall() == [
        ("ssga", "fund_days SPY", MON, TUE)
    ]


def test_history_that_is_back_is_recorded_as_back(con):
    history(con, utc(WED, 9), MON, TUE)
    history(con, utc(THU, 9), TUE, WED)
    assert history(con, utc(THU, 10), MON, TUE, WED).shrinkages == ()
    last = con.execute("select held_from, served_from from ops.shrinkages order by seen_at desc limit 1").fetchone()
    assert last == (MON, MON)


def test_a_shorter_question_is_no_shorter_history(con):
    answer(con, utc(WED, 23), price("AAA", MON, 1.0), price("AAA", TUE, 1.0), price("AAA", WED, 1.0))
    windows = [Window("AAA", TUE, THU, table_id="yahoo.prices")]
    assert answer(con, utc(THU, 23), price("AAA", WED, 1.0), windows=windows).shrinkages == ()
    assert con.execute("select count(*) from ops.shrinkages").fetchone() == (0,)


def test_a_former_member_that_nobody_knows_is_recorded_and_no_error(con):
    lack = SymbolUnknown("yahoo_prices", "OLD", expected="a chart of OLD", seen="the error Not Found")
    windows = [Window("AAA", MON, WED, table_id="yahoo.prices")]
    frame = rows_of("yahoo.prices", utc(WED, 23), price("AAA", MON, 1.0))
    batch = Batch("yahoo", {"yahoo.prices": frame}, windows, (), (), utc(WED, 23), "yahoo_prices", (lack,))
    gated = GateResult({"yahoo.prices": frame}, {"yahoo.prices": frame.clear()}, (), None)
    assert land(con, batch, gated, load_catalog(), "run", utc(WED, 23)).state == "ok"
    assert con.execute("select source, group_name, seen_at from ops.panel_lacks").fetchall() == [
        ("yahoo_prices", "OLD", datetime(2026, 6, 10, 23))
    ]
    assert con.execute("select state, error from ops.source_runs").fetchall() == [("ok", None)]
    assert con.execute("select count(*) from quarantine.payloads").fetchone() == (0,)


def test_newest_period_per_group(con):
    answer(con, utc(WED, 23), price("AAA", MON, 10.0), price("AAA", TUE, 11.0), price("BBB", MON, 5.0))
    assert held_groups(con, "yahoo.prices") == {"AAA": TUE, "BBB": MON}


def test_every_desk_names_tables_of_its_source():
    for name in ("yahoo_prices", "ssga"):
        desk = connector(name)
        assert {table.source for table in desk.tables} == {desk.source}
