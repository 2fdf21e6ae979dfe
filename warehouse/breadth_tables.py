"""The tables of schema breadth: features of each stock, counts and folded series of each universe, brought up to date.

They are derived from raw prices, splits and membership in their newest vintages, so their rows are replaced. A new
session touches itself and reads its lookback; a split or a change of membership moves history and computes all anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

import duckdb
import polars as pl

from ingest.membership import with_permid
from ingest.splits import split_adjusted_prices
from warehouse.breadth import STANDARD, breadth_features, listing_sessions
from warehouse.breadth_market import breadth_series, count_sessions, members_by_session
from warehouse.records import shown

UNIVERSE: Final = "SPX"
UNIVERSE_BASIS: Final = "members at the open: history files of the index, carried on by the list of the day"
PRICE_TABLES: Final = ("yahoo.prices", "nasdaq.prices", "user_file.prices")
"""Preferred first: of each ticker and session the first provider with a close counts, as in the marts."""

INPUTS: Final = (*PRICE_TABLES, "yahoo.splits", "sp500_membership.intervals")

_TAIL_SESSIONS: Final = 300
"""A change further back than this is cheaper computed with all the rest."""

_MARKET = ("mcclellan_oscillator_index", "mcclellan_summation_index", "zweig_average_ratio", "is_zweig_thrust")
_FEATURES: Final[Mapping[str, str]] = {
    "permid": "permid",
    "ticker": "ticker",
    "session_date": "session_date",
    "close_usd": "close_raw",
    "close_split_adjusted_usd": "close_adj",
    "volume_split_adjusted_shares": "volume_adj",
    "return_ratio": "return_ratio",
    "is_advance": "is_advance",
    "is_decline": "is_decline",
    "is_unchanged": "is_unchanged",
    "is_above_50dma": "is_above_50dma",
    "is_above_200dma": "is_above_200dma",
    "is_new_high_252d": "is_new_high",
    "is_new_low_252d": "is_new_low",
    "known_at": "known_at",
}


@dataclass(frozen=True, slots=True)
class BreadthUpdate:
    """What an update did: nothing, the sessions from `first_session` on, or all. Rows are those written."""

    extent: Literal["nothing", "tail", "all"]
    first_session: date | None
    feature_rows: int
    sessions: int


def update_breadth(con: duckdb.DuckDBPyConnection) -> BreadthUpdate:
    """Bring breadth.* up to the raw tables, in one transaction. calendar.sessions must be up to date."""
    counts = {table: _count(con, table) for table in INPUTS}
    first = _first_changed(con, counts)
    if first is None:
        return BreadthUpdate("nothing", None, 0, 0)
    con.begin()
    try:
        update = _compute(con, None if first == date.min else first)
        con.execute("delete from breadth.inputs")
        con.executemany("insert into breadth.inputs values (?, ?)", [list(item) for item in counts.items()])
        con.commit()
    except BaseException:
        con.rollback()
        raise
    return update


# ---- what changed --------------------------------------------------------------------------------------------------


def _first_changed(con: duckdb.DuckDBPyConnection, counts: Mapping[str, int]) -> date | None:
    """Return the first session that has to be computed again, date.min for all of them, None for none.

    Raw tables only grow, in the order of their row numbers: the rows beyond the count of the last time are new.
    """
    before: dict[str, int] = dict(con.execute("select table_id, rows_count from breadth.inputs").fetchall())
    if any(before.get(table, 0) > count for table, count in counts.items()) or not before:
        return date.min if any(counts.values()) else None
    members = "ticker in (select ticker from sp500_membership.intervals)"
    if counts[INPUTS[-1]] > before[INPUTS[-1]]:
        return date.min
    new_splits = f"select count(*) from yahoo.splits where rowid >= ? and {members}"
    if _one(con, new_splits, before["yahoo.splits"]):
        return date.min
    firsts = [
        _one(con, f"select min(session_date) from {table} where rowid >= ? and {members}", before[table])
        for table in PRICE_TABLES
    ]
    changed = [first for first in firsts if isinstance(first, date)]
    if not changed:
        return None
    newest = _one(con, "select max(session_date) from breadth.features")
    reach = _one(con, "select count(*) from calendar.sessions where session_date between ? and ?", min(changed), newest)
    return min(changed) if isinstance(reach, int) and reach <= _TAIL_SESSIONS else date.min


def _count(con: duckdb.DuckDBPyConnection, table: str) -> int:
    counted = _one(con, f"select count(*) from {table}")
    assert isinstance(counted, int)
    return counted


def _one(con: duckdb.DuckDBPyConnection, query: str, *told: object) -> object:
    found = con.execute(query, list(told)).fetchone()
    return found[0] if found else None


# ---- what is computed ----------------------------------------------------------------------------------------------


def _compute(con: duckdb.DuckDBPyConnection, first: date | None) -> BreadthUpdate:
    """Compute the sessions from `first` on (None: all) and put them in place."""
    sessions = con.execute("select session_date, session_seq, close_at from calendar.sessions order by 1").pl()
    membership = _membership(con)
    ids = membership.select(pl.col("permid").unique().sort()).with_row_index("id").cast({"id": pl.Int64})
    from_seq = None if first is None else sessions.filter(pl.col("session_date") >= first)["session_seq"].min()
    assert from_seq is None or isinstance(from_seq, int)
    prices = _prices(con, membership, sessions, None if from_seq is None else from_seq - STANDARD.lookback)
    features = _features(con, prices.join(ids, on="permid"), ids, sessions, from_seq)
    where, told = ("", []) if first is None else ("where session_date >= ?", [first])
    for table in ("breadth.features", "breadth.daily_counts"):
        con.execute(f"delete from {table} {where}", told)
    con.execute("delete from breadth.market")
    _insert(con, "breadth.features", features.select(pl.col(name).alias(as_) for as_, name in _FEATURES.items()))
    if features.is_empty():
        return BreadthUpdate("all" if first is None else "tail", first, 0, 0)
    lasting = (features["session_seq"].min(), features["session_seq"].max())
    covered = sessions.filter(pl.col("session_seq").is_between(*lasting))
    counts = _daily_counts(features, membership.join(ids, on="permid"), covered)
    _insert(con, "breadth.daily_counts", counts)
    _insert(con, "breadth.market", _market(con))
    return BreadthUpdate("all" if first is None else "tail", first, features.height, counts.height)


def _membership(con: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Return permid, ticker, start_date, end_date_exclusive of the stays as they now stand."""
    return con.execute(
        """
        select permid, ticker, start_date, end_date as end_date_exclusive from (
            from sp500_membership.intervals
            qualify row_number() over (partition by permid, start_date order by known_at desc) = 1
        ) where ticker is not null order by ticker, start_date
        """
    ).pl()


