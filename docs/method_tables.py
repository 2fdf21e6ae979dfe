"""The tables and the SQL of docs/method.md, made from thresholds.csv and the other places where figures are defined.

The prose of the page is written by hand; what stands between `<!-- generated: … -->` and `<!-- end -->` is from here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from analytics.regimes.falsification import CONDITIONS
from analytics.regimes.known_episodes import EXPECTATIONS, KNOWN_SHARE, expectations
from analytics.regimes.outcomes import FEW_EPISODES, RESAMPLES, SEED, WINDOWS_RESAMPLED
from analytics.regimes.thresholds import MAIN, Ladder, Threshold, ladder, thresholds
from analytics.regimes.types import CORE
from analytics.regimes.validity import MEASURES

BLOCK = re.compile(r"(<!-- generated: (?P<name>[^>]+?) -->\n).*?(<!-- end -->)", re.DOTALL)

MEASURE_TEXTS = {
    "nl_change_4w": "I",
    "nl_change_13w": "T",
    "nl_change_4w_size": "size of I",
    "nl_change_13w_size": "size of T",
    "emergency_change_4w": "4-week growth of primary credit and BTFP",
    "print_day": "day of the print",
    "days_from_quarter_end": "days from the quarter's end",
    "days_since_known": "age of the last known observation",
    "sofr_iorb": "s",
    "sofr_iorb_ordinary_day": "s of a single ordinary day",
    "sofr_iorb_any_day": "s of any day",
    "sofr_99th_two_days": "SOFR's 99th percentile − SOFR, two days running",
    "window_span": "span of the three days",
    "ted_spread": "TED spread",
    "move": "MOVE",
    "move_change_5d": "5-session change of MOVE",
    "move_change_21d": "21-session change of MOVE",
    "proxy_rate_volatility": "realised volatility of the 10-year yield",
    "carry_2y_change_21d": "c",
    "usdjpy_return_10d": "f",
    "usdjpy_volatility_21d": "q",
    "spread": "L",
    "spread_change_21d": "Δ21",
    "vix": "VIX",
    "vvix_streak": "sessions in a row with VVIX above 110",
    "vix_vix3m": "VIX / VIX3M",
    "put_call_total": "total put/call ratio",
    "put_call_percentile": "its percentile",
    "above_200dma": "members above their 200-day average",
    "coverage": "coverage",
    "flow_5d_z": "z",
    "flow_5d_z_size": "size of z",
    "flow_5d": "5-session flow",
    "margin_debt_yoy": "change over 12 months",
    "margin_debt_3m": "change over 3 months",
    "sahm": "Sahm indicator",
    "is_emergency_lending": "emergency lending",
    "funding_state": "R2",
    "rates_volatility_points": "points of R3",
    "is_move_jump": "MOVE jump",
    "carry_state": "R4",
    "credit_points": "points of R5",
    "unknown_layers": "unknown layers",
    "tightening_layers": "layers that tighten",
    "easing_layers": "layers that ease",
    "is_credit_tightening": "credit layer tightens",
    "is_carry_unwind": "carry unwinds",
    "is_rates_or_credit_tightening": "rate-volatility or credit layer tightens",
    "lower_sessions": "better sessions in a row",
    "etf_flows_state": "R9",
    "leverage_state": "R10",
    "true_legs": "legs that are true",
    "window_sessions": "sessions in the window",
    "core_score": "S",
    "core_class": "class of S",
    "plumbing_score": "P",
    "unknown_plumbing": "unknown plumbing dimensions",
}
UNIT_TEXTS = {
    "pct": " %",
    "bp": " bp",
    "days": " days",
    "usd_bn": " USD billions",
    "usd_mn": " USD millions",
    "percentile": "th percentile",
}
SIGNS = {"<": "<", "<=": "≤", ">": ">", ">=": "≥"}

SQL_INPUTS = {
    "vix": ("volatility.vix_index", 2),
    "spread": ("credit.hy_oas_bp", 1),
    "spread_change_21d": ("credit.hy_oas_change_21d_bp", 1),
    "move": ("rates_volatility.move_index", 2),
    "above_200dma": ("breadth.above_200dma_pct", 2),
}
"""Where inputs_json has the measures of the core score, and to how many decimals they are compared."""


def filled(page: str) -> str:
    """Return the page with every generated block made anew; KeyError on a block nobody makes."""
    return BLOCK.sub(lambda found: found[1] + block(found["name"]) + found[3], page)


def block(name: str) -> str:
    """Return the text of one generated block, `kind subject`."""
    kind, _, subject = name.partition(" ")
    return _BLOCKS[kind](subject)


def comparison_text(line: Threshold) -> str:
    """Return one comparison as a person reads it."""
    what = MEASURE_TEXTS[line.measure]
    if line.unit == "flag":
        return what if line.comparison == ">=" else f"no {what}"
    if line.comparison == "in":
        return f"{what} is {' or '.join(line.value.split('|'))}"
    if line.comparison == "within":
        return f"{what} {line.value.replace('..', ' to ')}"
    return f"{what} {SIGNS[line.comparison]} {line.value}{UNIT_TEXTS.get(line.unit, '')}"


def _clauses(lines: Iterable[Threshold]) -> str:
    clauses: dict[int | None, list[str]] = {}
    for line in lines:
        clauses.setdefault(line.clause, []).append(comparison_text(line))
    return ", or ".join(" and ".join(tests) for tests in clauses.values())


def _of(dimension: str, basis: str, test: str, state: str | None = None) -> list[Threshold]:
    return [
        line
        for line in thresholds()
        if (line.dimension, line.basis, line.test) == (dimension, basis, test) and state in (None, line.state)
    ]


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    titles = list(heads)
    lines = [titles, ["---"] * len(titles), *(list(row) for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _states(subject: str) -> str:
    """Return the states of a dimension, worst last: when entered, when left, how many points."""
    dimension, _, basis = subject.partition(" ")
    rows = []
    for level in reversed(_by_severity(ladder(dimension, basis or MAIN))):
        entered = _clauses(_of(dimension, basis or MAIN, "enter", level.state)) or "otherwise"
        leave = _of(dimension, basis or MAIN, "exit", level.state)
        left = f"{_clauses(leave)}, {level.exit_n} observations in a row" if leave else "when the rule no longer holds"
        extra = _of(dimension, basis or MAIN, "points", level.state)
        more = "".join(
            f"; {points} if {_clauses(line for line in extra if line.points == points)}"
            for points, _ in level.more_points
        )
        scored = "–" if level.base_points is None else f"{level.base_points}{more}"
        rows.append((f"`{level.state}`", entered, left, scored))
    return _table(("state", "entered when", "left when", "points"), rows)


def _by_severity(levels: Ladder) -> Ladder:
    return tuple(sorted(levels, key=lambda level: -level.severity))


def _tests(subject: str) -> str:
    """Return the other lines of a dimension, of the kinds named: name, kind, test."""
    dimension, *kinds = subject.split(" ")
    rows = []
    for kind in kinds:
        names = dict.fromkeys(line.state for line in _of(dimension, MAIN, kind))
        for name in names:
            lines = _of(dimension, MAIN, kind, name)
            counts = {line.exit_n for line in lines} - {None}
            often = f", {counts.pop()} observations in a row" if counts else ""
            rows.append((f"`{name}`", kind, f"{_clauses(lines)}{often}"))
    return _table(("name", "kind", "holds when"), rows)


def _layers(_subject: str) -> str:
    names = dict.fromkeys(line.state for line in _of("dashboard", MAIN, "tightening"))
    rows = [
        (f"`{name}`", *(_clauses(_of("dashboard", MAIN, kind, name)) for kind in ("tightening", "easing")))
        for name in names
    ]
    return _table(("layer", "tightens when", "eases when"), rows)


def _validity(_subject: str) -> str:
    rows = [
        (
            f"`{measure.reference}`",
            measure.name,
            measure.compared,
            "–"
            if measure.threshold is None
            else f"{SIGNS[measure.comparison]} {measure.threshold:g}{' pp' if measure.unit == 'pct' else ''}",
        )
        for measure in MEASURES
    ]
    return _table(("reference", "measure", "what is compared", "expected"), rows)


def _conditions(_subject: str) -> str:
    rows = [
        (f"`{name}`", text, f"{SIGNS[comparison]} {threshold:g} {unit}")
        for name, text, unit, comparison, threshold in CONDITIONS
    ]
    return _table(("condition", "we withdraw the class when", "met at"), rows)


def _figures(_subject: str) -> str:
    """Return the figures of what followed and of the known episodes."""
    kinds = [expectation.kind for expectation in expectations()]
    rows = (
        ("episodes under which a state is flagged `is_too_few`", str(FEW_EPISODES)),
        ("resamples of the block bootstrap", str(RESAMPLES)),
        ("its seed", str(SEED)),
        ("windows under which a median gets no interval", str(WINDOWS_RESAMPLED)),
        ("share of a window that must be known for a negative finding", f"{100 * KNOWN_SHARE:g} %"),
        (f"expectations in `{EXPECTATIONS.name}`", str(len(kinds))),
    )
    return _table(("figure", "value"), rows)


def core_check_sql() -> str:
    """Return a query for the rows whose raw core score differs from one recomputed from their inputs."""
    inputs = ",\n".join(
        f"        round((inputs_json ->> '$.{path}.value')::double, {digits}) as {name}"
        for name, (path, digits) in SQL_INPUTS.items()
    )
    points = "\n        + ".join(_case(name) for name in CORE)
    return f"""with inputs as (
    select
        session_date,
        core_score_raw,
{inputs}
    from marts.regime_daily
    where core_score_raw is not null
        and credit_quality is distinct from 'proxy'
        and rates_volatility_quality is distinct from 'proxy'
),
recomputed as (
    select
        session_date,
        core_score_raw,
        {points} as by_hand
    from inputs
)
select * from recomputed where by_hand <> core_score_raw
"""  # noqa: S608  # words of this module and of thresholds.csv


def _case(dimension: str) -> str:
    whens = []
    for level in ladder(dimension):
        if level.enter.clauses:
            rule = " or ".join(
                " and ".join(f"{line.measure} {line.comparison} {line.value}" for line in clause)
                for clause in level.enter.clauses
            )
            whens.append(f"when {rule} then {level.base_points}")
        else:
            whens.append(f"else {level.base_points}")
    return f"case {' '.join(whens)} end"


def _core_sql(_subject: str) -> str:
    return f"```sql\n{core_check_sql()}```\n"


_BLOCKS: dict[str, Callable[[str], str]] = {
    "states": _states,
    "tests": _tests,
    "layers": _layers,
    "validity": _validity,
    "conditions": _conditions,
    "figures": _figures,
    "core-sql": _core_sql,
}
