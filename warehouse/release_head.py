"""What a release is called and how it is read at a moment: both hang on its marts alone, which are final early."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import duckdb

from ingest.dataset import TABLES
from ingest.home import Home
from warehouse.asof import AsOf, as_of_queries, new_york_statements
from warehouse.built import Relation
from warehouse.fingerprint import Content, of_marts
from warehouse.published_table import AS_OF, AS_OF_PARTS, BUILD
from warehouse.release_file import SIMULATED_PREFIX, create_table, released_tables, write_rows
from warehouse.releases import STAMP, releases
from warehouse.snapshot_store import SnapshotStore
from warehouse.snapshot_views import SnapshotMacro, snapshot_macros
from warehouse.sql import one, quoted


@dataclass(frozen=True, slots=True)
class Head:
    """`marts` is the fingerprint of the marts, `queries` how each of them and each snapshot table is read."""

    build_id: str
    marts: str
    queries: Sequence[AsOf | SnapshotMacro]


def head_of(
    con: duckdb.DuckDBPyConnection,
    home: Home,
    store: SnapshotStore,
    *,
    code_version: str,
    origin: str,
    now: datetime,
    known: Mapping[Relation, Content | None],
) -> Head:
    """Return the head of a release of the build file, whose marts are final, at `now` (aware).

    `known` has the contents of tables that were looked at before.
    """
    tables = released_tables(con)
    queries: list[AsOf | SnapshotMacro] = [*as_of_queries(con, tables), *snapshot_macros(con, store, TABLES)]
    marts = of_marts(con, tables, queries, code_version, origin, known)
    return Head(f"{_stamp(home, now)}-{marts[:8]}", marts, queries)


def write_head(con: duckdb.DuckDBPyConnection, alias: str, head: Head, *, is_simulated: bool) -> None:
    """Write macros, views and the tables that tell of them into the release `alias`, which has the marts.

    Its table meta.build is created for them, and has no row yet.
    """
    create_table(con, BUILD, alias)
    marts = [query for query in head.queries if isinstance(query, AsOf)]
    readable = [(query.mart, query.select is not None, query.how) for query in marts]
    write_rows(con, AS_OF, readable, alias)
    parts = [(query.mart, ", ".join(part.columns), part.select) for query in marts for part in query.parts]
    write_rows(con, AS_OF_PARTS, parts, alias)
    prefix = SIMULATED_PREFIX if is_simulated else ""
    run_in(con, alias, new_york_statements(prefix))
    run_in(con, alias, [said for query in head.queries for said in query.statements(head.build_id, prefix)])


def run_in(con: duckdb.DuckDBPyConnection, alias: str, statements: Sequence[str]) -> None:
    """Run statements that store macros or views with the file `alias` in use, in which their names are looked up."""
    before = quoted(one(con, "select current_database()"))
    con.execute(f"use {alias}")
    try:
        for statement in statements:
            con.execute(statement)
    finally:
        con.execute(f"use {before}")


def _stamp(home: Home, now: datetime) -> str:
    """Return the moment for a new build id: `now`, or just after the newest release where the clock stands still."""
    newest = max((release.stamp for release in releases(home)), default=None)
    moment = now.astimezone(UTC).replace(microsecond=0)
    if newest is not None and moment <= newest:
        moment = newest + timedelta(seconds=1)
    return moment.strftime(STAMP)