def _prices(
    con: duckdb.DuckDBPyConnection, membership: pl.DataFrame, sessions: pl.DataFrame, from_seq: int | None
) -> pl.DataFrame:
    """Return permid, ticker, session_date, session_seq, close_raw, close_adj, volume_adj, known_at from `from_seq` on.

    A stock that had two tickers has the price of its later one.
    """
    parts = " union all ".join(
        f"""
        select ticker, session_date, close_usd, volume_shares, known_at, {rank} as provider_rank from (
            from {table} where session_date >= $first and ticker in (select ticker from sp500_membership.intervals)
            qualify row_number() over (partition by ticker, session_date order by known_at desc) = 1
        ) where close_usd is not null
        """
        for rank, table in enumerate(PRICE_TABLES)
    )
    first = date.min if from_seq is None else sessions.filter(pl.col("session_seq") >= from_seq)["session_date"].min()
    held = con.execute(
        f"""
        select ticker, session_date, s.session_seq, close_usd as close_raw, volume_shares as volume_raw, known_at
        from ({parts}) join calendar.sessions s using (session_date)
        qualify row_number() over (partition by ticker, session_date order by provider_rank) = 1
        """,
        {"first": first},
    ).pl()
    splits = con.execute(
        """
        select ticker, session_date, split_ratio from (
            from yahoo.splits qualify row_number() over (partition by ticker, session_date order by known_at desc) = 1
        ) where split_ratio > 0
        """
    ).pl()
    latest = membership.group_by("permid").agg(latest_ticker=pl.col("ticker").sort_by("start_date").last())
    owned = (
        with_permid(held, membership)
        .join(latest, on="permid")
        .sort("permid", "session_date", pl.col("ticker") == pl.col("latest_ticker"))
        .unique(["permid", "session_date"], keep="last", maintain_order=True)
        .drop("latest_ticker")
    )
    of_stocks = with_permid(splits, membership).select("permid", "split_ratio", split_date="session_date")
    return split_adjusted_prices(owned, of_stocks.unique(["permid", "split_date"], maintain_order=True))


