"""The composites, from the states of the dimensions and the inputs: the liquidity dashboard (B), the sentiment
framework (A), the headline class (C). Unknown is a third truth value throughout: nothing is guessed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final

from analytics.regimes.dimensions import breadth_reason, covered_reason, credit_inputs
from analytics.regimes.fold import fold_publication, raw_level
from analytics.regimes.measures import bp, index, percent, ratio, size
from analytics.regimes.thresholds import PROXY, Measure, Measures, all_of, ladder, number, rule
from analytics.regimes.types import CORE, LAYERS, PLUMBING, SCORED, UNKNOWN, DayInputs, DimensionState, Memory

States = Mapping[str, DimensionState]

TIGHTENING: Final = "tightening"
EASING: Final = "easing"
NEITHER: Final = "neither"
_UNWIND: Final = "unwind"
"""Tightening by an unwind: what the carry layer may turn out to be when it is unknown."""

DASHBOARD_ORDER: Final = ("easy", "mixed", "tight_unconfirmed", "tight_confirmed", "deleveraging")
CLASSES: Final = ("CALM", "NORMAL", "CAUTION", "STRESS", "CRISIS")
OWN: Final = "own"


# ---- B: the liquidity dashboard ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Dashboard:
    """Composite B of one session. `layers`: tightening, easing, neither or unknown, by dimension."""

    state: str
    raw_state: str
    layers: Mapping[str, str]

    def count(self, verdict: str) -> int:
        """Return how many layers have this verdict."""
        return sum(layer == verdict for layer in self.layers.values())


def step_dashboard(memory: Memory, inputs: DayInputs, states: States) -> tuple[Memory, Dashboard]:
    """Return composite B of the session: published after the fold, and raw."""
    layers = dashboard_layers(inputs, states)
    raw = dashboard_state(layers, is_unwind=states["carry"].state == _UNWIND)
    sessions = int(number("dashboard", "publication"))
    memory, published = fold_publication(DASHBOARD_ORDER, sessions, memory, raw)
    return memory, Dashboard(published, raw, layers)


def dashboard_layers(inputs: DayInputs, states: States) -> dict[str, str]:
    """Return the verdict of each layer. One that meets both columns tightens."""
    measures = _dashboard_measures(inputs, states)
    return {name: _layer(name, measures) for name in LAYERS}


def _dashboard_measures(inputs: DayInputs, states: States) -> dict[str, Measure]:
    credit_change = credit_inputs(inputs)[2]
    rates = inputs.rates_volatility
    return {
        "nl_change_4w": percent(inputs.net_liquidity.nl_change_4w_ratio),
        "is_emergency_lending": _flag(states["net_liquidity"], "is_emergency_lending"),
        "funding_state": _known(states["funding"]),
        "rates_volatility_points": _points(states["rates_volatility"]),
        "is_move_jump": _flag(states["rates_volatility"], "is_move_jump"),
        "move": index(rates.move_index),
        "move_change_21d": index(rates.move_change_21d_index),
        "carry_state": _known(states["carry"]),
        "carry_2y_change_21d": bp(inputs.carry.carry_2y_change_21d_bp),
        "usdjpy_return_10d": percent(inputs.carry.usdjpy_return_10d_ratio),
        "credit_points": _points(states["credit"]),
        "spread_change_21d": bp(credit_change),
    }


def _layer(name: str, measures: Measures) -> str:
    tightens = rule("dashboard", name, TIGHTENING).holds(measures)
    if tightens is None:
        return UNKNOWN
    if tightens:
        return TIGHTENING
    return EASING if rule("dashboard", name, EASING).holds(measures) is True else NEITHER


def dashboard_state(layers: Mapping[str, str], *, is_unwind: bool) -> str:
    """Return the state on which every completion of the unknown layers agrees, else unknown."""
    missing = sum(layer == UNKNOWN for layer in layers.values())
    if rule("dashboard", "too_many_unknown", "state").holds({"unknown_layers": float(missing)}):
        return UNKNOWN
    found = {_completed(completion, is_unwind) for completion in _completions(layers)}
    return found.pop() if len(found) == 1 else UNKNOWN


def _completions(layers: Mapping[str, str]) -> list[dict[str, str]]:
    """Return every way in which the unknown layers may turn out; carry may also turn out to unwind."""
    choices = [
        (verdict,) if verdict != UNKNOWN else (TIGHTENING, EASING, NEITHER, *((_UNWIND,) if name == "carry" else ()))
        for name, verdict in layers.items()
    ]
    return [dict(zip(layers, chosen, strict=True)) for chosen in product(*choices)]


def _completed(layers: Mapping[str, str], is_unwind: bool) -> str:
    tight = {name for name, layer in layers.items() if layer in (TIGHTENING, _UNWIND)}
    easing = sum(layer == EASING for layer in layers.values())
    measures = {
        "tightening_layers": float(len(tight)),
        "easing_layers": float(easing),
        "is_credit_tightening": float("credit" in tight),
        "is_carry_unwind": float(is_unwind or layers["carry"] == _UNWIND),
        "is_rates_or_credit_tightening": float(bool(tight & {"rates_volatility", "credit"})),
    }
    return raw_level(ladder("dashboard"), measures).state


def _known(state: DimensionState) -> str | None:
    return None if state.state == UNKNOWN else state.state


def _points(state: DimensionState) -> float | None:
    return None if state.points is None else float(state.points)


def _flag(state: DimensionState, name: str) -> float | None:
    value = state.flags[name]
    return None if value is None else float(value)


# ---- A: the sentiment framework ------------------------------------------------------------------------------------

PANIC: Final = ("panic_vix", "panic_put_call", "panic_flows", "panic_breadth")
OPTIMISM: Final = ("optimism_vix", "optimism_put_call", "optimism_flows", "optimism_leverage")
Legs = Mapping[str, bool | None]
_LETTERS: Final[Mapping[bool | None, str]] = {True: "t", False: "f", None: "u"}
"""How a verdict is remembered: a leg's last sessions are a word of these."""


