"""One session through all rules: the row and its columns, resuming, the explanation."""

from __future__ import annotations

import json
import random
import re
from datetime import date, datetime
from typing import Any

import pytest

from analytics.regimes.columns import COLUMN_NAMES, ROW_COLUMNS, RegimeRow
from analytics.regimes.evaluate import evaluate_day
from analytics.regimes.types import (
    CORE,
    DIMENSIONS,
    SCORED,
    DayInputs,
    InputValue,
    Memory,
    each_input,
    inputs_from_json,
    inputs_to_json,
)
from tests.unit.regime_days import QUIET, START, day
from warehouse.lived import MODEL_VERSION

KINDS: dict[str, type | tuple[type, ...]] = {
    "varchar": str,
    "integer": int,
    "double": float,
    "boolean": bool,
    "date": date,
    "timestamp": datetime,
}


def rows_of(days: list[DayInputs], memory: Memory | None = None) -> list[RegimeRow]:
    rows, memory = [], dict(memory or {})
    for inputs in days:
        memory, row = evaluate_day(memory, inputs)
        memory = json.loads(json.dumps(memory))
        rows.append(row)
    return rows


def wild(count: int, seed: int) -> list[DayInputs]:
    """Return days of swinging inputs, with gaps and carried values."""
    dice = random.Random(seed)
    swings = {"vix_index": 40, "hy_oas_bp": 600, "hy_oas_change_21d_bp": 150, "move_index": 60, "above_200dma_pct": -55}

    def changed() -> dict[str, Any]:
        changes: dict[str, Any] = {name: QUIET[name] + size * dice.random() for name, size in swings.items()}
        changes["nl_change_4w_ratio"] = dice.uniform(-0.04, 0.04)
        changes["nl_change_13w_ratio"] = dice.uniform(-0.04, 0.04)
        changes["usdjpy_return_10d_ratio"] = dice.uniform(-0.08, 0.02)
        changes["sofr"] = [dice.uniform(-2, 30) for _ in range(5)]
        for name in QUIET:
            if "." not in name and dice.random() < 0.03:
                changes[name] = dice.choice(["stale", "missing", "warm-up"])
        return changes

    return [day(number, **changed(), old=dice.random() < 0.1) for number in range(count)]


# ---- the row -------------------------------------------------------------------------------------------------------


def test_a_row_has_its_columns_in_their_types() -> None:
    kinds = {column.name: KINDS[column.kind] for column in ROW_COLUMNS}
    seen = set()
    absent = day(60, hy_oas_bp="missing", hy_oas_change_21d_bp="missing", sahm_realtime_pct="stale")
    for row in rows_of([*wild(60, 1), absent, day(61, is_adl_divergence=1.0)]):
        assert len(row.as_tuple()) == len(COLUMN_NAMES)
        for name, value in zip(COLUMN_NAMES, row.as_tuple(), strict=True):
            if value is not None:
                seen.add(name)
                assert type(value) is kinds[name], name
    never = {f"{name}_{raw}points" for name in DIMENSIONS if name not in SCORED for raw in ("", "raw_")}
    never |= {f"{name}_quality" for name in DIMENSIONS if name not in ("funding", "rates_volatility", "credit")}
    not_here = {"funding_quality", "funding_calendar_spike_bp", "latest_only_inputs"}
    assert set(COLUMN_NAMES) - seen <= never | not_here
    assert not seen & never


def test_columns_have_units_and_comments() -> None:
    unit = re.compile(r".*(_bp|_points|_score|_score_raw|_count)$")
    for column in ROW_COLUMNS:
        assert column.comment
        if column.kind in ("integer", "double"):
            assert unit.match(column.name), column.name
        if column.kind == "boolean":
            assert column.name.startswith("is_")
    assert len(set(COLUMN_NAMES)) == len(COLUMN_NAMES)


def test_a_row_refuses_other_columns() -> None:
    with pytest.raises(ValueError, match=r"these differ: .*regime_class"):
        RegimeRow({})


def test_a_quiet_day() -> None:
    row = rows_of([day()])[0]
    assert row["session_date"] == START
    assert row["model_version"] == MODEL_VERSION
    assert (row["regime_class"], row["core_score"], row["plumbing_score"]) == ("CALM", 0, 0)
    assert (row["liquidity_dashboard_state"], row["sentiment_state_1d"]) == ("mixed", "normal")
    assert row["sentiment_state"] == row["sentiment_state_5d"] == "unknown"  # its window is not full
    assert (row["driver"], row["is_partial"], row["top_drivers"]) == ("core", False, None)
    assert json.loads(str(row["sentiment_legs_json"]))["panic_vix"] == {"1d": False, "5d": None}


def test_counts_add_up() -> None:
    for row in rows_of(wild(40, 2)):
        layers = [row[f"dashboard_{kind}_count"] for kind in ("tightening", "easing", "neither", "unknown")]
        assert sum(layers) == 5  # type: ignore[arg-type]
        for side in ("panic", "optimism"):
            for window in ("1d", "5d"):
                assert sum(row[f"{side}_{window}_{kind}_count"] for kind in ("true", "false", "unknown")) == 4  # type: ignore[misc]


