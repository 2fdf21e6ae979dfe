"""What passes between the rooms for panel tables: many keyed rows per day instead of one value per series."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

import polars as pl

from ingest.clock import Clock
from ingest.errors import SourceChanged, SourceError, SymbolUnknown
from ingest.kit import CheckResult, Http, Payload
from ingest.panel import PanelSource
from ingest.patience import Patience
from ingest.settings import Settings

if TYPE_CHECKING:
    from ingest.catalog.funds import Fund


STANDING: Final = "standing"
FORMER: Final = "former"
"""In the meta of an answer about a symbol that left the index: `standing: former`."""


@dataclass(frozen=True, slots=True)
class PanelContext:
    """What a panel source's `fetch` gets: what to ask for, from when on, with which tools.

    A group is what one answer is about: a fund ticker, a symbol, or "" where the source has a single file.
    """

    source: PanelSource
    settings: Settings
    clock: Clock
    http: Http
    progress: Callable[[str, int, int | None], None]  # (what, done, of)
    funds: Sequence[Fund] = ()  # of that issuer; for user files all of them
    tickers: Sequence[str] = ()  # wanted symbols, Yahoo's spelling
    former: Set[str] = frozenset()  # those of them that left the index: nobody need know them any more
    since: Mapping[str, date | None] = field(default_factory=dict)  # per group: the newest period held
    patience: Patience = field(default_factory=Patience)  # of the run


@dataclass(frozen=True, slots=True)
class PanelWindow:
    """What one answer was asked for: periods `start`..`end` of one group (None: from the first, to the newest).

    Rows that are held inside and absent from the answer are withdrawn.
    """

    table_id: str
    group: str  # ticker, fund or ""
    start: date | None
    end: date | None = None


@dataclass(frozen=True, slots=True)
class PanelBatch:
    """Everything one desk gave in one run. `tables`: table id -> rows_schema and `fetched_at` (naive UTC).

    A desk is a file of ingest/sources: Yahoo and user files have one for series and others for panels, so the records
    of a run and the archive go by `desk`, the rows by `source`. Where it is empty the two are the same.
    """

    source: PanelSource
    tables: Mapping[str, pl.DataFrame]
    windows: Sequence[PanelWindow]
    payloads: Sequence[Payload]  # bodies dropped (empty): they are in the archive
    problems: Sequence[SourceError]
    fetched_at: datetime
    desk: str = ""
    lacks: Sequence[SymbolUnknown] = ()  # former members that the publisher does not know: no problem, but told
    compared: Mapping[str, pl.DataFrame] = field(default_factory=dict)  # as HasSecondOpinion says, by table id

    @property
    def name(self) -> str:
        """What the run calls it: the desk, or the source where that has only one."""
        return self.desk or self.source


@dataclass(frozen=True, slots=True)
class PanelGateResult:
    """What the gate let through, per table id. `refused` has the columns of `accepted` and `reason`."""

    accepted: Mapping[str, pl.DataFrame]
    refused: Mapping[str, pl.DataFrame]
    checks: Sequence[CheckResult]
    held_back: str | None  # a sentence when a critical check failed: then nothing of the batch may land
    pages: Mapping[str, str] = field(default_factory=dict)  # Great Expectations' own pages (HTML), by suite


class PartOfPanelChanged(SourceChanged):
    """Some groups of a payload broke the contract: `problems` names each, `tables` has the rows of the others."""

    def __init__(self, tables: Mapping[str, pl.DataFrame], problems: Mapping[str, SourceChanged]) -> None:
        self.tables = tables
        self.problems = tuple(problems.values())
        self.groups = frozenset(problems)
        first = self.problems[0]
        super().__init__(first.source, first.payload, expected=first.expected, seen=first.seen)


class PanelModule(Protocol):
    """What each panel source file in ingest/sources offers."""

    def fetch(self, context: PanelContext) -> Iterator[Payload | SourceError]:
        """Yield archived payloads one by one; yield (not raise) the error of one payload where others can go on."""
        ...

    def parse(self, payload: Payload) -> dict[str, pl.DataFrame]:
        """Return table id -> rows of PanelTable.rows_schema; SourceChanged when the bytes break the contract.

        Pure: the same payload always gives the same rows. No network, no clock, no settings.
        """
        ...

    def windows(self, payload: Payload, rows: Mapping[str, pl.DataFrame]) -> list[PanelWindow]:
        """Return what the payload was asked for, per table and group (from `payload.meta`)."""
        ...


@runtime_checkable
class HasSecondOpinion(Protocol):
    """A panel source whose answer says the same dates twice."""

    def second_opinion(self, payload: Payload) -> Mapping[str, pl.DataFrame]:
        """Return table id -> ticker, file_date, listed_date, days_apart: one row per date that both tell. Pure."""
        ...
