"""The operations of features, each in two renderings that a property test holds equal.

`macros` gives the SQL: one or two dbt macros over columns of a relation with one row per session (session_seq,
session_date; weekly ones: week_date). The other methods compute the same over arrays: `grid` has a value for each
session of the calendar, NaN where there is none, and `numbers` the sessions' day numbers. They look at sessions up to
`place` only and return None where the SQL has NULL.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final, Literal, Protocol

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

BASE_DAYS: Final = 5
"""A change over n sessions begins at most so many calendar days before the session n back (the macro base_before)."""

_COMPLETE: Final = 0.95
"""The values of a percentile are this share of the sessions in which they must lie (rolling_percentile_count)."""

_SESSIONS_A_YEAR: Final = 252


class Operation(Protocol):
    """What every operation can do."""

    word: ClassVar[str]

    def macros(self, name: str) -> Iterator[str]:
        """Yield the dbt macros of the feature `name`."""
        ...


def _macro(name: str, arguments: str, body: str) -> str:
    return f"{{% macro {name}({arguments}) -%}}\n{body}\n{{%- endmacro %}}\n"


def _scaled(scale: float, body: str) -> str:
    return body if scale == 1 else f"{scale:g} * ({body})"


def last_place(grid: Floats, place: int) -> int:
    """Return the last session up to `place` that has a value; -1 when none has."""
    for back in range(place, max(place - 15, -1), -1):
        if not math.isnan(grid[back]):
            return back
    found = np.flatnonzero(~np.isnan(grid[: max(place + 1, 0)]))
    return int(found[-1]) if len(found) else -1


def base_before(grid: Floats, numbers: Integers, place: int) -> float | None:
    """Return the value at `place`, or the last one at most BASE_DAYS calendar days older; None: there is none."""
    found = last_place(grid, place) if place >= 0 else -1
    if found < 0 or int(numbers[place] - numbers[found]) > BASE_DAYS:
        return None
    return float(grid[found])


@dataclass(frozen=True, slots=True)
class Difference:
    """`of` without all of `less`, times `scale`."""

    of: str
    less: tuple[str, ...]
    digits: int
    scale: float = 1
    word: ClassVar[str] = "difference"

    def macros(self, name: str) -> Iterator[str]:
        """Yield one macro; its arguments are columns in the order of the declaration."""
        arguments = ["of", *(f"less_{place}" for place in range(1, len(self.less) + 1))]
        body = " - ".join(f"{{{{ {argument} }}}}" for argument in arguments)
        yield _macro(name, ", ".join(arguments), f"round({_scaled(self.scale, body)}, {self.digits})")

    def value(self, of: float, *less: float) -> float:
        """Return the difference of known values."""
        left = of
        for one in less:
            left -= one
        return round(self.scale * left, self.digits)

    def over(self, of: Floats, *less: Floats) -> Floats:
        """Return the difference session by session, NaN where a part is missing."""
        left = of
        for one in less:
            left = left - one
        return np.round(self.scale * left, self.digits)


@dataclass(frozen=True, slots=True)
class Ratio:
    """`of` over `over`, of one session."""

    of: str
    over: str
    digits: int
    word: ClassVar[str] = "ratio"

    def macros(self, name: str) -> Iterator[str]:
        """Yield one macro of two columns."""
        yield _macro(name, "of, over", f"round({{{{ of }}}} / {{{{ over }}}}, {self.digits})")

    def value(self, of: float, over: float) -> float:
        """Return the ratio of known values; `over` is not 0."""
        return round(of / over, self.digits)


@dataclass(frozen=True, slots=True)
class Change:
    """From the value so many sessions back (or its stand-in, see base_before) to the session's own."""

    of: str
    sessions: int
    digits: int
    word: ClassVar[str] = "change"

    def macros(self, name: str) -> Iterator[str]:
        """Yield one macro of one column."""
        base = f"{{{{ base_before(of, {self.sessions}) }}}}"
        yield _macro(name, "of", f"round({{{{ of }}}} - {base}, {self.digits})")

    def at(self, grid: Floats, numbers: Integers, place: int) -> float | None:
        """Return the change that ends at `place`, which has a value."""
        base = base_before(grid, numbers, place - self.sessions)
        return None if base is None else round(float(grid[place]) - base, self.digits)


