"""What each claim reads, for a reader who asks where a cell of claims.* comes from."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from analytics.claims.definition import Claim, Outcome
from analytics.claims.expressions import names_in
from analytics.claims.known import MARKET, declared_features

if TYPE_CHECKING:
    from analytics.claims.world import World

CONDITION: Final = "condition"
OUTCOME: Final = "outcome"
REGRESSION: Final = "regression"
_RETURNS: Final = "marts.forward_returns_daily"
_PRICES: Final = "marts.prices_daily"
_CALENDAR: Final = ("session_month", "next_session_month", "is_expiry_session")
_EVENT: Final = "is_event"
_CHOSEN: Final = re.compile(r"\b([a-z_]+) = '([^']+)'")


def rows_of(world: World, claims: Sequence[Claim]) -> list[dict[str, Any]]:
    """Return what the conditions, outcomes and regressions of each claim read, as far as this release has it."""
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    for claim in claims:
        for use, (path, column, chosen) in _of_claim(world, claim):
            key = (claim.id, use, path, column, chosen)
            named = {"claim_id": claim.id, "input_use": use, "input_path": path, "input_column": column}
            found.setdefault(key, {**named, "chosen_text": chosen})
    return list(found.values())


_Source = tuple[str, str, str]
"""Table, column, and which rows of it: `ticker = IGV`; nothing where the session says which."""


def _of_claim(world: World, claim: Claim) -> Iterator[tuple[str, _Source]]:
    if claim.kind != "test":
        return
    texts = [(CONDITION, one) for one in (claim.condition, *(one.condition for one in claim.placebos)) if one]
    texts += [(REGRESSION, text) for one in claim.regressions for text in (one.of, one.against) if text]
    for use, text in texts:
        for name in sorted(names_in(text) - set(claim.parameters)):
            yield from ((use, one) for one in _of_feature(world, name))
    for outcome in claim.outcomes:
        for horizon in claim.horizons:
            yield from ((OUTCOME, one) for one in _of_outcome(world, outcome, horizon))


def _of_feature(world: World, name: str) -> Iterator[_Source]:
    if name in _CALENDAR:
        yield "marts.sessions", "session_date", ""
    elif name in declared_features() and name in world.there:
        entry = declared_features()[name]
        chosen = dict(_CHOSEN.findall(entry.get("where", entry.get("rows", ""))))
        column = entry["column"]
        if column == _EVENT:  # made of what dates the event
            column = next(one for one in entry["needs"] if one not in chosen and one != entry.get("by"))
        yield f"marts.{entry['mart']}", column, ", ".join(f"{key} = {value}" for key, value in chosen.items())
    elif world.there.get(name) == MARKET:
        yield f"marts.{MARKET}", name, ""


def _of_outcome(world: World, outcome: Outcome, horizon: int) -> Iterator[_Source]:
    if outcome.kind == "dovish_event":
        yield "marts.policy_events", "is_dovish", ""
    elif outcome.is_of_feature:
        yield from _of_feature(world, str(outcome.of))
    elif outcome.of is not None:
        for fund in (outcome.of, outcome.against):
            chosen = "" if fund in (None, "each") else f"ticker = {fund}"
            yield (_PRICES, "close_split_adjusted_usd", chosen) if fund else (_RETURNS, f"return_{horizon}d_ratio", "")
    elif outcome.kind in ("realised_volatility", "max_drawdown", "best_return"):
        yield "marts.market_daily", "sp500_close_index", ""
    elif outcome.kind == "max_adverse":
        yield _RETURNS, f"max_adverse_{horizon}d_ratio", ""
    else:
        yield _RETURNS, f"return_{horizon}d_ratio", ""


def lineage_of(inputs: Sequence[dict[str, Any]]) -> list[tuple[str, str, str, str]]:
    """Return table, column, input table and input column of what the claims publish, over all claims.

    Everything is made of many figures: no column of a claim is one of its inputs as it stands.
    """
    found = set()
    for one in inputs:
        read = one["input_path"], one["input_column"]
        if one["input_use"] == CONDITION:
            found.add(("conditions_daily", "is_true", *read))
        elif one["input_use"] == OUTCOME:
            found |= {("events", name, *read) for name in _OUTCOMES}
        else:
            found.add(("regressions", "value_number", *read))
    found |= {("results", name, "claims.events", "outcome_number") for name in _FIGURES}
    found.add(("events", "session_date", "claims.conditions_daily", "is_true"))
    return sorted(found)


_OUTCOMES: Final = ("outcome_number", "close_outcome_number", "total_outcome_number")
_FIGURES: Final = ("hit_ratio", "median", "mean", "min", "max", "effect", "p_shift", "q_value", "verdict")
