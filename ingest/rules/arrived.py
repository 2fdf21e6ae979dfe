"""One dataset of a batch beside what is held: what the rules look at."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property

import polars as pl

from ingest.batch import Batch
from ingest.catalog import Catalog
from ingest.clock import NEW_YORK
from ingest.dataset import Dataset
from ingest.rules.doubles import clashes, dataset_key
from ingest.rules.evidence import SPLITS, Evidence
from ingest.rules.series_limits import in_mart_unit, limits


@dataclass
class Arrived:
    """One dataset of a batch. `rows`: its columns and `position`. `beside`: every dataset of the batch, by id.

    `hidden`: positions of rows that take no part in the searches; `refused`: of all that are refused, once known.
    """

    dataset: Dataset
    rows: pl.DataFrame
    batch: Batch
    catalog: Catalog
    evidence: Evidence
    now: datetime
    beside: dict[str, Arrived] = field(default_factory=dict)
    hidden: Collection[int] = ()
    refused: Collection[int] = ()

    @property
    def today(self) -> date:
        """The day in New York."""
        return self.now.astimezone(NEW_YORK).date()

    @property
    def group(self) -> str:
        """The key column whose rows form one history each; ValueError where the dataset has none."""
        if self.dataset.history is None:
            raise ValueError(f"{self.dataset.id} has no groups: no rule on histories can hold it")
        return self.dataset.history

    @cached_property
    def groups(self) -> pl.Series:
        """The group of each row as text; empty where the dataset has no groups."""
        if self.dataset.history is None:
            return pl.repeat("", self.rows.height, eager=True).alias("group")
        return self.rows[self.group].cast(pl.String).alias("group")

    @cached_property
    def limits(self) -> pl.DataFrame:
        """Of series, the rows with their limits in the published unit: see series_limits."""
        return limits(self.rows, self.batch.source, self.catalog)

    @cached_property
    def clash(self) -> pl.Series:
        """Why each row's group cannot land: two of its rows share a key and differ. NULL where nothing is wrong."""
        return clash_of(self.dataset, self.rows)

    @cached_property
    def sound(self) -> pl.DataFrame:
        """What searches look through: position, keys and values of the newest vintage of each key.

        Groups in which two rows clash and hidden rows are left out; series are in the unit of the mart.
        """
        keys = list(self.dataset.key_names)
        rows = self.rows
        if self.clash.null_count() < rows.height:
            rows = rows.filter(self.clash.is_null())
        if self.hidden:
            rows = rows.filter(~pl.col("position").is_in(list(self.hidden)))
        if self.dataset.is_series:
            rows = in_mart_unit(rows, self.catalog)
        if rows.select(pl.struct(keys).is_duplicated().any()).item():
            rows = rows.sort(*keys, "stated_at", nulls_last=False).unique(keys, keep="last", maintain_order=True)
        return rows

    @cached_property
    def held(self) -> pl.DataFrame:
        """Keys and values as held, of the groups that came; series in the unit of the mart, without gaps."""
        table = self.dataset
        held = self.evidence.held.get(table.id)
        if held is None:
            return self.rows.select(*table.key_names, *table.value_names).clear()
        return in_mart_unit(held, self.catalog) if table.is_series else held

    @property
    def others(self) -> pl.DataFrame:
        """Series of other sources, in the unit of the mart."""
        return in_mart_unit(self.evidence.others, self.catalog)

    def named(self, name: str) -> list[Arrived]:
        """Return the datasets of that name which came with the batch."""
        return [one for one in self.beside.values() if one.dataset.name == name]

    def splits(self, name: str) -> pl.DataFrame:
        """Return the splits held and those that came with the batch in datasets of that name, which count first."""
        own = [
            one.rows.select(
                pl.col(one.group).alias("ticker"),
                pl.col(one.dataset.period).alias("session_date"),
                pl.col(one.dataset.value_names[0]).alias("split_ratio"),
            )
            for one in self.named(name)
        ]
        known = pl.concat([*own, self.evidence.splits.select(list(SPLITS))])
        return known.unique(["ticker", "session_date"], keep="first", maintain_order=True)


def clash_of(table: Dataset, rows: pl.DataFrame) -> pl.Series:
    """Return for each row why its group cannot land, NULL where nothing is wrong with it.

    Where a dataset has no groups, the rows of one key stand or fall together.
    """
    key = dataset_key(table)
    doubled = rows.select(pl.struct(key).is_duplicated()).to_series()
    if not doubled.any():
        return pl.Series("clash", [None], dtype=pl.String).new_from_index(0, rows.height)
    if table.history is None:
        return pl.select(pl.when(doubled).then(pl.lit("two rows with this key")).alias("clash"))["clash"]
    found = clashes(rows, key, table.history, table.value_names)
    return (
        rows[table.history].cast(pl.String).replace_strict(found, default=None, return_dtype=pl.String).alias("clash")
    )
