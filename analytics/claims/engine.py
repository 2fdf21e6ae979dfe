"""The ledger: every claim of the register tested on the marts of one database, the build file or a release alike."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from analytics.claims.definition import Claim, Outcome, sources
from analytics.claims.events import Places, onsets, spaced
from analytics.claims.expressions import evaluate
from analytics.claims.functions import Known
from analytics.claims.known import Spine, available, read_features, read_spine
from analytics.claims.outcomes import Outcomes
from analytics.claims.testing import Sample, Trial, bucket_of, figures_of, sign_of_effect

if TYPE_CHECKING:
    import duckdb

HEADLINE: Final = "headline"
SENSITIVITY: Final = "cooldown_21"
OWN: Final = "own_cooldown"
_SENSITIVITY_SESSIONS: Final = 21
_INDEX: Final = "sp500_close_index"
_LATEST_ONLY: Final = "latest_only_inputs"
_REVISED: Final[Mapping[str, str]] = {
    "consumer_credit_flow_usd_bn": "consumer_credit_total_flow",
    "revolving_credit_flow_usd_bn": "consumer_credit_revolving_flow",
    "real_pce_saar_usd_bn": "real_pce",
    "unrate_pct": "unrate",
    "gdp_usd_bn": "gdp",
}
"""Features whose first print differs from what stands today: without its vintages they are unknown."""


@dataclass(slots=True)
class Ledger:
    """What the claims came to: rows of results, and per claim its condition on each session and its events."""

    results: list[dict[str, Any]] = field(default_factory=list)
    conditions: list[pl.DataFrame] = field(default_factory=list)
    events: list[pl.DataFrame] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)


class World:
    """What the claims are tested on: spine, features and outcomes of one database, read once."""

    def __init__(self, con: duckdb.DuckDBPyConnection, claims: Iterable[Claim]) -> None:
        self.spine: Spine = read_spine(con)
        self.there = available(con)
        wanted = {name for claim in claims for name in claim.features()} & set(self.there)
        self.features: dict[str, Known] = read_features(con, self.spine, wanted | {_INDEX})
        self.outcomes = Outcomes(con, self.spine, dict(self.features))  # what came of it is as it stands today
        self._hide_revised(con)
        self.tickers = {row[0] for row in con.execute("select distinct ticker from marts.prices_daily").fetchall()}
        closes = self.features[_INDEX].values.cast(pl.Float64)
        drawdowns = (closes / closes.cum_max() - 1).fill_null(np.nan).to_numpy()
        self.buckets = bucket_of(drawdowns)
        self.dates: list[date] = self.spine.dates.to_list()
        self.sources = sources()

    def _hide_revised(self, con: duckdb.DuckDBPyConnection) -> None:
        """Make a revised feature unknown where its first print is not held: what stands today was not known then."""
        held = [name for name in self.features if name in _REVISED]
        if not held:
            return
        told = con.execute(f"select {_LATEST_ONLY} as told from marts.market_known_daily order by session_date").pl()
        named = told["told"].fill_null("").str.split(", ")
        for name in held:
            known = self.features[name]
            is_latest = named.list.contains(_REVISED[name])
            values = pl.select(pl.when(~is_latest).then(known.values)).to_series()
            self.features[name] = Known(values, known.periods, known.sessions)

    def until(self, count: int) -> World:
        """Return the world as it was after so many sessions: a condition must not differ in it."""
        cut = copy(self)
        cut.spine = Spine(self.spine.sessions.head(count))
        cut.features = {
            name: Known(x.values.head(count), _head(x.periods, count), _head(x.sessions, count))
            for name, x in self.features.items()
        }
        return cut

    def missing(self, claim: Claim) -> list[str]:
        """Return the features and funds that a claim needs and this release does not have."""
        lacking = sorted(claim.features() - set(self.there))
        funds = {
            one
            for outcome in claim.outcomes
            if outcome.kind != "change"
            for one in (outcome.of, outcome.against)
            if one
        }
        lacking += [f"prices of {ticker}" for ticker in sorted(funds - self.tickers)]
        return lacking

    def empty(self, claim: Claim) -> list[str]:
        """Return the features of a claim that no session knows."""
        return [
            f"first prints of {name}" if name in _REVISED else f"values of {name}"
            for name in sorted(claim.features() & set(self.features))
            if self.features[name].values.null_count() == len(self.spine)
        ]

    def condition(self, claim: Claim, text: str, parameters: Mapping[str, float]) -> pl.Series:
        """Return the condition on each session, NULL before the claim's start."""
        found = evaluate(text, self.features, parameters)
        return pl.select(pl.when(self.spine.dates >= claim.starts).then(found)).to_series()

    def sample(self, condition: pl.Series) -> Sample:
        """Return the sample of a condition: from its first known session on."""
        is_known = condition.is_not_null().to_numpy()
        first = int(np.argmax(is_known)) if is_known.any() else len(is_known)
        return Sample(self.dates, is_known, self.buckets, first)


