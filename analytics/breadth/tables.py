"""The tables of schema breadth: features of each stock, counts and folded series of each universe, brought up to date.

They are derived from raw prices, splits and membership in their newest vintages, so their rows are replaced. A new
session touches itself and reads its lookback; a split or a change of membership moves history and computes all anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, Literal

import duckdb
import polars as pl

from analytics.breadth.features import STANDARD, breadth_features, listing_sessions
from analytics.breadth.market import count_sessions, market_folds, members_by_session
from analytics.breadth.settled import settled_members, settled_prices
from ingest.clock import naive_utc
from ingest.dataset import serving
from ingest.membership import with_permid
from ingest.rules.splits import split_adjusted_prices
from warehouse.latest import latest_of, newest
from warehouse.records import shown
from warehouse.wide_universe import SYMBOLS, wide_membership
from warehouse.wide_universe import UNIVERSE as WIDE_UNIVERSE
from warehouse.wide_universe import UNIVERSE_BASIS as WIDE_UNIVERSE_BASIS

UNIVERSE: Final = "SPX"
UNIVERSE_BASIS: Final = "members at the open: history files of the index, carried on by the list of the day"
PRICE_TABLES: Final = tuple(table.id for table in serving("prices"))
"""Preferred first: of each ticker and session the first provider with a close counts, as in the marts."""

SPLITS: Final = f"{serving('prices')[0].source}.splits"
"""Of the provider whose prices come first: the other's split file is its funds'."""

MEMBERS: Final = serving("index_members")[0].id
INPUTS: Final = (*PRICE_TABLES, SPLITS, MEMBERS)

_TAIL_SESSIONS: Final = 300
"""A change further back than this is cheaper computed with all the rest."""

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
    "settled_at": "settled_at",
}


@dataclass(frozen=True, slots=True)
class BreadthUpdate:
    """What an update did: nothing, the sessions from `first_session` on, or all. Rows are those written."""

    extent: Literal["nothing", "tail", "all"]
    first_session: date | None
    feature_rows: int
    sessions: int


@dataclass(frozen=True, slots=True)
class _Universe:
    """Who is a member when: permid, ticker, start_date, end_date_exclusive. `since`: no statement before that day."""

    name: str
    basis: str
    members: pl.DataFrame
    since: date | None = None


def update_breadth(con: duckdb.DuckDBPyConnection, *, wide: bool = False, now: datetime | None = None) -> BreadthUpdate:
    """Bring breadth.* up to the raw tables, in one transaction. calendar.sessions must be up to date.

    `wide`: of USCOMMON too, beside the index. `now` (aware): sessions that had closed by then are counted whether
    anybody was priced or not, since their members are known; None: those up to the last price.
    """
    counts = {table: _count(con, table) for table in (*INPUTS, *((SYMBOLS,) if wide else ()))}
    universes = _universes(con, wide=wide)
    first = _first_changed(con, counts, {ticker for one in universes for ticker in one.members["ticker"]})
    last = None if now is None else _last_closed(con, naive_utc(now))
    first = _first_uncounted(con, first, last)
    if first is None:
        return BreadthUpdate("nothing", None, 0, 0)
    con.begin()
    try:
        update = _compute(con, universes, None if first == date.min else first, last)
        con.execute("delete from breadth.inputs")
        con.executemany("insert into breadth.inputs values (?, ?)", [list(item) for item in counts.items()])
        con.commit()
    except BaseException:
        con.rollback()
        raise
    return update


# ---- what changed --------------------------------------------------------------------------------------------------


def _first_changed(con: duckdb.DuckDBPyConnection, counts: Mapping[str, int], tickers: Set[str]) -> date | None:
    """Return the first session that has to be computed again, date.min for all of them, None for none.

    Raw tables only grow, in the order of their row numbers: the rows beyond the count of the last time are new.
    """
    before: dict[str, int] = dict(con.execute("select table_id, rows_count from breadth.inputs").fetchall())
    if any(before.get(table, 0) > count for table, count in counts.items()) or before.keys() != counts.keys():
        return date.min if any(counts.values()) else None
    if counts[INPUTS[-1]] > before[INPUTS[-1]]:
        return date.min
    with shown(con, "breadth_tickers", pl.DataFrame({"ticker": sorted(tickers)}, schema={"ticker": pl.String})):
        members = "ticker in (select ticker from breadth_tickers)"
        new_splits = f"select count(*) from {SPLITS} where rowid >= ? and {members}"
        if _one(con, new_splits, before[SPLITS]):
            return date.min
        firsts = [
            _one(con, f"select min(session_date) from {table} where rowid >= ? and {members}", before[table])
            for table in PRICE_TABLES
        ]
    if SYMBOLS in counts:  # a snapshot says nothing about the days before it
        firsts.append(_one(con, f"select min(snapshot_date) from {SYMBOLS} where rowid >= ?", before[SYMBOLS]))
    changed = [first for first in firsts if isinstance(first, date)]
    if not changed:
        return None
    newest = _one(con, "select max(session_date) from breadth.features")
    reach = _one(con, "select count(*) from calendar.sessions where session_date between ? and ?", min(changed), newest)
    return min(changed) if isinstance(reach, int) and reach <= _TAIL_SESSIONS else date.min


def _last_closed(con: duckdb.DuckDBPyConnection, moment: datetime) -> date | None:
    last = _one(con, "select max(session_date) from calendar.sessions where close_at <= ?", moment)
    return last if isinstance(last, date) else None


def _first_uncounted(con: duckdb.DuckDBPyConnection, first: date | None, last: date | None) -> date | None:
    """Return `first`, or the first session up to `last` that has no counts yet where that is earlier."""
    newest = _one(con, "select max(session_date) from breadth.daily_counts")
    if last is None or not isinstance(newest, date):
        return first
    uncounted = "select min(session_date) from calendar.sessions where session_date > ? and session_date <= ?"
    missing = _one(con, uncounted, newest, last)
    return min((day for day in (first, missing) if isinstance(day, date)), default=None)


def _count(con: duckdb.DuckDBPyConnection, table: str) -> int:
    counted = _one(con, f"select count(*) from {table}")
    assert isinstance(counted, int)
    return counted


def _one(con: duckdb.DuckDBPyConnection, query: str, *told: object) -> object:
    found = con.execute(query, list(told)).fetchone()
    return found[0] if found else None


# ---- what is computed ----------------------------------------------------------------------------------------------


def _universes(con: duckdb.DuckDBPyConnection, *, wide: bool) -> list[_Universe]:
    index = _Universe(UNIVERSE, UNIVERSE_BASIS, _membership(con))
    if not wide:
        return [index]
    listed = wide_membership(con, index.members)
    since = listed["start_date"].min()
    assert since is None or isinstance(since, date)
    return [index, _Universe(WIDE_UNIVERSE, WIDE_UNIVERSE_BASIS, listed, since)]


def _compute(
    con: duckdb.DuckDBPyConnection, universes: Sequence[_Universe], first: date | None, last: date | None
) -> BreadthUpdate:
    """Compute the sessions from `first` on (None: all) up to the last price, or to `last`, and put them in place."""
    sessions = con.execute("select session_date, session_seq, close_at from calendar.sessions order by 1").pl()
    membership = pl.concat([one.members for one in universes])
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
    sessions_count = 0
    covered = _counted_sessions(con, features, sessions, first, last)
    if not covered.is_empty():
        counts = pl.concat([_daily_counts(con, features, one, ids, covered) for one in universes if one.members.height])
        _insert(con, "breadth.daily_counts", counts)
        sessions_count = counts.height
    _insert_market(con)
    return BreadthUpdate("all" if first is None else "tail", first, features.height, sessions_count)


def _counted_sessions(
    con: duckdb.DuckDBPyConnection,
    features: pl.DataFrame,
    sessions: pl.DataFrame,
    first: date | None,
    last: date | None,
) -> pl.DataFrame:
    """Return the sessions to count: from the first price, or `first`, up to the last price, or to `last`."""
    begins = features["session_date"].min() if first is None else first
    if first is not None and _one(con, "select min(session_date) from breadth.features") is None:
        return sessions.clear()
    ends = max((day for day in (features["session_date"].max(), last) if isinstance(day, date)), default=None)
    if begins is None or ends is None:
        return sessions.clear()
    return sessions.filter(pl.col("session_date").is_between(begins, ends))


def _membership(con: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Return permid, ticker, start_date, end_date_exclusive of the stays as they now stand."""
    return con.execute(
        f"""
        select permid, ticker, start_date, end_date as end_date_exclusive from {latest_of(MEMBERS)}
        where ticker is not null order by ticker, start_date
        """
    ).pl()


