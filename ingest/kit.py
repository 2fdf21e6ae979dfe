"""What passes between the rooms: payloads (bytes as they came) and rows (typed, still in published units)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from types import MappingProxyType
from typing import Final, Literal, Protocol

import polars as pl

from ingest.catalog.models import Provider, Series, SourceName
from ingest.clock import Clock
from ingest.errors import SourceChanged, SourceError
from ingest.patience import Patience
from ingest.settings import Settings

ROWS_SCHEMA: Final[Mapping[str, pl.DataType]] = MappingProxyType(
    {
        "series_id": pl.String(),  # our id, from the catalog
        "code": pl.String(),  # the publisher's own code for it
        "period_date": pl.Date(),  # the date the source prints
        "value": pl.Float64(),  # as published; NULL is a gap the source shows, zero is a value
        "unit": pl.String(),  # as the payload states it, or the catalog's where the payload has no unit
        "stated_at": pl.Datetime("us"),  # naive UTC; set only where the provider itself says when it was known
        "payload_sha256": pl.String(),
    }
)
"""One row per (series_id, period_date[, stated_at]) of one payload."""


def empty_rows() -> pl.DataFrame:
    """Return a frame of no rows with the columns of ROWS_SCHEMA."""
    return pl.DataFrame(schema=dict(ROWS_SCHEMA))


@dataclass(frozen=True, slots=True)
class Payload:
    """One answer of an upstream, exactly as it came.

    `url` is redacted (no keys). `name` is what a person calls it ("WALCL", "par yields 2026"). `sha256` is of
    `body`. `fetched_at` is aware UTC from the run's clock. `meta` holds what parse needs beside the bytes (the
    series asked for, the session of a daily page) and is archived with them, so that a rebuild parses the same.
    `bytes_count` is set where the body was dropped because the archive has it.
    """

    source: str
    name: str
    url: str
    body: bytes
    sha256: str
    fetched_at: datetime
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    meta: Mapping[str, str] = field(default_factory=dict)
    bytes_count: int | None = None


class PartOfPayloadChanged(SourceChanged):
    """Some series of a payload broke the contract: `problems` names each, `rows` (ROWS_SCHEMA) has the others.

    `series_ids` are the broken ones.
    """

    def __init__(self, rows: pl.DataFrame, problems: Mapping[str, SourceChanged]) -> None:
        self.rows = rows
        self.problems = tuple(problems.values())
        self.series_ids = frozenset(problems)
        first = self.problems[0]
        super().__init__(first.source, first.payload, expected=first.expected, seen=first.seen)


@dataclass(frozen=True, slots=True)
class Window:
    """What one fetch asked of one series: periods from `start` on (None: the whole history).

    `end` is set by sources asked page by page (one session, one year): the last period that this page could hold.
    """

    series_id: str
    start: date | None
    end: date | None = None


Pair = tuple[Series, Provider]
"""A series and the entry of the provider that is asked for it."""


class Http(Protocol):
    """How a source asks its publisher. The one implementation is ingest.http.Upstream."""

    def get(
        self,
        source: str,
        name: str,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        secret_params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        meta: Mapping[str, str] | None = None,
        accept_status: tuple[int, ...] = (200,),
    ) -> Payload:
        """Return the answer, archived. SourceUnavailable / SourceRefused / SourceChanged otherwise.

        `url` is the publisher's public address (https://host/path): where a stand-in is set the client rewrites it.
        `secret_params` go into the request and never into `Payload.url`. Any status outside `accept_status` raises.
        """
        ...

    def keep(self, payload: Payload) -> Payload:
        """Archive a payload that a client library fetched by itself, and return it."""
        ...

    def rewrite(self, url: str) -> str:
        """Return where `url` is really asked: the stand-in's address of it, or `url` itself."""
        ...

    def latest(self, source: str, name: str) -> Payload | None:
        """Return the newest archived 200 of that name without its body: its `headers` hold the ETag to ask with."""
        ...

    def begin(self, batch: str) -> None:
        """Mark what is archived from now on as one batch, so that a rebuild replays the same batches."""
        ...

    def flush(self) -> None:
        """Make the archive's index durable; called once a source's answers are all in."""
        ...


@dataclass(frozen=True, slots=True)
class FetchContext:
    """What a source's `fetch` gets: what to ask for, from when on, with which tools."""

    source: SourceName
    pairs: Sequence[Pair]
    since: Mapping[str, date | None]  # per series_id: the newest period we hold, None when we hold nothing
    held: Mapping[str, frozenset[date]]  # per series_id: the periods we hold; only for sources asked day by day
    settings: Settings
    clock: Clock
    http: Http
    progress: Callable[[str, int, int | None], None]  # (what, done, of)
    patience: Patience = field(default_factory=Patience)  # of the run
    landed: frozenset[str] = frozenset()  # sha256 of the bodies whose rows have landed whole: may be asked "if changed"


class SourceModule(Protocol):
    """What each file in ingest/sources offers."""

    def fetch(self, context: FetchContext) -> Iterator[Payload | SourceError]:
        """Yield archived payloads one by one; yield (not raise) the error of one payload where others can go on."""
        ...

    def parse(self, payload: Payload, pairs: Sequence[Pair]) -> pl.DataFrame:
        """Return rows of ROWS_SCHEMA, only for series in `pairs`; SourceChanged when the bytes break the contract.

        Where some series of the payload break it and others do not: PartOfPayloadChanged with the rows of the others.

        Pure: the same payload always gives the same rows. No network, no clock, no settings.
        """
        ...

    def windows(self, payload: Payload, rows: pl.DataFrame) -> list[Window]:
        """Return, per series the payload answers for, the first period it was asked for (from `payload.meta`)."""
        ...


@dataclass(frozen=True, slots=True)
class Batch:
    """Everything one source gave in one run. `rows` has ROWS_SCHEMA and `fetched_at` (naive UTC)."""

    source: SourceName
    rows: pl.DataFrame
    windows: Sequence[Window]
    payloads: Sequence[Payload]  # bodies dropped (empty): they are in the archive
    problems: Sequence[SourceError]
    fetched_at: datetime


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check of one asset. `failed_count` is rows, where rows were counted.

    `is_blocking`: a failure stops the release. A gate's stops none: it keeps the rows of its own source out.
    """

    asset: str  # "fred.observations"
    name: str
    severity: Literal["error", "warn"]
    passed: bool
    failed_count: int | None
    detail: str
    stage: Literal["gate", "dbt", "reconciliation", "freshness", "regimes"] = "gate"
    is_blocking: bool = False


@dataclass(frozen=True, slots=True)
class GateResult:
    """What the gate let through. `refused` has the columns of `accepted` and `reason`."""

    accepted: pl.DataFrame
    refused: pl.DataFrame
    checks: Sequence[CheckResult]
    held_back: str | None  # a sentence when a critical check failed: then nothing of the batch may land
    pages: Mapping[str, str] = field(default_factory=dict)  # Great Expectations' own pages (HTML), by suite
