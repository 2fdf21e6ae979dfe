"""The rows of a query for programs: csv, json, markdown, parquet, xlsx. Every character and digit is kept.

One exception, for people who open exports with a spreadsheet: in csv, text that a spreadsheet would run as a formula
gets a leading quote, unless the raw text is asked for. In xlsx text is text, and needs none.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import chain
from pathlib import Path
from typing import IO, Any, Final

from ingest.errors import QueryRefused
from serving.query.results import CHUNK, Result, iso_text, plain_text
from serving.query.terminal import HIDDEN, shown

FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
XLSX_ROWS: Final = 1_048_576
XLSX_COLUMNS: Final = 16_384
XLSX_TEXT: Final = 32_767
_EXACT_INTEGER: Final = 2**53
_OLDEST_XLSX_DAY: Final = date(1900, 3, 1)  # before it, spreadsheets count a day that never was
_XLSX_ILLEGAL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_QUOTED: Final = re.compile(r'[",\r\n]')
_HIDDEN: Final = re.compile(f"[{HIDDEN}]")


def write_csv(results: Iterable[Result], file: IO[str], *, raw: bool, is_shown: bool = False) -> None:
    """Write the rows of the one result, with a header. `is_shown`: to a terminal, without what would steer it.

    NULL is an empty cell, empty text is quoted; where there is only one column, so is NULL, because readers skip
    empty lines.
    """
    for result in results:
        numeric = result.numeric
        rows = (
            [_csv_cell(value, raw=raw or flag) for value, flag in zip(row, numeric, strict=True)]
            for row in result.rows()
        )
        for cells in chain([[_csv_cell(name, raw=raw) for name in result.names]], rows):
            line = ",".join(cells) if len(cells) > 1 else cells[0] or '""'
            file.write((shown(line) if is_shown else line) + "\n")


def write_json(results: Iterable[Result], file: IO[str], *, count: int) -> None:
    """Write an array of objects; where `count` is not 1, an array of these arrays. NaN and infinities are null."""
    if count != 1:
        file.write("[")
    for place, result in enumerate(results):
        if place:
            file.write(",")
        _write_objects(result, file)
    if count != 1:
        file.write("]")
    file.write("\n")


def write_markdown(results: Iterable[Result], file: IO[str]) -> None:
    """Write a pipe table for each result, numbers to the right."""
    for place, result in enumerate(results):
        if place:
            file.write("\n")
        file.write(_pipes(_markdown_cell(name) for name in result.names))
        file.write(_pipes("---:" if is_number else "---" for is_number in result.numeric))
        for row in result.rows():
            file.write(_pipes("" if value is None else _markdown_cell(plain_text(value)) for value in row))


def write_parquet(results: Iterable[Result], path: Path) -> None:
    """Write the rows of the one result, typed. QueryRefused for a type that parquet has no word for."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    for result in results:
        reader = result.source.to_arrow_reader(CHUNK)
        schema = pa.schema([field.with_name(name) for field, name in zip(reader.schema, result.names, strict=True)])
        try:
            with pq.ParquetWriter(path, schema, compression="zstd") as writer:
                for batch in reader:
                    writer.write_batch(pa.RecordBatch.from_arrays(batch.columns, schema=schema))
        except pa.ArrowNotImplementedError as error:
            raise QueryRefused(f"parquet cannot hold a column of this result: {error}. Cast it to text") from None


def write_xlsx(results: Iterable[Result], path: Path) -> None:
    """Write a sheet for each result: numbers, dates and instants (UTC) as such, all text as text."""
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    for place, result in enumerate(results, start=1):
        add_sheet(book, f"result {place}", result.names, result.rows())
    book.save(path)


