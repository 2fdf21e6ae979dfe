"""Split bases: from a download's basis to the raw print, and from the raw print to today's basis.

Yahoo's close is on the split basis of the day it was downloaded, so two downloads around a split disagree about the
same session. The raw print does not: it is what is stored, and adjusted series are derived from it.

A splits frame has permid, split_date (ex-date) and split_ratio (new shares per old: 2.0 for 2-for-1, 0.1 for
1-for-10). A split concerns every session before its ex-date.
"""

from __future__ import annotations

import polars as pl


def split_adjusted_prices(raw: pl.DataFrame, splits: pl.DataFrame) -> pl.DataFrame:
    """Return `raw` (permid, session_date, close_raw, volume_raw) with close_adj and volume_adj on the newest basis.

    The close is divided by every later split ratio, the volume multiplied by it; dividends are left alone.
    """
    later = later_split_ratio(raw, splits)
    return raw.with_columns(close_adj=pl.col("close_raw") / later, volume_adj=pl.col("volume_raw") * later)


def later_split_ratio(rows: pl.DataFrame, splits: pl.DataFrame) -> pl.Series:
    """Return the product of the split ratios after each row's session_date, 1.0 where there are none, in row order.

    `rows` needs permid and session_date; permid may be anything that tells stocks apart, a ticker too.
    """
    if splits.is_empty():
        return pl.repeat(1.0, rows.height, eager=True).alias("later")
    later = (
        splits.group_by("permid", "split_date")
        .agg(pl.col("split_ratio").product())
        .sort("permid", "split_date")
        .select("permid", "split_date", later=pl.col("split_ratio").cum_prod(reverse=True).over("permid"))
    )
    # The first split strictly after the session carries the product of itself and of all that follow it.
    return (
        rows.select("permid", after=pl.col("session_date").dt.offset_by("1d"))
        .with_row_index("row")
        .sort("permid", "after")
        .join_asof(
            later, left_on="after", right_on="split_date", by="permid", strategy="forward", check_sortedness=False
        )
        .sort("row")["later"]
        .fill_null(1.0)
    )
