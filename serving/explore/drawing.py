"""The figures of a view, all of one release: what the page draws and what a download writes."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final

import polars as pl

from ingest.clock import NEW_YORK
from serving.explore.columns import Catalog, Column, Mart
from serving.explore.frames import MOST_ROWS, Kept, Wanted, X, frame_of, selection
from serving.explore.published import Build, Reading
from serving.explore.refusals import LeftOut, Refused
from serving.explore.transforms import COUNTED
from serving.explore.view import MOST_COLUMNS, Asked, View

_MOST_STATES: Final = 24
_UNIT: Final = "unit"
"""A column of this name says the unit of a row whose columns are in no one unit."""
_THREADS: Final = 4
_REGIMES: Final = ("regime_daily", "session_date", "regime_class")


@dataclass(frozen=True, slots=True)
class Line:
    """One column as it is drawn. `now` is the same as published, where a moment was asked for."""

    asked: Asked
    mart: Mart
    column: Column
    keys: dict[str, str]
    unit: str
    x: list[Any]
    y: list[Any]
    now: tuple[list[Any], list[Any]] | None
    extent: tuple[Any, Any] | None  # of the dates as published, whatever the moment
    note: str | None


def lines_of(reading: Reading, catalog: Catalog, view: View, kept: Kept) -> tuple[list[Line], tuple[LeftOut, ...]]:
    """Return the figures of each column of a view that the release has, and what of the address is left out.

    Refused with the first reason where nothing is left to draw.
    """
    chosen = []
    missing = []
    for asked in view.asked:
        try:
            chosen.append((asked, *_chosen(reading, catalog, asked)))
        except Refused as refused:
            missing.append(LeftOut(refused.status, refused.sentence, (asked.place,)))
    left_out = tuple(sorted((*missing, *view.left_out), key=lambda one: one.places or (MOST_COLUMNS,)))
    if left_out and not chosen:
        raise Refused(left_out[0].status, left_out[0].sentence, left_out)
    groups: dict[tuple[str, tuple[tuple[str, str], ...]], list[str]] = {}
    for _, mart, column, keys in chosen:
        names = groups.setdefault((mart.name, tuple(sorted(keys.items()))), [])
        more = [_UNIT] if column.unit == "number" and _UNIT in mart.columns else []
        names += [name for name in (column.name, *more) if name not in names]
    frames = _frames(reading, catalog, groups, view, kept)
    lines = [_line(view, asked, mart, column, keys, groups, frames) for asked, mart, column, keys in chosen]
    return lines, left_out


def _chosen(reading: Reading, catalog: Catalog, asked: Asked) -> tuple[Mart, Column, dict[str, str]]:
    """Return mart, column and the key values of what is asked for; Refused for what the release does not have."""
    mart = catalog.mart(asked.mart)
    column = mart.column(asked.column)
    if asked.transform.name != "level" and column.kind != "number":
        raise Refused(400, f"{asked.transform.name} is made of numbers; {mart.name}.{column.name} has none")
    return mart, column, selection(reading.con, mart, column.name, dict(asked.keys))


def bands_of(reading: Reading, catalog: Catalog, view: View, kept: Kept) -> list[list[Any]] | None:
    """Return the regimes in time, [class, first session, last session]; None where the file has none to show."""
    name, day, state = _REGIMES
    mart = catalog.marts.get(name)
    if not view.shade or mart is None or mart.axis != day or state not in mart.columns or mart.selectors:
        return None
    moment = None if mart.no_past else view.naive_moment
    frame = frame_of(reading.con, reading.build, Wanted(mart, (state,), (), moment), kept)
    bands: list[list[Any]] = []
    for at, found in frame.select(X, "0").iter_rows():
        if bands and bands[-1][0] == found:
            bands[-1][2] = at
        else:
            bands.append([found, at, at])
            if len(bands) > 1:
                bands[-2][2] = at  # up to where the next begins
    return bands


def as_document(
    build: Build, view: View, lines: Sequence[Line], left_out: Sequence[LeftOut], bands: list[list[Any]] | None
) -> dict[str, Any]:
    """Return a view for the page; `from`, `to` and `moment` are what it is drawn by, not what the address says."""
    return {
        "build": build_document(build),
        "from": view.first,
        "to": view.last,
        "moment": moment_text(view),
        "left_out": left_out_document(left_out),
        "bands": bands,
        "lines": [_document(line, view) for line in lines],
    }


def left_out_document(left_out: Sequence[LeftOut]) -> list[dict[str, Any]]:
    """Return what of an address is left out, for the page."""
    return [{"sentence": one.sentence, "places": one.places, "parameters": one.parameters} for one in left_out]


def build_document(build: Build) -> dict[str, Any]:
    """Return what a release says of itself, for the page."""
    return {
        "build_id": build.build_id,
        "built_at": None if build.built_at is None else f"{build.built_at:%Y-%m-%d %H:%M} UTC",
        "origin": build.origin,
        "is_simulated": build.is_simulated,
        "data_through_date": build.data_through_date,
    }


def moment_text(view: View) -> str | None:
    """Return the moment of a view as a clock in New York shows it; midnight is the end of a day."""
    if view.moment is None:
        return None
    local = view.moment.astimezone(NEW_YORK)
    if local.time() == time():
        return f"{local - timedelta(days=1):%Y-%m-%d} 24:00 New York"
    return f"{local:%Y-%m-%d %H:%M} New York"


def title_of(line: Line) -> str:
    """Return what a line is, in words: column, row of each date, transform."""
    rows = ", ".join(f"{name} {value}" for name, value in line.keys.items())
    return "; ".join(
        part for part in (f"{line.mart.name}.{line.column.name}", rows, line.asked.transform.title()) if part
    )


def _frames(
    reading: Reading,
    catalog: Catalog,
    groups: dict[tuple[str, tuple[tuple[str, str], ...]], list[str]],
    view: View,
    kept: Kept,
) -> dict[tuple[Any, ...], pl.DataFrame]:
    """Return the frame of each group as published, and at the moment where its mart has a past."""
    wanted: dict[tuple[Any, ...], Wanted] = {}
    for (name, keys), columns in groups.items():
        mart = catalog.marts[name]
        wanted[name, keys, False] = Wanted(mart, tuple(columns), keys)
        if view.moment is not None and not mart.no_past:
            wanted[name, keys, True] = Wanted(mart, tuple(columns), keys, view.naive_moment)

    def read(one: Wanted) -> pl.DataFrame:
        with reading.cursor() as con:
            return frame_of(con, reading.build, one, kept)

    if len(wanted) < 2:
        return {key: read(one) for key, one in wanted.items()}
    with ThreadPoolExecutor(_THREADS) as threads:
        return dict(zip(wanted, threads.map(read, wanted.values()), strict=True))


def _line(
    view: View,
    asked: Asked,
    mart: Mart,
    column: Column,
    keys: dict[str, str],
    groups: dict[tuple[str, tuple[tuple[str, str], ...]], list[str]],
    frames: dict[tuple[Any, ...], pl.DataFrame],
) -> Line:
    group = (mart.name, tuple(sorted(keys.items())))
    place = str(groups[group].index(column.name))
    published, known = frames[(*group, False)], frames.get((*group, True))
    shown = published if known is None else known
    x, y = _drawn(shown, place, view, asked, mart)
    unit = column.unit
    if unit == "number" and _UNIT in mart.columns:
        units = published[str(groups[group].index(_UNIT))].drop_nulls().unique().to_list()
        unit = str(units[0]) if len(units) == 1 else unit
    days = published[X]
    return Line(
        asked,
        mart,
        column,
        keys,
        asked.transform.unit(unit),
        x,
        y,
        _drawn(published, place, view, asked, mart) if known is not None and view.now else None,
        (days.min(), days.max()) if mart.axis is not None and len(days) else None,
        _note(view, mart, column, x, y, is_past=known is not None),
    )


def _drawn(frame: pl.DataFrame, place: str, view: View, asked: Asked, mart: Mart) -> tuple[list[Any], list[Any]]:
    """Return the points of a frame in the dates of the view; what looks back sees the rows before them too."""
    x, y = frame[X].to_list(), frame[place].to_list()
    looks_back = asked.transform.name in COUNTED
    if looks_back:
        y = asked.transform.over(y)
    if mart.axis is not None:
        inside = [number for number, day in enumerate(x) if view.has(day)]
        x, y = [x[number] for number in inside], [y[number] for number in inside]
    if not looks_back and frame[place].dtype == pl.Float64:
        y = asked.transform.over(y)
    return x, y


def _note(view: View, mart: Mart, column: Column, x: list[Any], y: list[Any], *, is_past: bool) -> str | None:
    """Return what a person should know of a drawing that is not all it could be."""
    if view.moment is not None and not is_past:
        return f"As published now: {mart.path} cannot be read as of a moment. It {mart.no_past}."
    if not x:
        return "No rows: nothing was known of these dates, or no row has this key."
    if all(value is None for value in y):
        return "No value in these dates."
    if column.kind == "state" and len({*y}) > _MOST_STATES:
        return f"{len({*y}):,} different texts: too many to draw. The download has them."
    if mart.axis is not None and not mart.key:
        return f"{mart.path} names no key: where a date has several rows, the last one is drawn."
    if mart.axis is None and len(x) > MOST_ROWS:
        return f"More than {MOST_ROWS} rows: choose by the key what is drawn."
    return None


def _document(line: Line, view: View) -> dict[str, Any]:
    mart = line.mart
    return {
        "place": line.asked.place,
        "mart": mart.name,
        "column": line.column.name,
        "kind": line.column.kind,
        "unit": line.unit,
        "title": title_of(line),
        "description": line.column.description,
        "axis": mart.axis,
        "keys": line.keys,
        "selectors": mart.selectors,
        "newest_of": mart.newest_of,
        "transform": line.asked.transform.name,
        "rows": line.asked.transform.rows,
        "is_past": view.moment is not None and not mart.no_past,
        "x": line.x,
        "y": line.y,
        "now": None if line.now is None else {"x": line.now[0], "y": line.now[1]},
        "extent": line.extent,
        "note": line.note,
    }


def plain(value: Any) -> str:
    """Return dates and moments for JSON."""
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no place in an answer")
