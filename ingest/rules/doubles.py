"""Two rows under one key: the same twice counts once, a filled one counts before an empty one, two that differ clash.

Every source and both gates go by these rules, whatever the format: publishers repeat lines, send a live bar behind the
final one, serve one day on two pages.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import polars as pl

from ingest.dataset import Dataset

SERIES_KEY: Final = ("series_id", "period_date", "stated_at")

_FROM_US: Final = ("payload_sha256", "fetched_at")  # say where a row came from, not what it says
_SAID_ANYWAY: Final = ("code", "unit", "stated_at")  # by a gap too
_SHOWN: Final = 2


def dataset_key(table: Dataset) -> tuple[str, ...]:
    """Return what tells two rows of one batch apart: the keys, and the moment where the provider states one."""
    return (*(column.name for column in table.keys), "stated_at")


def panel_clashes(table: Dataset, rows: pl.DataFrame, group: str | None) -> pl.Series:
    """Return for each row why its group cannot land, NULL where nothing is wrong with it.

    `group` is the column of what stands or falls together (ticker, fund); where a table has none, the key itself.
    """
    key = dataset_key(table)
    nothing = pl.Series("clash", [None] * rows.height, dtype=pl.String)
    doubled = rows.select(pl.struct(key).is_duplicated()).to_series()
    if not doubled.any():
        return nothing
    if group is None:
        return pl.select(pl.when(doubled).then(pl.lit("two rows with this key")).alias("clash"))["clash"]
    found = clashes(rows, key, group, [column.name for column in table.values])
    return rows[group].replace_strict(found, default=None, return_dtype=pl.String).alias("clash")


def one_row_each(rows: pl.DataFrame, keys: Sequence[str]) -> pl.DataFrame:
    """Return `rows` without repeats, in their order.

    Rows with one key that contradict each other nowhere (the same twice; a gap beside a value) become one. Where they
    do, all that are filled stay, and still share their key: they are for the gate.
    """
    key = [name for name in keys if name in rows.columns]
    is_doubled = rows.select(pl.struct(key).is_duplicated()).to_series()
    if not is_doubled.any():
        return rows
    values = [name for name in rows.columns if name not in {*key, *_FROM_US}]
    told = [name for name in values if name not in _SAID_ANYWAY] or values
    numbered = rows.with_row_index("_at")
    doubled = numbered.filter(is_doubled).with_columns(
        _is_gap=pl.all_horizontal(pl.col(name).is_null() for name in told),
        _clashes=pl.any_horizontal(pl.col(name).drop_nulls().n_unique().over(key) > 1 for name in values),
    )
    one = (
        doubled.filter(~pl.col("_clashes"))
        .with_columns(pl.col(name).drop_nulls().first().over(key).alias(name) for name in values)
        .unique(key, keep="first", maintain_order=True)
    )
    several = doubled.filter(pl.col("_clashes") & ~pl.col("_is_gap")).unique(
        [*key, *values], keep="first", maintain_order=True
    )
    kept = (frame.select(numbered.columns) for frame in (numbered.filter(~is_doubled), one, several))
    return pl.concat(kept).sort("_at").drop("_at")


def clashes(rows: pl.DataFrame, keys: Sequence[str], group: str | None, values: Sequence[str]) -> dict[str, str]:
    """Return, by group, a sentence that names the first key of the group that says two things, and both.

    `group` is the column whose rows stand or fall together; None: the sentence stands under "".
    """
    key = [name for name in keys if name in rows.columns]
    doubled = rows.filter(pl.struct(key).is_duplicated())
    found: dict[str, str] = {}
    for row in doubled.iter_rows(named=True):
        name = str(row[group]) if group is not None else ""
        if name in found:
            continue
        same = doubled.filter(*(pl.col(one).eq_missing(pl.lit(row[one], dtype=rows.schema[one])) for one in key))
        where = " ".join(str(row[one]) for one in key if one != group and row[one] is not None)
        differing = [one for one in values if same[one].n_unique() > 1][:_SHOWN] or list(values[:1])
        sides = [" ".join(f"{one} {_shown(other[one])}" for one in differing) for other in same.head(2).to_dicts()]
        found[name] = f"two rows for {where}: {' and '.join(sides)}; nothing says which one counts"
    return found


def _shown(cell: object) -> str:
    return "nothing" if cell is None else str(cell)
