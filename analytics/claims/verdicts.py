"""From figures to a verdict, by a rule that was there before the figures; and what chance alone would have given."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final, Literal

import numpy as np

FALSE_DISCOVERY_RATE: Final = 0.10
NOMINAL: Final = 0.05
ENOUGH_EVENTS: Final = 20

Verdict = Literal["supported", "weak", "not_supported", "refuted", "untestable_public", "pending"]
VERDICTS: Final = ("supported", "weak", "not_supported", "refuted", "pending", "untestable_public")


def benjamini_hochberg(p_values: Sequence[float | None]) -> list[float | None]:
    """Return the adjusted p of each test: at most q where the false discovery rate q lets it count; None stays None."""
    known = [(p, place) for place, p in enumerate(p_values) if p is not None]
    found: list[float | None] = [None] * len(p_values)
    least = 1.0
    for rank, (p, place) in sorted(enumerate(sorted(known), start=1), reverse=True):
        least = min(least, p * len(known) / rank)
        found[place] = round(least, 8)
    return found


def with_verdicts(
    rows: list[dict[str, Any]], *, universal: Collection[tuple[str, int]], young: Collection[str] = ()
) -> None:
    """Write q_value, q_value_opposite, verdict and verdict_reason into the rows of a release.

    Only rows of the set `headline` are tests of the release; the others show how the figures move and take its verdict
    rule without a correction of their own, so they have none. `young` are claims whose history has just begun: they are
    pending until there are events enough.
    """
    tests = [row for row in rows if row["parameter_set"] == "headline"]
    for name in ("p_shift", "p_shift_opposite"):
        adjusted = benjamini_hochberg([row[name] for row in tests])
        for row, value in zip(tests, adjusted, strict=True):
            row[name.replace("p_shift", "q_value")] = value
    for row in rows:
        if row["parameter_set"] == "headline":
            row["verdict"], row["verdict_reason"] = verdict_of(
                row,
                is_universal=(row["claim_id"], row["horizon_count"]) in universal,
                is_young=row["claim_id"] in young,
            )
        elif row.get("verdict") is None:
            row["verdict"], row["verdict_reason"] = None, "shown beside the headline test; it has no verdict of its own"
            row["q_value"] = row["q_value_opposite"] = None


def verdict_of(row: dict[str, Any], *, is_universal: bool, is_young: bool = False) -> tuple[Verdict, str]:
    """Return the verdict of one test and the reason in a plain sentence."""
    count = row["n_events"]
    if not count:
        return "pending", row["reason_text"] or "no event is over yet"
    if is_young and count < ENOUGH_EVENTS:
        return "pending", f"its history has just begun: {count} of {ENOUGH_EVENTS} events are over"
    if is_universal and row["hit_ratio"] is not None and row["hit_ratio"] < 1:
        missed = round((1 - row["hit_ratio"]) * count)
        return "refuted", f"stated as always; {missed} of {count} events went the other way"
    way = 1.0 if row["claimed"] == "up" else -1.0
    if _is_at_most(row["q_value_opposite"]):
        return "refuted", "the opposite is significant after correction for the number of tests"
    if not _is_at_most(row["q_value"]):
        few = f"; {count} events are few" if count < ENOUGH_EVENTS else ""
        return "not_supported", f"not distinguishable from any session after correction for the number of tests{few}"
    matched = row["effect_matched"] is not None and way * row["effect_matched"] > 0
    halves = all(row[name] is not None and way * row[name] > 0 for name in ("effect_first_half", "effect_second_half"))
    if count < ENOUGH_EVENTS:
        return "weak", f"significant, on {count} events only"
    if not matched:
        return "weak", "significant against all sessions, and not against sessions in the same drawdown"
    if not halves:
        return "weak", "significant, and the sign does not hold in both halves of the sample"
    return "supported", "significant against all sessions; the sign holds in the same drawdown and in both halves"


def by_chance(rows: Sequence[dict[str, Any]]) -> tuple[int, float, int, int]:
    """Return the number of tests, how many nominal 5 % hits chance gives, how many there are, and how many remain."""
    tests = [row for row in rows if row["parameter_set"] == "headline" and row["p_shift"] is not None]
    seen = sum(row["p_shift"] <= NOMINAL for row in tests)
    return len(tests), float(np.round(NOMINAL * len(tests), 2)), seen, sum(_is_at_most(row["q_value"]) for row in tests)


def _is_at_most(q_value: float | None) -> bool:
    return q_value is not None and q_value <= FALSE_DISCOVERY_RATE
