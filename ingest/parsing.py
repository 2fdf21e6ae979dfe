"""What every parser needs: bytes to text, cells to numbers and dates, columns to rows of ROWS_SCHEMA.

All of it is strict: whatever cannot be read raises SourceChanged with what was expected and what came.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any

import polars as pl

from ingest.catalog.models import Provider
from ingest.errors import SourceChanged
from ingest.kit import ROWS_SCHEMA, Pair, Payload, Window, empty_rows

_SEEN_CHARACTERS = 80
_FIRST_YEAR = 1000


def changed(payload: Payload, expected: str, seen: str) -> SourceChanged:
    """Return the error of a payload that is not what the contract says."""
    return SourceChanged(payload.source, payload.name, expected=expected, seen=seen)


def quoted(text: object) -> str:
    """Return the beginning of `text` on one line, for an error message."""
    flat = " ".join(str(text).split())
    return repr(flat if len(flat) <= _SEEN_CHARACTERS else flat[:_SEEN_CHARACTERS] + "…")


def refuse_no_data(payload: Payload, expected: str) -> None:
    """Raise SourceChanged for an empty body and for a web page that came in place of data."""
    start = payload.body[:512].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if not start:
        raise changed(payload, expected, "an empty body")
    if start.startswith((b"<!doctype html", b"<html")):
        raise changed(payload, expected, "an HTML page")


def text_of(payload: Payload, expected: str) -> str:
    """Return the body as text (UTF-8, with or without a byte order mark)."""
    refuse_no_data(payload, expected)
    try:
        return payload.body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise changed(
            payload, f"{expected} in UTF-8", f"byte {payload.body[error.start]:#04x} at {error.start}"
        ) from None


def json_of(payload: Payload, expected: str) -> Any:
    """Return the JSON document of the body."""
    text = text_of(payload, expected)
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise changed(
            payload, expected, f"JSON broken at character {error.pos}: {quoted(text[error.pos - 20 :])}"
        ) from None


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
    """Return a frame of texts from CSV lines, the first of which is the header; blank lines are skipped.

    SourceChanged when a line has more or fewer cells than the header: that is how a cut or shifted file shows.
    """
    filled = [line for line in lines if line.strip()]
    if not filled:
        raise changed(payload, expected, "no header line")
    width = filled[0].count(",")
    for line in filled:
        if line.count(",") != width:
            raise changed(payload, f"{width + 1} cells in each line of {expected}", quoted(line))
    frame = pl.read_csv("\n".join(filled).encode(), infer_schema=False, empty_string_is_null=False)
    return frame.rename({name: name.strip() for name in frame.columns}).with_columns(pl.all().str.strip_chars())


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
