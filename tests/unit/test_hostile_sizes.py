"""Small answers that ask for much memory, or that say one thing in one place and another elsewhere: refused."""

from __future__ import annotations

import io
import json
import re
import resource
import subprocess
import sys
import zipfile
from collections.abc import Callable
from typing import Any

import pytest

from ingest.errors import SourceChanged
from ingest.payload import Payload
from ingest.readers.html_tables import html_tables
from ingest.readers.limits import MAX_COLUMNS, MAX_ROWS
from ingest.readers.parsing import json_of
from ingest.readers.workbooks import csv_rows, spreadsheet_xml_sheet, xls_sheet, xlsx_sheet
from ingest.sources.federal_reserve import federal_reserve
from ingest.sources.fred import fred
from tests.unit.fakes import payload_of
from tests.unit.fund_files import xls, xlsx

SHEET = "xl/worksheets/sheet1.xml"
PLAIN = xlsx([["Date", "NAV"], ["17-Sep-2026", 600.5], ["16-Sep-2026", 598.0]])


def members(body: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(body)) as packed:
        return {name: packed.read(name) for name in packed.namelist()}


def packed(parts: dict[str, bytes]) -> bytes:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    return body.getvalue()


def edited(pattern: str, replacement: str) -> bytes:
    parts = members(PLAIN)
    text, count = re.subn(pattern, replacement, parts[SHEET].decode())
    assert count, pattern
    return packed({**parts, SHEET: text.encode()})


def bomb(mebibytes: int) -> bytes:
    """A sound workbook with one more sheet that is nothing but blanks."""
    return packed({**members(PLAIN), "xl/worksheets/sheet2.xml": b"<worksheet>" + b" " * (mebibytes << 20)})


def refusal(body: bytes | str, read: Callable[[Payload], Any]) -> str:
    with pytest.raises(SourceChanged) as caught:
        read(payload_of("ssga", body))
    return str(caught.value)


def sheet_of(payload: Payload) -> Any:
    return xlsx_sheet(payload, "a workbook")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (edited(r'r="B3"', 'r="XFD3"'), f"expected at most {MAX_COLUMNS} columns and {MAX_ROWS} rows in {SHEET}"),
        (edited(r'<row r="3"', '<row r="1048576"'), f"up to {MAX_ROWS}, got row '1048576' behind row 2"),
        (edited(r'<row r="3"', '<row r="2"'), f"expected each row of {SHEET} once, got row 2 twice"),
        (edited(r'<row r="2"', '<row r="4"'), "expected cells of row 4"),
        (edited(r'r="B3"', 'r="B2"'), "expected cells of row 3"),
        (edited(r'r="B3"', 'r="A3"'), "got cell 'A3' again or out of order"),
        (edited(r'r="B3"', 'r="&#88;FD3"'), f"expected at most {MAX_COLUMNS} columns"),
        (edited(r"<worksheet", '<!DOCTYPE a [<!ENTITY b "c">]><worksheet'), "XML without DOCTYPE"),
        (bomb(64), "expected at most 32 MiB unpacked, got a zip with more"),
    ],
)
def test_a_workbook_is_looked_through_before_it_is_read(body: bytes, message: str) -> None:
    assert message in refusal(body, sheet_of)


def test_a_member_that_stands_twice_is_named() -> None:
    body = io.BytesIO(PLAIN)
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(body, "a") as archive:
        archive.writestr(SHEET, b"<worksheet/>")
    assert "expected each member of the zip once" in refusal(body.getvalue(), sheet_of)


def test_a_directory_that_lies_about_sizes_is_not_believed() -> None:
    """What the reader sees is what was unpacked and counted, whatever the directory says of it."""
    body = bytearray(bomb(64))
    at = body.rindex(b"PK\x01\x02")  # the last entry of the directory is that of the blanks
    body[at + 24 : at + 28] = (1000).to_bytes(4, "little")
    assert "a body that is no workbook" in refusal(bytes(body), sheet_of)


def test_a_sound_workbook_is_read_as_before() -> None:
    assert xlsx_sheet(payload_of("ssga", PLAIN), "a workbook")[2] == ["16-Sep-2026", 598.0]


def test_an_xls_cell_far_out_fills_no_grid() -> None:
    far = [["a"]] + [[None]] * 50_000 + [[None] * 255 + ["z"]]
    assert f"expected at most {MAX_ROWS} rows and {MAX_COLUMNS} columns" in refusal(
        xls(far, "flows"), lambda payload: xls_sheet(payload, "a workbook", "flows")
    )
    assert "a workbook of at most" in refusal(
        b"\xd0\xcf" * 5_000_000, lambda one: xls_sheet(one, "a workbook", "flows")
    )


