"""What would make us withdraw the headline class: conditions stated in advance, and where each is now."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

import polars as pl

from analytics.regimes.composites import OWN
from analytics.regimes.declared import regime_table
from analytics.regimes.frames import schema_of
from analytics.regimes.types import UNKNOWN
from analytics.regimes.validity import Comparison, stands

FALSIFICATION: Final = regime_table("regime_falsification")


CONDITIONS: Final[tuple[tuple[str, str, str, Comparison, float], ...]] = (
    ("low_rank_correlation", "Spearman of core_score with the OFR FSI is below 0.4", "ratio", "<", 0.40),
    ("often_unknown", "More than 5 % of the sessions since 2019 have no class", "ratio", ">", 0.05),
    ("restless", "The published class changes more often than once in 12 sessions", "sessions", "<", 12.0),
    ("wrong_episode", "A known episode came out two classes off or more", "classes", ">=", 2.0),
)
UNKNOWN_SINCE: Final = date(2019, 1, 1)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the conditions are held against: `rows` (session_date, regime_class), VALIDITY and the known episodes."""

    rows: pl.DataFrame
    validity: pl.DataFrame
    known_episodes: pl.DataFrame


def own_only(rows: pl.DataFrame) -> pl.DataFrame:
    """Return rows of regime_daily without the classes and scores that stand on a substitute series."""
    is_own = pl.col("regime_class_quality").fill_null("") == OWN
    return rows.with_columns(
        *(pl.when(is_own).then(pl.col(name)).alias(name) for name in ("core_score", "core_score_raw")),
        *(
            pl.when(is_own).then(pl.col(name)).otherwise(pl.lit(UNKNOWN)).alias(name)
            for name in ("regime_class", "regime_class_raw")
        ),
    )


def regime_falsification(as_published: Evidence, own: Evidence) -> pl.DataFrame:
    """Return FALSIFICATION of the classes as published, and of those that stand on no substitute."""
    found = []
    for name, text, unit, comparison, threshold in CONDITIONS:
        for basis, evidence in (("with_proxies", as_published), ("own_only", own)):
            value, reason = _CONDITION[name](evidence)
            found.append(
                {
                    "condition": name,
                    "basis": basis,
                    "condition_text": text,
                    "value": None if value is None else round(value, 6),
                    "unit": unit,
                    "comparison": comparison,
                    "threshold_number": threshold,
                    "is_met": stands(value, comparison, threshold),
                    "reason_text": reason,
                }
            )
    return pl.DataFrame(found, schema=schema_of(FALSIFICATION.columns))


_Condition = Callable[[Evidence], tuple[float | None, str | None]]


def _low_rank_correlation(evidence: Evidence) -> tuple[float | None, str | None]:
    found = evidence.validity.filter((pl.col("reference") == "ofr_fsi") & (pl.col("measure") == "spearman"))
    return found["value"][0], found["reason_text"][0]


def _often_unknown(evidence: Evidence) -> tuple[float | None, str | None]:
    since = evidence.rows.filter(pl.col("session_date") >= UNKNOWN_SINCE)
    if since.is_empty():
        return None, f"no session since {UNKNOWN_SINCE}"
    return int((since["regime_class"].fill_null(UNKNOWN) == UNKNOWN).sum()) / since.height, None


def _restless(evidence: Evidence) -> tuple[float | None, str | None]:
    classes = evidence.rows.sort("session_date")["regime_class"].fill_null(UNKNOWN)
    known = classes.filter(classes != UNKNOWN)
    changes = int((known != known.shift(1)).sum()) if known.len() else 0
    if known.len() < 252:
        return None, f"{known.len()} sessions with a class; a year is needed"
    return (known.len() / changes, None) if changes else (float(known.len()), "it never changed")


def _wrong_episode(evidence: Evidence) -> tuple[float | None, str | None]:
    tested = evidence.known_episodes.filter(pl.col("classes_off_count").is_not_null()).sort(
        "classes_off_count", "first_date", descending=[True, False]
    )
    if tested.is_empty():
        return None, "no known episode can be tested"
    worst = tested.row(0, named=True)
    return float(worst["classes_off_count"]), f"{tested.height} tested, the furthest off: {worst['episode']}"


_CONDITION: Final[Mapping[str, _Condition]] = {
    "low_rank_correlation": _low_rank_correlation,
    "often_unknown": _often_unknown,
    "restless": _restless,
    "wrong_episode": _wrong_episode,
}