def run(world: World, claims: Sequence[Claim], versions: Mapping[str, int]) -> Ledger:
    """Return the results, conditions and events of the claims; verdicts are given over all rows of a release."""
    ledger = Ledger()
    for claim in claims:
        start = time.perf_counter()
        version = versions.get(claim.id, 1)
        if claim.kind != "test":
            if claim.kind == "untestable":
                ledger.results.append(_untested(claim, version, claim.untestable_because or ""))
        elif lacking := world.missing(claim):
            ledger.results.append(_untested(claim, version, f"this release has no {', '.join(lacking)}"))
        else:
            _run_one(world, claim, version, ledger)
        ledger.seconds[claim.id] = time.perf_counter() - start
    return ledger


def _run_one(world: World, claim: Claim, version: int, ledger: Ledger) -> None:
    assert claim.condition is not None
    condition = world.condition(claim, claim.condition, claim.values)
    if condition.null_count() == len(condition):
        why = f"this release has no {', '.join(world.empty(claim)) or 'session on which it is known'}"
        ledger.results.append(_untested(claim, version, why))
        return
    sample = world.sample(condition)
    began = onsets(condition)
    if not len(began) and (empty := world.empty(claim)):  # false for want of data is no test
        ledger.results.append(_untested(claim, version, f"this release has no {', '.join(empty)}"))
        return
    ledger.conditions.append(_condition_rows(world, claim, version, condition))
    cells = [onsets(world.condition(claim, claim.condition, cell)) for cell in claim.grid()]
    for outcome in claim.outcomes:
        for horizon in claim.horizons:
            headline = _test(world, claim, sample, began, outcome, horizon, _headline_cooldown(claim, horizon))
            shares = _grid(world, claim, sample, cells, outcome, horizon)
            for name, cooldown in _cooldowns(claim, horizon).items():
                test = _test(world, claim, sample, began, outcome, horizon, cooldown)
                row = _named(claim, version, name, outcome, horizon) | figures_of(test)
                ledger.results.append(row | (shares if name == HEADLINE else _NO_GRID))
            ledger.events.append(_event_rows(world, claim, version, headline))
            for placebo in claim.placebos:
                ledger.results.append(_placebo(world, claim, version, placebo.name, outcome, horizon))


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


def _test(
    world: World, claim: Claim, sample: Sample, began: Places, outcome: Outcome, horizon: int, cooldown: int
) -> Trial:
    since = world.sources[claim.source].out_of_sample_from
    return Trial(outcome, horizon, cooldown, began, world.outcomes.measured(outcome, horizon), sample, since)


def _grid(
    world: World, claim: Claim, sample: Sample, cells: list[Places], outcome: Outcome, horizon: int
) -> dict[str, Any]:
    """Return how many cells of the parameter grid there are, and the share of those with events on the claimed side."""
    cooldown = _headline_cooldown(claim, horizon)
    signs = [sign_of_effect(_test(world, claim, sample, one, outcome, horizon, cooldown)) for one in cells]
    known = [one for one in signs if one is not None]
    share = round(sum(one > 0 for one in known) / len(known), 6) if known else None
    return {"grid_cells_count": len(cells), "grid_cells_tested_count": len(known), "grid_same_sign_ratio": share}


_NO_GRID: Final = {"grid_cells_count": None, "grid_cells_tested_count": None, "grid_same_sign_ratio": None}


