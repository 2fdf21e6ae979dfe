"""Names of the published file for the Tab key: tables, and the columns of one. No file, or a damaged one: no names."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from warehouse.published_table import IN_RELEASE
from warehouse.sql import text


def table_names(published: Path) -> list[str]:
    """Return the tables of marts, and those of claims and meta with their schema."""
    return _column(
        published,
        "select case schema_name when 'marts' then table_name else schema_name || '.' || table_name end"
        f" from duckdb_tables() where {IN_RELEASE} order by schema_name, table_name",
    )


def column_names(published: Path, table: str | None = None) -> list[str]:
    """Return the columns of a table of marts, of all tables where none is named."""
    where = "" if table is None else f"where table_name = {text(table.removeprefix('marts.'))}"
    return _column(
        published, f"select distinct column_name from duckdb_columns() {where or 'where not internal'} order by all"
    )


def _column(published: Path, sql: str) -> list[str]:
    import duckdb

    if not published.exists():
        return []
    with suppress(duckdb.Error), duckdb.connect(str(published), read_only=True) as con:
        return [str(row[0]) for row in con.execute(sql).fetchall()]
    return []
