"""WARN Feed: notices of mass layoffs that US states publish, gathered by one project, counted here by month.

Where   https://github.com/APVentureEngine/warn-act-notices/releases/latest/download/warn_notices.csv (keyless; GitHub
        redirects to the file of the newest release). CC BY 4.0: credit "WARN Feed". One maintainer: it may vanish, so
        every answer stays in the archive
Grain   one row per month, of the notices dated in it; a notice without a notice date counts by its effective date and
        is counted as such. Months count once they are over and had ten days for late notices; later ones are vintages
Units   notices, workers, states; an empty headcount is unknown, not zero. Coverage grew with time: states are counted
Breaks  SourceChanged on a header without the columns read here, dates that are not YYYY-MM-DD, text for a headcount, a
        state that is no two letters, an id that stands for two notices, a cut file
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping
from typing import Final

import polars as pl

from ingest.batch import Window
from ingest.clock import naive_utc
from ingest.connector import FetchContext
from ingest.dataset import dataset
from ingest.errors import SourceError
from ingest.payload import Payload
from ingest.readers.fund_days import no_panel_rows, panel_rows
from ingest.readers.limits import oversize_of_text
from ingest.readers.parsing import changed, dates_of, numbers_of, quoted, refuse_cut, refuse_oversize, text_of

URL: Final = "https://github.com/APVentureEngine/warn-act-notices/releases/latest/download/warn_notices.csv"
MOST_WORKERS: Final = 100_000
"""Of one notice; the largest on record are a third of it."""
TABLE: Final = "warn_feed.months"
READ: Final = ("id", "state", "employees_affected", "notice_date", "effective_date")
"""The columns that are read; the file has more, and gained some."""

_STATE: Final = re.compile(r"[A-Z]{2}")
_EXPECTED: Final = f"CSV with the columns {', '.join(READ)}"


def fetch(context: FetchContext) -> Iterator[Payload | SourceError]:
    """Yield the file of all notices."""
    yield context.http.get("warn_feed", "WARN notices", URL)


def parse(payload: Payload) -> dict[str, pl.DataFrame]:
    """Return one row for each month that was over, ten days before the file was read."""
    notices = _notices(payload)
    headcounts = numbers_of(payload, notices, "employees_affected", ("",))
    if strange := [one for one in headcounts.drop_nulls().to_list() if not 0 <= one <= MOST_WORKERS]:
        raise changed(payload, f"employees_affected between 0 and {MOST_WORKERS:,}", f"{strange[0]:g}")
    noticed = dates_of(payload, notices.filter(pl.col("notice_date") != ""), "notice_date", "%Y-%m-%d")
    effective = dates_of(payload, notices.filter(pl.col("effective_date") != ""), "effective_date", "%Y-%m-%d")
    if noticed.is_empty() and effective.is_empty():
        raise changed(payload, "at least one dated notice", "none")
    dated = notices.select(
        "state",
        headcounts.alias("workers"),
        _first("notice_date").alias("noticed"),
        _first("effective_date").alias("effective"),
    ).with_columns(pl.coalesce("noticed", "effective").alias("month"))
    by_notice = dated.group_by("month").agg(
        pl.len().alias("notices_count"),
        pl.col("workers").count().alias("notices_with_headcount_count"),
        _summed("workers").alias("workers_affected_count"),
        pl.col("state").n_unique().alias("states_reporting_count"),
        pl.col("noticed").is_null().sum().alias("dated_by_effective_count"),
    )
    by_effect = dated.group_by(pl.col("effective").alias("month")).agg(
        pl.len().alias("notices_effective_month_count"), _summed("workers").alias("workers_effective_month_count")
    )
    months = by_notice.drop_nulls("month").join(by_effect, on="month", how="left").sort("month")
    released = dataset(TABLE).own_release.released_at(months["month"])
    months = months.filter(released <= naive_utc(payload.fetched_at))
    months = months.with_columns(pl.col("notices_effective_month_count").fill_null(0))
    if months.is_empty():
        return {TABLE: no_panel_rows(TABLE)}
    counts = {name: months[name].cast(pl.Int64) for name in dataset(TABLE).value_names}
    return {TABLE: panel_rows(payload, TABLE, {"month_date": months["month"], **counts})}


def windows(payload: Payload, rows: Mapping[str, pl.DataFrame]) -> list[Window]:
    """Return the months of the file: how far back it goes is the project's to say."""
    months = rows[TABLE]["month_date"]
    return [Window("", months.min(), table_id=TABLE)] if len(months) else []  # type: ignore[arg-type]  # a date


def _notices(payload: Payload) -> pl.DataFrame:
    """Return the columns that are read, as texts, one row per notice."""
    refuse_oversize(payload, oversize_of_text)
    text = text_of(payload, _EXPECTED)
    refuse_cut(payload, text, text[-80:])
    lines = _cells(payload, text)
    header = next(lines)[1]
    if missing := [name for name in READ if header.count(name) != 1]:
        raise changed(payload, _EXPECTED, f"no {', '.join(missing)} in {quoted(','.join(header))}")
    at = [header.index(name) for name in READ]
    found: dict[str, tuple[str, ...]] = {}
    for number, cells in lines:
        if len(cells) != len(header):
            raise changed(payload, f"{len(header)} cells in line {number}", str(len(cells)))
        notice = tuple(cells[place].strip() for place in at)
        if _STATE.fullmatch(notice[1]) is None:
            raise changed(payload, f"a state of two letters in line {number}", quoted(notice[1]))
        if found.setdefault(notice[0], notice) != notice:
            raise changed(payload, f"one notice for the id {notice[0]}", f"another in line {number}")
    if not found:
        raise changed(payload, "at least one notice", "a header alone")
    return pl.DataFrame(list(found.values()), schema=dict.fromkeys(READ, pl.String), orient="row")


def _cells(payload: Payload, text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the cells of each line that has any, with its number; quoted cells may go over several lines."""
    lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        for cells in lines:
            if cells:
                yield lines.line_num, cells
    except csv.Error as error:
        raise changed(payload, _EXPECTED, f"line {lines.line_num}: {error}") from None


def _summed(column: str) -> pl.Expr:
    """Return the sum of what is known, NULL where nothing is."""
    return pl.when(pl.col(column).count() > 0).then(pl.col(column).sum())


def _first(column: str) -> pl.Expr:
    """Return the first day of the month of a column of dates."""
    return pl.col(column).str.to_date("%Y-%m-%d", strict=False).dt.month_start()
