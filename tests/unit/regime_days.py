"""Hand-made sessions for the rules of the regimes: a quiet day in which a test changes what it is about."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from datetime import date, datetime, time, timedelta
from typing import Any

from analytics.regimes.dimensions import STEPS
from analytics.regimes.types import (
    DIMENSIONS,
    DayInputs,
    DimensionState,
    FundingDay,
    InputValue,
    Memory,
)

START = date(2024, 2, 12)
"""In no tax season and far from a quarter's end."""

QUIET: dict[str, float | str] = {
    "nl_change_4w_ratio": 0.005,
    "nl_change_13w_ratio": 0.0,
    "emergency_change_4w_usd_bn": 0.0,
    "sofr_iorb_bp": 3.0,
    "ted_spread_bp": 30.0,
    "move_index": 90.0,
    "move_change_5d_index": 0.0,
    "move_change_21d_index": 0.0,
    "proxy_rate_volatility_bp": 80.0,
    "carry_2y_bp": 400.0,
    "carry_2y_change_21d_bp": 0.0,
    "usdjpy_return_10d_ratio": 0.0,
    "usdjpy_volatility_21d_percentile": 50.0,
    "hy_oas_bp": 400.0,
    "hy_oas_change_21d_bp": 0.0,
    "baa_10y_bp": 200.0,
    "baa_10y_change_21d_bp": 0.0,
    "vix_index": 18.0,
    "vvix_index": 90.0,
    "vvix_above_110_streak_count": 0.0,
    "vix_vix3m_ratio": 0.9,
    "put_call_total_ratio": 0.95,
    "put_call_total_percentile": 50.0,
    "above_200dma_pct": 60.0,
    "breadth.coverage_ratio": 0.99,
    "is_adl_divergence": 0.0,
    "is_zweig_thrust": 0.0,
    "is_published": "missing",
    "flow_5d_zscore": 0.0,
    "flow_5d_usd_mn": 100.0,
    "etf_flows.coverage_ratio": 0.9,
    "margin_debt_yoy_ratio": 0.05,
    "margin_debt_3m_ratio": 0.01,
    "sahm_realtime_pct": 0.1,
    "has_all_three_months": 1.0,
    "sahm_two_of_three_pct": 0.1,
}


def day(number: int = 0, **changes: Any) -> DayInputs:
    """Return the inputs of the `number`-th day: quiet but for `changes`.

    A change is a value, an InputValue, or the reason for which there is none; `old=True` carries every value from the
    day before; `sofr=[…]` gives the last days of SOFR in bp or as FundingDay; coverage is `<dimension>_coverage_ratio`.
    """
    session = START + timedelta(days=number)
    old = changes.pop("old", False)
    seen = session - timedelta(days=1) if old else session
    sofr = changes.pop("sofr", None)
    print_date = changes.pop("nl_print_date", seen)
    session = changes.pop("session_date", session)
    for dimension in ("breadth", "etf_flows"):
        if (name := f"{dimension}_coverage_ratio") in changes:
            changes[f"{dimension}.coverage_ratio"] = changes.pop(name)
    assert changes.keys() <= QUIET.keys(), changes.keys() - QUIET.keys()
    given = {name: _input(value, seen, not old) for name, value in (QUIET | changes).items()}
    empty = DayInputs(session, datetime.combine(session + timedelta(days=1), time(14, 15)))
    groups: dict[str, Any] = {}
    for dimension in DIMENSIONS:
        group = getattr(empty, dimension)
        named = {f.name: given.get(f"{dimension}.{f.name}", given.get(f.name)) for f in fields(group)}
        groups[dimension] = replace(group, **{name: value for name, value in named.items() if value is not None})
    days = funding_days(seen, [QUIET["sofr_iorb_bp"]] * 3 if sofr is None else sofr, is_new=not old)
    groups["funding"] = replace(groups["funding"], days=days)
    groups["net_liquidity"] = replace(groups["net_liquidity"], nl_print_date=print_date)
    return replace(empty, **groups)


def _input(value: Any, seen: date, is_new: bool) -> InputValue:
    if isinstance(value, InputValue):
        return value
    if isinstance(value, str):
        return InputValue(None, seen - timedelta(days=9), None, False, value)
    return InputValue(value, seen, datetime.combine(seen, time(22)), is_new)


def funding_days(last: date, spreads: Sequence[float | FundingDay], is_new: bool = True) -> tuple[FundingDay, ...]:
    """Return days up to `last`, the newest one new."""
    count = len(spreads)
    return tuple(
        spread
        if isinstance(spread, FundingDay)
        else FundingDay(last - timedelta(days=count - 1 - place), spread, 10.0, False, is_new and place == count - 1)
        for place, spread in enumerate(spreads)
    )


def play(dimension: str, days: Iterable[DayInputs], memory: Memory | None = None) -> list[DimensionState]:
    """Return the state of a dimension on each day."""
    states, memory = [], dict(memory or {})
    for inputs in days:
        memory, state = STEPS[dimension](memory, inputs)
        states.append(state)
    return states


def one(dimension: str, **changes: Any) -> DimensionState:
    """Return the state of a dimension on a first day."""
    return play(dimension, [day(**changes)])[0]


def series(dimension: str, name: str, values: Sequence[Any]) -> list[str]:
    """Return the published states while one input takes these values; a tuple's first is carried, not new."""
    days = [
        day(place, **{name: value[0]}, old=True) if isinstance(value, tuple) else day(place, **{name: value})
        for place, value in enumerate(values)
    ]
    return [state.state for state in play(dimension, days)]
