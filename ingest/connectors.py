"""The connectors of the registry: who asks whom for which datasets, in the order in which a run lands them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Final, cast

from ingest.batch import observations_of
from ingest.connector import SourceModule, TableModule
from ingest.dataset import Dataset, dataset
from ingest.errors import ConfigError
from ingest.registry import ConnectorFacts, Publisher, publishers


@dataclass(frozen=True, slots=True)
class Connector:
    """One file of ingest/sources. The archive and the records of a run go by its name, the rows by its source."""

    name: str
    source: str
    table_ids: tuple[str, ...]
    facts: ConnectorFacts
    is_users_own: bool = False

    @property
    def path(self) -> Path:
        """Its file."""
        return Path(__file__).with_name("sources") / self.source / f"{self.name}.py"

    @property
    def tables(self) -> tuple[Dataset, ...]:
        """The datasets it fills, the main one first."""
        return tuple(dataset(table_id) for table_id in self.table_ids)

    @property
    def has_series(self) -> bool:
        """Say whether it serves series of the catalog."""
        return self.tables[0].is_series

    @property
    def rank(self) -> int:
        """Its place among the providers of what its main table serves; 0 where that serves nothing."""
        serves = self.tables[0].serves
        return serves.rank if serves else 0

    @property
    def follows(self) -> tuple[str, ...]:
        """The connectors whose rows are landed before it is asked or judged."""
        return (*self.facts.asked_after, *self.facts.judged_after)

    @property
    def module(self) -> SourceModule | TableModule:
        """Its code, imported when first asked for."""
        return cast("SourceModule | TableModule", import_module(f"ingest.sources.{self.source}.{self.name}"))


def _declared() -> Iterator[Connector]:
    for publisher in publishers().values():
        for name, facts in publisher.connectors.items():
            yield Connector(name, publisher.name, _table_ids(publisher, facts), facts, publisher.is_users_own)


def _table_ids(publisher: Publisher, facts: ConnectorFacts) -> tuple[str, ...]:
    if not facts.tables:
        return (observations_of(publisher.name),)
    return tuple(f"{publisher.name}.{table}" for table in facts.tables)


def in_order(connectors: Iterable[Connector]) -> tuple[Connector, ...]:
    """Return the connectors in landing order; ConfigError when some wait for each other.

    Each comes after those that it follows. Otherwise first what others must have to be asked, then series by name (as a
    rebuild takes batches of one moment), then tables by the rank of their main one and by name, and last those that
    follow others: they come late anyway.
    """
    named = list(connectors)
    needed = {name for one in named for name in one.facts.asked_after}

    def place(one: Connector) -> tuple[int, bool, int, str]:
        if one.has_series:
            return 1, False, 0, one.name
        first = 3 if one.follows else 0 if one.name in needed else 2
        return first, one.is_users_own, one.rank, one.name

    waiting = sorted(named, key=place)
    found: list[Connector] = []
    while waiting:
        landed = {one.name for one in found}
        ready = next((one for one in waiting if landed.issuperset(one.follows)), None)
        if ready is None:
            names = ", ".join(f"{one.name} (after {', '.join(one.follows)})" for one in waiting)
            raise ConfigError(f"publishers: asked_after and judged_after go round in a circle: {names}")
        waiting.remove(ready)
        found.append(ready)
    return tuple(found)


CONNECTORS: Final = in_order(_declared())

SERIES_CONNECTORS: Final = tuple(one for one in CONNECTORS if one.has_series)
"""Those that serve series of the catalog."""

TABLE_CONNECTORS: Final = tuple(one for one in CONNECTORS if not one.has_series)
"""Those of other tables."""

SOURCES: Final = tuple(one.source for one in SERIES_CONNECTORS)
"""The publishers of series."""


def connector(name: str) -> Connector:
    """Return the connector of that name; KeyError when there is none."""
    for one in CONNECTORS:
        if one.name == name:
            return one
    raise KeyError(f"no connector {name}")


def asked_by(how: str) -> tuple[Connector, ...]:
    """Return the connectors that are asked by "symbols", "funds" ..., the preferred provider first."""
    return tuple(sorted((one for one in CONNECTORS if one.facts.asked_by == how), key=lambda one: one.rank))
