"""The two folds that give states a memory. Generic: they know levels and counters, no dimension.

Ladder: a worse state on one observation, a better one only after its exit has held for exit_n observations in a row.
Publication: a worse state at once, a better one after a number of sessions, then the worst of these.
Memories are plain JSON values, so that a fold can stop after any session and go on from there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from analytics.regimes.thresholds import MAIN, Ladder, Level, Measures, ladder, rule
from analytics.regimes.types import UNKNOWN, Memory

STALE: Final = "stale"


@dataclass(frozen=True, slots=True)
class Observation:
    """What a dimension saw in one session: measures already rounded, or the reason why there are none.

    `period` is the period observed. `is_new`: no earlier row counted it. `basis`: whose thresholds apply.
    """

    measures: Measures
    period: date | None
    is_new: bool = True
    basis: str = MAIN
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Folded:
    """The level that stands after the fold, and the level by the enter rules alone."""

    level: Level
    raw: Level


def raw_level(levels: Ladder, measures: Measures) -> Level:
    """Return the worst level whose enter rule holds; an enter rule that is unknown does not hold."""
    for level in levels:
        if level.enter.holds(measures) is True:
            return level
    raise ValueError(f"no level of {[level.state for level in levels]} takes {dict(measures)}")


def fold_ladder(
    dimension: str, memory: Memory, observation: Observation, session_date: date
) -> tuple[Memory, Folded | None]:
    """Take one session into a dimension's memory; None when it is unknown.

    An unknown session leaves the memory as it is, until the last known period is past the dimension's limit: then all
    is forgotten, and the next known one enters by the raw rules. So does the first one of another basis.
    """
    if observation.reason is not None:
        return ({} if is_past_limit(dimension, memory, observation, session_date) else dict(memory)), None
    levels = ladder(dimension, observation.basis)
    raw = raw_level(levels, observation.measures)
    same_basis = memory.get("basis") == observation.basis
    current = next((level for level in levels if same_basis and level.state == memory.get("state")), None)
    if current is None or raw.severity > current.severity:
        level, count = raw, 0
    else:
        level, count = _descended(levels, current, observation, int(memory.get("count", 0)))
    seen = observation.period or session_date
    return {
        "basis": observation.basis,
        "state": level.state,
        "count": count,
        "known_date": seen.isoformat(),
    }, Folded(level, raw)


def _descended(levels: Ladder, current: Level, observation: Observation, count: int) -> tuple[Level, int]:
    """Return the level after an observation that is not worse than the current one, and the count of its exit."""
    measures = observation.measures
    if current.exit is None:
        left = current.may_be_left(measures)
    elif not observation.is_new:
        return current, count
    else:
        count = count + 1 if current.may_be_left(measures) else 0
        left = count >= current.exit_n
    if not left:
        return current, count
    lower = [level for level in levels if level.severity < current.severity and level.enter.clauses]
    return next((level for level in lower if not level.may_be_left(measures)), levels[-1]), 0


def is_past_limit(dimension: str, memory: Memory, observation: Observation, session_date: date) -> bool:
    """Say whether the last known period is too old to remember by."""
    if observation.reason == STALE:
        return True
    known = memory.get("known_date")
    if known is None:
        return False
    days = float((session_date - date.fromisoformat(known)).days)
    return rule(dimension, "age", "memory").holds({"days_since_known": days}) is True


def fold_publication(order: Sequence[str], sessions: int, memory: Memory, raw: str) -> tuple[Memory, str]:
    """Take one session's raw state and return what is published. `order` lists the states from best to worst.

    A worse state at once; a better one after `sessions` sessions in a row that were all better than the published
    one: then the worst of them. Unknown at once, and the first known state after it at once.
    """
    published = memory.get("state", UNKNOWN)
    if raw == UNKNOWN or published == UNKNOWN or order.index(raw) >= order.index(published):
        return {"state": raw, "lower": []}, raw
    lower = [*memory.get("lower", []), raw]
    if len(lower) < sessions:
        return {"state": published, "lower": lower}, published
    worst = max(lower, key=order.index)
    return {"state": worst, "lower": []}, worst
