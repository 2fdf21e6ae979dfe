"""The thresholds of all rules, read from thresholds.csv, and the one way to test a rule: three-valued.

A rule is a table: tests with the same clause number must hold together, one clause that holds is enough. A state whose
test is `else` takes what no worse state took. Words used in the column `test`:

enter, else   when a state is entered        points      when a state gives more points than its own
exit          when it may be left, exit_n    flag        when a flag is up
memory        what the fold remembers by     coverage    when a panel is complete enough to speak
tightening, easing, state, leg, count, lift  the composites'
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from math import nan
from operator import ge, gt, le, lt
from pathlib import Path
from typing import Final, TypeAlias

PATH: Final = Path(__file__).with_name("thresholds.csv")
MAIN: Final = "main"
PROXY: Final = "proxy"

Measure: TypeAlias = float | str | None
Measures: TypeAlias = Mapping[str, Measure]

_ORDERINGS: Final[Mapping[str, Callable[[float, float], bool]]] = {"<": lt, "<=": le, ">": gt, ">=": ge}


@dataclass(frozen=True, slots=True)
class Threshold:
    """One line of thresholds.csv."""

    dimension: str
    basis: str
    state: str
    severity: int | None
    points: int | None
    test: str
    clause: int | None
    measure: str
    comparison: str
    value: str
    unit: str
    exit_n: int | None
    source_text: str
    limit: float
    """The value where it is a number, else NaN."""

    def holds(self, measures: Measures) -> bool | None:
        """Compare the measure with the value; None when the measure is unknown."""
        measured = measures[self.measure]
        if measured is None:
            return None
        if isinstance(measured, str):
            return self._holds_of_text(measured)
        return _ORDERINGS[self.comparison](measured, self.limit)

    def _holds_of_text(self, measured: str) -> bool:
        if self.comparison == "in":
            return measured in self.value.split("|")
        assert self.comparison == "within", f"{self.comparison} does not compare text"
        first, last = self.value.split("..")
        return first <= measured <= last


@dataclass(frozen=True, slots=True)
class Rule:
    """Clauses of tests: holds when all tests of one clause hold. Without a clause it always holds."""

    clauses: tuple[tuple[Threshold, ...], ...]

    def holds(self, measures: Measures) -> bool | None:
        """Test the rule by three-valued logic: a missing measure makes it unknown unless the others decide."""
        if not self.clauses:
            return True
        is_unknown = False
        for clause in self.clauses:
            verdict = _all_hold(clause, measures)
            if verdict is True:
                return True
            is_unknown = is_unknown or verdict is None
        return None if is_unknown else False


def _all_hold(clause: Iterable[Threshold], measures: Measures) -> bool | None:
    """Say whether all tests of a clause hold; written out because a history tests a million."""
    found: bool | None = True
    for test in clause:
        verdict = test.holds(measures)
        if verdict is False:
            return False
        if verdict is None:
            found = None
    return found


def all_of(verdicts: Iterable[bool | None]) -> bool | None:
    """Return False if one is false, else None if one is unknown, else True."""
    return _decided(verdicts, by=False)


def any_of(verdicts: Iterable[bool | None]) -> bool | None:
    """Return True if one is true, else None if one is unknown, else False."""
    return _decided(verdicts, by=True)


def _decided(verdicts: Iterable[bool | None], *, by: bool) -> bool | None:
    found: bool | None = not by
    for verdict in verdicts:
        if verdict is by:
            return by
        if verdict is None:
            found = None
    return found


@dataclass(frozen=True, slots=True)
class Level:
    """One state of a dimension: how it is entered, how left, what it scores. Without an exit it is left at once."""

    state: str
    severity: int
    base_points: int | None
    enter: Rule
    exit: Rule | None
    exit_n: int
    more_points: tuple[tuple[int, Rule], ...]

    def points(self, measures: Measures) -> int | None:
        """Return the points of the state for these measures."""
        if self.base_points is None:
            return None
        return max(self.base_points, *(points for points, rule in self.more_points if rule.holds(measures) is True), 0)

    def may_be_left(self, measures: Measures) -> bool:
        """Say whether the exit holds now. Where the enter rule still holds, it does not."""
        if self.enter.holds(measures) is True:
            return False
        return self.exit is None or self.exit.holds(measures) is True


Ladder: TypeAlias = tuple[Level, ...]
"""The states of a dimension, worst first. The last takes what the others did not."""


@cache
def thresholds() -> tuple[Threshold, ...]:
    """Return the lines of thresholds.csv in their order."""
    with PATH.open(encoding="utf-8", newline="") as file:
        return tuple(_threshold(line) for line in csv.DictReader(file))


def _threshold(line: Mapping[str, str]) -> Threshold:
    numbers = {name: int(line[name]) if line[name] else None for name in ("severity", "points", "clause", "exit_n")}
    texts = {name: value for name, value in line.items() if name not in numbers}
    is_text = line["comparison"] in ("in", "within") or not line["value"]
    limit = nan if is_text else float(line["value"])
    return Threshold(**texts, **numbers, limit=limit)  # type: ignore[arg-type]


@cache
def rule(dimension: str, state: str, test: str, basis: str = MAIN) -> Rule:
    """Return the rule of that name; it must exist."""
    found = _lines(dimension, basis, state, test)
    if not found:
        raise KeyError(f"thresholds.csv has no {test} of {dimension} {state} ({basis})")
    return _rule(found)


@cache
def number(dimension: str, state: str, test: str = "memory") -> float:
    """Return the single number of that name: a length of memory, a needed count."""
    (line,) = _lines(dimension, MAIN, state, test)
    return line.limit


@cache
def exit_count(dimension: str, state: str, test: str = "exit", basis: str = MAIN) -> int:
    """Return how many observations in a row an exit needs."""
    counts = {line.exit_n for line in _lines(dimension, basis, state, test)}
    (count,) = counts
    assert count is not None
    return count


@cache
def ladder(dimension: str, basis: str = MAIN) -> Ladder:
    """Return the states of a dimension, worst first; the one with the test `else` comes last, whatever its severity."""
    states = dict.fromkeys(
        line.state for line in thresholds() if (line.dimension, line.basis) == (dimension, basis) and line.severity
    )
    levels = [_level(dimension, basis, state) for state in states]
    return tuple(sorted(levels, key=lambda level: (not level.enter.clauses, -level.severity)))


def _level(dimension: str, basis: str, state: str) -> Level:
    enter = _lines(dimension, basis, state, "enter") + _lines(dimension, basis, state, "else")
    leave = _lines(dimension, basis, state, "exit")
    more = _lines(dimension, basis, state, "points")
    first = enter[0]
    assert first.severity is not None
    return Level(
        state=state,
        severity=first.severity,
        base_points=first.points,
        enter=_rule(enter),
        exit=_rule(leave) if leave else None,
        exit_n=exit_count(dimension, state, basis=basis) if leave else 1,
        more_points=tuple(
            (points, _rule([line for line in more if line.points == points]))
            for points in sorted({line.points for line in more if line.points is not None})
        ),
    )


def _lines(dimension: str, basis: str, state: str, test: str) -> list[Threshold]:
    wanted = (dimension, basis, state, test)
    return [line for line in thresholds() if (line.dimension, line.basis, line.state, line.test) == wanted]


def _rule(lines: Iterable[Threshold]) -> Rule:
    clauses: dict[int, list[Threshold]] = {}
    for line in lines:
        if line.clause is not None:
            clauses.setdefault(line.clause, []).append(line)
    return Rule(tuple(tuple(clause) for clause in clauses.values()))
