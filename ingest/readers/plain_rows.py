"""Rows of a spreadsheet's XML that hold nothing unusual, taken out before a parser of XML sees the document.

A fund's history is thousands of rows that all look alike, and to go through them event by event took most of the time
that reading it takes. What is a plain row is said so narrowly (ASCII, no entity, no markup in a text, attributes that
change nothing) that the document without it is sound exactly if it was sound before.
"""

from __future__ import annotations

import re
from typing import Final

_COLUMNS: Final = "ABCDEFGH"  # that a plain row of a worksheet may fill

ROWS_TAG: Final = "TakenRows"
"""The element that stands for rows taken out of SpreadsheetML; its attribute `n` is their place in what is returned."""

_TEXT: Final = r"[ -%'-;=?-~]*+"  # ASCII but & < >
_CONTENT: Final = f"(?:<v>{_TEXT}</v>|<is><t>{_TEXT}</t></is>)?+"
_CELLS: Final = "".join(
    rf'(?:<c r="{column}\1"(?: s="\d++")?+(?: t="\w++")?+(?:/>|>{_CONTENT}</c>))?+' for column in _COLUMNS
)
_WORKSHEET_ROW: Final = re.compile(rf'<row r="(\d++)"(?: spans="[\d:]++")?+>{_CELLS}</row>'.encode())

_STAND_IN: Final = rf'<row r="\1"><c r="{_COLUMNS[-1]}\1"/></row>'.encode()

_GAP: Final = r"[ \t\r\n]*+"
_STYLE: Final = r'(?: ss:StyleID="\w++")?+'
_SS_CELL: Final = rf'<ss:Cell{_STYLE}>{_GAP}<ss:Data(?: ss:Type="\w++")?+>{_TEXT}</ss:Data>{_GAP}</ss:Cell>'
_SS_ROW_END: Final = "</ss:Row>"
_SS_ROWS: Final = re.compile(rf"(?:<ss:Row{_STYLE}>{_GAP}(?:{_SS_CELL}{_GAP})*+{_SS_ROW_END}{_GAP})++".encode())
_SS_TEXT: Final = re.compile(r"<ss:Data[^>]*+>([^<]*+)<")


def without_worksheet_cells(document: bytes) -> bytes:
    """Return a worksheet in which each plain row has one cell, the last that it could have: those it has are in order.

    So many columns fit into as many rows as a sheet may have (readers.limits).
    """
    return _WORKSHEET_ROW.sub(_STAND_IN, document) if _is_literal(document) else document


def without_spreadsheet_rows(document: bytes) -> tuple[bytes, list[bytes]]:
    """Return SpreadsheetML with an element for each run of plain rows, and those runs."""
    if not _is_literal(document) or ROWS_TAG.encode() in document:
        return document, []
    runs: list[bytes] = []

    def stand_in(found: re.Match[bytes]) -> bytes:
        runs.append(found[0])
        return b'<ss:%b n="%d"/>' % (ROWS_TAG.encode(), len(runs) - 1)

    return _SS_ROWS.sub(stand_in, document), runs


def texts_of(run: bytes) -> list[list[str]]:
    """Return the texts of the cells of a run, row by row."""
    return [_SS_TEXT.findall(row) for row in run.decode("ascii").split(_SS_ROW_END)[:-1]]


def _is_literal(document: bytes) -> bool:
    """Say whether what looks like a tag is one: there is no comment, no CDATA and no declaration of a type."""
    return b"<!" not in document
