"""Dealers' gamma as a kernel of `analytics.engines`: a snapshot file is a bucket, its chains are what is computed.

The rows of both tables come back in one frame, told apart by PART; they are few, and go into the build file.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Final

import duckdb
import polars as pl

from analytics.engines import run_buckets
from analytics.engines.fingerprint import Columns
from analytics.engines.on_lake import LakeReader, LakeRun
from analytics.options.chains import chains_in
from analytics.options.rows import DAILY, STRIKES, rows_of
from warehouse.lake.attached import newest_snapshot
from warehouse.own_tables import own_table
from warehouse.snapshot_store import Root, store_at
from warehouse.sql import text

PART: Final = "part"
ORDER: Final = ("underlying", "snapshot_at", "option_symbol")


@cache
def columns() -> Columns:
    """Return names and types of the result: the columns of both tables, and which of them a row is for."""
    found = {name: kind.removesuffix(" not null") for name, kind, _ in own_table(DAILY).columns}
    found |= {name: kind.removesuffix(" not null") for name, kind, _ in own_table(STRIKES).columns}
    return ((PART, "varchar"), *found.items())


def gamma_kernel(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of both tables for the chains in `rows`."""
    parts = [pl.DataFrame(schema={name: pl.Null for name, _ in columns()})]
    for of, chain in chains_in(rows):
        for part, frame in zip((DAILY, STRIKES), rows_of(of, chain), strict=True):
            parts.append(frame.with_columns(pl.lit(part).alias(PART)))
    return pl.concat(parts, how="diagonal_relaxed")


def gamma_of_files(
    con: duckdb.DuckDBPyConnection, root: Root, files: Sequence[tuple[str, str]], run: LakeRun
) -> dict[str, tuple[pl.DataFrame, pl.DataFrame]]:
    """Return, by file, the rows of both tables, computed by the engine of the lake. `files`: table and file."""
    store = store_at(root)
    queries = {
        f"{at:06}": f"select * from lake.{table_id} where filename = {text(store.address(file))}"
        for at, (table_id, file) in enumerate(files)
    }
    made = run_buckets(
        run.lake.engine,
        gamma_kernel,
        LakeReader(run.lake, newest_snapshot(con)),
        queries,
        order=ORDER,
        columns=columns(),
        folder=run.folder,
        progress=run.progress,
    )
    return {file: _read(con, one.file) for (_, file), one in zip(files, made, strict=True)}


def _read(con: duckdb.DuckDBPyConnection, file: str | None) -> tuple[pl.DataFrame, pl.DataFrame]:
    def part_of(table: str) -> pl.DataFrame:
        names = ", ".join(name for name, *_ in own_table(table).columns)
        if file is None:
            return con.execute(f"select {names} from {table} limit 0").pl()
        return con.execute(f"select {names} from read_parquet({text(file)}) where {PART} = ?", [table]).pl()

    return part_of(DAILY), part_of(STRIKES)
