"""Series that leave their level: runs further away than the catalog's largest step, spikes that nobody else shows.

Counts may leave theirs for good reasons, a hundredfold in a panic. But a count times a hundred ends in two zeros.
"""

from __future__ import annotations

from typing import Any, Final

import polars as pl

from ingest.catalog import Series
from ingest.rules.arrived import Arrived
from ingest.rules.common_factor import told
from ingest.rules.findings import HELD, LEVEL_CHECK, Findings
from ingest.rules.levels import Finding, Persistence, is_unit_factor, runs_off_level
from ingest.rules.spikes import SPIKE_CHECK, has_level, spikes

_FAR_STEPS: Final = 3.0  # steps of more than so many largest ones: no market, whatever their ratio
_RECENT: Final = 30  # periods: a run that has just begun may be a unit that changed today
_HUNDRED: Final = 100
_FEWEST_ROUND: Final = 3  # so many counts in a row end in two zeros by chance once in a million
_ROUND_SHARE: Final = 0.05
_TOLD_FROM: Final = 60  # periods: fewer do not say which digits a series has


def look_for_levels(arrived: Arrived, found: Findings) -> None:
    """Refuse runs that no market moves to: more than the largest step away by a unit's factor, or by several steps.

    And runs of counts that all end in two zeros, where those around them do not.
    """
    for series, values in _each(arrived, found):
        _off_level(arrived, found, values, series)
        _round(arrived, found, values, series)


def look_for_spikes(arrived: Arrived, found: Findings) -> None:
    """Refuse values of rates and indices that leave their level and that no second provider shows."""
    others = arrived.others
    refused = found.rows.setdefault(arrived.dataset.id, {})
    for series, values in _each(arrived, found):
        if has_level(series):
            second = others.filter(pl.col("series_id") == series.id).select("period_date", "value")
            for position, why in spikes(values.drop("is_held"), second, series).items():
                if position != HELD and position not in refused:
                    found.refuse(arrived.dataset, SPIKE_CHECK, [position], f"{series.id}: {why}")


def _each(arrived: Arrived, found: Findings) -> list[tuple[Series, pl.DataFrame]]:
    """Return position, period_date, value, is_held of each series that is not refused whole, in time order.

    What came, and what is held of other periods.
    """
    columns = ["position", "period_date", "value", "is_held"]
    own = arrived.sound.filter(pl.col("series_id").is_in(found.held_groups(arrived.dataset)).not_())
    own = own.filter(pl.col("value").is_finite()).with_columns(is_held=pl.lit(value=False))
    held = arrived.held.with_columns(position=pl.lit(HELD, dtype=pl.UInt32), is_held=pl.lit(value=True))
    held_of = held.partition_by("series_id", as_dict=True)
    tables = []
    for (series_id,), mine in own.group_by("series_id", maintain_order=True):
        context = held_of.get((series_id,), held.clear()).join(mine, on="period_date", how="anti")
        values = pl.concat([mine.select(columns), context.select(columns)]).sort("period_date")
        tables.append((arrived.catalog.by_id(str(series_id)), values))
    return tables


def _off_level(arrived: Arrived, found: Findings, values: pl.DataFrame, series: Series) -> None:
    largest = series.plausible.max_step
    step, ratio = pl.col("value").diff().abs(), pl.col("value") / pl.col("value").shift(1)
    places = values.with_row_index("at").with_columns(step=step, ratio=ratio).filter(pl.col("step") > largest)
    breaks = [
        row["at"]
        for row in places.iter_rows(named=True)
        if row["step"] > _FAR_STEPS * largest or is_unit_factor(row["ratio"])
    ]
    if not breaks:
        return
    is_held = values["is_held"].to_list()
    anchor = next((at for at in range(len(is_held) - 1, -1, -1) if is_held[at]), None)

    def persists(factor: float, rows: int, is_last: bool) -> Persistence | None:
        if is_last and rows <= _RECENT:
            return "run"
        return "group" if is_unit_factor(factor) and rows > 1 else None

    findings = runs_off_level(
        values["value"].to_list(),
        breaks,
        near=lambda a, b: abs(b - a) <= largest,
        persists=persists,
        anchor=anchor,
    )
    for finding in findings:
        _tell(arrived, found, finding, values, series)


def _round(arrived: Arrived, found: Findings, values: pl.DataFrame, series: Series) -> None:
    is_round = (pl.col("value") % _HUNDRED == 0) & (pl.col("value") != 0)
    known = values.drop_nulls("value").with_columns(is_round=is_round)
    if known.filter("is_round", ~pl.col("is_held")).height < _FEWEST_ROUND:
        return
    held = known.filter("is_held")
    before = held if held.height >= _TOLD_FROM else known
    is_told = before.height >= _TOLD_FROM and before["is_round"].sum() <= _ROUND_SHARE * before.height
    if not is_told or (before["value"] % 1 != 0).any():
        return
    runs = known.with_columns(run=pl.col("is_round").rle_id()).filter("is_round", ~pl.col("is_held"))
    for _, run in runs.group_by("run", maintain_order=True):
        if run.height >= _FEWEST_ROUND:
            span = f"{run['period_date'][0]} to {run['period_date'][-1]}"
            why = f"{series.id}: {run.height} counts in a row that end in two zeros, as those before do not ({span})"
            found.refuse(arrived.dataset, LEVEL_CHECK, run["position"].to_list(), why)


def _tell(arrived: Arrived, found: Findings, finding: Finding, values: pl.DataFrame, series: Series) -> None:
    run: list[dict[str, Any]] = values[finding.first : finding.last + 1].filter(~pl.col("is_held")).to_dicts()
    if not run:
        return
    span = f"{run[0]['period_date']} to {run[-1]['period_date']}"
    why = f"{series.id}: {len(run)} values at {told(finding.factor)} times the level around them ({span})"
    if finding.is_group:
        found.hold(arrived.dataset, LEVEL_CHECK, series.id, f"{why}, and nothing held says which is right")
        return
    if len(run) == 1 and finding.came_back:
        why = f"{series.id}: value {run[0]['value']:g} at {told(finding.factor)} times those around it"
    found.refuse(arrived.dataset, LEVEL_CHECK, [row["position"] for row in run], why)
