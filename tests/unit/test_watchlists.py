"""Watchlists: each item at each edge of its threshold, what was known at the cut-off, and why something is unknown."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any

import duckdb
import pytest

from analytics.regimes.thresholds import thresholds
from analytics.watchlists.declared import condition, items, read_watchlists, watchlists
from analytics.watchlists.reading import summary_sql
from analytics.watchlists.tables import WATCHLIST_DAILY, build_watchlists
from ingest.errors import ConfigError
from tests.unit.watchlist_world import cutoff, insert, watchlist_world

EDGES: Mapping[str, tuple[list[float], list[float]]] = {
    "five_layers.usdjpy": ([-3.0, -3.1], [-2.99]),
    "sentiment_framework.normal_vix": ([15.0, 25.0], [14.99, 25.01]),
    "sentiment_framework.normal_put_call": ([0.80, 1.20], [0.79, 1.21]),
    "sentiment_framework.normal_flows": ([-1.99, 1.99], [-2.0, 2.0]),
    "sentiment_framework.normal_breadth": ([50.0, 70.0], [49.9, 70.1]),
    "software_rebound.gamma_flip": ([0.01], [0.0, -0.01]),
    "software_rebound.call_wall": ([1.0, -2.0], [1.01]),
    "software_rebound.put_wall": ([-1.0, 2.0], [-1.01]),
    "crossroads.vvix_streak": ([5, 6], [4]),
    "crossroads.hy_oas_21d": ([50.0], [49.9]),
    "crossroads.ici_weeks_above_30bn": ([5], [4]),
    "crossroads.ici_weeks_above_40bn": ([4, 5], [3]),
    "crossroads.layoff_composite": ([1.0], [0.99]),
    "crossroads.layoff_inputs_rising": ([4], [3]),
    "crossroads.bankruptcies": ([25.0], [24.9]),
    "crossroads.cut_odds": ([-25.0, -25.1], [-24.9]),
    "crossroads.card_delinquency": ([9.87], [9.86]),
    "late_cycle_top.fund_manager_cash": ([4.0, 3.7], [4.1]),
    "late_cycle_top.leveraged_funds": ([80.1], [80.0]),
    "late_cycle_top.ten_largest": ([38.7], [38.6]),
    "late_cycle_top.spreads_widen": ([25.0], [24.9]),
    "late_cycle_top.fund_cost_basis": ([-0.1], [0.0, 0.1]),
    "late_cycle_top.crypto_mood": ([18, 5], [19]),
}
"""Of each item with a threshold: values at which it holds, and at which it does not."""

EXITS: Mapping[str, tuple[str, str]] = {
    "five_layers.sofr": ("funding", "after {sessions} sessions <= {bound:g}|after {sessions} <= {bound:g}"),
    "five_layers.move": ("rates_volatility", "after {sessions} sessions < {bound:g}|after {sessions} < {bound:g}"),
    "five_layers.carry": ("carry", "until {sessions} sessions > {bound:g} %"),
}
"""Of each layer whose states outlast the bound at which they begin: its dimension, and how its threshold tells it."""

DAYS = [date(2026, 2, day) for day in (2, 3, 4, 5, 6)]


def test_every_threshold_is_tested_on_both_sides() -> None:
    assert {f"{name}.{item_name}" for name, item_name, item in items() if item.holds} == EDGES.keys()


@pytest.mark.parametrize("name", EXITS)
def test_the_threshold_of_a_layer_says_when_a_state_is_left(name: str) -> None:
    watchlist, _, item_name = name.partition(".")
    told = watchlists()[watchlist].items[item_name].threshold
    dimension, wordings = EXITS[name]
    exits = [line for line in thresholds() if (line.dimension, line.test) == (dimension, "exit")]
    assert exits
    for line in exits:
        assert any(one.format(sessions=line.exit_n, bound=line.limit) in told for one in wordings.split("|")), line


def test_the_threshold_of_the_vix_band_says_where_each_begins_and_when_it_is_left() -> None:
    told = watchlists()["crossroads"].items["vix_band"].threshold
    begins, _, leaves = told.partition("; ")
    of_vix = [line for line in thresholds() if line.dimension == "volatility" and line.measure == "vix"]
    bounds = {line.state: line.limit for line in of_vix if line.test == "enter"}
    numbers = {state: float(begins.partition(state)[2].split(",")[0].split()[-1]) for state in bounds}
    assert numbers == bounds
    exits = {(line.exit_n, bounds[line.state] - line.limit) for line in of_vix if line.test == "exit"}
    assert exits == {(2, 1.0)}
    assert leaves == "each left after 2 closes more than 1 below"


def test_the_threshold_of_net_liquidity_says_why_a_rise_may_be_no_easing() -> None:
    """Without the growth of emergency lending the layer is neither, however much net liquidity rose."""
    told = watchlists()["five_layers"].items["net_liquidity"].threshold
    (limit,) = (line.limit for line in thresholds() if line.state == "is_emergency_lending")
    assert f"up less than USD {limit:g} bn in 4 weeks, neither while that is not known" in told


@pytest.mark.parametrize("name", EDGES)
def test_edges(name: str) -> None:
    watchlist, _, item_name = name.partition(".")
    holds = watchlists()[watchlist].items[item_name].holds
    assert holds is not None
    inside, outside = EDGES[name]
    with duckdb.connect() as con:
        for value, expected in [*((one, True) for one in inside), *((one, False) for one in outside), (None, None)]:
            assert con.execute(f"select {condition(holds)} from (select ?::double as value)", [value]).fetchone() == (
                expected,
            ), value


def test_a_difference_of_printed_figures_meets_its_threshold() -> None:
    with duckdb.connect() as con:
        assert con.execute(f"select {condition('>= 0.3')} from (select 0.1::double + 0.2 as value)").fetchone() == (
            True,
        )
        assert con.execute(f"select {condition('<= -0.3')} from (select 0.1 - 0.4::double as value)").fetchone() == (
            True,
        )


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with watchlist_world(DAYS) as con:
        yield con


def found(con: duckdb.DuckDBPyConnection, item: str, day: date = DAYS[-1]) -> tuple[Any, ...]:
    """Return state, value and reason of an item, from lists that are built anew."""
    build_watchlists(con)
    return told(con, item, day)


def told(con: duckdb.DuckDBPyConnection, item: str, day: date = DAYS[-1]) -> tuple[Any, ...]:
    """Return the same of the lists as they stand."""
    row = con.execute(
        "select state, round(value, 4), reason from marts.watchlist_daily where item = ? and session_date = ?",
        [item, day],
    ).fetchone()
    assert row is not None
    return row


def test_every_item_has_a_row_on_every_session_and_says_why_it_is_unknown(con) -> None:
    build_watchlists(con)
    rows = con.execute("select item, reason from marts.watchlist_daily where session_date = ?", [DAYS[0]]).fetchall()
    assert len(rows) == len(list(items()))
    reasons = dict(rows)
    assert None not in reasons.values()
    assert reasons["fund_manager_cash"] == reasons["fund_cost_basis"] == "not supplied"
    assert reasons["move"] == reasons["ten_largest"] == "missing"


def test_an_item_whose_mart_is_not_there_is_not_yet_built(con) -> None:
    con.execute("drop table marts.dealer_gamma_daily")
    con.execute("alter table marts.concentration_daily drop column top10_weight_pct")
    con.execute("alter table marts.market_known_daily drop column fms_cash_pct")
    build_watchlists(con)
    rows = con.execute(
        "select distinct item from marts.watchlist_daily where reason = 'not yet built' order by 1"
    ).fetchall()
    assert [item for (item,) in rows] == ["call_wall", "fund_manager_cash", "gamma_flip", "put_wall", "ten_largest"]


def test_a_row_counts_from_the_cutoff_that_could_have_it_until_it_is_stale(con) -> None:
    """Known a second after the cut-off of the 3rd it is read on the 4th; four days after its own it is too old."""
    insert(
        con,
        "trend_levels_daily",
        session_date=date(2026, 2, 2),
        index_id="SPX",
        close_index=100,
        nearest_below_distance_pct=-1.0,
        known_at=datetime(2026, 2, 4, 14, 15, 1),
    )
    assert found(con, "trend_trigger", DAYS[1]) == ("unknown", None, "missing")
    assert told(con, "trend_trigger", DAYS[2]) == ("true", -1.0, None)
    assert told(con, "trend_trigger", DAYS[4]) == ("true", -1.0, None)
    con.execute("update marts.trend_levels_daily set session_date = '2026-02-01'")
    assert found(con, "trend_trigger", DAYS[4]) == ("unknown", None, "stale")
    assert told(con, "trend_trigger", DAYS[3]) == ("true", -1.0, None)


def test_an_older_period_that_comes_late_changes_nothing_and_a_gap_is_unknown(con) -> None:
    row = {"index_id": "SPX", "close_index": 100}
    insert(
        con,
        "trend_levels_daily",
        session_date=DAYS[1],
        nearest_below_distance_pct=-1.01,
        known_at=cutoff(DAYS[1]),
        **row,
    )
    insert(
        con,
        "trend_levels_daily",
        session_date=DAYS[0],
        nearest_below_distance_pct=-0.5,
        known_at=cutoff(DAYS[2]),
        **row,
    )
    assert found(con, "trend_trigger", DAYS[2]) == ("false", -1.01, None)
    insert(
        con,
        "trend_levels_daily",
        session_date=DAYS[2],
        nearest_below_distance_pct=None,
        known_at=cutoff(DAYS[2]),
        **row,
    )
    assert found(con, "trend_trigger", DAYS[2]) == ("none", None, None)
    con.execute("update marts.trend_levels_daily set close_index = null where session_date = ?", [DAYS[2]])
    assert found(con, "trend_trigger", DAYS[2]) == ("unknown", None, "missing")


def test_the_regime_row_gives_value_state_and_reason(con) -> None:
    entry = {"value": -0.0155, "obs_date": "2026-02-04", "known_at": "2026-02-05T21:30:00"}
    legs = {"panic_vix": {"1d": False, "5d": True}, "panic_flows": {"1d": None, "5d": None}}
    inputs = {
        "net_liquidity": {"nl_change_4w_ratio": entry},
        "volatility": {"vix_index": {**entry, "value": 21.77}},
        "etf_flows": {"flow_5d_zscore": {**entry, "value": -1.5}},
        "credit": {"hy_oas_change_21d_bp": {"reason": "warm-up", "obs_date": "2026-02-04"}},
    }
    con.execute(
        "update marts.regime_daily set inputs_json = ?, sentiment_legs_json = ?,"
        " dashboard_net_liquidity_layer = 'tightening',"
        " dashboard_credit_layer = 'unknown', volatility_state = 'normal',"
        " etf_flows_reason = 'coverage', is_vix_reset = false,"
        " dashboard_funding_layer = 'easing', liquidity_dashboard_state = 'mixed', sentiment_state = 'unknown'",
        [json.dumps(inputs), json.dumps(legs)],
    )
    assert found(con, "net_liquidity") == ("tightening", -1.55, None)
    assert told(con, "hy_oas") == ("unknown", None, "warm-up")
    assert told(con, "spreads_widen") == ("unknown", None, "warm-up")
    assert told(con, "sofr") == ("unknown", None, "missing")
    assert told(con, "panic_vix") == ("true", 21.77, None)
    assert told(con, "panic_flows") == ("unknown", None, "coverage")
    assert told(con, "vix_band") == ("normal", 21.77, None)
    assert told(con, "vix_reset") == ("false", 21.77, None)
    said = dict(
        con.execute(
            "select watchlist, state from marts.watchlist_summary_daily where session_date = ?", [DAYS[0]]
        ).fetchall()
    )
    assert said["five_layers"] == "mixed"
    assert said["sentiment_framework"] == "unknown"
    assert said["crossroads"] is None
    row = con.execute(
        "select items_count, on_count,"
        " unknown_count from marts.watchlist_summary_daily where watchlist = 'five_layers' limit 1"
    ).fetchone()
    assert row == (6, 1, 5)


def test_fund_managers_cash_as_known_and_stale(con) -> None:
    con.execute(
        "update marts.market_known_daily set fms_cash_pct = 4.0, fms_cash_obs_date = '2026-01-01',"
        " fms_cash_known_at = '2026-01-20'"
    )
    assert found(con, "fund_manager_cash") == ("true", 4.0, None)
    con.execute("update marts.market_known_daily set fms_cash_pct = null")
    assert found(con, "fund_manager_cash") == ("unknown", None, "stale")


# ---- what the selects compute ----------------------------------------------------------------------------------------


def price(con: duckdb.DuckDBPyConnection, ticker: str, day: date, close: float) -> None:
    insert(
        con,
        "prices_daily",
        ticker=ticker,
        session_date=day,
        close_split_adjusted_usd=close,
        known_at=datetime(2026, 2, day.day, 23),
    )


def test_a_stop_fall_is_active_until_it_is_broken(con) -> None:
    """Events at 80 and 79; the close below 80 ends it on the 5th,"
    " that below the low on the 6th. 78 is 2.5 % below 80."""
    insert(
        con,
        "sector_patterns",
        ticker="IGV",
        event_date=DAYS[1],
        anchor_close_usd=80,
        anchor_low_usd=79,
        invalidated_date=DAYS[3],
        below_low_date=DAYS[4],
    )
    for day, close in zip(DAYS, (81, 82, 84, 79.5, 78), strict=True):
        price(con, "IGV", day, close)
    build_watchlists(con)
    assert [told(con, "igv_stop_fall", day)[:2] for day in DAYS] == [
        ("none", None),
        ("active", 2.5),
        ("active", 5.0),
        ("invalidated", -0.625),
        ("invalidated", -2.5),
    ]
    assert [told(con, "igv_below_low", day)[0] for day in DAYS] == ["none", "false", "false", "false", "true"]
    con.execute(
        "update marts.sector_patterns set invalidated_date = null, below_low_date = null, expired_date = ?", [DAYS[2]]
    )
    build_watchlists(con)
    assert [told(con, "igv_stop_fall", day)[0] for day in DAYS] == ["none", "active", "expired", "expired", "expired"]


