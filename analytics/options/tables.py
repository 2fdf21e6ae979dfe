"""The tables of schema options: what each chain says of dealers' gamma, worked out once and kept.

A snapshot file never changes, so what was read from it stays. Another version of the method reads all files that are
there again; what expired from disk keeps what the older version said.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import duckdb
import polars as pl

from analytics.engines.engine import LOCAL
from analytics.engines.on_lake import LakeRun
from analytics.options.chains import chains_of, files_to_read
from analytics.options.rows import DAILY, STRIKES, rows_of
from warehouse.records import shown
from warehouse.snapshot_store import Root

METHOD: Final = 2
"""Raised where the same chain would give other figures."""

FILES: Final = "options.gamma_files"


@dataclass(frozen=True, slots=True)
class OptionsUpdate:
    """How many files were read, and how many chains they had."""

    files: int
    chains: int


def update_options(
    con: duckdb.DuckDBPyConnection,
    root: Root,
    *,
    progress: Callable[[int, int], None] | None = None,
    lake: LakeRun | None = None,
) -> OptionsUpdate:
    """Bring options.* up to the snapshot files below `root`; a file at a time, each in a transaction of its own.

    `lake`: its engine computes all files before the first transaction, unless it is this process.
    """
    con.execute(f"delete from {FILES} where method_version <> ?", [METHOD])
    files = files_to_read(con, FILES)
    ahead = _ahead(con, root, files, lake)
    chains = 0
    for done, (table_id, file) in enumerate(files):
        if progress is not None:
            progress(done, len(files))
        found = ahead.get(file) or [rows_of(of, chain) for of, chain in chains_of(root, file)]
        con.begin()
        try:
            for summary, strikes in found:
                _keep(con, DAILY, summary)
                _keep(con, STRIKES, strikes)
            con.execute(f"insert into {FILES} values (?, ?, ?)", [file, table_id, METHOD])
            con.commit()
        except BaseException:
            con.rollback()
            raise
        chains += sum(summary.height for summary, _ in found)
    return OptionsUpdate(len(files), chains)


def _ahead(
    con: duckdb.DuckDBPyConnection, root: Root, files: Sequence[tuple[str, str]], lake: LakeRun | None
) -> dict[str, list[tuple[pl.DataFrame, pl.DataFrame]]]:
    if lake is None or lake.lake.engine == LOCAL or not files:
        return {}
    from analytics.options.bucketed import gamma_of_files

    return {file: [rows] for file, rows in gamma_of_files(con, root, files, lake).items()}


def _keep(con: duckdb.DuckDBPyConnection, table: str, rows: pl.DataFrame) -> None:
    """Append rows; those of the same chain and answer, from an older version of the method, are replaced."""
    with shown(con, "options_rows", rows):
        con.execute(
            f"delete from {table} where (underlying, snapshot_at, known_at) in"
            " (select (underlying, snapshot_at, known_at) from options_rows)"
        )
        con.execute(f"insert into {table} by name from options_rows")
