"""The market a stand-in renders: what every publisher will ever print, and the moment from which it can be read."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from ingest.catalog import load_catalog
from ingest.catalog.models import Catalog, SourceName
from ingest.clock import naive_utc
from simulator.panel import Panel

MARKET_SCHEMA: Final[Mapping[str, pl.DataType]] = MappingProxyType(
    {
        "series_id": pl.String(),
        "source": pl.String(),  # the one publisher that prints this value; NULL: all of them
        "period_date": pl.Date(),
        "value": pl.Float64(),  # in the unit of the mart, at the publisher's printed precision
        "revised_at": pl.Datetime("us"),  # naive UTC; NULL: the first print, released by the catalog's rule
        "delay": pl.Duration("us"),  # how much later than its rule the first print comes; NULL: on time
    }
)
LATENT_SCHEMA: Final[Mapping[str, pl.DataType]] = MappingProxyType({"session_date": pl.Date(), "regime": pl.String()})

_KNOWN_SCHEMA = {"period_date": pl.Date(), "value": pl.Float64()}
_REMEMBERED = 128
_VINTAGE_SCHEMA = {**_KNOWN_SCHEMA, "known_at": pl.Datetime("us")}


@dataclass(frozen=True, slots=True)
class _Prints:
    """All prints of one series by one publisher, ordered by period and then by the moment they can be read."""

    frame: pl.DataFrame  # period_date, value, known_at
    known_at: npt.NDArray[np.int64]  # microseconds of known_at, in the order of `frame`
    in_time: npt.NDArray[np.int64]  # the same, sorted
    is_revised: bool


class Market:
    """Series by publisher, each print with the moment from which it can be read.

    `rows` has MARKET_SCHEMA. Rows that name a source replace the general ones for that source. `latent` has
    LATENT_SCHEMA: the regime that drove each session, known for simulated markets only. `panel` is the cross-section
    of stocks and funds, empty where there is none. `recorded` has answers as they were recorded, by host and path.
    """

    def __init__(
        self,
        rows: pl.DataFrame,
        *,
        latent: pl.DataFrame | None = None,
        panel: Panel | None = None,
        recorded: Mapping[str, bytes] | None = None,
    ) -> None:
        self.rows = rows.select(pl.col(name).cast(kind) for name, kind in MARKET_SCHEMA.items())
        self.latent = latent if latent is not None else pl.DataFrame(schema=dict(LATENT_SCHEMA))
        self.panel = panel if panel is not None else Panel()
        self.recorded = recorded or {}
        self.catalog: Catalog = load_catalog()
        self._by_series = {str(key[0]): part for key, part in self.rows.partition_by("series_id", as_dict=True).items()}
        self._prints: dict[tuple[str, str], _Prints] = {}
        self._made: dict[Hashable, object] = {}

    @property
    def is_simulated(self) -> bool:
        """Say whether what it holds is made up, so that what it lacks may be too."""
        return not self.latent.is_empty()

    def has(self, series_id: str, source: SourceName) -> bool:
        """Say whether this market ever prints the series through `source`."""
        return self._of(series_id, source).frame.height > 0

    def known(self, series_id: str, source: SourceName, now: datetime) -> pl.DataFrame:
        """Return (period_date, value) as the publisher shows them at `now` (aware), oldest first."""
        prints = self._of(series_id, source)
        moment = np.datetime64(naive_utc(now), "us").astype(np.int64)
        shown = prints.frame.filter(pl.Series(prints.known_at <= moment)).select("period_date", "value")
        return shown.unique("period_date", keep="last", maintain_order=True) if prints.is_revised else shown

    def state(self, series_id: str, source: SourceName, now: datetime) -> int:
        """Return how many prints can be read at `now`: the same number means the same answer."""
        moment = np.datetime64(naive_utc(now), "us").astype(np.int64)
        return int(np.searchsorted(self._of(series_id, source).in_time, moment, side="right"))

    def last_print(self, series_id: str, source: SourceName, now: datetime) -> datetime | None:
        """Return the moment (naive UTC) of the newest print that can be read at `now`, None before the first."""
        count = self.state(series_id, source, now)
        if count == 0:
            return None
        newest = np.datetime64(int(self._of(series_id, source).in_time[count - 1]), "us")
        moment: datetime = newest.astype(datetime)
        return moment

    def vintages(self, series_id: str, source: SourceName, now: datetime) -> pl.DataFrame:
        """Return every print that can be read at `now`: period_date, value, known_at (naive UTC), by both."""
        prints = self._of(series_id, source)
        moment = np.datetime64(naive_utc(now), "us").astype(np.int64)
        return prints.frame.filter(pl.Series(prints.known_at <= moment))

    def remember(self, key: Hashable, make: Callable[[], object]) -> object:
        """Return what was made for `key` before, or make it. Holds the last few only."""
        made = self._made.get(key)
        if made is None:
            made = make()
            if len(self._made) >= _REMEMBERED:
                self._made.clear()
            self._made[key] = made
        return made

    def _of(self, series_id: str, source: SourceName) -> _Prints:
        key = (series_id, source)
        if key not in self._prints:
            self._prints[key] = self._prepare(series_id, source)
        return self._prints[key]

    def _prepare(self, series_id: str, source: SourceName) -> _Prints:
        rows = self._by_series.get(series_id, pl.DataFrame(schema=dict(MARKET_SCHEMA)))
        own = rows.filter(pl.col("source") == source)
        rows = own if own.height else rows.filter(pl.col("source").is_null())
        if rows.is_empty():
            empty = np.empty(0, dtype=np.int64)
            return _Prints(pl.DataFrame(schema=_VINTAGE_SCHEMA), empty, empty, is_revised=False)
        rule = self.catalog.by_id(series_id).provider(source).release
        released = rule.released_at(rows["period_date"]) + rows["delay"].fill_null(timedelta(0))
        rows = rows.with_columns(released.alias("released_at")).with_columns(
            pl.max_horizontal("released_at", "revised_at").alias("known_at")
        )
        frame = rows.sort("period_date", "known_at", pl.col("revised_at"), nulls_last=False)
        known_at = frame["known_at"].to_numpy().astype("datetime64[us]").astype(np.int64)
        return _Prints(
            frame.select(*_VINTAGE_SCHEMA),
            known_at,
            np.sort(known_at),
            is_revised=bool(frame["revised_at"].is_not_null().any()),
        )


def first_prints(series_id: str, periods: pl.Series, values: npt.ArrayLike, source: str | None = None) -> pl.DataFrame:
    """Return rows of MARKET_SCHEMA that are first prints on time; NaN values are left out."""
    frame = pl.DataFrame({"period_date": periods.cast(pl.Date), "value": pl.Series(np.asarray(values, dtype=float))})
    return (
        frame.filter(pl.col("value").is_not_nan() & pl.col("value").is_not_null())
        .with_columns(
            pl.lit(series_id).alias("series_id"),
            pl.lit(source, dtype=pl.String).alias("source"),
            pl.lit(None, dtype=pl.Datetime("us")).alias("revised_at"),
            pl.lit(None, dtype=pl.Duration("us")).alias("delay"),
        )
        .select(*MARKET_SCHEMA)
    )
