"""Breadth features of whole stocks as a kernel of `analytics.engines`: from rows of the panel to rows of the table.

The panel of the lake has, beside what breadth_features reads, what identifies a row; both tables have their bucket.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, partial
from typing import Final

import polars as pl

from analytics.breadth.features import CLOSE_BELOW_USD, PRICES, STANDARD, breadth_features
from analytics.engines import Kernel
from analytics.engines.buckets import BUCKET
from analytics.engines.fingerprint import Columns
from warehouse.own_tables import own_table

FEATURES: Final[Mapping[str, str]] = {
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
"""Columns of breadth.features, and what they are called where they are computed."""

PANEL: Final[Columns] = (
    (BUCKET, "integer"),
    ("permid", "varchar"),
    ("ticker", "varchar"),
    ("session_date", "date"),
    ("session_seq", "integer"),
    ("close_raw", "double"),
    ("volume_raw", "double"),
    ("close_adj", "double"),
    ("volume_adj", "double"),
    ("known_at", "timestamp"),
    ("settled_at", "timestamp"),
)
"""Columns of the panel: prices of each stock and session as traded (`_raw`) and on the newest split basis (`_adj`)."""

ORDER: Final = ("permid", "session_seq")
"""How the kernel wants the panel sorted."""

_OF_COUNTS: Final[Mapping[str, str]] = {BUCKET: BUCKET, "session_seq": "session_seq", "volume_shares": "volume_raw"}
"""What the features of the lake have besides: their bucket, and what counts over a session are made from."""


@cache
def feature_columns() -> Columns:
    """Return names and types of the features in the lake: those of breadth.features, and a few more."""
    types = {name: kind.removesuffix(" not null") for name, kind, _ in own_table("breadth.features").columns}
    declared = [(name, types[name]) for name in FEATURES]
    return (*declared, (BUCKET, "integer"), ("session_seq", "integer"), ("volume_shares", "double"))


def panel_query(rows: str, from_session: int | None) -> str:
    """Return the select of what the kernel reads of `rows`, a table or a select in brackets with columns of PANEL.

    Each row has the session of the first valid close of its stock in all of them; with `from_session` only rows that
    can matter to it and later come back.
    """
    names = ", ".join(name for name, _ in PANEL)
    valid = f"close_adj > 0 and close_adj < {CLOSE_BELOW_USD!r}"
    tail = "" if from_session is None else f" qualify session_seq >= {from_session - STANDARD.lookback}"
    listed = f"min(session_seq) filter ({valid}) over (partition by permid)"
    return f"select {names}, {listed} as listing_session_seq from {rows}{tail}"


def features_kernel(from_session: int | None = None) -> Kernel:
    """Return the kernel that computes the features of `from_session` and later, None: of all sessions."""
    return partial(_features_of, from_session=from_session)


def _features_of(rows: pl.DataFrame, *, from_session: int | None) -> pl.DataFrame:
    """Return the features of rows of panel_query, sorted by ORDER; the columns of feature_columns."""
    numbered = rows.with_columns(permid=pl.col("permid").rle_id().cast(pl.Int64))
    listings = (
        numbered.select("permid", "listing_session_seq").drop_nulls().unique("permid", keep="first").sort("permid")
    )
    measured = breadth_features(numbered, listings=listings, from_session=from_session)
    if from_session is not None:
        rows = rows.filter(pl.col("session_seq") >= from_session)
    features = pl.concat([rows, measured.drop(PRICES)], how="horizontal")
    return features.select(pl.col(name).alias(as_) for as_, name in {**FEATURES, **_OF_COUNTS}.items())
