"""External validity: the core score beside published stress indices, and inputs beside another publisher of them.

Those indices contain the VIX and the same spreads, so agreement is consistency and not proof.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Literal

import polars as pl

from analytics.regimes.declared import regime_table
from analytics.regimes.frames import schema_of
from analytics.regimes.statistics import sign_agreement, spearman, top_overlap

WEEK_NEEDS: Final = 3
"""A week counts when so many of its sessions have a known score."""

STRESSED_SCORE: Final = 7
MIN_PAIRS: Final = 30
"""Fewer pairs than this are not compared."""

Comparison = Literal[">=", "<=", "<", ">"]

VALIDITY: Final = regime_table("regime_validity")


@dataclass(frozen=True, slots=True)
class Measured:
    """What a measure found: no value without enough pairs."""

    value: float | None
    pairs: int = 0
    first: date | None = None
    last: date | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class References:
    """What the score and its inputs are held against. Frames without rows where a reference is not there.

    `observations`: series_id, provider, period_date, value, newest vintages. `weekly_flows`: rows of
    marts.etf_flows_weekly. `breadth`: session_date, above_200dma_pct, coverage_ratio of our own count.
    """

    observations: pl.DataFrame
    weekly_flows: pl.DataFrame
    breadth: pl.DataFrame

    def series(self, series_id: str) -> pl.DataFrame:
        """Return period_date, value of a series, one value per period, the preferred provider's."""
        of = self.observations.filter((pl.col("series_id") == series_id) & pl.col("value").is_not_null())
        return (
            of.sort("period_date", "provider_rank")
            .unique("period_date", keep="first", maintain_order=True)
            .select("period_date", "value")
        )

    def provider(self, series_id: str, provider: str) -> pl.DataFrame:
        """Return period_date, value of a series as one provider has it."""
        own = (pl.col("series_id") == series_id) & (pl.col("provider") == provider) & pl.col("value").is_not_null()
        return self.observations.filter(own).select("period_date", "value")


@dataclass(frozen=True, slots=True)
class Measure:
    """One line of 7.1: what is compared, how, and what was expected before it was seen."""

    reference: str
    name: str
    compared: str
    unit: Literal["ratio", "pct"]
    comparison: Comparison
    threshold: float | None
    of: Callable[[pl.DataFrame, References], Measured]


def regime_validity(rows: pl.DataFrame, references: References) -> pl.DataFrame:
    """Return VALIDITY of `rows` (session_date, core_score) against what there is to hold it against."""
    found = []
    for measure in MEASURES:
        told = measure.of(rows, references)
        found.append(
            {
                "reference": measure.reference,
                "measure": measure.name,
                "compared_text": measure.compared,
                "value": None if told.value is None else round(told.value, 6),
                "unit": measure.unit,
                "comparison": measure.comparison,
                "threshold_number": measure.threshold,
                "is_met": stands(told.value, measure.comparison, measure.threshold),
                "pairs_count": told.pairs,
                "first_date": told.first,
                "last_date": told.last,
                "reason_text": told.reason,
            }
        )
    return pl.DataFrame(found, schema=schema_of(VALIDITY.columns))


def stands(value: float | None, comparison: Comparison, threshold: float | None) -> bool | None:
    """Say whether `value` stands so to `threshold`; None where there is no value."""
    if value is None or threshold is None:
        return None
    return {">=": value >= threshold, "<=": value <= threshold, "<": value < threshold, ">": value > threshold}[
        comparison
    ]


# ---- 7.1: what is compared ---------------------------------------------------------------------------------------


def weekly_score(rows: pl.DataFrame) -> pl.DataFrame:
    """Return period_date (the Friday) and score, the mean of its week; weeks with too few known sessions are out."""
    friday = pl.col("session_date") + pl.duration(days=(5 - pl.col("session_date").dt.weekday()) % 7)
    weeks = (
        rows.drop_nulls("core_score")
        .group_by(friday.alias("period_date"))
        .agg(pl.col("core_score").mean().alias("score"), pl.len().alias("known"))
    )
    return weeks.filter(pl.col("known") >= WEEK_NEEDS).select("period_date", "score").sort("period_date")


def _weeks(rows: pl.DataFrame, references: References, series_id: str, since: date = date.min) -> pl.DataFrame:
    """Return period_date, score, value by week."""
    theirs = references.series(series_id).filter(pl.col("period_date") >= since)
    return weekly_score(rows).join(theirs, on="period_date").sort("period_date")


def _sessions(rows: pl.DataFrame, references: References, series_id: str) -> pl.DataFrame:
    """Return period_date, score, value by session."""
    ours = rows.drop_nulls("core_score").select(
        pl.col("session_date").alias("period_date"), pl.col("core_score").alias("score")
    )
    return ours.join(references.series(series_id), on="period_date").sort("period_date")


def _measured(pairs: pl.DataFrame, value: float | None, count: int | None = None) -> Measured:
    """Return `value` with the days it stands on, or why there is none."""
    number = pairs.height if count is None else count
    if number < MIN_PAIRS:
        return Measured(None, number, reason=f"{number} days on which both are known; {MIN_PAIRS} are needed")
    if value is None:
        return Measured(None, number, reason="one of the two never varies")
    return Measured(value, number, pairs["period_date"].min(), pairs["period_date"].max())  # type: ignore[arg-type]


def _rank_weekly(series_id: str, since: date = date.min) -> Callable[[pl.DataFrame, References], Measured]:
    def measure(rows: pl.DataFrame, references: References) -> Measured:
        pairs = _weeks(rows, references, series_id, since)
        return _measured(pairs, spearman(pairs["score"], pairs["value"]))

    return measure


