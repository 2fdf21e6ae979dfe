"""Daily bars on their way into a chart: columns of numbers, of which a question wants a few rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isnan
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

Days = npt.NDArray[np.datetime64]
Column = npt.NDArray[np.float64]

PRICES: Final = ("open", "high", "low", "close")


@dataclass(frozen=True, slots=True)
class Bars:
    """Days, oldest first, and of each day open, high, low, close, adjclose and volume; NaN where a bar is empty."""

    days: Days
    columns: Mapping[str, Column]

    @classmethod
    def of(cls, frame: pl.DataFrame) -> Bars:
        """Return the bars of a frame with the column period_date and the others by name."""
        names = (*PRICES, "volume", "adjclose")
        return cls(frame["period_date"].to_numpy(), {name: frame[name].to_numpy().astype(float) for name in names})

    def shown(self, name: str, first: int, last: int) -> list[Any]:
        """Return a column from row `first` to before `last` as the chart has it: None where the bar is empty."""
        cells: list[float] = self.columns[name][first:last].tolist()
        as_told = int if name == "volume" else float
        return [None if isnan(cell) else as_told(cell) for cell in cells]