def test_a_leader_confirms_breaks_or_waits(con) -> None:
    for day in DAYS:
        price(con, "MSFT", day, 430.43)
    assert found(con, "leader_confirmation") == ("none", 0.1, None)
    insert(con, "sector_patterns", ticker="IGV", event_date=DAYS[4], anchor_close_usd=80, anchor_low_usd=79)
    assert found(con, "leader_confirmation") == ("waiting", 0.1, None)
    assert told(con, "leader_confirmation", DAYS[3])[0] == "none"
    con.execute("update marts.sector_patterns set leader_broken_date = ?", [DAYS[4]])
    assert found(con, "leader_confirmation")[0] == "broken"
    con.execute("update marts.sector_patterns set leader_confirmed_date = ?", [DAYS[4]])
    assert found(con, "leader_confirmation")[0] == "confirmed"


def test_gamma_of_the_newest_snapshot_of_a_session(con) -> None:
    """In the evening spot 7000 is below the turn at 7070 and 1 % below the wall above; the put wall lies 2 % below."""
    walls = {"call_wall_above_index": 7070, "put_wall_below_index": 6860}
    for hour, flip in ((14, 6900), (21, 7070)):
        moment = datetime(2026, 2, 5, hour, 20)
        told_at = {"session_date": DAYS[3], "snapshot_at": moment, "known_at": moment}
        insert(con, "dealer_gamma_daily", underlying="SPX", spot_index=7000, flip_index=flip, **told_at, **walls)
    assert found(con, "gamma_flip") == ("true", 1.0, None)
    assert told(con, "call_wall") == ("true", 1.0, None)
    assert told(con, "put_wall") == ("false", -2.0, None)
    assert told(con, "gamma_flip", DAYS[2]) == ("unknown", None, "missing")


