"""When figures of breadth were settled: the newest moment at which anything they look at became known.

Without all that became known later a figure is the same. Windows look back, so a close that came late or
was restated moves whatever looks back on it; so does a split, and a stay in the index that was learned of late.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import duckdb
import polars as pl

from analytics.breadth.features import Windows
from ingest.dataset import serving
from warehouse.wide_universe import SYMBOLS

_BEFORE_PRICES: Final = timedelta(hours=21)
"""A split known by then, on its day in UTC, is known before the first price on its basis."""

_NEVER: Final = "date '9999-12-31'"

# A vintage of a stay matters from the first day on which it says something else than the one before.
_INDEX: Final = f"""
    select case
        when ticker is not distinct from ticker_before
            then least(coalesce(end_date, {_NEVER}), coalesce(end_before, {_NEVER}))
        else start_date
    end as session_date, known_at
    from (
        select start_date, ticker, end_date, known_at,
            lag(ticker) over vintages as ticker_before, lag(end_date) over vintages as end_before
        from {serving("index_members")[0].id}
        window vintages as (partition by permid, start_date order by known_at)
    )
    where ticker is distinct from ticker_before or (ticker is not null and end_date is distinct from end_before)
"""
_DIRECTORIES: Final = f"select snapshot_date, max(known_at) from {SYMBOLS} group by snapshot_date"


def settled_prices(
    prices: pl.DataFrame, splits: pl.DataFrame, sessions: pl.DataFrame, windows: Windows
) -> pl.DataFrame:
    """Return `prices` (permid, session_seq, settled_at, ...) with settled_at that of all that the windows look at.

    `prices`: by permid and session. `splits`: permid, session_date, known_at, withdrawn ones too. `sessions`:
    session_seq, session_date, in order.
    """
    key = ["permid", "session_seq"]
    same_stock = pl.col("permid") == pl.col("permid").shift(1)
    disordered = prices.filter(same_stock & (pl.col("settled_at") < pl.col("settled_at").shift(1)))["permid"]
    late_split = splits.filter(pl.col("known_at") - pl.col("session_date").cast(pl.Datetime("us")) > _BEFORE_PRICES)
    # What came session by session looks at nothing newer than itself: that is all but a few stocks.
    late = pl.concat([disordered, late_split["permid"]]).unique()
    if late.is_empty():
        return prices
    steps = (
        late_split.sort("session_date")
        .join_asof(sessions.select("session_seq", "session_date"), on="session_date", strategy="forward")
        .drop_nulls("session_seq")
    )
    looked_at = (
        pl.concat(
            [
                prices.filter(pl.col("permid").is_in(late.implode())).select(*key, "settled_at"),
                steps.select(*key, settled_at="known_at"),
            ],
            how="vertical_relaxed",
        )
        .group_by(key)
        .agg(pl.col("settled_at").max())
        .sort(key)
        .rolling("session_seq", period=f"{windows.lookback + 1}i", group_by="permid")
        .agg(looked_at=pl.col("settled_at").max())
    )
    return (
        prices.join(looked_at, on=key, how="left", maintain_order="left")
        .with_columns(settled_at=pl.coalesce("looked_at", "settled_at"))
        .drop("looked_at")
    )


def settled_members(con: duckdb.DuckDBPyConnection, *, wide: bool) -> pl.DataFrame:
    """Return session_date and settled_at, by session_date: since when the members up to there are known to be those.

    `wide`: the members of USCOMMON too, which come from the symbol directories.
    """
    events = f"{_INDEX} union all {_DIRECTORIES}" if wide else _INDEX
    return con.execute(
        f"""
        select session_date, max(max(known_at)) over (order by session_date) as settled_at
        from ({events}) group by session_date order by session_date
        """
    ).pl()
