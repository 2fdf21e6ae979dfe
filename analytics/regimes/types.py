"""What goes into the rules of one session and what comes out of a dimension: the inputs and the states.

The columns of a regime row are declared in warehouse/tables/regime.yml. Nothing here computes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final, TypeAlias, get_type_hints

UNKNOWN: Final = "unknown"

Memory: TypeAlias = dict[str, Any]
"""What the fold carries from one session to the next: JSON-able, kept in the ledger with the row."""

Cell: TypeAlias = str | int | float | bool | date | datetime | None

DIMENSIONS: Final = (
    "net_liquidity",
    "funding",
    "rates_volatility",
    "carry",
    "credit",
    "volatility",
    "options_sentiment",
    "breadth",
    "etf_flows",
    "leverage",
    "labor",
)
SCORED: Final = ("volatility", "credit", "rates_volatility", "breadth", "funding", "carry", "net_liquidity")
"""The dimensions that give points, in the order in which equal points are listed."""

CORE: Final = ("volatility", "credit", "rates_volatility", "breadth")
PLUMBING: Final = ("funding", "carry", "net_liquidity")
LAYERS: Final = ("net_liquidity", "funding", "rates_volatility", "carry", "credit")
"""The layers of the liquidity dashboard."""


# ---- inputs --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class InputValue:
    """One input as known at the cut-off. Missing, stale, uncovered or not yet warm: value None and the reason.

    `obs_date` is the newest period, also of a value that is too old. `is_new`: no earlier row saw this period (it was
    not yet known at the cut-off of the session before); a value that is not new neither advances nor resets a counter.
    `last_used_date`: beside a missing value, the newest period of which an earlier row did have one.
    """

    value: float | None = None
    obs_date: date | None = None
    known_at: datetime | None = None
    is_new: bool = False
    reason: str | None = None
    known_basis: str | None = None
    last_used_date: date | None = None


MISSING: Final = InputValue(reason="missing")


@dataclass(frozen=True, slots=True)
class FundingDay:
    """SOFR of one day: what it stood above the rate on reserves, and the dearest percent of trades above it."""

    obs_date: date
    sofr_iorb_bp: float
    sofr_99th_sofr_bp: float | None = None
    is_calendar_day: bool = False
    is_new: bool = False


@dataclass(frozen=True, slots=True)
class NetLiquidityInputs:
    """R1. Ratios are changes of LIQ-01 over 4 and 13 weekly prints (0.01 = 1 %), both of the same, newest print."""

    nl_change_4w_ratio: InputValue = MISSING
    nl_change_13w_ratio: InputValue = MISSING
    nl_print_date: date | None = None
    emergency_change_4w_usd_bn: InputValue = MISSING


@dataclass(frozen=True, slots=True)
class FundingInputs:
    """R2. `sofr_iorb_bp` is the newest known day, with its reason when it is stale or missing (then `days` is ignored).

    `days`: the last known days, newest last, calendar days included: at least three that are not (twelve days suffice).
    """

    sofr_iorb_bp: InputValue = MISSING
    days: tuple[FundingDay, ...] = ()
    ted_spread_bp: InputValue = MISSING


@dataclass(frozen=True, slots=True)
class RatesVolatilityInputs:
    """R3. Changes over 5 and 21 sessions; the proxy is RV-02, the realised volatility of the 10-year yield."""

    move_index: InputValue = MISSING
    move_change_5d_index: InputValue = MISSING
    move_change_21d_index: InputValue = MISSING
    proxy_rate_volatility_bp: InputValue = MISSING


@dataclass(frozen=True, slots=True)
class CarryInputs:
    """R4. c, f and q: f is the simple 10-session return, negative when the yen is stronger; q runs from 0 to 100.

    c is of the session that its `obs_date` names, on which both yields are printed. The count says how many values q
    ranks among, also while they are too few.
    """

    carry_2y_bp: InputValue = MISSING
    carry_2y_change_21d_bp: InputValue = MISSING
    usdjpy_return_10d_ratio: InputValue = MISSING
    usdjpy_volatility_21d_percentile: InputValue = MISSING
    usdjpy_volatility_window_count: InputValue = MISSING


@dataclass(frozen=True, slots=True)
class CreditInputs:
    """R5. Levels and their changes over 21 NYSE sessions."""

    hy_oas_bp: InputValue = MISSING
    hy_oas_change_21d_bp: InputValue = MISSING
    baa_10y_bp: InputValue = MISSING
    baa_10y_change_21d_bp: InputValue = MISSING


@dataclass(frozen=True, slots=True)
class VolatilityInputs:
    """R6. The VVIX streak ends at the session itself: without a close of that very session it is missing."""

    vix_index: InputValue = MISSING
    vvix_index: InputValue = MISSING
    vvix_above_110_streak_count: InputValue = MISSING
    vix_vix3m_ratio: InputValue = MISSING


@dataclass(frozen=True, slots=True)
class OptionsSentimentInputs:
    """R7. The percentile (0 to 100) ranks the ratio among its last 252 values (SEN-03), of which the count tells."""

    put_call_total_ratio: InputValue = MISSING
    put_call_total_percentile: InputValue = MISSING
    put_call_window_count: InputValue = MISSING


@dataclass(frozen=True, slots=True)
class BreadthInputs:
    """R8. The S&P 500; coverage as a plain ratio; the flags are 1.0, 0.0 or missing.

    `is_published` is 1.0 where a published series (a user file) has a later period than our own count, or the only one.
    Nobody counted it: then there is no coverage.
    """

    above_200dma_pct: InputValue = MISSING
    coverage_ratio: InputValue = MISSING
    is_adl_divergence: InputValue = MISSING
    is_zweig_thrust: InputValue = MISSING
    is_published: InputValue = MISSING


@dataclass(frozen=True, slots=True)
class EtfFlowsInputs:
    """R9. The panel of unlevered US equity funds; coverage is the share of the panel's assets."""

    flow_5d_zscore: InputValue = MISSING
    flow_5d_usd_mn: InputValue = MISSING
    coverage_ratio: InputValue = MISSING