def test_five_weeks_of_issuance(con) -> None:
    """44.5, 39.9, 39.7, 30.0 and 43.5 bn: one is not above 30, two are above 40."""
    for at, flow in enumerate((44_500, 39_900, 39_700, 30_000, 43_500)):
        week = date(2025, 12, 31) + timedelta(days=7 * at)
        insert(
            con,
            "etf_flows_weekly",
            week_end_date=week,
            category="total",
            ici_flow_usd_mn=flow,
            known_at=datetime(2026, 2, 2),
        )
    assert found(con, "ici_weeks_above_30bn") == ("false", 4.0, None)
    assert told(con, "ici_weeks_above_40bn") == ("false", 2.0, None)
    con.execute("update marts.etf_flows_weekly set ici_flow_usd_mn = ici_flow_usd_mn + 301")
    assert found(con, "ici_weeks_above_30bn") == ("true", 5.0, None)
    assert told(con, "ici_weeks_above_40bn") == ("true", 4.0, None)
    con.execute("update marts.etf_flows_weekly set ici_flow_usd_mn = null where week_end_date = '2026-01-14'")
    assert found(con, "ici_weeks_above_30bn") == ("unknown", None, "missing")


def test_layoffs_against_three_months_before(con) -> None:
    names = ("claims", "layoffs_rate", "permanent_losers", "challenger", "warn", "item_205")
    for month, composite, z in ((date(2025, 9, 1), -0.5, 0.0), (date(2025, 12, 1), 0.5, 1.0)):
        zs = {f"{name}_zscore": z if at < 4 else -z for at, name in enumerate(names)}
        insert(
            con,
            "labor_monthly",
            month_date=month,
            layoff_composite_zscore=composite,
            known_at=datetime(2026, 1, 10),
            **zs,
        )
    assert found(con, "layoff_composite") == ("true", 1.0, None)
    assert told(con, "layoff_inputs_rising") == ("true", 4.0, None)
    con.execute("update marts.labor_monthly set claims_zscore = null, warn_zscore = null")
    assert found(con, "layoff_inputs_rising") == ("false", 3.0, None)
    con.execute("update marts.labor_monthly set item_205_zscore = null")
    assert found(con, "layoff_inputs_rising") == ("unknown", None, "missing")


