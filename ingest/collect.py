"""One source, from its publisher to typed rows: fetch, archive, parse. What breaks is named; the rest goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime

import polars as pl

from ingest.archive import Archive
from ingest.catalog import Catalog, SourceName
from ingest.clock import Clock, naive_utc
from ingest.errors import SourceError
from ingest.gathering import archived_batches, fetched, parsed
from ingest.kit import (
    ROWS_SCHEMA,
    Batch,
    FetchContext,
    Http,
    Pair,
    PartOfPayloadChanged,
    Payload,
    SourceModule,
    Window,
    empty_rows,
)
from ingest.patience import Patience
from ingest.rules.doubles import SERIES_KEY, one_row_each
from ingest.settings import Settings
from ingest.sources import source_module


def _no_progress(_what: str, _done: int, _of: int | None) -> None:
    """Show nothing: the default where nobody looks."""


def build_context(
    source: SourceName,
    catalog: Catalog,
    settings: Settings,
    clock: Clock,
    http: Http,
    *,
    since: Mapping[str, date | None] | None = None,
    held: Mapping[str, frozenset[date]] | None = None,
    landed: frozenset[str] = frozenset(),
    patience: Patience | None = None,
    progress: Callable[[str, int, int | None], None] = _no_progress,
) -> FetchContext:
    """Return the context of one source's fetch; series that `since` and `held` do not name count as not held."""
    pairs = catalog.of_source(source)
    return FetchContext(
        source=source,
        pairs=pairs,
        since={series.id: (since or {}).get(series.id) for series, _ in pairs},
        held={series.id: (held or {}).get(series.id, frozenset()) for series, _ in pairs},
        settings=settings,
        clock=clock,
        http=http,
        progress=progress,
        patience=patience or Patience(),
        landed=landed,
    )


def collect(source: SourceName, context: FetchContext, *, module: SourceModule | None = None) -> Batch:
    """Ask one source for everything it serves and return what came, with a problem for each thing that broke.

    A payload that breaks its contract is a problem and the others go on. A SourceError raised by `fetch` ends the
    asking; what came before it is kept. Errors that are not about the source (HomeUnusable) are raised.
    """
    module = module or source_module(source)
    gathered = _Gathered(source, context.pairs)
    fetched_at = context.clock()
    context.http.begin(fetched_at.isoformat())
    try:
        for item in fetched(source, lambda: module.fetch(context)):
            if isinstance(item, SourceError):
                gathered.fetch_failed(item)
            else:
                gathered.take(module, item)
    finally:
        context.http.flush()
    return gathered.batch(fetched_at)


def replay(
    archive: Archive, source: SourceName, pairs: Sequence[Pair], *, module: SourceModule | None = None
) -> Iterator[Batch]:
    """Parse what the archive holds of a source again, batch by batch in the order in which it was fetched.

    The rows are those of the first time. Problems of fetching (no answer, no key) left no payload and are not replayed.
    """
    module = module or source_module(source)
    for fetched_at, payloads in archived_batches(archive, source):
        gathered = _Gathered(source, pairs)
        for payload in payloads:
            gathered.take(module, payload)
        yield gathered.batch(fetched_at)


@dataclass(slots=True)
class _Gathered:
    """What has come so far."""

    source: SourceName
    pairs: Sequence[Pair]
    frames: list[pl.DataFrame] = field(default_factory=list)
    windows: list[Window] = field(default_factory=list)
    payloads: list[Payload] = field(default_factory=list)
    problems: list[SourceError] = field(default_factory=list)
    doubtful: set[str] = field(default_factory=set)  # series of which a part is missing from this batch

    def fetch_failed(self, error: SourceError) -> None:
        """Take the error of one request, or of the whole fetch."""
        self.problems.append(error)
        named = {series.id for series, provider in self.pairs if error.payload in (series.id, provider.code)}
        self.doubtful |= named or self._all()

    def take(self, module: SourceModule, payload: Payload) -> None:
        """Parse one payload; keep its rows and windows, or the reason why there are none."""
        self.payloads.append(replace(payload, body=b"", bytes_count=len(payload.body)))
        found = parsed(self.source, payload, lambda one: module.parse(one, self.pairs))
        if isinstance(found, PartOfPayloadChanged):
            rows = found.rows
            self.problems.extend(found.problems)
            self.doubtful |= found.series_ids
        elif isinstance(found, SourceError):
            self._broke(payload, found)
            return
        else:
            rows = found
        self._hold_to_contract(payload, rows)
        self.windows.extend(module.windows(payload, rows))
        if not rows.is_empty():
            moment = pl.lit(naive_utc(payload.fetched_at), dtype=pl.Datetime("us"))
            self.frames.append(rows.with_columns(moment.alias("fetched_at")))

    def batch(self, fetched_at: datetime) -> Batch:
        """Return everything as one batch."""
        return Batch(
            source=self.source,
            rows=self._rows(),
            windows=self._trusted_windows(),
            payloads=tuple(self.payloads),
            problems=tuple(self.problems),
            fetched_at=fetched_at,
        )

    def _rows(self) -> pl.DataFrame:
        """Return all rows, repeats left out. Where payloads overlap the later one speaks; clashes are for the gate."""
        if not self.frames:
            return empty_rows().with_columns(pl.lit(None, dtype=pl.Datetime("us")).alias("fetched_at"))
        rows = pl.concat([frame.with_columns(_order=pl.lit(number)) for number, frame in enumerate(self.frames)])
        if len(self.frames) > 1:
            key = ["series_id", "period_date", "stated_at"]
            rows = rows.filter(pl.col("_order") == pl.col("_order").max().over(key))
        return one_row_each(rows.drop("_order"), SERIES_KEY)

    def _trusted_windows(self) -> tuple[Window, ...]:
        """Return the windows, each once, but for those without an end of series of which a part was lost.

        What is absent there may have stood in the lost part: it must look neither withdrawn nor late.
        """
        kept = (window for window in self.windows if window.end is not None or window.series_id not in self.doubtful)
        return tuple(dict.fromkeys(kept))

    def _broke(self, payload: Payload, error: SourceError) -> None:
        self.problems.append(error)
        named = set(payload.meta.get("series", "").split(",")) & self._all()
        self.doubtful |= named or self._all()

    def _all(self) -> set[str]:
        return {series.id for series, _ in self.pairs}

    def _hold_to_contract(self, payload: Payload, rows: pl.DataFrame) -> None:
        """Raise on what only a bug of ours can cause: other columns than agreed, series nobody asked for."""
        if dict(rows.schema) != dict(ROWS_SCHEMA):
            raise TypeError(f"bug: parse of {self.source}: {payload.name} returned {rows.schema}, not ROWS_SCHEMA")
        strangers = set(rows["series_id"].unique()) - self._all()
        if strangers:
            raise ValueError(f"bug: parse of {self.source}: {payload.name} returned {sorted(strangers, key=str)}")
