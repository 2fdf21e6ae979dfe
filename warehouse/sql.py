"""Names and texts as SQL wants them, the one value of a query, rows to insert, and what is done whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final

import duckdb

_ROWS_AT_ONCE: Final = 200


def one(con: duckdb.DuckDBPyConnection, query: str, *parameters: Any) -> Any:
    """Return the first value of the first row of a query that has one."""
    found = con.execute(query, list(parameters)).fetchone()
    assert found is not None
    return found[0]


@contextmanager
def transaction(con: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Commit what is done within, or roll it back and raise what went wrong first."""
    con.begin()
    try:
        yield
        con.commit()
    except BaseException:
        with suppress(duckdb.Error):  # an interrupt ended it already
            con.rollback()
        raise


def insert_rows(
    con: duckdb.DuckDBPyConnection, table: str, rows: Sequence[Sequence[Any]], how: str = "insert into"
) -> None:
    """Insert `rows`, column by position, many with one statement: one by one they take ten times as long."""
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        some = rows[start : start + _ROWS_AT_ONCE]
        places = ", ".join([f"({', '.join('?' * len(some[0]))})"] * len(some))
        con.execute(f"{how} {table} values {places}", [cell for row in some for cell in row])


def insert_columns(con: duckdb.DuckDBPyConnection, table: str, rows: Sequence[Sequence[Any]]) -> None:
    """Insert thousands of `rows` whose cells are of one type in each column, or NULL, as one list a column."""
    if rows:
        columns = [list(column) for column in zip(*rows, strict=True)]
        con.execute(f"insert into {table} select {', '.join(['unnest(?)'] * len(columns))}", columns)


def quoted(name: str) -> str:
    """Return a name of a table or column in quotes."""
    return '"' + name.replace('"', '""') + '"'


def text(value: str) -> str:
    """Return a text as a literal."""
    return "'" + value.replace("'", "''") + "'"
