"""Tables of a release into a schema of PostgreSQL: created, filled by COPY, keyed, commented."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import duckdb

from ingest.errors import TargetUnusable
from serving.publish.postgres import name_in_database
from serving.publish.release import Table
from warehouse.sql import one, quoted, text

if TYPE_CHECKING:
    import psycopg

_TYPES: Final = {
    "BOOLEAN": "boolean",
    "TINYINT": "smallint",
    "UTINYINT": "smallint",
    "SMALLINT": "smallint",
    "USMALLINT": "integer",
    "INTEGER": "integer",
    "UINTEGER": "bigint",
    "BIGINT": "bigint",
    "UBIGINT": "numeric(20, 0)",
    "HUGEINT": "numeric(39, 0)",
    "UHUGEINT": "numeric(39, 0)",
    "FLOAT": "real",
    "DOUBLE": "double precision",
    "VARCHAR": "text",
    "DATE": "date",
    "TIMESTAMP": "timestamp",
    "TIMESTAMP WITH TIME ZONE": "timestamptz",
    "UUID": "uuid",
}
_DECIMAL: Final = re.compile(r"DECIMAL\((\d+),\s*(\d+)\)")
_REFERENCED: Final = {"series_id": "series", "session_date": "sessions"}
"""Columns that name a row of another mart, by that mart's key."""
_NULL: Final = "\\N"
_CHUNK: Final = 1 << 18


def load(cursor: psycopg.Cursor[Any], con: duckdb.DuckDBPyConnection, tables: Sequence[Table], schema: str) -> int:
    """Create and fill the tables in an empty schema; return the number of rows."""
    kinds = {table.path: [type_of(table, column.name, column.kind) for column in table.columns] for table in tables}
    rows = 0
    with tempfile.TemporaryDirectory(prefix="tidegauge-publish-") as folder:
        for table in tables:
            target = f"{quoted(schema)}.{quoted(name_in_database(table))}"
            columns = zip(table.columns, kinds[table.path], strict=True)
            listed = ", ".join(f"{quoted(column.name)} {kind}" for column, kind in columns)
            cursor.execute(f"create table {target} ({listed})")
            rows += _copy(cursor, con, table, target, Path(folder) / "rows.csv")
            cursor.execute(_keys_and_comments(con, table, target))
    for statement in _references(con, tables, schema):
        cursor.execute(statement)
    for table in tables:
        cursor.execute(f"analyze {quoted(schema)}.{quoted(name_in_database(table))}")
    return rows


def type_of(table: Table, column: str, kind: str) -> str:
    """Return PostgreSQL's type for one of DuckDB's; TargetUnusable names a column of a type that has none."""
    if decimal := _DECIMAL.fullmatch(kind):
        return f"numeric({decimal[1]}, {decimal[2]})"
    if kind not in _TYPES:
        raise TargetUnusable(f"{table.path}.{column}: expected a plain type, found {kind}; nothing was changed")
    return _TYPES[kind]


def _copy(cursor: psycopg.Cursor[Any], con: duckdb.DuckDBPyConnection, table: Table, target: str, path: Path) -> int:
    """Send the rows of a table. Texts are quoted, so that none is taken for a NULL or an end of the data.

    FREEZE makes the rows visible to transactions that began before: they would find the new table empty otherwise.
    """
    texts = ", ".join(quoted(column.name) for column in table.columns if column.kind == "VARCHAR")
    quotes = f", force_quote ({texts})" if texts else ""
    options = f"format csv, header false, nullstr {text(_NULL)}, delimiter ',', quote '\"', escape '\"'{quotes}"
    try:
        rows = int(one(con, f"copy ({table.select()}) to {text(str(path))} ({options})"))
    except duckdb.IOException as error:
        why = " ".join(str(error).split())
        raise TargetUnusable(f"{table.path}: cannot write to {path.parent}: {why}; nothing was changed") from error
    statement = f"copy {target} from stdin with (format csv, null {text(_NULL)}, freeze)"
    with path.open("rb") as file, cursor.copy(statement) as copy:
        while chunk := file.read(_CHUNK):
            copy.write(chunk)
    path.unlink()
    return rows


def _keys_and_comments(con: duckdb.DuckDBPyConnection, table: Table, target: str) -> str:
    """Return the statements for the key (UNIQUE where a part of it may be NULL) and all comments of a table."""
    statements = [f"comment on table {target} is {_literal(table.comment or table.path)}"]
    if table.key:
        listed = ", ".join(map(quoted, table.key))
        nulls = " or ".join(f"{quoted(name)} is null" for name in table.key)
        has_null = one(con, f"select count(*) from {table.source} where ({table.where}) and ({nulls})")
        statements.append(f"alter table {target} add {'unique' if has_null else 'primary key'} ({listed})")
    statements += [
        f"comment on column {target}.{quoted(column.name)} is {_literal(column.comment)}"
        for column in table.columns
        if column.comment
    ]
    return ";\n".join(statements)


def _references(con: duckdb.DuckDBPyConnection, tables: Sequence[Table], schema: str) -> list[str]:
    """Return the foreign keys: those that hold for every row."""
    by_name = {table.path: table for table in tables}
    statements = []
    for table in tables:
        for column, name in _REFERENCED.items():
            other = by_name.get(f"marts.{name}")
            if other is None or other is table or column not in table.names or other.key != (column,):
                continue
            cell = quoted(column)
            missing = one(
                con,
                f"select count(*) from (select distinct {cell} from {table.source} where ({table.where}) and {cell} is "
                f"not null) where {cell} not in (select {cell} from {other.source} where {other.where})",
            )
            if not missing:
                child, parent = (f"{quoted(schema)}.{quoted(name_in_database(each))}" for each in (table, other))
                statements.append(f"alter table {child} add foreign key ({cell}) references {parent} ({cell})")
    return statements


def _literal(value: str) -> str:
    """Return a text as a literal of PostgreSQL, whatever its settings say of backslashes."""
    escaped = value.replace("\\", "\\\\").replace("'", "''")
    return f"E'{escaped}'"
