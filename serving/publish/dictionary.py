"""The data dictionary and the list of what was left out, as tables of their own beside those of the release."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import duckdb

from serving.publish.licence import Gated
from serving.publish.release import Build, Column, Table
from serving.units import unit_of
from warehouse.sql import insert_rows

DICTIONARY: Final = (
    "dictionary",
    "Every column of this release: its type, unit and meaning. One row per table and column.",
)
LEFT_OUT: Final = (
    "left_out",
    "What of the release is not here because its licence does not let it be passed on: columns, rows of tables by "
    "series, figures inside texts. One row per table, column and kind.",
)


def add_tables(con: duckdb.DuckDBPyConnection, gated: Gated, build: Build) -> list[Table]:
    """Return the tables that go out: those of the release, their dictionary, and what was left out."""
    left = _made(
        con,
        build,
        LEFT_OUT,
        {
            "table_path": ("VARCHAR", "Schema and name of the table"),
            "left_out": ("VARCHAR", "column, rows, or figures in texts"),
            "column_name": ("VARCHAR", "The column; NULL where rows are left out"),
            "series_ids": ("VARCHAR", "The restricted series, comma between"),
            "rows_count": ("BIGINT", "Rows that it concerns"),
        },
        gated.left_out,
    )
    tables = [*gated.tables, left]
    rows = [
        (
            table.path,
            place,
            column.name,
            column.kind,
            unit_of(column.name),
            column.name in table.key,
            column.comment,
            table.comment,
        )
        for table in tables
        for place, column in enumerate(table.columns, start=1)
    ]
    columns = {
        "table_path": ("VARCHAR", "Schema and name of the table"),
        "column_position": ("BIGINT", "Place of the column, from 1"),
        "column_name": ("VARCHAR", "Name of the column"),
        "data_type": ("VARCHAR", "Its type in DuckDB"),
        "unit": ("VARCHAR", "What its numbers count; NULL where there is nothing to say"),
        "is_key": ("BOOLEAN", "Whether it is one of those that together name a row"),
        "comment": ("VARCHAR", "What it holds"),
        "table_comment": ("VARCHAR", "What the table holds"),
    }
    return [*tables, _made(con, build, DICTIONARY, columns, rows)]


def _made(
    con: duckdb.DuckDBPyConnection,
    build: Build,
    named: tuple[str, str],
    columns: dict[str, tuple[str, str]],
    rows: Sequence[Sequence[Any]],
) -> Table:
    name, comment = named
    con.execute(
        f"create or replace temp table {name} ({', '.join(f'{one} {kind}' for one, (kind, _) in columns.items())})"
    )
    insert_rows(con, name, rows)
    described = tuple(Column(one, kind, said, f'"{one}"') for one, (kind, said) in columns.items())
    return Table("meta", name, f"{build.mark}{comment}", described, (), f"temp.{name}")