def _features(
    con: duckdb.DuckDBPyConnection,
    prices: pl.DataFrame,
    ids: pl.DataFrame,
    sessions: pl.DataFrame,
    from_seq: int | None,
) -> pl.DataFrame:
    """Return the features of each price from `from_seq` on, beside what identifies it; `id` is its number."""
    panel = prices.sort("id", "session_seq")
    numbered = panel.select(pl.col("id").alias("permid"), "session_seq", "close_adj", "volume_adj")
    listings = listing_sessions(numbered)
    if from_seq is not None:
        kept = con.execute("select permid, min(session_date) as session_date from breadth.features group by all").pl()
        earlier = kept.join(ids, on="permid").join(sessions, on="session_date")
        earlier = earlier.select(pl.col("id").alias("permid"), pl.col("session_seq").alias("listing_session_seq"))
        listings = pl.concat([listings, earlier.cast(listings.schema)])
        listings = listings.group_by("permid").agg(pl.col("listing_session_seq").min()).sort("permid")
    features = breadth_features(numbered, listings=listings, from_session=from_seq)
    told = panel.filter(pl.col("session_seq") >= (from_seq or 0))
    measured = features.drop("permid", "session_seq", "close_adj", "volume_adj")
    return pl.concat([told, measured], how="horizontal").sort("permid", "session_date")


def _daily_counts(features: pl.DataFrame, membership: pl.DataFrame, sessions: pl.DataFrame) -> pl.DataFrame:
    numbered = membership.select(pl.col("id").alias("permid"), "start_date", "end_date_exclusive")
    members = members_by_session(numbered, sessions.select("session_seq", "session_date"))
    panel = features.with_columns(pl.col("id").alias("permid"))
    known = members.join(panel.select("permid", "session_seq", "known_at"), on=["permid", "session_seq"])
    return (
        count_sessions(panel, members, sessions)
        .join(sessions, on="session_seq")
        .join(known.group_by("session_seq").agg(pl.col("known_at").max()), on="session_seq", how="left")
        .with_columns(
            universe=pl.lit(UNIVERSE),
            universe_basis=pl.lit(UNIVERSE_BASIS),
            # a session on which nobody was priced was known when it closed
            known_at=pl.coalesce("known_at", "close_at"),
        )
        .drop("session_seq", "close_at")
        .sort("session_date")
    )


def _market(con: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Return what folds over the sessions, from the first one on."""
    counts = con.execute(
        """
        select s.session_seq, c.* exclude (universe_basis, known_at)
        from breadth.daily_counts c join calendar.sessions s using (session_date) order by s.session_seq
        """
    ).pl()
    dated = counts.select("session_seq", "universe", "session_date")
    series = breadth_series(counts.drop("universe", "session_date"))
    return series.join(dated, on="session_seq").sort("session_date").select("universe", "session_date", *_MARKET)


def _insert(con: duckdb.DuckDBPyConnection, table: str, rows: pl.DataFrame) -> None:
    with shown(con, "breadth_rows", rows):
        con.execute(f"insert into {table} by name select * from breadth_rows")
