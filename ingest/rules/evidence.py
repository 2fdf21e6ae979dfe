"""What is held and helps the gate to judge what arrives. Newest vintages only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import polars as pl

CLOSES: Final = {"ticker": pl.String(), "session_date": pl.Date(), "close_usd": pl.Float64()}
SPLITS: Final = {"ticker": pl.String(), "session_date": pl.Date(), "split_ratio": pl.Float64()}
SERIES: Final = {"series_id": pl.String(), "period_date": pl.Date(), "value": pl.Float64(), "unit": pl.String()}


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is held beside a batch; without it only the batch speaks.

    `held`: per table id its keys, attributes and values, of the batch's groups. `splits`: SPLITS of any provider.
    `closes`: CLOSES of the other providers, of the sessions that large_moves names; `preferred`: of the providers that
    come before the batch's own, of the sessions that the batch has. `others`: SERIES of the other sources of the
    batch's series, of those that a second provider must confirm; values as published.
    """

    held: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    splits: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=SPLITS))
    closes: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=CLOSES))
    preferred: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=CLOSES))
    others: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=SERIES))
