"""What a publisher can do to a file and leave it readable: text, JSON, calendars and workbooks, bent row by row."""

from __future__ import annotations

import copy
import io
import json
import random
import re
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final

import openpyxl
import xlrd
import xlwt

SHIFTED_YEAR: Final = 2014
SHIFTED_TO: Final = 2034
BLOCK: Final = 10
_FEWEST: Final = 3
_DATE = re.compile(
    r"\b\d{4}-\d{2}-\d{2}\b|\b\d{1,2}/\d{1,2}/\d{4}\b|\b\d{4}/\d{1,2}/\d{1,2}\b|\b\d{1,2}-[A-Z][a-z]{2}-\d{4}\b"
    r"|\b[A-Z][a-z]{2} \d{1,2},? \d{4}\b|\b[SHR]\d{1,2}\.\d{1,2}\.\d{1,2}\b"
)
_NUMBER = re.compile(r'(?<![\w./:-])-?\d{1,3}(?:,\d{3})+(?:\.\d+)?(?=["<])|(?<![\w./:-])-?\d+(?:\.\d+)?(?![\w/:%.-])')
_OF_TIME_OR_PLACE: Final = re.compile(r"date|year|quarter|month|(?<!to)day|nbr|line|timestamp|(?<!b)id", re.I)
_ERAS: Final = {"S": 1925, "H": 1988, "R": 2018}


class Unbendable(Exception):
    """An answer without rows of the kind that is to be bent: the fault does nothing there."""


class Document(ABC):
    """The data rows of one answer, in the order of the file."""

    @abstractmethod
    def count(self) -> int:
        """Return how many data rows there are."""

    @abstractmethod
    def shift(self, at: int) -> bool:
        """Print row `at` twenty years later, if it is of SHIFTED_YEAR; say whether it was."""

    @abstractmethod
    def scale(self, at: int, change: Callable[[float], float]) -> None:
        """Change every number of row `at`."""

    @abstractmethod
    def permute(self, order: Sequence[int]) -> None:
        """Put the rows into another order."""

    @abstractmethod
    def double(self, at: int) -> None:
        """Print row `at` twice, one under the other."""

    @abstractmethod
    def body(self) -> bytes:
        """Return the bytes."""


class _Lines(Document):
    """Text of a line a row: CSV, the one-row-a-line XML of FRED, of the Board and of Excel 2003."""

    def __init__(self, data: bytes, encoding: str = "latin-1") -> None:
        self.encoding = encoding
        self.lines = data.decode(encoding).splitlines(keepends=True)
        self.at = [n for n, line in enumerate(self.lines) if _DATE.search(line) and self._numbers(line)]
        if len(self.at) < _FEWEST:
            self.at = [n for n, line in enumerate(self.lines) if len(self._numbers(line)) >= _FEWEST]

    @staticmethod
    def _numbers(line: str) -> list[re.Match[str]]:
        return list(_NUMBER.finditer(_DATE.sub(lambda found: "#" * len(found[0]), line)))

    def count(self) -> int:
        return len(self.at)

    def shift(self, at: int) -> bool:
        line = self.lines[self.at[at]]
        self.lines[self.at[at]] = _DATE.sub(_later, line)
        return self.lines[self.at[at]] != line

    def scale(self, at: int, change: Callable[[float], float]) -> None:
        line = self.lines[self.at[at]]
        for found in reversed(self._numbers(line)):
            line = line[: found.start()] + _text(change(float(found[0].replace(",", "")))) + line[found.end() :]
        self.lines[self.at[at]] = line

    def permute(self, order: Sequence[int]) -> None:
        rows = [self.lines[n] for n in self.at]
        ending = "\r\n" if "\r\n" in self.lines[0] else "\n"
        for n, number in zip(self.at, order, strict=True):
            self.lines[n] = rows[number].rstrip("\r\n") + ending

    def double(self, at: int) -> None:
        self.lines.insert(self.at[at], self.lines[self.at[at]])
        self.at = [n + (n >= self.at[at]) for n in self.at]

    def body(self) -> bytes:
        return "".join(self.lines).encode(self.encoding)


