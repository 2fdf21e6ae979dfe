"""What the S&P 500 did after each row of what was known. It is looked at afterwards and is no input of any state.

Three measures of the same holding: from the first open after the cut-off, which is what its reader could buy; from the
first close after it; and with dividends, by the fund SPY. Where no open is held the first is the second, and
`entry_basis` says so. A measure that has no value says why.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import polars as pl

from analytics.regimes.declared import regime_table
from analytics.regimes.frames import shaped
from warehouse.derived_table import Rule

HORIZONS: Final = (5, 21, 63, 126, 252)
"""Sessions that the index is held: bought at an open, that session is the first; at a close, the one after it."""

DIVIDEND_DAYS: Final = 100
"""SPY pays once a quarter: a session so many days after the last dividend held is one whose dividends are not held."""

PENDING: Final = "pending"
UNPRICED: Final = "unpriced"
NO_DIVIDENDS: Final = "dividends"


def _rules() -> Iterator[Rule]:
    yield Rule(
        "entries_come_after_the_cutoff",
        "A return begins with an open after the cut-off, on a later session.",
        condition="coalesce(entry_date > session_date, true)",
    )
    yield Rule(
        "returns_say_why_they_are_missing",
        "A return is missing exactly when it says why, and a holding that has one says at which price it began.",
        condition=" and ".join(
            [
                *(
                    f"({kind}return_{horizon}d_ratio is null) = ({kind}return_{horizon}d_reason is not null)"
                    for kind in ("", "close_", "total_")
                    for horizon in HORIZONS
                ),
                "(coalesce(return_5d_ratio, return_21d_ratio) is null or entry_basis is not null)",
            ]
        ),
    )


FORWARD_RETURNS: Final = regime_table("forward_returns_daily", *_rules())


def forward_returns(rows: pl.DataFrame, sessions: pl.DataFrame, prices: pl.DataFrame) -> pl.DataFrame:
    """Return FORWARD_RETURNS for each of `rows` (session_date, cutoff_at).

    `sessions` (session_date, open_at, session_seq) goes on past the last row as far as the calendar is known; `prices`
    has at most one row per session: session_date, open, low, close of the index; total, the dividend-adjusted close of
    SPY, and dividend, what it paid on its ex-dividend sessions. A price that is missing is never made up: NULL and a
    reason. A horizon is over when its last session is not after the newest of `rows`.
    """
    spine = (
        sessions.select("session_date", "open_at", "session_seq")
        .join(prices, on="session_date", how="left")
        .sort("session_seq")
        .with_columns(is_told=_dividends_are_held())
    )
    after = spine.select(
        pl.col("open_at"),
        pl.col("session_date").alias("entry_date"),
        pl.col("open").alias("entry_open_index"),
        pl.col("close").alias("entry_close_index"),
        pl.col("total").alias("entry_total"),
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
        .with_columns(
            entry_basis=pl.when(pl.col("entry_open_index").is_not_null())
            .then(pl.lit("open"))
            .when(pl.col("entry_close_index").is_not_null())
            .then(pl.lit("close"))
        )
    )
    newest = rows["session_date"].max()
    return (
        entered.with_columns(expression for horizon in HORIZONS for expression in _measured(horizon))
        .with_columns(expression for horizon in HORIZONS for expression in _chosen(horizon))
        .with_columns(expression for horizon in HORIZONS for expression in _reasons(horizon, pl.lit(newest, pl.Date())))
        .sort("session_date")
        .pipe(shaped, FORWARD_RETURNS)
    )


def _dividends_are_held() -> pl.Expr:
    """Say of each session whether the last dividend held is recent enough to be the last one paid."""
    paid = pl.when(pl.col("dividend") > 0).then(pl.col("session_date")).forward_fill()
    return ((pl.col("session_date") - paid).dt.total_days() <= DIVIDEND_DAYS).fill_null(value=False).cast(pl.Int8)


def _ahead(horizon: int) -> tuple[pl.Expr, ...]:
    """Return what a holder from this session's open on meets, and one from its close on."""
    return (
        pl.col("session_date").shift(1 - horizon).alias(f"open_exit_{horizon}"),
        pl.col("close").shift(1 - horizon).alias(f"close_{horizon}"),
        pl.col("low").rolling_min(horizon, min_samples=horizon).shift(1 - horizon).alias(f"low_{horizon}"),
        pl.col("session_date").shift(-horizon).alias(f"close_exit_{horizon}d_date"),
        pl.col("close").shift(-horizon).alias(f"later_close_{horizon}"),
        pl.col("close").rolling_min(horizon, min_samples=horizon).shift(-horizon).alias(f"lowest_close_{horizon}"),
        pl.col("total").shift(-horizon).alias(f"later_total_{horizon}"),
        pl.col("is_told").rolling_min(horizon + 1, min_samples=horizon + 1).shift(-horizon).alias(f"is_told_{horizon}"),
    )


