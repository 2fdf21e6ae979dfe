"""Small SVG drawings: a time axis that many share, lines, cells and sparklines. Colours are left to the style sheet."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, TypeAlias

from markupsafe import Markup, escape

WIDTH, HEIGHT = 360, 150
LEFT, RIGHT, TOP, BOTTOM = 40, 40, 8, 18
ROW: Final = 20
"""Height of a row of cells with its name."""
NAME: Final = 11
"""Of this the name has so much, above its cells: on them it could not be read."""

Point: TypeAlias = tuple[date, float | None]


@dataclass(frozen=True, slots=True)
class TimeAxis:
    """The days from the left to the right edge of every drawing that shares it; `name` is its id on the page."""

    name: str
    first: date
    last: date

    def x(self, day: date) -> float:
        """Return where a day is."""
        days = (self.last - self.first).days or 1
        return LEFT + (WIDTH - LEFT - RIGHT) * (day - self.first).days / days

    @property
    def years(self) -> list[date]:
        """The first days of the years that are marked: few enough to be read."""
        count = self.last.year - self.first.year
        step = next(step for step in (1, 2, 5, 10, 20, 50) if count / step <= 8 or step == 50)
        return [date(year, 1, 1) for year in range(self.first.year + 1, self.last.year + 1) if year % step == 0]


@dataclass(frozen=True, slots=True)
class ValueAxis:
    """The values from the bottom to the top edge of a drawing, and those that are marked."""

    low: float
    high: float
    ticks: tuple[float, ...]

    def y(self, value: float) -> float:
        """Return where a value is."""
        return TOP + (HEIGHT - TOP - BOTTOM) * (self.high - value) / (self.high - self.low)

    @classmethod
    def over(cls, values: Iterable[float]) -> ValueAxis:
        """Return the axis that holds some values, from one round number to another."""
        known = [*values]
        low, high = min(known), max(known)
        if low == high:
            low, high = low - (abs(low) / 10 or 1), high + (abs(high) / 10 or 1)
        rough = (high - low) / 4
        unit: float = 10.0 ** math.floor(math.log10(rough))
        step = next(unit * one for one in (1, 2, 2.5, 5, 10) if unit * one >= rough)
        first, last = math.floor(low / step), math.ceil(high / step)
        return cls(first * step, last * step, tuple(round(place * step, 12) for place in range(first, last + 1)))


def time_marks(axis: TimeAxis, bands: Sequence[tuple[str, date, date]]) -> Markup:
    """Return what lies behind every drawing of an axis: the class of each day as bands, and the years."""
    bottom, height = HEIGHT - BOTTOM, HEIGHT - BOTTOM - TOP
    drawn = [
        f'<path class="b c-{escape(name.lower())}" d="{_rectangles(axis, spans, TOP, height)}"/>'
        for name, spans in _by_name(bands).items()
    ]
    lines = "".join(f"M{_short(axis.x(day))},{TOP}V{bottom}" for day in axis.years)
    labels = [_year(axis, day, HEIGHT - 6) for day in axis.years if axis.x(day) < WIDTH - RIGHT - 10]
    return Markup(  # noqa: S704  # numbers and escaped names
        f'<symbol id="{axis.name}" viewBox="0 0 {WIDTH} {HEIGHT}">{"".join(drawn)}'
        f'<path class="g" d="{lines}M{LEFT},{bottom}H{WIDTH - RIGHT}"/>{"".join(labels)}</symbol>'
    )


def value_marks(axis: ValueAxis, side: str, *, has_grid: bool) -> str:
    """Return the marked values of an axis at its side, with lines across where they are wanted."""
    x, anchor = (LEFT - 4, "end") if side == "left" else (WIDTH - RIGHT + 4, "start")
    labels = "".join(
        f'<text class="t" x="{x}" y="{_short(axis.y(tick) + 3)}" text-anchor="{anchor}">{compact(tick)}</text>'
        for tick in axis.ticks
    )
    lines = "".join(f"M{LEFT},{_short(axis.y(tick))}H{WIDTH - RIGHT}" for tick in axis.ticks)
    return f'<path class="g" d="{lines}"/>{labels}' if has_grid else labels


def line(points: Sequence[Point], time: TimeAxis, values: ValueAxis, kind: str) -> str:
    """Return a line with a dot at its last value; gaps stay gaps."""
    placed = _thinned([(time.x(day), None if value is None else values.y(value)) for day, value in points])
    known = [(x, y) for x, y in placed if y is not None]
    if not known:
        return ""
    x, y = known[-1]
    dot = f'<circle class="e {kind}" cx="{_short(x)}" cy="{_short(y)}" r="2.4"/>'
    return f'<path class="l {kind}" d="{_path(placed)}"/>{dot}'


def sparkline(values: Sequence[float | None]) -> Markup:
    """Return a line of 96 by 22 without axes, with a dot at its last value; nothing without two values."""
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return Markup()
    low, high = min(known), max(known)
    span, step = (high - low) or 1.0, 90 / (len(values) - 1)
    placed = [(3 + step * n, None if v is None else 19 - 16 * (v - low) / span) for n, v in enumerate(values)]
    x, y = next((x, y) for x, y in reversed(placed) if y is not None)
    return Markup(  # noqa: S704  # numbers alone
        f'<svg class="spark" viewBox="0 0 96 22" aria-hidden="true"><path class="l l1" d="{_path(placed)}"/>'
        f'<circle class="e l1" cx="{_short(x)}" cy="{_short(y)}" r="2"/></svg>'
    )


def strips(axis: TimeAxis, named: Sequence[tuple[str, Sequence[tuple[str, date, date]]]], label: str) -> Markup:
    """Return a row of cells below each name; the kind of a cell is its class in the style sheet."""
    bottom = TOP + len(named) * ROW
    drawn = [
        f'<path class="g" d="{"".join(f"M{_short(axis.x(day))},{TOP}V{bottom}" for day in axis.years)}"/>',
        *(_year(axis, day, bottom + 12) for day in axis.years),
    ]
    for place, (name, spans) in enumerate(named):
        top = TOP + place * ROW
        drawn += [
            f'<path class="h {kind}" d="{_rectangles(axis, found, top + NAME, ROW - NAME - 2)}"/>'
            for kind, found in _by_name(spans).items()
        ]
        drawn.append(f'<text class="t n" x="{LEFT}" y="{_short(top + NAME - 2)}">{escape(name)}</text>')
    return drawing("".join(drawn), label, bottom + BOTTOM)


def _year(axis: TimeAxis, day: date, y: float) -> str:
    return f'<text class="t" x="{_short(axis.x(day))}" y="{_short(y)}" text-anchor="middle">{day.year}</text>'


def compact(value: float) -> str:
    """Return a number in as few signs as tell it: 12.5k, 3M."""
    for size, sign in ((1e9, "B"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            return f"{value / min(size, 1e3 if sign == 'k' else size):g}{sign}"
    return f"{value:g}"


def figure(value: float) -> str:
    """Return a value with about four digits."""
    size = abs(value)
    if value == int(value) and size < 1e15:
        return f"{value:,.0f}"
    return f"{value:,.{1 if size >= 100 else 2 if size >= 10 else 3}f}"


def drawing(content: str, label: str, height: float = HEIGHT) -> Markup:
    """Return a drawing with a name that a screen reader says."""
    box = f"0 0 {WIDTH} {_short(height)}"
    return Markup(  # noqa: S704  # content is ours, the label is escaped
        f'<svg class="drawing" viewBox="{box}" role="img" aria-label="{escape(label)}">{content}</svg>'
    )


def runs(states: Iterable[tuple[date, str]]) -> list[tuple[str, date, date]]:
    """Return each state with the first day and the day after the last of every run of it; the states are by day."""
    found: list[tuple[str, date, date]] = []
    for day, state in states:
        if found and found[-1][0] == state:
            found[-1] = (state, found[-1][1], day + timedelta(days=1))
        else:
            if found:
                found[-1] = (*found[-1][:2], day)
            found.append((state, day, day + timedelta(days=1)))
    return found


def _by_name(spans: Iterable[tuple[str, date, date]]) -> dict[str, list[tuple[date, date]]]:
    found: dict[str, list[tuple[date, date]]] = {}
    for name, began, ended in spans:
        found.setdefault(name, []).append((began, ended))
    return found


def _rectangles(axis: TimeAxis, spans: Iterable[tuple[date, date]], top: float, height: float) -> str:
    drawn = []
    for began, ended in spans:
        left, right = axis.x(max(began, axis.first)), axis.x(min(ended, axis.last))
        if right > left:
            drawn.append(f"M{_short(left)},{_short(top)}h{_short(right - left)}v{_short(height)}H{_short(left)}z")
    return "".join(drawn)


def _thinned(points: Sequence[tuple[float, float | None]]) -> list[tuple[float, float | None]]:
    """Return at most the lowest and the highest point of each unit of width, and each gap: no spike is lost."""
    kept: list[tuple[float, float | None]] = []
    bucket: list[tuple[float, float]] = []

    def empty() -> None:
        if bucket:
            ends = (bucket[0], min(bucket, key=lambda one: one[1]), max(bucket, key=lambda one: one[1]))
            kept.extend(sorted({*(ends if len(bucket) > 2 else bucket)}))
            bucket.clear()

    for x, y in points:
        if bucket and (y is None or int(x) != int(bucket[0][0])):
            empty()
        if y is not None:
            bucket.append((x, y))
        elif kept and kept[-1][1] is not None:
            kept.append((x, None))
    if bucket:
        last = bucket[-1]
        empty()
        if kept[-1] != last:
            kept.append(last)
    return kept


def _path(points: Sequence[tuple[float, float | None]]) -> str:
    parts: list[str] = []
    is_new = True
    for x, y in points:
        if y is None:
            is_new = True
            continue
        parts.append(f"{'M' if is_new else 'L'}{_short(x)},{_short(y)}{'h0' if is_new else ''}")
        is_new = False
    return "".join(parts)


def _short(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")
