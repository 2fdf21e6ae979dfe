"""The desks: who asks whom for which panel tables, in the order in which a run asks. This is the whole list."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Final, cast

from ingest.panel import PanelSource, PanelTable, panel_table
from ingest.panel_kit import PanelModule


@dataclass(frozen=True, slots=True)
class PanelDesk:
    """One file of ingest/sources that asks for panels. Archive and records of the run go by its name."""

    name: str
    source: PanelSource
    table_ids: tuple[str, ...]

    @property
    def path(self) -> Path:
        """Its file."""
        return Path(__file__).with_name("sources") / self.source / f"{self.name}.py"

    @property
    def tables(self) -> tuple[PanelTable, ...]:
        """The tables it fills, the main one first."""
        return tuple(panel_table(table_id) for table_id in self.table_ids)

    @property
    def module(self) -> PanelModule:
        """Its code, imported when first asked for."""
        return cast(PanelModule, import_module(f"ingest.sources.{self.source}.{self.name}"))


PANEL_DESKS: Final = (
    PanelDesk("sp500_membership", "sp500_membership", ("sp500_membership.intervals",)),
    PanelDesk("nasdaq_trader", "nasdaq_trader", ("nasdaq_trader.symbols",)),
    PanelDesk("yahoo_prices", "yahoo", ("yahoo.prices", "yahoo.splits", "yahoo.dividends")),
    PanelDesk("nasdaq", "nasdaq", ("nasdaq.prices",)),
    PanelDesk("user_prices", "user_file", ("user_file.prices",)),
    PanelDesk("ssga", "ssga", ("ssga.fund_days", "ssga.holdings")),
    PanelDesk("ishares", "ishares", ("ishares.fund_days", "ishares.holdings")),
    PanelDesk("proshares", "proshares", ("proshares.fund_days", "proshares.splits")),
    PanelDesk("ici", "ici", ("ici.weekly_flows",)),
    PanelDesk("user_fund_days", "user_file", ("user_file.fund_days",)),
)
"""Membership first: it says whose prices are wanted."""


def panel_desk(name: str) -> PanelDesk:
    """Return the desk of that name; KeyError when there is none."""
    for desk in PANEL_DESKS:
        if desk.name == name:
            return desk
    raise KeyError(f"no panel desk {name}")