class _Records(Document):
    """JSON whose rows are objects with a date of their own or one level below, or with a timestamp that is a text.

    Numbers inside them may lie deeper.
    """

    def __init__(self, data: bytes) -> None:
        self.whole = json.loads(data)
        self.rows: list[tuple[list[Any], int]] = []
        self._find(self.whole)

    def _find(self, node: Any) -> None:
        if isinstance(node, list):
            for at, item in enumerate(node):
                if isinstance(item, dict) and (any(map(_has_day, item.values())) or _has_stamp(item)):
                    self.rows.append((node, at))
                else:
                    self._find(item)
        elif isinstance(node, dict):
            for value in node.values():
                self._find(value)

    def count(self) -> int:
        return len(self.rows)

    def shift(self, at: int) -> bool:
        holder, place = self.rows[at]
        before = json.dumps(holder[place])
        holder[place] = json.loads(_DATE.sub(_later, before))
        return json.dumps(holder[place]) != before

    def scale(self, at: int, change: Callable[[float], float]) -> None:
        holder, place = self.rows[at]
        holder[place] = _scaled(holder[place], change)

    def permute(self, order: Sequence[int]) -> None:
        rows = [holder[place] for holder, place in self.rows]
        for (holder, place), number in zip(self.rows, order, strict=True):
            holder[place] = rows[number]

    def double(self, at: int) -> None:
        holder, place = self.rows[at]
        holder.insert(place, copy.deepcopy(holder[place]))
        self.rows = [(one, n + (one is holder and n >= place)) for one, n in self.rows]

    def body(self) -> bytes:
        return json.dumps(self.whole).encode()


class _Chart(Document):
    """Yahoo's chart: timestamps, and lists as long beside them."""

    _TWENTY_YEARS = 7305 * 86400

    def __init__(self, whole: Any) -> None:
        self.whole = whole
        result = whole["chart"]["result"][0]
        self.times: list[int] = result.get("timestamp") or []
        indicators = result.get("indicators", {})
        self.lists = [
            values
            for parts in indicators.values()
            for part in parts
            for values in part.values()
            if isinstance(values, list) and len(values) == len(self.times)
        ]

    def count(self) -> int:
        return len(self.times)

    def shift(self, at: int) -> bool:
        if datetime.utcfromtimestamp(self.times[at]).year != SHIFTED_YEAR:
            return False
        self.times[at] += self._TWENTY_YEARS
        return True

    def scale(self, at: int, change: Callable[[float], float]) -> None:
        for values in self.lists:
            if values[at] is not None:
                values[at] = change(values[at])

    def permute(self, order: Sequence[int]) -> None:
        for values in (self.times, *self.lists):
            values[:] = [values[number] for number in order]

    def double(self, at: int) -> None:
        for values in (self.times, *self.lists):
            values.insert(at, values[at])

    def body(self) -> bytes:
        return json.dumps(self.whole).encode()


class _Events(Document):
    """An iCalendar: its events, which have moments and no numbers."""

    _EVENT = re.compile(rb"BEGIN:VEVENT.*?END:VEVENT\r?\n", re.S)

    def __init__(self, data: bytes) -> None:
        self.head, self.tail = data[: data.index(b"BEGIN:VEVENT")], b"END:VCALENDAR\r\n"
        self.events = self._EVENT.findall(data)

    def count(self) -> int:
        return len(self.events)

    def shift(self, at: int) -> bool:
        before = self.events[at]
        self.events[at] = before.replace(b":%d" % SHIFTED_YEAR, b":%d" % SHIFTED_TO)
        return self.events[at] != before

    def scale(self, at: int, change: Callable[[float], float]) -> None:
        return

    def permute(self, order: Sequence[int]) -> None:
        self.events = [self.events[number] for number in order]

    def double(self, at: int) -> None:
        self.events.insert(at, self.events[at])

    def body(self) -> bytes:
        return b"".join([self.head, *self.events, self.tail])


