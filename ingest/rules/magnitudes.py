"""The sizes that a value can have at all: one bound for each kind of column, whoever prints it.

Beyond them lies no market but a parser's overflow, a sentinel (1e308), a count read as cents, or dust (5e-324). The
catalog's plausible ranges and the gate's other checks are narrower; these hold where there is nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

import polars as pl


@dataclass(frozen=True, slots=True)
class Magnitude:
    """What the size of a value lies between, unless it is zero: whether zero or less may be is for other checks."""

    smallest: float
    largest: float


_PRICE: Final = Magnitude(1e-6, 1e8)
_COUNT: Final = Magnitude(1e-4, 1e13)  # of shares; fractions come from splits undone
_AMOUNT: Final = Magnitude(1e-4, 5e12)  # USD: the largest fund holds about a trillion

MAGNITUDES: Final = {
    "open_usd": _PRICE,
    "high_usd": _PRICE,
    "low_usd": _PRICE,
    "close_usd": _PRICE,
    "volume_shares": Magnitude(1e-4, 1e12),
    "split_ratio": Magnitude(1e-4, 1e4),
    "dividend_usd": Magnitude(1e-6, 1e6),
    # restated to today's splits: after six reverse splits the first NAV of a fund of volatility futures is in billions
    "nav_usd": Magnitude(1e-6, 1e13),
    "shares_outstanding_count": _COUNT,
    "net_assets_usd": _AMOUNT,
    "weight_pct": Magnitude(1e-12, 1e5),
    "shares": Magnitude(1e-9, 1e13),
    "market_value_usd": Magnitude(1e-9, 5e12),
    "flow_usd_mn": Magnitude(1e-6, 5e6),
}
"""By column of the panel tables: every column with numbers has its bound."""

SERIES_VALUE: Final = Magnitude(1e-9, 1e15)
"""Of a single series as published (dollars at most); the catalog's range of each is narrower."""

FIRST_PERIODS: Final = {
    "prices": date(1962, 1, 2),  # daily closes of single stocks are served from here on
    "splits": date(1962, 1, 2),
    "dividends": date(1962, 1, 2),
    "intervals": date(1957, 3, 4),  # the S&P 500's first day
    "symbols": date(1990, 1, 1),
    "fund_days": date(1993, 1, 22),  # the first day of the first exchange-traded fund
    "holdings": date(1993, 1, 22),
    "weekly_flows": date(1993, 1, 22),
}
"""By panel table: no row can be dated before."""


def is_impossible(column: str, magnitude: Magnitude) -> pl.Expr:
    """Return whether a value is no number, or one that cannot be; false for NULL and zero."""
    size = pl.col(column).abs()
    bad = pl.col(column).is_finite().not_() | ((size > magnitude.largest) | ((size < magnitude.smallest) & (size > 0)))
    return bad.fill_null(value=False)
