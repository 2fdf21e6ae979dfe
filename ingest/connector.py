"""What a connector (a file of ingest/sources) offers, and what it is given to ask with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

import polars as pl

from ingest.batch import Window
from ingest.catalog.models import Provider, Series
from ingest.clock import Clock
from ingest.errors import SourceError
from ingest.patience import Patience
from ingest.payload import Http, Payload
from ingest.settings import Settings

if TYPE_CHECKING:
    from ingest.catalog.funds import Fund

STANDING: Final = "standing"
FORMER: Final = "former"
"""In the meta of an answer about a symbol that left the index: `standing: former`."""

Pair = tuple[Series, Provider]
"""A series and the entry of the provider that is asked for it."""


def no_progress(_what: str, _done: int, _of: int | None) -> None:
    """Show nothing: the default where nobody looks."""


@dataclass(frozen=True, slots=True)
class FetchContext:
    """What a connector's `fetch` gets: what to ask for, from when on, with which tools.

    What to ask for is one of: series of the catalog (`pairs`), funds, symbols (`tickers`); a source that answers whole
    needs none. Groups are series ids, tickers, funds or "".
    """

    source: str
    settings: Settings
    clock: Clock
    http: Http
    progress: Callable[[str, int, int | None], None] = no_progress  # (what, done, of)
    pairs: Sequence[Pair] = ()
    funds: Sequence[Fund] = ()  # of that issuer; for user files all of them
    tickers: Sequence[str] = ()  # wanted symbols, Yahoo's spelling
    former: Set[str] = frozenset()  # those of them that left the index: a publisher may not know them any more
    since: Mapping[str, date | None] = field(default_factory=dict)  # per group: the newest period held
    # per series (of a table asked by day: of ""): the periods held, where it is asked day by day
    held: Mapping[str, frozenset[date]] = field(default_factory=dict)
    landed: frozenset[str] = frozenset()  # sha256 of bodies whose rows landed whole: may be asked "if changed"
    patience: Patience = field(default_factory=Patience)  # of the run


class SourceModule(Protocol):
    """What a connector of series offers."""

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


class TableModule(Protocol):
    """What a connector of tables offers."""

    def fetch(self, context: FetchContext) -> Iterator[Payload | SourceError]:
        """As SourceModule.fetch."""
        ...

    def parse(self, payload: Payload) -> dict[str, pl.DataFrame]:
        """Return table id -> rows of Dataset.rows_schema; SourceChanged when the bytes break the contract. Pure."""
        ...

    def windows(self, payload: Payload, rows: Mapping[str, pl.DataFrame]) -> list[Window]:
        """Return what the payload was asked for, per table and group (from `payload.meta`)."""
        ...


@runtime_checkable
class HasSecondOpinion(Protocol):
    """A connector whose answer gives the same dates twice."""

    def second_opinion(self, payload: Payload) -> Mapping[str, pl.DataFrame]:
        """Return table id -> ticker, file_date, listed_date, days_apart: one row per date that both give. Pure."""
        ...