class _Cells(Document):
    """The largest sheet of a workbook, of either kind; the others stay as they are."""

    def __init__(self, rows: list[list[Any]], write: Callable[[list[list[Any]]], bytes]) -> None:
        self.rows = rows
        self.write = write
        self.at = [
            n for n, row in enumerate(rows) if any(_day(cell) for cell in row) and any(_is_number(cell) for cell in row)
        ]
        if len(self.at) < _FEWEST:
            self.at = [n for n, row in enumerate(rows) if sum(map(_is_number, row)) >= 2]

    def count(self) -> int:
        return len(self.at)

    def shift(self, at: int) -> bool:
        row = self.rows[self.at[at]]
        later = [_cell_later(cell) for cell in row]
        self.rows[self.at[at]] = later
        return later != row

    def scale(self, at: int, change: Callable[[float], float]) -> None:
        row = self.rows[self.at[at]]
        self.rows[self.at[at]] = [_scaled_cell(cell, change) for cell in row]

    def permute(self, order: Sequence[int]) -> None:
        rows = [self.rows[n] for n in self.at]
        for n, number in zip(self.at, order, strict=True):
            self.rows[n] = rows[number]

    def double(self, at: int) -> None:
        self.rows.insert(self.at[at], list(self.rows[self.at[at]]))
        self.at = [n + (n >= self.at[at]) for n in self.at]

    def body(self) -> bytes:
        return self.write(self.rows)


class _Zipped(_Lines):
    """A zip whose largest member is text."""

    def __init__(self, data: bytes) -> None:
        with zipfile.ZipFile(io.BytesIO(data)) as old:
            self.members = {info.filename: old.read(info) for info in old.infolist()}
        self.largest = max(self.members, key=lambda name: len(self.members[name]))
        super().__init__(self.members[self.largest])

    def body(self) -> bytes:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new:
            for name, data in self.members.items():
                new.writestr(name, super().body() if name == self.largest else data)
        return buffer.getvalue()


def opened(data: bytes) -> Document:
    """Return the rows of an answer, whatever its format."""
    if data.startswith(b"\xd0\xcf\x11\xe0"):
        return _Cells(*_old_workbook(data))
    if data.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(data)) as members:
            is_workbook = "xl/workbook.xml" in members.namelist()
        return _Cells(*_workbook(data)) if is_workbook else _Zipped(data)
    if data.startswith(b"BEGIN:VCALENDAR"):
        return _Events(data)
    if data.lstrip()[:1] in (b"{", b"["):
        whole = json.loads(data)
        return _Chart(whole) if isinstance(whole, dict) and "chart" in whole else _Records(data)
    return _Lines(data)


def _workbook(data: bytes) -> tuple[list[list[Any]], Callable[[list[list[Any]]], bytes]]:
    book = openpyxl.load_workbook(io.BytesIO(data))
    sheets = {sheet.title: [list(row) for row in sheet.iter_rows(values_only=True)] for sheet in book.worksheets}
    largest = max(sheets, key=lambda name: len(sheets[name]))

    def write(changed: list[list[Any]]) -> bytes:
        new = openpyxl.Workbook(write_only=True)
        for name, rows in {**sheets, largest: changed}.items():
            sheet = new.create_sheet(name)
            for row in rows:
                sheet.append(row)
        buffer = io.BytesIO()
        new.save(buffer)
        return buffer.getvalue()

    return sheets[largest], write


def _old_workbook(data: bytes) -> tuple[list[list[Any]], Callable[[list[list[Any]]], bytes]]:
    book = xlrd.open_workbook(file_contents=data)
    sheets = {
        sheet.name: [
            [
                xlrd.xldate_as_datetime(cell.value, book.datemode) if cell.ctype == xlrd.XL_CELL_DATE else cell.value
                for cell in sheet.row(n)
            ]
            for n in range(sheet.nrows)
        ]
        for sheet in book.sheets()
    }
    largest = max(sheets, key=lambda name: len(sheets[name]))

    def write(changed: list[list[Any]]) -> bytes:
        new = xlwt.Workbook()
        day = xlwt.easyxf(num_format_str="MM/DD/YYYY")
        for name, rows in {**sheets, largest: changed}.items():
            page = new.add_sheet(name)
            for n, row in enumerate(rows):
                for at, cell in enumerate(row):
                    if isinstance(cell, datetime):
                        page.write(n, at, cell, day)
                    elif cell != "":
                        page.write(n, at, cell)
        buffer = io.BytesIO()
        new.save(buffer)
        return buffer.getvalue()

    return sheets[largest], write


# ---- what can happen to rows -----------------------------------------------------------------------------------------


