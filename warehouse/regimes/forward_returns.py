"""What the S&P 500 did after each row of what was known. It is looked at afterwards and is no input of any state."""

from __future__ import annotations

from typing import Final

import polars as pl

from warehouse.published_table import PublishedTable
from warehouse.regimes.frames import shaped

HORIZONS: Final = (5, 21, 63, 126, 252)
"""Sessions that an index bought at the open is held; the session of the purchase is the first."""

FORWARD_RETURNS: Final = PublishedTable(
    "marts",
    "forward_returns_daily",
    "What the S&P 500 did from the first open after each cut-off of regime_daily: price changes without dividends, "
    "never an input of a regime. A horizon that is not over is NULL. One row per session.",
    (
        ("session_date", "date", "Session D of regime_daily"),
        ("cutoff_at", "timestamp", "UTC; cut-off of D: what was known is known by then"),
        ("entry_date", "date", "Session of the first open after the cut-off; it may be yet to come"),
        ("entry_open_index", "double", "S&P 500 at that open; NULL where it is not there (yet)"),
        *(
            column
            for horizon in HORIZONS
            for column in (
                (
                    f"exit_{horizon}d_date",
                    "date",
                    f"Session number {horizon} of the holding, the entry being 1; NULL beyond the calendar",
                ),
                (
                    f"return_{horizon}d_ratio",
                    "double",
                    f"Close of exit_{horizon}d_date / entry open - 1; overlaps the returns of {horizon - 1} sessions "
                    "on either side",
                ),
                (
                    f"max_adverse_{horizon}d_ratio",
                    "double",
                    f"Lowest low of the {horizon} sessions / entry open - 1, at most 0: the worst the holder sat "
                    "through",
                ),
            )
        ),
    ),
)


def forward_returns(rows: pl.DataFrame, sessions: pl.DataFrame, prices: pl.DataFrame) -> pl.DataFrame:
    """Return FORWARD_RETURNS for each of `rows` (session_date, cutoff_at).

    `sessions` (session_date, open_at, session_seq) goes on past the last row as far as the calendar is known; `prices`
    (session_date, open, low, close) has at most one row per session. A price that is missing is never made up: an
    entry without an open, an exit without a close and an excursion without every low are NULL.
    """
    spine = (
        sessions.select("session_date", "open_at", "session_seq")
        .join(prices.select("session_date", "open", "low", "close"), on="session_date", how="left")
        .sort("session_seq")
    )
    after = spine.select(
        pl.col("open_at"),
        pl.col("session_date").alias("entry_date"),
        pl.col("open").alias("entry_open_index"),
        *(expression for horizon in HORIZONS for expression in _ahead(horizon)),
    )
    entered = (
        rows.select("session_date", "cutoff_at")
        .sort("cutoff_at")
        .join_asof(
            after.sort("open_at"),
            left_on="cutoff_at",
            right_on="open_at",
            strategy="forward",
            allow_exact_matches=False,
            check_sortedness=False,
        )
    )
    return (
        entered.with_columns(expression for horizon in HORIZONS for expression in _measured(horizon))
        .sort("session_date")
        .pipe(shaped, FORWARD_RETURNS)
    )


def _ahead(horizon: int) -> tuple[pl.Expr, ...]:
    """Return what a holder from this session's open on meets: the last session, its close, the lowest low."""
    return (
        pl.col("session_date").shift(1 - horizon).alias(f"exit_{horizon}d_date"),
        pl.col("close").shift(1 - horizon).alias(f"close_{horizon}"),
        pl.col("low").rolling_min(horizon, min_samples=horizon).shift(1 - horizon).alias(f"low_{horizon}"),
    )


def _measured(horizon: int) -> tuple[pl.Expr, pl.Expr]:
    entry = pl.col("entry_open_index")
    return (
        (pl.col(f"close_{horizon}") / entry - 1).round(8).alias(f"return_{horizon}d_ratio"),
        # a low above the open would be an error of the file, not a gain
        (pl.col(f"low_{horizon}") / entry - 1).clip(upper_bound=0.0).round(8).alias(f"max_adverse_{horizon}d_ratio"),
    )