def test_bankruptcies_of_three_months_against_a_year_before(con) -> None:
    for year, count in ((2024, 4), (2025, 5)):
        for month in (10, 11, 12):
            insert(
                con,
                "filings_8k_monthly",
                month_date=date(year, month, 1),
                item="1.03",
                filings_count=count,
                known_at=datetime(2026, 1, 2),
            )
    assert found(con, "bankruptcies") == ("true", 25.0, None)
    con.execute("delete from marts.filings_8k_monthly where month_date = '2024-11-01'")
    assert found(con, "bankruptcies") == ("unknown", None, "missing")


def test_odds_of_a_cut_are_those_of_the_next_meeting(con) -> None:
    for seq, day, odds in ((1, date(2026, 1, 6), 60.0), (22, DAYS[4], 35.0)):
        insert(con, "sessions", session_date=day, session_seq=seq)
        for meeting, more in ((date(2026, 3, 18), 0.0), (date(2026, 4, 29), 30.0)):
            insert(
                con,
                "policy_path_daily",
                session_date=day,
                meeting_date=meeting,
                source="yahoo",
                cut_probability_pct=odds + more,
                known_at=datetime(2026, 2, day.day, 23),
            )
    con.execute("update marts.policy_path_daily set known_at = '2026-01-06 23:00' where session_date = '2026-01-06'")
    assert found(con, "cut_odds") == ("true", -25.0, None)
    con.execute("update marts.sessions set session_seq = 2 where session_seq = 1")
    assert found(con, "cut_odds") == ("unknown", None, "missing")


