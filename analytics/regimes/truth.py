"""The simulated market knows which regime drove it: what the headline class made of it. SIMULATED, never an input.

The truth comes with the session of a rehearsal, beside the stand-in and not through it: no connector sees it.
"""

from __future__ import annotations

from typing import Any, Final

import polars as pl

from analytics.regimes.declared import regime_table
from analytics.regimes.frames import schema_of, shaped
from analytics.regimes.types import UNKNOWN

LATENT: Final = ("calm", "late_cycle", "stress", "crisis", "recovery")
"""The simulator's regimes, in the order in which they follow."""

DETECTS: Final = {"stress": ("CAUTION", "STRESS", "CRISIS"), "crisis": ("STRESS", "CRISIS")}
"""Which published classes count as seeing a latent regime. The others have no onset that a class should catch."""

TRUTH: Final = regime_table("regime_truth")

CONFUSION: Final = regime_table("regime_truth_confusion")
DETECTION: Final = regime_table("regime_truth_detection")
TRUTH_TABLES: Final = (TRUTH, CONFUSION, DETECTION)


def regime_truth(rows: pl.DataFrame, latent: pl.DataFrame) -> pl.DataFrame:
    """Return TRUTH: `rows` (session_date, regime_class, core_score) with the regime of `latent` (LATENT_SCHEMA)."""
    return shaped(
        rows.join(latent.rename({"regime": "latent_regime"}), on="session_date")
        .with_columns(pl.col("regime_class").fill_null(UNKNOWN))
        .sort("session_date"),
        TRUTH,
    )


def confusion(truth: pl.DataFrame) -> pl.DataFrame:
    """Return CONFUSION of TRUTH, the latent regimes in their order."""
    counted = truth.group_by("latent_regime", "regime_class").agg(pl.len().alias("sessions_count"))
    share = pl.col("sessions_count") / pl.col("sessions_count").sum()
    order = pl.col("latent_regime").replace_strict(
        {name: place for place, name in enumerate(LATENT)}, default=len(LATENT), return_dtype=pl.Int64
    )
    return shaped(
        counted.with_columns(
            share_of_latent_ratio=share.over("latent_regime").round(6),
            share_of_class_ratio=share.over("regime_class").round(6),
        ).sort(order, "regime_class"),
        CONFUSION,
    )


def detection(truth: pl.DataFrame) -> pl.DataFrame:
    """Return DETECTION of TRUTH."""
    numbered = truth.with_columns(pl.col("latent_regime").rle_id().alias("run"), pl.int_range(pl.len()).alias("place"))
    found: list[dict[str, Any]] = []
    for _, run in numbered.group_by("run", maintain_order=True):
        regime = run["latent_regime"][0]
        if regime not in DETECTS:
            continue
        sees = run["regime_class"].is_in(DETECTS[regime])
        lag = sees.arg_max() if sees.any() else None
        first, last = run["place"][0], run["place"][-1]
        is_running = last == numbered.height - 1
        found.append(
            {
                "latent_regime": regime,
                "began_date": run["session_date"][0],
                "ended_date": None if is_running else run["session_date"][-1],
                "sessions_count": run.height,
                "detected_date": None if lag is None else run["session_date"][lag],
                "detection_lag_count": lag,
                "is_detected": lag is not None,
                "is_seen_before": first > 0 and numbered["regime_class"][first - 1] in DETECTS[regime],
                "is_running": is_running,
            }
        )
    return pl.DataFrame(found, schema=schema_of(DETECTION.columns))
