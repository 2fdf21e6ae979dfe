"""What an analyst would see differ between two releases, as fingerprints: not row order, run ids or ages."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

import duckdb

from warehouse.asof import AsOf
from warehouse.built import Relation
from warehouse.declared_tables import DeclaredTable
from warehouse.presentation import Presentation
from warehouse.snapshot_views import SnapshotMacro
from warehouse.sql import quoted

Content = tuple[Any, ...]
"""Row count and two sums of row hashes, whatever the order of the rows."""

_STATES: Final = ("series_id", "provider", "state")
"""Of meta.freshness: how old a series is changes from day to day, its state is news."""


def content_of(con: duckdb.DuckDBPyConnection, table: DeclaredTable) -> Content | None:
    """Return the content of a table of the build file as far as an analyst would call it another one, else None."""
    names = [name for name, *_ in table.columns]
    if table.schema == "meta":
        names = [name for name in _STATES if name in names] if table.name == "freshness" else []
    if not names:
        return None
    listed = ", ".join(map(quoted, names))
    found: Content | None = con.execute(  # equal rows cancel in the first sum alone
        f"select count(*), bit_xor(hash({listed})), sum(hash({listed})::hugeint) from {table.path}"
    ).fetchone()
    return found


def of_marts(
    con: duckdb.DuckDBPyConnection,
    tables: Sequence[DeclaredTable],
    queries: Sequence[AsOf | SnapshotMacro],
    code_version: str,
    origin: str,
    known: Mapping[Relation, Content | None],
) -> str:
    """Return a sha256 of the marts, how they are read at a moment, and what made them.

    `known` has contents that were found before.
    """
    lines = [f"code {code_version}", f"origin {origin}"]
    lines += [line for table in tables if table.schema != "claims" for line in _lines(con, table, known)]
    return _sha([*lines, *map(repr, queries)])


def of_release(
    con: duckdb.DuckDBPyConnection,
    tables: Sequence[DeclaredTable],
    marts: str,
    presentation: Presentation,
    macros: Sequence[str],
) -> str:
    """Return a sha256 of a whole release, of whose marts `marts` is the one."""
    lines = [line for table in tables if table.schema == "claims" for line in _lines(con, table, {})]
    lines += [repr(row) for rows in presentation.rows().values() for row in rows]
    return _sha([marts, *lines, *macros])


def _lines(con: duckdb.DuckDBPyConnection, table: DeclaredTable, known: Mapping[Relation, Content | None]) -> list[str]:
    relation = table.schema, table.name
    content = known[relation] if relation in known else content_of(con, table)
    if content is None:
        return []
    return [repr(content)] if table.schema == "meta" else [repr(table), repr(content)]


def _sha(lines: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
