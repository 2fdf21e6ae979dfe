"""What an answer takes back: the one rule of series and panel tables, through the real gates and both landings."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import duckdb
import polars as pl
import pytest

from ingest.batch import ROWS_SCHEMA, Batch, GateResult, Window
from ingest.catalog import load_catalog
from ingest.clock import naive_utc
from ingest.connectors import TABLE_CONNECTORS
from ingest.dataset import dataset
from ingest.gate import gate
from ingest.rules.evidence import Evidence
from tests.unit.databases import empty_build
from tests.unit.series_batches import series_batch
from tests.unit.test_panel_landing import rows_of
from warehouse.absence import BEHIND_CHECK, GONE_CHECK
from warehouse.evidence import evidence
from warehouse.landing import land
from warehouse.records import LandingResult

CATALOG = load_catalog()
NOW = datetime(2014, 6, 11, 22, 30, tzinfo=UTC)
TODAY = date(2014, 6, 10)
LATER = NOW + timedelta(hours=1)

SERIES = {
    "hy_oas": "fred",
    "vix_close": "cboe",
    "fed_total_assets": "federal_reserve",
    "margin_debt": "finra",
    "ofr_fsi": "ofr",
    "jgb_2y_yield": "japan_mof",
}
FUND_TABLES = ("ssga.fund_days", "ishares.fund_days", "proshares.fund_days")
TABLES = (*FUND_TABLES, "yahoo.prices", "nasdaq.prices")


@pytest.fixture
def con():
    with empty_build() as connection:
        yield connection


def sessions(count: int, last: date = TODAY) -> list[date]:
    """Return weekdays up to `last`; of 2014 and 2013 no holiday matters here but those that the calendars know."""
    from ingest.catalog.calendars import working_days

    return working_days("nyse", last - timedelta(days=2 * count), last)[-count:]


def periods(series_id: str) -> list[date]:
    frequency = CATALOG.by_id(series_id).frequency
    if frequency == "weekly":
        return [date(2014, 6, 4) - timedelta(days=7 * week) for week in range(200)][::-1]
    if frequency == "monthly":
        return [date(2009 + month // 12, month % 12 + 1, 1) for month in range(12 * 5 + 4)]
    return sessions(300)


def moved(day: date) -> date:
    """Return the day as an answer shows it in which 2014 reads 2034."""
    return day.replace(year=2034) if day.year == 2014 else day


# ---- a series and a group of a panel table, asked in the same words ------------------------------------------------


class Series:
    """A series of one source."""

    def __init__(self, con: duckdb.DuckDBPyConnection, series_id: str) -> None:
        self.con, self.id, self.source = con, series_id, SERIES[series_id]
        self.table = f"{self.source}.observations"
        self.series = CATALOG.by_id(series_id)
        self.provider = self.series.provider(self.source)
        self.days = periods(series_id)
        self.check_of_behind = None

    def frame(self, days: Sequence[tuple[date, float | None]], now: datetime) -> pl.DataFrame:
        bounds, factor = self.series.plausible, CATALOG.factor(self.provider.unit, self.series.unit)
        middle = (bounds.min + bounds.max) / 2 / factor
        rows = [
            (
                self.id,
                self.provider.code,
                day,
                None if scale is None else middle * scale,
                self.provider.unit,
                None,
                "a" * 64,
            )
            for day, scale in days
        ]
        frame = pl.DataFrame(rows, schema=dict(ROWS_SCHEMA), orient="row")
        return frame.with_columns(pl.lit(naive_utc(now), dtype=pl.Datetime("us")).alias("fetched_at"))

    def answer(
        self, days: Sequence[date | tuple[date, float | None]], now: datetime = NOW, start: date | None = None
    ) -> LandingResult:
        frame = self.frame([day if isinstance(day, tuple) else (day, 1.0) for day in days], now)
        batch = series_batch(self.source, frame, (Window(self.id, start),), (), (), now)
        gated: GateResult = gate(batch, CATALOG, evidence(self.con, batch, CATALOG), now)
        return land(self.con, batch, gated, CATALOG, f"run {now}", now)

    def values(self) -> dict[date, float | None]:
        return dict(
            self.con.execute(
                f"select period_date, value from {self.table}_latest where series_id = ? order by 1", [self.id]
            ).fetchall()
        )


class Group:
    """A ticker or fund of one panel table."""

    def __init__(self, con: duckdb.DuckDBPyConnection, table_id: str) -> None:
        self.con, self.table, self.id = con, table_id, "SPY"
        self.source = dataset(table_id).source
        self.days = sessions(300)
        self.check_of_behind = BEHIND_CHECK

    def answer(
        self, days: Sequence[date | tuple[date, float | None]], now: datetime = NOW, start: date | None = None
    ) -> LandingResult:
        rows = [self._row(*(day if isinstance(day, tuple) else (day, 1.0))) for day in days]
        frame = rows_of(self.table, now, *rows)
        desk = next(desk for desk in TABLE_CONNECTORS if self.table in desk.table_ids)
        batch = Batch(
            self.source, {self.table: frame}, (Window(self.id, start, table_id=self.table),), (), (), now, desk.name
        )
        return land(self.con, batch, gate(batch, CATALOG, Evidence(), now), CATALOG, f"run {now}", now)

    def _row(self, day: date, scale: float | None) -> tuple:
        if scale is None:
            return (self.id, day, *[None] * len(dataset(self.table).values))
        if self.table.endswith("prices"):
            return (self.id, day, *[100.0 * scale] * 4, 1000.0)
        return (self.id, day, 10.0 * scale, 1e6, 1e7 * scale)

    def values(self) -> dict[date, float | None]:
        table = dataset(self.table)
        return dict(
            self.con.execute(
                f"select {table.period}, {table.values[0].name} from {self.table}_latest where ticker = ? order by 1",
                [self.id],
            ).fetchall()
        )


@pytest.fixture(params=[*SERIES, *TABLES])
def asked(request, con):
    """A series or a group with its history held."""
    one = Series(con, request.param) if request.param in SERIES else Group(con, request.param)
    assert one.answer(one.days).rows_new == len(one.days)
    return one


@pytest.fixture(params=["hy_oas", "ssga.fund_days"])
def either(request, con):
    one = Series(con, request.param) if request.param in SERIES else Group(con, request.param)
    one.answer(one.days)
    return one


def failed(one, name: str) -> list[bool]:
    return [
        not passed
        for (passed,) in one.con.execute(
            "select is_passed from ops.checks where asset = ? and check_name = ? and severity = 'error'"
            " order by checked_at, rowid",
            [one.table, name],
        ).fetchall()
    ]


# ---- dates that are wrong, answers that are old --------------------------------------------------------------------


def test_a_year_that_reads_twenty_years_on_takes_nothing_back(asked):
    """The rows are refused, so what is absent may be what was refused; the next good answer adds nothing."""
    before = asked.values()
    result = asked.answer([moved(day) for day in asked.days], LATER)
    assert (result.rows_new, result.rows_changed, result.rows_withdrawn) == (0, 0, 0)
    assert result.rows_quarantined > 0
    assert result.state == "partial", "an answer with rows that do not count is not ok"
    assert result.error
    assert asked.source in result.error
    assert asked.values() == before
    again = asked.answer(asked.days, LATER + timedelta(hours=1))
    assert (again.rows_new, again.rows_changed, again.rows_withdrawn, again.state) == (0, 0, 0, "ok")


def test_an_answer_of_twenty_days_ago_takes_nothing_back(asked):
    before = asked.values()
    result = asked.answer(asked.days[:-14], LATER)
    assert (result.rows_new, result.rows_changed, result.rows_withdrawn) == (0, 0, 0)
    assert asked.values() == before
    assert result.state == "partial"
    assert failed(asked, BEHIND_CHECK)[-1:] == [True] or isinstance(asked, Series), "of a series the gate says it"
    assert result.error


def test_an_old_answer_that_changes_history_is_refused_too(either):
    before = either.values()
    either.answer([(either.days[5], 1.01), *either.days[6:-20]], LATER)
    assert either.values() == before


def test_a_later_start_takes_nothing_back_and_is_recorded(asked):
    before = asked.values()
    result = asked.answer(asked.days[10:], LATER)
    assert (result.rows_withdrawn, result.state) == (0, "ok")
    assert [(one.held_from, one.served_from) for one in result.shrinkages] == [(asked.days[0], asked.days[10])]
    assert asked.values() == before


def test_the_order_of_an_answer_says_nothing(asked):
    result = asked.answer(asked.days[::-1], LATER)
    assert (result.rows_new, result.rows_changed, result.rows_withdrawn, result.state) == (0, 0, 0, "ok")


def test_an_answer_without_a_row_takes_nothing_back(either):
    before = either.values()
    assert either.answer([], LATER).rows_withdrawn == 0
    assert either.values() == before


# ---- what is withdrawn ---------------------------------------------------------------------------------------------


def test_one_value_gone_from_between_its_neighbours_is_withdrawn(asked):
    gone = asked.days[-3]
    result = asked.answer([day for day in asked.days if day != gone], LATER)
    assert (result.rows_new, result.rows_changed, result.rows_withdrawn, result.state) == (0, 0, 1, "ok")
    assert asked.values()[gone] is None
    assert failed(asked, GONE_CHECK) == [False, False]
    back = asked.answer(asked.days, LATER + timedelta(hours=1))
    assert (back.rows_changed, back.state) == (1, "ok")
    assert asked.values()[gone] is not None


def test_a_missing_marker_takes_the_value_back_at_the_edge_too(either):
    newest = either.days[-1]
    result = either.answer([*either.days[:-1], (newest, None)], LATER)
    assert (result.rows_changed, result.state) == (1, "ok")
    assert either.values()[newest] is None


def test_a_group_with_a_refused_row_covers_nothing(either):
    gone, bad = either.days[-5], either.days[-9]
    days = [(day, -1e9 if day == bad else 1.0) for day in either.days if day != gone]
    result = either.answer(days, LATER)
    assert (result.rows_withdrawn, result.rows_quarantined) == (0, 1)
    assert None not in either.values().values()


# ---- too much at once ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["absent", "marked"])
def test_more_than_a_few_per_cent_at_once_are_held(asked, how):
    gone = asked.days[20:28]
    before = asked.values()
    days = [(day, None if day in gone else 1.0) for day in asked.days if how == "marked" or day not in gone]
    changed = [(days[0][0], 1.01), *days[1:]]
    result = asked.answer(changed, LATER)
    assert (result.rows_new, result.rows_changed, result.rows_withdrawn) == (0, 0, 0)
    assert asked.values() == before, "nothing of the group lands, not even its change"
    assert result.state == "partial"
    assert failed(asked, GONE_CHECK) == [False, True]
    assert asked.source in result.error
    assert f"8 of {len(asked.days)} rows held" in result.error
    assert asked.con.execute("select count(*) from ops.answers").fetchone() == (1,), "the answer counts as no fetch"


@pytest.mark.parametrize(("held_count", "gone_count", "is_held"), [(100, 3, False), (100, 4, True), (300, 6, False)])
def test_where_a_few_end(con, held_count, gone_count, is_held):
    one = Series(con, "hy_oas")
    days = sessions(held_count)
    one.answer(days)
    result = one.answer([day for day in days if day not in days[10 : 10 + gone_count]], LATER)
    assert (result.rows_withdrawn, result.state) == ((0, "partial") if is_held else (gone_count, "ok"))


def test_the_rest_of_the_batch_lands(con):
    table, days = "yahoo.prices", sessions(60)

    def batch(now: datetime, missing: Sequence[date]) -> LandingResult:
        rows = [(ticker, day, 9.0, 9.0, 9.0, 9.0, 10.0) for ticker in ("AAA", "BBB") for day in days]
        if missing:
            rows = [row for row in rows if row[0] == "BBB" or row[1] not in missing]
            rows.append(("BBB", TODAY + timedelta(days=1), 9.1, 9.1, 9.1, 9.1, 10.0))
        frame = rows_of(table, now, *rows)
        splits = rows_of("yahoo.splits", now, ("AAA", days[3], 1.1)) if missing else rows_of("yahoo.splits", now)
        windows = [
            Window(ticker, days[0], table_id=name) for name in (table, "yahoo.splits") for ticker in ("AAA", "BBB")
        ]
        whole = Batch("yahoo", {table: frame, "yahoo.splits": splits}, windows, (), (), now, "yahoo_prices")
        return land(con, whole, gate(whole, CATALOG, Evidence(), now), CATALOG, "run", now)

    assert batch(NOW, ()).state == "ok"
    result = batch(LATER, days[20:30])
    assert (result.state, result.rows_new, result.rows_withdrawn) == ("partial", 1, 0)
    assert "yahoo.prices" in result.error
    assert "AAA" in result.error
    assert con.execute("select count(*) from yahoo.splits").fetchone() == (0,), "the same body, the same doubt"
    assert con.execute("select state from ops.source_runs order by recorded_at desc limit 1").fetchone() == ("partial",)


# ---- several keys in a period, and events --------------------------------------------------------------------------


def weekly(con, now: datetime, *rows: tuple) -> LandingResult:
    frame = rows_of("ici.weekly_flows", now, *rows)
    days = [row[0] for row in rows]
    windows = (Window("", min(days), max(days), table_id="ici.weekly_flows"),)
    batch = Batch("ici", {"ici.weekly_flows": frame}, windows, (), (), now)
    return land(con, batch, gate(batch, CATALOG, Evidence(), now), CATALOG, "run", now)


def test_a_key_missing_from_a_period_that_is_shown_is_withdrawn(con):
    weeks = [date(2014, 5, 28), date(2014, 6, 4)]
    rows = [(week, name, 1.0) for week in weeks for name in ("total", "equity", "bond")]
    assert weekly(con, NOW, *rows).rows_new == 6
    assert weekly(con, LATER, *rows[:-1]).rows_withdrawn == 1
    assert con.execute(
        "select week_end_date, category from ici.weekly_flows_latest where flow_usd_mn is null"
    ).fetchall() == [(weeks[1], "bond")]


def chart(con, now: datetime, bars: Sequence[date], splits: Sequence[tuple[date, float]]) -> LandingResult:
    tables = {
        "yahoo.prices": rows_of("yahoo.prices", now, *[("AAA", day, 9.0, 9.0, 9.0, 9.0, 10.0) for day in bars]),
        "yahoo.splits": rows_of("yahoo.splits", now, *[("AAA", *split) for split in splits]),
    }
    windows = [Window("AAA", date(2000, 1, 3), TODAY, table_id=table_id) for table_id in tables]
    batch = Batch("yahoo", tables, windows, (), (), now, "yahoo_prices")
    return land(con, batch, gate(batch, CATALOG, Evidence(), now), CATALOG, "run", now)


def test_an_event_is_covered_by_the_bars_around_it(con):
    days = sessions(20)
    chart(con, NOW, days, [(days[10], 1.1)])
    assert chart(con, LATER, days[12:], []).rows_withdrawn == 0, "the bars begin after it"
    assert chart(con, LATER + timedelta(hours=1), days[:10], []).rows_withdrawn == 0, "the bars end before it"
    assert chart(con, LATER + timedelta(hours=2), days, []).rows_withdrawn == 1
    assert con.execute("select count(*) from yahoo.splits_latest where split_ratio is null").fetchone() == (1,)


def test_a_hole_in_a_short_answer_is_measured_against_what_it_spans(con):
    """Ten of the last thirty sessions are no small loss, however long the history is."""
    one = Group(con, "yahoo.prices")
    one.answer(one.days)
    last = one.days[-30:]
    result = one.answer([day for day in last if day not in last[10:20]], LATER, last[0])
    assert (result.rows_withdrawn, result.state) == (0, "partial")
    assert None not in one.values().values()


@pytest.mark.parametrize("table_id", FUND_TABLES)
def test_a_column_that_comes_empty_takes_no_history_with_it(con, table_id):
    one = Group(con, table_id)
    one.answer(one.days)
    frame = rows_of(table_id, LATER, *[(one.id, day, 10.0, None, 1e7) for day in one.days])
    desk = next(desk for desk in TABLE_CONNECTORS if table_id in desk.table_ids)
    batch = Batch(one.source, {table_id: frame}, (Window(one.id, None, table_id=table_id),), (), (), LATER, desk.name)
    result = land(con, batch, gate(batch, CATALOG, Evidence(), LATER), CATALOG, "run", LATER)
    assert (result.rows_changed, result.state) == (0, "partial")
    held_count = f"select count(shares_outstanding_count) from {table_id}_latest"
    assert con.execute(held_count).fetchone() == (len(one.days),)
