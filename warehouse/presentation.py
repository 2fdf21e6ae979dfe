"""Which columns of the marts a reader is shown first, and which are drawn: said by each mart, stored in each release.

A mart says it in the `meta` of its dbt model (docs/tables.md, meta.readings and meta.charts, has every part). The rows
go into the published file, so that whoever reads it needs nothing but the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Final, Literal, TypeVar

import duckdb
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ingest.errors import ConfigError
from warehouse.declared_tables import DeclaredTable
from warehouse.period_columns import PERIOD_COLUMNS
from warehouse.published_table import CHARTS, KEYS, READINGS

LONG_YEARS: Final = 10
"""Charts of more years share the axis of the long view, all others that of the last years."""
Z_SCORE: Final = "z"

_Text = Annotated[str, Field(min_length=1)]
_Names = tuple[_Text, ...]


class _Declared(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Reading(_Declared):
    """A headline figure: the newest value of a column of a mart, or of a series that the column stands for.

    `rows` restricts the mart to the rows with one value of one column. `dates` and `known_at` are columns: the figure
    is of the oldest of the former, known at the latest of the latter. `series` are those whose freshness it has;
    without any it goes by how many sessions have closed since. A single one of `dates` is that of a report which every
    session until the next one shows: the figure before is that of the report before, and `current_days` after its date
    the next is due. With `observation` the figure is the newest observation
    of that series. With `published_series` it is an observation of that series where that is of a later period.
    """

    label: _Text
    order: int
    unit: _Text
    decimals: Annotated[int, Field(ge=0, le=6)] = 2
    rows: Annotated[Mapping[str, str] | None, Field(min_length=1, max_length=1)] = None
    dates: _Names = ()
    known_at: _Names = ("known_at",)
    series: _Names = ()
    current_days: Annotated[int, Field(ge=1, le=100)] | None = None
    observation: _Text | None = None
    published_series: _Text | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Reading:
        if self.observation and (self.rows or self.dates or self.series or self.published_series):
            raise ValueError("an observation has its own date, moment and state: expected none of the mart's beside it")
        return self

    @property
    def columns(self) -> set[str]:
        """The columns of the mart that it names."""
        return {*(self.rows or ()), *self.dates} | (set() if self.observation else {*self.known_at})


class Line(_Declared):
    """One line of a chart. Without a `side` the second unit of a chart has the axis on the right.

    With `dates`, columns, its newest value is of the earliest of them: what a mart by session shows may be carried.
    """

    label: _Text
    column: _Text
    unit: _Text
    side: Literal["left", "right"] | None = None
    dates: _Names = ()


class Chart(_Declared):
    """A drawing of some columns of a mart; with two units, or lines on either side, it has two axes.

    All charts share the time axis of the last years; one of more than `LONG_YEARS` has the axis of the long view, with
    the others of that kind. `rows` restricts the mart to the rows with one value of one column. With `by`, a column,
    its one line is a z-score and drawn as a strip of cells for each value of that column. `group` is where it is
    shown, the group of the mart otherwise.
    """

    title: _Text
    order: int
    lines: Annotated[tuple[Line, ...], Field(min_length=1, max_length=6)]
    years: Annotated[int, Field(ge=1, le=100)] = 5
    rows: Annotated[Mapping[str, str] | None, Field(min_length=1, max_length=1)] = None
    group: _Text | None = None
    by: _Text | None = None

    @model_validator(mode="after")
    def _lines_differ(self) -> Chart:
        if len({line.label for line in self.lines}) < len(self.lines):
            raise ValueError("expected lines with labels of their own")
        if self.by and (len(self.lines) > 1 or self.lines[0].unit != Z_SCORE):
            raise ValueError(f"expected one line in the unit {Z_SCORE} for the strips of {self.by}")
        if any(len({line.unit for line in lines}) > 1 for lines in self.sides.values()):
            raise ValueError("expected one unit on each of the two axes")
        return self

    @property
    def sides(self) -> dict[str, tuple[Line, ...]]:
        """The lines of each axis: the first unit's on the left, those of the others on the right, or as they say."""
        placed = [(line.side or ("left" if line.unit == self.units[0] else "right"), line) for line in self.lines]
        return {
            side: tuple(line for at, line in placed if at == side) for side in dict.fromkeys(at for at, _ in placed)
        }

    @property
    def is_long(self) -> bool:
        """Whether it is drawn on the axis of the long view."""
        return self.years > LONG_YEARS

    @property
    def units(self) -> tuple[str, ...]:
        """The units of its axes."""
        return tuple(dict.fromkeys(line.unit for line in self.lines))


