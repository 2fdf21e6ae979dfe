"""implied_volatility.at_the_money, brought up to the option chains that have landed: each file is opened once.

A chain is reduced once, when it lands: past ones are gigabytes, and nothing about them changes.
"""

from __future__ import annotations

from typing import Final

import duckdb
import polars as pl

from analytics.options.chains import files_to_read
from analytics.options.implied_volatility import at_the_money
from ingest.catalog.underlyings import load_underlyings
from warehouse.records import shown
from warehouse.snapshot_store import Root, store_at

FILES: Final = "implied_volatility.reduced_files"
TABLES: Final = ("implied_volatility.at_the_money", FILES)

_QUOTES: Final = (
    *("underlying", "snapshot_at", "root", "expiry_date", "option_type", "strike_usd", "spot_usd"),
    *("bid_usd", "ask_usd", "iv_ratio", "known_at"),
)
_ADDED: Final = """
    insert into implied_volatility.at_the_money by name
    select reduced.* from reduced anti join implied_volatility.at_the_money as held
        on reduced.symbol = held.symbol and reduced.snapshot_at = held.snapshot_at
"""


def update_at_the_money(con: duckdb.DuckDBPyConnection, root: Root) -> int:
    """Add the snapshots of stocks and funds that landed since the last time; return how many chains were read.

    `root` is where the snapshot files are. A later answer of the same snapshot changes nothing: what the first said
    could be known.
    """
    files = [file for _, file in files_to_read(con, FILES)]
    if not files:
        return 0
    indices = [one.underlying for one in load_underlyings() if one.kind == "index"]
    quotes = store_at(root).scan(files).select(_QUOTES).filter(~pl.col("underlying").is_in(indices)).collect()
    rows = at_the_money(quotes).rename({"underlying": "symbol"})
    con.begin()
    try:
        with shown(con, "reduced", rows):
            con.execute(_ADDED)
        con.execute(f"insert into {FILES} select unnest($1)", [files])
        con.commit()
    except BaseException:
        con.rollback()
        raise
    return quotes.select("underlying", "snapshot_at").unique().height
