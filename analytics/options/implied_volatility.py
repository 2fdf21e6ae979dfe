"""At-the-money implied volatility of each expiry of an option chain, out of the publisher's own figures.

Each side is taken at its own strike nearest the spot price that has an implied volatility; of two as near, the lower.
A strike further than AT_THE_MONEY from spot is not at the money: then that side has none, and without both sides the
expiry has none. 0 and 0.00001 are what publishers print where they computed nothing: no figure, and never an average's
part.

The straddle is the mid of call plus put at the nearest strike where both are bid and offered, over spot: what the
market pays for a move in either direction until that expiry.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from analytics.options.black_scholes import LEAST_IV

AT_THE_MONEY: Final = 0.05

_EXPIRY: Final = ("underlying", "snapshot_at", "expiry_date")
_COLUMNS: Final = ("spot_usd", "known_at")


def at_the_money(quotes: pl.DataFrame) -> pl.DataFrame:
    """Return one row per underlying, snapshot and expiry from the snapshot's own day on, in that order.

    `quotes`: underlying, snapshot_at (naive UTC), root, expiry_date, option_type C or P,
    strike_usd, spot_usd, bid_usd, ask_usd, iv_ratio, known_at. Adjusted contracts (NVDA1) are left out: their
    strikes are of another deliverable.

    Days to expiry are counted from the UTC date of the snapshot, which is that of New York until the evening.
    """
    near = quotes.filter(
        pl.col("root") == pl.col("underlying"),
        pl.col("expiry_date") >= pl.col("snapshot_at").dt.date(),
        pl.col("spot_usd") > 0,
    ).with_columns(distance=(pl.col("strike_usd") - pl.col("spot_usd")).abs())
    has_iv = (pl.col("iv_ratio") > LEAST_IV) & pl.col("iv_ratio").is_finite()
    has_market = (pl.col("bid_usd") > 0) & (pl.col("ask_usd") >= pl.col("bid_usd"))
    is_near = pl.col("distance") <= AT_THE_MONEY * pl.col("spot_usd")
    with_iv = has_iv.fill_null(value=False)
    counted = near.group_by(_EXPIRY).agg(
        *(pl.col(name).first() for name in _COLUMNS), quotes_count=with_iv.sum().cast(pl.Int64)
    )
    sides = (
        near.filter(is_near, with_iv)
        .sort("distance", "strike_usd")
        .group_by(*_EXPIRY, "option_type", maintain_order=True)
        .agg(pl.col("strike_usd", "iv_ratio").first())
    )
    straddles = (
        near.filter(is_near, has_market)
        .with_columns(mid=(pl.col("bid_usd") + pl.col("ask_usd")) / 2)
        .group_by(*_EXPIRY, "strike_usd", "distance", "spot_usd")
        .agg(pl.col("mid").sum(), pl.col("option_type").n_unique())
        .filter(pl.col("option_type") == 2)
        .sort("distance", "strike_usd")
        .group_by(_EXPIRY, maintain_order=True)
        .agg(straddle_pct=(100 * pl.col("mid") / pl.col("spot_usd")).first())
    )
    found = counted
    for side, name in (("C", "call"), ("P", "put")):
        one = sides.filter(pl.col("option_type") == side).select(
            *_EXPIRY,
            pl.col("strike_usd").alias(f"{name}_strike_usd"),
            (100 * pl.col("iv_ratio")).alias(f"{name}_iv_pct"),
        )
        found = found.join(one, on=_EXPIRY, how="left")
    return (
        found.join(straddles, on=_EXPIRY, how="left")
        .with_columns(
            expiry_in_days=(pl.col("expiry_date") - pl.col("snapshot_at").dt.date()).dt.total_days(),
            iv_pct=(pl.col("call_iv_pct") + pl.col("put_iv_pct")) / 2,
        )
        .sort(_EXPIRY)
    )
