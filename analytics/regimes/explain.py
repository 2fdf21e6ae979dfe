"""The row in a plain sentence or two. Every figure is an input of the row, every word a state these inputs gave."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from analytics.regimes.composites import TIGHTENING, Dashboard, Headline, Sentiment, States
from analytics.regimes.dimensions import SOFR_BEGINS, credit_inputs
from analytics.regimes.measures import truth
from analytics.regimes.thresholds import PROXY, number
from analytics.regimes.types import CORE, LAYERS, PLUMBING, UNKNOWN, DayInputs, InputValue

NAMES: Final[Mapping[str, str]] = {
    "net_liquidity": "net liquidity",
    "funding": "funding",
    "rates_volatility": "rates volatility",
    "carry": "carry",
    "credit": "credit",
    "volatility": "volatility",
    "breadth": "breadth",
}


def explain(
    inputs: DayInputs, states: States, headline: Headline, dashboard: Dashboard, sentiments: Mapping[str, Sentiment]
) -> str:
    """Return the headline class with what made it, then liquidity and sentiment."""
    first = (
        _unknown_sentence(inputs, states) if headline.core_score is None else _class_sentence(inputs, states, headline)
    )
    return f"{first} {_liquidity_sentence(inputs, states, dashboard, sentiments)}"


def _unknown_sentence(inputs: DayInputs, states: States) -> str:
    gaps = [
        f"{NAMES[name]} ({states[name].reason}{_last_used(inputs, name)})"
        for name in CORE
        if states[name].state == UNKNOWN
    ]
    return f"Unknown: the core score lacks {_listed(gaps)}."


def _last_used(inputs: DayInputs, name: str) -> str:
    """Return of which day the newest value was that a row had of a dimension, whichever series gave it."""
    group = getattr(inputs, name)
    entries = [getattr(group, entry) for entry in SPEAKING[name]]
    used = [e.last_used_date for e in entries if e.value is None and e.last_used_date is not None]
    return f", last value used of {max(used)}" if used else ""


SPEAKING: Final[Mapping[str, tuple[str, ...]]] = {
    "volatility": ("vix_index",),
    "credit": ("hy_oas_bp", "hy_oas_change_21d_bp", "baa_10y_bp", "baa_10y_change_21d_bp"),
    "rates_volatility": ("move_index", "proxy_rate_volatility_bp"),
    "breadth": ("above_200dma_pct",),
}
"""The inputs without which a dimension of the core is unknown."""

STAND_INS: Final[Mapping[str, str]] = {
    "credit": "credit by Baa over the 10-year",
    "rates_volatility": "rates volatility by the 10-year yield",
    "breadth": "breadth by the published series",
}
"""What spoke where the quality of a dimension is `proxy`."""


def _class_sentence(inputs: DayInputs, states: States, headline: Headline) -> str:
    scored = [name for name in CORE if states[name].points]
    if scored:
        parts = [_with(FIGURES[name](inputs), _judged(states, name)) for name in scored]
        why = f"from {_listed(parts)}"
    else:
        why = f"with {_listed([_with(FIGURES[name](inputs), _word(states[name].state)) for name in CORE])}"
    unsaid = [STAND_INS[name] for name in CORE if states[name].quality == PROXY and scored and name not in scored]
    by = f"; {_listed(unsaid)}" if unsaid else ""
    lift = _lift(inputs, states, headline)
    return f"{headline.regime_class}: core score {headline.core_score} of 12, {why}{by}{lift}."


def _lift(inputs: DayInputs, states: States, headline: Headline) -> str:
    said = ""
    if headline.driver == "plumbing":
        parts = [_with(FIGURES[name](inputs), _judged(states, name)) for name in PLUMBING if states[name].points]
        said = f", lifted from {headline.core_class} by {_listed(parts)}"
    if headline.raw_class != headline.regime_class:
        sessions = int(number("regime_class", "publication"))
        said += f"; this session alone is {headline.raw_class}, a better class waits for {sessions} sessions"
    return said


def _with(figure: str, judgement: str) -> str:
    """Return a figure with what it means in brackets, in those it has if it has some."""
    return f"{figure[:-1]}, {judgement})" if figure.endswith(")") else f"{figure} ({judgement})"


def _judged(states: States, name: str) -> str:
    points = states[name].points
    return f"{_word(states[name].state)}, {points} point{'' if points == 1 else 's'}"


def _liquidity_sentence(
    inputs: DayInputs, states: States, dashboard: Dashboard, sentiments: Mapping[str, Sentiment]
) -> str:
    tight = [name for name in LAYERS if dashboard.layers[name] == TIGHTENING]
    which = f": {_listed([_layer_figure(inputs, states, name) for name in tight])}" if tight else ""
    dark = dashboard.count(UNKNOWN)
    gaps = f", {dark} unknown" if dark else ""
    return (
        f"Liquidity dashboard {_word(dashboard.state)} ({len(tight)} of {len(LAYERS)} layers tight{gaps}{which}); "
        f"sentiment {_word(sentiments['5d'].state)}."
    )


def _layer_figure(inputs: DayInputs, states: States, name: str) -> str:
    """Return the figure of a layer, or its held state when the inputs to speak of are gone."""
    return NAMES[name] if states[name].state == UNKNOWN else FIGURES[name](inputs)


# ---- figures -------------------------------------------------------------------------------------------------------


def _volatility(inputs: DayInputs) -> str:
    return f"VIX {_number(inputs.volatility.vix_index, 2)}"


def _credit(inputs: DayInputs) -> str:
    basis, level, change = credit_inputs(inputs)
    name = "Baa over the 10-year" if basis == PROXY else "the high-yield spread"
    return f"{name} {_number(level, 0)} bp ({_number(change, 0, sign=True)} in 21 sessions)"


def _rates_volatility(inputs: DayInputs) -> str:
    given = inputs.rates_volatility
    if given.move_index.value is None:
        return f"10-year yield volatility {_number(given.proxy_rate_volatility_bp, 1)} bp"
    return f"MOVE {_number(given.move_index, 1)}"


def _breadth(inputs: DayInputs) -> str:
    given = inputs.breadth
    share = f"{_number(given.above_200dma_pct, 1)} % of S&P 500 members above their 200-day average"
    return f"{share} (published series)" if truth(given.is_published) else share


def _funding(inputs: DayInputs) -> str:
    given = inputs.funding
    if inputs.session_date < SOFR_BEGINS:
        return f"TED spread {_number(given.ted_spread_bp, 0)} bp"
    return f"SOFR {_number(given.sofr_iorb_bp, 1, sign=True)} bp against the rate on reserves"


def _carry(inputs: DayInputs) -> str:
    change = _number(inputs.carry.carry_2y_change_21d_bp, 1, sign=True)
    yen = _number(inputs.carry.usdjpy_return_10d_ratio, 1, sign=True, times=100)
    return f"two-year carry {change} bp in 21 sessions and USDJPY {yen} % in 10"


def _net_liquidity(inputs: DayInputs) -> str:
    given = inputs.net_liquidity
    short = _number(given.nl_change_4w_ratio, 2, sign=True, times=100)
    return f"net liquidity {short} % in 4 weeks"


FIGURES: Final[Mapping[str, Callable[[DayInputs], str]]] = {
    "net_liquidity": _net_liquidity,
    "funding": _funding,
    "rates_volatility": _rates_volatility,
    "carry": _carry,
    "credit": _credit,
    "volatility": _volatility,
    "breadth": _breadth,
}


def _number(entry: InputValue, digits: int, *, sign: bool = False, times: float = 1) -> str:
    if entry.value is None:
        return "unknown"
    value = round(times * entry.value, digits) + 0.0
    return f"{value:{'+' if sign else ''}.{digits}f}"


def _word(state: str) -> str:
    return state.replace("_", " ")


def _listed(parts: Sequence[str] | Iterable[str]) -> str:
    *most, last = parts
    return f"{', '.join(most)} and {last}" if most else last
