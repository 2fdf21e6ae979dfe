"""Polars frames of published tables: their columns, in order, in the types that the comments promise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

if TYPE_CHECKING:
    from warehouse.derived_table import DerivedTable

_TYPES: Final[dict[str, pl.DataType]] = {
    "varchar": pl.String(),
    "bigint": pl.Int64(),
    "double": pl.Float64(),
    "boolean": pl.Boolean(),
    "date": pl.Date(),
    "timestamp": pl.Datetime("us"),
}


def schema_of(table: DerivedTable) -> dict[str, pl.DataType]:
    """Return the polars schema of `table`."""
    return {name: _TYPES[kind] for name, kind, _ in table.columns}


def shaped(frame: pl.DataFrame, table: DerivedTable) -> pl.DataFrame:
    """Return `frame` with the columns of `table`, in its order and types."""
    return frame.select(pl.col(name).cast(kind) for name, kind in schema_of(table).items())