@dataclass(frozen=True, slots=True)
class LeverageInputs:
    """R10. Margin debt over 12 and 3 months earlier (0.25 = +25 %)."""

    margin_debt_yoy_ratio: InputValue = MISSING
    margin_debt_3m_ratio: InputValue = MISSING


@dataclass(frozen=True, slots=True)
class LaborInputs:
    """R11. Percentage points; `has_all_three_months` is 1.0 or 0.0; the second value takes two of three months."""

    sahm_realtime_pct: InputValue = MISSING
    has_all_three_months: InputValue = MISSING
    sahm_two_of_three_pct: InputValue = MISSING


@dataclass(frozen=True, slots=True)
class DayInputs:
    """All that the rules need for one session, as known at one cut-off; windows are computed as known then."""

    session_date: date
    cutoff_at: datetime
    net_liquidity: NetLiquidityInputs = field(default_factory=NetLiquidityInputs)
    funding: FundingInputs = field(default_factory=FundingInputs)
    rates_volatility: RatesVolatilityInputs = field(default_factory=RatesVolatilityInputs)
    carry: CarryInputs = field(default_factory=CarryInputs)
    credit: CreditInputs = field(default_factory=CreditInputs)
    volatility: VolatilityInputs = field(default_factory=VolatilityInputs)
    options_sentiment: OptionsSentimentInputs = field(default_factory=OptionsSentimentInputs)
    breadth: BreadthInputs = field(default_factory=BreadthInputs)
    etf_flows: EtfFlowsInputs = field(default_factory=EtfFlowsInputs)
    leverage: LeverageInputs = field(default_factory=LeverageInputs)
    labor: LaborInputs = field(default_factory=LaborInputs)


INPUT_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    dimension: tuple(name for name, kind in get_type_hints(group).items() if kind is InputValue)
    for dimension, group in get_type_hints(DayInputs).items()
    if dimension in DIMENSIONS
}
"""The single inputs of each dimension, in the order of definition."""


def each_input(inputs: DayInputs) -> Iterator[tuple[str, str, InputValue]]:
    """Yield dimension, name and value of every single input, in the order of definition."""
    for dimension, names in INPUT_NAMES.items():
        group = getattr(inputs, dimension)
        for name in names:
            yield dimension, name, getattr(group, name)


def inputs_to_json(inputs: DayInputs) -> str:
    """Return the inputs of a row as JSON, by dimension and name; `inputs_from_json` is its inverse."""
    return json.dumps(_plain(inputs), separators=(",", ":"), allow_nan=False)


def inputs_from_json(text: str) -> DayInputs:
    """Return the inputs that `inputs_to_json` wrote."""
    read = _read(DayInputs, json.loads(text))
    assert isinstance(read, DayInputs)
    return read


def _plain(value: Any) -> Any:
    """Return a JSON value. What stands at its default in an input or a day is left out: most of a row is defaults."""
    if isinstance(value, InputValue):
        return _plain_input(value)
    if isinstance(value, FundingDay):
        named = ((name, getattr(value, name)) for name in value.__slots__)
        return {name: _plain(item) for name, item in named if item is not None and item is not False}
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "__dataclass_fields__"):
        items = ((name, getattr(value, name)) for name in value.__slots__)
        return {name: _plain_input(item) if type(item) is InputValue else _plain(item) for name, item in items}
    return value


def _plain_input(entry: InputValue) -> dict[str, Any]:
    """Return an input; written out because a history has hundreds of thousands."""
    plain: dict[str, Any] = {}
    if entry.value is not None:
        plain["value"] = entry.value
    if entry.obs_date is not None:
        plain["obs_date"] = entry.obs_date.isoformat()
    if entry.known_at is not None:
        plain["known_at"] = entry.known_at.isoformat()
    if entry.is_new:
        plain["is_new"] = True
    if entry.reason is not None:
        plain["reason"] = entry.reason
    if entry.known_basis is not None:
        plain["known_basis"] = entry.known_basis
    if entry.last_used_date is not None:
        plain["last_used_date"] = entry.last_used_date.isoformat()
    return plain


_HINTS: Final[dict[type, dict[str, Any]]] = {}


def _read(kind: Any, value: Any) -> Any:
    if value is None:
        return None
    if kind in (date, date | None):
        return date.fromisoformat(value)
    if kind in (datetime, datetime | None):
        return datetime.fromisoformat(value)
    if kind == tuple[FundingDay, ...]:
        return tuple(_read(FundingDay, item) for item in value)
    if isinstance(kind, type) and hasattr(kind, "__dataclass_fields__"):
        hints = _HINTS.setdefault(kind, get_type_hints(kind))
        return kind(**{name: _read(hints[name], item) for name, item in value.items()})
    return value


# ---- what comes out ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DimensionState:
    """The verdict on one dimension. Points are None where the dimension gives none or is unknown.

    `raw_state` and `raw_points` come from the enter rules alone, without memory. `reason`: why it is unknown.
    `quality`: `proxy` where a substitute series spoke, `partial` where a part of the rule could not be tested.
    """

    state: str
    points: int | None
    raw_state: str
    raw_points: int | None
    reason: str | None = None
    quality: str | None = None
    flags: Mapping[str, bool | float | None] = field(default_factory=dict)
