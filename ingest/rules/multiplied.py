"""Histories that come back multiplied by one factor: groups refused whole, and single values a unit away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from math import prod
from typing import Final

import polars as pl

from ingest.dataset import Dataset
from ingest.rules.arrived import Arrived
from ingest.rules.common_factor import common_factors, sentence, told
from ingest.rules.findings import FACTOR_CHECK, Findings, pairs_of
from ingest.rules.levels import is_unit_factor

_SPLIT_SEEN_LATE: Final = timedelta(days=10)  # a split may be listed, or its basis change, so long after its day
_NEW_SNAPSHOT: Final = 3.0  # holdings of two days differ by what was created and redeemed between them
_RESTATED_TO: Final = 0.02
_SIZE_STEP: Final = 5.0


@dataclass(frozen=True, slots=True)
class Multiplied:
    """How a dataset is searched. `numbers`: the columns compared; `misprints`: those of which one value may be refused.

    `splits`: the name of the datasets whose splits restate the past, `restated` by which power of the ratio each
    column moves then. `same`: the key column that tells lines of two snapshots of a group apart, `amounts` what is
    compared between them.
    """

    numbers: Sequence[str]
    misprints: Sequence[str] = ()
    splits: str = ""
    restated: Mapping[str, float] | None = None
    same: str = ""
    amounts: Sequence[str] = ()

    def look(self, arrived: Arrived, found: Findings) -> None:
        """Refuse groups whose held values come back multiplied; refuse a row or two that are a unit off.

        A dataset without histories of its own is one.
        """
        table, rows, held = arrived.dataset, arrived.sound, arrived.held
        if held.is_empty() or rows.is_empty():
            return
        pairs = pairs_of(
            rows.join(held, on=list(table.key_names), suffix="_held"), self.numbers, table.history, table.period
        )
        if table.is_series:
            revised = [series.id for series in arrived.catalog.series if series.is_revised]
            pairs = pairs.with_columns(is_revised=pl.col("group").is_in(revised))
        blocks = common_factors(pairs)
        if self.same:
            blocks = pl.concat([blocks, self._between_snapshots(arrived)])
        for block in blocks.iter_rows(named=True):
            if not self._restates(block, arrived):
                found.hold(table, FACTOR_CHECK, block["group"], sentence(block, table.source))
        if self.misprints:
            self._single_misprints(found, table, pairs.filter(~pl.col("group").is_in(blocks["group"].implode())))

    def _restates(self, block: Mapping[str, object], arrived: Arrived) -> bool:
        """Say whether known splits explain that a group's past is printed on another basis.

        They must be new (a split of years ago had been in what is held) and later than every day that changed.
        """
        factor, last, group = block["factor"], block["last_period"], block["group"]
        assert isinstance(factor, float)
        assert isinstance(last, date)
        power = (self.restated or {}).get(str(block["column"]))
        if power is None or factor <= 0:
            return False
        newest_held = arrived.held.filter(pl.col(arrived.group).cast(pl.String) == group)[arrived.dataset.period].max()
        assert isinstance(newest_held, date)
        fresh = arrived.splits(self.splits).filter(
            pl.col("ticker") == group,
            pl.col("session_date") > last,
            pl.col("session_date") > newest_held - _SPLIT_SEEN_LATE,
            pl.col("session_date") <= arrived.today + timedelta(days=1),
        )
        if fresh.is_empty():
            return False
        expected = prod(fresh["split_ratio"]) ** power
        return bool(abs(factor / expected - 1) <= _RESTATED_TO)

    def _single_misprints(self, found: Findings, table: Dataset, pairs: pl.DataFrame) -> None:
        """Refuse values a unit away from what is held of the same key, unless the rows around them say so too.

        What comes irregularly (splits, dividends) has no rows around it that would.
        """
        ratio = pl.col("value") / pl.col("held")
        off = (
            pairs.sort("column", "group", "period")
            .with_columns(around=pl.col("value").shift(1).over("column", "group"))
            .filter(
                pl.col("column").is_in(list(self.misprints)),
                pl.col("held") != 0,
                (ratio >= _SIZE_STEP) | (ratio <= 1 / _SIZE_STEP),
            )
            .with_columns(ratio=ratio, beside=pl.col("value") / pl.col("around"))
        )
        for row in off.iter_rows(named=True):
            stands = table.is_regular and row["beside"] is not None and 1 / _SIZE_STEP < row["beside"] < _SIZE_STEP
            if is_unit_factor(row["ratio"]) and not stands:
                why = (
                    f"{table.source} {row['group']}: {row['column']} of {row['period']} came back multiplied by "
                    f"{told(row['ratio'])}"
                )
                found.refuse(table, FACTOR_CHECK, [row["position"]], why)

    def _between_snapshots(self, arrived: Arrived) -> pl.DataFrame:
        """Return the factors by which all lines of a group grew since the newest snapshot held of another day."""
        group, period, held = arrived.group, arrived.dataset.period, arrived.held
        new = arrived.sound.join(held.select(group, period).unique(), on=[group, period], how="anti")
        last = held.filter(pl.col(period) == pl.col(period).max().over(group))
        key = [group, self.same]
        both = new.unique(key, keep="none").join(last.unique(key, keep="none"), on=key, suffix="_held")
        factor = pl.col("factor")
        found = common_factors(pairs_of(both, self.amounts, group, period))
        return found.filter((factor > _NEW_SNAPSHOT) | (factor < 1 / _NEW_SNAPSHOT))
