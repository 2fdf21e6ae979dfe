"""Chains that were not looked at yet: from the files of the snapshot tables, each read once and its results kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import duckdb
import polars as pl

from ingest.catalog.underlyings import Underlying, underlying_of
from ingest.dataset import serving
from warehouse.snapshot_files import NOT_EXPIRED
from warehouse.snapshot_store import Root, store_at

CONCEPT: Final = "option_quotes"
TABLES: Final = tuple(table.id for table in serving(CONCEPT))
"""Raw tables that serve chains: those of the publisher first, then files of the user's."""


def files_to_read(con: duckdb.DuckDBPyConnection, done: str) -> list[tuple[str, str]]:
    """Return table and file of each snapshot file that the table `done` (column file) does not name, oldest first.

    Those that expired are left out: they may be gone from the disk.
    """
    return con.execute(
        f"select table_id, file from ops.snapshot_files where part = 'accepted' and list_contains(?, table_id)"
        f" and {NOT_EXPIRED} and file not in (select file from {done}) order by known_at, file",
        [list(TABLES)],
    ).fetchall()


def chains_of(root: Root, file: str) -> Iterator[tuple[Underlying, pl.DataFrame]]:
    """Return the chains of a file, each of one underlying and moment. What the catalog does not have is a stock."""
    return chains_in(store_at(root).scan([file]).collect())


def chains_in(frame: pl.DataFrame) -> Iterator[tuple[Underlying, pl.DataFrame]]:
    """Yield the chains among rows of a table, as chains_of does."""
    for (name, _), chain in frame.partition_by("underlying", "snapshot_at", as_dict=True, maintain_order=True).items():
        of = underlying_of(str(name))
        if of is not None:
            yield of, chain
