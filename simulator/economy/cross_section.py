"""Stocks, funds and their industry put together into one panel."""

from __future__ import annotations

from datetime import date
from typing import Final

import polars as pl

from ingest.catalog.funds import Fund
from simulator.economy.funds import drivers, fund_frames
from simulator.economy.grid import Grid, Path
from simulator.economy.industry import weekly_flows
from simulator.economy.prices import Prices
from simulator.economy.rates import Rates
from simulator.economy.regimes import Regimes
from simulator.economy.roster import roster
from simulator.economy.stocks import market_returns, membership_frames, stock_frames
from simulator.panel import Panel

DEFAULT_MEMBERS: Final = 110


def cross_section(
    grid: Grid,
    regimes: Regimes,
    stress: Path,
    curve: Rates,
    quoted: Prices,
    members: int,
    funds: tuple[Fund, ...],
    watched: tuple[Fund, ...] = (),
) -> Panel:
    """Return the panel of an index of `members` stocks, of `funds` and of `watched` symbols, driven by the economy."""
    market = market_returns(grid, quoted.sp500.close, stress)
    end: date = market.sessions[-1].astype(date)
    issues = roster(grid, members)
    index = membership_frames(issues, end)
    stocks = stock_frames(grid, market, issues)
    # what is only watched trades like a fund, and nobody prints its days
    traded = fund_frames(grid, drivers(grid, market, regimes, curve, quoted), [*funds, *watched])
    followed = [fund.ticker for fund in funds]
    fund_days = traded["fund_days"].filter(pl.col("ticker").is_in(followed))
    seen = {fund.ticker: fund.category for fund in funds if fund.source != "user_file"}
    return Panel(
        issues=pl.concat([stocks["issues"], traded["issues"]]),
        tickers=pl.concat([stocks["tickers"], traded["tickers"]]),
        prices=pl.concat([stocks["prices"], traded["prices"]]),
        splits=pl.concat([stocks["splits"], traded["splits"]]),
        dividends=stocks["dividends"],
        fund_days=fund_days,
        weekly_flows=weekly_flows(grid, fund_days, seen),
        funds=funds,
        membership=index["membership"],
        changes=index["changes"],
    )
