"""CSV files that users write by hand: every error names the file and the line.

A file has a header of known names, one row per line and perhaps a column known_at that says when each row became known.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time
from pathlib import Path
from typing import Final

import polars as pl

from ingest.archive import sha256_of
from ingest.catalog.frequency import DATED_BY, MONTHS, Frequency, is_period, period_end
from ingest.catalog.models import Series
from ingest.catalog.release import ReleaseRule
from ingest.clock import NEW_YORK, Clock, naive_utc
from ingest.errors import SourceChanged, SourceUnavailable
from ingest.payload import Payload
from ingest.readers.limits import oversize_of_text
from ingest.readers.parsing import changed, quoted, refuse_oversize, text_of

MAX_FILE_BYTES: Final = 64 * 1024 * 1024
EARNINGS_FILE: Final = "earnings.csv"
"""The one file beside the series that is none: user_earnings reads it."""

_GAPS: Final = ("", ".")
_END_OF_DAY: Final = time(23, 59, 59)


def user_payload(path: Path, name: str, clock: Clock, meta: dict[str, str]) -> Payload:
    """Return a file of the user as a payload called `name` (its path below user_files)."""
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            limit = f"a file of at most {MAX_FILE_BYTES // 1024**2} MiB"
            raise SourceChanged("user_file", name, expected=limit, seen=f"{size} bytes")
        body = path.read_bytes()
    except OSError as error:
        raise SourceUnavailable("user_file", name, f"cannot be read: {error.strerror}") from error
    return Payload(
        source="user_file",
        name=name,
        url=f"file:user_files/{name}",
        body=body,
        sha256=sha256_of(body),
        fetched_at=clock(),
        meta=meta,
    )


def user_lines(payload: Payload, required: Sequence[str], optional: Sequence[str]) -> pl.DataFrame:
    """Return column `line` (its number in the file) and the named columns as texts, "" where one was left out.

    The header has all of `required` in this order, then any of `optional` in theirs.
    """
    expected = f"a header {','.join(required)}{''.join(f'[,{name}]' for name in optional)}"
    refuse_oversize(payload, oversize_of_text)
    texts = text_of(payload, expected).splitlines()  # written by hand: the last line may have no end
    header = [name.strip().lower() for name in texts[0].split(",")] if texts else []
    given = [name for name in optional if name in header]
    if header != [*required, *given]:
        raise changed(payload, expected, quoted(texts[0] if texts else ""))
    table = pl.DataFrame({"line": range(2, len(texts) + 1), "text": pl.Series(texts[1:], dtype=pl.String)})
    table = table.filter(pl.col("text").str.strip_chars() != "").unique("text", keep="first", maintain_order=True)
    if table.is_empty():
        raise changed(payload, "at least one line of values", "a header alone")
    refuse_first(
        payload, table, table["text"].str.count_matches(",", literal=True) != len(header) - 1, f"{len(header)} cells"
    )
    cells = table["text"].str.split_exact(",", len(header) - 1).struct.rename_fields(header).struct.unnest()
    absent = [pl.lit("").alias(name) for name in optional if name not in given]
    return table.hstack(cells.with_columns(pl.all().str.strip_chars())).with_columns(absent)


def user_dates(payload: Payload, lines: pl.DataFrame, column: str) -> pl.Series:
    """Return a column of YYYY-MM-DD."""
    cells = lines[column]
    dates = cells.str.to_date("%Y-%m-%d", strict=False)
    is_bad = dates.is_null() | ~cells.str.contains(r"^\d{4}-\d{2}-\d{2}$")
    refuse_first(payload, lines, is_bad, "a date as YYYY-MM-DD", column)
    return dates


def user_numbers(payload: Payload, lines: pl.DataFrame, column: str) -> pl.Series:
    """Return a column of numbers; nothing or a dot is a gap."""
    cells = lines[column]
    numbers = cells.cast(pl.Float64, strict=False)
    is_bad = (numbers.is_null() | ~numbers.is_finite()).fill_null(True) & ~cells.is_in(list(_GAPS))
    refuse_first(payload, lines, is_bad, f"a number, nothing or a dot as {column}", column)
    return numbers


def user_moments(payload: Payload, lines: pl.DataFrame) -> pl.Series:
    """Return known_at as naive UTC, NULL where it is empty: New York time where it names no zone.

    A bare day counts as known at its end: never earlier than the user meant.
    """
    moments: list[datetime | None] = []
    for number, text in zip(lines["line"], lines["known_at"], strict=True):
        try:
            moments.append(_moment(text) if text else None)
        except (ValueError, OverflowError):  # the year 9999 ends in 10000 somewhere
            raise changed(payload, f"a moment in ISO 8601 as known_at in line {number}", quoted(text)) from None
    return pl.Series("stated_at", moments, dtype=pl.Datetime("us"))


def _moment(text: str) -> datetime:
    try:
        day = date.fromisoformat(text)  # 20260131 and 2026-W05-6 are days too
    except ValueError:
        moment = datetime.fromisoformat(text)
    else:
        moment = datetime.combine(day, _END_OF_DAY)
    return naive_utc(moment if moment.tzinfo else moment.replace(tzinfo=NEW_YORK))


def refuse_foreknown(payload: Payload, lines: pl.DataFrame, days: pl.Series, stated: pl.Series) -> None:
    """Raise SourceChanged for a moment before its own date: nobody knew that day's figure then."""
    is_bad = (stated.dt.date() < days).fill_null(False)  # in New York the day begins later than in UTC
    refuse_first(payload, lines, is_bad, "a known_at that is not before the date", "known_at")


