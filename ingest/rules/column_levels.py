"""Columns that stand a unit away from the days around them: NAVs, share counts, assets, anything that grows slowly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import polars as pl

from ingest.rules.arrived import Arrived
from ingest.rules.common_factor import told
from ingest.rules.findings import HELD, LEVEL_CHECK, Findings
from ingest.rules.levels import Persistence, is_unit_factor, runs_off_level

_STEP: Final = 5.0
_GROWN_UP: Final = 60  # rows; the share count of a younger fund does multiply
_HELD_LATELY: Final = timedelta(days=35)
"""A level that was held so lately is the one before. Later than that a new one stands: nothing is refused for ever."""


@dataclass(frozen=True, slots=True)
class ColumnLevels:
    """Refuses runs of values a unit away from those around them, in each of `columns`.

    `grown_from`: from this size on a value held lately has grown up, however few rows come with it.
    """

    columns: Sequence[str]
    grown_from: float | None = None

    def look(self, arrived: Arrived, found: Findings) -> None:
        """Look through each column of what came."""
        group, period = arrived.group, arrived.dataset.period
        for name in self.columns:
            own = arrived.sound.select("position", pl.col(group).alias("group"), pl.col(period).alias("period"), name)
            sizes = pl.concat([own, _last_before(arrived, own, name)]).filter(pl.col(name) > 0).sort("group", "period")
            sizes = sizes.with_columns(factor=pl.col(name) / pl.col(name).shift(1).over("group"))
            breaks = sizes.filter((pl.col("factor") >= _STEP) | (pl.col("factor") <= 1 / _STEP))
            if breaks.is_empty():
                continue
            at_break = set(breaks["position"])
            in_doubt = sizes.join(breaks.select("group").unique(), on="group", how="semi")
            for (key,), days in in_doubt.group_by("group", maintain_order=True):
                _judge(arrived, found, str(key), name, days, at_break, self.grown_from)


def _last_before(arrived: Arrived, own: pl.DataFrame, name: str) -> pl.DataFrame:
    """Return the last value held of each group from before its first row."""
    firsts = own.group_by("group").agg(first=pl.col("period").min())
    return (
        arrived.held.select(
            pl.lit(HELD, dtype=pl.UInt32).alias("position"),
            pl.col(arrived.group).alias("group"),
            pl.col(arrived.dataset.period).alias("period"),
            name,
        )
        .drop_nulls()
        .join(firsts, on="group")
        .filter(pl.col("period") < pl.col("first"))
        .sort("group", "period")
        .unique("group", keep="last", maintain_order=True)
        .select(own.columns)
    )


def _judge(
    arrived: Arrived,
    found: Findings,
    group: str,
    name: str,
    days: pl.DataFrame,
    at_break: set[int],
    grown_from: float | None,
) -> None:
    places, on = days["position"].to_list(), days["period"].to_list()
    anchor = next((at for at, place in enumerate(places) if place == HELD), None)
    is_grown = (
        grown_from is not None
        and anchor is not None
        and days[name][anchor] >= grown_from
        and on[anchor + 1] - on[anchor] <= _HELD_LATELY
    )
    findings = runs_off_level(
        days[name].to_list(),
        [at for at, place in enumerate(places) if at and place in at_break],
        near=lambda a, b: 1 / _STEP < b / a < _STEP,
        persists=_persists(len(places), is_grown=is_grown),
        anchor=anchor,
    )
    table = arrived.dataset
    for finding in findings:
        if finding.came_back and not is_unit_factor(finding.factor):
            continue
        span = f"{on[finding.first]} to {on[finding.last]}"
        why = f"{table.source} {group}: {name} at {told(finding.factor)} times the level around it ({span})"
        if finding.is_group:
            found.hold(table, LEVEL_CHECK, group, f"{why}, and nothing held says which is right")
        else:
            found.refuse(table, LEVEL_CHECK, places[finding.first : finding.last + 1], why)


def _persists(days_count: int, *, is_grown: bool) -> Callable[[float, int, bool], Persistence | None]:
    def persists(factor: float, rows: int, is_last: bool) -> Persistence | None:
        # a young fund grows tenfold in a week; a share count printed in thousands is exact
        if (days_count - rows < _GROWN_UP and not is_grown) or not is_unit_factor(factor):
            return None
        return "run" if is_last else "group"

    return persists
