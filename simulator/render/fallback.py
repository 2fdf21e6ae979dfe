"""What is served of a publisher that no renderer stands in for: its made-up sample, or a CSV of what it declares.

The sample is the file `sample.*` of its folder, in the publisher's own format, served as recorded for its first table
or its series; `<table>.sample.*` for another one that the address names. Without one the answer is a CSV: series by
their codes beside the column `date`, a table by its column names, with values in their declared range and identities
that hold. Beside real figures nothing is made up: the address is not there.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any
from zlib import crc32

import numpy as np
import polars as pl

from ingest.dataset import Column, Dataset, dataset
from ingest.registry import Publisher
from simulator.render.view import Request, Response, View, not_found, printed

_TYPES = {".csv": "text/csv", ".json": "application/json", ".xml": "application/xml", ".txt": "text/plain"}
_GROUPS = ("A", "B", "C")
_DAYS_BACK = 730
_EVERY_DAYS = 7


def renderer(publisher: Publisher) -> Callable[[View, Request], Response]:
    """Return what answers for the hosts of `publisher`."""

    def render(view: View, request: Request) -> Response:
        if not view.market.is_simulated:
            return not_found()
        tables = [dataset(f"{publisher.name}.{name}") for name in publisher.tables]
        named = next((one for one in tables if one.name in request.path), tables[0] if tables else None)
        pattern = "sample.*" if named is None or named == tables[0] else f"{named.name}.sample.*"
        sample = next(iter(sorted(publisher.folder.glob(pattern))), None)
        if sample is not None:
            return Response(sample.read_bytes(), _TYPES.get(sample.suffix, "application/octet-stream"))
        return _series(view, publisher.name) if named is None else _table(named, view.now.date())

    return render


def _table(table: Dataset, today: date) -> Response:
    names = [*table.key_names, *table.value_names]
    rows = pl.DataFrame(list(_drawn(table, today)), schema=names, orient="row")
    for entry in table.expect:
        computed, _, right = str(entry.get("identity", "")).partition("=")
        if right.strip() in table.value_names:
            rows = rows.with_columns(pl.sql_expr(computed).round(6).alias(right.strip()))
    return Response(rows.write_csv().encode(), "text/csv")


def _series(view: View, source: str) -> Response:
    """Return a row per day and a column per code."""
    pairs = view.pairs(source)
    if not pairs:
        return not_found()
    cells: dict[date, dict[str, str]] = {}
    for code, (series, provider) in pairs.items():
        frame = view.published(series, source)
        for day, text in zip(
            frame["period_date"], printed(frame["value"], series, provider, scale=view.scale), strict=True
        ):
            cells.setdefault(day, {})[code] = text
    rows = ([day, *(cells[day].get(code, "") for code in pairs)] for day in sorted(cells))
    return _csv(["date", *pairs], rows)


def _drawn(table: Dataset, today: date) -> Iterator[list[Any]]:
    """Yield made-up rows of a table: each week of two years, for each of a few groups."""
    newest = today - timedelta(days=today.weekday() + 3)  # a Friday
    periods = [newest - timedelta(days=back) for back in range(0, _DAYS_BACK, _EVERY_DAYS)]
    groups = table.simulate.get("groups", _GROUPS)
    for period in reversed(periods):
        for group in groups if any(key.name != table.period for key in table.keys) else ("",):
            yield [
                *(period if key.name == table.period else _key(key, group) for key in table.keys),
                *(_value(column, f"{table.id} {group} {period} {column.name}") for column in table.values),
            ]


def _key(key: Column, group: str) -> Any:
    return group if key.dtype == pl.String() else 1


def _value(column: Column, place: str) -> Any:
    """Return a value inside the declared range, the same for one place at all times."""
    if column.dtype == pl.String():
        return column.name
    if column.dtype == pl.Boolean():
        return "true"
    least = column.minimum if column.minimum is not None else 0.0
    most = column.maximum if column.maximum is not None else least + 100.0
    drawn = np.random.default_rng(crc32(place.encode())).normal(0.5, 0.02)
    value = least + (most - least) * float(np.clip(drawn, 0.1, 0.9))
    return round(value) if column.dtype == pl.Int64() else round(value, 2)


def _csv(header: list[str], rows: Iterator[list[Any]]) -> Response:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return Response(text.getvalue().encode(), "text/csv")
