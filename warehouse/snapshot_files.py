"""Parquet files of snapshot tables: written whole under the name of their content, never changed, held to their index.

Layout below the snapshots folder of a home, or of a lake: `<source>/<table>/<period>/<sha256>.parquet`, and
`<source>/<table>/refused/` for the rows that the gate kept out. A file is durable before its name is, and its name
before its row in the index.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import duckdb

from warehouse.snapshot_store import Root, store_at

REFUSED_FOLDER: Final = "refused"

NOT_EXPIRED: Final = "file not in (select file from ops.snapshot_expired)"
"""The condition on ops.snapshot_files for files that are still kept."""


@dataclass(frozen=True, slots=True)
class Damage:
    """A file of the index that is not what was landed."""

    file: str
    said: str


def damaged_files(con: duckdb.DuckDBPyConnection, root: Root, *, full: bool) -> list[Damage]:
    """Return the files of the index that are missing or of another size; with `full` also those of another sha256."""
    found: list[Damage] = []
    store = store_at(root)
    sizes = store.sizes()
    for file, sha256, size in con.execute(
        f"select distinct file, sha256, bytes_count from ops.snapshot_files where {NOT_EXPIRED} order by file"
    ).fetchall():
        path = store.address(file)
        if file not in sizes:
            found.append(Damage(file, f"{path} is missing"))
        elif sizes[file] != size:
            found.append(Damage(file, f"{path}: expected {size:,} bytes, got {sizes[file]:,}"))
        elif full and (seen := store.sha256_of(file)) != sha256:
            found.append(Damage(file, f"{path}: expected sha256 {sha256}, got {seen}"))
    return found


def left_over_files(con: duckdb.DuckDBPyConnection, root: Root) -> list[tuple[str, int]]:
    """Return addresses and bytes of files without a row in the index: a run was killed between the two.

    Nothing reads them.
    """
    store = store_at(root)
    known = {file for (file,) in con.execute("select file from ops.snapshot_files").fetchall()}
    return [(store.address(file), size) for file, size in sorted(store.sizes().items()) if file not in known]
