"""Stocks and funds as Yahoo shows them: divided by every split printed so far, in float32, only while they trade."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import polars as pl

from simulator.render.view import View

Events = Mapping[str, pl.DataFrame]
"""dividends (period_date, amount) and splits (period_date, numerator, denominator, splitRatio)."""

_PRICES = ("open", "high", "low", "close")


@dataclass(frozen=True, slots=True)
class Listing:
    """One symbol: what it is, and its bars (period_date, open, high, low, close, volume, adjclose), oldest first."""

    kind: str
    name: str
    exchange: str
    bars: pl.DataFrame
    events: Events


def listing(view: View, symbol: str) -> Listing | None:
    """Return what trades as `symbol` now; None for a symbol that nobody bears (any more)."""
    panel = view.market.panel
    permid = panel.bearer(symbol, view.now)
    if permid is None:
        return None
    told = panel.issue(permid)
    bars = panel.bars(permid, view.now)
    if view.since is not None:
        bars = bars.filter(pl.col("session_date") >= view.since)
    splits, dividends = panel.splits_of(permid, view.now), panel.dividends_of(permid, view.now)
    later = later_splits(bars["session_date"], splits)
    paid_later = later_splits(dividends["session_date"], splits)
    basis = pl.Series("basis", later)
    shown = bars.select(
        pl.col("session_date").alias("period_date"),
        *((_float32(pl.col(f"{name}_usd") / basis * view.scale)).alias(name) for name in _PRICES),
        (pl.col("volume_shares") * basis).round().cast(pl.Int64).alias("volume"),
    )
    adjusted = shown["close"] * _dividend_factor(bars, dividends)
    return Listing(
        kind="EQUITY" if told["sector"] is not None else "ETF",
        name=str(told["company_name"]),
        exchange=str(told["exchange"]),
        bars=shown.with_columns(_float32(adjusted).alias("adjclose")),
        events={"dividends": _dividends(dividends, paid_later), "splits": _splits(splits)},
    )


def later_splits(days: pl.Series, splits: pl.DataFrame) -> np.typing.NDArray[np.float64]:
    """Return for each day the product of the split ratios (session_date, split_ratio) after it."""
    on, ratios = splits["session_date"].to_numpy(), splits["split_ratio"].to_numpy()
    products = np.concatenate([np.cumprod(ratios[::-1])[::-1], np.ones(1)])
    return products[np.searchsorted(on, days.to_numpy(), side="right")]


def _float32(values: pl.Expr | pl.Series) -> pl.Expr | pl.Series:
    return values.cast(pl.Float32).cast(pl.Float64)


def _dividend_factor(bars: pl.DataFrame, dividends: pl.DataFrame) -> pl.Series:
    """Return what a close is multiplied by for the dividends after it: 1 - dividend / close before, each."""
    closes = bars["close_usd"].fill_null(strategy="forward").to_numpy()
    days = bars["session_date"].to_numpy()
    steps = np.ones(len(days) + 1)
    at = np.searchsorted(days, dividends["session_date"].to_numpy())
    is_inside = (at > 0) & (at < len(days))
    at, paid = at[is_inside], dividends["dividend_usd"].to_numpy()[is_inside]
    steps[at] = 1.0 - paid / closes[at - 1]
    return pl.Series(np.cumprod(steps[::-1])[::-1][1:])


def _dividends(rows: pl.DataFrame, later: np.typing.NDArray[np.float64]) -> pl.DataFrame:
    amount = pl.col("dividend_usd") / pl.Series(later)
    return rows.select(pl.col("session_date").alias("period_date"), amount.round(6).alias("amount"))


def _splits(rows: pl.DataFrame) -> pl.DataFrame:
    ratios = [Fraction(ratio).limit_denominator(1000) for ratio in rows["split_ratio"].to_list()]
    return pl.DataFrame(
        {
            "period_date": rows["session_date"],
            "numerator": pl.Series([ratio.numerator for ratio in ratios], dtype=pl.Int64),
            "denominator": pl.Series([ratio.denominator for ratio in ratios], dtype=pl.Int64),
            "splitRatio": pl.Series([f"{ratio.numerator}:{ratio.denominator}" for ratio in ratios], dtype=pl.String),
        }
    )
