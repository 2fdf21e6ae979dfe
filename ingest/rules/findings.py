"""What the searches of a batch find: groups refused whole, rows refused, sentences for the checks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import polars as pl

from ingest.dataset import Dataset

FACTOR_CHECK: Final = "history_is_not_multiplied"
LEVEL_CHECK: Final = "level_holds"

HELD: Final = 2**32 - 1
"""The position of a row that is held: it helps to judge those that came, and is not judged."""


@dataclass(slots=True)
class Findings:
    """Why groups are refused, by table and group; why single rows are, by table and position in the batch's table.

    `checks` has, per table and check, the sentences for people.
    """

    groups: dict[str, dict[str, str]] = field(default_factory=dict)
    rows: dict[str, dict[int, str]] = field(default_factory=dict)
    checks: dict[tuple[str, str], list[str]] = field(default_factory=dict)

    def hold(self, table: Dataset, check: str, group: str, why: str) -> None:
        """Refuse a whole group; the first reason stands."""
        named = group or table.name
        self.groups.setdefault(table.id, {}).setdefault(group, f"{check}: {why}; nothing of {named} in this answer")
        self.tell(table, check, why)

    def refuse(self, table: Dataset, check: str, positions: Iterable[int], why: str) -> None:
        """Refuse rows; the first reason stands. Rows that are only held (HELD) are left out."""
        found = self.rows.setdefault(table.id, {})
        for position in positions:
            if position != HELD:
                found.setdefault(position, f"{check}: {why}")
        self.tell(table, check, why)

    def tell(self, table: Dataset, check: str, why: str) -> None:
        """Add a sentence to a check, and refuse nothing."""
        self.checks.setdefault((table.id, check), []).append(why)

    def held_groups(self, table: Dataset) -> list[str]:
        """Return the groups of a table that are refused whole."""
        return list(self.groups.get(table.id, {}))


def pairs_of(both: pl.DataFrame, numbers: Iterable[str], group: str | None, period: str) -> pl.DataFrame:
    """Return position, group (text), column, period, value, held: what came and what is held of the same key."""
    of_group = pl.lit("") if group is None else pl.col(group).cast(pl.String)
    return pl.concat(
        [
            both.select(
                "position",
                of_group.alias("group"),
                pl.lit(name).alias("column"),
                pl.col(period).alias("period"),
                pl.col(name).cast(pl.Float64).alias("value"),
                pl.col(f"{name}_held").cast(pl.Float64).alias("held"),
            ).filter(pl.col("value").is_not_null(), pl.col("held").is_not_null())
            for name in numbers
        ]
    )
