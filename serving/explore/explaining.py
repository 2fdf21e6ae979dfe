"""Where a point of a drawing comes from: its row, and what `tidegauge explain` says of the cell."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import duckdb

from ingest.errors import QueryRefused, TidegaugeError
from ingest.home import Home
from serving.explain.cell import explained
from serving.explain.page import as_json
from serving.explore.columns import Mart
from serving.explore.drawing import build_document
from serving.explore.frames import key_of_row, selection
from serving.explore.published import Reading
from serving.explore.refusals import Refused
from serving.explore.view import Asked, day_of
from warehouse.connection import is_writer_active
from warehouse.sql import text

if TYPE_CHECKING:
    from serving.explain.archived import Archived
    from serving.explain.inputs import Input

_MOST_CHARACTERS: Final = 400
_one_at_a_time: Final = threading.Lock()
"""The build file is attached to the one connection that all answers share."""


def explanation(reading: Reading, home: Home, mart: Mart, asked: Asked, at: str) -> dict[str, Any]:
    """Return the explanation of the cell that is drawn at `at`, a day or the text of a row, as published now."""
    if len(at) > _MOST_CHARACTERS:
        raise Refused(400, "x: expected a day or the name of a row")
    column = mart.column(asked.column)
    x = at if mart.axis is None else day_of(at, "x")
    keys = selection(reading.con, mart, column.name, dict(asked.keys))
    key = key_of_row(reading.con, mart, list(keys.items()), x)
    try:
        with _one_at_a_time, _beside_the_build(reading.con, home):
            found = explained(reading.con, mart.name, key, column.name)
    except QueryRefused as error:
        raise Refused(404, str(error)) from None
    sources, problem = _answers(home, found.inputs)
    document: dict[str, Any] = json.loads(as_json(found, sources))
    return {**document, "problem": problem, "build": build_document(reading.build)}


@contextmanager
def _beside_the_build(con: duckdb.DuckDBPyConnection, home: Home) -> Iterator[None]:
    """Attach the build file, for as long as it takes, where no run is writing."""
    if not home.warehouse.exists() or is_writer_active(home):
        yield
        return
    try:
        con.execute(f"attach {text(str(home.warehouse))} as warehouse (read_only)")
    except duckdb.Error:  # a run has begun, or the file is damaged: the published file explains without it
        yield
        return
    try:
        yield
    finally:
        con.execute("detach warehouse")


def _answers(home: Home, inputs: Sequence[Input]) -> tuple[list[tuple[Input, Archived | None]], str | None]:
    """Return the archived answer of each input, and what is wrong with the archive where it cannot be read."""
    from ingest.archive import Archive
    from serving.explain.archived import Answers

    try:
        answers = Answers(Archive(home.archive))
        return [(one, answers.of(one)) for one in inputs], None
    except TidegaugeError as error:
        return [(one, None) for one in inputs], str(error)
