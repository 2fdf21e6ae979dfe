"""The stand-in's workbooks: byte for byte what openpyxl writes of the same rows, but for its clock."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

import pytest
from openpyxl import Workbook

from ingest.readers.workbooks import xlsx_sheet
from simulator.render.workbook import workbook, workbook_of
from tests.unit.fakes import payload_of

ROWS = [
    ["Fund Name:", "A&B <Growth> Trust®", None, "", " padded ", "tab\tand\nline", "名 \U0001f600", "]]>"],
    [],
    ["17-Nov-2026", 600.5, 1_000_000, 1e22, -0.0, 123456789.123456789, 1 / 3, 10**18 + 1],
    [None, None],
    (None, 0.1, *([2] * 30)),
]


def parts(body: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def theirs(sheets: Mapping[str, Iterable[Sequence[Any]]]) -> dict[str, bytes]:
    book = Workbook(write_only=True)
    for name, rows in sheets.items():
        page = book.create_sheet(name)
        for row in rows:
            page.append(row)
    saved = io.BytesIO()
    book.save(saved)
    return parts(saved.getvalue())


def test_each_part_is_as_openpyxl_writes_it() -> None:
    sheets = {"Chart3": [], "Page 3 & more": ROWS, "last": [["one"]]}
    made, expected = parts(workbook_of(sheets)), theirs(sheets)
    assert list(made) == list(expected)
    assert {name for name in made if made[name] != expected[name]} == {"docProps/core.xml"}


def test_the_same_rows_give_the_same_bytes_and_the_reader_finds_them() -> None:
    body = workbook("navhist", [["Date", "NAV"], ["17-Nov-2026", 600.5], ["16-Nov-2026", 598]])
    assert body == workbook("navhist", iter([("Date", "NAV"), ("17-Nov-2026", 600.5), ("16-Nov-2026", 598)]))
    rows = xlsx_sheet(payload_of("ssga", body), "a history", "navhist")
    assert rows == [["Date", "NAV"], ["17-Nov-2026", 600.5], ["16-Nov-2026", 598]]


def test_other_cells_are_refused() -> None:
    with pytest.raises(TypeError, match=r"got datetime\.date"):
        workbook("navhist", [["Date", date(2026, 11, 17)]])
