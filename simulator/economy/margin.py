"""Margin accounts: customers borrow more as prices rise and late in the cycle, and are sold out in crises."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import polars as pl

from simulator.economy.grid import Grid, Path, last_of_month, reverting, whole_months
from simulator.economy.regimes import Regimes
from simulator.market import first_prints

_APPETITE: Final = np.array([0.03, 0.15, -0.02, -0.20, -0.08])
"""Where borrowing goes against prices, in logs, by regime."""


def margin_accounts(grid: Grid, regimes: Regimes, sp500_close: Path) -> Iterator[pl.DataFrame]:
    """Yield debit balances and free credit of both kinds of account at month ends, in whole millions."""
    noise = (0.003 * grid.normal("margin")).tolist()
    leverage = reverting(0.0, 0.014, _APPETITE[regimes].tolist(), noise)
    price = sp500_close / sp500_close[0]
    balances = {
        "margin_debt": 282_000 * price**0.85 * np.exp(leverage),
        "free_credit_cash": 128_000 * price**0.5 * np.exp(0.05 * grid.normal("free credit cash") - 0.3 * leverage),
        "free_credit_margin": 148_000 * price**0.5 * np.exp(0.05 * grid.normal("free credit margin") - 0.4 * leverage),
    }
    months = whole_months(grid)
    ends = last_of_month(grid, "nyse")
    ends &= np.isin(grid.days.astype("datetime64[M]"), np.array(months, dtype="datetime64[M]"))
    for series_id, path in balances.items():
        yield first_prints(series_id, pl.Series(months, dtype=pl.Date), np.round(path[ends]) / 1000)
