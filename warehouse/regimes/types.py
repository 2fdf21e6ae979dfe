"""What goes into the rules of one session and what comes out: the inputs, the states, the row and its columns.

Names and comments of the columns of a regime row are defined here once; the ledger, the published table and the docs
are made from them. Nothing here computes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from typing import Any, Final, TypeAlias, get_type_hints

MODEL_VERSION: Final = "2"
"""Raised whenever a rule or a threshold changes: rows of another version are computed anew beside the old ones."""

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


def each_input(inputs: DayInputs) -> Iterator[tuple[str, str, InputValue]]:
    """Yield dimension, name and value of every single input, in the order of definition."""
    for dimension in DIMENSIONS:
        group = getattr(inputs, dimension)
        for entry in fields(group):
            value = getattr(group, entry.name)
            if isinstance(value, InputValue):
                yield dimension, entry.name, value


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
        return {name: _plain(getattr(value, name)) for name in value.__slots__}
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


@dataclass(frozen=True, slots=True)
class RowColumn:
    """One column of the regime row: its name, its type in DuckDB and its comment."""

    name: str
    sql_type: str
    comment: str


_TITLES: Final[Mapping[str, str]] = {
    "net_liquidity": "Net liquidity (R1)",
    "funding": "Funding, SOFR over the rate on reserves (R2)",
    "rates_volatility": "Rates volatility, MOVE (R3)",
    "carry": "Yen carry (R4)",
    "credit": "Credit, high-yield spread (R5)",
    "volatility": "Equity volatility, VIX (R6)",
    "options_sentiment": "Options sentiment, total put/call ratio (R7)",
    "breadth": "Breadth, S&P 500 members above their 200-day average (R8)",
    "etf_flows": "Flows of US equity ETFs (R9)",
    "leverage": "Margin debt (R10)",
    "labor": "Labour market, Sahm rule in real time (R11)",
}
_STATES: Final[Mapping[str, str]] = {
    "net_liquidity": "expanding, rolling_over, flat, stabilising, contracting",
    "funding": "ample, normal, tight, stress, dysfunction",
    "rates_volatility": "calm, normal, elevated, stress, extreme",
    "carry": "supportive, narrowing, yen_squeeze, unwind",
    "credit": "tight, normal, widening, stress, crisis",
    "volatility": "complacent, calm, normal, fear, panic, crisis",
    "options_sentiment": "greed, lean_greed, neutral, fear",
    "breadth": "healthy, ok, weak, washed_out, collapse",
    "etf_flows": "extreme_outflow, outflow, neutral, inflow, extreme_inflow",
    "leverage": "falling, neutral, rising_fast",
    "labor": "stable, softening, recession_signal",
}


def _dimension_columns(dimension: str) -> Iterator[RowColumn]:
    title, states = _TITLES[dimension], _STATES[dimension]
    points = "0 to 3; NULL when unknown" if dimension in SCORED else "always NULL: this dimension gives no points"
    yield RowColumn(f"{dimension}_state", "varchar", f"{title}: {states}, or unknown; published state, after the fold")
    yield RowColumn(f"{dimension}_points", "integer", f"{title}: points of the published state, {points}")
    yield RowColumn(f"{dimension}_raw_state", "varchar", f"{title}: state by the enter rules alone, without memory")
    yield RowColumn(f"{dimension}_raw_points", "integer", f"{title}: points of the raw state, {points}")
    yield RowColumn(
        f"{dimension}_reason",
        "varchar",
        f"{title}: why it is unknown: stale (input past its limit), missing, coverage, warm-up; NULL when known",
    )
    yield RowColumn(
        f"{dimension}_quality",
        "varchar",
        f"{title}: proxy (a substitute series spoke), partial (a part of the rule could not be tested); NULL otherwise",
    )


_FLAGS: Final = (
    RowColumn(
        "is_tax_window", "boolean", "R1: the weekly print lies in a tax season (Apr 8 - May 7, Jan/Jun/Sep 8-22)"
    ),
    RowColumn("is_quarter_end", "boolean", "R1: the weekly print is the one nearest to the end of a quarter"),
    RowColumn(
        "is_emergency_lending",
        "boolean",
        "R1: primary credit and BTFP grew by 100 USD billions or more in 4 weeks: not a benign expansion; NULL unknown",
    ),
    RowColumn(
        "funding_calendar_spike_bp",
        "double",
        "Basis points; R2: SOFR minus the rate on reserves where the newest day is a calendar day (turn of the month, "
        "mid-month settlement), which changes no state below dysfunction; NULL otherwise",
    ),
    RowColumn("is_move_jump", "boolean", "R3: MOVE rose by 20 points or more over 5 sessions; NULL unknown"),
    RowColumn("is_vix_reset", "boolean", "R6: first VIX close below 25 after one above 35; NULL unknown"),
    RowColumn("is_vvix_tail_bid", "boolean", "R6: VVIX above 110 for 5 sessions or more; NULL unknown"),
    RowColumn("is_vix_term_inverted", "boolean", "R6: VIX above VIX3M; NULL unknown"),
    RowColumn("is_vix_below_12", "boolean", "Sentiment framework: VIX below 12, the seed's lower bound; NULL unknown"),
    RowColumn(
        "options_sentiment_percentile_state",
        "varchar",
        "R7: low (percentile of 252 sessions at most 5: greed), high (at least 95: fear), middle, or unknown",
    ),
    RowColumn(
        "is_adl_divergence", "boolean", "R8: the index makes highs, the advance-decline line does not; NULL unknown"
    ),
    RowColumn("is_zweig_thrust", "boolean", "R8: Zweig breadth thrust; NULL unknown"),
    RowColumn(
        "labor_two_of_three_state",
        "varchar",
        "R11 with the mean of the two months that exist when one of three is missing: stable, softening, "
        "recession_signal, or unknown",
    ),
)

_LAYERS: Final[Mapping[str, str]] = {
    "net_liquidity": "layer 1, settlement cash",
    "funding": "layer 2, price of short money",
    "rates_volatility": "layer 3, rate volatility",
    "carry": "layer 4, global deleveraging chain",
    "credit": "layer 5, credit confirmation",
}
LAYERS: Final = tuple(_LAYERS)

_DASHBOARD: Final = (
    RowColumn(
        "liquidity_dashboard_state",
        "varchar",
        "Five-layer liquidity dashboard (composite B), published: deleveraging, tight_confirmed, tight_unconfirmed, "
        "mixed, easy, or unknown; down only after 3 sessions",
    ),
    RowColumn(
        "liquidity_dashboard_raw_state",
        "varchar",
        "Composite B of this session alone; unknown unless every completion of an unknown layer gives the same state",
    ),
    RowColumn("dashboard_tightening_count", "integer", "Composite B: layers that tighten, 0 to 5"),
    RowColumn("dashboard_easing_count", "integer", "Composite B: layers that ease, 0 to 5"),
    RowColumn("dashboard_neither_count", "integer", "Composite B: layers that do neither, 0 to 5"),
    RowColumn("dashboard_unknown_count", "integer", "Composite B: layers whose tightening test lacks an input, 0 to 5"),
    *(
        RowColumn(f"dashboard_{name}_layer", "varchar", f"Composite B, {title}: tightening, easing, neither, unknown")
        for name, title in _LAYERS.items()
    ),
)


def _sentiment_columns() -> Iterator[RowColumn]:
    states = "extreme_panic, extreme_optimism, normal, mixed, or unknown"
    yield RowColumn(
        "sentiment_state", "varchar", f"Sentiment framework (composite A), official: that of 5 sessions: {states}"
    )
    yield RowColumn("sentiment_state_1d", "varchar", f"Composite A, legs of this session alone: {states}")
    yield RowColumn("sentiment_state_5d", "varchar", f"Composite A, legs true on any of the last 5 sessions: {states}")
    for window, title in (("1d", "this session"), ("5d", "any of the last 5 sessions")):
        for side, need in (("panic", 3), ("optimism", 2)):
            for verdict in ("true", "false", "unknown"):
                yield RowColumn(
                    f"{side}_{window}_{verdict}_count",
                    "integer",
                    f"Composite A: {side} legs {verdict} on {title}, 0 to 4; {need} true ones make it extreme",
                )
        yield RowColumn(
            f"is_optimism_strong_{window}", "boolean", f"Composite A: at least 3 optimism legs, {title}; NULL unknown"
        )
        yield RowColumn(
            f"is_sentiment_conflict_{window}",
            "boolean",
            f"Composite A: panic and optimism both hold, {title}; panic wins; NULL unknown",
        )
    yield RowColumn(
        "sentiment_legs_json",
        "varchar",
        "Composite A: each leg on this session and in the window of 5: true, false, or null for unknown (JSON)",
    )


_HEADLINE: Final = (
    RowColumn("session_date", "date", "The NYSE session; one row each"),
    RowColumn("cutoff_at", "timestamp", "UTC; only what was known by then counts"),
    RowColumn("model_version", "varchar", "Version of rules and thresholds"),
    RowColumn(
        "regime_class",
        "varchar",
        "Headline class (composite C), published: CALM, NORMAL, CAUTION, STRESS, CRISIS, or unknown; worse at once, "
        "better after 5 sessions. Present stress and the width of outcomes, not a timing signal",
    ),
    RowColumn(
        "regime_class_raw", "varchar", "Class of this session alone: class of the core score, lifted by the plumbing"
    ),
    RowColumn("regime_class_core", "varchar", "Class of the core score alone, before the plumbing overlay"),
    RowColumn(
        "core_score",
        "integer",
        "0 to 12: points of volatility, credit, rates volatility, breadth; NULL if any is unknown",
    ),
    RowColumn("core_score_raw", "integer", "The same from raw points, without memory; NULL if any is unknown"),
    RowColumn(
        "plumbing_score",
        "integer",
        "0 to 8: points of funding, carry, net liquidity; one unknown counts 0, NULL if two or three are",
    ),
    RowColumn(
        "driver", "varchar", "core, or plumbing where the overlay lifted this session's class; NULL when unknown"
    ),
    RowColumn(
        "regime_class_quality",
        "varchar",
        "What the class of this session stands on: own, each dimension on its own series; proxy, a substitute spoke in "
        "one (breadth from a published series that the user filed, Baa for the high-yield spread, yields for MOVE, TED "
        "for SOFR); NULL where the class is unknown",
    ),
    RowColumn("is_partial", "boolean", "Net liquidity, funding or carry is unknown and counts 0 in the plumbing score"),
    RowColumn(
        "top_drivers", "varchar", "Dimensions with points, most first, such as: volatility 2, breadth 1; NULL if none"
    ),
    RowColumn("explain_text", "varchar", "The row in a plain sentence or two, made from its inputs"),
)

ROW_COLUMNS: Final[tuple[RowColumn, ...]] = (
    *_HEADLINE,
    *_DASHBOARD,
    *_sentiment_columns(),
    *(column for dimension in DIMENSIONS for column in _dimension_columns(dimension)),
    *_FLAGS,
    RowColumn(
        "latest_only_inputs",
        "varchar",
        "Inputs whose figure may have been revised since the cut-off (known_basis latest_only): not for point-in-time "
        "tests; NULL when there is none",
    ),
    RowColumn(
        "inputs_json",
        "varchar",
        "Every input by dimension and name: value, obs_date (period), known_at (UTC), is_new, reason when NULL, then "
        "also last_used_date, the newest period of which an earlier row had a value (JSON)",
    ),
)
"""The columns of a row in their order. The ledger adds its own (basis, computed_at, run_id, memory_json, at-close)."""

COLUMN_NAMES: Final = tuple(column.name for column in ROW_COLUMNS)


@dataclass(frozen=True, slots=True)
class RegimeRow:
    """One session at one cut-off: a value for each of ROW_COLUMNS, no more and no fewer."""

    cells: Mapping[str, Cell]

    def __post_init__(self) -> None:
        if self.cells.keys() != set(COLUMN_NAMES):
            odd = sorted(self.cells.keys() ^ set(COLUMN_NAMES))
            raise ValueError(f"a regime row needs exactly the columns of ROW_COLUMNS; these differ: {', '.join(odd)}")

    def __getitem__(self, name: str) -> Cell:
        return self.cells[name]

    def as_tuple(self) -> tuple[Cell, ...]:
        """Return the cells in the order of ROW_COLUMNS."""
        return tuple(self.cells[name] for name in COLUMN_NAMES)
