"""The report's charts: which columns of which marts are drawn, the published file says in meta.charts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from markupsafe import Markup

from serving.report import drawing
from serving.report.axes import Axes
from serving.report.lineage import Lineage
from serving.report.phrases import Phrases
from warehouse.sql import quoted

if TYPE_CHECKING:
    import duckdb

    from warehouse.presentation import Line, PlacedChart

    Rows = list[tuple[Any, ...]]

SHOWN_ROWS: Final = 8
"""Rows of the table below each chart."""

_STALE_SESSIONS, _SLOW_SESSIONS = 4, 15
"""Sessions after which a daily figure is out of date: sooner where no series behind it is said to be in time."""
_OUT_OF_DATE: Final = {
    "week_date": 35,
    "month_date": 100,
    "quarter_date": 270,
    "period_date": 400,
    "settlement_date": 45,
    "report_date": 21,
    "release_date": 100,
}
"""Days after which a figure by week, month, quarter or whatever is out of date."""


@dataclass(frozen=True, slots=True)
class Key:
    """One line of a chart in its legend: its newest value with what it is of, and `state` where it is not current."""

    kind: str
    label: str
    unit: str
    is_right: bool
    value: float | None
    day: date | None
    state: str | None

    @property
    def text(self) -> str | None:
        """The value as a person reads it."""
        return None if self.value is None else drawing.figure(self.value)


class Newest(NamedTuple):
    """The newest value of a line, the day it is of, and that of its row: a session shows what was last known."""

    value: float | None = None
    day: date | None = None
    row_day: date | None = None


@dataclass(frozen=True, slots=True)
class Drawn:
    """A chart with what stands around it. `drawing` is None where the file has no value in the time of its axis."""

    title: str
    group: str | None
    is_long: bool
    drawing: Markup | None
    keys: list[Key]
    sources: tuple[str, ...]
    heads: list[str]
    rows: Rows
    query: str
    is_strip: bool


def draw(con: duckdb.DuckDBPyConnection, placed: PlacedChart, axes: Axes, lineage: Lineage, words: Phrases) -> Drawn:
    """Return a chart on the axis it shares with others."""
    chart = placed.chart
    time = axes.long if chart.is_long else axes.short
    rows = _rows(con, placed, time)
    traced = [lineage.sources(placed.mart, line.column) for line in chart.lines]
    newest = _newest(con, placed)
    states = [
        _state(axes, placed.period_column, last.row_day, [lineage.states[x] for x in series if x in lineage.states])
        for last, (series, _) in zip(newest, traced, strict=True)
    ]
    right = chart.sides.get("right", ())
    keys = [
        Key(f"l{place}", line.label, line.unit, line in right and len(chart.sides) > 1, last.value, last.day, state)
        for place, (line, last, state) in enumerate(zip(chart.lines, newest, states, strict=True), 1)
    ]
    series = frozenset[str]().union(*(one for one, _ in traced))
    raw = frozenset[str]().union(*(one for _, one in traced))
    made = _strips(rows, time, placed, words) if chart.by else _lines(rows, time, placed, keys, words)
    return Drawn(
        *(chart.title, placed.group, chart.is_long, made, keys, lineage.names(series, raw)),
        [line.label for line in chart.lines],
        _last_rows(rows, by=bool(chart.by)),
        _query(placed),
        bool(chart.by),
    )


# -- what is read ------------------------------------------------------------------------------------------------


def _chosen(placed: PlacedChart) -> tuple[str, dict[str, str]]:
    """Return the condition for the rows that a chart is about, with its value."""
    ((name, value),) = placed.chart.rows.items() if placed.chart.rows else ((None, None),)
    return ("true", {}) if name is None or value is None else (f"{quoted(name)} = $value", {"value": value})


def _rows(con: duckdb.DuckDBPyConnection, placed: PlacedChart, time: drawing.TimeAxis) -> Rows:
    """Return day and columns in the time of the axis, of strips the value of `by` between; the newest come last."""
    period, by = quoted(placed.period_column), placed.chart.by
    columns = ", ".join(f"{quoted(line.column)}::double" for line in placed.chart.lines)
    some = " or ".join(f"{quoted(line.column)} is not null" for line in placed.chart.lines)
    which, value = _chosen(placed)
    return con.execute(
        f"""
        select {period}, {f"{quoted(by)}::varchar, " if by else ""}{columns} from marts.{quoted(placed.mart)}
        where {which} and {period} between $first and (
            select max({period}) from marts.{quoted(placed.mart)} where ({which}) and ({some})
        )
        order by all
        """,
        {**value, "first": time.first},
    ).fetchall()


def _newest(con: duckdb.DuckDBPyConnection, placed: PlacedChart) -> list[Newest]:
    """Return the newest value of each line, however old it is."""
    period = quoted(placed.period_column)
    columns = ", ".join(
        f"arg_max(row({quoted(line.column)}::double, {_day_of(line, placed)}, {period}), {period})"
        f" filter ({quoted(line.column)} is not null)"
        for line in placed.chart.lines
    )
    which, value = _chosen(placed)
    found = con.execute(f"select {columns} from marts.{quoted(placed.mart)} where {which}", value).fetchone() or ()
    return [Newest(*(one or ())) for one in found]


def _day_of(line: Line, placed: PlacedChart) -> str:
    return f"least({', '.join(quoted(name) for name in line.dates or (placed.period_column,))})"


def _state(axes: Axes, period_column: str, day: date | None, states: Sequence[str]) -> str | None:
    """Return what to say of a line that is no longer current; None of one that is, or whose series are only slow."""
    if day is None:
        return "never"
    is_served = bool(states) and all(state in ("fresh", "late") for state in states)
    if period_column == "session_date":
        is_behind = axes.sessions_since(day) > (_SLOW_SESSIONS if is_served else _STALE_SESSIONS)
    else:
        is_behind = (axes.short.last - day).days > _OUT_OF_DATE[period_column]
    if not is_behind:
        return None
    return "ended" if states and all(state == "ended" for state in states) else "stale"


def _last_rows(rows: Rows, *, by: bool) -> Rows:
    """Return the newest rows with some value, newest first; of strips every row of the newest day with one."""
    known = [row for row in rows if any(value is not None for value in row[2 if by else 1 :])]
    if by:
        return [row for row in known if row[0] == known[-1][0]]
    return known[: -SHOWN_ROWS - 1 : -1]


def _query(placed: PlacedChart) -> str:
    """Return the query of the table on the command line."""
    columns = [
        placed.period_column,
        *([placed.chart.by] if placed.chart.by else []),
        *(x.column for x in placed.chart.lines),
    ]
    rows = "".join(f" where {name} = '{value}'" for name, value in (placed.chart.rows or {}).items())
    return f"select {', '.join(columns)} from marts.{placed.mart}{rows} order by 1 desc limit {SHOWN_ROWS}"


# -- what is drawn -----------------------------------------------------------------------------------------------


def _lines(rows: Rows, time: drawing.TimeAxis, placed: PlacedChart, keys: list[Key], words: Phrases) -> Markup | None:
    chart = placed.chart
    sides = {side: _value_axis(rows, chart.lines, lines) for side, lines in chart.sides.items()}
    known = {side: axis for side, axis in sides.items() if axis is not None}
    if not known:
        return None
    marks = [drawing.value_marks(axis, side, has_grid=place == 0) for place, (side, axis) in enumerate(known.items())]
    at = {line.label: known.get(side) for side, lines in chart.sides.items() for line in lines}
    drawn = [
        drawing.line([(row[0], row[place]) for row in rows], time, axis, f"{key.kind} gone" if key.state else key.kind)
        for place, (line, key) in enumerate(zip(chart.lines, keys, strict=True), 1)
        if (axis := at[line.label]) is not None
    ]
    content = f'<use href="#{time.name}"/>{"".join(marks)}{"".join(drawn)}'
    days = [row[0] for row in rows if any(value is not None for value in row[1:])]
    return drawing.drawing(content, _label(placed, days, words))


def _value_axis(rows: Rows, lines: Sequence[Line], shown: Sequence[Line]) -> drawing.ValueAxis | None:
    places = [place for place, line in enumerate(lines, 1) if line in shown]
    values = [row[place] for row in rows for place in places if row[place] is not None]
    return drawing.ValueAxis.over(values) if values else None


def _strips(rows: Rows, time: drawing.TimeAxis, placed: PlacedChart, words: Phrases) -> Markup | None:
    """Return a row of cells for each value of `by`: none where a week's last score is within one deviation of zero."""
    weeks: dict[str, dict[date, str]] = {}
    for day, name, value in rows:
        weeks.setdefault(name, {})[day] = _score_kind(value)
    weeks = {name: states for name, states in weeks.items() if set(states.values()) != {"un"}}
    if not weeks:
        return None
    strips = [
        (words.text(name.replace("_", " ")), [span for span in drawing.runs(_weekly(states)) if span[0]])
        for name, states in sorted(weeks.items())
    ]
    return drawing.strips(time, strips, _label(placed, [row[0] for row in rows if row[2] is not None], words))


def _weekly(states: dict[date, str]) -> list[tuple[date, str]]:
    """Return the last state of each week."""
    return [*{day.isocalendar()[:2]: (day, state) for day, state in states.items()}.values()]


def _score_kind(value: float | None) -> str:
    if value is None:
        return "un"
    size = "2" if abs(value) >= 2 else "1" if abs(value) >= 1 else ""
    return f"{'up' if value > 0 else 'down'}{size}" if size else ""


def _label(placed: PlacedChart, days: list[date], words: Phrases) -> str:
    chart = placed.chart
    lines = [words.text(line.label) for line in chart.lines]
    units = ", ".join(words.text(unit) for unit in chart.units)
    span = f", {days[0]} – {days[-1]}" if days else ""
    return f"{words.text(chart.title)}: {', '.join(lines)} ({units}){span}"
