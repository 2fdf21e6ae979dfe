"""Rows of the published file for drawing: SQL with bound values, and names that the file's own catalog has.

What was read is kept, up to a bound, for as long as its release is the published one.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

import duckdb
import polars as pl

from serving.explore.columns import Mart
from serving.explore.published import Build
from serving.explore.refusals import Refused, said
from warehouse.sql import quoted

_MOST_BYTES: Final = 96 << 20
MOST_ROWS: Final = 400
"""A mart that is drawn row by row is drawn so far."""

X: Final = "x"
_Key = tuple[Any, ...]


class Kept:
    """Frames by release, mart, moment, row of a date and columns; the ones that were not asked for longest go first."""

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._most = most_bytes
        self._bytes: float = 0
        self._frames: OrderedDict[_Key, pl.DataFrame] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: _Key) -> pl.DataFrame | None:
        with self._lock:
            if key in self._frames:
                self._frames.move_to_end(key)
            return self._frames.get(key)

    def put(self, key: _Key, frame: pl.DataFrame) -> None:
        """Keep a frame; those of other releases go at once."""
        with self._lock:
            for other in [one for one in self._frames if one[0] != key[0] or one == key]:
                self._bytes -= self._frames.pop(other).estimated_size()
            self._frames[key] = frame
            self._bytes += frame.estimated_size()
            while self._bytes > self._most and self._frames:
                self._bytes -= self._frames.popitem(last=False)[1].estimated_size()

    @property
    def size(self) -> float:
        """How many bytes are kept."""
        return self._bytes


@dataclass(frozen=True, slots=True)
class Wanted:
    """Columns of the rows of one mart. `moment` is naive UTC; None: as published."""

    mart: Mart
    columns: tuple[str, ...]
    keys: tuple[tuple[str, str], ...]
    moment: datetime | None = None


def frame_of(con: duckdb.DuckDBPyConnection, build: Build, wanted: Wanted, kept: Kept) -> pl.DataFrame:
    """Return `x` and the wanted columns, named by their places, one row a date; row by row `x` is the key as text."""
    key = (build.build_id, wanted.mart.name, wanted.moment, wanted.keys, wanted.columns)
    found = kept.get(key)
    if found is None:
        found = _read(con, wanted)
        kept.put(key, found)
    return found


def selection(con: duckdb.DuckDBPyConnection, mart: Mart, column: str, given: Mapping[str, str]) -> dict[str, str]:
    """Return a value for every selector of a mart: those given, the others of the newest row with a value.

    Of a mart that is drawn row by row the selectors stay open. Refused (400) for a key that the mart does not have.
    """
    for name in given:
        if name not in mart.selectors:
            has = f"it has {', '.join(mart.selectors)}" if mart.selectors else "it has none to choose"
            raise Refused(400, f"{mart.path} has no key {said(name)} to choose by; {has}")
    missing = [name for name in mart.selectors if name not in given]
    if mart.axis is None or not missing:
        return dict(given)
    where, values = _where(mart, given.items())
    names = ", ".join(f"{quoted(name)}::varchar" for name in missing)
    row = con.execute(
        f"select {names} from {mart.source} where {where} "
        f"order by {quoted(column)} is null, {quoted(mart.axis)} desc, {', '.join(map(quoted, missing))} limit 1",
        values,
    ).fetchone()
    return {**given, **(dict(zip(missing, row, strict=True)) if row and None not in row else {})}


def choices(con: duckdb.DuckDBPyConnection, mart: Mart, most: int) -> dict[str, list[str]]:
    """Return the values of each selector of a mart, dates newest first."""
    found = {}
    for name in mart.selectors:
        order = "desc" if mart.columns[name].dtype == "DATE" else "asc"
        rows = con.execute(
            f"select v::varchar from (select distinct {quoted(name)} as v from {mart.source}) "
            f"where v is not null order by v {order} limit {most}"
        ).fetchall()
        found[name] = [value for (value,) in rows]
    return found


def key_of_row(con: duckdb.DuckDBPyConnection, mart: Mart, keys: Sequence[tuple[str, str]], x: date | str) -> list[str]:
    """Return the key values of the row that is drawn at `x`, in the order of the key; Refused (404): no such row."""
    where, values = _where(mart, keys)
    at = f"{quoted(mart.axis)}::date" if mart.axis is not None else _label(mart)
    if not mart.key:
        raise Refused(404, f"{mart.path} has no key: its rows cannot be explained one by one")
    newest = ", ".join(f"{quoted(name)} desc" for name in (mart.axis or mart.key[0], *mart.newest_of))
    row = con.execute(
        f"select {', '.join(f'{quoted(name)}::varchar' for name in mart.key)} from {mart.source} "
        f"where {where} and {at} = ? order by {newest} limit 1",
        [*values, x],
    ).fetchone()
    if row is None:
        raise Refused(404, f"{mart.path} has no row of {said(str(x))} as published now")
    return [str(value) for value in row]


def _read(con: duckdb.DuckDBPyConnection, wanted: Wanted) -> pl.DataFrame:
    """Read a frame; at a moment that of a wide mart by its parts, which have the same rows."""
    mart = wanted.mart
    where, values = _where(mart, wanted.keys)
    if wanted.moment is None:
        return _rows(con, mart, mart.source, where, values, wanted.columns)
    if not mart.parts.keys() >= {*wanted.columns, mart.axis} or mart.selectors:
        source = f"marts.{quoted(f'{mart.name}_as_of')}(?::timestamp)"
        return _rows(con, mart, source, where, [wanted.moment, *values], wanted.columns)
    asked: dict[str, list[int]] = {}
    for place, name in enumerate(wanted.columns):
        asked.setdefault(mart.parts[name], []).append(place)
    frames = []
    for select, places in asked.items():
        names = [wanted.columns[place] for place in places]
        frame = _rows(con, mart, f"({select})", where, {"moment": wanted.moment}, names)
        frames.append(frame.rename(dict(zip(map(str, range(len(places))), map(str, places), strict=True))))
    whole = frames[0]
    for frame in frames[1:]:
        whole = whole.join(frame, on=X, how="left")
    return whole.select(X, *map(str, range(len(wanted.columns))))


def _rows(
    con: duckdb.DuckDBPyConnection, mart: Mart, source: str, where: str, values: Any, names: Sequence[str]
) -> pl.DataFrame:
    columns = ", ".join(_cast(mart, name) for name in names)
    if mart.axis is None:
        order = ", ".join(quoted(name) for name in mart.key) or "1"
        sql = f"select {_label(mart)}, {columns} from {source} where {where} order by {order} limit {MOST_ROWS + 1}"
    else:
        day = f"{quoted(mart.axis)}::date"
        newest = ", ".join(f"{quoted(name)} desc" for name in (*([] if mart.is_day else [mart.axis]), *mart.newest_of))
        one = f"qualify row_number() over (partition by {day} order by {newest}) = 1" if newest else ""
        sql = f"select {day}, {columns} from {source} where {where} and {day} is not null {one} order by 1"
    frame = con.execute(sql, values).pl()
    frame.columns = [X, *map(str, range(len(names)))]  # by place: a mart may have a column of any name
    return frame.unique(X, keep="last", maintain_order=True)


def _where(mart: Mart, keys: Iterable[tuple[str, str]]) -> tuple[str, list[Any]]:
    parts, values = ["true"], []
    for name, value in keys:
        column = quoted(name) if mart.columns[name].dtype == "VARCHAR" else f"{quoted(name)}::varchar"
        parts.append(f"{column} = ?")
        values.append(value)
    return " and ".join(parts), values


def _label(mart: Mart) -> str:
    """Return the text of a row's key, or its number where the mart has no key."""
    if not mart.key:
        return "(row_number() over ())::varchar"
    return f"concat_ws(' · ', {', '.join(f'{quoted(name)}::varchar' for name in mart.key)})"


def _cast(mart: Mart, name: str) -> str:
    kind = mart.columns[name].kind
    dtype = {"number": "double", "flag": "boolean", "state": "varchar", "moment": "timestamp"}[kind]
    return f"{quoted(name)}::{dtype}"
