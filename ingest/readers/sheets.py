"""What stands where in the sheets of a workbook (xlsx), checked before a reader makes room for it.

A reader fills a grid from the first to the last cell that a sheet names, so one cell at XFD1048576 asks for 17 billion
of them, and of two rows with one number it keeps parts of both. Here each reference is read, and nothing else.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any, Final
from xml.parsers import expat

from ingest.errors import SourceChanged
from ingest.payload import Payload
from ingest.readers.limits import MAX_COLUMNS, MAX_ROWS, MAX_SHEET_CELLS, MAX_SHEET_XML_NODES
from ingest.readers.parsing import changed, quoted
from ingest.readers.plain_rows import without_worksheet_cells

_REFERENCE: Final = re.compile(r"([A-Z]{1,3})([1-9]\d{0,6})")
_LETTERS: Final = 26


class _NoSheetError(Exception):
    """The document is something else: styles, texts, relations."""


def require_sound_sheet(payload: Payload, name: str, document: bytes) -> None:
    """Look through one XML member of a workbook; nothing happens where it is no worksheet.

    SourceChanged on a cell or row beyond the declared size, on a row or cell that stands twice or out of order, on a
    cell that names another row than its own, on XML that is broken or declares entities.
    """
    with suppress(expat.ExpatError, SourceChanged):
        _look_through(payload, name, without_worksheet_cells(document))
        return
    try:
        _look_through(payload, name, document)  # what is wrong, and where, is said of the document as it came
    except expat.ExpatError as error:
        raise changed(payload, f"XML in {name}", f"XML broken: {error}") from None


def _look_through(payload: Payload, name: str, document: bytes) -> None:
    checker = _Checker(payload, name)
    parser = expat.ParserCreate(namespace_separator="}")
    parser.StartElementHandler = checker.start
    parser.StartDoctypeDeclHandler = checker.refuse
    parser.EntityDeclHandler = checker.refuse
    try:
        parser.Parse(document, True)
    except _NoSheetError:
        return
    checker.finish()


class _Checker:
    def __init__(self, payload: Payload, name: str) -> None:
        self._payload = payload
        self._name = name
        self._is_sheet = False
        self._row = 0
        self._column = 0
        self._nodes = 0
        self._widest = 0

    def refuse(self, *_: Any) -> None:
        raise changed(self._payload, "XML without DOCTYPE and entities", f"a workbook whose {self._name} declares them")

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        local = tag.rpartition("}")[2]
        if not self._is_sheet:
            if local != "worksheet":
                raise _NoSheetError
            self._is_sheet = True
        self._nodes += 1
        if self._nodes > MAX_SHEET_XML_NODES:
            raise changed(self._payload, f"at most {MAX_SHEET_XML_NODES} nodes in {self._name}", "more")
        if local == "c":
            self._cell(attributes.get("r"))
        elif local == "row":
            self._begin_row(attributes.get("r"))

    def finish(self) -> None:
        if self._row * self._widest > MAX_SHEET_CELLS:
            seen = f"{self._row} rows of {self._widest} columns"
            raise changed(self._payload, f"at most {MAX_SHEET_CELLS} cells in {self._name}", seen)

    def _begin_row(self, stated: str | None) -> None:
        number = self._row + 1 if stated is None else int(stated) if stated.isdecimal() and len(stated) < 9 else 0
        if number == self._row:
            raise changed(self._payload, f"each row of {self._name} once", f"row {number} twice")
        if not self._row < number <= MAX_ROWS:
            expected = f"rows of {self._name} in order, up to {MAX_ROWS}"
            raise changed(self._payload, expected, f"row {quoted(stated or number)} behind row {self._row}")
        self._row, self._column = number, 0

    def _cell(self, stated: str | None) -> None:
        column = self._column + 1
        if stated is not None:
            found = _REFERENCE.fullmatch(stated)
            if found is None or int(found[2]) != self._row:
                raise changed(self._payload, f"cells of row {self._row} of {self._name}", f"a cell {quoted(stated)}")
            column = 0
            for letter in found[1]:
                column = column * _LETTERS + ord(letter) - ord("A") + 1
        if column > MAX_COLUMNS:
            seen = f"a cell {quoted(stated or column)}"
            raise changed(self._payload, f"at most {MAX_COLUMNS} columns and {MAX_ROWS} rows in {self._name}", seen)
        if column <= self._column:
            expected = f"cells of row {self._row} of {self._name} from left to right, each once"
            raise changed(self._payload, expected, f"cell {quoted(stated)} again or out of order")
        self._column = column
        self._widest = max(self._widest, column)
