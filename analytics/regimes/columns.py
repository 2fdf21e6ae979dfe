"""The columns of a regime row, defined once: names, types and comments. Ledger, published table and docs use them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from analytics.regimes.types import DIMENSIONS, SCORED, Cell


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
