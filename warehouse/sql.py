"""Names and texts as SQL wants them, and the one value of a query."""

from __future__ import annotations

from typing import Any

import duckdb


def one(con: duckdb.DuckDBPyConnection, query: str, *parameters: Any) -> Any:
    """Return the first value of the first row of a query that has one."""
    found = con.execute(query, list(parameters)).fetchone()
    assert found is not None
    return found[0]


def quoted(name: str) -> str:
    """Return a name of a table or column in quotes."""
    return '"' + name.replace('"', '""') + '"'


def text(value: str) -> str:
    """Return a text as a literal."""
    return "'" + value.replace("'", "''") + "'"
