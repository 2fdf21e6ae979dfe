"""Whose prices are asked for: members of the index past and present, funds, and where wanted every listed stock."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Literal

import polars as pl

from ingest.catalog.funds import Fund

Universe = Literal["SPX", "USCOMMON"]

# Common stocks and their classes; the directories also list preferred shares (BAC$L), warrants (X.W) and units (X.U).
_COMMON = r"^[A-Z]{1,5}(\.[AB])?$"


def wanted_tickers(
    intervals: pl.DataFrame,
    funds: Sequence[Fund],
    universe: Universe = "SPX",
    *,
    symbols: pl.DataFrame | None = None,
    member_since: date = date.min,
) -> list[str]:
    """Return the tickers to ask Yahoo for, in Yahoo's spelling (BRK-B), sorted and each once.

    `intervals` has columns permid, ticker, start_date, end_date of sp500_membership.intervals. A stock is asked for
    under its last ticker: Yahoo moves the whole history there. Those that left before `member_since` are left out.
    USCOMMON adds the common stocks of `symbols` (symbol, is_etf of nasdaq_trader.symbols), once there are any.
    """
    members = (
        intervals.sort("start_date")
        .group_by("permid")
        .agg(pl.col("ticker").last(), pl.col("end_date").last())
        .filter(pl.col("end_date").is_null() | (pl.col("end_date") > member_since))
    )
    wanted = {*members["ticker"], *(fund.ticker for fund in funds)}
    if universe == "USCOMMON" and symbols is not None:
        common = symbols.filter(~pl.col("is_etf").fill_null(False) & pl.col("symbol").str.contains(_COMMON))
        wanted |= set(common["symbol"])
    return sorted(ticker.replace(".", "-") for ticker in wanted)
