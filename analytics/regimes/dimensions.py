"""The dimensions R1 to R11: from the inputs of one session and what is remembered to the state of each.

Each is a function `(memory, inputs) -> (memory, state)`. Thresholds stand in thresholds.csv, the fold in fold.py; here
is only what each dimension measures, rounded before it is compared: bp to 0.1, percent to 0.01, index points to 0.01.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from functools import cache
from statistics import median
from typing import Final, TypeAlias

from analytics.regimes.fold import Folded, Observation, fold_ladder, is_past_limit, raw_level
from analytics.regimes.measures import Flags, bp, index, percent, ratio, reason_of, truth, unknown
from analytics.regimes.thresholds import MAIN, PROXY, Measures, exit_count, ladder, rule
from analytics.regimes.types import BreadthInputs, DayInputs, DimensionState, FundingDay, InputValue, Memory

Step: TypeAlias = Callable[[Memory, DayInputs], tuple[Memory, DimensionState]]

SOFR_BEGINS: Final = date(2018, 4, 3)
_WINDOW: Final = 3
"""R2 takes the median of so many days."""


def _verdict(
    folded: Folded, measures: Measures, flags: Flags | None = None, quality: str | None = None
) -> DimensionState:
    level, raw = folded.level, folded.raw
    points, raw_points = level.points(measures), raw.points(measures)
    return DimensionState(level.state, points, raw.state, raw_points, None, quality, flags or {})


def _folded(
    dimension: str, memory: Memory, inputs: DayInputs, observation: Observation, flags: Flags | None = None
) -> tuple[Memory, DimensionState]:
    """Take one observation into the ladder of a dimension."""
    memory, folded = fold_ladder(dimension, memory, observation, inputs.session_date)
    quality = PROXY if observation.basis == PROXY else None
    if folded is None:
        return memory, unknown(observation.reason, flags, quality)
    return memory, _verdict(folded, observation.measures, flags, quality)


def _plain(dimension: str, measures: Measures, reason: str | None, basis: str = MAIN) -> DimensionState:
    """Return the state of a dimension without memory."""
    if reason is not None:
        return unknown(reason)
    level = raw_level(ladder(dimension, basis), measures)
    return _verdict(Folded(level, level), measures)


# ---- R1 net liquidity ----------------------------------------------------------------------------------------------


def step_net_liquidity(memory: Memory, inputs: DayInputs) -> tuple[Memory, DimensionState]:
    """R1: the band of the 13-week change, which has memory, and the sign of the 4-week change, which has a deadband.

    Points come from the unsmoothed changes, so they equal the raw points. Between prints nothing advances.
    """
    given = inputs.net_liquidity
    entry = given.nl_change_13w_ratio
    short, long = percent(given.nl_change_4w_ratio), percent(entry)
    flags = _net_liquidity_flags(inputs)
    reason = reason_of(given.nl_change_4w_ratio, entry)
    if short is None or long is None:
        observation = Observation({}, entry.obs_date, entry.is_new, reason=reason)
        past = is_past_limit("net_liquidity", memory, observation, inputs.session_date)
        return ({} if past else dict(memory)), unknown(reason, flags)
    measures = {"nl_change_4w": short, "nl_change_13w": long}
    raw = raw_level(ladder("net_liquidity"), measures)
    band, inside = _band(memory, long, entry.is_new)
    sign = _sign(memory, short)
    # the state of a smoothed pair is the state of any pair in that band with that sign
    level = raw_level(ladder("net_liquidity"), {"nl_change_4w": float(sign), "nl_change_13w": 100.0 * band})
    points = raw.points(measures)
    seen = entry.obs_date or inputs.session_date
    after = {"band": band, "inside": inside, "sign": sign, "known_date": seen.isoformat()}
    return after, DimensionState(level.state, points, raw.state, points, None, None, flags)


def _band(memory: Memory, long: float, is_new: bool) -> tuple[int, int]:
    """Return the band (1, 0, -1) and the prints in a row that were near zero while the band was not flat."""
    states = ladder("net_liquidity")
    raw = raw_level(states, {"nl_change_4w": 0.0, "nl_change_13w": long}).state
    now = {"expanding": 1, "flat": 0, "contracting": -1}[raw]
    before = memory.get("band", now)
    if now != 0 or before == 0:
        return now, 0
    inside = int(memory.get("inside", 0))
    if is_new:
        near = rule("net_liquidity", "band", "memory").holds({"nl_change_13w_size": abs(long)}) is True
        inside = inside + 1 if near else 0
    return (0, 0) if inside >= exit_count("net_liquidity", "band", "memory") else (before, inside)


def _sign(memory: Memory, short: float) -> int:
    moves = rule("net_liquidity", "sign", "memory").holds({"nl_change_4w_size": abs(short)}) is True
    now = (short > 0) - (short < 0)
    return now if moves or "sign" not in memory else int(memory["sign"])


def _net_liquidity_flags(inputs: DayInputs) -> Flags:
    """The calendar flags speak of the day of the print; before the first print of the session."""
    given = inputs.net_liquidity
    day = given.nl_print_date or inputs.session_date
    return {
        "is_tax_window": flag("net_liquidity", "is_tax_window", {"print_day": day.strftime("%m-%d")}),
        "is_quarter_end": flag(
            "net_liquidity", "is_quarter_end", {"days_from_quarter_end": _days_from_quarter_end(day)}
        ),
        "is_emergency_lending": flag(
            "net_liquidity",
            "is_emergency_lending",
            {"emergency_change_4w": index(given.emergency_change_4w_usd_bn)},
        ),
    }


def flag(dimension: str, name: str, measures: Measures) -> bool | None:
    """Return a flag: up, down, or None when its measure is unknown."""
    return rule(dimension, name, "flag").holds(measures)


@cache
def _days_from_quarter_end(day: date) -> float:
    ends = [date(day.year + (month == 13), (month - 1) % 12 + 1, 1) - timedelta(days=1) for month in (1, 4, 7, 10, 13)]
    return float(min(abs((day - end).days) for end in ends))


# ---- R2 funding ----------------------------------------------------------------------------------------------------


def step_funding(memory: Memory, inputs: DayInputs) -> tuple[Memory, DimensionState]:
    """R2: the median over ordinary days; calendar days are out of it and can only show dysfunction."""
    given = inputs.funding
    if inputs.session_date < SOFR_BEGINS:
        ted = given.ted_spread_bp
        observation = Observation(
            {"ted_spread": bp(ted)}, ted.obs_date, ted.is_new, PROXY, None if ted.value is not None else reason_of(ted)
        )
        return _folded("funding", memory, inputs, observation, {"funding_calendar_spike_bp": None})
    newest = given.sofr_iorb_bp
    days = () if newest.value is None else given.days
    spike = round(days[-1].sofr_iorb_bp, 1) if days and days[-1].is_calendar_day else None
    flags: Flags = {"funding_calendar_spike_bp": spike}
    ordinary = [day for day in days if not day.is_calendar_day]
    if newest.value is None or not _is_window(ordinary):
        observation = Observation({}, newest.obs_date, reason=reason_of(newest) or "warm-up")
        return _folded("funding", memory, inputs, observation, flags)
    tails = [day.sofr_99th_sofr_bp for day in ordinary[-2:]]
    known_tails = [round(tail, 1) for tail in tails if tail is not None]
    measures = {
        "sofr_iorb": round(median(round(day.sofr_iorb_bp, 1) for day in ordinary[-_WINDOW:]), 1),
        "sofr_iorb_ordinary_day": _dearest(ordinary),
        "sofr_iorb_any_day": _dearest(days),
        "sofr_99th_two_days": min(known_tails) if len(known_tails) == len(tails) else None,
    }
    observation = Observation(measures, days[-1].obs_date, ordinary[-1].is_new)
    memory, state = _folded("funding", memory, inputs, observation, flags)
    if measures["sofr_99th_two_days"] is None:
        state = replace(state, quality="partial")
    return memory, state


def _is_window(days: Sequence[FundingDay]) -> bool:
    if len(days) < _WINDOW:
        return False
    span = float((days[-1].obs_date - days[-_WINDOW].obs_date).days)
    return rule("funding", "span", "memory").holds({"window_span": span}) is True


def _dearest(days: Sequence[FundingDay]) -> float:
    """Return the greatest spread of the days that no earlier row counted; of the newest day if all were counted."""
    fresh = [day for day in days if day.is_new] or [days[-1]]
    return max(round(day.sofr_iorb_bp, 1) for day in fresh)


# ---- R3 to R6, R8: ladders -----------------------------------------------------------------------------------------


def step_rates_volatility(memory: Memory, inputs: DayInputs) -> tuple[Memory, DimensionState]:
    """R3: MOVE, or the realised volatility of the 10-year yield where MOVE is not to be had."""
    given = inputs.rates_volatility
    move, proxy = given.move_index, given.proxy_rate_volatility_bp
    flags: Flags = {
        "is_move_jump": flag("rates_volatility", "is_move_jump", {"move_change_5d": index(given.move_change_5d_index)})
    }
    if move.value is None and proxy.value is not None:
        measures = {"proxy_rate_volatility": bp(proxy)}
        return _folded(
            "rates_volatility", memory, inputs, Observation(measures, proxy.obs_date, proxy.is_new, PROXY), flags
        )
    warming = move.value is not None and given.move_change_5d_index.reason == "warm-up"
    reason = "warm-up" if warming else reason_of(move)
    observation = Observation({"move": index(move)}, move.obs_date, move.is_new, reason=reason)
    return _folded("rates_volatility", memory, inputs, observation, flags)


def step_carry(memory: Memory, inputs: DayInputs) -> tuple[Memory, DimensionState]:
    """R4: the change of the two-year spread and the yen; a percentile that is not there yet counts as FALSE."""
    given = inputs.carry
    spread, yen = given.carry_2y_change_21d_bp, given.usdjpy_return_10d_ratio
    measures = {
        "carry_2y_change_21d": bp(spread),
        "usdjpy_return_10d": percent(yen),
        "usdjpy_volatility_21d": index(given.usdjpy_volatility_21d_percentile),
    }
    observation = Observation(measures, yen.obs_date, yen.is_new, reason=reason_of(spread, yen))
    return _folded("carry", memory, inputs, observation)


def step_credit(memory: Memory, inputs: DayInputs) -> tuple[Memory, DimensionState]:
    """R5: the high-yield spread and its change; Baa over the 10-year where the archive does not reach."""
    basis, level, change = credit_inputs(inputs)
    measures = {"spread": bp(level), "spread_change_21d": bp(change)}
    observation = Observation(measures, level.obs_date, level.is_new, basis, reason_of(level, change))
    return _folded("credit", memory, inputs, observation)


def credit_inputs(inputs: DayInputs) -> tuple[str, InputValue, InputValue]:
    """Return the basis of R5, its level and its change. An archive that is merely late is stale, not absent."""
    given = inputs.credit
    level, change = given.hy_oas_bp, given.hy_oas_change_21d_bp
    is_absent = level.value is None and level.reason in (None, "missing", "warm-up")
    is_young = level.value is not None and change.value is None and change.reason == "warm-up"
    has_proxy = given.baa_10y_bp.value is not None and given.baa_10y_change_21d_bp.value is not None
    if (is_absent or is_young) and has_proxy:
        return PROXY, given.baa_10y_bp, given.baa_10y_change_21d_bp
    return MAIN, level, change


def step_volatility(memory: Memory, inputs: DayInputs) -> tuple[Memory, DimensionState]:
    """R6: VIX, with the latch of the panic reset, which forgets nothing."""
    given = inputs.volatility
    vix = index(given.vix_index)
    armed, is_reset = _latch(bool(memory.get("armed", False)), vix, given.vix_index.is_new)
    flags: Flags = {
        "is_vix_reset": is_reset,
        "is_vvix_tail_bid": flag(
            "volatility", "is_vvix_tail_bid", {"vvix_streak": index(given.vvix_above_110_streak_count)}
        ),
        "is_vix_term_inverted": flag("volatility", "is_vix_term_inverted", {"vix_vix3m": ratio(given.vix_vix3m_ratio)}),
        "is_vix_below_12": flag("volatility", "is_vix_below_12", {"vix": vix}),
    }
    entry = given.vix_index
    observation = Observation({"vix": vix}, entry.obs_date, entry.is_new, reason=reason_of(entry))
    after, state = _folded("volatility", memory.get("ladder", {}), inputs, observation, flags)
    return {"ladder": after, "armed": armed}, state


def _latch(armed: bool, vix: float | None, is_new: bool) -> tuple[bool, bool | None]:
    """Return the latch after a close and whether it fired: armed above 35, fired and disarmed at the first below 25."""
    if vix is None:
        return armed, None
    if not is_new:
        return armed, False
    if rule("volatility", "latch_arms", "memory").holds({"vix": vix}):
        return True, False
    fires = armed and rule("volatility", "latch_fires", "memory").holds({"vix": vix}) is True
    return armed and not fires, fires


def step_breadth(memory: Memory, inputs: DayInputs) -> tuple[Memory, DimensionState]:
    """R8: the share of S&P 500 members above their 200-day average."""
    given = inputs.breadth
    flags: Flags = {
        "is_adl_divergence": truth(given.is_adl_divergence),
        "is_zweig_thrust": truth(given.is_zweig_thrust),
    }
    entry = given.above_200dma_pct
    reason = breadth_reason(given)
    observation = Observation({"above_200dma": index(entry)}, entry.obs_date, entry.is_new, reason=reason)
    memory, state = _folded("breadth", memory, inputs, observation, flags)
    return memory, replace(state, quality=PROXY) if truth(given.is_published) else state


def breadth_reason(given: BreadthInputs) -> str | None:
    """Return why breadth is unknown. A published series is taken as its publisher gives it: nobody counted coverage."""
    if truth(given.is_published):
        return reason_of(given.above_200dma_pct)
    return covered_reason("breadth", given.coverage_ratio, given.above_200dma_pct)


def covered_reason(dimension: str, coverage: InputValue, *entries: InputValue) -> str | None:
    """Return why a panel is unknown; `coverage` where it is there but too few of its members are."""
    reason = reason_of(*entries, coverage)
    if reason is not None:
        return reason
    enough = rule(dimension, "coverage", "coverage").holds({"coverage": percent(coverage)}) is True
    return None if enough else "coverage"


# ---- R7, R9 to R11: without memory ---------------------------------------------------------------------------------


def step_options_sentiment(memory: Memory, inputs: DayInputs) -> tuple[Memory, DimensionState]:
    """R7: the total put/call ratio."""
    given = inputs.options_sentiment
    entry = given.put_call_total_ratio
    return memory, _plain("options_sentiment", {"put_call_total": ratio(entry)}, reason_of(entry))


def percentile_state(inputs: DayInputs) -> str:
    """Return where the put/call ratio stands among its past: low, middle, high or unknown."""
    entry = inputs.options_sentiment.put_call_total_percentile
    return _plain("options_sentiment", {"put_call_percentile": index(entry)}, reason_of(entry), "percentile").state


def step_etf_flows(memory: Memory, inputs: DayInputs) -> tuple[Memory, DimensionState]:
    """R9: the z-score of the flow of 5 sessions, an extreme one only with the sign of the flow itself."""
    given = inputs.etf_flows
    reason = covered_reason("etf_flows", given.coverage_ratio, given.flow_5d_zscore, given.flow_5d_usd_mn)
    measures = {"flow_5d_z": index(given.flow_5d_zscore), "flow_5d": given.flow_5d_usd_mn.value}
    return memory, _plain("etf_flows", measures, reason)


def step_leverage(memory: Memory, inputs: DayInputs) -> tuple[Memory, DimensionState]:
    """R10: margin debt over a year and over three months."""
    given = inputs.leverage
    year, quarter = given.margin_debt_yoy_ratio, given.margin_debt_3m_ratio
    measures = {"margin_debt_yoy": percent(year), "margin_debt_3m": percent(quarter)}
    return memory, _plain("leverage", measures, reason_of(year, quarter))


def step_labor(memory: Memory, inputs: DayInputs) -> tuple[Memory, DimensionState]:
    """R11: the Sahm rule in real time, unknown while one of its three months is missing."""
    given = inputs.labor
    reason = reason_of(given.sahm_realtime_pct, given.has_all_three_months)
    if reason is None and not truth(given.has_all_three_months):
        reason = "missing"
    return memory, _plain("labor", {"sahm": index(given.sahm_realtime_pct)}, reason)


def two_of_three_state(inputs: DayInputs) -> str:
    """Return the state of R11 with the mean of the months that exist."""
    entry = inputs.labor.sahm_two_of_three_pct
    return _plain("labor", {"sahm": index(entry)}, reason_of(entry)).state


STEPS: Final[Mapping[str, Step]] = {
    "net_liquidity": step_net_liquidity,
    "funding": step_funding,
    "rates_volatility": step_rates_volatility,
    "carry": step_carry,
    "credit": step_credit,
    "volatility": step_volatility,
    "options_sentiment": step_options_sentiment,
    "breadth": step_breadth,
    "etf_flows": step_etf_flows,
    "leverage": step_leverage,
    "labor": step_labor,
}
