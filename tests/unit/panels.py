"""A made-up panel of stocks as the lake has it: gaps, splits, late listings, a few that end early."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import numpy as np
import polars as pl

from analytics.breadth.bucketed import PANEL
from analytics.engines.buckets import BUCKET, bucket_of

FIRST = date(2020, 1, 2)


def panel_of(stocks: int, sessions: int, buckets: int) -> pl.DataFrame:
    """Return columns of PANEL, in no particular order."""
    dice = np.random.default_rng(7)
    frames = []
    for number in range(stocks):
        permid = f"S{number:04}"
        starts = int(dice.integers(0, sessions // 2)) if number % 5 == 0 else 0
        ends = sessions - int(dice.integers(0, 40)) if number % 11 == 0 else sessions
        seq = np.arange(starts, ends)
        # Few prices, so that closes equal each other and their averages.
        close = np.round(20 + np.cumsum(dice.integers(-1, 2, len(seq))) * 0.5, 2).clip(1)
        split = np.where(seq < (starts + ends) // 2, 3.0, 1.0) if number % 7 == 0 else np.ones(len(seq))
        keep = dice.random(len(seq)) > (0.03 if number % 3 == 0 else 0.0)
        known = [datetime(2020, 1, 2, 22) + timedelta(days=int(one)) for one in seq]
        frames.append(
            pl.DataFrame(
                {
                    BUCKET: bucket_of(permid, buckets),
                    "permid": permid,
                    "ticker": f"T{number}",
                    "session_date": [FIRST + timedelta(days=int(one)) for one in seq],
                    "session_seq": seq,
                    "close_raw": close * split,
                    "volume_raw": dice.integers(1, 10**6, len(seq)).astype(float),
                    "close_adj": close * split / split,
                    "volume_adj": 1000.0,
                    "known_at": known,
                    "settled_at": known,
                },
                schema_overrides={BUCKET: pl.Int32, "session_seq": pl.Int32},
            )
            .with_columns(close_adj=pl.when(pl.Series(dice.random(len(seq)) > 0.01)).then("close_adj"))
            .filter(pl.Series(keep))
        )
    return pl.concat(frames).select(name for name, _ in PANEL).sample(fraction=1, shuffle=True, seed=3)
