"""What an answer may take back: the same rule for series and for panel tables, through landing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from ingest.batch import ROWS_SCHEMA, Batch, GateResult, Window
from ingest.catalog import load_catalog
from ingest.collect import empty_table
from ingest.dataset import DATASETS, dataset
from orchestration.ingestion import recent_values
from tests.unit.databases import empty_build
from tests.unit.series_batches import series_batch, series_gated
from warehouse.absence import BEHIND_CHECK, GONE_CHECK
from warehouse.landing import land
from warehouse.panel_wanted import lacking_tickers
from warehouse.snapshots import show_snapshots

CATALOG = load_catalog()
SERIES = {  # one series of each shape of source: whole files, pages, prints by month
    "fred": "hy_oas",
    "federal_reserve": "fed_total_assets",
    "cboe": "vix_close",
    "finra": "margin_debt",
    "ofr": "ofr_fsi",
    "treasury": "us_2y_yield",
}
TABLES = ("yahoo.prices", "nasdaq.prices", "ssga.fund_days", "ishares.fund_days", "proshares.fund_days")
FIRST = datetime(2026, 6, 1, 23, tzinfo=UTC)
DAYS = [date(2014, 1, 1) + timedelta(days=n) for n in range(400)]


@pytest.fixture
def con():
    with empty_build() as connection:
        yield connection


def series_answer(con, source: str, at: int, values: dict[date, float | None], refused: Sequence[date] = ()):
    """Land an answer of the whole history: `values` accepted, `refused` dates refused."""
    series_id = SERIES[source]
    series = CATALOG.by_id(series_id)
    provider = series.provider(source)
    moment = FIRST + timedelta(days=at)

    def frame(rows: list[tuple[date, float | None]]) -> pl.DataFrame:
        return pl.DataFrame(
            [(series_id, provider.code, day, value, provider.unit, None, f"sha{at}") for day, value in rows],
            schema=dict(ROWS_SCHEMA),
            orient="row",
        ).with_columns(fetched_at=pl.lit(moment.replace(tzinfo=None)))

    accepted = frame(list(values.items()))
    out = frame([(day, 1.0) for day in refused]).with_columns(reason=pl.lit("too far ahead"))
    batch = series_batch(source, pl.concat([accepted, out.drop("reason")]), [Window(series_id, None)], (), (), moment)
    return land(con, batch, series_gated(source, accepted, out), CATALOG, f"run{at}", moment)


def panel_answer(con, table_id: str, at: int, values: dict[date, float | None], refused: Sequence[date] = ()):
    """Land an answer about the group AAA: each day's values all the same number."""
    table = dataset(table_id)
    moment = FIRST + timedelta(days=at)

    def frame(rows: list[tuple[date, float | None]]) -> pl.DataFrame:
        numbers = {column.name for column in table.values}
        made = [
            {
                **{name: value for name in numbers},
                table.period: day,
                "ticker": "AAA",
                "payload_sha256": f"sha{at}",
                "fetched_at": moment.replace(tzinfo=None),
            }
            for day, value in rows
        ]
        return pl.DataFrame(made, schema=dict(empty_table(table).schema)) if made else empty_table(table)

    accepted = frame(list(values.items()))
    out = frame([(day, 1.0) for day in refused]).with_columns(reason=pl.lit("too far ahead"))
    batch = Batch(
        table.source,
        {table_id: pl.concat([accepted, out.drop("reason")])},
        [Window("AAA", None, table_id=table_id)],
        (),
        (),
        moment,
    )
    return land(con, batch, GateResult({table_id: accepted}, {table_id: out}, (), None), CATALOG, f"run{at}", moment)


def held(con, key: str) -> dict[date, float | None]:
    """Return the newest values of the series of a source, or of AAA in a table."""
    if key in SERIES:
        rows = con.execute(
            f"select period_date, value from {key}.observations_latest where series_id = ?", [SERIES[key]]
        ).fetchall()
    else:
        table = dataset(key)
        rows = con.execute(f"select {table.period}, {table.values[0].name} from {key}_latest").fetchall()
    return dict(rows)


def answer(con, key: str, at: int, values: dict[date, float | None], refused: Sequence[date] = ()):
    land_one = series_answer if key in SERIES else panel_answer
    return land_one(con, key, at, values, refused)


def vintages(con, key: str) -> int:
    table = f"{key}.observations" if key in SERIES else key
    return con.execute(f"select count(*) from {table}").fetchone()[0]


HISTORY: dict[date, float | None] = {day: 100.0 + n / 8 for n, day in enumerate(DAYS)}
EVERY = [*SERIES, *TABLES]