def spreadsheet(rows: str, again: str = "") -> str:
    space = "urn:schemas-microsoft-com:office:spreadsheet"
    return (
        f'<ss:Workbook xmlns:ss="{space}"><ss:Worksheet ss:Name="H"><ss:Table>{rows}</ss:Table></ss:Worksheet>{again}'
        "</ss:Workbook>"
    )


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (spreadsheet('<ss:Row ss:Index="1048576"/>'), f"up to {MAX_ROWS}, got row '1048576' behind row 0"),
        (spreadsheet('<ss:Row/><ss:Row ss:Index="1"/>'), "got row '1' behind row 1"),
        (spreadsheet("<ss:Row/>" * (MAX_ROWS + 1)), f"got row '{MAX_ROWS + 1}' behind row {MAX_ROWS}"),
        (spreadsheet("<ss:Row>" + "<ss:Cell/>" * (MAX_COLUMNS + 1) + "</ss:Row>"), "columns"),
        (spreadsheet("", '<ss:Worksheet ss:Name="H"/>'), "expected each sheet once, got 'H' twice"),
    ],
)
def test_spreadsheet_xml_has_the_same_bounds(body: str, message: str) -> None:
    assert message in refusal(body, lambda payload: spreadsheet_xml_sheet(payload, "SpreadsheetML", "H"))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("[" * 200_000 + "]" * 200_000, "nested too deep"),
        ("[" + "[]," * 300_000 + "[]]", "lists and objects"),
        ("[" + "0," * 2_100_000 + "0]", "at most 2000000 values"),
        ('{"a": ' + "1" * 5000 + "}", "JSON that cannot be read"),
        ('{"close": 1, "close": 2}', "expected 'close' once in an object, got '1' and '2'"),
    ],
)
def test_json_is_bounded_and_says_one_thing(body: str, message: str) -> None:
    assert message in refusal(body, lambda payload: json_of(payload, "JSON"))


def test_a_member_that_says_the_same_twice_is_read() -> None:
    assert json_of(payload_of("yahoo", '{"close": 1, "close": 1}'), "JSON") == {"close": 1}


def test_other_texts_are_bounded_too() -> None:
    assert "line ends" in refusal("\n" * 600_000, lambda payload: csv_rows(payload, "CSV"))
    assert "cells" in refusal("," * 3_100_000, lambda payload: csv_rows(payload, "CSV"))
    xml = "<observations>" + "<o/>" * 700_000 + "</observations>"
    assert "at most 600000 tags" in refusal(xml, fred._xml)
    with pytest.raises(ValueError, match="cells in tables"):
        html_tables('<table id="a">' + "<tr><td colspan=1000 rowspan=1000>x</td></tr>" * 10 + "</table>")


def test_a_zip_whose_directory_points_before_the_file_is_refused() -> None:
    body = bytearray(packed({"H41_data.xml": b"<x/>"}))
    at = body.rindex(b"PK\x05\x06")
    body[at + 16 : at + 20] = (2**31).to_bytes(4, "little")
    read = lambda payload: federal_reserve._read(payload, "H41", frozenset())  # noqa: E731
    assert "expected a zip with H41_data.xml" in refusal(bytes(body), read)


_IN_A_CHILD = """
import sys, resource
from ingest.errors import SourceChanged
from ingest.readers.workbooks import xlsx_sheet
from tests.unit.test_hostile_sizes import bomb, edited, payload_of, members, packed, PLAIN, SHEET
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
rows = "".join(f'<row r="{n}"><c r="A{n}"/><c r="GR{n}"><v>1</v></c></row>' for n in range(1, 40_001))
bodies = [
    edited(r'r="B3"', 'r="XFD3"'),
    packed({**members(PLAIN), SHEET: f"<worksheet><sheetData>{rows}</sheetData></worksheet>".encode()}),
    packed({**members(PLAIN), SHEET: b"<worksheet><sheetData>" + b"<row/>" * 4_000_000}),
]
for body in bodies:
    try:
        xlsx_sheet(payload_of("ssga", body), "a workbook")
    except SourceChanged:
        continue
    sys.exit("not refused")
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def test_hostile_workbooks_cost_little_memory() -> None:
    """Measured in a child, which may not have more than 2 GiB: a reader that fills the grid dies there."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))

    done = subprocess.run(
        [sys.executable, "-c", _IN_A_CHILD], capture_output=True, text=True, preexec_fn=limit, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 400, f"{done.stdout} MiB"


def test_values_of_a_json_document_survive() -> None:
    document = {"a": [1, {"b": None}], "c": {"d": "e"}}
    assert json_of(payload_of("yahoo", json.dumps(document)), "JSON") == document
