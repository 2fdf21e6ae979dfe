"""Polars frames of published tables: their columns, in order, in the types that the comments promise."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

import polars as pl

if TYPE_CHECKING:
    from warehouse.declared_tables import Column, DeclaredTable

_TYPES: Final[dict[str, pl.DataType]] = {
    "varchar": pl.String(),
    "bigint": pl.Int64(),
    "integer": pl.Int32(),
    "double": pl.Float64(),
    "boolean": pl.Boolean(),
    "date": pl.Date(),
    "timestamp": pl.Datetime("us"),
}


def schema_of(columns: Iterable[Column]) -> dict[str, pl.DataType]:
    """Return the polars schema of columns."""
    return {column.name: _TYPES[column.kind.split()[0]] for column in columns}


def shaped(frame: pl.DataFrame, table: DeclaredTable) -> pl.DataFrame:
    """Return `frame` with the columns of `table`, in its order and types."""
    return frame.select(pl.col(name).cast(kind) for name, kind in schema_of(table.columns).items())
