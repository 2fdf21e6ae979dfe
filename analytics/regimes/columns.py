"""The columns of a regime row: those that tell it apart, as marts.regime_daily names them, then those of the ledger."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from analytics.regimes.declared import regime_table
from analytics.regimes.types import Cell
from warehouse.declared_tables import Column
from warehouse.lived import LEDGER
from warehouse.own_tables import own_table

KEYS: Final = ("session_date", "cutoff_at", "model_version")
RECORDED: Final = (*KEYS, "cutoff_name", "basis", "computed_at", "run_id", "memory_json")
"""What the ledger has beside the columns that are computed."""

LEDGER_COLUMNS: Final = own_table(LEDGER).columns
ROW_COLUMNS: Final[tuple[Column, ...]] = (
    *(column for column in regime_table("regime_daily").columns if column.name in KEYS),
    *(column for column in LEDGER_COLUMNS if column.name not in RECORDED),
)
"""The columns of a row in their order: what the rules of one session give."""

COLUMN_NAMES: Final = tuple(column.name for column in ROW_COLUMNS)


@dataclass(frozen=True, slots=True)
class RegimeRow:
    """One session at one cut-off: a value for each of ROW_COLUMNS, no more and no fewer."""

    cells: Mapping[str, Cell]

    def __post_init__(self) -> None:
        if self.cells.keys() != set(COLUMN_NAMES):
            odd = sorted(self.cells.keys() ^ set(COLUMN_NAMES))
            raise ValueError(f"a regime row needs exactly the columns of ROW_COLUMNS; these differ: {', '.join(odd)}")

    def __getitem__(self, name: str) -> Cell:
        return self.cells[name]

    def as_tuple(self) -> tuple[Cell, ...]:
        """Return the cells in the order of ROW_COLUMNS."""
        return tuple(self.cells[name] for name in COLUMN_NAMES)
