"""A release as a workbook: a sheet of what this is, a dictionary, a sheet for each table.

A table that Excel could not open with ease shows its most recent rows; the first sheet says which these are. A table
that was asked for by name is there whole, as far as a sheet goes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import duckdb

from serving.publish.dictionary import DICTIONARY, LEFT_OUT
from serving.publish.release import Build, Table
from serving.query.exports import XLSX_ROWS, XLSX_TEXT, add_sheet
from serving.query.results import CHUNK
from warehouse.sql import quoted

BOOK: Final = "tidegauge.xlsx"
MOST_CELLS: Final = 1_200_000
"""Of a sheet that was not asked for by name: every mart by session fits, panels by ticker are cut."""
_NAME_LENGTH: Final = 31
_TEXT: Final = f"left(%s, {XLSX_TEXT - 1}) || case when length(%s) >= {XLSX_TEXT} then '…' else '' end"


@dataclass(frozen=True, slots=True)
class _Sheet:
    table: Table
    title: str
    rows: int
    all_rows: int

    @property
    def said(self) -> str:
        if self.rows == self.all_rows:
            return "all rows"
        if self.rows == 0:
            return "no sheet: longer than a sheet, and no date says which rows are the newest; use parquet or csv"
        return f"the {self.rows:,} most recent of {self.all_rows:,} rows, by {self.table.period}"


def write_workbook(
    con: duckdb.DuckDBPyConnection,
    tables: Sequence[Table],
    folder: Path,
    build: Build,
    asked: Sequence[str],
    notes: Sequence[str],
) -> tuple[list[dict[str, Any]], list[str]]:
    """Write the workbook; return its entry in the manifest, and a line for each table that is not there whole."""
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    book.properties.title = f"{build.mark}tidegauge release {build.build_id}"
    ordered = sorted(
        tables, key=lambda table: (table.name not in (DICTIONARY[0], LEFT_OUT[0]), table.schema, table.name)
    )
    sheets = list(_sheets(con, ordered, asked))
    add_sheet(book, "README", ["tidegauge", ""], _readme(build, sheets, notes))
    for sheet in sheets:
        if sheet.rows or not sheet.all_rows:
            add_sheet(book, sheet.title, sheet.table.names, _rows(con, sheet))
    book.save(folder / BOOK)
    entry = {"file": BOOK, "sheets": {sheet.title: {"table": sheet.table.path, "rows": sheet.rows} for sheet in sheets}}
    return [entry], [f"{sheet.table.path}: {sheet.said}" for sheet in sheets if sheet.rows != sheet.all_rows]


def _sheets(con: duckdb.DuckDBPyConnection, tables: Sequence[Table], asked: Sequence[str]) -> Iterator[_Sheet]:
    taken: set[str] = {"readme"}
    for table in tables:
        title = (
            table.name
            if table.schema == "marts" or table.name in (DICTIONARY[0], LEFT_OUT[0])
            else f"meta_{table.name}"
        )
        title = title[:_NAME_LENGTH]
        for number in range(2, 100):
            if title.lower() not in taken:
                break
            title = f"{title[: _NAME_LENGTH - 3]}_{number}"
        taken.add(title.lower())
        rows = table.counted(con)
        is_whole = bool(asked) or table.schema == "meta"
        most = XLSX_ROWS - 1 if is_whole else min(XLSX_ROWS - 1, MOST_CELLS // len(table.columns))
        shown = rows if rows <= most else most if table.period else 0
        yield _Sheet(table, title, shown, rows)


def _rows(con: duckdb.DuckDBPyConnection, sheet: _Sheet) -> Iterator[tuple[Any, ...]]:
    cells = [
        f"{_TEXT.replace('%s', column.sql) if column.kind == 'VARCHAR' else column.sql} as {quoted(column.name)}"
        for column in sheet.table.columns
    ]
    sql = sheet.table.select(cells)
    if sheet.rows < sheet.all_rows:
        key = ", ".join(f"{quoted(name)} desc" for name in _newest_first(sheet.table))
        back = ", ".join(quoted(name) for name in sheet.table.key)
        sql = f"select * from (select * from ({sql}) order by {key} limit {sheet.rows}) order by {back}"
    found = con.execute(sql)
    while chunk := found.fetchmany(CHUNK):
        yield from chunk


def _newest_first(table: Table) -> list[str]:
    assert table.period is not None
    return [table.period, *(name for name in table.key if name != table.period)]


def _readme(build: Build, sheets: Sequence[_Sheet], notes: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    if build.mark:
        yield build.origin, f"{build.mark}These figures are not today's market"
    yield "release", build.build_id
    yield "built (UTC)", build.built_at
    yield "data through", build.data_through_date
    for note in notes:
        yield "note", note
    for sheet in sheets:
        yield sheet.title, f"{sheet.said}. {sheet.table.comment}"
