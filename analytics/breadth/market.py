"""Market-wide breadth of one universe: from the features of its members to one row per session.

First counts (count_sessions), which are facts about whoever was priced; then what folds over the sessions
(market_folds): McClellan and Zweig. Definitions: 5.3 to 5.7. What a session's counts say by themselves,
and the advance-decline line, is SQL: dbt_project/models/marts/breadth/breadth_daily.sql.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

MCCLELLAN_FAST, MCCLELLAN_SLOW = 0.10, 0.05
"""Weights of the newest value in the 19- and 39-day averages."""

ZWEIG_WEIGHT = 2 / 11
ZWEIG_LOW, ZWEIG_HIGH = 0.400, 0.615
ZWEIG_SESSIONS = 10


@dataclass(frozen=True)
class Gates:
    """When a statement about the universe may be made."""

    coverage_ratio: float = 0.95
    """Priced members over members; as breadth_coverage_gate_ratio in dbt_project.yml."""

    burn_in_sessions: int = 150
    """Sessions the McClellan averages run before they are shown: by then the first value weighs 0.95^150 = 0.0005."""


STANDARD = Gates()


def members_by_session(membership: pl.DataFrame, sessions: pl.DataFrame) -> pl.DataFrame:
    """Return permid and session_seq for each session on which a stock was a member.

    `membership`: permid, start_date, end_date_exclusive (NULL: still a member). `sessions`: session_seq,
    session_date. A stock counts from the session of start_date on, and on end_date_exclusive no more.
    """
    until = pl.col("end_date_exclusive").is_null() | (pl.col("session_date") < pl.col("end_date_exclusive"))
    return (
        membership.lazy()
        .join_where(sessions.lazy(), pl.col("session_date") >= pl.col("start_date"))
        .filter(until)
        .select("permid", "session_seq")
        .unique()
        .sort("permid", "session_seq")
        .collect()
    )


def count_sessions(features: pl.DataFrame, members: pl.DataFrame, sessions: pl.DataFrame) -> pl.DataFrame:
    """Return one row of counts per session_seq of `sessions`, sorted; zeros where nobody was a member.

    `features`: features.feature_batches. `members`: permid, session_seq. All counts are over members: priced
    (valid close on this and the previous session), advances, declines, unchanged, those with an average and those
    above it, those eligible for new highs and lows, and movers (advances and declines) whose volume is known.
    up_volume_shares and down_volume_shares are sums over movers; return_dispersion_ratio is the standard deviation
    of the priced members' returns (divisor n - 1, NULL below two).
    """
    volume = pl.col("volume_adj").cast(pl.Float64)
    moved = pl.col("is_advance") | pl.col("is_decline")
    counted = (
        members.lazy()
        .join(features.lazy(), on=["permid", "session_seq"], how="left")
        .group_by("session_seq")
        .agg(
            members_count=pl.len(),
            priced_count=pl.col("return_ratio").count(),
            advances_count=pl.col("is_advance").sum(),
            declines_count=pl.col("is_decline").sum(),
            unchanged_count=pl.col("is_unchanged").sum(),
            high_low_eligible_count=pl.col("is_new_high").count(),
            new_highs_count=pl.col("is_new_high").sum(),
            new_lows_count=pl.col("is_new_low").sum(),
            average_50dma_count=pl.col("is_above_50dma").count(),
            above_50dma_count=pl.col("is_above_50dma").sum(),
            average_200dma_count=pl.col("is_above_200dma").count(),
            above_200dma_count=pl.col("is_above_200dma").sum(),
            movers_with_volume_count=(moved & volume.is_not_null()).sum(),
            up_volume_shares=volume.filter("is_advance").sum(),
            down_volume_shares=volume.filter("is_decline").sum(),
            # Rounded: the sum of a parallel deviation differs in the last bits from run to run.
            return_dispersion_ratio=pl.col("return_ratio").std().round(10),
        )
    )
    counts = pl.selectors.ends_with("_count")
    return (
        sessions.lazy()
        .select("session_seq")
        .join(counted, on="session_seq", how="left")
        .sort("session_seq")
        .with_columns(counts.fill_null(0).cast(pl.Int64), pl.selectors.ends_with("_shares").fill_null(0.0))
        .collect()
    )


def market_folds(counts: pl.DataFrame, *, gates: Gates = STANDARD) -> pl.DataFrame:
    """Return what folds over the sessions of a universe, one row per row of `counts`, in its order.

    `counts`: session_seq, members_count, priced_count, advances_count, declines_count (count_sessions: every session,
    in order, from the first one on). Returned: session_seq; mcclellan_oscillator_index and mcclellan_summation_index,
    of net advances per 1000 movers (advances and declines); zweig_average_ratio, of advances over movers, 0 to 1;
    is_zweig_thrust.

    Where priced members are less than `gates.coverage_ratio` of the members, or nobody moved, all four are NULL: the
    averages stand still, the session is none of the burn-in's, and it still passes for the ten sessions of the Zweig
    thrust. Until `gates.burn_in_sessions` are over the two of McClellan are NULL.
    """
    advances, declines = pl.col("advances_count"), pl.col("declines_count")
    is_covered = _ratio(pl.col("priced_count"), pl.col("members_count")) >= gates.coverage_ratio
    movers = pl.when(is_covered).then(advances + declines)
    averages = counts.select(
        "session_seq",
        _mcclellan_oscillator(1000 * _ratio(advances - declines, movers), gates.burn_in_sessions).alias(
            "mcclellan_oscillator_index"
        ),
        _recursive_average(_ratio(advances, movers), ZWEIG_WEIGHT).alias("zweig_average_ratio"),
    )
    return averages.select(
        "session_seq",
        "mcclellan_oscillator_index",
        pl.col("mcclellan_oscillator_index").cum_sum().alias("mcclellan_summation_index"),
        "zweig_average_ratio",
        pl.Series("is_zweig_thrust", zweig_thrusts(averages["zweig_average_ratio"].to_list()), dtype=pl.Boolean),
    )


def zweig_thrusts(averages: Sequence[float | None]) -> list[bool | None]:
    """Say on which sessions the average of advances over movers completes a breadth thrust; None where it is None.

    A thrust is the first session above ZWEIG_HIGH with an average below ZWEIG_LOW on one of the previous
    ZWEIG_SESSIONS sessions. It uses up that low: the next thrust needs a new one.
    """
    thrusts: list[bool | None] = []
    low_at: int | None = None
    for at, average in enumerate(averages):
        if average is None:
            thrusts.append(None)
            continue
        is_thrust = average > ZWEIG_HIGH and low_at is not None and at - low_at <= ZWEIG_SESSIONS
        if is_thrust:
            low_at = None
        elif average < ZWEIG_LOW:
            low_at = at
        thrusts.append(is_thrust)
    return thrusts


def _mcclellan_oscillator(rana: pl.Expr, burn_in_sessions: int) -> pl.Expr:
    oscillator = _recursive_average(rana, MCCLELLAN_FAST) - _recursive_average(rana, MCCLELLAN_SLOW)
    return pl.when(rana.is_not_null().cum_sum() > burn_in_sessions).then(oscillator)


def _recursive_average(values: pl.Expr, weight: float) -> pl.Expr:
    """Exponential average seeded with the first value; NULL on a NULL, which leaves the average as it was."""
    return values.ewm_mean(alpha=weight, adjust=False, ignore_nulls=True, min_samples=1)


def _ratio(part: pl.Expr, whole: pl.Expr) -> pl.Expr:
    return pl.when(whole != 0).then(part / whole)