def test_assets_of_three_times_funds_and_redemptions_of_inverse_ones(con) -> None:
    """190 after 90 and 160 after 110 are 350 after 200: up 75 %. Four days of redemptions are the largest of four."""
    known = {"session_date": DAYS[4], "settled_at": datetime(2026, 2, 6, 23)}
    insert(
        con,
        "leveraged_etf_daily",
        ticker="A",
        leverage_ratio=3,
        net_assets_usd_mn=190,
        net_assets_change_252d_usd_mn=100,
        **known,
    )
    insert(
        con,
        "leveraged_etf_daily",
        ticker="B",
        leverage_ratio=3,
        net_assets_usd_mn=160,
        net_assets_change_252d_usd_mn=50,
        **known,
    )
    assert found(con, "leveraged_funds") == ("false", 75.0, None)
    con.execute("update marts.leveraged_etf_daily set net_assets_change_252d_usd_mn = null where ticker = 'B'")
    assert found(con, "leveraged_funds") == ("unknown", None, "missing")
    con.execute(
        "insert into marts.leveraged_etf_daily (ticker, session_date, is_inverse, flow_usd_mn, settled_at)"
        " select 'S', date '2025-05-01' + i::integer, true, case when i % 70 = 0 then -100.0 - i else 5.0 end,"
        " timestamp '2025-05-01 23:00' + interval (i) day from range(0, 281) as t(i)"
    )
    assert found(con, "inverse_liquidation") == ("true", 380.0, None)
    con.execute("update marts.leveraged_etf_daily set flow_usd_mn = -90 where session_date = '2026-02-05'")
    assert found(con, "inverse_liquidation", DAYS[3]) == ("false", 90.0, None)
    con.execute("update marts.leveraged_etf_daily set flow_usd_mn = -170 where session_date = '2026-02-05'")
    assert found(con, "inverse_liquidation", DAYS[3]) == ("true", 170.0, None)
    con.execute("update marts.leveraged_etf_daily set flow_usd_mn = null where session_date = '2026-02-05'")
    assert found(con, "inverse_liquidation", DAYS[3]) == ("unknown", None, "missing")