@dataclass(frozen=True, slots=True)
class Side:
    """Panic or optimism: how many legs are true, false and unknown, and whether that is enough."""

    true_count: int
    false_count: int
    unknown_count: int

    def holds(self, name: str) -> bool | None:
        """Say whether at least the needed number of legs is true; None while the unknown ones decide."""
        needed = rule("sentiment", name, "count")
        if needed.holds({"true_legs": float(self.true_count)}):
            return True
        return None if needed.holds({"true_legs": float(self.true_count + self.unknown_count)}) else False


@dataclass(frozen=True, slots=True)
class Sentiment:
    """Composite A of one window."""

    state: str
    legs: Legs
    panic: Side
    optimism: Side
    is_optimism_strong: bool | None
    is_conflict: bool | None


def step_sentiment(memory: Memory, inputs: DayInputs, states: States) -> tuple[Memory, dict[str, Sentiment]]:
    """Return composite A of the session alone (1d) and of the window of five (5d)."""
    measures = _sentiment_measures(inputs, states)
    today = {leg: rule("sentiment", leg, "leg").holds(measures) for leg in (*PANIC, *OPTIMISM)}
    sessions = int(number("sentiment", "window"))
    window = {leg: (memory.get(leg, "") + _LETTERS[verdict])[-sessions:] for leg, verdict in today.items()}
    normal = rule("sentiment", "normal", "state").holds(measures)
    return dict(window), {
        "1d": sentiment(today, normal),
        "5d": sentiment({leg: ever(letters, sessions) for leg, letters in window.items()}, normal),
    }


def ever(letters: str, sessions: int) -> bool | None:
    """Return a leg over its window: true if ever true, else unknown if ever unknown or the window is short."""
    if _LETTERS[True] in letters:
        return True
    return None if len(letters) < sessions or _LETTERS[None] in letters else False


def sentiment(legs: Legs, normal: bool | None) -> Sentiment:
    """Return composite A of these legs; `normal` is tested on the session's own values."""
    panic, optimism = _side(legs, PANIC), _side(legs, OPTIMISM)
    in_panic, in_optimism = panic.holds("panic"), optimism.holds("optimism")
    return Sentiment(
        _sentiment_state(in_panic, in_optimism, normal),
        legs,
        panic,
        optimism,
        optimism.holds("optimism_strong"),
        all_of((in_panic, in_optimism)),
    )


def _sentiment_state(panic: bool | None, optimism: bool | None, normal: bool | None) -> str:
    if panic:
        return "extreme_panic"
    if optimism:
        return "extreme_optimism"
    if panic is None or optimism is None or normal is None:
        return UNKNOWN
    return "normal" if normal else "mixed"


def _side(legs: Legs, names: Sequence[str]) -> Side:
    verdicts = [legs[name] for name in names]
    return Side(verdicts.count(True), verdicts.count(False), verdicts.count(None))