def _years(rows: Document) -> None:
    if not any([rows.shift(at) for at in range(rows.count())]):
        raise Unbendable


def _shuffled(rows: Document) -> None:
    order = list(range(rows.count()))
    random.Random(5).shuffle(order)
    rows.permute(order)


def _doubled(rows: Document) -> None:
    at = rows.count() // 2
    rows.double(at)
    rows.scale(at, lambda value: value * 1.5 + 1)


def _doubled_alike(rows: Document) -> None:
    rows.double(rows.count() // 2)


def _all(change: Callable[[float], float]) -> Callable[[Document], None]:
    def bend(rows: Document) -> None:
        for at in range(rows.count()):
            rows.scale(at, change)

    return bend


def _huge(rows: Document) -> None:
    rows.scale(rows.count() // 2, lambda value: 1e308)


def _block(rows: Document) -> None:
    middle = rows.count() // 2
    for at in range(middle, min(middle + BLOCK, rows.count())):
        rows.scale(at, lambda value: value * 100)


BENDS: Final[Mapping[str, Callable[[Document], None]]] = {
    "years": _years,
    "shuffled": _shuffled,
    "doubled": _doubled,
    "doubled_alike": _doubled_alike,
    "times_1000": _all(lambda value: value * 1000),
    "times_0_01": _all(lambda value: value * 0.01),
    "negative": _all(lambda value: -value),
    "huge": _huge,
    "block_times_100": _block,
}


def bent(kind: str, data: bytes) -> bytes:
    """Return the answer after `kind` (one of BENDS) happened to its rows; Unbendable where it has none to bend."""
    rows = opened(data)
    if rows.count() < 2:
        raise Unbendable
    before = rows.body()
    BENDS[kind](rows)
    after = rows.body()
    if after == before:
        raise Unbendable
    return after


# ---- cells -----------------------------------------------------------------------------------------------------------


def _later(found: re.Match[str]) -> str:
    text = found[0]
    if text[0] in _ERAS and text[1].isdigit():  # H26.1.6, not Sep 20, 2014
        era, year, rest = text[0], *text[1:].split(".", 1)
        return f"R{SHIFTED_TO - _ERAS['R']}.{rest}" if _ERAS[era] + int(year) == SHIFTED_YEAR else text
    return text.replace(str(SHIFTED_YEAR), str(SHIFTED_TO))


def _day(cell: Any) -> bool:
    return isinstance(cell, (date, datetime)) or (isinstance(cell, str) and bool(_DATE.search(cell)))


def _is_day(value: Any) -> bool:
    return isinstance(value, str) and bool(_DATE.fullmatch(value.partition("T")[0]))


def _has_day(value: Any) -> bool:
    return any(map(_is_day, value.values())) if isinstance(value, dict) else _is_day(value)


def _has_stamp(record: Mapping[str, Any]) -> bool:
    stamp = record.get("timestamp")
    return isinstance(stamp, str) and stamp.isdecimal()


def _is_number(cell: Any) -> bool:
    if isinstance(cell, str):
        return bool(re.fullmatch(r"-?[\d,]*\.?\d+", cell))
    return isinstance(cell, (int, float)) and not isinstance(cell, bool)


def _cell_later(cell: Any) -> Any:
    if isinstance(cell, (date, datetime)):
        return cell.replace(year=SHIFTED_TO) if cell.year == SHIFTED_YEAR else cell
    return _DATE.sub(_later, cell) if isinstance(cell, str) else cell


def _scaled_cell(cell: Any, change: Callable[[float], float]) -> Any:
    if not _is_number(cell):
        return cell
    return _text(change(float(cell.replace(",", "")))) if isinstance(cell, str) else change(cell)


def _scaled(node: Any, change: Callable[[float], float]) -> Any:
    """Change the numbers of a record and of what lies in it, but for those of dates and their parts."""
    if isinstance(node, dict):
        return {key: value if _OF_TIME_OR_PLACE.search(key) else _scaled(value, change) for key, value in node.items()}
    if isinstance(node, list):
        return [_scaled(item, change) for item in node]
    return _scaled_cell(node, change)


def _text(value: float) -> str:
    return f"{value:.6g}" if abs(value) > 1e15 else f"{value:.6f}".rstrip("0").rstrip(".")