def _measured(horizon: int) -> tuple[pl.Expr, ...]:
    opened, closed = pl.col("entry_open_index"), pl.col("entry_close_index")
    total = (pl.col(f"later_total_{horizon}") / pl.col("entry_total") - 1).round(8)
    return (
        (pl.col(f"close_{horizon}") / opened - 1).round(8).alias(f"open_return_{horizon}"),
        _worst(f"low_{horizon}", opened).alias(f"open_max_adverse_{horizon}"),
        (pl.col(f"later_close_{horizon}") / closed - 1).round(8).alias(f"close_return_{horizon}d_ratio"),
        _worst(f"lowest_close_{horizon}", closed).alias(f"close_max_adverse_{horizon}d_ratio"),
        pl.when(pl.col(f"is_told_{horizon}") == 1).then(total).alias(f"total_return_{horizon}d_ratio"),
        total.is_not_null().alias(f"is_priced_{horizon}"),
    )


def _worst(lowest: str, entry: pl.Expr) -> pl.Expr:
    # a low above the entry would be an error of the file, or a rise without a fall: no gain
    return (pl.col(lowest) / entry - 1).clip(upper_bound=0.0).round(8)


def _chosen(horizon: int) -> tuple[pl.Expr, ...]:
    """Return the measure by `entry_basis`."""
    is_by_close = pl.col("entry_basis") == "close"

    def either(close: str, opened: str) -> pl.Expr:
        return pl.when(is_by_close).then(close).otherwise(opened)

    return (
        either(f"close_exit_{horizon}d_date", f"open_exit_{horizon}").alias(f"exit_{horizon}d_date"),
        either(f"close_return_{horizon}d_ratio", f"open_return_{horizon}").alias(f"return_{horizon}d_ratio"),
        either(f"close_max_adverse_{horizon}d_ratio", f"open_max_adverse_{horizon}").alias(
            f"max_adverse_{horizon}d_ratio"
        ),
    )


def _reasons(horizon: int, newest: pl.Expr) -> tuple[pl.Expr, ...]:
    def why(value: str, exit_date: str, lacking: pl.Expr) -> pl.Expr:
        return (
            pl.when(pl.col(value).is_not_null())
            .then(None)
            .when(pl.col(exit_date) <= newest)
            .then(lacking)
            .otherwise(pl.lit(PENDING))
        )

    unpriced = pl.lit(UNPRICED)
    undivided = pl.when(pl.col(f"is_priced_{horizon}")).then(pl.lit(NO_DIVIDENDS)).otherwise(unpriced)
    exit_date, close_exit = f"exit_{horizon}d_date", f"close_exit_{horizon}d_date"
    return (
        why(f"return_{horizon}d_ratio", exit_date, unpriced).alias(f"return_{horizon}d_reason"),
        why(f"close_return_{horizon}d_ratio", close_exit, unpriced).alias(f"close_return_{horizon}d_reason"),
        why(f"total_return_{horizon}d_ratio", close_exit, undivided).alias(f"total_return_{horizon}d_reason"),
    )
