"""The watchlists over the recorded history: each item on three days, with its value or the reason why there is none."""

from __future__ import annotations

from datetime import date

import pytest

from analytics.watchlists.declared import items, watchlists

DAYS = ("2024-08-05", "2025-11-21", "2026-02-06")
TOLD = {
    "five_layers.net_liquidity": ("tightening -2.29", "neither -0.48", "tightening -1.55"),
    "five_layers.sofr": ("easing -8", "neither 3", "easing -1"),
    "five_layers.move": ("tightening 121.22", "neither 78.81", "easing 63.62"),
    "five_layers.carry": ("tightening -89", "neither 6.4", "neither -9.1"),
    "five_layers.usdjpy": ("true -7.52", "false 2.89", "false -1.08"),
    "five_layers.hy_oas": ("tightening 47", "neither 16", "neither 18"),
    "sentiment_framework.panic_vix": ("true 38.57", "false 23.43", "disputed"),
    "sentiment_framework.panic_put_call": ("true 1.28", "false 0.87", "false 0.86"),
    "sentiment_framework.panic_flows": ("missing", "missing", "missing"),
    "sentiment_framework.panic_breadth": ("false 63.58", "false 55.47", "false 67.2"),
    "sentiment_framework.optimism_vix": ("false 38.57", "false 23.43", "disputed"),
    "sentiment_framework.optimism_put_call": ("false 1.28", "false 0.87", "false 0.86"),
    "sentiment_framework.optimism_flows": ("missing", "missing", "missing"),
    "sentiment_framework.optimism_leverage": ("false 18.8", "true 38.52", "true 36.3"),
    "sentiment_framework.normal_vix": ("false 38.57", "true 23.43", "disputed"),
    "sentiment_framework.normal_put_call": ("false 1.28", "true 0.87", "true 0.86"),
    "sentiment_framework.normal_flows": ("missing", "missing", "missing"),
    "sentiment_framework.normal_breadth": ("true 63.58", "true 55.47", "true 67.2"),
    "software_rebound.igv_stop_fall": ("active 0.75", "expired 25.91", "active 3.5"),
    "software_rebound.igv_below_low": ("false 2.42", "false 31.61", "false 4.02"),
    "software_rebound.leader_stop_fall": ("invalidated 72.28", "stale", "stale"),
    "software_rebound.leader_confirmation": ("none -8.8", "stale", "stale"),
    "software_rebound.trend_trigger": ("true -0.11", "true -0.79", "true -0.1"),
    "software_rebound.gamma_flip": ("stale", "stale", "stale"),
    "software_rebound.call_wall": ("stale", "stale", "stale"),
    "software_rebound.put_wall": ("stale", "stale", "stale"),
    "software_rebound.vix_creep": ("false 38.57", "false 23.43", "false"),
    "software_rebound.vix_reset": ("false 38.57", "false 23.43", "disputed"),
    "crossroads.vvix_streak": ("false 3", "true 5", "false 0"),
    "crossroads.vix_band": ("panic 38.57", "fear 23.43", "disputed"),
    "crossroads.hy_oas_21d": ("false 47", "false 16", "false 18"),
    "crossroads.ici_weeks_above_30bn": ("missing", "missing", "missing"),
    "crossroads.ici_weeks_above_40bn": ("missing", "missing", "missing"),
    "crossroads.layoff_composite": ("missing", "stale", "missing"),
    "crossroads.layoff_inputs_rising": ("missing", "stale", "missing"),
    "crossroads.bankruptcies": ("missing", "missing", "missing"),
    "crossroads.cut_odds": ("missing", "missing", "missing"),
    "crossroads.card_delinquency": ("true 10.69", "stale", "stale"),
    "late_cycle_top.fund_manager_cash": ("not supplied", "not supplied", "not supplied"),
    "late_cycle_top.margin_debt": ("neutral 18.8", "rising_fast 38.52", "rising_fast 36.3"),
    "late_cycle_top.leveraged_funds": ("missing", "missing", "missing"),
    "late_cycle_top.ten_largest": ("stale", "stale", "stale"),
    "late_cycle_top.defensives_lead": ("false 3.19", "true 2.57", "false 0.18"),
    "late_cycle_top.spreads_widen": ("true 47", "false 16", "false 18"),
    "late_cycle_top.inverse_liquidation": ("missing", "missing", "missing"),
    "late_cycle_top.fund_cost_basis": ("true -11.09", "true -5.33", "true -21.41"),
    "late_cycle_top.crypto_mood": ("false 26", "true 14", "true 9"),
}
"""State and value (two decimals) of each item on DAYS; of an unknown one the reason."""
WHOLE = {
    "five_layers": ("deleveraging", "mixed", "mixed"),
    "sentiment_framework": ("unknown", "unknown", "unknown"),
    "software_rebound": (None, None, None),
    "crossroads": (None, None, None),
    "late_cycle_top": ("false", "unknown", "false"),
}
SNAPSHOT = date(2022, 6, 10)
"""Option chains have no history: the one that was recorded is of this session, years before DAYS."""


def test_every_item_is_listed():
    assert {f"{name}.{item_name}" for name, item_name, _ in items()} == TOLD.keys()


@pytest.mark.parametrize(("place", "day"), [*enumerate(DAYS)])
def test_what_each_item_said(published, place, day):
    rows = published.execute(
        "select watchlist || '.' || item, state, round(value, 2), reason"
        " from marts.watchlist_daily where session_date = ?",
        [day],
    ).fetchall()
    said = {
        name: reason if state == "unknown" else state if value is None else f"{state} {value:g}"
        for name, state, value, reason in rows
    }
    assert said == {name: told[place] for name, told in TOLD.items()}


@pytest.mark.parametrize("item", ["gamma_flip", "call_wall", "put_wall"])
def test_a_chain_of_2022_is_stale_and_not_missing(published, item):
    rows = published.execute(
        "select distinct obs_date, value is not null from marts.watchlist_daily"
        " where item = ? and session_date::varchar in ?",
        [item, list(DAYS)],
    ).fetchall()
    assert rows == [(SNAPSHOT, False)]
    before = "select distinct reason from marts.watchlist_daily where item = ? and session_date < ?"
    assert published.execute(before, [item, SNAPSHOT]).fetchall() == [("missing",)]


@pytest.mark.parametrize(("place", "day"), [*enumerate(DAYS)])
def test_what_each_list_said(published, place, day):
    rows = published.execute(
        "select watchlist, state from marts.watchlist_summary_daily where session_date = ?", [day]
    ).fetchall()
    assert dict(rows) == {name: told[place] for name, told in WHOLE.items()}
    assert WHOLE.keys() == watchlists().keys()