@pytest.mark.parametrize("key", EVERY)
def test_a_year_printed_twenty_years_later_takes_nothing_back(con, key: str) -> None:
    answer(con, key, 0, HISTORY)
    moved = [day for day in DAYS if day.year == 2014]
    rest = {day: value for day, value in HISTORY.items() if day.year != 2014}
    answer(con, key, 1, rest, refused=[day.replace(year=2034) for day in moved])
    assert held(con, key) == HISTORY
    before = vintages(con, key)
    result = answer(con, key, 2, HISTORY)
    assert (result.rows_new, result.rows_changed, result.rows_withdrawn, result.state) == (0, 0, 0, "ok")
    assert vintages(con, key) == before, "the next good answer adds nothing"


@pytest.mark.parametrize("key", EVERY)
def test_one_row_gone_between_others_is_withdrawn(con, key: str) -> None:
    answer(con, key, 0, HISTORY)
    result = answer(con, key, 1, {day: value for day, value in HISTORY.items() if day != DAYS[200]})
    assert (result.rows_withdrawn, result.state) == (1, "ok")
    assert held(con, key) == {**HISTORY, DAYS[200]: None}


@pytest.mark.parametrize("key", EVERY)
def test_a_row_refused_elsewhere_in_the_group_takes_nothing_back(con, key: str) -> None:
    answer(con, key, 0, HISTORY)
    less = {day: value for day, value in HISTORY.items() if day not in (DAYS[200], DAYS[300])}
    assert answer(con, key, 1, less, refused=[DAYS[300]]).rows_withdrawn == 0
    assert held(con, key) == HISTORY


@pytest.mark.parametrize("key", EVERY)
def test_a_later_start_takes_nothing_back(con, key: str) -> None:
    answer(con, key, 0, HISTORY)
    result = answer(con, key, 1, dict(list(HISTORY.items())[150:]))
    assert result.rows_withdrawn == 0
    assert [shrinkage.served_from for shrinkage in result.shrinkages] == [DAYS[150]], "recorded as shortened"
    assert held(con, key) == HISTORY


@pytest.mark.parametrize("key", EVERY)
def test_an_earlier_end_takes_nothing_back(con, key: str) -> None:
    answer(con, key, 0, HISTORY)
    result = answer(con, key, 1, dict(list(HISTORY.items())[:-20]))
    assert result.rows_withdrawn == 0
    assert held(con, key) == HISTORY


@pytest.mark.parametrize("key", TABLES)
def test_a_frozen_answer_is_refused_whole_and_said(con, key: str) -> None:
    answer(con, key, 0, HISTORY)
    restated = {day: (value or 0) + 1 for day, value in list(HISTORY.items())[:-13]}
    result = answer(con, key, 1, restated)
    assert held(con, key) == HISTORY
    assert result.state == "partial"
    assert "the answer ends on 2015-01-22, held is up to 2015-02-04" in (result.error or "")
    assert [check.name for check in result.checks if not check.passed] == [BEHIND_CHECK]
    assert answer(con, key, 2, {**HISTORY, date(2015, 2, 5): 9.0}).state == "ok"


@pytest.mark.parametrize("key", EVERY)
@pytest.mark.parametrize("is_absent", [True, False], ids=["absent", "printed as gaps"])
@pytest.mark.parametrize(("gone", "lands"), [(8, True), (9, False)], ids=["2 percent", "more"])
def test_two_percent_at_once_is_the_most_that_is_taken_back(
    con, key: str, gone: int, lands: bool, is_absent: bool
) -> None:
    answer(con, key, 0, HISTORY)
    lost = set(DAYS[100 : 100 + gone])
    fewer: dict[date, float | None] = {
        day: (None if day in lost else value) for day, value in HISTORY.items() if not (is_absent and day in lost)
    }
    news = date(2015, 2, 5)
    result = answer(con, key, 1, {**fewer, news: 7.0})
    values = held(con, key)
    if lands:
        assert {day for day, value in values.items() if value is None} == lost
        assert values[news] == 7.0
        assert result.state == "ok"
        return
    assert values == HISTORY, "nothing of the group lands, the new row neither"
    assert result.state == "partial"
    assert "9 of 400 rows held are gone at once (2014-04-11 to 2014-04-19)" in (result.error or "")
    assert [(check.name, check.severity) for check in result.checks if not check.passed] == [(GONE_CHECK, "error")]
    counted = con.execute("select count(*) from quarantine.refused_rows").fetchone()
    assert counted == (1 + (0 if is_absent else gone),), "what came new is quarantined with the reason"


def test_three_of_few_may_go(con) -> None:
    short = dict(list(HISTORY.items())[:20])
    answer(con, "fred", 0, short)
    result = answer(con, "fred", 1, {day: value for day, value in short.items() if day not in DAYS[5:8]})
    assert result.rows_withdrawn == 3


