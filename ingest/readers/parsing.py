"""What every parser needs: bytes to text, cells to numbers and dates, columns to rows of ROWS_SCHEMA.

All of it is strict: whatever cannot be read raises SourceChanged with what was expected and what came.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Collection, Sequence
from datetime import date, datetime
from typing import Any, Final

import polars as pl

from ingest.batch import ROWS_SCHEMA, Window, empty_rows
from ingest.catalog.models import Provider
from ingest.connector import Pair
from ingest.errors import SourceChanged
from ingest.payload import Payload
from ingest.readers.days import is_note
from ingest.readers.limits import oversize_of_json, oversize_of_text

_SEEN_CHARACTERS = 80
_FIRST_YEAR = 1000
_PAGE: Final = re.compile(rb"<(?:!doctype\s+html|html|head|body|script|title|meta|center)\b")
_PROLOGUES: Final = ((b"<!--", b"-->"), (b"<?", b"?>"))
_PAGE_STARTS_WITHIN: Final = 4096


def changed(payload: Payload, expected: str, seen: str) -> SourceChanged:
    """Return the error of a payload that is not what the contract says."""
    return SourceChanged(payload.source, payload.name, expected=expected, seen=seen)


def quoted(text: object) -> str:
    """Return the beginning of `text` on one line, for an error message."""
    flat = " ".join(str(text).split())
    return repr(flat if len(flat) <= _SEEN_CHARACTERS else flat[:_SEEN_CHARACTERS] + "…")


def refuse_no_data(payload: Payload, expected: str) -> None:
    """Raise SourceChanged for an empty body and for a web page (a challenge, an apology) that came in place of data."""
    start = payload.body[:_PAGE_STARTS_WITHIN].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if not start:
        raise changed(payload, expected, "an empty body")
    if _PAGE.match(_behind_prologue(start)):
        raise changed(payload, expected, "an HTML page")


def _behind_prologue(start: bytes) -> bytes:
    """Return `start` without the comments and declarations that a page may begin with."""
    while True:
        ends = [end for begin, end in _PROLOGUES if start.startswith(begin)]
        if not ends or ends[0] not in start:
            return start
        start = start.partition(ends[0])[2].lstrip()


def refuse_oversize(payload: Payload, measure: Callable[[bytes], tuple[str, str] | None]) -> None:
    """Raise SourceChanged where `measure` (of ingest.readers.limits) finds the body beyond what any publisher sends."""
    found = measure(payload.body)
    if found is not None:
        raise changed(payload, *found)


def text_of(payload: Payload, expected: str) -> str:
    """Return the body as text (UTF-8, with or without a byte order mark)."""
    refuse_no_data(payload, expected)
    try:
        return payload.body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise changed(
            payload, f"{expected} in UTF-8", f"byte {payload.body[error.start]:#04x} at {error.start}"
        ) from None


def lines_of(payload: Payload, expected: str, *, may_end_bare: bool = False) -> list[str]:
    """Return the lines of a text body. SourceChanged where the last one has no end: it may have been cut in a cell.

    `may_end_bare` is for publishers whose own files end so; `csv_of` then looks at the last cell.
    """
    refuse_oversize(payload, oversize_of_text)
    text = text_of(payload, expected)
    lines = text.splitlines()
    if not may_end_bare and lines and lines[-1].strip():
        refuse_cut(payload, text, lines[-1])
    return lines


def refuse_cut(payload: Payload, text: str, last: str) -> None:
    """Raise SourceChanged where `text` ends without a line end."""
    if text[-1:] not in ("\n", "\r"):
        raise changed(payload, "a last line with its end", f"a text cut off in {quoted(last)}")


def json_of(payload: Payload, expected: str) -> Any:
    """Return the JSON document of the body. A member that stands twice in one object must say the same twice."""
    text = text_of(payload, expected)
    refuse_oversize(payload, oversize_of_json)

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            _refuse_clash(payload, pairs)
        return found

    try:
        return json.loads(text, object_pairs_hook=members)
    except json.JSONDecodeError as error:
        raise changed(
            payload, expected, f"JSON broken at character {error.pos}: {quoted(text[max(error.pos - 20, 0) :])}"
        ) from None
    except RecursionError:
        raise changed(payload, expected, "JSON nested too deep") from None
    except ValueError as error:  # a whole number of more digits than Python converts
        raise changed(payload, expected, f"JSON that cannot be read: {error}") from None


def _refuse_clash(payload: Payload, pairs: Sequence[tuple[str, Any]]) -> None:
    said: dict[str, Any] = {}
    for name, value in pairs:
        if name in said and said[name] != value:
            raise changed(payload, f"{quoted(name)} once in an object", f"{quoted(said[name])} and {quoted(value)}")
        said[name] = value


def field(payload: Payload, record: Any, name: str, where: str) -> Any:
    """Return the mandatory member `name` of a JSON object; `where` says in words which object that is."""
    if not isinstance(record, dict):
        raise changed(payload, f"{where} to be an object with {name}", quoted(record))
    if name not in record:
        raise changed(payload, f"{name} in {where}", f"only {', '.join(record) or 'nothing'}")
    return record[name]


def listed(payload: Payload, record: Any, name: str, where: str) -> list[Any]:
    """Return the mandatory list `name` of a JSON object."""
    found = field(payload, record, name, where)
    if not isinstance(found, list):
        raise changed(payload, f"{name} in {where} to be a list", quoted(found))
    return found


def number(payload: Payload, value: Any, gaps: Collection[str], where: str) -> float | None:
    """Return a JSON number or a number written as text; None for null and for the texts in `gaps`."""
    if value is None or value in gaps:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise changed(payload, f"a number for {where}", quoted(value))
    try:
        found = float_of(value) if isinstance(value, str) else float(value)
    except ValueError:
        raise changed(payload, f"a number for {where}", quoted(value)) from None
    if not math.isfinite(found):  # Python's JSON takes NaN for a number
        raise changed(payload, f"a number for {where}", quoted(value))
    return found


def float_of(text: str) -> float:
    """Return the number that a text writes; ValueError also for 1_000, which Python alone takes for a number."""
    if "_" in text:
        raise ValueError(text)
    return float(text)


def day(payload: Payload, value: Any, form: str, where: str) -> date:
    """Return the date that `value` writes in the strptime form `form`."""
    try:
        return datetime.strptime(value, form).date()  # noqa: DTZ007  a date has no zone
    except (TypeError, ValueError):
        raise changed(payload, f"a date like {form} for {where}", quoted(value)) from None


def csv_of(payload: Payload, lines: Sequence[str], expected: str) -> pl.DataFrame:
    """Return a frame of texts from CSV lines, the first of which is the header; blank lines and repeats are left out.

    SourceChanged when a line has more or fewer cells than the header (that is how a cut or shifted file shows), when a
    column stands twice, when the last cell of a body without a last line end is written shorter than its column.
    """
    filled = list(dict.fromkeys(line.strip("\r\n") for line in lines if line.strip()))
    if not filled:
        raise changed(payload, expected, "no header line")
    width = filled[0].count(",")
    for line in filled:
        if line.count(",") != width:
            raise changed(payload, f"{width + 1} cells in each line of {expected}", quoted(line))
    refuse_doubled_names(payload, [name.strip().strip('"') for name in filled[0].split(",")])
    try:
        frame = pl.read_csv("\n".join(filled).encode(), infer_schema=False, empty_string_is_null=False)
        frame = frame.rename({name: name.strip() for name in frame.columns}).with_columns(pl.all().str.strip_chars())
    except pl.exceptions.PolarsError as error:
        raise changed(payload, expected, f"a CSV that cannot be read: {error}") from None
    if payload.body[-1:] not in (b"\n", b"\r"):
        _refuse_short_cell(payload, frame)
    return frame


def table_lines(payload: Payload, lines: Sequence[str], is_header: Callable[[str], bool], expected: str) -> list[str]:
    """Return the header and the lines of the table, wherever the header and the notes around it stand.

    SourceChanged where there is no header, or figures above it that are no line of the table.
    """
    header = next((line for line in lines if is_header(line)), None)
    if header is None:
        raise changed(payload, expected, quoted(next((line for line in lines if line.strip()), "")))
    at = lines.index(header)
    above = [line for line in lines[:at] if not is_note(line.split(","))]
    cut = next((line for line in above if line.count(",") != header.count(",")), None)
    if cut is not None:
        raise changed(payload, f"notes above the header of {expected}", quoted(cut))
    return [header, *above, *(line for line in lines[at + 1 :] if line != header)]


def refuse_doubled_names(payload: Payload, names: Sequence[str]) -> None:
    """Raise SourceChanged for a column that stands twice: nothing says which of the two counts."""
    doubled = next((name for name in names if name and names.count(name) > 1), None)
    if doubled is not None:
        raise changed(payload, "each column once", f"{quoted(doubled)} twice")


def _refuse_short_cell(payload: Payload, frame: pl.DataFrame) -> None:
    """Raise SourceChanged where the last cell has fewer decimals than all others of its column, or is the only blank.

    The last line of such a body is the last of the frame only where the source keeps its order, so all are looked at
    by their place in the body.
    """
    cell = payload.body[-64:].decode("utf-8", "replace").rpartition("\n")[2].rpartition(",")[2].strip().strip('"')
    column = frame.to_series(frame.width - 1)
    others = column.filter(column != "")
    decimals = others.str.extract(r"\.(\d*)$").str.len_chars().fill_null(0)
    most = decimals.mode().max() if len(others) else None
    found = len(cell.rpartition(".")[2]) if "." in cell else 0
    is_uniform = len(others) > 1 and (decimals == most).sum() >= len(others) - 1
    if is_uniform and isinstance(most, int) and most > 0 and found < most:
        raise changed(payload, f"{most} decimals in the last cell, as above it", f"{quoted(cell)}: cut off")


def dates_of(payload: Payload, frame: pl.DataFrame, column: str, form: str) -> pl.Series:
    """Return a text column as dates of the form `form`; SourceChanged shows the first cell that is none."""
    dates = to_dates(frame[column], form)
    if dates.null_count():
        cell = frame[column].filter(dates.is_null())[0]
        raise changed(payload, f"dates like {form} in column {column}", quoted(cell))
    return dates


def to_dates(texts: pl.Series, form: str) -> pl.Series:
    """Return texts as dates of the form `form`, NULL for whatever is none: a year of two digits too.

    polars reads 11/14/26 as a day of the year 26.
    """
    dates = texts.str.to_date(form, strict=False)
    return dates.set(dates.dt.year() < _FIRST_YEAR, None)


def numbers_of(payload: Payload, frame: pl.DataFrame, column: str, gaps: Collection[str] = ("",)) -> pl.Series:
    """Return a text column as numbers, NULL for the texts in `gaps`; SourceChanged shows the first other text."""
    cells = frame[column]
    is_gap = cells.is_in(list(gaps))
    numbers = cells.cast(pl.Float64, strict=False)
    broken = cells.filter((numbers.is_null() | ~numbers.is_finite()) & ~is_gap)
    if len(broken):
        raise changed(payload, f"numbers in column {column}", quoted(broken[0]))
    return numbers


def rows_of(
    payload: Payload, pair: Pair, periods: pl.Series | Sequence[date], values: pl.Series | Sequence[float | None]
) -> pl.DataFrame:
    """Return rows of ROWS_SCHEMA for one series, in the unit of its provider entry, oldest period first."""
    series, provider = pair
    return (
        pl.DataFrame(
            {
                "period_date": pl.Series(periods, dtype=pl.Date),
                "value": pl.Series(values, dtype=pl.Float64),
            }
        )
        .select(
            pl.lit(series.id).alias("series_id"),
            pl.lit(provider.code).alias("code"),
            "period_date",
            "value",
            pl.lit(provider.unit).alias("unit"),
            pl.lit(None, dtype=pl.Datetime("us")).alias("stated_at"),
            pl.lit(payload.sha256).alias("payload_sha256"),
        )
        .sort("period_date", maintain_order=True)
    )


def together(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Return the rows of several series as one frame with exactly the columns of ROWS_SCHEMA."""
    return pl.concat(frames).match_to_schema(dict(ROWS_SCHEMA)) if frames else empty_rows()


def require_unit(payload: Payload, provider: Provider, stated: object, where: str) -> None:
    """Raise SourceChanged when the payload states another unit than the catalog counts on."""
    if stated != provider.unit:
        raise changed(payload, f"unit {provider.unit!r} in {where}", quoted(stated))


def series_of(pairs: Sequence[Pair]) -> str:
    """Return the ids of the series a payload is asked for, as `meta["series"]` keeps them."""
    return ",".join(series.id for series, _ in pairs)


def windows_of(payload: Payload, start: date | None, end: date | None = None) -> list[Window]:
    """Return one window for each series in `meta["series"]`, also where no row came for it."""
    return [Window(series_id, start, end) for series_id in payload.meta["series"].split(",")]


def oldest(days: Collection[date | None]) -> date | None:
    """Return the oldest of the newest periods held, None when one series holds nothing yet."""
    return None if not days or None in days else min(held for held in days if held is not None)
