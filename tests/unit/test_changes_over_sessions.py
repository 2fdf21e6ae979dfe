"""Returns of funds that did not trade on the session n back: since the newest close at most 5 days older, by hand.

Sessions are the weekdays from 2025-01-06 on: the first is a Monday, each fifth after it too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date

import duckdb
import pytest

from tests.models import model_sql

RELATIONS = {
    name: name
    for name in (
        *("prices_daily", "sessions", "etf_flows_daily", "credit_daily", "liquidity_conditions_daily"),
        "int_observations_latest",
    )
}


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as con:
        con.execute(
            """
            create table sessions as
                select day::date as session_date, row_number() over (order by day) as session_seq
                from range(timestamp '2025-01-06', timestamp '2025-07-01', interval 1 day) as t(day)
                where isodow(day) < 6;
            create table prices_daily (ticker varchar, session_date date, known_at timestamp, split_factor_ratio double,
                open_usd double, high_usd double, low_usd double, close_split_adjusted_usd double,
                volume_split_adjusted_shares double, close_dividend_adjusted_usd double);
            create table etf_flows_daily (ticker varchar, session_date date, flow_pct double,
                flow_settled_at timestamp);
            create table credit_daily (session_date date, ig_oas_bp double, ig_oas_known_at timestamp);
            create table liquidity_conditions_daily (session_date date, spy_amihud_21d_bp_per_usd_bn double,
                spy_corwin_schultz_21d_bp double, known_at timestamp);
            create table int_observations_latest (series_id varchar, period_date date, value double,
                known_at timestamp);
            """
        )
        yield con


def priced(con: duckdb.DuckDBPyConnection, ticker: str, closes: Mapping[int, float]) -> None:
    """Add closes by the number of their session: those of all others are missing."""
    for seq, close in closes.items():
        con.execute(
            "insert into prices_daily select $ticker, session_date, session_date + interval 23 hour, 1.0, $close,"
            " $close, $close, $close, 1000.0, $close from sessions where session_seq = $seq",
            {"ticker": ticker, "close": close, "seq": seq},
        )


def proxies(con: duckdb.DuckDBPyConnection, proxy: str) -> dict[date, float]:
    rows = con.execute(
        f"select session_date, value from ({model_sql('public_proxies_daily', RELATIONS)}) where proxy_id = $1", [proxy]
    )
    return dict(rows.fetchall())


def test_a_proxy_goes_on_where_a_fund_did_not_trade_63_sessions_back(con: duckdb.DuckDBPyConnection) -> None:
    """HYG always closes at 100. BIZD has 80 on Friday 10 January (5) and not on Monday and Tuesday after (6, 7): 63
    sessions later, on 10 and 11 April (69, 70), it is 88 and 84, up 10 and 5 % on that Friday.
    """
    priced(con, "HYG", dict.fromkeys(range(1, 80), 100.0))
    priced(con, "BIZD", {5: 80.0, 69: 88.0, 70: 84.0})
    assert proxies(con, "bizd_hyg_return_63d") == {date(2025, 4, 10): 10.0, date(2025, 4, 11): 5.0}


def test_a_close_more_than_five_days_older_is_no_base(con: duckdb.DuckDBPyConnection) -> None:
    """LQD has 100 on Monday 6 January (1) and no other close before the 16th."""
    priced(con, "IEF", dict.fromkeys(range(1, 20), 100.0))
    priced(con, "LQD", {1: 100.0, 9: 101.0, 10: 102.0, 11: 103.0})
    # 5 back from 9, 10 and 11: Thursday 9, Friday 10 and Monday 13 January, 3, 4 and 7 days after the close
    assert proxies(con, "lqd_hedged_return_5d") == {date(2025, 1, 16): 1.0, date(2025, 1, 17): 2.0}


def test_a_sector_fund_goes_on_where_it_did_not_trade(con: duckdb.DuckDBPyConnection) -> None:
    """XLK has 100 on Monday (1) and 103 on Wednesday (3): 3 % over the session, as Tuesday has no close. 21 sessions
    after that Tuesday, on 5 February (23), it is 110: 10 % on Monday's close.
    """
    priced(con, "XLK", {1: 100.0, 3: 103.0, 23: 110.0})
    rows = con.execute(
        "select session_date, return_1d_pct, return_21d_pct, gap_open_pct"
        f" from ({model_sql('sector_daily', RELATIONS)}) order by 1"
    ).fetchall()
    assert rows == [
        (date(2025, 1, 6), None, None, None),
        (date(2025, 1, 8), 3.0, None, None),
        (date(2025, 2, 5), None, 10.0, None),
    ]