def test_defensives_lead_near_the_high_only(con) -> None:
    """62 ratios of -1 and 1 by turns and one of 5: the last stands far above the mean of its 63."""
    con.execute(
        "insert into marts.sector_ratio_daily select 1.0 + 0.01 * case when i = 251 then 5 when i % "
        " 2 = 0 then 1 else -1 end,"
        " timestamp '2026-02-06 23:00', date '2026-02-06' - (251 - i)::integer from range(0, 252) as t(i)"
    )
    con.execute(
        "insert into marts.volatility_daily (session_date, sp500_close_index, sp500_close_known_at)"
        " select session_date, case when session_date = '2026-02-06' then 95.0 else 100.0 end,"
        " known_at from marts.sector_ratio_daily"
    )
    state, value, reason = found(con, "defensives_lead")
    assert (state, reason) == ("true", None)
    assert 4 < value < 5
    con.execute("update marts.volatility_daily set sp500_close_index = 94.9 where session_date = '2026-02-06'")
    assert found(con, "defensives_lead")[0] == "false"
    con.execute("update marts.volatility_daily set sp500_close_index = null where session_date < '2025-07-01'")
    assert found(con, "defensives_lead")[0] == "unknown"


@pytest.mark.parametrize(
    ("on", "unknown", "state"),
    [(4, 0, "true"), (3, 2, "unknown"), (3, 1, "unknown"), (2, 1, "false"), (0, 5, "unknown")],
)
def test_the_top_is_four_of_five(con, on: int, unknown: int, state: str) -> None:
    build_watchlists(con)
    five = watchlists()["late_cycle_top"].summary.items
    warning = {name: watchlists()["late_cycle_top"].items[name].warns[0] for name in five}
    for at, name in enumerate(five):
        told = warning[name] if at < on else "unknown" if at < on + unknown else "false"
        con.execute(
            f"update {WATCHLIST_DAILY.path} set state = ?, reason = ? where item = ?",
            [told, "x" if told == "unknown" else None, name],
        )
    rows = con.execute(f"select distinct state from ({summary_sql()}) where watchlist = 'late_cycle_top'").fetchall()
    assert rows == [(state,)]


# ---- the declaration -------------------------------------------------------------------------------------------------

ITEM = {"title": "VIX", "unit": "index", "input": "volatility.vix_index", "holds": ">= 5"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"holds": "above 5"}, 'expected a comparison like ">= 5"'),
        ({"holds": None}, "expected one of holds, column and leg"),
        ({"known": "vix_index"}, "expected one of input, known and select"),
        ({"holds": None, "leg": "panic_vix"}, "expected says: nothing else tells the threshold"),
        ({"stale_days": 4}, "a select says what it needs and when it is stale"),
        ({"input": None, "select": "select 1"}, "a select says what it needs and when it is stale"),
        ({"unit": "points"}, "unit"),
    ],
)
def test_a_declaration_that_cannot_be_meant_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_watchlists({"one": {"title": "One", "items": {"vix": {**ITEM, **change}}}})
    assert str(caught.value).startswith("watchlists.yml: one: ")
    assert message in str(caught.value)


def test_a_summary_counts_items_of_its_own() -> None:
    entry = {"title": "One", "summary": {"items": ["other"], "at_least": 1}, "items": {"vix": ITEM}}
    with pytest.raises(ConfigError, match="expected items of the list"):
        read_watchlists({"one": entry})