def _placebo(world: World, claim: Claim, version: int, name: str, outcome: Outcome, horizon: int) -> dict[str, Any]:
    placebo = next(one for one in claim.placebos if one.name == name)
    parameters = {**claim.values, **placebo.parameters}
    condition = world.condition(claim, placebo.condition or claim.condition or "", parameters)
    sample = world.sample(condition)
    test = _test(world, claim, sample, onsets(condition), outcome, horizon, _headline_cooldown(claim, horizon))
    row = _named(claim, version, f"placebo_{name}", outcome, horizon) | figures_of(test) | _NO_GRID
    row["parameters_text"] = _told(parameters)
    return row


def _named(claim: Claim, version: int, parameter_set: str, outcome: Outcome, horizon: int) -> dict[str, Any]:
    return {
        "claim_id": claim.id,
        "claim_version": version,
        "claim_text": claim.text.en,
        "parameter_set": parameter_set,
        "parameters_text": _told(claim.values),
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
        "verdict": "untestable_public",
        "verdict_reason": told,
        "reason_text": told,
        "command_text": f"tidegauge claims {claim.id}",
        "p_shift": None,
    }


def _condition_rows(world: World, claim: Claim, version: int, condition: pl.Series) -> pl.DataFrame:
    """Return the condition of each session from the claim's start on, and why it is unknown where it is."""
    unknown = [
        pl.select(pl.when(world.features[name].values.is_null()).then(pl.lit(name))).to_series().alias(name)
        for name in sorted(claim.features() & set(world.features))
    ]
    frame = pl.DataFrame({"session_date": world.spine.dates, "is_true": condition})
    reasons = pl.DataFrame(unknown).select(pl.concat_str(pl.all(), separator=", ", ignore_nulls=True)).to_series()
    return frame.with_columns(
        pl.lit(claim.id).alias("claim_id"),
        pl.lit(version).alias("claim_version"),
        pl.when(pl.col("is_true").is_null())
        .then(
            pl.when(pl.Series(reasons) != "")
            .then(pl.lit("unknown at the cut-off: ") + pl.Series(reasons))
            .otherwise(pl.lit("a value inside its window is missing, or the window is not full yet"))
        )
        .alias("reason_text"),
    ).filter(pl.col("session_date") >= claim.starts)


def _event_rows(world: World, claim: Claim, version: int, test: Trial) -> pl.DataFrame:
    """Return every onset with its outcome, and under which cool-downs it counts."""
    places = test.onsets
    measured = test.measured
    counted = {name: set(spaced(places, size).tolist()) for name, size in _cooldowns(claim, test.horizon).items()}
    taken = pl.Series(places)
    values = [None if np.isnan(one) else round(float(one), 8) for one in measured.values[places]]
    later = world.spine.dates.shift(-test.horizon)  # where a price is missing there is no exit, but its day has come
    exits = pl.select(pl.coalesce(measured.known_dates, later)).to_series().gather(taken)
    return pl.DataFrame(
        {
            "claim_id": [claim.id] * len(places),
            "claim_version": [version] * len(places),
            "outcome": [test.outcome.name] * len(places),
            "horizon_count": [test.horizon] * len(places),
            "session_date": world.spine.dates.gather(taken),
            "cutoff_at": world.spine.sessions["cutoff_at"].gather(taken),
            "exit_date": exits,
            "outcome_number": pl.Series(values, dtype=pl.Float64),
            "close_outcome_number": _beside(measured.close, places),
            "total_outcome_number": _beside(measured.total, places),
            "state": [
                "pending" if measured.is_pending[one] else "complete" if value is not None else "unpriced"
                for one, value in zip(places, values, strict=True)
            ],
            "is_headline": [int(one) in counted[HEADLINE] for one in places],
            "is_cooldown_21": [int(one) in counted.get(SENSITIVITY, counted[HEADLINE]) for one in places],
            "is_own_cooldown": [
                int(one) in counted.get(OWN, counted.get(SENSITIVITY, counted[HEADLINE])) for one in places
            ],
            "is_out_of_sample": [
                test.out_of_sample_from is not None and world.dates[one] >= test.out_of_sample_from for one in places
            ],
        }
    )


def _head(values: pl.Series | None, count: int) -> pl.Series | None:
    return None if values is None else values.head(count)


def _beside(values: Any, places: Places) -> pl.Series:
    if values is None:
        return pl.Series([None] * len(places), dtype=pl.Float64)
    return pl.Series([None if np.isnan(one) else round(float(one), 8) for one in values[places]], dtype=pl.Float64)
