"""What is wrong with series beside their bounds: histories multiplied, runs off their level, spikes, dates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import polars as pl

from ingest.catalog import Catalog, Series
from ingest.rules.common_factor import common_factors, sentence, told
from ingest.rules.evidence import SeriesEvidence
from ingest.rules.expectations import Severity
from ingest.rules.levels import Finding, Persistence, is_unit_factor, runs_off_level
from ingest.rules.magnitudes import SERIES_VALUE, is_impossible
from ingest.rules.period_sense import senseless_periods
from ingest.rules.spikes import SPIKE_CHECK, has_level, spikes

FACTOR_CHECK: Final = "history_is_not_multiplied"
LEVEL_CHECK: Final = "level_holds"
PERIOD_CHECK: Final = "period_is_sensible"
SIZE_CHECK: Final = "values_are_possible"

BLOCK_CHECKS: Final[Mapping[str, tuple[Severity, str]]] = {
    FACTOR_CHECK: ("error", "series whose held values came back multiplied by one factor, refused whole"),
    LEVEL_CHECK: ("error", "runs of values at another level than those around them, refused"),
    PERIOD_CHECK: ("error", "periods before the series began, off its rhythm or years from all others, refused"),
    SIZE_CHECK: ("error", "values of a size that none has, refused"),
    SPIKE_CHECK: ("warn", "values that leave their level and that no second provider shows, refused"),
}
"""Severity of each check, and what it finds."""

_FAR_STEPS: Final = 3.0  # steps of more than so many largest ones: no market, whatever their ratio
_RECENT: Final = 30  # periods: a run that has just begun may be a unit that changed today


@dataclass(slots=True)
class SeriesBlocks:
    """Why series are refused whole, why rows are (by position), and per check what is told to people."""

    series: dict[str, str] = field(default_factory=dict)
    rows: dict[int, str] = field(default_factory=dict)
    checks: dict[str, list[str]] = field(default_factory=lambda: {name: [] for name in BLOCK_CHECKS})

    def refuse(self, check: str, series_id: str, reasons: dict[int, str]) -> None:
        """Refuse rows by their position; the first reason of a row stands."""
        for position, why in reasons.items():
            if self.rows.setdefault(position, why) == why:
                self.checks[check].append(f"{series_id}: {why}")


def find_series_blocks(rows: pl.DataFrame, catalog: Catalog, source: str, evidence: SeriesEvidence) -> SeriesBlocks:
    """Look through the rows of one source. `rows`: a batch's, with `factor` (published unit to the mart's)."""
    found = SeriesBlocks()
    numbered = rows.drop("position", strict=False).with_row_index("position")
    impossible = numbered.filter(is_impossible("value", SERIES_VALUE))
    for row in impossible.iter_rows(named=True):
        why = f"value {row['value']:g} {row['unit']} is of a size that none has"
        found.refuse(SIZE_CHECK, row["series_id"], {row["position"]: why})
    for position, why in senseless_periods(rows, catalog).items():
        found.refuse(PERIOD_CHECK, rows["series_id"][position], {position: why})
    newest = (
        numbered.filter(pl.col("value").is_finite(), ~pl.col("position").is_in(list(found.rows)))
        .sort("series_id", "period_date", "stated_at", nulls_last=False)
        .unique(["series_id", "period_date"], keep="last", maintain_order=True)
        .select("position", "series_id", "period_date", value=pl.col("value") * pl.col("factor"))
        .drop_nulls("value")
    )
    held = in_mart_unit(evidence.held, catalog)
    _multiplied(found, newest, held, catalog, source)
    others = in_mart_unit(evidence.others, catalog)
    sound = newest.filter(pl.col("series_id").is_in(list(found.series)).not_())
    for (series_id,), mine in sound.group_by("series_id", maintain_order=True):
        series = catalog.by_id(str(series_id))
        values = _with_context(mine, held.filter(pl.col("series_id") == series_id))
        _off_level(found, values, series)
        if has_level(series):
            second = others.filter(pl.col("series_id") == series_id).select("period_date", "value")
            doubted = spikes(values.select("position", "period_date", "value"), second, series)
            found.refuse(SPIKE_CHECK, series.id, {at: why for at, why in doubted.items() if at < rows.height})
    return found


def in_mart_unit(values: pl.DataFrame, catalog: Catalog) -> pl.DataFrame:
    """Return series_id, period_date, value in the unit of the mart; values in an unknown unit are left out."""
    known: list[tuple[str, str, float]] = []
    for series_id, unit in values.select("series_id", "unit").unique().rows():
        try:
            known.append((series_id, unit, catalog.factor(unit, catalog.by_id(series_id).unit)))
        except KeyError:
            continue
    factors = pl.DataFrame(
        known, schema={"series_id": pl.String, "unit": pl.String, "factor": pl.Float64}, orient="row"
    )
    return (
        values.join(factors, on=["series_id", "unit"], maintain_order="left")
        .select("series_id", "period_date", value=pl.col("value") * pl.col("factor"))
        .drop_nulls("value")
    )


def _multiplied(found: SeriesBlocks, newest: pl.DataFrame, held: pl.DataFrame, catalog: Catalog, source: str) -> None:
    """Refuse series whole whose held values come back multiplied by one factor."""
    if held.is_empty():
        return
    revised = [series.id for series in catalog.series if series.is_revised]
    pairs = newest.join(held, on=["series_id", "period_date"], suffix="_held").select(
        group="series_id",
        column=pl.lit("value"),
        period="period_date",
        value="value",
        held="value_held",
        is_revised=pl.col("series_id").is_in(revised),
    )
    for block in common_factors(pairs).iter_rows(named=True):
        why = sentence(block, source)
        found.series[block["group"]] = f"{FACTOR_CHECK}: {why}; nothing of {block['group']} in this answer"
        found.checks[FACTOR_CHECK].append(why)


def _with_context(mine: pl.DataFrame, held: pl.DataFrame) -> pl.DataFrame:
    """Return the values that came and those held of other periods: `is_held`, at positions beyond every row's."""
    context = held.join(mine, on="period_date", how="anti").with_columns(
        position=pl.lit(2**32 - 1, dtype=pl.UInt32), is_held=pl.lit(value=True)
    )
    came = mine.with_columns(is_held=pl.lit(value=False))
    return pl.concat([came, context.select(came.columns)]).sort("period_date")


def _off_level(found: SeriesBlocks, values: pl.DataFrame, series: Series) -> None:
    """Refuse runs that no market moves to: more than the largest step away by a unit's factor, or by several steps."""
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
        _tell(found, finding, values, series)


def _tell(found: SeriesBlocks, finding: Finding, values: pl.DataFrame, series: Series) -> None:
    run: list[dict[str, Any]] = values[finding.first : finding.last + 1].filter(~pl.col("is_held")).to_dicts()
    if not run:
        return
    span = f"{run[0]['period_date']} to {run[-1]['period_date']}"
    why = f"{len(run)} values at {told(finding.factor)} times the level around them ({span})"
    if finding.is_group:
        found.series[series.id] = f"{LEVEL_CHECK}: {why}, and nothing held says which is right; series refused whole"
        found.checks[LEVEL_CHECK].append(f"{series.id}: {why}")
        return
    if len(run) == 1 and finding.came_back:
        why = f"value {run[0]['value']:g} at {told(finding.factor)} times those around it"
    for row in run:
        found.rows.setdefault(row["position"], f"{LEVEL_CHECK}: {why}")
    found.checks[LEVEL_CHECK].append(f"{series.id}: {why}")
