"""The lake beside a published file: read-only, at the snapshot that the release was made from."""

from __future__ import annotations

from typing import Final

import duckdb

from ingest.errors import ConfigError, QueryRefused
from warehouse.lake.attached import attach
from warehouse.lake.belonging import require_marked
from warehouse.lake.errors import LakeLost, LakeMissing
from warehouse.lake.setting import Lake

COLUMNS: Final = ("lake_snapshot", "lake_address")


def attach_release(con: duckdb.DuckDBPyConnection, lake: Lake) -> int:
    """Attach the lake to a connection to a published file (database `tidegauge`); return the snapshot that is read.

    QueryRefused where the release was made without a lake, ConfigError where with another one, LakeUnusable where its
    snapshot was expired, LakeLost where nothing is there.
    """
    snapshot, address = release_of(con)
    if snapshot is None:
        raise QueryRefused("this release was made without a lake: leave out --lake")
    if address is None or _place(address) != _place(lake.address):
        raise ConfigError(f"this release was made from the lake {address}, TIDEGAUGE_LAKE names {lake.address}")
    try:
        attach(con, lake, snapshot=snapshot)
    except LakeMissing:
        raise LakeLost(f"{lake.address} has nothing that this release was made from: {LakeLost.remedy}") from None
    require_marked(con, lake)
    return snapshot


def release_of(con: duckdb.DuckDBPyConnection) -> tuple[int | None, str | None]:
    """Return snapshot and address of the release; older ones say neither."""
    held = con.execute(
        "select count(*) from duckdb_columns() where database_name = 'tidegauge' and schema_name = 'meta'"
        " and table_name = 'build' and list_contains(?, column_name)",
        [list(COLUMNS)],
    ).fetchone()
    if held != (len(COLUMNS),):
        return None, None
    found = con.execute(f"select {', '.join(COLUMNS)} from tidegauge.meta.build").fetchone()
    return found or (None, None)


def _place(address: str) -> str:
    """Return an address without its user: whoever only reads is another one."""
    scheme, _, rest = address.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path.partition('&')[0]}"
