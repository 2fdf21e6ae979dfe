"""The simulated market knows which regime drove it: what the headline class made of it. SIMULATED, never an input.

The truth comes with the session of a rehearsal, beside the stand-in and not through it: no connector sees it.
"""

from __future__ import annotations

from typing import Any, Final

import polars as pl

from analytics.regimes.frames import schema_of, shaped
from analytics.regimes.types import UNKNOWN
from warehouse.derived_table import DerivedTable

LATENT: Final = ("calm", "late_cycle", "stress", "crisis", "recovery")
"""The simulator's regimes, in the order in which they follow."""

DETECTS: Final = {"stress": ("CAUTION", "STRESS", "CRISIS"), "crisis": ("STRESS", "CRISIS")}
"""Which published classes count as seeing a latent regime. The others have no onset that a class should catch."""

TRUTH: Final = DerivedTable(
    "marts",
    "regime_truth",
    "The regime that drove the market, as its simulator tells it (SIMULATED), beside the published class. It exists "
    "for simulated markets only and is no input of anything. One row per session.",
    (
        ("session_date", "date", "NYSE session"),
        ("latent_regime", "varchar", "SIMULATED: calm, late_cycle, stress, crisis or recovery"),
        ("regime_class", "varchar", "Published class of the session"),
        ("core_score", "bigint", "Core score of the session"),
    ),
    ("session_date",),
)

CONFUSION: Final = DerivedTable(
    "marts",
    "regime_truth_confusion",
    "How the published class came out under each regime of the simulator (SIMULATED). A change of rules shows its "
    "price here. One row per latent regime and class that occurs with it.",
    (
        ("latent_regime", "varchar", "SIMULATED: the regime that drove the market"),
        ("regime_class", "varchar", "Published class"),
        ("sessions_count", "bigint", "Sessions with both"),
        ("share_of_latent_ratio", "double", "Share of the sessions of the latent regime"),
        ("share_of_class_ratio", "double", "Share of the sessions of the class"),
    ),
    ("latent_regime", "regime_class"),
)
DETECTION: Final = DerivedTable(
    "marts",
    "regime_truth_detection",
    "How long the published class took to see each stress (CAUTION or worse) and crisis (STRESS or worse) of the "
    "simulator (SIMULATED). One row per latent episode.",
    (
        ("latent_regime", "varchar", "SIMULATED: stress or crisis"),
        ("began_date", "date", "First session of the latent regime"),
        ("ended_date", "date", "Last session of the latent regime; NULL while it runs"),
        ("sessions_count", "bigint", "Sessions it lasted, so far while it runs"),
        ("detected_date", "date", "First session in it whose class sees it; NULL: none"),
        (
            "detection_lag_count",
            "bigint",
            "Sessions from began_date to detected_date; 0: the row of the first session, known the next morning",
        ),
        ("is_detected", "boolean", "Some session in it has such a class"),
        ("is_seen_before", "boolean", "The session before it had such a class already: no credit for the lag"),
        ("is_running", "boolean", "The newest session is in it"),
    ),
    ("latent_regime", "began_date"),
)
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
    return pl.DataFrame(found, schema=schema_of(DETECTION))