def refuse_early_moments(
    payload: Payload, lines: pl.DataFrame, days: pl.Series, stated: pl.Series, series: Series, release: ReleaseRule
) -> None:
    """Raise SourceChanged for a known_at before the end of its period: nobody knew the figure of a whole month then.

    Where the release rule itself lies before the end (a survey of mid-month, a rate announced ahead), the bound is the
    day on which the period begins, or that of the release where that is earlier.
    """
    ends = pl.Series("end", [period_end(series.frequency, day) for day in days], dtype=pl.Date)
    released = release.released_at(days).dt.date()
    bound = pl.select(pl.when(released >= ends).then(ends).otherwise(pl.min_horizontal(days, released))).to_series()
    known = stated.dt.replace_time_zone("UTC").dt.convert_time_zone(NEW_YORK.key).dt.date()
    is_bad = (known < bound).fill_null(False)
    bound_is = f"the {series.frequency} period's end" if series.frequency in MONTHS else "the date"
    refuse_first(payload, lines, is_bad, f"a known_at that is not before {bound_is}", "known_at")


def refuse_strange_periods(payload: Payload, lines: pl.DataFrame, days: pl.Series, frequency: Frequency) -> None:
    """Raise SourceChanged for a date that cannot date a period: a month is dated on its first day."""
    is_bad = pl.Series([not is_period(frequency, day) for day in days], dtype=pl.Boolean)
    refuse_first(payload, lines, is_bad, f"{DATED_BY.get(frequency)} as the date of a {frequency} value", "date")


def vendor_of(payload: Payload, lines: pl.DataFrame) -> str:
    """Return the one vendor of the file, "" where it names none; SourceChanged for two: they define one name apart."""
    first = str(lines["vendor"][0])
    expected = f"the vendor {first} in every line, also" if first else "no vendor in any line, also"
    refuse_first(payload, lines, lines["vendor"] != first, expected, "vendor")
    return first


def refuse_doubled_days(
    payload: Payload, lines: pl.DataFrame, days: pl.Series, stated: pl.Series, scopes: pl.Series | None = None
) -> None:
    """Raise SourceChanged for a date that stands twice without different moments: nobody knows which row counts.

    With `scopes` each of them has dates of its own.
    """
    table = pl.DataFrame({"line": lines["line"], "date": days, "stated": stated})
    table = table.with_columns(pl.lit("").alias("scope") if scopes is None else scopes.alias("scope"))
    key = ("date", "scope")
    doubled = (pl.len().over(key) > 1) & pl.col("stated").is_null().any().over(key)
    doubled = doubled | (pl.len().over(*key, "stated") > 1)
    bad = table.filter(doubled & (pl.col("line") != pl.col("line").min().over(key)))
    if not bad.is_empty():
        line, on, scope = bad.select("line", "date", "scope").row(0)
        named = f"{on} of {scope}" if scope else f"{on}"
        raise changed(payload, f"{named} once, or each time with its own known_at", f"it again in line {line}")


def refuse_first(payload: Payload, lines: pl.DataFrame, is_bad: pl.Series, expected: str, column: str = "text") -> None:
    """Raise SourceChanged for the first bad line, with its number and the cell of `column`."""
    if is_bad.any():
        first = lines.filter(is_bad).row(0, named=True)
        raise changed(payload, f"{expected} in line {first['line']}", quoted(first[column]))