def _prices(
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
        kept = con.execute(
            "select permid, min(session_date) as session_date from breadth.features where close_usd > 0 group by all"
        ).pl()
        earlier = kept.join(ids, on="permid").join(sessions, on="session_date")
        earlier = earlier.select(pl.col("id").alias("permid"), pl.col("session_seq").alias("listing_session_seq"))
        listings = pl.concat([listings, earlier.cast(listings.schema)])
        listings = listings.group_by("permid").agg(pl.col("listing_session_seq").min()).sort("permid")
    features = breadth_features(numbered, listings=listings, from_session=from_seq)
    told = panel.filter(pl.col("session_seq") >= (from_seq or 0))
    measured = features.drop("permid", "session_seq", "close_adj", "volume_adj")
    return pl.concat([told, measured], how="horizontal").sort("permid", "session_date")


def _daily_counts(
    con: duckdb.DuckDBPyConnection,
    features: pl.DataFrame,
    universe: _Universe,
    ids: pl.DataFrame,
    sessions: pl.DataFrame,
) -> pl.DataFrame:
    if universe.since is not None:
        sessions = sessions.filter(pl.col("session_date") >= universe.since)
    numbered = universe.members.join(ids, on="permid").select(
        pl.col("id").alias("permid"), "start_date", "end_date_exclusive"
    )
    members = members_by_session(numbered, sessions.select("session_seq", "session_date"))
    # Volumes are added up over stocks: on the newest basis a later split would change sessions long over.
    panel = features.with_columns(pl.col("id").alias("permid"), volume_adj="volume_raw")
    moments = ["known_at", "settled_at"]
    known = members.join(panel.select("permid", "session_seq", *moments), on=["permid", "session_seq"])
    stays = settled_members(con, wide=universe.name == WIDE_UNIVERSE).rename({"settled_at": "members_settled_at"})
    return (
        count_sessions(panel, members, sessions)
        .join(sessions, on="session_seq")
        .join(known.group_by("session_seq").agg(pl.col(moments).max()), on="session_seq", how="left")
        .sort("session_date")
        .join_asof(stays, on="session_date")
        .with_columns(
            universe=pl.lit(universe.name),
            universe_basis=pl.lit(universe.basis),
            # a session on which nobody was priced was known when it closed
            known_at=pl.coalesce("known_at", "close_at"),
            settled_at=pl.max_horizontal("settled_at", "members_settled_at", "known_at", "close_at"),
        )
        .drop("session_seq", "close_at", "members_settled_at")
        .sort("session_date")
    )


def _insert_market(con: duckdb.DuckDBPyConnection) -> None:
    """Insert what folds over the sessions of each universe, from its first one on."""
    counts = con.execute(
        """
        select universe, session_date, session_seq, members_count, priced_count, advances_count, declines_count
        from breadth.daily_counts join calendar.sessions using (session_date) order by session_seq
        """
    ).pl()
    for part in counts.sort("universe", maintain_order=True).partition_by("universe", maintain_order=True):
        folded = market_folds(part).drop("session_seq")
        rows = pl.concat([part.select("universe", "session_date"), folded], how="horizontal")
        _insert(con, "breadth.market", rows)


def _insert(con: duckdb.DuckDBPyConnection, table: str, rows: pl.DataFrame) -> None:
    with shown(con, "breadth_rows", rows):
        con.execute(f"insert into {table} by name select * from breadth_rows")
