"""The market a stand-in renders: what every publisher will ever print, and the moment from which it can be read."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from ingest.catalog import load_catalog
from ingest.catalog.models import Catalog, Provider, Series, SourceName
from simulator.panel import Panel
from simulator.prints import Prints

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

_NO_TIME: Final = np.timedelta64(0, "us")
_PRINTED: Final = ["period_date", "value"]
_REMEMBERED = 128


@dataclass(slots=True)
class _Made:
    """What was made for a key, None until it is; who asks meanwhile waits for it."""

    thing: object = None
    lock: threading.Lock = field(default_factory=threading.Lock)


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
        self._rows = self.rows.partition_by("series_id", "source", as_dict=True)
        self._prints: dict[tuple[str, str], Prints] = {}
        self._pairs: dict[str, Mapping[str, tuple[Series, Provider]]] = {}
        self._made: OrderedDict[Hashable, _Made] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def is_simulated(self) -> bool:
        """Say whether what it holds is made up, so that what it lacks may be too."""
        return not self.latent.is_empty()

    def pairs(self, source: SourceName) -> Mapping[str, tuple[Series, Provider]]:
        """Return the catalog's series of one publisher by the publisher's code."""
        if source not in self._pairs:
            self._pairs[source] = {
                provider.code: (series, provider) for series, provider in self.catalog.of_source(source)
            }
        return self._pairs[source]

    def has(self, series_id: str, source: SourceName) -> bool:
        """Say whether this market ever prints the series through `source`."""
        return self._of(series_id, source).height > 0

    def known(self, series_id: str, source: SourceName, now: datetime) -> pl.DataFrame:
        """Return (period_date, value) as the publisher shows them at `now` (aware), oldest first."""
        return self._of(series_id, source).newest(now)

    def state(self, series_id: str, source: SourceName, now: datetime) -> int:
        """Return how many prints can be read at `now`: the same number means the same answer."""
        return self._of(series_id, source).count(now)

    def last_print(self, series_id: str, source: SourceName, now: datetime) -> datetime | None:
        """Return the moment (naive UTC) of the newest print that can be read at `now`, None before the first."""
        return self._of(series_id, source).last(now)

    def vintages(self, series_id: str, source: SourceName, now: datetime) -> pl.DataFrame:
        """Return every print that can be read at `now`: period_date, value, known_at (naive UTC), by both."""
        prints = self._of(series_id, source)
        return prints.all_of(now).with_columns(pl.Series("known_at", prints.moments(now)))

    def remember(self, key: Hashable, make: Callable[[], object]) -> object:
        """Return what was made for `key` before, or make it, once however many ask. Holds the last few only."""
        with self._lock:
            made = self._made.setdefault(key, _Made())
            self._made.move_to_end(key)
            if len(self._made) > _REMEMBERED:
                self._made.popitem(last=False)
        with made.lock:
            if made.thing is None:
                made.thing = make()
            return made.thing

    def _of(self, series_id: str, source: SourceName) -> Prints:
        key = (series_id, source)
        if key not in self._prints:
            self._prints[key] = self._prepare(series_id, source)
        return self._prints[key]

    def _prepare(self, series_id: str, source: SourceName) -> Prints:
        rows = self._rows.get((series_id, source), self._rows.get((series_id, None)))
        if rows is None:
            return Prints(self.rows.clear()[_PRINTED], "period_date", np.empty(0, dtype="datetime64[us]"))
        rule = self.catalog.by_id(series_id).provider(source).release
        revised_at = rows["revised_at"].to_numpy()
        if rows["revised_at"].null_count() < rows.height:  # of two prints that come out at once the revision is newer
            rows = rows[np.argsort(revised_at.view(np.int64), kind="stable")]
            revised_at = rows["revised_at"].to_numpy()
        delay = rows["delay"].to_numpy()
        known_at = rule.released_at(rows["period_date"]).to_numpy() + np.where(np.isnat(delay), _NO_TIME, delay)
        return Prints(rows[_PRINTED], "period_date", np.fmax(known_at, revised_at))


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
