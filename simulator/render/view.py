"""What a renderer sees: the market at one moment, and the request it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache, cached_property
from typing import TypeVar, cast
from urllib.parse import parse_qs

import numpy as np
import numpy.typing as npt
import polars as pl

from ingest.catalog.models import Provider, Series, SourceName
from simulator.market import Market

Made = TypeVar("Made")
Span = tuple[str, str]
"""The first and the last day of a question, as it writes them."""


@dataclass(frozen=True)
class Request:
    """One request, with the publisher's host taken off the path. Header names are lower case."""

    host: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @cached_property
    def params(self) -> dict[str, str]:
        """Return the query's parameters; where one stands twice, the last."""
        return {name: values[-1] for name, values in parse_qs(self.query, keep_blank_values=True).items()}

    @property
    def target(self) -> str:
        """Return host, path and query as one line."""
        return f"{self.host}{self.path}?{self.query}" if self.query else f"{self.host}{self.path}"


@dataclass(frozen=True)
class Response:
    """One answer: bytes as the publisher sends them."""

    body: bytes
    content_type: str = "text/html; charset=utf-8"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class View:
    """The market at `now` (aware), as one publisher shows it.

    `since` cuts the history before a day; `scale` multiplies values, and a publisher that states its unit then
    states another one (`is_rescaled`). Both are faults: 1.0 and None otherwise.
    """

    market: Market
    now: datetime
    since: date | None = None
    scale: float = 1.0

    @property
    def is_rescaled(self) -> bool:
        """Say whether the publisher states another unit than it did."""
        return self.scale != 1.0

    def pairs(self, source: SourceName) -> Mapping[str, tuple[Series, Provider]]:
        """Return the catalog's series of one publisher by the publisher's code."""
        return self.market.pairs(source)

    def published(self, series: Series, source: SourceName) -> pl.DataFrame:
        """Return (period_date, value) in the publisher's unit, oldest first."""
        return self.in_unit(self.market.known(series.id, source, self.now), series, source)

    def values(self, series_id: str, source: SourceName) -> pl.DataFrame:
        """Return the same for a series named by its id."""
        return self.published(self.market.catalog.by_id(series_id), source)

    def in_unit(self, frame: pl.DataFrame, series: Series, source: SourceName) -> pl.DataFrame:
        """Turn values of the mart into the publisher's unit, and cut what a fault hides."""
        factor = self.market.catalog.factor(series.provider(source).unit, series.unit)
        values = (frame["value"] / factor * self.scale).round(9)
        frame = pl.DataFrame([values if column.name == "value" else column for column in frame.get_columns()])
        return frame if self.since is None else frame.filter(pl.col("period_date") >= self.since)

    def remember(
        self,
        name: str,
        series_ids: Sequence[str],
        source: SourceName,
        make: Callable[[], Made],
        *,
        extra: object = None,
    ) -> Made:
        """Return what `make` gives, made once for as long as none of the series has a new print."""
        counts = tuple(self.market.state(series_id, source, self.now) for series_id in series_ids)
        key = (name, source, counts, self.since, self.scale, extra)
        return cast(Made, self.market.remember(key, make))


_DECIMALS = {
    "JPY": 2,
    "%": 3,
    "USD": 2,
    "Index Jan 2006=100": 4,
    "Billions of US Dollars": 3,
    "Billions of U.S. Dollars": 0,
    "Millions of U.S. Dollars": 0,
    "Currency USD x 1000000": 0,
    "$1,000,000": 0,
    "Contracts": 0,
    "Millions of dollars": 0,
    "Number": 0,
    "Persons": 0,
    "Thousands of Persons": 0,
    "Level in Thousands": 0,
    "Rate": 1,
    "Millions of Euros": 0,
    "100 Million Yen": 0,
    "Billions of Dollars": 3,
    "U.S. Dollars to One Euro": 4,
    "Chinese Yuan Renminbi to One U.S. Dollar": 4,
}
_DECIMALS_OF = {
    "nfci": 5,
    "fed_funds_target": 4,
    "stlfsi": 4,
    "ofr_fsi": 3,
    "unrate": 1,
    "term_premium_10y": 4,
}


def printed(values: pl.Series, series: Series, provider: Provider, *, scale: float = 1.0) -> list[str]:
    """Return values with the decimals the publisher prints; none are cut where a fault rescaled them."""
    decimals = series.simulate.get("decimals", _DECIMALS_OF.get(series.id, _DECIMALS.get(provider.unit, 2)))
    if scale != 1.0:
        return [repr(value) for value in values.to_list()]
    pattern = f"%.{decimals}f"
    return [pattern % value for value in values.to_list()]


@cache
def written(day: date, pattern: str) -> str:
    """Return a day in a publisher's way, as strftime has it. Histories of many funds have the same days."""
    return f"{day:{pattern}}"


def within(days: pl.DataFrame, span: Span) -> pl.DataFrame:
    """Cut rows to the days (`period_date`) that a question spans, by their texts: whatever it compares them with."""
    first, last = span
    return days.filter(pl.col("period_date").cast(pl.String).is_between(pl.lit(first), pl.lit(last)))


def on_days(days: npt.NDArray[np.datetime64], frame: pl.DataFrame) -> npt.NDArray[np.float64]:
    """Return for each day the value that `frame` (period_date, value; oldest first) has for it, NaN where none."""
    found, values = frame["period_date"].to_numpy(), frame["value"].to_numpy()
    if np.array_equal(days, found):
        return values
    at = np.searchsorted(found, days)
    is_there = at < len(found)
    is_there[is_there] = found[at[is_there]] == days[is_there]
    placed = np.full(len(days), np.nan)
    placed[is_there] = values[at[is_there]]
    return placed


def not_found() -> Response:
    """Return the web server's own page for an address that does not exist."""
    page = "<!DOCTYPE html>\n<html><head><title>404 Not Found</title></head><body><h1>Not Found</h1></body></html>\n"
    return Response(page.encode(), status=404)
