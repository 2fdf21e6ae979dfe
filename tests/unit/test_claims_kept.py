"""Claims whose inputs have not changed are left, and what is left is what a new test gives."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta

import duckdb
import numpy as np
import polars as pl
import pytest

from analytics.claims import tables
from analytics.claims.definition import Claim
from analytics.claims.kept import TABLE, keep
from analytics.claims.tables import CLAIM_TABLES, Written, build_tables, check_tables
from analytics.claims.verdicts import benjamini_hochberg
from analytics.regimes.forward_returns import forward_returns
from warehouse.own_tables import bring_up, own_table

COUNT = 300
NOW = datetime(2021, 6, 1, 14)


def claim(claim_id: str, condition: str, **more: object) -> Claim:
    return Claim.model_validate(
        {
            "id": claim_id,
            "text": {"en": "A claim of some kind.", "zh": "某个说法。"},
            "source": "user",
            "condition": condition,
            "horizons": [5],
            "outcomes": [{"kind": "return", "claimed": "up"}],
            **more,
        }
    )


CLAIMS = [
    claim("C-A-01", "vix_index > level", parameters={"level": {"value": 25}}),
    claim("C-A-02", "hy_oas_bp > 400"),
    claim("C-A-03", "hy_oas_bp > 420", outcomes=[{"kind": "relative_return", "claimed": "up", "of": "IWM"}]),
    claim("C-A-04", "hy_oas_bp > 430", outcomes=[{"kind": "change", "claimed": "up", "of": "vix_index"}]),
    claim("C-A-05", "hy_oas_bp > 410", horizons=[30], outcomes=[{"kind": "dovish_event", "claimed": "up"}]),
    claim("C-A-06", "nothing_index > 1"),
    claim(
        "C-A-07",
        "otherwise(pattern_began, fund_close_usd * 0) == 1",
        panel={"mart": "sector_patterns", "column": "ticker", "leave_out": ["MSFT"]},
        outcomes=[{"kind": "relative_return", "claimed": "up", "of": "each", "against": "SPY"}],
        regressions=[{"name": "vix", "kind": "slope", "of": "vix_index", "horizon": 5, "text": "Returns on the VIX."}],
    ),
]


@pytest.fixture
def con(monkeypatch: pytest.MonkeyPatch) -> Iterator[duckdb.DuckDBPyConnection]:
    """A build file with as much of the marts as those claims read: a made-up year."""
    monkeypatch.setattr(tables, "Evidence", lambda _: None)
    for rows_of in ("fact_rows", "prediction_rows"):  # made anew in each run, of hundreds of series
        monkeypatch.setattr(tables, rows_of, lambda _: [])
    draw = np.random.default_rng(3)
    days = [date(2020, 1, 1) + timedelta(days=place) for place in range(COUNT + 1)]
    close = 100 * np.exp(np.cumsum(draw.normal(0, 0.01, COUNT)))
    sessions = pl.DataFrame(
        {
            "session_date": days,
            "open_at": [datetime.combine(one, time(14, 30)) for one in days],
            "session_seq": range(COUNT + 1),
        }
    )
    rows = pl.DataFrame(
        {
            "session_date": days[:COUNT],
            "cutoff_at": [datetime.combine(one + timedelta(days=1), time(14, 15)) for one in days[:COUNT]],
            "vix_index": draw.uniform(10, 35, COUNT).round(2),
            "vix_obs_date": days[:COUNT],
            "hy_oas_bp": draw.uniform(300, 500, COUNT).round(0),
            "hy_oas_obs_date": days[:COUNT],
            "sp500_close_index": close,
            "sp500_obs_date": days[:COUNT],
            "latest_only_inputs": [None] * COUNT,
            "data_origin": ["SIMULATED"] * COUNT,
        },
        schema_overrides={"latest_only_inputs": pl.String},
    )
    index = rows.select("session_date", open="sp500_close_index", low="sp500_close_index", close="sp500_close_index")
    priced = index.with_columns(total="close", dividend=pl.lit(0.0))
    returns = forward_returns(rows, sessions, priced)
    patterns = pl.DataFrame(
        {"ticker": ["XLK", "XLF", "MSFT", "XLK", "GONE"], "event_date": [days[at] for at in (50, 52, 52, 120, 60)]}
    ).with_columns(known_at=pl.col("event_date").cast(pl.Datetime("us")) + timedelta(hours=21))
    fund = index.join(pl.DataFrame({"ticker": ["IWM", "SPY", "XLK", "XLF"]}), how="cross").select(
        "session_date",
        "ticker",
        known_at=pl.col("session_date").cast(pl.Datetime("us")) + timedelta(hours=21),
        open_usd="close",
        low_usd="close",
        close_usd=pl.col("close") * 1.1,
        close_split_adjusted_usd=pl.col("close") * 1.1,
        close_dividend_adjusted_usd=pl.col("close") * 1.1,
        dividend_usd=pl.lit(0.0),
    )
    with duckdb.connect() as con:
        con.execute("set TimeZone = 'UTC'; create schema marts")
        made = {"market_known_daily": rows, "market_daily": rows, "sessions": sessions, "prices_daily": fund}
        made["sector_patterns"] = patterns
        for name, frame in {**made, "forward_returns_daily": returns}.items():
            con.register("a_frame", frame)
            con.execute(f"create table marts.{name} as from a_frame")
        con.execute(
            "create table marts.policy_events"
            " (event_date date, is_dovish boolean, change_bp double, known_at timestamp);"
            "insert into marts.policy_events values ('2020-03-15', true, -100, '2020-03-15 22:00');"
        )
        for name in ("claim.definitions", TABLE):
            bring_up(con, own_table(name))
        yield con


def build(con: duckdb.DuckDBPyConnection, claims: Sequence[Claim] = CLAIMS, *, test_all: str | None = None) -> Written:
    """Do what a run does."""
    tested = build_tables(con, claims, now=NOW, run_id="a_run", test_all=test_all)
    assert all(one.passed for one in check_tables(con))
    keep(con, tested.marks, now=NOW, run_id="a_run")
    return tested


def contents(con: duckdb.DuckDBPyConnection) -> dict[str, list[tuple]]:
    return {table.path: con.execute(f"from {table.path} order by all").fetchall() for table in CLAIM_TABLES}


def retested(con: duckdb.DuckDBPyConnection, claims: Sequence[Claim]) -> set[str]:
    """Return which claims a run tests."""
    written = build(con, claims)
    return set(written.marks) - set(written.left)


def test_only_what_is_fed_is_retested(con: duckdb.DuckDBPyConnection):
    assert build(con).left == []
    assert len(con.execute("from claims.results where parameter_set = 'headline'").fetchall()) == 6
    before = contents(con)
    assert retested(con, CLAIMS) == set()
    assert contents(con) == before
    for statement, claims in (
        (
            "update marts.market_known_daily set vix_index = 34 where session_date = '2020-05-05'",
            {"C-A-01", "C-A-04", "C-A-07"},
        ),
        (
            "update marts.prices_daily set close_usd = 9 where ticker = 'IWM' and session_date = '2020-05-05'",
            {"C-A-03"},
        ),
        (
            "update marts.prices_daily set close_usd = 9 where ticker = 'XLF' and session_date = '2020-05-05'",
            {"C-A-07"},
        ),
        ("insert into marts.policy_events values ('2020-07-01', true, 0, '2020-07-01 18:00')", {"C-A-05"}),
        (
            "alter table marts.market_known_daily add column nothing_index double;"
            " alter table marts.market_known_daily add column nothing_obs_date date",
            {"C-A-06"},
        ),
    ):
        con.execute(statement)
        assert retested(con, CLAIMS) == claims, statement
    found = contents(con)
    assert found != before
    assert build(con, test_all="a full build").left == []
    assert contents(con) == found


def test_a_panel_is_many_funds_in_one_claim(con: duckdb.DuckDBPyConnection):
    build(con, CLAIMS[6:])
    events = con.execute("select ticker, session_date, is_headline from claims.events order by 2, 1").fetchall()
    # MSFT is left out, and of GONE there are no prices
    assert events == [
        ("XLK", date(2020, 2, 20), True),
        ("XLF", date(2020, 2, 22), True),
        ("XLK", date(2020, 4, 30), True),
    ]
    row = con.execute("select n_events_raw, event_dates, n_sessions from claims.results").fetchone()
    assert row == (3, "2020-02-20 XLK, 2020-02-22 XLF, 2020-04-30 XLK", 2 * COUNT)
    held = con.execute("select session_date from claims.conditions_daily where is_true order by 1").fetchall()
    assert [day for (day,) in held] == [day for _, day, _ in events]
    assert con.execute("select kind, n_pairs from claims.regressions").fetchall() == [("slope", COUNT - 5)]


def test_what_ends_after_the_last_session_is_pending_though_its_close_is_there(con: duckdb.DuckDBPyConnection):
    last = date(2020, 1, 1) + timedelta(days=COUNT - 1)
    priced = "select return_5d_ratio is not null from marts.forward_returns_daily where exit_5d_date = ?"
    assert con.execute(priced, [last]).fetchall() == [(True,)]
    con.execute("delete from marts.market_known_daily where session_date = ?", [last])  # before its cut-off
    build(con, [claim("C-A-08", "session_month >= 1", starts=last - timedelta(days=5))])
    query = "select session_date, state, exit_date, outcome_number, outcome_known_at from claims.events"
    assert con.execute(query).fetchall() == [(last - timedelta(days=5), "pending", last, None, None)]


def test_from_close_to_close_a_holding_ends_a_session_later(con: duckdb.DuckDBPyConnection):
    """Five sessions after day 0 run from the open of day 1 to the close of day 5, from the close of day 1 to that of 6.

    The newest day has its close and not yet its cut-off: what ends there is not known.
    """
    newest = date(2020, 1, 1) + timedelta(days=COUNT - 1)
    con.execute("delete from marts.market_known_daily where session_date = ?", [newest])
    first, second = newest - timedelta(days=7), newest - timedelta(days=6)
    build(con, [claim(f"C-A-1{at}", "session_month >= 1", starts=day) for at, day in enumerate((first, second))])
    closes = dict(con.execute("select session_date, sp500_close_index from marts.market_daily").fetchall())
    held = "select close_return_5d_ratio is not null from marts.forward_returns_daily where session_date = ?"
    assert con.execute(held, [second]).fetchall() == [(True,)]
    rows = con.execute(
        "select session_date, state, exit_date, outcome_number is not null, close_outcome_number"
        " from claims.events order by 1"
    ).fetchall()
    from_close = round(closes[newest - timedelta(days=1)] / closes[newest - timedelta(days=6)] - 1, 8)
    assert rows == [
        (first, "complete", newest - timedelta(days=2), True, from_close),
        (second, "complete", newest - timedelta(days=1), True, None),
    ]


def test_what_only_a_placebo_reads_is_no_reason(con: duckdb.DuckDBPyConnection):
    day = date(2020, 5, 5)
    con.execute("update marts.market_known_daily set vix_index = null, hy_oas_bp = null where session_date = ?", [day])
    build(con, [claim("C-A-09", "hy_oas_bp > 400", placebos=[{"name": "other", "condition": "vix_index > 20"}])])
    query = "select session_date, reason_text from claims.conditions_daily where is_true is null"
    assert con.execute(query).fetchall() == [(day, "unknown at the cut-off: hy_oas_bp")]


def test_a_new_definition_or_wording_is_tested(con: duckdb.DuckDBPyConnection):
    build(con, CLAIMS[:2])
    words = CLAIMS[0].text.model_copy(update={"en": "In other words."})
    for change in ({"cooldown_sessions": 30}, {"text": words}):
        assert retested(con, [CLAIMS[0], CLAIMS[1].model_copy(update=change)]) == {"C-A-02"}


def test_a_new_session_tests_all(con: duckdb.DuckDBPyConnection):
    build(con, CLAIMS[:2])
    con.execute(
        "insert into marts.market_known_daily by name select * replace (session_date + 1 as session_date,"
        " cutoff_at + interval 1 day as cutoff_at) from marts.market_known_daily order by session_date desc limit 1"
    )
    assert build(con, CLAIMS[:2]).left == []


def test_the_correction_is_made_over_what_is_left_too(con: duckdb.DuckDBPyConnection):
    query = "select p_shift, q_value from claims.results where parameter_set = 'headline' order by claim_id desc"
    build(con, CLAIMS[1:3])
    two = con.execute(query).fetchall()
    assert build(con, CLAIMS[:5]).left == [one.id for one in CLAIMS[1:3]]
    five = con.execute(query).fetchall()
    assert [q for _, q in five] == benjamini_hochberg([p for p, _ in five])
    assert [p for p, _ in five[2:4]] == [p for p, _ in two]
    assert [q for _, q in five[2:4]] != [q for _, q in two]


def test_the_draw_finds_a_claim_that_is_not_what_a_new_test_gives(con: duckdb.DuckDBPyConnection):
    claims = CLAIMS[:1]
    assert build(con, claims).draw.detail == "every claim was tested in this run"
    assert build(con, claims).draw.passed
    for statement in (
        "update claims.results set lower_quartile = lower_quartile / 2",
        "update claims.conditions_daily set is_true = not is_true where session_date = '2020-03-03'",
        "delete from claims.events where session_date = (select max(session_date) from claims.events)",
    ):
        con.begin()
        con.execute(statement)
        draw = build_tables(con, claims, now=NOW, run_id="a_run").draw
        con.rollback()
        assert not draw.passed
        assert "C-A-01, left as it was" in draw.detail


def test_a_run_that_did_not_end_well_leaves_nothing_to_the_next(con: duckdb.DuckDBPyConnection):
    build(con, CLAIMS[:1])
    build_tables(con, CLAIMS[:1], now=NOW, run_id="a_run")  # no word that its checks passed
    assert build(con, CLAIMS[:1]).left == []
