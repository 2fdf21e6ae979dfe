"""The ledger: every claim of the register tested on the marts of one database, the build file or a release alike."""

from __future__ import annotations

import operator
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from math import isnan
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from analytics.claims import regressions
from analytics.claims.definition import Claim, Outcome, Placebo
from analytics.claims.events import Places, spaced_in_blocks
from analytics.claims.expressions import Seen, names_in
from analytics.claims.figuring import Figuring, Question
from analytics.claims.functions import Known
from analytics.claims.testing import Sample, Trial
from analytics.claims.world import Conditions, World
from analytics.regimes.statistics import Doubles

if TYPE_CHECKING:
    from analytics.claims.kept import Rows
    from ingest.second_process import SecondProcess

HEADLINE: Final = "headline"
SENSITIVITY: Final = "cooldown_21"
OWN: Final = "own_cooldown"
WHOLE_MARKET: Final = "SPX"
"""The ticker of an event of the market as a whole."""
_SENSITIVITY_SESSIONS: Final = 21


@dataclass(slots=True)
class Ledger:
    """What the claims came to: rows of results, and per claim its condition on each session and its events."""

    results: list[dict[str, Any]] = field(default_factory=list)
    conditions: list[pl.DataFrame] = field(default_factory=list)
    events: list[pl.DataFrame] = field(default_factory=list)
    regressions: list[dict[str, Any]] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)


def run(world: World, claims: Sequence[Claim], versions: Mapping[str, int]) -> Ledger:
    """Return the results, conditions and events of the claims; verdicts are given over all rows of a release."""
    ledger, figuring = begin(world, claims, versions)
    figuring.finish()
    return ledger


def begin(
    world: World,
    claims: Sequence[Claim],
    versions: Mapping[str, int],
    left: Rows | None = None,
    second: SecondProcess | None = None,
) -> tuple[Ledger, Figuring]:
    """Return the ledger of the claims, whole once the figures that `second` works out are finished.

    Claims that `left` has are not tested again: their rows are those.
    """
    ledger, figuring = Ledger(), Figuring(second)
    for claim in claims:
        start = time.perf_counter()
        version = versions.get(claim.id, 1)
        if left is not None and claim.id in left:
            left.add(claim.id, ledger)
        elif claim.kind != "test":
            if claim.kind == "untestable":
                ledger.results.append(_untested(claim, version, claim.untestable_because or ""))
        elif lacking := world.missing(claim):
            ledger.results.append(_untested(claim, version, f"this release has no {', '.join(lacking)}"))
        else:
            _run_one(world, claim, version, ledger, figuring)
        ledger.seconds[claim.id] = time.perf_counter() - start
    return ledger, figuring


def _run_one(world: World, claim: Claim, version: int, ledger: Ledger, figuring: Figuring) -> None:
    assert claim.condition is not None
    seen: dict[str, Seen] = {}
    conditions = world.conditions(claim, claim.condition, claim.values, seen)
    if all(one.null_count() == len(one) for one in conditions):
        why = f"this release has no {', '.join(world.empty(claim)) or 'session on which it is known'}"
        ledger.results.append(_untested(claim, version, why))
        return
    sample = world.sample(claim, conditions)
    began = world.onsets(conditions)
    if not len(began) and (empty := world.empty(claim)):  # false for want of data is no test
        ledger.results.append(_untested(claim, version, f"this release has no {', '.join(empty)}"))
        return
    ledger.regressions += regressions.rows_of(world, claim, version)
    ledger.conditions.append(_condition_rows(world, claim, version, conditions))
    same = _onset_columns(world, claim, version, sample, began)
    cells = tuple(world.onsets(world.conditions(claim, claim.condition, cell, seen)) for cell in claim.grid())
    placebos = [_placebo(world, claim, one) for one in claim.placebos]
    rows: list[dict[str, Any]] = []
    questions: list[Question] = []
    for outcome in claim.outcomes:
        for horizon in claim.horizons:
            for name, cooldown in _cooldowns(claim, horizon).items():
                trial = _trial(world, claim, sample, began, outcome, horizon, cooldown)
                questions.append(Question(trial, cells if name == HEADLINE else None))
                rows.append(_named(claim, version, name, outcome, horizon))
                if name == HEADLINE:
                    ledger.events.append(_event_rows(claim, same, trial))
            cooldown = _headline_cooldown(claim, horizon)
            for one in placebos:
                questions.append(Question(_trial(world, claim, one.sample, one.began, outcome, horizon, cooldown)))
                rows.append(_named(claim, version, f"placebo_{one.name}", outcome, horizon, one.parameters))
    ledger.results += rows
    figuring.begin(rows, questions)


def _headline_cooldown(claim: Claim, horizon: int) -> int:
    """Return the cool-down of the headline: as long as the horizon, so that no two holdings overlap, or longer."""
    return max(horizon, claim.cooldown_sessions)


def _cooldowns(claim: Claim, horizon: int) -> dict[str, int]:
    found = {HEADLINE: _headline_cooldown(claim, horizon)}
    if _SENSITIVITY_SESSIONS not in found.values():
        found[SENSITIVITY] = _SENSITIVITY_SESSIONS
    if claim.cooldown_sessions not in found.values():
        found[OWN] = claim.cooldown_sessions
    return found


def _trial(
    world: World, claim: Claim, sample: Sample, began: Places, outcome: Outcome, horizon: int, cooldown: int
) -> Trial:
    since = world.sources[claim.source].out_of_sample_from
    return Trial(outcome, horizon, cooldown, began, world.measured(claim, outcome, horizon), sample, since)


@dataclass(frozen=True, slots=True)
class _Placebo:
    """A placebo on the sessions of the world: the same for each outcome and horizon."""

    name: str
    parameters: dict[str, float]
    sample: Sample
    began: Places