def test_core_score_is_the_sum_of_its_points_or_unknown() -> None:
    for row in rows_of(wild(80, 3)):
        for raw in ("", "raw_"):
            points = [row[f"{name}_{raw}points"] for name in CORE]
            expected = None if None in points else sum(points)  # type: ignore[arg-type]
            assert row["core_score_raw" if raw else "core_score"] == expected
        assert (row["regime_class"] == "unknown") == (row["core_score"] is None)


def test_revisable_inputs_are_named() -> None:
    old = InputValue(0.01, START, None, True, None, "latest_only")
    row = rows_of([day(nl_change_4w_ratio=old)])[0]
    assert row["latest_only_inputs"] == "nl_change_4w_ratio"


# ---- resuming ------------------------------------------------------------------------------------------------------


def test_a_history_may_stop_after_any_session_and_go_on() -> None:
    days = wild(80, 4)
    whole = rows_of(days)
    memory: Memory = {}
    for inputs in days[:37]:
        memory, _ = evaluate_day(memory, inputs)
    assert rows_of(days[37:], json.loads(json.dumps(memory))) == whole[37:]


def test_what_comes_later_changes_nothing_before() -> None:
    days = wild(60, 5)
    assert rows_of(days[:30]) == rows_of(days)[:30]


def test_memory_and_inputs_are_not_touched() -> None:
    memory: Memory = {}
    for inputs in wild(30, 6):
        before = json.dumps(memory)
        after, _ = evaluate_day(memory, inputs)
        assert json.dumps(memory) == before
        memory = after


@pytest.mark.parametrize("number", [0, -1])
def test_sessions_come_in_order(number: int) -> None:
    memory, _ = evaluate_day({}, day(0))
    with pytest.raises(ValueError, match="is not after 2024-02-12"):
        evaluate_day(memory, day(number))


def test_inputs_survive_their_json() -> None:
    for inputs in [*wild(30, 7), DayInputs(START, day().cutoff_at)]:
        assert inputs_from_json(inputs_to_json(inputs)) == inputs
    row = rows_of([day()])[0]
    assert inputs_from_json(str(row["inputs_json"])) == day()
    assert json.loads(str(row["inputs_json"]))["volatility"]["vix_index"] == {
        "value": 18.0,
        "obs_date": "2024-02-12",
        "known_at": "2024-02-12T22:00:00",
        "is_new": True,
    }


# ---- an outage of each input ---------------------------------------------------------------------------------------

OUTAGES = {
    "nl_change_13w_ratio": "net_liquidity",
    "sofr_iorb_bp": "funding",
    "carry_2y_change_21d_bp": "carry",
    "usdjpy_return_10d_ratio": "carry",
    "hy_oas_bp": "credit",
    "vix_index": "volatility",
    "put_call_total_ratio": "options_sentiment",
    "above_200dma_pct": "breadth",
    "flow_5d_zscore": "etf_flows",
    "margin_debt_yoy_ratio": "leverage",
    "sahm_realtime_pct": "labor",
}


@pytest.mark.parametrize(("name", "dimension"), OUTAGES.items())
def test_an_outage_makes_its_dimension_unknown_and_no_other(name: str, dimension: str) -> None:
    row = rows_of([*(day(n) for n in range(6)), day(6, **{name: "stale"})])[-1]
    assert [other for other in DIMENSIONS if row[f"{other}_state"] == "unknown"] == [dimension]
    assert (row[f"{dimension}_points"], row[f"{dimension}_reason"]) == (None, "stale")
    assert (row["regime_class"] == "unknown") == (dimension in CORE)
    assert row["is_partial"] == (dimension in ("net_liquidity", "funding", "carry"))


def test_every_input_has_its_outage_tested_or_is_no_dimensions_own() -> None:
    beside = {
        "nl_change_4w_ratio",
        "emergency_change_4w_usd_bn",
        "ted_spread_bp",
        "move_index",
        "move_change_5d_index",
        "move_change_21d_index",
        "proxy_rate_volatility_bp",
        "carry_2y_bp",
        "usdjpy_volatility_21d_percentile",
        "hy_oas_change_21d_bp",
        "baa_10y_bp",
        "baa_10y_change_21d_bp",
        "vvix_index",
        "vvix_above_110_streak_count",
        "vix_vix3m_ratio",
        "put_call_total_percentile",
        "put_call_window_count",
        "usdjpy_volatility_window_count",
        "coverage_ratio",
        "is_adl_divergence",
        "is_zweig_thrust",
        "is_published",
        "flow_5d_usd_mn",
        "margin_debt_3m_ratio",
        "has_all_three_months",
        "sahm_two_of_three_pct",
    }
    assert {name for _, name, _ in each_input(day())} == beside | OUTAGES.keys()


# ---- the explanation -----------------------------------------------------------------------------------------------


def said(*days: DayInputs) -> str:
    return str(rows_of(list(days))[-1]["explain_text"])


