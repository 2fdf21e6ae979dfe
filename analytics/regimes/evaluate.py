"""One session through all rules, the only door to them: out come a row and the memory for the next session."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from analytics.regimes.columns import RegimeRow
from analytics.regimes.composites import (
    EASING,
    NEITHER,
    TIGHTENING,
    Dashboard,
    Headline,
    Sentiment,
    States,
    legs_json,
    step_dashboard,
    step_headline,
    step_sentiment,
)
from analytics.regimes.dimensions import STEPS, percentile_state, two_of_three_state
from analytics.regimes.explain import explain
from analytics.regimes.types import UNKNOWN, Cell, DayInputs, Memory, each_input, inputs_to_json
from warehouse.lived import MODEL_VERSION


def evaluate_day(memory: Memory, inputs: DayInputs, *, keeps_inputs: bool = True) -> tuple[Memory, RegimeRow]:
    """Return the memory after the session and its row. Sessions come in order; the first memory is empty.

    Default and at-close cut-offs are two histories: each keeps its own memory. Without `keeps_inputs` the row has no
    inputs_json, a tenth of the work.
    """
    before = memory.get("session_date")
    if before is not None and inputs.session_date <= date.fromisoformat(before):
        raise ValueError(f"session {inputs.session_date} is not after {before}, the last one in memory")
    after: Memory = {"session_date": inputs.session_date.isoformat()}
    states = {}
    for name, step in STEPS.items():
        after[name], states[name] = step(memory.get(name, {}), inputs)
    after["dashboard"], dashboard = step_dashboard(memory.get("dashboard", {}), inputs, states)
    after["sentiment"], sentiments = step_sentiment(memory.get("sentiment", {}), inputs, states)
    after["headline"], headline = step_headline(memory.get("headline", {}), states)
    cells: dict[str, Cell] = {
        "session_date": inputs.session_date,
        "cutoff_at": inputs.cutoff_at,
        "model_version": MODEL_VERSION,
        "explain_text": explain(inputs, states, headline, dashboard, sentiments),
        "latest_only_inputs": _latest_only(inputs),
        "inputs_json": inputs_to_json(inputs) if keeps_inputs else None,
        **_headline_cells(headline),
        **_dashboard_cells(dashboard),
        **_sentiment_cells(sentiments),
        **_dimension_cells(states),
        "options_sentiment_percentile_state": percentile_state(inputs),
        "labor_two_of_three_state": two_of_three_state(inputs),
    }
    return after, RegimeRow(cells)


def _headline_cells(headline: Headline) -> dict[str, Cell]:
    return {
        "regime_class": headline.regime_class,
        "regime_class_raw": headline.raw_class,
        "regime_class_core": headline.core_class,
        "core_score": headline.core_score,
        "core_score_raw": headline.core_score_raw,
        "plumbing_score": headline.plumbing_score,
        "driver": headline.driver,
        "regime_class_quality": headline.quality,
        "is_partial": headline.is_partial,
        "top_drivers": ", ".join(f"{name} {points}" for name, points in headline.top_drivers) or None,
    }


def _dashboard_cells(dashboard: Dashboard) -> dict[str, Cell]:
    return {
        "liquidity_dashboard_state": dashboard.state,
        "liquidity_dashboard_raw_state": dashboard.raw_state,
        "dashboard_tightening_count": dashboard.count(TIGHTENING),
        "dashboard_easing_count": dashboard.count(EASING),
        "dashboard_neither_count": dashboard.count(NEITHER),
        "dashboard_unknown_count": dashboard.count(UNKNOWN),
        **{f"dashboard_{name}_layer": verdict for name, verdict in dashboard.layers.items()},
    }


def _sentiment_cells(sentiments: Mapping[str, Sentiment]) -> dict[str, Cell]:
    cells: dict[str, Cell] = {
        "sentiment_state": sentiments["5d"].state,
        "sentiment_legs_json": legs_json(sentiments),
    }
    for window, found in sentiments.items():
        cells[f"sentiment_state_{window}"] = found.state
        cells[f"is_optimism_strong_{window}"] = found.is_optimism_strong
        cells[f"is_sentiment_conflict_{window}"] = found.is_conflict
        for name, side in (("panic", found.panic), ("optimism", found.optimism)):
            cells[f"{name}_{window}_true_count"] = side.true_count
            cells[f"{name}_{window}_false_count"] = side.false_count
            cells[f"{name}_{window}_unknown_count"] = side.unknown_count
    return cells


def _dimension_cells(states: States) -> dict[str, Cell]:
    cells: dict[str, Cell] = {}
    for name, state in states.items():
        cells |= {
            f"{name}_state": state.state,
            f"{name}_points": state.points,
            f"{name}_raw_state": state.raw_state,
            f"{name}_raw_points": state.raw_points,
            f"{name}_reason": state.reason,
            f"{name}_quality": state.quality,
            **state.flags,
        }
    return cells


def _latest_only(inputs: DayInputs) -> str | None:
    names = [
        name for _, name, entry in each_input(inputs) if entry.value is not None and entry.known_basis == "latest_only"
    ]
    return ", ".join(names) or None
