"""Market-wide breadth of one universe: from the features of its members to one row per session.

First counts (count_sessions), which are facts about whoever was priced; then series (breadth_series), which are
statements about the universe and are NULL, with a reason, when too little of it was priced.
Definitions: quant.md 5.1, 5.3 to 5.7. Figures that need another source (index level, weights) are not here.
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

ONE_SIDED_RATIO = 0.90
"""Share of up volume from which a session counts as one-sided; 1 less it, for down volume."""


@dataclass(frozen=True)
class Gates:
    """When a statement about the universe may be made."""

    coverage_ratio: float = 0.95
    """Priced members over members; also movers with a volume over movers, for the volume measures."""

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

    `features`: warehouse.breadth.feature_batches. `members`: permid, session_seq. All counts are over members: priced
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
            return_dispersion_ratio=pl.col("return_ratio").std(),
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


def breadth_series(counts: pl.DataFrame, *, gates: Gates = STANDARD) -> pl.DataFrame:
    """Return the breadth of each session from `counts` (count_sessions: every session, in order, from the start).

    members_count, priced_count and coverage_ratio (NULL without members) always stand. Where priced members are less
    than `gates.coverage_ratio` of the members every measure is NULL and null_reason is 'coverage'; 'no members'
    where there are none. On such a session:

    - advance_decline_line_count is carried, with is_advance_decline_line_carried;
    - the averages behind McClellan and Zweig stand still, and the session is none of the burn-in's;
    - it still passes for the ten sessions of the Zweig thrust.

    A single measure is NULL, without a reason, where its own divisor is zero.
    """
    covered = _gated(counts, gates)
    measured = covered.with_columns(_day_measures(gates))
    rana = pl.col("rana_index")
    line = measured.with_columns(
        pl.col("net_advances_count").fill_null(0).cum_sum().alias("advance_decline_line_count"),
        pl.col("net_advances_count").is_null().alias("is_advance_decline_line_carried"),
        _mcclellan_oscillator(rana, gates.burn_in_sessions).alias("mcclellan_oscillator_index"),
        _recursive_average(pl.col("advance_decline_ratio"), ZWEIG_WEIGHT).alias("zweig_average_ratio"),
    )
    return line.with_columns(
        pl.col("mcclellan_oscillator_index").cum_sum().alias("mcclellan_summation_index"),
        pl.Series("is_zweig_thrust", zweig_thrusts(line["zweig_average_ratio"].to_list()), dtype=pl.Boolean),
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


def _gated(counts: pl.DataFrame, gates: Gates) -> pl.DataFrame:
    """Blank the counts and the dispersion of sessions that do not reach the gate, and say why."""
    coverage = _ratio(pl.col("priced_count"), pl.col("members_count"))
    kept = pl.selectors.exclude("session_seq", "members_count", "priced_count", "coverage_ratio", "null_reason")
    reason = (
        pl.when(pl.col("members_count") == 0)
        .then(pl.lit("no members"))
        # Nobody priced is nothing to count, however low the gate.
        .when((pl.col("priced_count") == 0) | (coverage < gates.coverage_ratio))
        .then(pl.lit("coverage"))
    )
    return counts.with_columns(coverage_ratio=coverage, null_reason=reason).with_columns(
        pl.when(pl.col("null_reason").is_null()).then(kept)
    )


def _day_measures(gates: Gates) -> list[pl.Expr]:
    advances, declines = pl.col("advances_count"), pl.col("declines_count")
    highs, lows = pl.col("new_highs_count"), pl.col("new_lows_count")
    movers, net = advances + declines, advances - declines
    has_volume = _ratio(pl.col("movers_with_volume_count"), movers) >= gates.coverage_ratio
    up = pl.when(has_volume).then("up_volume_shares")
    down = pl.when(has_volume).then("down_volume_shares")
    up_ratio = _ratio(up, up + down)
    return [
        net.alias("net_advances_count"),
        _ratio(advances, movers).alias("advance_decline_ratio"),
        (100 * _ratio(advances, pl.col("priced_count"))).alias("advances_pct"),
        (1000 * _ratio(net, movers)).alias("rana_index"),
        (highs - lows).alias("net_new_highs_count"),
        _ratio(highs, highs + lows).alias("new_highs_ratio"),
        (100 * _ratio(lows, pl.col("high_low_eligible_count"))).alias("new_lows_pct"),
        (100 * _ratio(pl.col("above_50dma_count"), pl.col("average_50dma_count"))).alias("above_50dma_pct"),
        (100 * _ratio(pl.col("above_200dma_count"), pl.col("average_200dma_count"))).alias("above_200dma_pct"),
        up.alias("up_volume_shares"),
        down.alias("down_volume_shares"),
        up_ratio.alias("up_volume_ratio"),
        (up_ratio >= ONE_SIDED_RATIO).alias("is_90pct_up_volume"),
        # Not 1 - 0.90, which is 0.09999999999999998.
        (_ratio(down, up + down) >= ONE_SIDED_RATIO).alias("is_90pct_down_volume"),
        _ratio(_ratio(advances, declines), pl.when(up > 0).then(_ratio(up, down))).alias("trin_ratio"),
    ]


def _mcclellan_oscillator(rana: pl.Expr, burn_in_sessions: int) -> pl.Expr:
    oscillator = _recursive_average(rana, MCCLELLAN_FAST) - _recursive_average(rana, MCCLELLAN_SLOW)
    return pl.when(rana.is_not_null().cum_sum() > burn_in_sessions).then(oscillator)


def _recursive_average(values: pl.Expr, weight: float) -> pl.Expr:
    """Exponential average seeded with the first value; NULL on a NULL, which leaves the average as it was."""
    return values.ewm_mean(alpha=weight, adjust=False, ignore_nulls=True, min_samples=1)


def _ratio(part: pl.Expr, whole: pl.Expr) -> pl.Expr:
    return pl.when(whole != 0).then(part / whole)
