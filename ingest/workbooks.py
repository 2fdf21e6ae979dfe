"""Spreadsheets as issuers serve them: xlsx (calamine), legacy xls (xlrd), SpreadsheetML 2003, CSV with quoted cells.

Every reader returns rows of cells and is strict: what cannot be read raises SourceChanged.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Collection, Sequence
from datetime import date
from typing import Any, Final
from xml.etree import ElementTree

import polars as pl

from ingest.kit import Payload
from ingest.parsing import changed, quoted, refuse_no_data, text_of

Row = list[Any]
"""Cells of one row: str, float, int, bool or date; "" where the sheet has none."""

_SPREADSHEET: Final = "{urn:schemas-microsoft-com:office:spreadsheet}"
_ZIP: Final = b"PK\x03\x04"
_CELL, _DATA, _INDEX = f"{_SPREADSHEET}Cell", f"{_SPREADSHEET}Data", f"{_SPREADSHEET}Index"
_BARE_AMPERSAND: Final = re.compile(rb"&(?!(?:amp|lt|gt|quot|apos|#\d+|#x[0-9A-Fa-f]+);)")
_DECLARATIONS: Final = (b"<!DOCTYPE", b"<!ENTITY")
_MAX_COLUMNS: Final = 200


def xlsx_sheet(payload: Payload, expected: str) -> list[Row]:
    """Return the rows of the first sheet of an xlsx body."""
    from python_calamine import CalamineError, CalamineWorkbook

    refuse_no_data(payload, expected)
    if not payload.body.startswith(_ZIP):
        raise changed(payload, expected, "a body that is no workbook: no zip archive")
    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(payload.body))
        return book.get_sheet_by_index(0).to_python(skip_empty_area=False)
    except CalamineError as error:
        raise changed(payload, expected, f"a body that is no workbook: {error}") from None


def xls_sheet(payload: Payload, expected: str, name: str) -> list[Row]:
    """Return the rows of the sheet `name` of a legacy Excel body; a date cell is a date.

    By xlrd, which raises on a damaged file; calamine reads xls too, and on some damaged ones it ends the process.
    """
    import xlrd

    refuse_no_data(payload, expected)
    try:
        book = xlrd.open_workbook(file_contents=payload.body, logfile=io.StringIO(), formatting_info=False)
        names = book.sheet_names()
        sheet = book.sheet_by_name(name) if name in names else None
        rows = None if sheet is None else [[_xls_cell(cell, book.datemode) for cell in row] for row in sheet.get_rows()]
    except Exception as error:  # noqa: BLE001 - xlrd meets damage with IndexError, KeyError, AssertionError and others
        raise changed(payload, expected, f"a body that is no workbook: {error or type(error).__name__}") from None
    if rows is None:
        raise changed(payload, f"a sheet {name!r}", f"only {', '.join(map(repr, names)) or 'no sheet'}")
    return rows


def _xls_cell(cell: Any, date_mode: int) -> Any:
    import xlrd

    if cell.ctype in (xlrd.XL_CELL_EMPTY, xlrd.XL_CELL_BLANK):
        return ""
    if cell.ctype == xlrd.XL_CELL_DATE:
        return xlrd.xldate_as_datetime(cell.value, date_mode).date()
    if cell.ctype == xlrd.XL_CELL_ERROR:
        return xlrd.error_text_from_code.get(cell.value, "#ERROR")
    return cell.value


def spreadsheet_xml_sheet(payload: Payload, expected: str, name: str) -> list[Row]:
    """Return the rows of one sheet of a SpreadsheetML 2003 body; bare ampersands count as `&amp;`."""
    refuse_no_data(payload, expected)
    body = payload.body.removeprefix(b"\xef\xbb\xbf").lstrip()
    if any(declaration in body for declaration in _DECLARATIONS):
        raise changed(payload, expected, "XML with a document type declaration")
    try:
        root = ElementTree.fromstring(_BARE_AMPERSAND.sub(b"&amp;", body))  # noqa: S314 - no DOCTYPE, no entities: see above
    except ElementTree.ParseError as error:
        raise changed(payload, expected, f"XML broken: {error}") from None
    if root.tag != f"{_SPREADSHEET}Workbook":
        raise changed(payload, expected, f"XML of {quoted(root.tag)}")
    sheets = {sheet.get(f"{_SPREADSHEET}Name", ""): sheet for sheet in root.findall(f"{_SPREADSHEET}Worksheet")}
    if name not in sheets:
        raise changed(payload, f"a sheet {name!r}", f"only {', '.join(map(repr, sheets)) or 'no sheet'}")
    return [_xml_row(payload, row) for row in sheets[name].iterfind(f"{_SPREADSHEET}Table/{_SPREADSHEET}Row")]


def _xml_row(payload: Payload, row: ElementTree.Element) -> Row:
    """Return the texts of a row; a cell may name its column (ss:Index) and so leave out empty ones before it."""
    cells: Row = []
    for cell in row:  # plain loops: a fund's document has tens of thousands of cells, and iterfind costs twice the time
        if cell.tag != _CELL:
            continue
        at = cell.get(_INDEX)
        if at is not None:
            if not at.isdigit() or not len(cells) < int(at) <= _MAX_COLUMNS:
                raise changed(payload, "cells from left to right", f"a cell with index {quoted(at)}")
            cells.extend([""] * (int(at) - 1 - len(cells)))
        cells.append(next(("".join(data.itertext()).strip() for data in cell if data.tag == _DATA), ""))
    return cells


def csv_rows(payload: Payload, expected: str) -> list[Row]:
    """Return the cells of a UTF-8 CSV, with or without byte order mark, stripped; a row may span quoted line breaks."""
    text = text_of(payload, expected)
    try:
        return [[cell.strip() for cell in row] for row in csv.reader(io.StringIO(text), strict=True)]
    except csv.Error as error:
        raise changed(payload, expected, f"a CSV that cannot be read: {error}") from None


def is_blank(row: Sequence[Any]) -> bool:
    """Whether a row has nothing but empty cells (a no-break space counts as nothing)."""
    return all(isinstance(cell, str) and not cell.strip() for cell in row)


def number_of(payload: Payload, cell: Any, gaps: Collection[str], where: str) -> float | None:
    """Return the number of a cell; texts may have thousands commas, those in `gaps` are None."""
    if isinstance(cell, str):
        text = cell.strip()
        if text in gaps:
            return None
        try:
            found = float(text.replace(",", ""))
        except ValueError:
            raise changed(payload, f"a number for {where}", quoted(cell)) from None
    elif isinstance(cell, (int, float)) and not isinstance(cell, bool):
        found = float(cell)
    else:
        raise changed(payload, f"a number for {where}", quoted(cell))
    if not math.isfinite(found):
        raise changed(payload, f"a number for {where}", quoted(cell))
    return found


def days_of(cells: Sequence[Any], form: str) -> pl.Series:
    """Return dates of the strptime form `form` (or true date cells), NULL for whatever is none."""
    texts = [cell.strftime(form) if isinstance(cell, date) else str(cell).strip() for cell in cells]
    return pl.Series(texts, dtype=pl.String).str.to_date(form, strict=False)
