"""What may be drawn instead of a value: change, percent change, z-score, ratio to the first.

Rows are those of the mart in the order of their dates; a row without a value is a row. Each result looks back only.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

import numpy as np
import numpy.typing as npt

Name = Literal["level", "change", "percent", "zscore", "ratio"]
NAMES: Final[tuple[Name, ...]] = get_args(Name)
COUNTED: Final[dict[Name, int]] = {"change": 1, "percent": 1, "zscore": 252}
"""Those that look back over a number of rows, and over how many if nothing is said."""
MOST_ROWS: Final = 5_000
_SLACK: Final = 0.05
"""The values of a z-score lie within so many more rows than there are values, as in the marts."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Transform:
    """A transform; `rows` is 0 where it counts none."""

    name: Name = "level"
    rows: int = 0

    def over(self, values: Sequence[float | None]) -> list[float | None]:
        """Return the transformed values, None where there is none; `ratio` is of the values that are given."""
        numbers = np.array([math.nan if one is None else one for one in values], dtype=np.float64)
        numbers[~np.isfinite(numbers)] = math.nan
        with np.errstate(all="ignore"):
            found = _OF[self.name](numbers, self.rows)
        return [None if not math.isfinite(one) else one for one in found.tolist()]

    def unit(self, unit: str) -> str:
        """Return the unit of what was made of values in `unit`."""
        if self.name == "change" and unit == "%":
            return "percentage points"
        return {"percent": "%", "zscore": "z-score", "ratio": "ratio to the first"}.get(self.name, unit)

    def title(self) -> str:
        """Return what is drawn, in words; empty for the value itself."""
        rows = "1 row" if self.rows == 1 else f"{self.rows} rows"
        return {
            "change": f"change over {rows}",
            "percent": f"percent change over {rows}",
            "zscore": f"z-score of the last {self.rows} values",
            "ratio": "ratio to the first",
        }.get(self.name, "")


def _level(numbers: Floats, _: int) -> Floats:
    return numbers


def _before(numbers: Floats, rows: int) -> Floats:
    back: Floats = np.full(len(numbers), math.nan)
    if rows < len(numbers):
        back[rows:] = numbers[: len(numbers) - rows]
    return back


def _change(numbers: Floats, rows: int) -> Floats:
    return numbers - _before(numbers, rows)


def _percent(numbers: Floats, rows: int) -> Floats:
    """From a base above zero only: a percentage of anything else says nothing."""
    base = _before(numbers, rows)
    return np.where(base > 0, 100 * (numbers / base - 1), math.nan)


def _zscore(numbers: Floats, rows: int) -> Floats:
    """Standard deviations from the mean of the last `rows` values, the row's own included."""
    found: Floats = np.full(len(numbers), math.nan)
    places = np.flatnonzero(~np.isnan(numbers))
    if len(places) < rows:
        return found
    windows = np.lib.stride_tricks.sliding_window_view(numbers[places], rows)
    spans = places[rows - 1 :] - places[: len(places) - rows + 1] + 1
    deviation = windows.std(axis=1, ddof=1)
    scores = (windows[:, -1] - windows.mean(axis=1)) / deviation
    varies = deviation > 1e-12 * np.abs(windows).max(axis=1)  # equal values differ by rounding only
    found[places[rows - 1 :]] = np.where((spans <= rows + math.ceil(rows * _SLACK)) & varies, scores, math.nan)
    return found


def _ratio(numbers: Floats, _: int) -> Floats:
    first: Any = next((one for one in numbers if one == one), math.nan)
    return numbers / first if first > 0 else np.full(len(numbers), math.nan)


_OF: Final = {"level": _level, "change": _change, "percent": _percent, "zscore": _zscore, "ratio": _ratio}