def _signs_of_changes(series_id: str, days: int = 28) -> Callable[[pl.DataFrame, References], Measured]:
    def measure(rows: pl.DataFrame, references: References) -> Measured:
        weeks = _weeks(rows, references, series_id)
        before = weeks.select(pl.col("period_date") + timedelta(days=days), score_then="score", value_then="value")
        pairs = weeks.join(before, on="period_date")
        share, count = sign_agreement(pairs["score"] - pairs["score_then"], pairs["value"] - pairs["value_then"])
        return _measured(pairs, share, count)

    return measure


def _positive_when_stressed(rows: pl.DataFrame, references: References) -> Measured:
    weeks = _weeks(rows, references, "stlfsi").filter(pl.col("score") >= STRESSED_SCORE)
    if weeks.is_empty():
        return Measured(None, reason=f"no week with a mean score of {STRESSED_SCORE} or more")
    share = float((weeks["value"] > 0).sum()) / weeks.height
    return Measured(share, weeks.height, weeks["period_date"].min(), weeks["period_date"].max())  # type: ignore[arg-type]


def _rank_daily(rows: pl.DataFrame, references: References) -> Measured:
    pairs = _sessions(rows, references, "ofr_fsi")
    return _measured(pairs, spearman(pairs["score"], pairs["value"]))


def _top_decile(rows: pl.DataFrame, references: References) -> Measured:
    pairs = _sessions(rows, references, "ofr_fsi")
    overlap, count = top_overlap(pairs["score"], pairs["value"])
    return _measured(pairs, overlap, count)


def _breadth_apart(median: bool) -> Callable[[pl.DataFrame, References], Measured]:
    def measure(_rows: pl.DataFrame, references: References) -> Measured:
        ours = references.breadth.filter(pl.col("coverage_ratio") >= 0.98).select(
            pl.col("session_date").alias("period_date"), "above_200dma_pct"
        )
        pairs = ours.join(references.series("sp500_above_200dma_published"), on="period_date").drop_nulls()
        apart = (pairs["above_200dma_pct"] - pairs["value"]).abs()
        found = apart.median() if median else apart.max()
        return _measured(pairs, found)  # type: ignore[arg-type]

    return measure


def _vix_agrees(rows: pl.DataFrame, references: References) -> Measured:
    ours, theirs = references.provider("vix_close", "cboe"), references.provider("vix_close", "fred")
    sessions = rows.select(pl.col("session_date").alias("period_date"))
    pairs = ours.join(theirs, on="period_date", suffix="_fred").join(sessions, on="period_date")
    # both print two decimals; the hair's breadth is the doubles' own
    near = (pairs["value"] - pairs["value_fred"]).abs() <= 0.011 + 1e-9
    return _measured(pairs, float(near.sum()) / pairs.height if pairs.height else None)


def _flow_signs(_rows: pl.DataFrame, references: References) -> Measured:
    weeks = references.weekly_flows.filter(
        (pl.col("category") == "equity") & pl.col("is_same_sign").is_not_null()
    ).select(pl.col("week_end_date").alias("period_date"), "is_same_sign")
    return _measured(weeks, float(weeks["is_same_sign"].sum()) / weeks.height if weeks.height else None)


def _not_collected(what: str) -> Callable[[pl.DataFrame, References], Measured]:
    return lambda _rows, _references: Measured(None, reason=f"{what} is not collected")


MEASURES: Final = (
    Measure(
        "nfci", "spearman", "weekly mean of core_score, by rank, from 2007 on", "ratio", ">=", 0.60,
        _rank_weekly("nfci", date(2007, 1, 1)),
    ),
    Measure(
        "nfci", "sign_agreement", "4-week change of the weekly mean; weeks without a change of both are left out",
        "ratio", ">=", 0.60, _signs_of_changes("nfci"),
    ),
    Measure("stlfsi", "spearman", "weekly mean of core_score, by rank", "ratio", ">=", 0.60, _rank_weekly("stlfsi")),
    Measure(
        "stlfsi", "positive_when_stressed", f"share above 0 of the weeks with a mean score of {STRESSED_SCORE} or more",
        "ratio", ">=", 1.0, _positive_when_stressed,
    ),
    Measure("ofr_fsi", "spearman", "core_score of each session, by rank", "ratio", ">=", 0.65, _rank_daily),
    Measure(
        "ofr_fsi", "top_decile_overlap", "part of the index's highest tenth that is in the score's; ties share places",
        "ratio", ">=", 0.50, _top_decile,
    ),
    Measure(
        "ofr_fsi", "categories", "points of three dimensions beside its contributions", "ratio", ">=", None,
        _not_collected("the index by category"),
    ),
    Measure(
        "cnn_fear_greed", "spearman", "its seven parts rebuilt beside the sentiment framework", "ratio", ">=", 0.70,
        _not_collected("the index"),
    ),
    Measure(
        "sp500_above_200dma_published", "median_difference", "above_200dma_pct of breadth_daily at a coverage of 98 %",
        "pct", "<=", 3.0, _breadth_apart(median=True),
    ),
    Measure(
        "sp500_above_200dma_published", "largest_difference", "above_200dma_pct of breadth_daily at a coverage of 98 %",
        "pct", "<=", 6.0, _breadth_apart(median=False),
    ),
    Measure(
        "vix_close", "equal_within_0.011", "share of sessions on which Cboe and FRED agree", "ratio", ">=", 1.0,
        _vix_agrees,
    ),
    Measure(
        "ici_weekly", "sign_agreement", "weekly flow of our panel of equity funds", "ratio", ">=", 0.80, _flow_signs
    ),
)  # fmt: skip
