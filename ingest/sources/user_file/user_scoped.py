"""User files of series with several values a period: bankruptcies by sector, flows by kind of client.

Where   <home>/user_files/<series_id>.csv with date,value[,known_at],scope[,vendor], of series whose catalog entry says
        what `scope` is
Grain   one row per date and scope, or per date, scope and known_at where the file tells when each became known
Units   as user_file; without known_at a value counts as known by the table's rule, which is late for every series
Breaks  SourceChanged naming file and line: as user_file, a line without scope, a value outside the plausible range
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import polars as pl

from ingest.batch import Window
from ingest.catalog import load_catalog
from ingest.connector import FetchContext
from ingest.errors import SourceError
from ingest.home import Home
from ingest.payload import Payload
from ingest.readers.fund_days import panel_rows
from ingest.sources.user_file.user_csv import (
    refuse_doubled_days,
    refuse_early_moments,
    refuse_first,
    refuse_strange_periods,
    user_dates,
    user_lines,
    user_moments,
    user_numbers,
    user_payload,
    vendor_of,
)

TABLE: Final = "user_file.scoped_values"


def fetch(context: FetchContext) -> Iterator[Payload | SourceError]:
    """Yield the file of each series with scopes that has one."""
    folder = Home(context.settings.home).user_files
    for series in load_catalog().series:
        path = folder / f"{series.id}.csv"
        if series.scope is None or not path.is_file():
            continue
        try:
            yield context.http.keep(user_payload(path, path.name, context.clock, {"series": series.id}))
        except SourceError as error:
            yield error


def parse(payload: Payload) -> dict[str, pl.DataFrame]:
    """Return the rows of the file, in the mart's unit; `stated_at` where it has a known_at."""
    series = load_catalog().by_id(payload.meta["series"])
    lines = user_lines(payload, ("date", "value"), ("known_at", "scope", "vendor"))
    refuse_first(payload, lines, lines["scope"] == "", "a scope", "scope")
    days = user_dates(payload, lines, "date")
    refuse_strange_periods(payload, lines, days, series.frequency)
    values = user_numbers(payload, lines, "value")
    limits = series.plausible
    outside = ((values < limits.min) | (values > limits.max)).fill_null(False)
    refuse_first(payload, lines, outside, f"{series.unit} between {limits.min:g} and {limits.max:g}", "value")
    stated = user_moments(payload, lines)
    refuse_doubled_days(payload, lines, days, stated, lines["scope"])
    refuse_early_moments(payload, lines, days, stated, series, series.providers[0].release)
    rows = panel_rows(
        payload,
        TABLE,
        {
            "series_id": series.id,
            "period_date": days,
            "scope": lines["scope"],
            "value": values,
            "vendor": vendor_of(payload, lines) or None,
            "stated_at": stated,
        },
    )
    return {TABLE: rows.sort("period_date", "scope", maintain_order=True)}


def windows(payload: Payload, rows: Mapping[str, pl.DataFrame]) -> list[Window]:
    """Return the whole history of the series: the file is all the user gives."""
    return [Window(payload.meta["series"], None, None, table_id=TABLE)]