@dataclass(frozen=True, slots=True)
class MartMeta:
    """What a mart says of itself. `columns` holds every column with its own `meta`, `meta` that of the model."""

    mart: str
    columns: Mapping[str, Mapping[str, Any]]
    meta: Mapping[str, Any] = field(default_factory=dict)
    key: tuple[str, ...] = ()

    @property
    def period_column(self) -> str | None:
        """The column that orders its rows."""
        return next((name for name in PERIOD_COLUMNS if name in self.columns), None)


@dataclass(frozen=True, slots=True)
class PlacedReading:
    """A reading with its place: the group it is shown in, its mart and its column."""

    group: str | None
    mart: str
    column: str
    period_column: str
    reading: Reading


@dataclass(frozen=True, slots=True)
class PlacedChart:
    """A chart with the mart it draws."""

    mart: str
    period_column: str
    chart: Chart
    group: str | None = None


@dataclass(frozen=True, slots=True)
class Presentation:
    """Readings and charts in the order in which they are shown; those of one group stand together."""

    readings: tuple[PlacedReading, ...] = ()
    charts: tuple[PlacedChart, ...] = ()
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def with_keys(self, keys: Mapping[str, tuple[str, ...]]) -> Presentation:
        """Return the same with the keys of tables that are no dbt models."""
        return replace(self, keys={**self.keys, **keys})

    def rows(self) -> dict[DeclaredTable, list[tuple[Any, ...]]]:
        """Return the rows of meta.readings, meta.charts and meta.keys."""
        return {
            READINGS: [_reading_row(position, one) for position, one in enumerate(self.readings, 1)],
            CHARTS: [
                (*_chart_row(position, one), number, *_line_row(line), one.group, one.chart.by, _joined(line.dates))
                for position, one in enumerate(self.charts, 1)
                for number, line in enumerate(one.chart.lines, 1)
            ],
            KEYS: [
                (mart, position, column)
                for mart, key in sorted(self.keys.items())
                for position, column in enumerate(key, 1)
            ],
        }


def presentation_of(marts: Iterable[MartMeta]) -> Presentation:
    """Return what the marts say; ConfigError, which names the mart, where it cannot be shown."""
    readings: list[PlacedReading] = []
    charts: list[PlacedChart] = []
    keys: dict[str, tuple[str, ...]] = {}
    for mart in marts:
        if mart.key:
            keys[mart.mart] = mart.key
        for column, meta in mart.columns.items():
            readings += [_placed(mart, column, one) for one in _listed(f"{mart.mart}.{column}", meta, "readings")]
        charts += [_drawn(mart, one) for one in _listed(mart.mart, mart.meta, "charts")]
    readings.sort(key=lambda one: (one.reading.order, one.reading.label))
    groups = {group: place for place, group in reversed([*enumerate(one.group for one in readings)])}
    _require_one_each("a reading", [one.reading.label for one in readings])
    _require_one_each("a chart", [one.chart.title for one in charts])
    return Presentation(
        tuple(sorted(readings, key=lambda one: groups[one.group])),
        tuple(sorted(charts, key=lambda one: (one.chart.order, one.chart.title))),
        keys,
    )


def read_presentation(con: duckdb.DuckDBPyConnection) -> Presentation | None:
    """Return what an open published file says; None where it is of a version that did not say it."""
    query = "select count(*) from duckdb_tables() where schema_name = 'meta' and table_name in (?, ?)"
    found = con.execute(query, [READINGS.name, CHARTS.name]).fetchone()
    if found != (2,):
        return None
    readings = [_read_reading(row) for row in _records(con, READINGS, "reading_position")]
    charts: dict[int, list[dict[str, Any]]] = {}
    for row in _records(con, CHARTS, "chart_position, line_position"):
        charts.setdefault(row["chart_position"], []).append(row)
    return Presentation(tuple(readings), tuple(_read_chart(lines) for lines in charts.values()))


# -- what a mart says --------------------------------------------------------------------------------------------


def _listed(where: str, meta: Mapping[str, Any], name: str) -> list[Any]:
    found = meta.get(name, [])
    if not isinstance(found, list):
        raise ConfigError(f"dbt_project: {where}: meta.{name}: expected a list, got {found!r}")
    return found


def _placed(mart: MartMeta, column: str, said: Any) -> PlacedReading:
    where = f"{mart.mart}.{column}: meta.readings"
    reading = _valid(Reading, where, said)
    period = _period_column(mart, where, reading.columns)
    return PlacedReading(_group(mart), mart.mart, column, period, reading)


def _drawn(mart: MartMeta, said: Any) -> PlacedChart:
    where = f"{mart.mart}: meta.charts"
    chart = _valid(Chart, where, said)
    named = {name for line in chart.lines for name in (line.column, *line.dates)}
    named |= {*(chart.rows or ())} | ({chart.by} if chart.by else set())
    return PlacedChart(mart.mart, _period_column(mart, where, named), chart, chart.group or _group(mart))


