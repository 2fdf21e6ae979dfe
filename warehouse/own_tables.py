"""The tables of the build file that come from no payload and no model: declared in warehouse/tables, created here."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

import duckdb

from warehouse.declared_tables import DeclaredTable, declared_table, declared_tables
from warehouse.sql import quoted, text

FOLDER: Final = Path(__file__).with_name("tables")
_IN_RELEASES: Final = "meta"
_FRESH: Final = "made_anew"


@cache
def own_tables() -> tuple[DeclaredTable, ...]:
    """Return every table, by schema."""
    files = (path for path in sorted(FOLDER.glob("*.yml")) if path.stem != _IN_RELEASES)
    return tuple(table for path in files for table in declared_tables(path))


def own_table(name: str) -> DeclaredTable:
    """Return a table by `schema.name`."""
    return declared_table(FOLDER / f"{name.split('.')[0]}.yml", name)


def bring_up(con: duckdb.DuckDBPyConnection, table: DeclaredTable) -> None:
    """Create a table, or make an older one anew where its columns or constraints differ; its rows stay.

    A column that rows of before do not have may be NULL. A declaration without a column of theirs fails.
    """
    columns = ", ".join(f"{quoted(column.name)} {column.kind}" for column in table.columns)
    fresh = f"{table.schema}.{_FRESH}"
    con.execute(f"create schema if not exists {table.schema}; create table {fresh} ({columns})")
    if _is_view(con, table):  # its rows are in the lake, and whoever writes them makes the view
        con.execute(f"drop table {fresh}")
        return
    before = _definition(con, table.schema, table.name)
    if before == _definition(con, table.schema, _FRESH):
        con.execute(f"drop table {fresh}")
    else:
        if before is not None:
            con.execute(f"insert into {fresh} by name select * from {table.path}; drop table {table.path}")
        con.execute(f"alter table {fresh} rename to {quoted(table.name)}")
    con.execute(f"comment on table {table.path} is {text(table.comment or '')}")
    for column in table.columns:
        if column.comment:
            con.execute(f"comment on column {table.path}.{quoted(column.name)} is {text(column.comment)}")


def _is_view(con: duckdb.DuckDBPyConnection, table: DeclaredTable) -> bool:
    """Say whether a view stands where the table should."""
    known = (
        "select 1 from duckdb_views() where database_name = current_database() and schema_name = ? and view_name = ?"
    )
    return con.execute(known, [table.schema, table.name]).fetchone() is not None


def _definition(con: duckdb.DuckDBPyConnection, schema: str, name: str) -> str | None:
    """Return columns and constraints of a table as DuckDB writes them; None: there is no such table."""
    found = con.execute(
        "select sql[position('(' in sql):] from duckdb_tables()"
        " where database_name = current_database() and schema_name = ? and table_name = ?",
        [schema, name],
    ).fetchone()
    return None if found is None else str(found[0])
