"""A mart at a past moment, over revisions made by hand, through the file as analysts get it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from analytics.regimes.as_of import regime_relations
from analytics.regimes.episodes import EPISODES
from analytics.regimes.forward_returns import FORWARD_RETURNS
from ingest.home import Home
from orchestration.dbt_bridge import compiled
from tests.manifest.conftest import RUN_AT
from warehouse.as_of_text import keep_compiled
from warehouse.asof import as_of_queries
from warehouse.declared_tables import DeclaredTable
from warehouse.publish import publish

SERIES = {
    "fed_total_assets": ("federal_reserve", "Currency USD x 1000000"),
    "tga_wednesday": ("federal_reserve", "Currency USD x 1000000"),
    "on_rrp": ("new_york_fed", "USD"),
}
# The week of 2026-01-21 is printed on the 22nd, revised late, on the evening of the 29th, after the next week is out;
# that one is withdrawn on 2026-02-03 and printed again on the 4th.
PRINTS = [
    ("fed_total_assets", date(2026, 1, 21), 6_600_000.0, "2026-01-22 21:30", "release_rule"),
    ("tga_wednesday", date(2026, 1, 21), 900_000.0, "2026-01-22 21:30", "release_rule"),
    ("on_rrp", date(2026, 1, 21), 2.0e9, "2026-01-21 18:20", "release_rule"),
    ("fed_total_assets", date(2026, 1, 28), 6_610_000.0, "2026-01-29 21:30", "release_rule"),
    ("tga_wednesday", date(2026, 1, 28), 910_000.0, "2026-01-29 21:30", "release_rule"),
    ("on_rrp", date(2026, 1, 28), 1.0e9, "2026-01-28 18:20", "release_rule"),
    ("fed_total_assets", date(2026, 1, 21), 6_605_000.0, "2026-01-29 23:00", "captured"),
    ("fed_total_assets", date(2026, 1, 28), None, "2026-02-03 12:00", "captured"),
    ("fed_total_assets", date(2026, 1, 28), 6_611_000.0, "2026-02-04 12:00", "captured"),
]
# Three prints of one moment: the last landed counts, whichever was written first. Those of prices landed together, so
# that the greatest payload hash counts.
TIED_DAY, TIED_AT = date(2026, 1, 27), datetime(2026, 1, 28, 2)
TIED = [("b", 17.0, TIED_AT), ("c", 16.0, TIED_AT + timedelta(hours=2)), ("a", 18.0, TIED_AT + timedelta(hours=1))]


@pytest.fixture(scope="module")
def published(dbt: Any, empty_warehouse: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = Home(tmp_path_factory.mktemp("as_of") / "home").ensure()
    shutil.copy(empty_warehouse, home.warehouse)
    with duckdb.connect(str(home.warehouse)) as con:
        for series_id, period, value, known_at, basis in PRINTS:
            source, unit = SERIES[series_id]
            moment = datetime.fromisoformat(known_at)
            con.execute(
                f"insert into {source}.observations values (?, 'code', ?, ?, ?, ?, ?, ?, 'sha', ?, 'run')",
                [series_id, period, value, unit, moment, basis, source, moment],
            )
        for payload, value, landed_at in TIED:
            con.execute(
                "insert into cboe.observations values"
                " ('vix_close', 'code', ?, ?, 'Index', ?, 'captured', 'cboe', ?, ?, '')",
                [TIED_DAY, value, TIED_AT, payload, landed_at],
            )
            con.execute(
                "insert into yahoo.prices by name select 'X' as ticker, ? as session_date, ? as close_usd,"
                " ? as known_at, 'captured' as known_basis, 'yahoo' as provider, ? as payload_sha256, ? as loaded_at,"
                " '' as run_id",
                [TIED_DAY, value, TIED_AT, payload, TIED_AT],
            )
    results = dbt(
        home.warehouse, "build", "--exclude-resource-type", "unit_test", "--exclude-resource-type", "exposure"
    )
    bad = [(result.node.name, result.message) for result in results if result.status not in ("success", "pass", "warn")]
    assert not bad
    with duckdb.connect(str(home.warehouse)) as con:
        keep_compiled(con, [one for result in results if (one := compiled(result.node))] + [*regime_relations()])
    publish(home, run_id="run", now=RUN_AT, origin="SIMULATED", code_version="0", keep=2)
    return home.published


@pytest.mark.parametrize(
    ("moment", "weeks"),
    [
        ("2026-01-22 21:29:59", {21: None}),  # only reverse repo is out: no week yet
        ("2026-01-22 21:30:00", {21: 5698.0}),
        ("2026-01-29 21:30:00", {21: 5698.0, 28: 5699.0}),
        ("2026-01-29 23:00:00", {21: 5703.0, 28: 5699.0}),
        ("2026-02-03 12:00:00", {21: 5703.0, 28: None}),  # withdrawn: the older value does not revive
        ("2026-02-04 12:00:00", {21: 5703.0, 28: 5700.0}),
    ],
)
def test_the_weeks_as_they_stood(published: Path, moment: str, weeks: dict[int, float | None]):
    with duckdb.connect(str(published), read_only=True) as con:
        found = con.execute(
            f"select day(week_date), net_liquidity_usd_bn from marts.net_liquidity_weekly_as_of(timestamp '{moment}')"
        ).fetchall()
        con.execute(f"set variable as_of = '{moment}'")
        at = con.execute("select day(week_date), net_liquidity_usd_bn from marts.net_liquidity_weekly_at").fetchall()
    assert dict(found) == dict(at) == {week: value for week, value in weeks.items() if moment >= "2026-01-22 21:30"}


@pytest.mark.parametrize("mart", ["net_liquidity_weekly", "net_liquidity_daily", "observations", "revisions", "series"])
def test_a_moment_with_a_zone_is_that_instant_and_none_is_the_newest(published: Path, mart: str):
    """The print of 16:30 in New York, 21:30 UTC, in marts that are computed anew and in those whose rows are kept."""
    told = f"select hash(list(m order by m)), count(*) from marts.{mart}_as_of({{}}) as m"
    with duckdb.connect(str(published), read_only=True) as con:
        expected = con.execute(told.format("timestamp '2026-01-29 21:30:00'")).fetchone()
        before = con.execute(told.format("timestamp '2026-01-29 21:29:00'")).fetchone()
        for moment in (
            "marts.new_york('2026-01-29 16:30')",
            "'2026-01-29 16:30 America/New_York'",
            "'2026-01-29 16:30-05'",
            "'2026-01-29T21:30Z'",
            "timestamptz '2026-01-29 16:30:00-05'",
        ):
            assert con.execute(told.format(moment)).fetchone() == expected, moment
        assert con.execute(told.format("'2026-01-29 16:29 America/New_York'")).fetchone() == before
        con.execute("set variable as_of = null")
        newest, all_rows = (
            con.execute(f"select hash(list(m order by m)), count(*) from marts.{name} as m").fetchone()
            for name in (f"{mart}_at", mart)
        )
        assert newest == all_rows


def test_the_session_row_follows_the_revision_and_sessions_end_with_the_last_close(published: Path):
    query = (
        "select max(session_date), arg_max(fed_total_assets_usd_bn, session_date) from marts.{}_as_of(timestamp '{}')"
    )
    with duckdb.connect(str(published), read_only=True) as con:
        before, after = (
            con.execute(query.format("net_liquidity_daily", moment)).fetchone()
            for moment in ("2026-01-27 20:59:59", "2026-01-29 23:00:00")
        )
        wednesday = con.execute(
            "select fed_total_assets_usd_bn from marts.net_liquidity_daily_as_of(timestamp '2026-01-29 23:00')"
            " where session_date = '2026-01-26'"
        ).fetchone()
    assert before == (date(2026, 1, 26), 6600.0)
    assert after == (date(2026, 1, 29), 6610.0)
    assert wednesday == (6605.0,)


def test_revisions_as_they_stood(published: Path):
    query = (
        "select day(period_date), latest_print_number, changes_count, is_withdrawn from marts.{}"
        " where series_id = 'fed_total_assets' order by 1"
    )
    with duckdb.connect(str(published), read_only=True) as con:
        assert con.execute(query.format("revisions")).fetchall() == [(21, 6605.0, 1, False), (28, 6611.0, 2, False)]
        withdrawn = con.execute(query.format("revisions_as_of(timestamp '2026-02-03 12:00')")).fetchall()
        assert withdrawn == [(21, 6605.0, 1, False), (28, None, 1, True)]
        assert con.execute(query.format("revisions_as_of(timestamp '2026-01-29 22:00')")).fetchall() == []


def test_the_newest_value_of_each_period_as_it_stood(published: Path):
    """One row a period, however often it was printed; one that was withdrawn is not there, and does not revive."""
    query = "select day(period_date), value from marts.{} where series_id = 'fed_total_assets' order by 1"
    with duckdb.connect(str(published), read_only=True) as con:
        assert con.execute(query.format("observations_latest")).fetchall() == [(21, 6605.0), (28, 6611.0)]
        withdrawn = con.execute(query.format("observations_latest_as_of(timestamp '2026-02-03 12:00')")).fetchall()
        vintages = con.execute(query.format("observations")).fetchall()
    assert withdrawn == [(21, 6605.0)]
    assert len(vintages) == 5


@pytest.mark.parametrize(
    "query",
    [
        "vix_index from marts.volatility_daily{} where session_date = $day",
        "vix_index from marts.market_daily{} where session_date = $day",
        "vix_index from marts.market_known_daily{} where session_date = $day",
        "value from marts.observations_latest{} where series_id = 'vix_close'",
        "latest_print_number from marts.revisions{} where series_id = 'vix_close'",
        "close_usd from marts.prices_daily{} where ticker = 'X'",
    ],
)
def test_vintages_of_one_moment_are_resolved_alike_in_every_mart_and_at_every_moment(published: Path, query: str):
    with duckdb.connect(str(published), read_only=True) as con:
        for then in ("", "_as_of(timestamp '2026-01-29 15:00')"):
            day = {"day": TIED_DAY} if "$day" in query else {}
            assert con.execute(f"select {query.format(then)}", day).fetchall() == [(16.0,)], then
    build = published.parents[1] / "build" / "warehouse.duckdb"
    with duckdb.connect(str(build)) as con:
        assert con.execute("select value from cboe.observations_latest").fetchall() == [(16.0,)]
        assert con.execute("select close_usd from yahoo.prices_latest").fetchall() == [(16.0,)]


def test_series_as_they_stood(published: Path):
    query = "select last_period_date, periods_count, title from marts.{} where series_id = 'fed_total_assets'"
    with duckdb.connect(str(published), read_only=True) as con:
        now = con.execute(query.format("series")).fetchone()
        then = con.execute(query.format("series_as_of(timestamp '2026-01-23')")).fetchone()
    assert now is not None
    assert then is not None
    assert (now[:2], then[:2]) == ((date(2026, 1, 28), 2), (date(2026, 1, 21), 1))
    assert now[2] == then[2]


def test_prices_are_adjusted_for_the_splits_known_by_then(tmp_path: Path, published: Path):
    """Four for one on 02-04, known on 02-03, and a dividend of 1 % on 02-05, against the rows of 02-02 to 02-05."""
    with duckdb.connect(str(published), read_only=True) as con:
        columns = con.execute(
            "select column_name, data_type from duckdb_columns()"
            " where table_name = 'prices_daily' order by column_index"
        ).fetchall()
        text = con.execute(
            "select macro_definition from duckdb_functions() where function_name = 'prices_daily_as_of'"
        ).fetchone()
    assert text is not None
    rows = [  # day, close, split factor, basis known at, split adjusted, dividend adjusted
        (2, 400.0, 4.0, "2026-02-03", 100.0, 99.0),
        (3, 404.0, 4.0, "2026-02-03", 101.0, 99.99),
        (4, 102.0, 1.0, None, 102.0, 100.98),
        (5, 103.0, 1.0, None, 103.0, 103.0),
    ]
    with duckdb.connect() as con:
        con.execute("create schema marts; create schema meta")
        con.execute(f"attach '{published}' as file (read_only); create table meta.build as from file.meta.build")
        con.execute(f"create table marts.prices_daily ({', '.join(f'{name} {kind}' for name, kind in columns)})")
        for day, close, factor, basis, split_adjusted, dividend_adjusted in rows:
            con.execute(
                "insert into marts.prices_daily by name select ?::date as session_date, 'X' as ticker, ? as close_usd,"
                " 100 as volume_shares, ? as split_factor_ratio, ? as close_split_adjusted_usd,"
                " 100 * split_factor_ratio as volume_split_adjusted_shares, ? as close_dividend_adjusted_usd,"
                " ?::timestamp as known_at, ?::timestamp as basis_known_at",
                [
                    date(2026, 2, day),
                    close,
                    factor,
                    split_adjusted,
                    dividend_adjusted,
                    datetime(2026, 2, day, 22),
                    basis,
                ],
            )
        con.execute(f"create macro as_of(ts) as table {text[0]}")

        def at(moment: str) -> list[tuple[Any, ...]]:
            return con.execute(
                "select day(session_date), split_factor_ratio, close_split_adjusted_usd, volume_split_adjusted_shares,"
                f" close_dividend_adjusted_usd from as_of(timestamp '{moment}') order by 1"
            ).fetchall()

        assert at("2026-02-02 23:00") == [(2, 1.0, 400.0, 100.0, 400.0)]
        assert at("2026-02-03 23:00") == [(2, 4.0, 100.0, 400.0, 100.0), (3, 4.0, 101.0, 400.0, 101.0)]
        assert at("2026-02-04 23:00")[2] == (4, 1.0, 102.0, 100.0, 102.0)
        assert at("2026-02-05 23:00") == [
            (2, 4.0, 100.0, 400.0, 99.0),
            (3, 4.0, 101.0, 400.0, 99.99),
            (4, 1.0, 102.0, 100.0, 100.98),
            (5, 1.0, 103.0, 100.0, 103.0),
        ]

        con.execute(
            "update marts.prices_daily set return_ratio = 0.01, total_return_ratio = 0.02,"
            " return_known_at = timestamp '2026-02-05 12:00' where session_date = date '2026-02-04'"
        )

        def returns(moment: str) -> tuple[Any, ...] | None:
            return con.execute(
                "select return_ratio, total_return_ratio, return_known_at"
                f" from as_of(timestamp '{moment}') where session_date = date '2026-02-04'"
            ).fetchone()

        assert returns("2026-02-04 23:00") == (None, None, None), "the close before was restated on the day after"
        assert returns("2026-02-05 23:00") == (0.01, 0.02, datetime(2026, 2, 5, 12))


@pytest.fixture
def stored() -> Iterator[Callable[..., duckdb.DuckDBPyConnection]]:
    """Return put(table, rows): a table of a file; of the last one the select of its macro stands beside it as m(ts)."""
    with duckdb.connect() as con:
        con.execute("create schema marts")
        keep_compiled(con, regime_relations())
        tables: list[DeclaredTable] = []

        def put(table: DeclaredTable, rows: Sequence[dict[str, Any]], macro: bool = True) -> duckdb.DuckDBPyConnection:
            tables.append(table)
            con.execute(f"create table {table.path} ({', '.join(f'{name} {kind}' for name, kind, _ in table.columns)})")
            for row in rows:
                listed = ", ".join(f"${name} as {name}" for name in row)
                con.execute(f"insert into {table.path} by name select {listed}", row)
            if macro:
                selects = {query.mart: query.select for query in as_of_queries(con, tables)}
                con.execute(f"create macro m(ts) as table {selects[table.name]}")
            return con

        yield put


def test_an_episode_that_runs_then_has_no_end(stored: Any):
    days = [date(2026, 2, day) for day in (2, 3, 4, 5, 6)]
    known = [datetime(2026, 2, day, 14, 15) for day in (3, 4, 5, 6, 9)]
    sessions = [{"session_date": day, "cutoff_at": moment} for day, moment in zip(days, known, strict=True)]
    regime_daily = DeclaredTable(
        "marts", "regime_daily", None, (("session_date", "date", None), ("cutoff_at", "timestamp", None))
    )
    stored(regime_daily, sessions, macro=False)
    first = {
        "dimension": "credit",
        "episode_number": 1,
        "state": "normal",
        "began_date": days[0],
        "ended_date": days[2],
    }
    first |= {"began_known_at": known[0], "ended_known_at": known[3], "sessions_count": 3, "calendar_days": 3}
    first |= {"came_from_state": None, "went_to_state": "stress", "is_running": False}
    second = first | {"episode_number": 2, "state": "stress", "began_date": days[3], "ended_date": None}
    second |= {"began_known_at": known[3], "ended_known_at": None, "sessions_count": 2, "calendar_days": 2}
    second |= {"came_from_state": "normal", "went_to_state": None, "is_running": True}
    con = stored(EPISODES, [first, second])
    shown = (
        "select ended_date, sessions_count, calendar_days, went_to_state, is_running from m(?) order by episode_number"
    )
    assert con.execute("from m(?)", [known[4]]).fetchall() == con.execute("from marts.regime_episodes").fetchall()
    assert con.execute(shown, [known[3]]).fetchall() == [(days[2], 3, 3, "stress", False), (None, 1, 1, None, True)]
    assert con.execute(shown, [known[1]]).fetchall() == [(None, 2, 2, None, True)]
    assert con.execute(shown, [datetime(2026, 2, 3, 14, 14)]).fetchall() == []


def test_returns_show_when_their_last_close_is_known(stored: Any):
    observations = DeclaredTable(
        "marts",
        "observations",
        None,
        (
            ("series_id", "varchar", None),
            ("period_date", "date", None),
            ("value", "double", None),
            ("known_at", "timestamp", None),
        ),
    )
    closes = [(date(2026, 2, day), datetime(2026, 2, day, 22)) for day in (3, 4, 5, 6, 9)]
    stored(
        observations,
        [{"series_id": "sp500_close", "period_date": day, "value": 1.0, "known_at": known} for day, known in closes],
        macro=False,
    )
    prices = DeclaredTable(
        "marts",
        "prices_daily",
        None,
        (("ticker", "varchar", None), ("session_date", "date", None), ("known_at", "timestamp", None)),
    )
    fund = [{"ticker": "SPY", "session_date": day, "known_at": known + timedelta(hours=1)} for day, known in closes]
    stored(prices, fund, macro=False)
    row = {"session_date": date(2026, 2, 2), "cutoff_at": datetime(2026, 2, 3, 14, 15), "entry_date": date(2026, 2, 3)}
    row |= {"entry_open_index": 100.0, "exit_5d_date": date(2026, 2, 9), "return_5d_ratio": 0.01}
    row |= {"entry_basis": "open", "entry_close_index": 101.0, "close_exit_5d_date": date(2026, 2, 9)}
    row |= {"close_return_5d_ratio": 0.03, "close_max_adverse_5d_ratio": 0.0, "total_return_5d_ratio": 0.04}
    row |= {"return_252d_reason": "pending"}
    con = stored(FORWARD_RETURNS, [row | {"max_adverse_5d_ratio": -0.02, "exit_21d_date": date(2026, 3, 4)}])
    shown = "select entry_open_index, exit_5d_date, return_5d_ratio, max_adverse_5d_ratio, return_21d_ratio from m(?)"
    assert con.execute(shown, [datetime(2026, 2, 3, 14, 14)]).fetchall() == []
    assert con.execute(shown, [datetime(2026, 2, 3, 14, 15)]).fetchall() == [(None, date(2026, 2, 9), None, None, None)]
    assert con.execute(shown, [datetime(2026, 2, 9, 21)]).fetchall() == [(100.0, date(2026, 2, 9), None, None, None)]
    assert con.execute(shown, [datetime(2026, 2, 9, 22)]).fetchall() == [(100.0, date(2026, 2, 9), 0.01, -0.02, None)]
    others = (
        "select entry_basis, entry_close_index, close_return_5d_ratio, close_max_adverse_5d_ratio,"
        " total_return_5d_ratio, return_5d_reason, total_return_5d_reason, return_252d_reason from m(?)"
    )
    pending = "pending"
    at_open = [(None, None, None, None, None, pending, pending, pending)]
    assert con.execute(others, [datetime(2026, 2, 3, 14, 15)]).fetchall() == at_open
    by_close = [("open", 101.0, 0.03, 0.0, None, None, pending, pending)]
    assert con.execute(others, [datetime(2026, 2, 9, 22)]).fetchall() == by_close
    with_fund = [("open", 101.0, 0.03, 0.0, 0.04, None, None, pending)]
    assert con.execute(others, [datetime(2026, 2, 9, 23)]).fetchall() == with_fund
