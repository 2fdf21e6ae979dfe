"""What is held and helps a gate to judge what arrives: the same keys' values, splits, what other providers say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import polars as pl

_CLOSES: Final = {"ticker": pl.String(), "session_date": pl.Date(), "close_usd": pl.Float64()}
_SPLITS: Final = {"ticker": pl.String(), "session_date": pl.Date(), "split_ratio": pl.Float64()}
_VALUES: Final = {"series_id": pl.String(), "period_date": pl.Date(), "value": pl.Float64(), "unit": pl.String()}


def _no_closes() -> pl.DataFrame:
    return pl.DataFrame(schema=_CLOSES)


def _no_values() -> pl.DataFrame:
    return pl.DataFrame(schema=_VALUES)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is held and helps to judge a desk's batch. Newest vintages only.

    `splits`: ticker, session_date, split_ratio of any provider. `closes`: ticker, session_date, close_usd of the other
    providers, of what large_moves names. `preferred`: the same columns, of the providers that go before the batch's
    own, of the sessions that the batch has. `held`: per table id its keys and values as held, of the batch's groups.
    """

    splits: pl.DataFrame
    closes: pl.DataFrame
    preferred: pl.DataFrame = field(default_factory=_no_closes)
    held: Mapping[str, pl.DataFrame] = field(default_factory=dict)

    @classmethod
    def none(cls) -> Evidence:
        """Return empty evidence."""
        return cls(pl.DataFrame(schema=_SPLITS), _no_closes())


@dataclass(frozen=True, slots=True)
class SeriesEvidence:
    """What is held and helps to judge a source's batch of series. Newest vintages only, values as published.

    `held`: series_id, period_date, value, unit of the source itself. `others`: the same columns, of the other sources
    of its series, for the series that are held against a second provider.
    """

    held: pl.DataFrame = field(default_factory=_no_values)
    others: pl.DataFrame = field(default_factory=_no_values)
