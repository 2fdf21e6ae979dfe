"""What the search for blocks in a panel finds: groups held back, rows refused, sentences for the checks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import polars as pl

from ingest.dataset import Dataset

FACTOR_CHECK: Final = "history_is_not_multiplied"
LEVEL_CHECK: Final = "level_holds"
SPLIT_CHECK: Final = "splits_show_in_prices"
BASIS_CHECK: Final = "providers_share_a_basis"
MOVE_CHECK: Final = "large_return_is_confirmed"


@dataclass(slots=True)
class Blocks:
    """What was found: why groups are held back, by table and group; why single rows are, by table and position.

    `checks` has, per table and check, the sentences for people.
    """

    groups: dict[str, dict[str, str]] = field(default_factory=dict)
    rows: dict[str, dict[int, str]] = field(default_factory=dict)
    checks: dict[tuple[str, str], list[str]] = field(default_factory=dict)

    def hold(self, table: Dataset, check: str, group: str, why: str) -> None:
        """Hold a whole group back; the first reason stands."""
        self.groups.setdefault(table.id, {}).setdefault(group, f"{check}: {why}; nothing of {group} in this answer")
        self.checks.setdefault((table.id, check), []).append(why)

    def refuse(self, table: Dataset, check: str, positions: list[int], why: str) -> None:
        """Refuse rows, by their position in the batch's table."""
        found = self.rows.setdefault(table.id, {})
        for position in positions:
            found.setdefault(position, f"{check}: {why}")
        self.checks.setdefault((table.id, check), []).append(why)


def pairs_of(both: pl.DataFrame, numbers: list[str], group: str, period: str) -> pl.DataFrame:
    """Return group, column, period, value, held, position of the values that changed enough to be of interest."""
    return pl.concat(
        [
            both.select(
                "position",
                pl.col(group).alias("group"),
                pl.lit(name).alias("column"),
                pl.col(period).alias("period"),
                pl.col(name).alias("value"),
                pl.col(f"{name}_held").alias("held"),
            ).filter(pl.col("value").is_not_null(), pl.col("held").is_not_null())
            for name in numbers
        ]
    )
