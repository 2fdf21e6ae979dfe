"""The DDL of the raw tables and of their views of newest vintages: nothing else creates or comments them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

import polars as pl

from ingest.dataset import DATASETS, Dataset
from warehouse.latest import latest_of, newest

_TYPES: Final[Mapping[pl.DataType, str]] = {
    pl.String(): "varchar",
    pl.Date(): "date",
    pl.Float64(): "double",
    pl.Int64(): "bigint",
    pl.Boolean(): "boolean",
    pl.Datetime("us"): "timestamp",
}
_OF_DAILY_FILES: Final = ("payload_sha256", "known_at", "known_basis")
_BASES: Final = "('vintage', 'captured', 'release_rule', 'latest_only')"


class StoredColumn(NamedTuple):
    """One column of a raw table as DuckDB has it."""

    name: str
    kind: str
    constraint: str
    comment: str


def stored_columns(table: Dataset) -> tuple[StoredColumn, ...]:
    """Return the columns of a raw table: what a parser returns, then what landing records beside each row."""
    required = {column.name for column in (*table.keys, *table.attributes)}
    by_name = {column.name: column for column in (*table.keys, *table.attributes, *table.values)}
    declared = (
        StoredColumn(name, _TYPES[by_name[name].dtype], " not null" * (name in required), by_name[name].comment)
        for name in table.rows_schema
        if name in by_name
    )
    recorded = {one.name: one for one in _recorded(table)}
    if table.is_in_daily_files:
        return (*declared, *(recorded[name] for name in _OF_DAILY_FILES))
    return (*declared, *recorded.values())


def raw_ddl() -> Iterator[tuple[str, str]]:
    """Yield name and text of the migrations of each raw table and of its view; each may run twice."""
    in_rows = [table for table in DATASETS if not table.is_in_daily_files]  # warehouse.snapshots shows the others
    for table in in_rows:
        yield f"table {table.id}", _table(table)
    for table in in_rows:
        yield f"latest {table.id}", _view(table)


def _recorded(table: Dataset) -> tuple[StoredColumn, ...]:
    # tables of other than series never had it, and what exists is not altered
    own = f" check (provider = '{table.source}')" * table.is_series
    return (
        StoredColumn(
            "known_at",
            "timestamp",
            " not null",
            "UTC; the earliest moment someone in New York could have read this row from this provider",
        ),
        StoredColumn(
            "known_basis",
            "varchar",
            f" not null check (known_basis in {_BASES})",
            "vintage: the provider says so; captured: when we first saw it; release_rule: the calendar rule; "
            "latest_only: the rule, but the row may have been revised since",
        ),
        StoredColumn("provider", "varchar", f" not null{own}", "The source"),
        StoredColumn("payload_sha256", "varchar", " not null", "The archived payload the row was read from"),
        StoredColumn("loaded_at", "timestamp", " not null", "UTC; when the row landed"),
        StoredColumn("run_id", "varchar", " not null", "The run that landed it"),
    )


def _table(table: Dataset) -> str:
    columns = stored_columns(table)
    lines = ",\n    ".join(f"{one.name} {one.kind}{one.constraint}" for one in columns)
    statements = [
        f"create schema if not exists {table.source}",
        f"create table if not exists {table.id} (\n    {lines}\n)",
        f"comment on table {table.id} is {_quoted(table.comment)}",
        *(f"comment on column {table.id}.{one.name} is {_quoted(one.comment)}" for one in columns),
    ]
    return ";\n".join(statements) + ";\n"


def _view(table: Dataset) -> str:
    view = latest_of(table.id)
    return (
        f"create or replace view {view} as {newest(table.id, table.key_names)};\n"
        f"comment on view {view} is"
        f" 'The newest vintage of each key of {table.id}; one that was withdrawn has no values.';\n"
    )


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
