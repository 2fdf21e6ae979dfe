"""What followed each state: returns after its sessions beside returns after any session, with the doubt in figures.

Windows of neighbouring sessions overlap, so sessions are not independent trials. Wilson's interval therefore counts
the windows that fit beside one another, and the bootstrap resamples runs of sessions as long as the horizon.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from functools import cache
from itertools import groupby, product
from operator import itemgetter
from types import MappingProxyType
from typing import Any, Final, get_type_hints

import numpy as np
import polars as pl

from analytics.regimes.declared import regime_table
from analytics.regimes.episodes import episodes_of, long_states
from analytics.regimes.forward_returns import HORIZONS, NO_DIVIDENDS, PENDING, UNPRICED
from analytics.regimes.frames import schema_of
from analytics.regimes.statistics import (
    Counts,
    Doubles,
    block_weights,
    percentile_interval,
    quantile,
    resampled_medians,
    wilson,
    windows_that_fit,
)
from analytics.regimes.types import CORE, DIMENSIONS, LAYERS, PLUMBING, UNKNOWN, DayInputs

RESAMPLES: Final = 1000
SEED: Final = 20260206
FEW_EPISODES: Final = 20
"""Fewer episodes than this say too little, whatever the number of sessions."""

WINDOWS_RESAMPLED: Final = 5
"""From fewer windows apart a bootstrap draws the same few returns again and again, and looks surer than it is."""

OUTCOMES: Final = regime_table(
    "regime_outcomes",
    few_episodes=FEW_EPISODES,
    resamples=RESAMPLES,
    seed=SEED,
    windows_resampled=WINDOWS_RESAMPLED,
)


KINDS: Final = ("price", "close_to_close", "total_return")
_COLUMNS: Final[Mapping[str, tuple[str, str, str]]] = MappingProxyType(
    {
        "price": ("return_{}d_ratio", "max_adverse_{}d_ratio", "entry_basis"),
        "close_to_close": ("close_return_{}d_ratio", "close_max_adverse_{}d_ratio", ""),
        "total_return": ("total_return_{}d_ratio", "", ""),
    }
)
"""Of each kind the columns of FORWARD_RETURNS: return, excursion, and at which price it enters (without: a close)."""


def regime_outcomes(
    rows: pl.DataFrame, returns: pl.DataFrame, *, resamples: int = RESAMPLES, seed: int = SEED
) -> pl.DataFrame:
    """Return OUTCOMES of `rows` (session_date, cutoff_at, the columns of SUBJECTS) and their FORWARD_RETURNS."""
    states = long_states(rows)
    episodes = episodes_of(states).select("dimension", "episode_number", pl.col("began_date").alias("session_date"))
    numbered = (
        states.join(episodes, on=["dimension", "session_date"], how="left", maintain_order="left")
        .with_columns(pl.col("episode_number").forward_fill().over("dimension"))
        .join(returns.drop("cutoff_at"), on="session_date", how="left", maintain_order="left")
        .join(_revised(rows), on=["dimension", "session_date"], how="left", maintain_order="left")
        .with_columns(pl.col("is_revised").fill_null(value=False))
        .with_columns(pl.int_range(pl.len()).over("dimension").alias("place"))
    )
    known = pl.col("session_date").filter(pl.col("state") != UNKNOWN).min().over("dimension")
    sampled = numbered.filter(pl.col("session_date") >= known)
    found = []
    weights_of = cache(block_weights)  # kinds that lack the same sessions are drawn alike
    for horizon, kind in product(HORIZONS, KINDS):
        result, worst, basis = (column.format(horizon) for column in _COLUMNS[kind])
        is_over = returns.sort("session_date")[result].is_not_null()
        weights = weights_of(int(is_over.sum()), horizon, resamples, seed)
        # which of the resampled sessions a session is: they are those whose horizon is over, in their order
        drawn = (is_over.cast(pl.Int64).cum_sum() - 1).alias("drawn")
        told = sampled.select(
            *_READ,
            drawn.gather(sampled["place"]),
            result=pl.col(result),
            why=pl.col(result.replace("_ratio", "_reason")),
            worst=pl.col(worst) if worst else pl.lit(None, pl.Float64()),
            by=pl.col(basis) if basis else pl.lit("close"),
        )
        found += [row | {"return_kind": kind} for row in _of_returns(told, horizon, weights)]
    order = {name: place for place, name in enumerate(numbered["dimension"].unique(maintain_order=True))}
    return pl.DataFrame(found, schema=schema_of(OUTCOMES.columns), orient="row").sort(
        pl.col("dimension").replace_strict(order, return_dtype=pl.Int64),
        "state",
        "horizon_sessions_count",
        pl.col("return_kind").cast(pl.Enum(KINDS)),
    )


def _revised(rows: pl.DataFrame) -> pl.DataFrame:
    """Return dimension, session_date, is_revised of the sessions with an input that may have changed since."""
    named = (
        rows.select("session_date", pl.col("latest_only_inputs").str.split(", ").alias("input"))
        .explode("input", empty_as_null=False, keep_nulls=False)
        .drop_nulls()
    )
    found = [
        named.filter(pl.col("input").is_in([*_inputs(dimensions)]))
        .select(pl.lit(subject).alias("dimension"), "session_date", pl.lit(value=True).alias("is_revised"))
        .unique(maintain_order=True)
        for subject, dimensions in _STANDS_ON.items()
    ]
    return pl.concat(found)


def _inputs(dimensions: tuple[str, ...]) -> set[str]:
    groups = get_type_hints(DayInputs)
    return {entry.name for dimension in dimensions for entry in fields(groups[dimension])} - _NO_FIGURES


_NO_FIGURES: Final = {
    "coverage_ratio",
    "has_all_three_months",
    "sahm_two_of_three_pct",
    "put_call_window_count",
    "usdjpy_volatility_window_count",
}
"""How much of a month, a panel or a window is there is no figure that a revision changes, and two dimensions have a
`coverage_ratio`; that of two months is of a column beside the state."""

_STANDS_ON: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        **{name: (name,) for name in DIMENSIONS},
        "regime_class": (*CORE, *PLUMBING),
        "liquidity_dashboard": LAYERS,
        "sentiment": ("volatility", "options_sentiment", "etf_flows", "breadth", "leverage"),
    }
)


_READ: Final = ("dimension", "state", "session_date", "place", "episode_number", "is_revised")


def _of_returns(told: pl.DataFrame, horizon: int, weights: Counts) -> Iterator[dict[str, Any]]:
    """Yield the rows of one horizon and kind of return, of every dimension and state.

    `weights`: how often each session comes in each resample.
    """
    counted = pl.col("result").is_not_null() & ~pl.col("is_revised")
    lacks = pl.col("result").is_null() & ~pl.col("is_revised")
    is_pending = pl.col("why") == PENDING
    over = told.filter(counted)
    of_dimension = over.partition_by("dimension", as_dict=True)
    of_state = over.partition_by("dimension", "state", as_dict=True)
    states = told.group_by("dimension", "state").agg(
        pending_sessions_count=(lacks & is_pending).sum(),
        unpriced_sessions_count=(lacks & ~is_pending).sum(),
        revised_sessions_count=pl.col("is_revised").sum(),
        episodes_count=pl.col("episode_number").filter(counted).n_unique(),
        first_session_date=pl.col("session_date").filter(counted).min(),
        last_session_date=pl.col("session_date").filter(counted).max(),
        bases=pl.col("by").filter(counted).drop_nulls().unique(),
        reasons=pl.col("why").filter(lacks).unique().sort(),
    )
    for dimension, some in groupby(states.sort("dimension", "state").to_dicts(), itemgetter("dimension")):
        sample = of_dimension.get((dimension,), over.clear())
        baseline = _summary(sample["result"].to_numpy(), sample["worst"].to_numpy())
        for state in some:
            at = of_state.get((dimension, state["state"]), over.clear())
            bases, reasons = state.pop("bases"), state.pop("reasons")
            yield {
                **state,
                **_of_state(at, horizon, weights),
                "horizon_sessions_count": horizon,
                "is_too_few": state["episodes_count"] < FEW_EPISODES,
                "baseline_sessions_count": sample.height,
                "baseline_median_return_ratio": baseline["median"],
                "baseline_hit_rate_ratio": baseline["hit_rate"],
                "baseline_median_max_adverse_ratio": baseline["worst_median"],
                "entry_basis": _basis(bases),
                "reason_text": None if at.height else _told(reasons),
            }


def _of_state(at: pl.DataFrame, horizon: int, weights: Counts) -> dict[str, Any]:
    """Return the figures of the sessions of one dimension and state that count."""
    results = at["result"].to_numpy()
    told = _summary(results, at["worst"].to_numpy())
    windows = windows_that_fit(at["place"].to_numpy(), horizon)
    hits = None if told["hit_rate"] is None else wilson(told["hit_rate"], windows)
    medians = None
    if windows >= WINDOWS_RESAMPLED:
        medians = percentile_interval(resampled_medians(results, weights, at["drawn"].to_numpy()))
    return {
        "sessions_count": at.height,
        "windows_count": windows,
        "is_overlapping": windows < at.height,
        "median_return_ratio": told["median"],
        "p25_return_ratio": told["p25"],
        "p75_return_ratio": told["p75"],
        "median_return_low_ratio": _rounded(medians[0] if medians else None),
        "median_return_high_ratio": _rounded(medians[1] if medians else None),
        "hit_rate_ratio": told["hit_rate"],
        "hit_rate_low_ratio": _rounded(hits[0] if hits else None),
        "hit_rate_high_ratio": _rounded(hits[1] if hits else None),
        "median_max_adverse_ratio": told["worst_median"],
        "p10_max_adverse_ratio": told["worst_p10"],
    }


def _basis(bases: list[str]) -> str | None:
    return "mixed" if len(bases) > 1 else bases[0] if bases else None


def _told(reasons: list[str | None]) -> str:
    """Return why no session is counted as a sentence."""
    texts = [_WHY[reason] for reason in reasons if reason is not None]
    return "; ".join(texts) or "every session has an input that may have been revised since"


_WHY: Final = {
    NO_DIVIDENDS: "the dividends of SPY over the holding are not held",
    PENDING: "the horizon is not over",
    UNPRICED: "the horizon is over and a price is lacking",
}


def _summary(results: Doubles, worst: Doubles) -> dict[str, float | None]:
    """Return median, quartiles (between ranks, linearly: SQL's quantile_cont) and share above 0; None of nothing."""
    lowest = worst[~np.isnan(worst)]
    figures: dict[str, float | None] = dict.fromkeys(("median", "p25", "p75", "hit_rate", "worst_median", "worst_p10"))
    if len(results):
        ranked = np.sort(results)
        p25, median, p75 = (quantile(ranked, share) for share in (0.25, 0.5, 0.75))
        hits = int((results > 0).sum())
        figures |= {
            "median": _rounded(median),
            "p25": _rounded(p25),
            "p75": _rounded(p75),
            "hit_rate": hits / len(results),
        }
    if len(lowest):
        ranked = np.sort(lowest)
        p10, middle = quantile(ranked, 0.1), quantile(ranked, 0.5)
        figures |= {"worst_median": _rounded(middle), "worst_p10": _rounded(p10)}
    return figures


def _rounded(value: float | None) -> float | None:
    """Return a figure without the last bits, which depend on the machine: an unchanged day stays unchanged."""
    return None if value is None else round(float(value), 8)
