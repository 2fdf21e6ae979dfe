"""One connector, from its publisher to typed rows: fetch, archive, parse. What breaks is named, the rest is kept."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

import polars as pl

from ingest.archive import Archive
from ingest.batch import Batch, Window
from ingest.catalog import Catalog
from ingest.clock import Clock, naive_utc
from ingest.connector import FetchContext, Pair, no_progress
from ingest.connectors import Connector
from ingest.dataset import Dataset
from ingest.errors import SourceError, SymbolUnknown
from ingest.gathering import archived_batches, fetched
from ingest.patience import Patience
from ingest.payload import Http, Payload
from ingest.reading import Module, Reading, read
from ingest.rules.doubles import dataset_key, one_row_each
from ingest.second_process import Work, done
from ingest.settings import Settings

Begin = Callable[[Connector, Module, Payload, Sequence[Pair]], Work[Reading]]
"""Begins the reading of a payload: here, or in the second process."""


def begun_here(connector: Connector, module: Module, payload: Payload, pairs: Sequence[Pair]) -> Work[Reading]:
    """Read a payload at once."""
    return done(read(connector, module, payload, pairs))


def build_context(
    source: str,
    catalog: Catalog,
    settings: Settings,
    clock: Clock,
    http: Http,
    *,
    since: Mapping[str, date | None] | None = None,
    held: Mapping[str, frozenset[date]] | None = None,
    landed: frozenset[str] = frozenset(),
    patience: Patience | None = None,
    progress: Callable[[str, int, int | None], None] = no_progress,
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


def collect(
    connector: Connector,
    context: FetchContext,
    *,
    module: Module | None = None,
    begun_at: datetime | None = None,
    begin: Begin | None = None,
) -> Batch:
    """Ask one connector for everything it serves and return what came, with a problem for each thing that broke.

    A payload that breaks its contract is a problem and the others are kept. A SourceError raised by `fetch` ends the
    asking; what came before it is kept. Errors that are not about the source (HomeUnusable) are raised. Payloads are
    archived under the connector's name. `begun_at` (aware): the moment of the batch, where another than now; a rebuild
    replays batches in the order of these moments. `begin` says where payloads are read; here, one by one, without it.
    """
    asking = module or connector.module
    gathered = _Gathered(connector, asking, context.pairs, begin=begin or begun_here)
    fetched_at = begun_at or context.clock()
    context.http.begin(fetched_at.isoformat())
    if connector.name != connector.source:
        context = replace(context, http=_Named(context.http, connector.name))
    try:
        for item in fetched(connector.name, lambda: asking.fetch(context)):
            if isinstance(item, SourceError):
                gathered.fetch_failed(item)
            else:
                gathered.take(item)
    finally:
        context.http.flush()
    return gathered.batch(fetched_at)


def replay(
    archive: Archive,
    connector: Connector,
    pairs: Sequence[Pair] = (),
    *,
    module: Module | None = None,
    at: datetime | None = None,
) -> Iterator[Batch]:
    """Parse what the archive holds of a connector again, batch by batch in the order in which it was fetched.

    The rows are those of the first time. Problems of fetching (no answer, no key) left no payload and are not replayed.
    `at`: only the batch that was begun at this moment (aware).
    """
    asking = module or connector.module
    for fetched_at, payloads in archived_batches(archive, connector.name):
        if at is not None and fetched_at != at:
            continue
        gathered = _Gathered(connector, asking, pairs)
        for payload in payloads:
            gathered.take(payload)
        yield gathered.batch(fetched_at)


def empty_table(table: Dataset) -> pl.DataFrame:
    """Return no rows of a batch: rows_schema and `fetched_at`."""
    return pl.DataFrame(schema={**table.rows_schema, "fetched_at": pl.Datetime("us")})


@dataclass(frozen=True, slots=True)
class _Named:
    """Asks as another: a publisher with several connectors has an archive for each."""

    http: Http
    name: str

    def get(self, source: str, name: str, url: str, **asked: Any) -> Payload:  # noqa: ARG002 - replaced by our own
        return self.http.get(self.name, name, url, **asked)

    def token(self, source: str, name: str, url: str, *, headers: Mapping[str, str]) -> str:  # noqa: ARG002
        return self.http.token(self.name, name, url, headers=headers)

    def keep(self, payload: Payload) -> Payload:
        return self.http.keep(replace(payload, source=self.name))

    def rewrite(self, url: str) -> str:
        return self.http.rewrite(url)

    def latest(self, source: str, name: str) -> Payload | None:  # noqa: ARG002 - as in get
        return self.http.latest(self.name, name)

    def begin(self, batch: str) -> None:
        self.http.begin(batch)

    def flush(self) -> None:
        self.http.flush()


@dataclass(slots=True)
class _Gathered:
    """What has come so far."""

    connector: Connector
    module: Module
    pairs: Sequence[Pair]
    frames: dict[str, list[pl.DataFrame]] = field(default_factory=dict)
    windows: list[Window] = field(default_factory=list)
    payloads: list[Payload] = field(default_factory=list)
    begin: Begin = begun_here
    came: deque[SourceError | tuple[datetime, Work[Reading]]] = field(default_factory=deque)  # not counted yet
    problems: list[SourceError] = field(default_factory=list)
    unknown: list[SymbolUnknown] = field(default_factory=list)
    compared: dict[str, pl.DataFrame] = field(default_factory=dict)
    doubtful: set[str] = field(default_factory=set)  # groups of which a part is missing from this batch
    is_whole: bool = True  # nothing at all is missing

    def fetch_failed(self, error: SourceError) -> None:
        """Take the error of one request, or of the whole fetch."""
        self.came.append(error)

    def take(self, payload: Payload) -> None:
        """Read one payload, or have it read; what it gives counts in the order in which payloads came."""
        self.payloads.append(replace(payload, body=b"", bytes_count=len(payload.body)))
        moment = naive_utc(payload.fetched_at)
        self.came.append((moment, self.begin(self.connector, self.module, payload, self.pairs)))
        while self.came and not (isinstance(self.came[0], tuple) and not self.came[0][1].done()):
            self._take_next()

    def _take_next(self) -> None:
        came = self.came.popleft()
        if isinstance(came, SourceError):
            self.problems.append(came)
            self._miss({came.payload})
        else:
            moment, reading = came
            self._keep(reading.result(), moment)

    def _keep(self, found: Reading, fetched_at: datetime) -> None:
        self.problems.extend(found.problems)
        self.doubtful |= found.doubtful
        if found.unknown is not None:
            self.unknown.append(found.unknown)
        if found.missed is not None:
            self._miss(found.missed)
        self.compared |= found.compared
        self.windows.extend(found.windows)
        moment = pl.lit(fetched_at, dtype=pl.Datetime("us"))
        for table_id, frame in found.tables.items():
            if not frame.is_empty():
                self.frames.setdefault(table_id, []).append(frame.with_columns(moment.alias("fetched_at")))

    def batch(self, fetched_at: datetime) -> Batch:
        """Return everything as one batch, once all is read."""
        while self.came:
            self._take_next()
        return Batch(
            source=self.connector.source,
            tables={table.id: self._rows(table) for table in self.connector.tables},
            windows=self._trusted_windows(),
            payloads=tuple(self.payloads),
            problems=tuple(self.problems),
            fetched_at=fetched_at,
            name=self.connector.name,
            unknown=tuple(self.unknown),
            compared=dict(self.compared),
        )

    def _miss(self, names: Set[str]) -> None:
        """Note which groups are incomplete: those named, by id or by the publisher's code; all series where none is."""
        self.is_whole = False
        self.doubtful |= names
        if self.connector.has_series:
            named = {series.id for series, provider in self.pairs if names & {series.id, provider.code}}
            self.doubtful |= named or self._series()

    def _rows(self, table: Dataset) -> pl.DataFrame:
        """Return all rows, repeats left out. Where payloads overlap the later one counts; clashes are for the gate."""
        frames = self.frames.get(table.id)
        if not frames:
            return empty_table(table)
        if table.is_in_daily_files:  # millions of rows: what overlaps is for the gate
            return pl.concat(frames)
        rows = pl.concat([frame.with_columns(_order=pl.lit(number)) for number, frame in enumerate(frames)])
        key = dataset_key(table)
        if len(frames) > 1:
            last = rows.group_by(key).agg(pl.col("_order").max().alias("_last"))
            if last.height < rows.height:
                rows = rows.join(last, on=key, nulls_equal=True, maintain_order="left").filter(
                    pl.col("_order") == pl.col("_last")
                )
                rows = rows.drop("_last")
        return one_row_each(rows.drop("_order"), key)

    def _trusted_windows(self) -> tuple[Window, ...]:
        """Return the windows, each once, but for groups of which a part may have been lost.

        What is absent there may have been in the lost part: it must look neither withdrawn nor late. A page of a series
        that has an end says all of its days; a source that has no groups answers whole or not at all.
        """

        def is_trusted(window: Window) -> bool:
            if self.connector.has_series and window.end is not None:
                return True
            return window.group not in self.doubtful if window.group else self.is_whole

        return tuple(dict.fromkeys(window for window in self.windows if is_trusted(window)))

    def _series(self) -> set[str]:
        return {series.id for series, _ in self.pairs}
