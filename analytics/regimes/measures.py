"""Inputs as they are compared: rounded to bp 0.1, percent 0.01, index points 0.01; and what to say without a value."""

from __future__ import annotations

from typing import Final, TypeAlias

from analytics.regimes.fold import STALE
from analytics.regimes.types import UNKNOWN, DimensionState, InputValue

Flags: TypeAlias = dict[str, bool | float | None]

_REASONS: Final = (STALE, "missing", "coverage", "warm-up")


def bp(entry: InputValue) -> float | None:
    """Return basis points as they are compared."""
    return None if entry.value is None else round(entry.value, 1)


def index(entry: InputValue) -> float | None:
    """Return index points, z-scores, percentiles, values in percent or USD billions as they are compared."""
    return None if entry.value is None else round(entry.value, 2)


def percent(entry: InputValue) -> float | None:
    """Return a plain ratio in percent, as it is compared."""
    return None if entry.value is None else round(100 * entry.value, 2)


def ratio(entry: InputValue) -> float | None:
    """Return a ratio that is compared as one: to 0.01 %."""
    return None if entry.value is None else round(entry.value, 4)


def size(measure: float | None) -> float | None:
    """Return the measure without its sign."""
    return None if measure is None else abs(measure)


def reason_of(*entries: InputValue) -> str | None:
    """Return the gravest reason among the inputs without a value; None if each has one."""
    reasons = {entry.reason or "missing" for entry in entries if entry.value is None}
    return min(
        reasons, key=lambda reason: _REASONS.index(reason) if reason in _REASONS else len(_REASONS), default=None
    )


def truth(entry: InputValue) -> bool | None:
    """Return an input that is 1, 0 or missing as true, false or unknown."""
    return None if entry.value is None else entry.value > 0


def unknown(reason: str | None, flags: Flags | None = None, quality: str | None = None) -> DimensionState:
    """Return the state of a dimension that cannot be told."""
    return DimensionState(UNKNOWN, None, UNKNOWN, None, reason or "missing", quality, flags or {})
