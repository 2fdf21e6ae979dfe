"""Stocks and funds as Yahoo shows them: divided by every split printed so far, in float32, only while they trade."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import polars as pl

from simulator.render.view import View
from simulator.render.yahoo_bars import PRICES, Bars, Column, Days

Events = Mapping[str, tuple[Days, list[dict[str, Any]]]]
"""Days and what is told of each: of `dividends` the amount, of `splits` numerator, denominator and splitRatio."""


@dataclass(frozen=True, slots=True)
class Listing:
    """One symbol: what it is, its bars and its events, oldest first."""

    kind: str
    name: str
    exchange: str
    bars: Bars
    events: Events


def listing(view: View, symbol: str) -> Listing | None:
    """Return what trades as `symbol` now; None for a symbol that nobody bears (any more)."""
    panel = view.market.panel
    permid = panel.bearer(symbol, view.now)
    if permid is None:
        return None
    told = panel.issue(permid)
    traded = panel.bars(permid, view.now)
    days = traded["session_date"].to_numpy()
    if view.since is not None:
        traded = traded.tail(int((days >= np.datetime64(view.since)).sum()))
        days = traded["session_date"].to_numpy()
    splits, dividends = panel.splits_of(permid, view.now), panel.dividends_of(permid, view.now)
    later = later_splits(traded["session_date"], splits)
    columns = {name: _float32(traded[f"{name}_usd"].to_numpy() / later * view.scale) for name in PRICES}
    columns["volume"] = np.round(traded["volume_shares"].to_numpy() * later)
    columns["adjclose"] = _float32(columns["close"] * _dividend_factor(traded, dividends))
    return Listing(
        kind="EQUITY" if told["sector"] is not None else "ETF",
        name=str(told["company_name"]),
        exchange=str(told["exchange"]),
        bars=Bars(days, columns),
        events={
            "dividends": _dividends(dividends, later_splits(dividends["session_date"], splits)),
            "splits": _splits(splits),
        },
    )


def later_splits(days: pl.Series, splits: pl.DataFrame) -> Column:
    """Return for each day the product of the split ratios (session_date, split_ratio) after it."""
    on, ratios = splits["session_date"].to_numpy(), splits["split_ratio"].to_numpy()
    products = np.concatenate([np.cumprod(ratios[::-1])[::-1], np.ones(1)])
    return products[np.searchsorted(on, days.to_numpy(), side="right")]


def _float32(values: Column) -> Column:
    return values.astype(np.float32).astype(np.float64)


def _dividend_factor(traded: pl.DataFrame, dividends: pl.DataFrame) -> Column:
    """Return what a close is multiplied by for the dividends after it: 1 - dividend / close before, each."""
    days, closes = traded["session_date"].to_numpy(), traded["close_usd"].to_numpy()
    steps = np.ones(len(days) + 1)
    at = np.searchsorted(days, dividends["session_date"].to_numpy())
    is_inside = (at > 0) & (at < len(days))
    at, paid = at[is_inside], dividends["dividend_usd"].to_numpy()[is_inside]
    newest = np.maximum.accumulate(np.where(np.isnan(closes), 0, np.arange(len(closes))))  # the last that is not empty
    steps[at] = 1.0 - paid / closes[newest[at - 1]]
    factor: Column = np.cumprod(steps[::-1], dtype=np.float64)[::-1][1:]
    return factor


def _dividends(rows: pl.DataFrame, later: Column) -> tuple[Days, list[dict[str, Any]]]:
    if rows.is_empty():
        return rows["session_date"].to_numpy(), []
    amounts = (rows["dividend_usd"] / pl.Series(later)).round(6)
    return rows["session_date"].to_numpy(), [{"amount": amount} for amount in amounts.to_list()]


def _splits(rows: pl.DataFrame) -> tuple[Days, list[dict[str, Any]]]:
    ratios = [Fraction(ratio).limit_denominator(1000) for ratio in rows["split_ratio"].to_list()]
    told = [
        {
            "numerator": ratio.numerator,
            "denominator": ratio.denominator,
            "splitRatio": f"{ratio.numerator}:{ratio.denominator}",
        }
        for ratio in ratios
    ]
    return rows["session_date"].to_numpy(), told
