"""Episodes: the runs of one state of a dimension or a composite, over the rows of what was known."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import polars as pl

from analytics.regimes.declared import regime_table
from analytics.regimes.frames import shaped
from analytics.regimes.types import DIMENSIONS, UNKNOWN

SUBJECTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "regime_class": "regime_class",
        "liquidity_dashboard": "liquidity_dashboard_state",
        "sentiment": "sentiment_state",
        **{name: f"{name}_state" for name in DIMENSIONS},
    }
)
"""What has states, with its column of regime_daily: the headline class, the composites, the dimensions."""

EPISODES: Final = regime_table("regime_episodes")


def long_states(rows: pl.DataFrame) -> pl.DataFrame:
    """Return dimension, session_date, cutoff_at, state of rows of regime_daily; no state counts as unknown.

    Subjects come in their order, sessions in theirs.
    """
    ordered = rows.sort("session_date")
    return pl.concat(
        [
            ordered.select(
                pl.lit(name).alias("dimension"),
                "session_date",
                "cutoff_at",
                pl.col(column).cast(pl.String).fill_null(UNKNOWN).alias("state"),
            )
            for name, column in SUBJECTS.items()
        ]
    )


def regime_episodes(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the episodes (EPISODES) of `rows`: session_date, cutoff_at and the columns of SUBJECTS."""
    return episodes_of(long_states(rows))


def episodes_of(states: pl.DataFrame) -> pl.DataFrame:
    """Return the episodes of long_states, in its order."""
    last = states["session_date"].max()
    numbered = states.with_columns(
        pl.col("state").rle_id().over("dimension").cast(pl.Int64).alias("episode_number") + 1
    )
    runs = numbered.group_by("dimension", "episode_number", maintain_order=True).agg(
        pl.col("state").first(),
        pl.col("session_date").first().alias("began_date"),
        pl.col("session_date").last().alias("last_date"),
        pl.col("cutoff_at").first().alias("began_known_at"),
        pl.len().cast(pl.Int64).alias("sessions_count"),
    )
    running = pl.col("last_date") == pl.lit(last, dtype=pl.Date)
    return runs.with_columns(
        ended_date=pl.when(~running).then("last_date"),
        ended_known_at=pl.col("began_known_at").shift(-1).over("dimension"),
        calendar_days=(pl.col("last_date") - pl.col("began_date")).dt.total_days() + 1,
        came_from_state=pl.col("state").shift(1).over("dimension"),
        went_to_state=pl.col("state").shift(-1).over("dimension"),
        is_running=running,
    ).pipe(shaped, EPISODES)
