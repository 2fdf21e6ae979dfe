"""One factor over many changes: a history that comes back multiplied was not revised, its unit or its basis changed.

Thousands where units stood, a decimal point moved, a split applied twice, a sign turned: each multiplies most of what
an answer changes by one number. Revisions do not: they move every value by a little, and each by another little.
"""

from __future__ import annotations

from typing import Final

import polars as pl

FEWEST_ROWS: Final = 3
"""So few values changed alike make a block; one or two are single misprints, judged as such."""

_SAME: Final = 1e-6  # less is no change: binary fractions, float32
_AGREES: Final = 0.02  # a value rounded after its unit changed is off by so much at most
_COARSE: Final = 1.25  # values that moved by less than so many times are held to the finer rule
_FINE_AGREES: Final = 0.01
_FINE_ROWS: Final = 10  # a small factor is told from revisions by many rows only
_FINE_LEVELS: Final = 5  # ... of different sizes: a rate corrected for a month is one fact, not thirty
_FINE_SHARE: Final = 0.9
_FINEST: Final = 0.002

SCHEMA: Final = {
    "group": pl.String(),
    "column": pl.String(),
    "factor": pl.Float64(),
    "rows_count": pl.Int64(),
    "compared_count": pl.Int64(),
    "first_period": pl.Date(),
    "last_period": pl.Date(),
}


def common_factors(pairs: pl.DataFrame) -> pl.DataFrame:
    """Return the blocks of values that came back multiplied by one factor, at most one per group and column.

    `pairs`: group, column, period, value, held; what came and what is held of the same key, NULLs left out by us. May
    have `is_revised`: a group whose past is estimated anew, held to the coarse rule alone. Returned: SCHEMA.
    """
    ratio = pl.col("value") / pl.col("held")
    if "is_revised" not in pairs.columns:
        pairs = pairs.with_columns(is_revised=pl.lit(value=False))
    compared = pairs.filter(pl.col("value").is_finite(), pl.col("held").is_finite(), pl.col("held") != 0)
    changes = compared.filter((pl.col("value") - pl.col("held")).abs() > _SAME * pl.col("held").abs())
    if changes.height < FEWEST_ROWS:
        return pl.DataFrame(schema=SCHEMA)
    keys = ["group", "column"]
    counted = compared.group_by(keys).agg(pl.len().cast(pl.Int64).alias("compared_count"))
    changes = changes.with_columns(ratio=ratio)
    is_coarse = (pl.col("ratio") < 1 / _COARSE) | (pl.col("ratio") > _COARSE)
    coarse = _agreeing(changes.filter(is_coarse), pl.lit(_AGREES)).filter(
        pl.col("rows_count") >= FEWEST_ROWS, pl.col("rows_count") * 2 >= pl.col("changed_count")
    )
    fine = (
        _agreeing(
            changes.filter(~pl.col("is_revised")),
            pl.min_horizontal(pl.lit(_FINE_AGREES), (pl.col("factor") - 1).abs() / 10),
        )
        .join(counted, on=keys, how="left")
        .filter(
            pl.col("rows_count") >= _FINE_ROWS,
            pl.col("levels_count") >= _FINE_LEVELS,
            pl.col("rows_count") >= _FINE_SHARE * pl.col("changed_count"),
            pl.col("rows_count") * 2 > pl.col("compared_count"),
            (pl.col("factor") - 1).abs() > _FINEST,
        )
        .drop("compared_count")
    )
    found = pl.concat([coarse, fine]).unique(keys, keep="first", maintain_order=True)
    return found.join(counted, on=keys, how="left").select(
        *(pl.col(name).cast(dtype) for name, dtype in SCHEMA.items())
    )


def _agreeing(changes: pl.DataFrame, tolerance: pl.Expr) -> pl.DataFrame:
    """Return per group and column the middle ratio and how many of the changes have it."""
    keys = ["group", "column"]
    agrees = (pl.col("ratio") - pl.col("factor")).abs() <= tolerance * pl.col("factor").abs()
    return (
        changes.with_columns(
            factor=pl.col("ratio").quantile(0.5, interpolation="nearest").over(keys),
            changed_count=pl.len().over(keys),
        )
        .filter(agrees)
        .group_by(keys, maintain_order=True)
        .agg(
            pl.col("factor").first(),
            pl.len().alias("rows_count"),
            pl.col("changed_count").first(),
            pl.col("held").n_unique().alias("levels_count"),
            pl.col("period").min().alias("first_period"),
            pl.col("period").max().alias("last_period"),
        )
    )


def told(factor: float) -> str:
    """Return a factor as a person writes it: 1,000, 0.01, 1/2 as 0.5, -1."""
    return f"{factor:,.4g}" if abs(factor) < 1000 else f"{factor:,.0f}"


def sentence(block: dict[str, object], source: str) -> str:
    """Return in words what a row of SCHEMA found: source, group, column, factor, how many values, from when to when."""
    factor = block["factor"]
    assert isinstance(factor, float)
    what = "became zero" if factor == 0 else f"came back multiplied by {told(factor)}"
    return (
        f"{' '.join(filter(None, (source, str(block['group']))))}: {block['rows_count']} of {block['compared_count']} "
        f"values held of {block['column']} {what} ({block['first_period']} to {block['last_period']})"
    )
