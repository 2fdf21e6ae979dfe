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

from analytics.breadth.bucketed import FEATURES
from analytics.breadth.features import STANDARD, breadth_features, listing_sessions
from analytics.breadth.in_lake import LakeMoved, Panel, blocks, compute_in_lake
from analytics.breadth.lake_state import LakeState, held_state, keep_state
from analytics.breadth.market import count_sessions, market_folds, members_by_session
from analytics.breadth.panel import PRICE_TABLES, SPLITS, prices_of
from analytics.breadth.settled import settled_members
from analytics.engines.on_lake import LakeRun
from ingest.clock import naive_utc
from ingest.dataset import serving
from warehouse.latest import latest_of
from warehouse.records import shown
from warehouse.sql import insert_rows
from warehouse.wide_universe import SYMBOLS, wide_membership
from warehouse.wide_universe import UNIVERSE as WIDE_UNIVERSE
from warehouse.wide_universe import UNIVERSE_BASIS as WIDE_UNIVERSE_BASIS

UNIVERSE: Final = "SPX"
UNIVERSE_BASIS: Final = "members at the open: history files of the index, carried on by the list of the day"
MEMBERS: Final = serving("index_members")[0].id
INPUTS: Final = (*PRICE_TABLES, SPLITS, MEMBERS)

_TAIL_SESSIONS: Final = 300
"""A change further back than this is cheaper computed with all the rest."""


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


def update_breadth(
    con: duckdb.DuckDBPyConnection, *, wide: bool = False, now: datetime | None = None, lake: LakeRun | None = None
) -> BreadthUpdate:
    """Bring breadth.* up to the raw tables, in one transaction. calendar.sessions must be up to date.

    `wide`: of USCOMMON too, beside the index. `now` (aware): sessions that had closed by then are counted whether
    anybody was priced or not, since their members are known; None: those up to the last price. `lake`, which is
    attached to `con`: the features are computed by its engine and kept there, in a transaction before that one.
    """
    counts = _counts(con, wide=wide)
    universes = _universes(con, wide=wide)
    tickers = {ticker for one in universes for ticker in one.members["ticker"]}
    has_features = lake is None or held_state(con) is not None
    first = _first_changed(con, counts, tickers) if has_features else date.min
    last = None if now is None else _last_closed(con, naive_utc(now))
    first = _first_uncounted(con, first, last)
    if lake is not None and has_features:
        first = _first_in_lake(con, first)
    if first is None:
        return BreadthUpdate("nothing", None, 0, 0)
    work = _work(con, universes, None if first == date.min else first, last)
    state = None
    if lake is not None:
        try:
            state = compute_in_lake(con, work.panel, lake)
        except LakeMoved:
            work = _work(con, universes, None, last)
            state = compute_in_lake(con, work.panel, lake)
    con.begin()
    try:
        update = _put_in_place(con, work, state)
        con.execute("delete from breadth.inputs")
        insert_rows(con, "breadth.inputs", [*counts.items()])
        con.commit()
    except BaseException:
        con.rollback()
        raise
    return update


def current_membership(con: duckdb.DuckDBPyConnection, *, wide: bool) -> pl.DataFrame:
    """Return the stays of the stocks that breadth.features are of, as prices_of takes them."""
    return pl.concat([one.members for one in _universes(con, wide=wide)])


def inputs_changed(con: duckdb.DuckDBPyConnection, *, wide: bool) -> bool:
    """Say whether raw tables have grown since the tables of breadth were brought up to them."""
    before = dict(con.execute("select table_id, rows_count from breadth.inputs").fetchall())
    return bool(before != _counts(con, wide=wide))


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


def _first_in_lake(con: duckdb.DuckDBPyConnection, first: date | None) -> date | None:
    """Return `first`, or date.min where it is before the tail of the lake."""
    held = held_state(con)
    assert held is not None
    return date.min if first is not None and first < held.tail_from else first


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


def _counts(con: duckdb.DuckDBPyConnection, *, wide: bool) -> dict[str, int]:
    return {table: _count(con, table) for table in (*INPUTS, *((SYMBOLS,) if wide else ()))}


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


@dataclass(frozen=True, slots=True)
class _Work:
    """What is to be computed: from which session on (None: all), and up to which sessions are counted at least."""

    universes: Sequence[_Universe]
    panel: Panel
    ids: pl.DataFrame
    last: date | None


def _work(
    con: duckdb.DuckDBPyConnection, universes: Sequence[_Universe], first: date | None, last: date | None
) -> _Work:
    sessions = con.execute("select session_date, session_seq, close_at from calendar.sessions order by 1").pl()
    membership = pl.concat([one.members for one in universes])
    ids = membership.select(pl.col("permid").unique().sort()).with_row_index("id").cast({"id": pl.Int64})
    return _Work(universes, Panel(membership, sessions, first), ids, last)


def _put_in_place(con: duckdb.DuckDBPyConnection, work: _Work, state: LakeState | None) -> BreadthUpdate:
    """Put features and what is counted over them in place, the features unless they are in the lake already."""
    first = work.panel.first
    if state is None:
        features = _features_in_file(con, work)
        rows, days = features.height, (features["session_date"].min(), features["session_date"].max())
    else:
        keep_state(con, state)
        rows = state.rows
        of_them = "" if first is None else f"where session_date >= date '{first}'"
        found = con.execute(f"select min(session_date), max(session_date) from breadth.features {of_them}").fetchone()
        assert found is not None
        days = found
    where, told = ("", []) if first is None else ("where session_date >= ?", [first])
    con.execute(f"delete from breadth.daily_counts {where}", told)
    con.execute("delete from breadth.market")
    sessions_count = 0
    covered = _counted_sessions(con, work, days)
    if not covered.is_empty():
        parts = [(features, covered)] if state is None else blocks(con, covered, rows)
        for part, sessions in parts:
            numbered = part if state is None else part.join(work.ids, on="permid", maintain_order="left")
            counted = [
                _daily_counts(con, numbered, one, work.ids, sessions) for one in work.universes if one.members.height
            ]
            counts = pl.concat(counted)
            _insert(con, "breadth.daily_counts", counts)
            sessions_count += counts.height
    _insert_market(con)
    return BreadthUpdate("all" if first is None else "tail", first, rows, sessions_count)


def _features_in_file(con: duckdb.DuckDBPyConnection, work: _Work) -> pl.DataFrame:
    """Compute the features in this process and put them into the table of the build file."""
    first, from_seq, sessions = work.panel.first, work.panel.from_seq, work.panel.sessions
    reach = None if from_seq is None else from_seq - STANDARD.lookback
    prices = prices_of(con, work.panel.membership, sessions, reach)
    features = _features(con, prices.join(work.ids, on="permid"), work.ids, sessions, from_seq)
    con.execute("delete from breadth.features where session_date >= ?", [first or date.min])
    _insert(con, "breadth.features", features.select(pl.col(name).alias(as_) for as_, name in FEATURES.items()))
    return features


def _counted_sessions(con: duckdb.DuckDBPyConnection, work: _Work, days: tuple[object, object]) -> pl.DataFrame:
    """Return the sessions to count: from the first price, or `first`, up to the last price, or to `last`.

    `days`: the first and the last session of the features that were computed.
    """
    first, sessions = work.panel.first, work.panel.sessions
    begins = days[0] if first is None else first
    if first is not None and _one(con, "select min(session_date) from breadth.features") is None:
        return sessions.clear()
    ends = max((day for day in (days[1], work.last) if isinstance(day, date)), default=None)
    if not isinstance(begins, date) or ends is None:
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
