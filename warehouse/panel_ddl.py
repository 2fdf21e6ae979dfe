"""The DDL of the raw panel tables, from their one definition in ingest.panel."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import polars as pl

from ingest.dataset import TABLES, Dataset

_TYPES: Final[Mapping[pl.DataType, str]] = {
    pl.String(): "varchar",
    pl.Date(): "date",
    pl.Float64(): "double",
    pl.Int64(): "bigint",
    pl.Boolean(): "boolean",
}
_BASES: Final = "('vintage', 'captured', 'release_rule', 'latest_only')"
# The same on every raw table: name, type with its constraints, comment.
_RECORDED: Final = (
    (
        "known_at",
        "timestamp not null",
        "UTC; the earliest moment someone in New York could have read this row from this provider",
    ),
    (
        "known_basis",
        f"varchar not null check (known_basis in {_BASES})",
        "vintage: the provider says so; captured: when we first saw it; release_rule: the calendar rule; "
        "latest_only: the rule, but the row may have been revised since",
    ),
    ("provider", "varchar not null", "The source"),
    ("payload_sha256", "varchar not null", "The archived payload the row was read from"),
    ("loaded_at", "timestamp not null", "UTC; when the row landed"),
    ("run_id", "varchar not null", "The run that landed it"),
)


def panel_ddl() -> Iterator[tuple[str, str]]:
    """Yield name and text of one migration per panel table; each may run twice."""
    for table in TABLES:
        if table.is_in_daily_files:  # warehouse.snapshots shows its files as views
            continue
        yield f"panel {table.id}", _ddl(table)


def _ddl(table: Dataset) -> str:
    columns = [(column.name, f"{_TYPES[column.dtype]} not null", column.comment) for column in table.keys]
    columns += [(column.name, _TYPES[column.dtype], column.comment) for column in table.values]
    columns += _RECORDED
    lines = ",\n    ".join(f"{name} {kind}" for name, kind, _ in columns)
    statements = [
        f"create schema if not exists {table.source}",
        f"create table if not exists {table.id} (\n    {lines}\n)",
        f"comment on table {table.id} is {_quoted(table.comment)}",
        *(f"comment on column {table.id}.{name} is {_quoted(comment)}" for name, _, comment in columns),
    ]
    return ";\n".join(statements) + ";\n"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