def test_a_group_held_back_does_not_hold_back_others(con) -> None:
    table = "yahoo.prices"
    panel_answer(con, table, 0, HISTORY)
    columns = empty_table(dataset(table)).columns
    moment = FIRST + timedelta(days=1)
    rows = con.execute(f"select * from {table}").pl().with_columns(fetched_at=pl.lit(moment.replace(tzinfo=None)))
    rows = rows.with_columns(stated_at=pl.lit(None, dtype=pl.Datetime("us")))
    good = rows.with_columns(ticker=pl.lit("BBB")).select(columns)
    bad = rows.filter(~pl.col("session_date").is_in(DAYS[100:150])).select(columns)
    batch = Batch(
        "yahoo",
        {table: pl.concat([bad, good])},
        [Window("AAA", None, table_id=table), Window("BBB", None, table_id=table)],
        (),
        (),
        moment,
        "yahoo_prices",
    )
    result = land(con, batch, GateResult(dict(batch.tables), {}, (), None), CATALOG, "run1", moment)
    assert (result.rows_new, result.rows_withdrawn, result.state) == (400, 0, "partial")


def test_lines_gone_from_a_snapshot_that_is_shown_are_withdrawn_up_to_two_percent(con) -> None:
    table = "ssga.holdings"
    day = date(2026, 5, 29)

    def lines(count: int, at: int, day: date = day):
        moment = FIRST + timedelta(hours=at)
        rows = [
            {
                "fund_ticker": "SPY",
                "as_of_date": day,
                "line_number": n,
                "holding_name": f"company {n}",
                "payload_sha256": "sha",
                "fetched_at": moment.replace(tzinfo=None),
            }
            for n in range(1, count + 1)
        ]
        frame = pl.DataFrame(rows, schema=dict(empty_table(dataset(table)).schema))
        batch = Batch("ssga", {table: frame}, [Window("SPY", day, day, table_id=table)], (), (), moment)
        return land(con, batch, GateResult({table: frame}, {}, (), None), CATALOG, f"run{at}", moment)

    assert lines(500, 0).rows_new == 500
    older = lines(500, 0, day - timedelta(days=20))
    assert (older.rows_new, older.state) == (0, "partial"), "a snapshot of weeks ago is a frozen page"
    assert f"the answer ends on {day - timedelta(days=20)}, held is up to {day}" in (older.error or "")
    assert lines(490, 1).rows_withdrawn == 10
    assert lines(400, 2).rows_withdrawn == 0, "a cut file"
    alive = con.execute(f"select count(*) from {table}_latest where holding_name is not null").fetchone()
    assert alive == (490,)


def test_a_withdrawn_close_is_asked_of_the_second_provider_and_not_drawn(con) -> None:
    con.execute(
        "insert into calendar.sessions values (date '2015-02-04', timestamp '2015-02-04 14:30',"
        " timestamp '2015-02-04 21:00', false, timestamp '2015-02-05 14:15', timestamp '2015-02-05 14:15', 1)"
    )
    panel_answer(con, "yahoo.prices", 0, HISTORY)
    now = datetime(2015, 2, 5, 12, tzinfo=UTC)
    assert lacking_tickers(con, ["AAA"], now) == []
    con.execute(
        "insert into yahoo.prices by name select * replace (null as close_usd, known_at + interval 1 day as known_at)"
        " from yahoo.prices where session_date = date '2015-02-04'"
    )
    assert lacking_tickers(con, ["AAA"], now) == ["AAA"]
    series_answer(con, "fred", 0, HISTORY)
    series_answer(con, "fred", 1, {day: value for day, value in HISTORY.items() if day != DAYS[-2]})
    assert recent_values(con, "fred", "hy_oas", 2) == [HISTORY[DAYS[-3]], HISTORY[DAYS[-1]]]


@pytest.mark.parametrize("key", ["fred", "yahoo.prices", "ishares.fund_days"])
def test_of_two_vintages_of_one_moment_the_later_landed_is_the_newest(con, key: str) -> None:
    day = DAYS[0]
    answer(con, key, 0, {day: 1.0})
    table = f"{key}.observations" if key in SERIES else key
    value = "value" if key in SERIES else dataset(key).values[0].name

    def again(number: float, landed: str, sha: str) -> None:
        con.execute(
            f"insert into {table} by name select * replace ({number} as {value}, timestamp '{landed}' as loaded_at,"
            f" '{sha}' as payload_sha256) from {table} where {value} = 1.0"
        )

    again(5.0, "2026-07-02", "a")
    again(4.0, "2026-07-01", "z")
    assert held(con, key) == {day: 5.0}
    again(6.0, "2026-07-02", "b")
    assert held(con, key) == {day: 6.0}, "landed together: the greater hash"


def test_every_raw_table_has_its_view(con, tmp_path: Path) -> None:
    def views() -> set[str]:
        rows = con.execute("select schema_name || '.' || view_name from duckdb_views() where not internal").fetchall()
        return {name for (name,) in rows}

    in_files = {table.id for table in DATASETS if table.is_in_daily_files}
    in_rows = {table.id for table in DATASETS} - in_files
    assert views() >= {f"{table}_latest" for table in in_rows}
    show_snapshots(con, tmp_path)  # the rows of the others are in files of the home: they are views themselves
    assert views() & {table.id for table in DATASETS} == in_files
    assert views() >= {f"{table}_latest" for table in in_rows | in_files}