def _group(mart: MartMeta) -> str | None:
    group = mart.meta.get("group")
    if not (group is None or isinstance(group, str)):
        raise ConfigError(f"dbt_project: {mart.mart}: meta.group: expected a text, got {group!r}")
    return group


def _period_column(mart: MartMeta, where: str, named: set[str]) -> str:
    """Return the column that orders the rows; ConfigError where there is none, or a named column is not there."""
    missing = sorted(named - set(mart.columns))
    if missing:
        raise ConfigError(f"dbt_project: {where}: no column {', '.join(missing)} in {mart.mart}")
    if mart.period_column is None:
        raise ConfigError(f"dbt_project: {where}: expected one of {', '.join(PERIOD_COLUMNS)} in {mart.mart}")
    return mart.period_column


_Model = TypeVar("_Model", Reading, Chart)


def _valid(kind: type[_Model], where: str, said: Any) -> _Model:
    try:
        return kind.model_validate(said)
    except ValidationError as error:
        first = error.errors()[0]
        part = ".".join(str(one) for one in first["loc"])
        raise ConfigError(f"dbt_project: {where}: {part}{': ' if part else ''}{first['msg']}, got {said!r}") from None


def _require_one_each(what: str, names: list[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError(f"dbt_project: {what} is declared twice: {', '.join(twice)}")


# -- rows of the published file ----------------------------------------------------------------------------------


def _reading_row(position: int, one: PlacedReading) -> tuple[Any, ...]:
    reading = one.reading
    rows_column, rows_value = _first_of(reading.rows)
    return (
        position,
        one.group,
        reading.label,
        reading.unit,
        reading.decimals,
        one.mart,
        one.column,
        one.period_column,
        rows_column,
        rows_value,
        _joined(reading.dates),
        None if reading.observation else _joined(reading.known_at),
        _joined(reading.series),
        reading.observation,
        reading.published_series,
        reading.current_days,
    )


def _read_reading(row: Mapping[str, Any]) -> PlacedReading:
    said = {
        "label": row["label"],
        "order": row["reading_position"],
        "unit": row["shown_unit"],
        "decimals": row["decimals_count"],
        "rows": _rows(row),
        "dates": _split(row["date_columns"]),
        "known_at": _split(row["known_at_columns"]) or ("known_at",),
        "series": _split(row["series_ids"]),
        "observation": row["observation_series_id"],
        "published_series": row["published_series_id"],
        "current_days": row.get("current_days_count"),  # files of earlier versions have none
    }
    reading = Reading.model_validate(said)
    return PlacedReading(row["group_name"], row["mart"], row["column_name"], row["period_column"], reading)


def _chart_row(position: int, one: PlacedChart) -> tuple[Any, ...]:
    chart = one.chart
    return (position, chart.title, chart.years, one.mart, one.period_column, *_first_of(chart.rows))


def _first_of(rows: Mapping[str, str] | None) -> tuple[str | None, str | None]:
    return next(iter((rows or {}).items()), (None, None))


def _rows(row: Mapping[str, Any]) -> dict[str, str] | None:
    column = row.get("rows_column")  # files of earlier versions have none for charts, nor sides, groups, strips, dates
    return None if column is None else {column: row["rows_value"]}


def _line_row(line: Line) -> tuple[str | None, ...]:
    return line.label, line.column, line.unit, line.side


def _read_chart(rows: list[dict[str, Any]]) -> PlacedChart:
    first = rows[0]
    lines = tuple(
        Line(
            label=row["label"],
            column=row["column_name"],
            unit=row["shown_unit"],
            side=row.get("line_side"),
            dates=_split(row.get("date_columns")),
        )
        for row in rows
    )
    chart = Chart(
        title=first["chart_title"],
        order=first["chart_position"],
        lines=lines,
        years=first["years_count"],
        rows=_rows(first),
        by=first.get("by_column"),
    )
    return PlacedChart(first["mart"], first["period_column"], chart, first.get("group_name"))


def _joined(names: tuple[str, ...]) -> str | None:
    return ", ".join(names) or None


def _split(names: str | None) -> tuple[str, ...]:
    return tuple(names.split(", ")) if names else ()


def _records(con: duckdb.DuckDBPyConnection, table: DeclaredTable, order: str) -> list[dict[str, Any]]:
    found = con.execute(f"select * from {table.path} order by {order}")
    names = [name for name, *_ in found.description]
    rows = found.fetchall()
    return [dict(zip(names, row, strict=True)) for row in rows]
