"""User files: a series the user brings, for example ICE history from before FRED cut it.

Where   <home>/user_files/<series_id>.csv with the columns date,value[,known_at]
Grain   one row per date, or per date and known_at where the file tells when each value became known
Units   the unit of the series in the marts (catalog); an empty value or "." is a gap. Dates are YYYY-MM-DD;
        known_at is ISO 8601, New York time where it names no zone, and the end of the day where it names no hour
Breaks  SourceChanged naming file and line; a file whose name is no series id is named with the ids nearest to it
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time
from pathlib import Path
from typing import Final

import polars as pl

from ingest.archive import sha256_of
from ingest.clock import NEW_YORK, naive_utc
from ingest.errors import SourceChanged, SourceError, SourceUnavailable
from ingest.home import Home
from ingest.kit import FetchContext, Pair, Payload, Window
from ingest.parsing import changed, quoted, rows_of, text_of, windows_of

MAX_FILE_BYTES: Final = 64 * 1024 * 1024

_HEADERS: Final = (["date", "value"], ["date", "value", "known_at"])
_GAPS: Final = ("", ".")
_END_OF_DAY = time(23, 59, 59)


def fetch(context: FetchContext) -> Iterator[Payload | SourceError]:
    """Yield each file of a series in the catalog, and an error for each file that belongs to none."""
    folder = Home(context.settings.home).user_files
    files = sorted(path for path in folder.glob("*") if path.is_file() and not path.name.startswith("."))
    known = {series.id for series, _ in context.pairs}
    for done, path in enumerate(files):
        context.progress(path.name, done, len(files))
        if path.suffix != ".csv" or path.stem not in known:
            yield _stranger(path, known)
            continue
        try:
            yield _payload(context, path)
        except SourceError as error:
            yield error


def _payload(context: FetchContext, path: Path) -> Payload:
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            limit = f"a file of at most {MAX_FILE_BYTES // 1024**2} MiB"
            raise SourceChanged("user_file", path.name, expected=limit, seen=f"{size} bytes")
        body = path.read_bytes()
    except OSError as error:
        raise SourceUnavailable("user_file", path.name, f"cannot be read: {error.strerror}") from error
    return context.http.keep(
        Payload(
            source="user_file",
            name=path.name,
            url=f"file:user_files/{path.name}",
            body=body,
            sha256=sha256_of(body),
            fetched_at=context.clock(),
            meta={"series": path.stem},
        )
    )


def _stranger(path: Path, known: set[str]) -> SourceChanged:
    near = difflib.get_close_matches(path.stem, sorted(known), n=3, cutoff=0.4)
    hint = f" (nearest: {', '.join(near)})" if near else ""
    return SourceChanged(
        "user_file", path.name, expected=f"a name like <series_id>.csv{hint}", seen="no id of the catalog"
    )


def parse(payload: Payload, pairs: Sequence[Pair]) -> pl.DataFrame:
    """Return the rows of the file, in the mart's unit; `stated_at` where it has a known_at."""
    pair = next(pair for pair in pairs if pair[0].id == payload.meta["series"])
    lines = _lines(payload)
    dates = _dates(payload, lines)
    values = _values(payload, lines)
    stated = _stated(payload, lines)
    _refuse_doubles(payload, lines, dates, stated)
    order = pl.DataFrame({"period_date": dates, "stated_at": stated}).sort("period_date", maintain_order=True)
    rows = rows_of(payload, pair, dates, values)
    return rows.with_columns(order["stated_at"].alias("stated_at"))


def windows(payload: Payload, rows: pl.DataFrame) -> list[Window]:
    """Return the whole history: the file is all the user gives."""
    return windows_of(payload, None)


def _lines(payload: Payload) -> pl.DataFrame:
    """Return columns line (its number in the file), date, value and known_at (NULL without the column) as texts."""
    expected = "a header date,value or date,value,known_at"
    texts = text_of(payload, expected).splitlines()
    header = [name.strip().lower() for name in texts[0].split(",")] if texts else []
    if header not in _HEADERS:
        raise changed(payload, expected, quoted(texts[0] if texts else ""))
    table = pl.DataFrame({"line": range(2, len(texts) + 1), "text": pl.Series(texts[1:], dtype=pl.String)})
    table = table.filter(pl.col("text").str.strip_chars() != "")
    if table.is_empty():
        raise changed(payload, "at least one line of values", "a header alone")
    _refuse_first(
        payload, table, table["text"].str.count_matches(",", literal=True) != len(header) - 1,
        f"{len(header)} cells",
    )  # fmt: skip
    cells = table["text"].str.split_exact(",", len(header) - 1).struct.rename_fields(header).struct.unnest()
    table = table.hstack(cells.with_columns(pl.all().str.strip_chars()))
    return table if "known_at" in header else table.with_columns(pl.lit("").alias("known_at"))


def _dates(payload: Payload, lines: pl.DataFrame) -> pl.Series:
    cells = lines["date"]
    dates = cells.str.to_date("%Y-%m-%d", strict=False)
    is_bad = dates.is_null() | ~cells.str.contains(r"^\d{4}-\d{2}-\d{2}$")
    _refuse_first(payload, lines, is_bad, "a date as YYYY-MM-DD", "date")
    return dates


def _values(payload: Payload, lines: pl.DataFrame) -> pl.Series:
    cells = lines["value"]
    values = cells.cast(pl.Float64, strict=False)
    is_bad = (values.is_null() | ~values.is_finite()).fill_null(True) & ~cells.is_in(list(_GAPS))
    _refuse_first(payload, lines, is_bad, "a number, nothing or a dot", "value")
    return values


def _stated(payload: Payload, lines: pl.DataFrame) -> pl.Series:
    moments: list[datetime | None] = []
    for number, text in zip(lines["line"], lines["known_at"], strict=True):
        try:
            moments.append(_moment(text) if text else None)
        except ValueError:
            expected = f"a moment in ISO 8601 as known_at in line {number}"
            raise changed(payload, expected, quoted(text)) from None
    return pl.Series("stated_at", moments, dtype=pl.Datetime("us"))


def _moment(text: str) -> datetime:
    """Return naive UTC. A bare day counts as known at its end: never earlier than the user meant."""
    if len(text) == len("2026-01-31"):
        return naive_utc(datetime.combine(date.fromisoformat(text), _END_OF_DAY, NEW_YORK))
    moment = datetime.fromisoformat(text)
    return naive_utc(moment if moment.tzinfo else moment.replace(tzinfo=NEW_YORK))


def _refuse_doubles(payload: Payload, lines: pl.DataFrame, dates: pl.Series, stated: pl.Series) -> None:
    """A date may stand twice only with different moments, all of them stated: else nobody knows which one counts."""
    table = pl.DataFrame({"line": lines["line"], "date": dates, "stated": stated})
    doubled = (pl.len().over("date") > 1) & pl.col("stated").is_null().any().over("date")
    doubled = doubled | (pl.len().over("date", "stated") > 1)
    bad = table.filter(doubled & (pl.col("line") != pl.col("line").min().over("date")))
    if not bad.is_empty():
        line, day = bad["line"][0], bad["date"][0]
        raise changed(payload, f"{day} once, or each time with its own known_at", f"it again in line {line}")


def _refuse_first(
    payload: Payload, lines: pl.DataFrame, is_bad: pl.Series, expected: str, column: str = "text"
) -> None:
    if is_bad.any():
        first = lines.filter(is_bad).row(0, named=True)
        raise changed(payload, f"{expected} in line {first['line']}", quoted(first[column]))
