"""The file of a release while it is being written: made, filled with tables of the build file, closed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import duckdb

from warehouse.declared_tables import Column, DeclaredTable
from warehouse.published_table import IN_RELEASE, PUBLISH_TABLES, RELEASED
from warehouse.sql import insert_rows, one, quoted, text

STORAGE_VERSION: Final = "v1.0.0"
"""Drivers of DuckDB 1.x and 2.x open it."""

SIMULATED_PREFIX: Final = "SIMULATED. "


@contextmanager
def release_file(con: duckdb.DuckDBPyConnection, path: Path, alias: str) -> Iterator[None]:
    """Attach the file at `path` as `alias`, new or begun before, and close it once it is filled."""
    begun = "" if path.exists() else f" (storage_version '{STORAGE_VERSION}')"
    con.execute(f"attach {text(str(path))} as {alias}{begun}")
    try:
        yield
        con.execute(f"checkpoint {alias}")
    finally:
        con.execute(f"detach {alias}")


def released_tables(con: duckdb.DuckDBPyConnection) -> list[DeclaredTable]:
    """Return tables and views of the build file that are in a release, with comments, in order of name."""
    relations = con.execute(
        f"""
        select schema_name, table_name, comment from duckdb_tables()
        where database_name = current_database() and {IN_RELEASE} and not internal
        union all
        select schema_name, view_name, comment from duckdb_views()
        where database_name = current_database() and {IN_RELEASE} and not internal
        order by all
        """
    ).fetchall()
    columns = con.execute(
        f"""
        select schema_name, table_name, column_name, data_type, comment from duckdb_columns()
        where database_name = current_database() and {IN_RELEASE} and not internal
        order by schema_name, table_name, column_index
        """
    ).fetchall()
    found: dict[tuple[str, str], list[Column]] = {}
    for schema, table, *column in columns:
        found.setdefault((schema, table), []).append(Column(*column))
    return [
        DeclaredTable(schema, name, comment, tuple(found[schema, name]))
        for schema, name, comment in relations
        if not (schema == "meta" and name in {table.name for table in PUBLISH_TABLES})
    ]


def create_schemas(con: duckdb.DuckDBPyConnection, alias: str) -> None:
    """Create the schemas of a release, where they are not there."""
    con.execute("; ".join(f"create schema if not exists {alias}.{schema}" for schema in RELEASED))


def copy_table(con: duckdb.DuckDBPyConnection, table: DeclaredTable, alias: str, *, is_simulated: bool) -> None:
    """Copy a table, or what a view shows, with its comments."""
    copy_rows(con, table.path, alias)
    comment_on(con, table, alias, is_simulated=is_simulated)


def copy_rows(con: duckdb.DuckDBPyConnection, path: str, alias: str) -> None:
    """Copy the rows of a table, or of what a view shows, without comments. `path`: schema and quoted name."""
    source = quoted(one(con, "select current_database()"))
    con.execute(f"create table {alias}.{path} as from {source}.{path}")


def comment_on(con: duckdb.DuckDBPyConnection, table: DeclaredTable, alias: str, *, is_simulated: bool) -> None:
    """Give a table of the file its comments; that of one of a simulated market says so first."""
    said = (SIMULATED_PREFIX if is_simulated else "") + (table.comment or "")
    comments = [f"comment on table {alias}.{table.path} is {text(said)}"] if said else []
    comments += [
        f"comment on column {alias}.{table.path}.{quoted(column)} is {text(comment)}"
        for column, _, comment in table.columns
        if comment
    ]
    if comments:
        con.execute("; ".join(comments))


def write_rows(con: duckdb.DuckDBPyConnection, table: DeclaredTable, rows: list[tuple[Any, ...]], alias: str) -> None:
    """Create a table of the file with `rows`."""
    create_table(con, table, alias)
    insert_into(con, table, rows, alias)


def create_table(con: duckdb.DuckDBPyConnection, table: DeclaredTable, alias: str) -> None:
    """Create a table of the file as it is declared, without rows."""
    columns = ", ".join(f"{name} {kind}" for name, kind, _ in table.columns)
    con.execute(f"create table {alias}.{table.path} ({columns})")


def insert_into(
    con: duckdb.DuckDBPyConnection, table: DeclaredTable, rows: Sequence[tuple[Any, ...]], alias: str
) -> None:
    """Insert `rows` into a table of the file."""
    insert_rows(con, f"{alias}.{table.path}", rows)
