"""Prices of stocks through renames and splits, as breadth reads them: from the raw tables in their newest vintages."""

from __future__ import annotations

from datetime import date
from typing import Final

import duckdb
import polars as pl

from analytics.breadth.features import STANDARD
from analytics.breadth.settled import settled_prices
from ingest.dataset import serving
from ingest.membership import with_permid
from ingest.rules.splits import split_adjusted_prices
from warehouse.latest import latest_of, newest
from warehouse.records import shown

PRICE_TABLES: Final = tuple(table.id for table in serving("prices"))
"""Preferred first: of each ticker and session the first provider with a close counts, as in the marts."""

SPLITS: Final = f"{serving('prices')[0].source}.splits"
"""Of the provider whose prices come first: the other's split file is its funds'."""


def prices_of_some(
    con: duckdb.DuckDBPyConnection, membership: pl.DataFrame, stocks: pl.DataFrame, sessions: pl.DataFrame
) -> pl.DataFrame:
    """Return prices_of for the stocks of `stocks` (permid) alone, over all sessions.

    Who a price belongs to is decided among all that ever bore its ticker, so their stays are looked at too.
    """
    tickers = membership.join(stocks, on="permid", how="semi")["ticker"].unique()
    sharing = membership.filter(pl.col("ticker").is_in(tickers.implode()))
    return prices_of(con, sharing, sessions, None).join(stocks, on="permid", how="semi", maintain_order="left")


def prices_of(
    con: duckdb.DuckDBPyConnection, membership: pl.DataFrame, sessions: pl.DataFrame, from_seq: int | None
) -> pl.DataFrame:
    """Return permid, ticker, session_date, session_seq, close and volume raw and adjusted, known_at, settled_at.

    From `from_seq` on. A stock that had two tickers has the price of its later one. A gap of every provider is a NULL
    close.
    """
    wanted = "(from {} where session_date >= $first and ticker in (select ticker from breadth_tickers))"
    parts = " union all ".join(
        f"""
        select ticker, session_date, close_usd, volume_shares, known_at, {rank} as provider_rank
        {newest(wanted.format(table), ("ticker", "session_date"))}
        """
        for rank, table in enumerate(PRICE_TABLES)
    )
    first = date.min if from_seq is None else sessions.filter(pl.col("session_seq") >= from_seq)["session_date"].min()
    with shown(con, "breadth_tickers", membership.select(pl.col("ticker").unique())):
        held = con.execute(
            f"""
            select ticker, session_date, s.session_seq, close_usd as close_raw, volume_shares as volume_raw, known_at,
                -- a preferred provider whose close is gone had its say too
                case
                    when close_usd is null then max(known_at) over (partition by ticker, session_date)
                    else max(known_at) over (partition by ticker, session_date order by provider_rank)
                end as settled_at
            from ({parts}) join calendar.sessions s using (session_date)
            qualify row_number() over (
                partition by ticker, session_date order by close_usd is null, provider_rank
            ) = 1
            """,
            {"first": first},
        ).pl()
    splits = con.execute(
        f"""
        select ticker, session_date, split_ratio, known_at from {latest_of(SPLITS)}
        """
    ).pl()
    latest = membership.group_by("permid").agg(latest_ticker=pl.col("ticker").sort_by("start_date").last())
    owned = (
        with_permid(held, membership)
        .join(latest, on="permid")
        .sort("permid", "session_date", pl.col("close_raw").is_not_null(), pl.col("ticker") == pl.col("latest_ticker"))
        .unique(["permid", "session_date"], keep="last", maintain_order=True)
        .drop("latest_ticker")
    )
    of_stocks = with_permid(splits, membership)
    valid = of_stocks.filter(pl.col("split_ratio") > 0).select("permid", "split_ratio", split_date="session_date")
    adjusted = split_adjusted_prices(owned, valid.unique(["permid", "split_date"], maintain_order=True))
    return settled_prices(adjusted, of_stocks.select("permid", "session_date", "known_at"), sessions, STANDARD)
