"""What one option chain becomes: a row of options.gamma_daily, and those of options.gamma_strikes."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import polars as pl

from analytics.options.gamma import living, new_york_day, strikes_of, summary_of
from ingest.catalog.underlyings import Underlying
from warehouse.own_tables import own_table

DAILY: Final = "options.gamma_daily"
STRIKES: Final = "options.gamma_strikes"


def rows_of(of: Underlying, chain: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the row of a chain and those of its strikes."""
    snapshot_at: datetime = chain["snapshot_at"][0]
    spot = float(chain["spot_usd"][0])
    as_of = new_york_day(snapshot_at)
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