def _sentiment_measures(inputs: DayInputs, states: States) -> dict[str, Measure]:
    breadth, flows = inputs.breadth, inputs.etf_flows
    is_breadth_known = breadth_reason(breadth) is None
    is_flow_known = covered_reason("etf_flows", flows.coverage_ratio, flows.flow_5d_zscore) is None
    return {
        "vix": index(inputs.volatility.vix_index),
        "put_call_total": ratio(inputs.options_sentiment.put_call_total_ratio),
        "etf_flows_state": _known(states["etf_flows"]),
        "flow_5d_z_size": size(index(flows.flow_5d_zscore)) if is_flow_known else None,
        "above_200dma": index(breadth.above_200dma_pct) if is_breadth_known else None,
        "leverage_state": _known(states["leverage"]),
    }


def legs_json(sentiments: Mapping[str, Sentiment]) -> str:
    """Return each leg with its verdicts in both windows."""
    return json.dumps(
        {leg: {window: found.legs[leg] for window, found in sentiments.items()} for leg in (*PANIC, *OPTIMISM)},
        separators=(",", ":"),
    )


# ---- C: the headline class -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Headline:
    """Composite C of one session."""

    regime_class: str
    raw_class: str
    core_class: str
    core_score: int | None
    core_score_raw: int | None
    plumbing_score: int | None
    driver: str | None
    quality: str | None
    is_partial: bool
    top_drivers: tuple[tuple[str, int], ...]


def step_headline(memory: Memory, states: States) -> tuple[Memory, Headline]:
    """Return composite C of the session: the class of the core score, lifted by the plumbing, after the fold."""
    score = total(states[name].points for name in CORE)
    core = class_of(score)
    missing = [name for name in PLUMBING if states[name].points is None]
    plumbing = plumbing_score(states)
    raw = lifted(core, plumbing, _known(states["funding"]))
    sessions = int(number("regime_class", "publication"))
    memory, published = fold_publication(CLASSES, sessions, memory, raw)
    driver = None if raw == UNKNOWN else "plumbing" if raw != core else "core"
    return memory, Headline(
        regime_class=published,
        raw_class=raw,
        core_class=core,
        core_score=score,
        core_score_raw=total(states[name].raw_points for name in CORE),
        plumbing_score=plumbing,
        driver=driver,
        quality=class_quality(states, driver),
        is_partial=bool(missing),
        top_drivers=top_drivers(states),
    )


def class_quality(states: States, driver: str | None) -> str | None:
    """Return `proxy` where a substitute series spoke in what made the class, else `own`; None of an unknown class."""
    if driver is None:
        return None
    lifting = [name for name in PLUMBING if states[name].points] if driver == "plumbing" else []
    return PROXY if any(states[name].quality == PROXY for name in (*CORE, *lifting)) else OWN


def total(points: Iterable[int | None]) -> int | None:
    """Return the sum of the points, None if any is unknown."""
    known = list(points)
    return None if None in known else sum(point for point in known if point is not None)


def class_of(score: float | None) -> str:
    """Return the class of a core score."""
    return UNKNOWN if score is None else raw_level(ladder("regime_class"), {"core_score": float(score)}).state


def plumbing_score(states: States) -> int | None:
    """Return the plumbing score: one unknown dimension counts 0, with two or three it is unknown."""
    known = [points for name in PLUMBING if (points := states[name].points) is not None]
    missing = float(len(PLUMBING) - len(known))
    if rule("regime_class", "plumbing_unknown", "state").holds({"unknown_plumbing": missing}):
        return None
    return sum(known)


def lifted(core_class: str, plumbing: int | None, funding_state: str | None) -> str:
    """Return the class after the plumbing overlay: one step at most, never CRISIS, none with the score unknown."""
    if core_class == UNKNOWN or plumbing is None:
        return core_class
    measures: Measures = {"plumbing_score": float(plumbing), "core_class": core_class, "funding_state": funding_state}
    lifts = (name for name in ("CAUTION", "STRESS") if rule("regime_class", name, "lift").holds(measures) is True)
    return next(lifts, core_class)


def top_drivers(states: States) -> tuple[tuple[str, int], ...]:
    """Return the dimensions that have points, most first; equal ones in the order of SCORED."""
    scored = [(name, points) for name in SCORED if (points := states[name].points)]
    return tuple(sorted(scored, key=lambda item: -item[1]))
