"""The figures of a view as a file: csv with a column for each of its lines, or a workbook that says what they are."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Literal

from serving.explore.columns import Kind
from serving.explore.drawing import Line, moment_text, title_of
from serving.explore.published import Build
from serving.explore.refusals import Refused
from serving.explore.view import View
from serving.query.exports import write_csv, write_xlsx
from serving.query.results import Result, distinct

Form = Literal["csv", "xlsx"]
MEDIA: Final[dict[Form, str]] = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_TYPES: Final[dict[Kind, str]] = {"number": "DOUBLE", "flag": "BOOLEAN", "state": "VARCHAR", "moment": "TIMESTAMP"}


class _Rows:
    """Rows that are read as those of a query are."""

    def __init__(self, rows: Sequence[tuple[Any, ...]]) -> None:
        self._rows = iter(rows)

    def fetchmany(self, count: int) -> list[tuple[Any, ...]]:
        return [row for row, _ in zip(self._rows, range(count), strict=False)]


def written(form: Form, build: Build, view: View, lines: Sequence[Line]) -> bytes:
    """Return the file; Refused (400) for a view that has no column, or that mixes dates and rows."""
    if not lines:
        raise Refused(400, "nothing to download: the address asks for no column")
    if form == "csv":
        file = io.StringIO(newline="")
        write_csv(iter([_figures(build, lines)]), file, raw=False)
        return file.getvalue().encode()
    with tempfile.TemporaryDirectory(prefix="tidegauge-explore-") as folder:
        path = Path(folder) / "view.xlsx"
        write_xlsx(iter([_figures(build, lines), _about(build, view, lines)]), path)
        return path.read_bytes()


def file_name(form: Form, build: Build) -> str:
    """Return the name of a file; it says SIMULATED where its figures are."""
    return f"tidegauge-{'SIMULATED-' if build.is_simulated else ''}{build.build_id}.{form}"


def _figures(build: Build, lines: Sequence[Line]) -> Result:
    """Return a row for each date that any of the lines has; `origin` says that figures are not of the market."""
    axes = {line.mart.name if line.mart.axis is None else None for line in lines}
    if len(axes) > 1:
        raise Refused(400, "marts by date and marts by row do not fit into one table: download them one by one")
    found = [dict(zip(line.x, line.y, strict=True)) for line in lines]
    is_by_date = axes == {None}
    xs = (
        sorted({x for one in found for x in one})
        if is_by_date
        else list(dict.fromkeys(x for one in found for x in one))
    )
    more = () if build.origin == "LIVE" else (build.origin,)
    names = ["date" if is_by_date else "row", *(_name(line) for line in lines), *(["origin"] if more else [])]
    types = [
        "DATE" if is_by_date else "VARCHAR",
        *(_TYPES[line.column.kind] for line in lines),
        *(["VARCHAR"] * len(more)),
    ]
    return Result(distinct(names), types, _Rows([(x, *(one.get(x) for one in found), *more) for x in xs]))


def _about(build: Build, view: View, lines: Sequence[Line]) -> Result:
    rows = [*_build_rows(build, view)]
    rows += [(_name(line), f"{title_of(line)} ({line.unit}). {line.column.description}") for line in lines]
    return Result(["what", "is"], ["VARCHAR", "VARCHAR"], _Rows(rows))


def _build_rows(build: Build, view: View) -> Iterator[tuple[str, str]]:
    yield "origin", build.origin
    yield "release", build.build_id
    yield "data through", str(build.data_through_date)
    yield "as known at", moment_text(view) or "the release"


def _name(line: Line) -> str:
    parts = [line.column.name, *line.keys.values()]
    if line.asked.transform.name != "level":
        parts.append(f"{line.asked.transform.name}{line.asked.transform.rows or ''}")
    return " ".join(parts)