@dataclass(frozen=True, slots=True)
class Return:
    """The simple return over so many sessions, with the base of a change."""

    of: str
    sessions: int
    digits: int
    word: ClassVar[str] = "return"

    def macros(self, name: str) -> Iterator[str]:
        """Yield one macro of one column."""
        base = f"{{{{ base_before(of, {self.sessions}) }}}}"
        yield _macro(name, "of", f"round({{{{ of }}}} / {base} - 1, {self.digits})")

    def at(self, grid: Floats, numbers: Integers, place: int) -> float | None:
        """Return the return that ends at `place`, which has a value."""
        base = base_before(grid, numbers, place - self.sessions)
        return None if base is None else round(float(grid[place]) / base - 1, self.digits)


@dataclass(frozen=True, slots=True)
class ReturnOverWeeks:
    """A weekly value over that of exactly so many weeks before, less 1. A mart may show it in another unit."""

    of: str
    weeks: int
    digits: int
    mart_scale: float
    mart_digits: int
    word: ClassVar[str] = "return_over_weeks"

    def macros(self, name: str) -> Iterator[str]:
        """Yield one macro of one column, over rows by week_date."""
        days = 7 * self.weeks
        span = f"interval {days} days preceding and interval {days} days preceding"
        base = f"max({{{{ of }}}}) over (order by week_date range between {span})"
        body = _scaled(self.mart_scale, f"{{{{ of }}}} / {base} - 1")
        yield _macro(name, "of", f"round({body}, {self.mart_digits})")

    def value(self, of: float, before: float) -> float:
        """Return the plain ratio of known values; `before` is not 0."""
        return round(of / before - 1, self.digits)


@dataclass(frozen=True, slots=True)
class RealisedVolatility:
    """The sample deviation of the last `sessions` daily steps, of which `least` exist, the session's own among them.

    Per year. Steps are changes over one session (base_before) or logarithmic returns from the session before.
    """

    of: str
    steps: Literal["change", "log_return"]
    scale: float
    sessions: int
    least: int
    digits: int
    word: ClassVar[str] = "realised_volatility"

    def macros(self, name: str) -> Iterator[str]:
        """Yield the step of a column, and the volatility of a column of steps: windows do not nest."""
        if self.steps == "change":
            step = "{{ of }} - {{ base_before(of, 1) }}"
        else:
            step = "ln({{ of }} / lag({{ of }}) over (order by session_seq))"
        yield _macro(f"{name}_step", "of", _scaled(self.scale, step))
        window = f"over (order by session_seq rows between {self.sessions - 1} preceding and current row)"
        yield _macro(
            name,
            "step",
            f"case\n    when {{{{ step }}}} is not null and count({{{{ step }}}}) {window} >= {self.least}\n"
            f"        then round(stddev_samp({{{{ step }}}}) {window} * sqrt({_SESSIONS_A_YEAR}), {self.digits})\nend",
        )

    def reach(self) -> int:
        """Return how many sessions before its own a value looks at, for certain."""
        return self.sessions + (BASE_DAYS if self.steps == "change" else 0)

    def over(self, grid: Floats, numbers: Integers, place: int, count: int) -> Floats:
        """Return the volatility on the last `count` sessions up to `place`, NaN where there is none."""
        first = max(place - count + 1 - self.reach(), 0)
        steps = self._steps(grid[first : place + 1], numbers[first : place + 1])
        return self._deviations(steps)[-min(count, place + 1) :]

    def at(self, grid: Floats, numbers: Integers, place: int) -> float | None:
        """Return the volatility at `place`."""
        found = float(self.over(grid, numbers, place, 1)[-1])
        return None if math.isnan(found) else found

    def _steps(self, values: Floats, numbers: Integers) -> Floats:
        """Return the step into each session, NaN where there is none."""
        steps = np.full(len(values), np.nan)
        if self.steps == "log_return":
            steps[1:] = self.scale * np.diff(np.log(values))
            return steps
        places = np.flatnonzero(~np.isnan(values))
        ends, begins = places[1:], places[:-1]
        # a change over one session, however long the exchange was closed between the two
        daily = numbers[ends - 1] - numbers[begins] <= BASE_DAYS
        steps[ends[daily]] = (self.scale * np.diff(values[places]))[daily]
        return steps

    def _deviations(self, steps: Floats) -> Floats:
        there = ~np.isnan(steps)
        centre = float(np.mean(steps[there])) if there.any() else 0.0
        filled = np.where(there, steps - centre, 0.0)
        counts, sums, squares = (
            _rolling_sum(part, self.sessions) for part in (there.astype(np.float64), filled, filled * filled)
        )
        with np.errstate(invalid="ignore", divide="ignore"):
            variance = (squares - sums * sums / counts) / (counts - 1)
            found = np.sqrt(np.maximum(variance, 0.0)) * math.sqrt(_SESSIONS_A_YEAR)
        return np.where(there & (np.round(counts) >= self.least), np.round(found, self.digits), np.nan)


