"""The tables of schema options: what each chain says of dealers' gamma, worked out once and kept.

A snapshot file never changes, so what was read from it stays. Another version of the method reads all files that are
there again; what expired from disk keeps what the older version said.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

import duckdb
import polars as pl

from analytics.options.chains import chains_of, files_to_read
from analytics.options.gamma import living, strikes_of, summary_of
from ingest.catalog.underlyings import Underlying
from ingest.clock import NEW_YORK
from warehouse.own_tables import own_table
from warehouse.records import shown
from warehouse.snapshot_store import Root

METHOD: Final = 1
"""Raised where the same chain would give other figures."""

FILES, DAILY, STRIKES = "options.gamma_files", "options.gamma_daily", "options.gamma_strikes"


@dataclass(frozen=True, slots=True)
class OptionsUpdate:
    """How many files were read, and how many chains they had."""

    files: int
    chains: int


def update_options(
    con: duckdb.DuckDBPyConnection, root: Root, *, progress: Callable[[int, int], None] | None = None
) -> OptionsUpdate:
    """Bring options.* up to the snapshot files below `root`; a file at a time, each in a transaction of its own."""
    con.execute(f"delete from {FILES} where method_version <> ?", [METHOD])
    files = files_to_read(con, FILES)
    chains = 0
    for done, (table_id, file) in enumerate(files):
        if progress is not None:
            progress(done, len(files))
        found = [_rows(of, chain) for of, chain in chains_of(root, file)]
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
        chains += len(found)
    return OptionsUpdate(len(files), chains)


def _rows(of: Underlying, chain: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the row of a chain and those of its strikes."""
    snapshot_at: datetime = chain["snapshot_at"][0]
    spot = float(chain["spot_usd"][0])
    as_of = _new_york_day(snapshot_at)
    contracts = living(chain, of)
    strikes = strikes_of(contracts)
    of_chain = {
        "underlying": of.underlying,
        "snapshot_at": snapshot_at,
        "known_at": chain["known_at"].max(),
    }
    figures: dict[str, Any] = {
        **of_chain,
        "session_date": chain["session_date"][0],
        "as_of_date": as_of,
        "spot_usd": spot,
        **summary_of(contracts, strikes, as_of, spot),
    }
    columns = {name: kind for name, kind, _ in own_table(DAILY).columns}
    one_row = pl.DataFrame({name: [figures[name]] for name in columns})
    named = [pl.lit(value).alias(name) for name, value in of_chain.items()]
    return one_row, strikes.with_columns(named)


def _new_york_day(moment: datetime) -> date:
    from datetime import UTC

    return moment.replace(tzinfo=UTC).astimezone(NEW_YORK).date()


def _keep(con: duckdb.DuckDBPyConnection, table: str, rows: pl.DataFrame) -> None:
    """Append rows; those of the same chain and answer, from an older version of the method, are replaced."""
    with shown(con, "options_rows", rows):
        con.execute(
            f"delete from {table} where (underlying, snapshot_at, known_at) in"
            " (select (underlying, snapshot_at, known_at) from options_rows)"
        )
        con.execute(f"insert into {table} by name from options_rows")
