"""User files: a series the user brings, for example ICE history from before FRED cut it.

Where   <home>/user_files/<series_id>.csv with the columns date,value[,known_at][,vendor]; a series that the catalog
        tells apart by scope is read by user_scoped
Grain   one row per date, or per date and known_at where the file tells when each value became known
Units   the unit of the series in the marts (catalog); an empty value or "." is a gap. Dates are YYYY-MM-DD;
        known_at is ISO 8601, New York time where it names no zone, and the end of the day where it names no hour
Breaks  SourceChanged naming file and line; a file whose name is no series id is named with the ids nearest to it; a
        known_at before the end of its period, two vendors in one file
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from ingest.batch import Window
from ingest.connector import FetchContext, Pair
from ingest.errors import SourceChanged, SourceError
from ingest.home import Home
from ingest.payload import Payload
from ingest.readers.parsing import rows_of, windows_of
from ingest.sources.user_file.user_csv import (
    EARNINGS_FILE,
    refuse_doubled_days,
    refuse_early_moments,
    refuse_strange_periods,
    user_dates,
    user_lines,
    user_moments,
    user_numbers,
    user_payload,
    vendor_of,
)


def fetch(context: FetchContext) -> Iterator[Payload | SourceError]:
    """Yield each file of a series in the catalog, and an error for each file that belongs to none."""
    folder = Home(context.settings.home).user_files
    files = sorted(path for path in folder.glob("*") if path.is_file() and not path.name.startswith("."))
    known = {series.id for series, _ in context.pairs}
    scoped = {series.id for series, _ in context.pairs if series.scope is not None}
    for done, path in enumerate(files):
        context.progress(path.name, done, len(files))
        if path.name == EARNINGS_FILE:
            continue  # user_earnings reads it
        if path.suffix != ".csv" or path.stem not in known:
            yield _stranger(path, known)
            continue
        if path.stem in scoped:
            continue  # user_scoped reads it
        try:
            yield context.http.keep(user_payload(path, path.name, context.clock, {"series": path.stem}))
        except SourceError as error:
            yield error


def _stranger(path: Path, known: set[str]) -> SourceChanged:
    near = difflib.get_close_matches(path.stem, sorted(known), n=3, cutoff=0.4)
    hint = f" (nearest: {', '.join(near)})" if near else ""
    return SourceChanged(
        "user_file", path.name, expected=f"a name like <series_id>.csv{hint}", seen="no id of the catalog"
    )


def parse(payload: Payload, pairs: Sequence[Pair]) -> pl.DataFrame:
    """Return the rows of the file, in the mart's unit; `stated_at` where it has a known_at."""
    pair = next(pair for pair in pairs if pair[0].id == payload.meta["series"])
    lines = user_lines(payload, ("date", "value"), ("known_at", "vendor"))
    dates = user_dates(payload, lines, "date")
    refuse_strange_periods(payload, lines, dates, pair[0].frequency)
    values = user_numbers(payload, lines, "value")
    stated = user_moments(payload, lines)
    refuse_doubled_days(payload, lines, dates, stated)
    refuse_early_moments(payload, lines, dates, stated, pair[0], pair[1].release)
    vendor = vendor_of(payload, lines)
    order = pl.DataFrame({"period_date": dates, "stated_at": stated}).sort("period_date", maintain_order=True)
    rows = rows_of(payload, pair, dates, values)
    code = pl.lit(vendor or pair[1].code).alias("code")
    return rows.with_columns(code, order["stated_at"].alias("stated_at"))


def windows(payload: Payload, rows: pl.DataFrame) -> list[Window]:
    """Return the whole history: the file is all the user gives."""
    return windows_of(payload, None)