def _rolling_sum(values: Floats, window: int) -> Floats:
    """Return the sum of the last `window` values at each; of fewer at the beginning."""
    sums = np.cumsum(values)
    sums[window:] = sums[window:] - sums[:-window]
    return sums


@dataclass(frozen=True, slots=True)
class Percentile:
    """The share (0 to 100) of the last `values` values, the session's own included, that are not above it."""

    of: str
    values: int
    word: ClassVar[str] = "percentile"

    def macros(self, name: str) -> Iterator[str]:
        """Yield the percentile of a column, and how many values it has to rank among."""
        yield _macro(name, "of", f"{{{{ rolling_percentile(of, {self.values}) }}}}")
        yield _macro(f"{name}_window_count", "of", f"{{{{ rolling_percentile_count(of, {self.values}) }}}}")

    @property
    def span(self) -> int:
        """Within how many sessions the values must lie: a rank among values of years ago is none of a year."""
        return math.floor(self.values / _COMPLETE)

    def of_window(self, window: Floats) -> tuple[float | None, int]:
        """Return percentile and count of the last of at most `span` sessions' values, NaN where there is none."""
        there = window[~np.isnan(window)][-self.values :]
        if len(there) < self.values or np.isnan(window[-1]):
            return None, len(there)
        return round(100.0 * float((there <= window[-1]).sum()) / self.values, 6), len(there)


@dataclass(frozen=True, slots=True)
class Streak:
    """How many sessions in a row have a value above a bound, up to the session's own; one without a value ends it."""

    of: str
    above: float
    word: ClassVar[str] = "streak"

    def macros(self, name: str) -> Iterator[str]:
        """Yield one macro of one column: sessions since the last one that was not above."""
        bound = f"{self.above:g}"
        not_above = f"case when coalesce({{{{ of }}}}, {bound}) <= {bound} then session_seq end"
        yield _macro(
            name,
            "of",
            f"case when {{{{ of }}}} is not null then session_seq - coalesce(\n"
            f"    max({not_above}) over (order by session_seq),\n"
            "    min(session_seq) over () - 1\n) end",
        )

    def at(self, grid: Floats, place: int) -> int | None:
        """Return the length of the streak that ends at `place`."""
        if math.isnan(grid[place]):
            return None
        count = 0
        while count <= place and grid[place - count] > self.above:
            count += 1
        return count


OPERATIONS: Final[Sequence[type[Operation]]] = (
    Difference,
    Ratio,
    Change,
    Return,
    ReturnOverWeeks,
    RealisedVolatility,
    Percentile,
    Streak,
)