def add_sheet(book: Any, title: str, names: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
    """Add a sheet to a write-only workbook: a bold header that stays in sight, then the rows; return their number."""
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Font

    if len(names) > XLSX_COLUMNS:
        raise QueryRefused(f"a sheet has {XLSX_COLUMNS:,} columns, the result {len(names):,}: use parquet")
    sheet = book.create_sheet(title)
    sheet.freeze_panes = "A2"
    for column, name in enumerate(names, start=1):
        sheet.column_dimensions[_letters(column)].width = min(max(len(name) + 2, 12), 60)
    head = [_xlsx_text(sheet, name, WriteOnlyCell) for name in names]
    for cell in head:
        cell.font = Font(bold=True)
    sheet.append(head)
    number = 1
    for number, row in enumerate(rows, start=2):
        if number > XLSX_ROWS:
            raise QueryRefused(f"a sheet has {XLSX_ROWS:,} rows, and the result has more: use parquet or csv")
        sheet.append([_xlsx_cell(sheet, value, WriteOnlyCell) for value in row])
    return number - 1


def json_text(value: Any) -> str:
    """Return strict JSON in which nothing is lost but NaN and infinities; hidden characters are escaped."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int):
        return str(value)
    if isinstance(value, (float, Decimal)):
        return _json_number(value)
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(json_text(one) for one in value)}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json_text(_key(key))}: {json_text(one)}" for key, one in value.items()) + "}"
    text = value if isinstance(value, str) else iso_text(value)
    return _HIDDEN.sub(_escaped, json.dumps(text, ensure_ascii=False))


def _json_number(value: float | Decimal) -> str:
    if not math.isfinite(value):
        return "null"
    return format(value, "f") if isinstance(value, Decimal) else repr(value)


def _key(key: Any) -> str:
    return key if isinstance(key, str) else iso_text(key)


def _escaped(match: re.Match[str]) -> str:
    units = match[0].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[place]:02x}{units[place + 1]:02x}" for place in range(0, len(units), 2))


def _write_objects(result: Result, file: IO[str]) -> None:
    keys = [json_text(name) for name in result.names]
    file.write("[")
    for number, row in enumerate(result.rows()):
        file.write(",\n " if number else "\n ")
        file.write("{" + ", ".join(f"{key}: {json_text(value)}" for key, value in zip(keys, row, strict=True)) + "}")
    file.write("\n]")


def _csv_cell(value: Any, *, raw: bool) -> str:
    if value is None:
        return ""
    text = plain_text(value)
    if not raw and text.startswith(FORMULA_STARTS):
        text = f"'{text}"
    if not text or _QUOTED.search(text):  # the module csv leaves a carriage return as it is
        return '"' + text.replace('"', '""') + '"'
    return text


def _pipes(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |\n"


def _markdown_cell(text: str) -> str:
    for sign, told in (("\\", "\\\\"), ("|", "\\|"), ("<", "&lt;"), ("\r\n", "<br>"), ("\n", "<br>"), ("\r", "<br>")):
        text = text.replace(sign, told)
    return shown(text)


def _xlsx_cell(sheet: Any, value: Any, cell: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, (int, float, Decimal)):
        if isinstance(value, float) and not math.isfinite(value):
            return None
        return value if _is_exact(value) else _xlsx_text(sheet, plain_text(value), cell)
    if isinstance(value, datetime):
        value = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
        return value if value.date() >= _OLDEST_XLSX_DAY else _xlsx_text(sheet, str(value), cell)
    if isinstance(value, date):
        return value if value >= _OLDEST_XLSX_DAY else _xlsx_text(sheet, str(value), cell)
    return _xlsx_text(sheet, plain_text(value), cell)


def _is_exact(value: float | Decimal) -> bool:
    """Say whether a spreadsheet, which counts in doubles, holds all the digits."""
    if isinstance(value, Decimal):
        return Decimal(repr(float(value))) == value
    return isinstance(value, float) or abs(value) <= _EXACT_INTEGER


def _xlsx_text(sheet: Any, text: str, cell: Any) -> Any:
    """Return a cell that is text whatever it begins with; openpyxl makes a formula of "=…"."""
    clean = _XLSX_ILLEGAL.sub("", text)
    if len(clean) > XLSX_TEXT:
        raise QueryRefused(f"a cell of xlsx holds {XLSX_TEXT:,} characters, a text here has {len(clean):,}: use csv")
    made = cell(sheet, value=clean)
    made.data_type = "s"
    return made


def _letters(column: int) -> str:
    from openpyxl.utils import get_column_letter

    return str(get_column_letter(column))
