"""The connectors: who asks whom for which datasets, in the order in which a run lands them. This is the whole list."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Final, cast

from ingest.batch import observations_of
from ingest.catalog import SOURCES
from ingest.connector import SourceModule, TableModule
from ingest.dataset import Dataset, dataset


@dataclass(frozen=True, slots=True)
class Connector:
    """One file of ingest/sources. The archive and the records of a run go by its name, the rows by its source."""

    name: str
    source: str
    table_ids: tuple[str, ...]

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
    def module(self) -> SourceModule | TableModule:
        """Its code, imported when first asked for."""
        return cast("SourceModule | TableModule", import_module(f"ingest.sources.{self.source}.{self.name}"))


SERIES_CONNECTORS: Final = tuple(Connector(source, source, (observations_of(source),)) for source in SOURCES)
"""Those that serve series of the catalog."""

TABLE_CONNECTORS: Final = (
    Connector("sp500_membership", "sp500_membership", ("sp500_membership.intervals",)),
    Connector("nasdaq_trader", "nasdaq_trader", ("nasdaq_trader.symbols",)),
    Connector("yahoo_prices", "yahoo", ("yahoo.prices", "yahoo.splits", "yahoo.dividends")),
    Connector("nasdaq", "nasdaq", ("nasdaq.prices",)),
    Connector("user_prices", "user_file", ("user_file.prices",)),
    Connector("ssga", "ssga", ("ssga.fund_days", "ssga.holdings")),
    Connector("ishares", "ishares", ("ishares.fund_days", "ishares.holdings")),
    Connector("proshares", "proshares", ("proshares.fund_days", "proshares.splits")),
    Connector("ici", "ici", ("ici.weekly_flows",)),
    Connector("user_fund_days", "user_file", ("user_file.fund_days",)),
)
"""Those of other tables. Membership first: it says whose prices are wanted."""

CONNECTORS: Final = (*SERIES_CONNECTORS, *TABLE_CONNECTORS)


def connector(name: str) -> Connector:
    """Return the connector of that name; KeyError when there is none."""
    for one in CONNECTORS:
        if one.name == name:
            return one
    raise KeyError(f"no connector {name}")
