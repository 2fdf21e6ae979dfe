"""The tables of the build file that come from no payload and no model: declared in warehouse/tables, created here."""

from __future__ import annotations

from collections.abc import Mapping
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


def standing(con: duckdb.DuckDBPyConnection) -> dict[str, str | None]:
    """Return what stands in the file by `schema.name`: of a table columns and constraints as DuckDB writes them.

    Of a view it is None. Asked once for all tables: DuckDB makes the text of every view for each such question.
    """
    found = con.execute(
        "select schema_name || '.' || table_name, sql[position('(' in sql):] from duckdb_tables()"
        " where database_name = current_database()"
        " union all select schema_name || '.' || view_name, null from duckdb_views()"
        " where database_name = current_database() and not internal"
    ).fetchall()
    return dict(found)


def bring_up(
    con: duckdb.DuckDBPyConnection, table: DeclaredTable, held: Mapping[str, str | None] | None = None
) -> None:
    """Create a table, or make an older one anew where its columns or constraints differ; its rows stay.

    A column that rows of before do not have may be NULL. A declaration without a column of theirs fails. `held` is what
    `standing` said, where one who brings up many has asked.
    """
    columns = ", ".join(f"{quoted(column.name)} {column.kind}" for column in table.columns)
    held = standing(con) if held is None else held
    con.execute(f"create schema if not exists {table.schema}")
    name = f"{table.schema}.{table.name}"
    if name not in held:
        con.execute(f"create table {table.path} ({columns})")
    elif (before := held[name]) is None:  # its rows are in the lake, and whoever writes them makes the view
        return
    else:
        _make_anew(con, table, columns, before)
    con.execute(f"comment on table {table.path} is {text(table.comment or '')}")
    for column in table.columns:
        if column.comment:
            con.execute(f"comment on column {table.path}.{quoted(column.name)} is {text(column.comment)}")


def _make_anew(con: duckdb.DuckDBPyConnection, table: DeclaredTable, columns: str, before: str) -> None:
    """Give a table that is there the columns and constraints of its declaration, where they are not those of before."""
    fresh = f"{table.schema}.{_FRESH}"
    con.execute(f"create table {fresh} ({columns})")
    declared = con.execute(
        "select sql[position('(' in sql):] from duckdb_tables()"
        " where database_name = current_database() and schema_name = ? and table_name = ?",
        [table.schema, _FRESH],
    ).fetchone()
    if declared == (before,):
        con.execute(f"drop table {fresh}")
        return
    con.execute(f"insert into {fresh} by name select * from {table.path}; drop table {table.path}")
    con.execute(f"alter table {fresh} rename to {quoted(table.name)}")
