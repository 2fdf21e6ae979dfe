"""Spreadsheets as issuers serve them: xlsx (calamine), legacy xls (xlrd), SpreadsheetML 2003, CSV with quoted cells.

Every reader returns rows of cells and is strict: what cannot be read raises SourceChanged. Sizes are bounded before any
library sees the bytes (readers.limits): a few kilobytes can name a cell that costs the memory of the whole machine.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Collection, Iterable, Sequence
from datetime import date
from typing import Any, Final
from xml.parsers import expat

import polars as pl

from ingest.errors import SourceChanged
from ingest.payload import Payload
from ingest.readers.limits import (
    MAX_COLUMNS,
    MAX_ROWS,
    MAX_SHEET_CELLS,
    MAX_WORKBOOK_BYTES,
    MAX_XLS_BYTES,
    oversize_of_text,
)
from ingest.readers.parsing import (
    changed,
    float_of,
    quoted,
    refuse_cut,
    refuse_no_data,
    refuse_oversize,
    text_of,
    to_dates,
)
from ingest.readers.plain_rows import ROWS_TAG, texts_of, without_spreadsheet_rows
from ingest.readers.sheets import require_sound_sheet
from ingest.readers.zips import members, repacked

Row = list[Any]
"""Cells of one row: str, float, int, bool or date; "" where the sheet has none."""

_NO_WORKBOOK: Final = "a body that is no workbook"
_BOOK: Final = "xl/workbook.xml"
_ZIP: Final = b"PK\x03\x04"
_BLANKS: Final = b" \t\r\n\xef\xbb\xbf"
_OF: Final = "}"
_SPREADSHEET: Final = f"urn:schemas-microsoft-com:office:spreadsheet{_OF}"
_LEVELS: Final = tuple(_SPREADSHEET + tag for tag in ("Workbook", "Worksheet", "Table", "Row", "Cell", "Data"))
_WORKBOOK, _WORKSHEET, _, _ROW, _CELL, _DATA = _LEVELS
_ROW_DEPTH: Final = _LEVELS.index(_ROW) + 1
_CELL_DEPTH: Final = _LEVELS.index(_CELL) + 1
_ROWS: Final = _SPREADSHEET + ROWS_TAG
_NAME, _INDEX = f"{_SPREADSHEET}Name", f"{_SPREADSHEET}Index"
_BARE_AMPERSAND: Final = re.compile(rb"&(?!(?:amp|lt|gt|quot|apos|#\d+|#x[0-9A-Fa-f]+);)")
_DECLARATIONS: Final = (b"<!DOCTYPE", b"<!ENTITY")
_GROUPED: Final = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d*)?")


def xlsx_sheet(payload: Payload, expected: str, name: str | None = None) -> list[Row]:
    """Return the rows of the sheet `name` of an xlsx body, or of its first one."""
    return xlsx_sheets(payload, expected, (name,))[0]


def xlsx_sheets(payload: Payload, expected: str, names: Sequence[str | None]) -> list[list[Row]]:
    """Return the rows of several sheets of an xlsx body, None for its first one; formulas as their cached values."""
    from python_calamine import CalamineError, CalamineWorkbook

    refuse_no_data(payload, expected)
    if not payload.body.startswith(_ZIP):
        raise changed(payload, expected, f"{_NO_WORKBOOK}: no zip archive")
    found = members(payload, expected, MAX_WORKBOOK_BYTES, _NO_WORKBOOK)
    # pictures and printer settings are not read, and a binary twin of the workbook would be by another reader
    parts = {name: document for name, document in found.items() if name.lower().endswith((".xml", ".rels"))}
    if _BOOK not in parts:
        raise changed(payload, expected, f"{_NO_WORKBOOK}: a zip without {_BOOK}")
    for member, document in parts.items():
        if document.lstrip(_BLANKS).startswith((b"<", b"\xfe\xff", b"\xff\xfe")):
            require_sound_sheet(payload, member, document)
    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(repacked(parts)))
        for name in names:
            if name is not None and name not in book.sheet_names:
                seen = ", ".join(map(repr, book.sheet_names)) or "no sheet"
                raise changed(payload, f"a sheet {name!r}", f"only {seen}")
        sheets = [book.get_sheet_by_index(0) if name is None else book.get_sheet_by_name(name) for name in names]
        return [sheet.to_python(skip_empty_area=False) for sheet in sheets]
    except (CalamineError, ValueError, OverflowError) as error:
        raise changed(payload, expected, f"{_NO_WORKBOOK}: {error}") from None


def xls_sheet(payload: Payload, expected: str, name: str) -> list[Row]:
    """Return the rows of the sheet `name` of a legacy Excel body; a date cell is a date.

    By xlrd, which raises on a damaged file; calamine reads xls too, and on some damaged ones it ends the process.
    """
    import xlrd

    refuse_no_data(payload, expected)
    if len(payload.body) > MAX_XLS_BYTES:
        raise changed(payload, f"a workbook of at most {MAX_XLS_BYTES} bytes", str(len(payload.body)))
    try:
        # ragged: a row ends with its last cell, so that one cell far out does not fill a grid
        book = xlrd.open_workbook(file_contents=payload.body, logfile=io.StringIO(), on_demand=True, ragged_rows=True)
        names = book.sheet_names()
        if names.count(name) > 1:
            raise changed(payload, f"one sheet {name!r}", f"{names.count(name)} of them")
        sheet = book.sheet_by_name(name) if name in names else None
        if sheet is not None and (sheet.nrows > MAX_ROWS or sheet.ncols > MAX_COLUMNS):
            seen = f"{sheet.nrows} rows and {sheet.ncols} columns"
            raise changed(payload, f"at most {MAX_ROWS} rows and {MAX_COLUMNS} columns in {name}", seen)
        rows = None if sheet is None else _squared(_xls_row(row, book.datemode) for row in sheet.get_rows())
    except SourceChanged:
        raise
    except Exception as error:  # noqa: BLE001 - xlrd meets damage with IndexError, KeyError, AssertionError and others
        raise changed(payload, expected, f"{_NO_WORKBOOK}: {error or type(error).__name__}") from None
    if rows is None:
        raise changed(payload, f"a sheet {name!r}", f"only {', '.join(map(repr, names)) or 'no sheet'}")
    return rows


def _xls_row(row: Sequence[Any], date_mode: int) -> Row:
    return [_xls_cell(cell, date_mode) for cell in row]


def _squared(rows: Iterable[Row]) -> list[Row]:
    """Return rows of one width: a reader of columns must find a cell in each."""
    found = list(rows)
    width = max(map(len, found), default=0)
    return [row + [""] * (width - len(row)) for row in found]


def _xls_cell(cell: Any, date_mode: int) -> Any:
    import xlrd

    if cell.ctype in (xlrd.XL_CELL_EMPTY, xlrd.XL_CELL_BLANK):
        return ""
    if cell.ctype == xlrd.XL_CELL_DATE:
        return xlrd.xldate_as_datetime(cell.value, date_mode).date()
    if cell.ctype == xlrd.XL_CELL_BOOLEAN:
        return bool(cell.value)
    if cell.ctype == xlrd.XL_CELL_ERROR:
        return xlrd.error_text_from_code.get(cell.value, "#ERROR")
    return cell.value


def spreadsheet_xml_sheet(payload: Payload, expected: str, name: str) -> list[Row]:
    """Return the rows of one sheet of a SpreadsheetML 2003 body; bare ampersands count as `&amp;`."""
    refuse_no_data(payload, expected)
    body = payload.body.removeprefix(b"\xef\xbb\xbf").lstrip()
    if any(declaration in body for declaration in _DECLARATIONS):
        raise changed(payload, expected, "XML with a document type declaration")
    document = _BARE_AMPERSAND.sub(b"&amp;", body)
    reader = _SheetReader(payload, name)
    try:
        reader.read(*without_spreadsheet_rows(document))
    except expat.ExpatError:
        reader = _SheetReader(payload, name)
        try:
            reader.read(document, [])  # to say where in the document it is
        except expat.ExpatError as error:
            raise changed(payload, expected, f"XML broken: {error}") from None
    if reader.root != _WORKBOOK:
        raise changed(payload, expected, f"XML of {quoted(reader.root)}")
    if name not in reader.sheets:
        raise changed(payload, f"a sheet {name!r}", f"only {', '.join(map(repr, reader.sheets)) or 'no sheet'}")
    return reader.rows


class _SheetReader:
    """Reads the texts of one sheet as the document streams by: Workbook > Worksheet > Table > Row > Cell > Data.

    A tree of the whole document, tens of thousands of cells for each fund, costs twice the time. What does not stand
    in that very place is passed over.
    """

    def __init__(self, payload: Payload, name: str) -> None:
        self.root = ""
        self.sheets: list[str] = []
        self.rows: list[Row] = []
        self._payload = payload
        self._name = name
        self._runs: list[bytes] = []
        self._depth = 0
        self._cells = 0
        self._inside = 0  # how many of the levels from the root down to here are those above
        self._texts: list[str] | None = None  # of the first Data of a cell

    def read(self, document: bytes, runs: list[bytes]) -> None:
        """Take the whole document; ExpatError where it is no XML. It must have no declarations of entities.

        `runs`: rows that were taken out of it, as readers.plain_rows does.
        """
        self._runs = runs
        parser = expat.ParserCreate(namespace_separator=_OF)
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.Parse(document, True)

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth == 1:
            self.root = tag
        if tag == _ROWS and self._runs and self._inside == self._depth - 1 == _ROW_DEPTH - 1:
            self._take_rows(texts_of(self._runs[int(attributes["n"])]))
        if self._depth > len(_LEVELS) or self._inside < self._depth - 1 or tag != _LEVELS[self._depth - 1]:
            return
        if self._is_entered(tag, attributes):
            self._inside = self._depth

    def _is_entered(self, tag: str, attributes: dict[str, str]) -> bool:
        """Take note of one of the levels; return whether what stands in it is wanted."""
        if tag == _WORKSHEET:
            name = attributes.get(_NAME, "")
            if name in self.sheets:
                raise changed(self._payload, "each sheet once", f"{quoted(name)} twice")
            self.sheets.append(name)
            return name == self._name
        if tag == _ROW:
            self._begin_row(attributes.get(_INDEX))
        elif tag == _CELL:
            self._begin_cell(attributes.get(_INDEX))
        elif tag == _DATA:
            if self._texts is not None:
                return False
            self._texts = []
        return True

    def _begin_cell(self, index: str | None) -> None:
        self._leave_out(index)
        self._cells += 1
        if self._cells > MAX_SHEET_CELLS or len(self.rows[-1]) >= MAX_COLUMNS:
            self._refuse_size()
        self._texts = None

    def _text(self, text: str) -> None:
        if self._inside == len(_LEVELS) and self._texts is not None:
            self._texts.append(text)

    def _end(self, _tag: str) -> None:
        if self._inside == self._depth:
            self._inside -= 1
            if self._depth == _CELL_DEPTH:
                self.rows[-1].append("".join(self._texts or ()).strip())
        self._depth -= 1

    def _take_rows(self, rows: list[list[str]]) -> None:
        for row in rows:
            self._begin_row(None)
            self._cells += len(row)
            if self._cells > MAX_SHEET_CELLS or len(row) > MAX_COLUMNS:
                self._refuse_size()
            self.rows[-1].extend(map(str.strip, row))

    def _refuse_size(self) -> None:
        expected = f"at most {MAX_COLUMNS} columns and {MAX_SHEET_CELLS} cells in {self._name}"
        raise changed(self._payload, expected, "more")

    def _begin_row(self, index: str | None) -> None:
        """Begin the next row, or the one that the document numbers (ss:Index): empty ones before it may be left out."""
        number = len(self.rows) + 1 if index is None else int(index) if index.isdecimal() and len(index) < 9 else 0
        if not len(self.rows) < number <= MAX_ROWS:
            expected = f"rows in order, each once, up to {MAX_ROWS}"
            raise changed(self._payload, expected, f"row {quoted(index or number)} behind row {len(self.rows)}")
        self.rows.extend([] for _ in range(number - len(self.rows)))

    def _leave_out(self, index: str | None) -> None:
        """Fill up to the column that a cell names (ss:Index): it may leave out empty ones before it."""
        if index is None:
            return
        row = self.rows[-1]
        if not (index.isdecimal() and len(index) < 9) or not len(row) < int(index) <= MAX_COLUMNS:
            raise changed(self._payload, "cells from left to right", f"a cell with index {quoted(index)}")
        row.extend([""] * (int(index) - 1 - len(row)))


def csv_rows(payload: Payload, expected: str, *, may_end_bare: bool = False) -> list[Row]:
    """Return the cells of a UTF-8 CSV, with or without byte order mark, stripped; a row may span quoted line breaks.

    SourceChanged where the last line has no end and its last cell no closing quote: it may have been cut.
    """
    refuse_oversize(payload, oversize_of_text)
    text = text_of(payload, expected)
    try:
        rows = [[cell.strip() for cell in row] for row in csv.reader(io.StringIO(text), strict=True)]
    except csv.Error as error:
        raise changed(payload, expected, f"a CSV that cannot be read: {error}") from None
    if not may_end_bare and not text.endswith('"'):
        refuse_cut(payload, text, text.rpartition("\n")[2])
    return rows


def is_blank(row: Sequence[Any]) -> bool:
    """Whether a row has nothing but empty cells (a no-break space counts as nothing)."""
    for cell in row:  # noqa: SIM110 - a generator for each of a hundred thousand rows takes longer than its work
        if not isinstance(cell, str) or cell.strip():
            return False
    return True


def number_of(payload: Payload, cell: Any, gaps: Collection[str], where: str) -> float | None:
    """Return the number of a cell; texts may have thousands commas, those in `gaps` are None.

    A comma in another place is no thousands comma: 1,5 is one and a half somewhere, and fifteen nowhere.
    """
    if isinstance(cell, str):
        text = cell.strip()
        if text in gaps:
            return None
        try:
            found = float_of(text.replace(",", "") if _GROUPED.fullmatch(text) else text)
        except ValueError:
            raise changed(payload, f"a number for {where}", quoted(cell)) from None
    elif isinstance(cell, (int, float)) and not isinstance(cell, bool):
        found = float(cell)
    else:
        raise changed(payload, f"a number for {where}", quoted(cell))
    if not math.isfinite(found):
        raise changed(payload, f"a number for {where}", quoted(cell))
    return found


def numbers_at(payload: Payload, rows: Sequence[Row], at: int, gaps: Collection[str], name: str) -> list[float | None]:
    """Return the numbers of the column `at`, called `name`, as `number_of` does; the first cell names the row."""
    found: list[float | None] = []
    for row in rows:
        cell = row[at]
        try:
            number = float(cell) if type(cell) is float or (type(cell) is str and "_" not in cell) else math.nan
        except ValueError:
            number = math.nan
        found.append(number if math.isfinite(number) else number_of(payload, cell, gaps, f"{name} on {row[0]}"))
    return found


def days_of(cells: Sequence[Any], form: str) -> pl.Series:
    """Return dates of the form `form` (or true date cells), NULL for whatever is none."""
    texts = [cell.strftime(form) if isinstance(cell, date) else str(cell).strip() for cell in cells]
    return to_dates(pl.Series(texts, dtype=pl.String), form)