def _placebo(world: World, claim: Claim, placebo: Placebo) -> _Placebo:
    parameters = {**claim.values, **placebo.parameters}
    conditions = world.conditions(claim, placebo.condition or claim.condition or "", parameters)
    return _Placebo(placebo.name, parameters, world.sample(claim, conditions), world.onsets(conditions))


def _named(
    claim: Claim,
    version: int,
    parameter_set: str,
    outcome: Outcome,
    horizon: int,
    parameters: Mapping[str, float] | None = None,
) -> dict[str, Any]:
    return {
        "claim_id": claim.id,
        "claim_version": version,
        "claim_text": claim.text.en,
        "parameter_set": parameter_set,
        "parameters_text": _told(claim.values if parameters is None else parameters),
        "outcome": outcome.name,
        "claimed": outcome.claimed,
        "horizon_count": horizon,
        "horizon_unit": "days" if outcome.kind == "dovish_event" else "sessions",
        "command_text": f"tidegauge claims {claim.id}",
    }


def _told(parameters: Mapping[str, float]) -> str | None:
    return ", ".join(f"{name} = {value:g}" for name, value in sorted(parameters.items())) or None


def _untested(claim: Claim, version: int, why: str) -> dict[str, Any]:
    told = f"{why}; it would take {claim.needs}" if claim.needs else why
    return {
        "claim_id": claim.id,
        "claim_version": version,
        "claim_text": claim.text.en,
        "parameter_set": "none",
        "outcome": "none",
        "horizon_count": 0,
        "verdict": "pending" if claim.waits_for_history else "untestable_public",
        "verdict_reason": told,
        "reason_text": told,
        "command_text": f"tidegauge claims {claim.id}",
        "p_shift": None,
    }


def _condition_rows(world: World, claim: Claim, version: int, conditions: Conditions) -> pl.DataFrame:
    """Return the condition of each session from the claim's start on, and why it is unknown where it is.

    What only a placebo or a measure reads is no reason. Of a panel it is whether that of any member holds.
    """
    names = sorted(names_in(claim.condition or "") - set(claim.parameters))
    unknown = {f"no_{name}": _is_unknown(world.known(claim, name)) for name in names}
    named = [pl.when(f"no_{name}").then(pl.lit(name)) for name in names]
    reasons = pl.concat_str(named, separator=", ", ignore_nulls=True) if named else pl.lit("")
    frame = pl.DataFrame(
        {"session_date": world.spine.dates, "is_true": reduce(operator.or_, conditions), **unknown}
    ).filter(world.since(claim.starts))
    return frame.select(
        "session_date",
        "is_true",
        pl.lit(claim.id).alias("claim_id"),
        pl.lit(version).alias("claim_version"),
        pl.when(pl.col("is_true").is_null())
        .then(
            pl.when(reasons != "")
            .then(pl.lit("unknown at the cut-off: ") + reasons)
            .otherwise(pl.lit("a value inside its window is missing, or the window is not full yet"))
        )
        .alias("reason_text"),
    )


def _is_unknown(known: Sequence[Known]) -> pl.Series:
    """Say of each session whether no member has a value."""
    return reduce(operator.and_, (one.values.is_null() for one in known))


def _onset_columns(world: World, claim: Claim, version: int, sample: Sample, places: Places) -> dict[str, pl.Series]:
    """Return of every onset what is the same for each outcome and horizon."""
    days, members = places % sample.length, (places // sample.length).tolist()
    since = world.sources[claim.source].out_of_sample_from
    return {
        "claim_id": pl.Series([claim.id] * len(places), dtype=pl.String),
        "claim_version": pl.Series([version] * len(places), dtype=pl.Int64),
        "ticker": pl.Series([sample.members[one] or WHOLE_MARKET for one in members], dtype=pl.String),
        "session_date": world.spine.dates[days],
        "cutoff_at": world.spine.sessions["cutoff_at"][days],
        "is_out_of_sample": pl.Series(
            [since is not None and sample.dates[one] >= since for one in places.tolist()], dtype=pl.Boolean
        ),
    }


def _event_rows(claim: Claim, onsets: dict[str, pl.Series], test: Trial) -> pl.DataFrame:
    """Return every onset with its outcome, and under which cool-downs it counts."""
    places, measured, length = test.onsets, test.measured, test.sample.length
    counted = {name: spaced_in_blocks(places, size, length) for name, size in _cooldowns(claim, test.horizon).items()}
    by_21 = counted.get(SENSITIVITY, counted[HEADLINE])
    values = _beside(measured.values, places)
    states = [
        "pending" if is_pending else "complete" if is_over else "unpriced"
        for is_pending, is_over in zip(
            measured.is_pending[places].tolist(), values.is_not_null().to_list(), strict=True
        )
    ]
    return pl.DataFrame(
        {
            **onsets,
            "outcome": pl.Series([test.outcome.name] * len(places), dtype=pl.String),
            "horizon_count": pl.Series([test.horizon] * len(places), dtype=pl.Int64),
            "exit_date": measured.known_dates[places],
            "outcome_number": values,
            "close_outcome_number": _beside(measured.close, places),
            "total_outcome_number": _beside(measured.total, places),
            "state": pl.Series(states, dtype=pl.String),
            "is_headline": np.isin(places, counted[HEADLINE]),
            "is_cooldown_21": np.isin(places, by_21),
            "is_own_cooldown": np.isin(places, counted.get(OWN, by_21)),
        }
    )


def _beside(values: Doubles | None, places: Places) -> pl.Series:
    if values is None:
        return pl.Series([None] * len(places), dtype=pl.Float64)
    told = [None if isnan(one) else round(one, 8) for one in values[places].tolist()]
    return pl.Series(told, dtype=pl.Float64)
