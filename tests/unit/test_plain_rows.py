"""Plain rows are taken out of a spreadsheet before it is parsed, and whatever came reads as if they had not been."""

from __future__ import annotations

import random
from typing import Any

import pytest

from ingest.errors import SourceChanged
from ingest.readers import sheets, workbooks
from ingest.readers.plain_rows import texts_of, without_spreadsheet_rows, without_worksheet_cells
from ingest.readers.workbooks import spreadsheet_xml_sheet, xlsx_sheet
from tests.unit.fakes import payload_of
from tests.unit.fund_files import xlsx
from tests.unit.test_hostile_sizes import SHEET, members, packed
from tests.unit.test_ishares import HEADER, document

PARTS = members(xlsx([["Date", "NAV"], *([f"{day}-Sep-2026", 600.5 + day] for day in range(1, 7))]))
FUND = document(*([f"Sep {day}, 2026", "1.5", "--", f"{day},000"] for day in range(1, 7))).encode()

ROW = b'<row r="7" spans="1:3"><c r="A7" s="4" t="s"><v>12</v></c><c r="C7"><is><t>a b</t></is></c><c r="D7"/></row>'
SS_ROW = (
    b'<ss:Row>\n <ss:Cell ss:StyleID="Left"><ss:Data ss:Type="String">Sep 1, 2026</ss:Data></ss:Cell>\n'
    b"<ss:Cell><ss:Data> 2 </ss:Data></ss:Cell></ss:Row>"
)


def test_a_fund_file_is_all_but_plain_rows() -> None:
    left, runs = without_spreadsheet_rows(FUND)
    assert b"<ss:Cell" not in left.replace(b"A &amp; B &#38; C", b"")[left.index(b"Historical") :]
    assert [HEADER, ["Sep 1, 2026", "1.5", "--", "1,000"]] in [texts_of(run)[:2] for run in runs]
    sheet = without_worksheet_cells(PARTS[SHEET])
    assert sheet.count(b"<c ") == sheet.count(b"<row ") == 7


def test_a_row_is_plain_with_the_attributes_and_blanks_that_change_nothing() -> None:
    assert without_worksheet_cells(b"<a>%b</a>" % ROW) == b'<a><row r="7"><c r="H7"/></row></a>'
    assert without_spreadsheet_rows(b"<a>%b</a>" % (SS_ROW * 2)) == (b'<a><ss:TakenRows n="0"/></a>', [SS_ROW * 2])
    assert texts_of(SS_ROW * 2) == [["Sep 1, 2026", " 2 "]] * 2


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'r="C7"', b'r="A7"'),
        (b'r="C7"', b'r="C8"'),
        (b'r="D7"', b'r="I7"'),
        (b"12", b"&#49;2"),
        (b"12", b"\xc3\xa9"),
        (b"12", b"]]>"),
        (b"<v>12", b"<v><b/>12"),
        (b"</is>", b""),
        (b's="4"', b's="4" s="4"'),
        (b"</row>", b"<!-- --></row>"),
        (b"</row>", b"<![CDATA[</row>]]>"),
    ],
)
def test_a_row_of_a_worksheet_that_is_not_plain_stays(old: bytes, new: bytes) -> None:
    row = ROW.replace(old, new)
    assert row != ROW
    assert without_worksheet_cells(row) == row


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"<ss:Cell>", b'<ss:Cell ss:Index="4">'),
        (b"<ss:Row>", b'<ss:Row ss:Index="4">'),
        (b"<ss:Cell>", b"<ss:Cell><ss:Comment/>"),
        (b" 2 ", b"&amp;"),
        (b" 2 ", b"<b>2</b>"),
        (b" 2 ", b"2</ss:Data><ss:Data>3"),
        (b"</ss:Row>", b"<!-- --></ss:Row>"),
        (b"</ss:Row>", b"</ss:Row><TakenRows/>"),
    ],
)
def test_a_row_of_spreadsheetml_that_is_not_plain_stays(old: bytes, new: bytes) -> None:
    row = SS_ROW.replace(old, new)
    assert row != SS_ROW
    assert without_spreadsheet_rows(row) == (row, [])


def outcome(fund: bytes, sheet: bytes) -> list[Any]:
    found: list[Any] = []
    for body, read in (
        (fund, lambda payload: spreadsheet_xml_sheet(payload, "SpreadsheetML", "Historical")),
        (packed({**PARTS, SHEET: sheet}), lambda payload: xlsx_sheet(payload, "a workbook")),
    ):
        try:
            found.append(read(payload_of("ishares", body)))
        except SourceChanged as error:
            found.append(str(error))
    return found


def damaged(document: bytes, dice: random.Random) -> bytes:
    """Return a document with a piece of it gone, repeated or put elsewhere, mostly where a tag begins."""
    at = document.index(b"<", dice.randrange(len(document) - 20))
    start = dice.randrange(len(document))
    piece = document[start : start + dice.randrange(60)]
    ends = at + dice.choice((0, 0, 1, len(piece)))
    return document[:at] + dice.choice((b"", piece, document[at : at + 90])) + document[ends:]


def test_damaged_documents_read_and_are_refused_as_when_every_row_is_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    dice = random.Random(11)
    cases = [(damaged(FUND, dice), damaged(PARTS[SHEET], dice)) for _ in range(150)]
    found = [outcome(*case) for case in cases]
    monkeypatch.setattr(workbooks, "without_spreadsheet_rows", lambda document: (document, []))
    monkeypatch.setattr(sheets, "without_worksheet_cells", lambda document: document)
    assert found == [outcome(*case) for case in cases]
    assert {type(one) for pair in found for one in pair} == {list, str}
