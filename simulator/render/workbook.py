"""Excel workbooks as publishers write them: the same bytes for the same rows.

openpyxl makes the book around the cells, once for the same sheets. The cells are written here as it would write them:
it takes many times as long for each.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, Final
from xml.sax.saxutils import escape

CONTENT_TYPE: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_MADE_AT = datetime(2012, 1, 1)  # noqa: DTZ001  openpyxl would write the clock, here and into the zip
_SHEET: Final = "xl/worksheets/sheet{}.xml"
_NO_ROWS: Final = b"<sheetData></sheetData>"


def workbook(sheet: str, rows: Iterable[Sequence[Any]]) -> bytes:
    """Return an xlsx of one sheet."""
    return workbook_of({sheet: rows})


def workbook_of(sheets: Mapping[str, Iterable[Sequence[Any]]]) -> bytes:
    """Return an xlsx of several sheets. Cells are texts, numbers or None, which leaves one out; TypeError for others.

    A text that begins with = is a text, no formula.
    """
    filled = {_SHEET.format(at): rows for at, rows in enumerate(sheets.values(), start=1)}
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as book:
        for name, empty in _empty(tuple(sheets)).items():
            body = empty.replace(_NO_ROWS, _sheet_data(filled[name])) if name in filled else empty
            book.writestr(zipfile.ZipInfo(name), body, zipfile.ZIP_DEFLATED)
    return made.getvalue()


@cache
def _empty(sheets: tuple[str, ...]) -> Mapping[str, bytes]:
    """Return the parts of a book whose sheets have no rows, in the order of the zip."""
    from openpyxl import Workbook
    from openpyxl.xml.constants import ARC_CORE
    from openpyxl.xml.functions import tostring

    book = Workbook(write_only=True)
    for name in sheets:
        book.create_sheet(name)
    clocked = io.BytesIO()
    book.save(clocked)
    book.properties.created = book.properties.modified = _MADE_AT
    with zipfile.ZipFile(clocked) as parts:
        found = {name: parts.read(name) for name in parts.namelist()}
    return found | {ARC_CORE: tostring(book.properties.to_tree())}


def _sheet_data(rows: Iterable[Sequence[Any]]) -> bytes:
    lines = [_row(str(at), row) for at, row in enumerate(rows, start=1)]
    return f"<sheetData>{''.join(lines)}</sheetData>".encode("ascii", "xmlcharrefreplace")


def _row(at: str, row: Sequence[Any]) -> str:
    cells = []
    for column, cell in enumerate(row):
        if cell is None:
            continue
        place = _letters(column) + at
        if isinstance(cell, float | int):
            cells.append(f'<c r="{place}" t="n"><v>{cell:.16g}</v></c>')
        elif isinstance(cell, str):
            cells.append(f'<c r="{place}" t="inlineStr">{_text(cell)}</c>')
        else:
            raise TypeError(f"a cell is a text or a number, got {cell!r} in {place}")
    return f'<row r="{at}">{"".join(cells)}</row>'


@cache
def _letters(column: int) -> str:
    from openpyxl.utils import get_column_letter

    return str(get_column_letter(column + 1))


def _text(cell: str) -> str:
    if not cell:
        return ""
    space = ' xml:space="preserve"' if cell != cell.strip() else ""
    return f"<is><t{space}>{escape(cell)}</t></is>"
