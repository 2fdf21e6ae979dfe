"""The wide universe USCOMMON: common stocks of the symbol directories, from the first snapshot on.

Nobody serves the directories of the past: the universe has no history before our first snapshot, and none is made up.
"""

from __future__ import annotations

from typing import Final

import duckdb
import polars as pl

from ingest.dataset import serving

UNIVERSE: Final = "USCOMMON"
UNIVERSE_BASIS: Final = "common stocks of the newest symbol directory, from our first snapshot on"
SYMBOLS: Final = serving("symbols")[0].id

# One letter case of each name is enough: the directories write both.
_COMMON: Final = r"(?i)\b(common stock|common shares?|ordinary shares?|capital stock)\b"
_OTHER: Final = (
    r"(?i)\b(warrants?|rights?|units?|preferred|preference|depositary|adr|ads|notes?|debentures?|etn|fund)\b"
)
_SPELLING: Final = r"^[A-Z]{1,5}(\.[A-Z])?$"  # BRK.B; the directories write preferred shares as BAC$L

# Each directory is a snapshot of its own: where one failed, its stocks are still listed.
_LISTED: Final = f"""
    newest as (from {SYMBOLS}_latest),
    days as (
        select *, row_number() over (partition by is_nasdaq order by snapshot_date) as day_seq
        from (
            select distinct snapshot_date, listing_exchange = 'Q' as is_nasdaq
            from newest where listing_exchange is not null
        )
    ),
    listed as (
        select distinct d.is_nasdaq, d.snapshot_date, d.day_seq, replace(n.symbol, '.', '-') as ticker
        from newest n join days d on d.snapshot_date = n.snapshot_date and d.is_nasdaq = (n.listing_exchange = 'Q')
        where n.listing_exchange in ('Q', 'N', 'A') and not coalesce(n.is_etf, false)
            and regexp_matches(n.symbol, $spelling)
            and regexp_matches(n.security_name, $common) and not regexp_matches(n.security_name, $other)
    )
"""
_TOLD: Final = {"spelling": _SPELLING, "common": _COMMON, "other": _OTHER}


def common_stocks(con: duckdb.DuckDBPyConnection) -> list[str]:
    """Return the tickers (Yahoo's spelling) of the newest snapshot of each directory."""
    rows = con.execute(
        f"""
        with {_LISTED}
        select distinct ticker from listed
        where (is_nasdaq, day_seq) in (select (is_nasdaq, max(day_seq)) from days group by is_nasdaq) order by ticker
        """,
        _TOLD,
    ).fetchall()
    return [row[0] for row in rows]


def wide_membership(con: duckdb.DuckDBPyConnection, index_members: pl.DataFrame) -> pl.DataFrame:
    """Return permid, ticker, start_date, end_date_exclusive (NULL: still listed), by ticker and start_date.

    A stock is in from its first snapshot to before the first one that lacks it. The one that bore its ticker last in
    the index, and to its end there (`index_members`, the same columns), keeps the permid it has there: any other is
    named after its ticker, "US:ZED". So no stranger under a ticker that was given up touches the index.
    """
    stays = con.execute(
        f"""
        with {_LISTED},
        stays as (
            select is_nasdaq, ticker, min(snapshot_date) as start_date, max(day_seq) + 1 as end_seq
            from (
                select *, day_seq - row_number() over (partition by is_nasdaq, ticker order by day_seq) as island
                from listed
            ) group by is_nasdaq, ticker, island
        )
        select s.ticker, s.start_date, d.snapshot_date as end_date_exclusive
        from stays s left join days d on d.is_nasdaq = s.is_nasdaq and d.day_seq = s.end_seq
        order by s.ticker, s.start_date
        """,
        _TOLD,
    ).pl()
    in_order = index_members.sort("start_date")
    ended_as = in_order.group_by("permid").agg(pl.col("ticker").last(), pl.col("start_date").last())
    borne = ended_as.sort("start_date", "permid").group_by("ticker").agg(pl.col("permid").last())
    named = stays.join(borne, on="ticker", how="left").with_columns(
        pl.col("permid").fill_null(pl.lit("US:") + pl.col("ticker"))
    )
    return named.select("permid", "ticker", "start_date", "end_date_exclusive").sort("ticker", "start_date")
