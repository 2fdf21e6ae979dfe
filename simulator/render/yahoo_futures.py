"""Federal funds futures as Yahoo shows them: half a basis point a tick, far months rarely traded, expired soon gone."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

import numpy as np
import polars as pl

from ingest.clock import NEW_YORK
from ingest.contracts import contract_of
from simulator.render.policy_path import expected, month_averages
from simulator.render.view import View

_ROOT: Final = "ZQ"
_LISTED_MONTHS: Final = 15
_TRADED_MONTHS: Final = 11
_KEPT_DAYS: Final = 7  # after the month is over
_TICKS: Final = 200  # in a point
_SESSIONS: Final = 320


def bars(view: View, symbol: str) -> pl.DataFrame | None:
    """Return period_date, prices and volume of a contract; None for one that is not listed, and for other symbols."""
    if not symbol.startswith(_ROOT) or not symbol.endswith(".CBT") or not view.market.is_simulated:
        return None
    _, month = contract_of(symbol)
    today = view.now.astimezone(NEW_YORK).date()
    if _months(today - timedelta(days=_KEPT_DAYS), month) < 0 or _months(today, month) >= _LISTED_MONTHS:
        return None
    paths = expected(view).tail(_SESSIONS)
    ahead = np.array([_months(day, month) for day in paths["session_date"]])
    price = np.round((100.0 - month_averages(paths, month)) * _TICKS) / _TICKS
    is_traded = ahead < _TRADED_MONTHS
    # nobody trades it: the price of the month's first session stands
    first = paths["session_date"].dt.truncate("1mo").is_first_distinct().to_numpy()
    stands = pl.Series(np.where(is_traded | first, price, np.nan)).fill_nan(None).forward_fill()
    frame = paths.select(
        pl.col("session_date").alias("period_date"),
        close=stands * view.scale,
        volume=pl.Series(np.where(is_traded, 180_000 // (ahead + 1), 0)),
        listed=pl.Series((ahead >= 0) & (ahead < _LISTED_MONTHS)),
    )
    shown = frame.filter(pl.col("listed") & pl.col("close").is_not_null()).drop("listed")
    if view.since is not None:
        shown = shown.filter(pl.col("period_date") >= view.since)
    same = {name: pl.col("close") for name in ("open", "high", "low", "adjclose")}
    return shown.with_columns(**same).select("period_date", "open", "high", "low", "close", "volume", "adjclose")


def _months(day: date, month: date) -> int:
    return (month.year - day.year) * 12 + month.month - day.month
