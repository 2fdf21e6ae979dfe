"""What the catalog says of each row of series: its unit's factor, its plausible range, its largest step."""

from __future__ import annotations

from typing import Any, Final

import polars as pl

from ingest.catalog import Catalog, Series

_LIMITS: Final = {
    "series_id": pl.String,
    "unit": pl.String,
    "factor": pl.Float64,
    "plausible": pl.String,
    "lower": pl.Float64,
    "upper": pl.Float64,
    "max_step": pl.Float64,
}


def limits(rows: pl.DataFrame, source: str, catalog: Catalog) -> pl.DataFrame:
    """Return the rows with their limits in the published unit (lower, upper, max_step), and step, factor, plausible.

    step is the change from the period before, newest vintages only; NULL where there is none to compare with.
    """
    known = []
    for series, provider in catalog.of_source(source):
        for unit in rows.filter(pl.col("series_id") == series.id)["unit"].unique():
            known.append(_limits(catalog, series, unit or provider.unit))
    found = pl.DataFrame(known, schema=_LIMITS, orient="row")
    joined = rows.join(found, on=["series_id", "unit"], how="left", maintain_order="left", validate="m:1")
    newest = (
        joined.filter(pl.col("value").is_not_null())
        .sort("series_id", "period_date", "stated_at", nulls_last=False)
        .unique(["series_id", "period_date"], keep="last", maintain_order=True)
        .select("position", (pl.col("value") - pl.col("value").shift(1).over("series_id")).abs().alias("step"))
    )
    return joined.join(newest, on="position", how="left", maintain_order="left")


def _limits(catalog: Catalog, series: Series, unit: str) -> tuple[Any, ...]:
    bounds = series.plausible
    try:
        factor = catalog.factor(unit, series.unit)
    except KeyError:
        return series.id, unit, None, None, None, None, None
    # a hair wider, so that a bound itself passes whichever way its conversion was rounded
    hair = 1e-9 * max(abs(bounds.min), abs(bounds.max)) / factor
    return (
        *(series.id, unit, factor, f"{bounds.min}..{bounds.max} {series.unit}"),
        *(bounds.min / factor - hair, bounds.max / factor + hair, bounds.max_step / factor + hair),
    )


def in_mart_unit(rows: pl.DataFrame, catalog: Catalog) -> pl.DataFrame:
    """Return the rows with `value` in the unit of the mart; gaps and values in an unknown unit are left out."""
    known: list[tuple[str, str, float]] = []
    for series_id, unit in rows.select("series_id", "unit").unique().rows():
        try:
            known.append((series_id, unit, catalog.factor(unit, catalog.by_id(series_id).unit)))
        except KeyError:
            continue  # the rule on units refuses those, with their unit in the reason
    schema = {"series_id": pl.String, "unit": pl.String, "_factor": pl.Float64}
    factors = pl.DataFrame(known, schema=schema, orient="row")
    return (
        rows.join(factors, on=["series_id", "unit"], how="inner", maintain_order="left")
        .with_columns(value=pl.col("value") * pl.col("_factor"))
        .filter(pl.col("value").is_not_null())
        .drop("_factor", "unit")
    )