def test_explanation_of_a_quiet_day_names_all_four() -> None:
    assert said(day()) == (
        "CALM: core score 0 of 12, with VIX 18.00 (normal), the high-yield spread 400 bp (+0 in 21 sessions, normal), "
        "MOVE 90.0 (normal) and 60.0 % of S&P 500 members above their 200-day average (ok). "
        "Liquidity dashboard mixed (0 of 5 layers tight); sentiment unknown."
    )


def test_explanation_names_what_gives_points() -> None:
    text = said(day(vix_index=26.42, above_200dma_pct=47.5, nl_change_4w_ratio=-0.0155))
    assert text == (
        "CAUTION: core score 2 of 12, from VIX 26.42 (fear, 1 point) and 47.5 % of S&P 500 members above their 200-day "
        "average (weak, 1 point). Liquidity dashboard mixed (1 of 5 layers tight: net liquidity -1.55 % in 4 weeks); "
        "sentiment unknown."
    )


def test_explanation_of_a_lift() -> None:
    text = said(day(sofr=[110.0] * 3, sofr_iorb_bp=110.0))
    assert text.startswith("CAUTION: core score 0 of 12, with VIX 18.00 (normal)")
    assert "lifted from CALM by SOFR +110.0 bp against the rate on reserves (dysfunction, 3 points)." in text


def test_explanation_of_a_class_that_waits() -> None:
    text = said(day(0, vix_index=60, above_200dma_pct=25), day(1, vix_index=48.9, above_200dma_pct=60))
    assert text.startswith("STRESS: core score 5 of 12")
    days = [
        day(0, vix_index=60, above_200dma_pct=9),
        *(day(n, vix_index=20, above_200dma_pct=60) for n in range(1, 6)),
    ]
    text = said(*days)
    assert text.startswith("STRESS")
    assert "this session alone is CALM, a better class waits for 5 sessions." in text


def test_explanation_of_the_unknown() -> None:
    old = InputValue(None, date(2024, 2, 3), reason="stale", last_used_date=date(2024, 2, 2))
    text = said(day(hy_oas_bp=old, hy_oas_change_21d_bp="stale", breadth_coverage_ratio=0.9))
    assert text.startswith(
        "Unknown: the core score lacks credit (stale, last value used of 2024-02-02) and breadth (coverage)."
    )
    never = said(day(hy_oas_bp="stale", hy_oas_change_21d_bp="stale"))
    assert never.startswith("Unknown: the core score lacks credit (stale)."), "a value that no row used is none"
    assert "0 of 5 layers tight, 1 unknown" in text


def test_explanation_with_substitutes() -> None:
    text = said(
        day(
            move_index="stale",
            move_change_5d_index="stale",
            proxy_rate_volatility_bp=100,
            hy_oas_bp="missing",
            hy_oas_change_21d_bp="missing",
            baa_10y_bp=260,
        )
    )
    assert "10-year yield volatility 100.0 bp (elevated, 1 point)" in text
    assert "Baa over the 10-year 260 bp (+0 in 21 sessions, widening, 1 point)" in text


def test_explanation_names_a_published_series_whether_it_gives_points_or_not() -> None:
    filed = InputValue(1.0, date(2024, 2, 12), datetime(2024, 2, 12, 22))
    nobody = InputValue(reason="not counted")
    given = {"is_published": filed, "breadth_coverage_ratio": nobody}
    assert "60.0 % of S&P 500 members above their 200-day average (published series, ok)" in said(day(**given))
    weak = said(day(**given, above_200dma_pct=40.0))
    assert "from 40.0 % of S&P 500 members above their 200-day average (published series, weak, 1 point)." in weak
    beside = said(day(**given, vix_index=26.0))
    assert "from VIX 26.00 (fear, 1 point); breadth by the published series." in beside


def test_the_class_has_a_quality_of_its_own() -> None:
    def quality(**changes) -> object:
        return rows_of([day(**changes)])[-1]["regime_class_quality"]

    absent = {"hy_oas_bp": "missing", "hy_oas_change_21d_bp": "missing"}
    assert quality() == "own"
    assert quality(is_published=InputValue(1.0, date(2024, 2, 12))) == "proxy"
    assert quality(**absent) == "proxy"
    assert quality(**absent, baa_10y_bp="missing") is None, "unknown"
    assert quality(session_date=date(2008, 10, 10)) == "own", "TED lifts nothing here"
    assert quality(session_date=date(2008, 10, 10), ted_spread_bp=420.0) == "proxy"


def test_explanation_holds_for_any_day() -> None:
    for row in rows_of(wild(120, 8)):
        text = str(row["explain_text"])
        assert text.count(". ") == 1
        assert text.endswith(".")
        assert "None" not in text
        assert "nan" not in text


def test_explanation_before_sofr() -> None:
    text = said(day(session_date=date(2008, 10, 10), ted_spread_bp=420.0))
    assert "lifted from CALM by TED spread 420 bp (dysfunction, 3 points)" in text
