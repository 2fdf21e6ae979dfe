"""Excel workbooks as publishers write them: the same bytes for the same rows."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

CONTENT_TYPE: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_MADE_AT = datetime(2012, 1, 1)  # noqa: DTZ001  openpyxl would write the clock, here and into the zip


def workbook(sheet: str, rows: Iterable[Sequence[Any]]) -> bytes:
    """Return an xlsx of one sheet."""
    return workbook_of({sheet: rows})


def workbook_of(sheets: Mapping[str, Iterable[Sequence[Any]]]) -> bytes:
    """Return an xlsx of several sheets."""
    from openpyxl import Workbook
    from openpyxl.xml.constants import ARC_CORE
    from openpyxl.xml.functions import tostring

    book = Workbook(write_only=True)
    for name, rows in sheets.items():
        page = book.create_sheet(name)
        for row in rows:
            page.append(row)
    clocked, made = io.BytesIO(), io.BytesIO()
    book.save(clocked)
    book.properties.created = book.properties.modified = _MADE_AT
    with zipfile.ZipFile(clocked) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            body = tostring(book.properties.to_tree()) if name == ARC_CORE else old.read(name)
            new.writestr(zipfile.ZipInfo(name), body, zipfile.ZIP_DEFLATED)
    return made.getvalue()
