"""Exchange-traded funds of the catalog: NAV from the factors, shares by creations and redemptions that follow regimes.

Funds begin and end when the catalog says so: one that ended without its knowing would look like a fault of ours. Every
fund has a stream of its own, named by its ticker: a fund more in the catalog changes no other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import numpy as np
import polars as pl

from ingest.catalog.funds import Fund
from ingest.dataset import dataset
from simulator.economy.grid import FIRST_SESSION, Days, Flags, Grid, Path
from simulator.economy.prices import Prices
from simulator.economy.rates import Rates
from simulator.economy.regimes import Regimes
from simulator.economy.roster import SECTORS
from simulator.economy.stocks import Market, Matrix, bars_around, grown_by, own_splits, price_rows, split_rows

HEARTBEATS: Final = ("IVE",)
"""Funds with a creation on the third Friday of March, June, ... that is taken back two sessions later."""
FROZEN: Final = ("EFA", date(2026, 8, 3), date(2026, 8, 21))
"""Fund whose printed share count stands still from the first to the last day, whatever is created."""
MISSING_ROW: Final = ("XLV", date(2026, 4, 15))
"""Fund and report date that the issuer's file lacks."""
SPLIT: Final = {
    "XLB": [(date(2022, 6, 9), 2.0)],
    "SOXX": [(date(2024, 3, 7), 3.0)],
    "XLK": [(date(2025, 12, 5), 2.0)],
}

_IN_RANGE: Final = ((190.0, 2.0), (4.0, 0.1), (9.0, 0.2))
"""When ProShares splits: the price from which on 2-for-1, those below which 1-for-10 and 1-for-5."""
_UNIT = 50_000
"""Shares of one creation unit."""
_QUIET_BELOW: Final = -0.6
_ACTIVE_SHARE: Final = 0.7257
"""Below which normal draw a session has no orders, and the share of sessions that have some."""
_HAVENS: Final = ("gov_bond", "aggregate_bond", "short_duration", "gold")
_BASIS_POINTS: Final = {  # daily orders by regime: calm, late cycle, stress, crisis, recovery
    "risk": np.array([2.5, 1.5, -5.0, -11.0, 4.5]),
    "haven": np.array([1.0, 1.5, 7.0, 9.0, -1.0]),
    "leveraged_long": np.array([-5.0, 0.0, 30.0, 40.0, -20.0]),
    "inverse": np.array([-8.0, 0.0, 45.0, 30.0, -25.0]),
}
_FIRST_ASSETS_BN: Final = {
    "us_equity_broad": 60.0,
    "us_equity_sector": 8.0,
    "intl_equity": 25.0,
    "small_cap": 18.0,
    "commodity": 3.0,
    "gold": 6.0,
    "crypto": 8.0,
    "leveraged_long": 1.5,
    "inverse": 1.0,
}
_SECTOR_OF: Final = {
    "materials": "Materials",
    "communication_services": "Communication Services",
    "energy": "Energy",
    "financials": "Financials",
    "industrials": "Industrials",
    "consumer_staples": "Consumer Staples",
    "real_estate": "Real Estate",
    "utilities": "Utilities",
    "health_care": "Health Care",
    "consumer_discretionary": "Consumer Discretionary",
}
_DURATION: Final = {
    "treasury_20_years_plus": 16.5,
    "treasury_7_to_10_years": 7.5,
    "aggregate": 6.0,
    "treasury_1_to_3_years": 1.9,
    "treasury_bills": 0.1,
    "investment_grade": 8.4,
    "high_yield": 3.2,
}


@dataclass(frozen=True, slots=True)
class Drivers:
    """What moves funds, on NYSE sessions: the stock market, yields and spreads in percent, the dollar, the VIX."""

    market: Market
    regimes: Regimes
    us_2y: Path
    us_10y: Path
    ig_oas: Path
    hy_oas: Path
    dollar: Path
    vix: Path
    index_close: Path


def drivers(grid: Grid, market: Market, regimes: Regimes, curve: Rates, quoted: Prices) -> Drivers:
    """Return the paths of the economy on NYSE sessions."""
    on = grid.on("nyse")
    return Drivers(
        market=market,
        regimes=regimes[on],
        us_2y=curve.us_2y[on],
        us_10y=curve.us_10y[on],
        ig_oas=quoted.ig_oas[on] / 100,
        hy_oas=quoted.hy_oas[on] / 100,
        dollar=quoted.broad_dollar[on],
        vix=quoted.vix.close[on],
        index_close=quoted.sp500.close[on],
    )


def fund_frames(grid: Grid, driven: Drivers, funds: Sequence[Fund]) -> dict[str, pl.DataFrame]:
    """Return the frames issues, tickers, prices, splits and fund_days of simulator.panel.PANEL_SCHEMA."""
    sessions = driven.market.sessions
    end: date = sessions[-1].astype(date)
    present = [fund for fund in funds if _launched(fund) <= end]
    values = np.column_stack([_value(grid, driven, fund) for fund in present])
    splits = {
        fund.ticker: own_splits(sessions, values[:, at], _IN_RANGE)
        if fund.source == "proshares"
        else SPLIT.get(fund.ticker, [])
        for at, fund in enumerate(present)
    }
    grown = grown_by(sessions, list(splits.values()))
    shares = np.column_stack(
        [_shares(grid, driven, fund, values[:, at], grown[:, at]) for at, fund in enumerate(present)]
    )
    is_active = _active(sessions, present)
    days = [
        _days(sessions, fund, values[:, at], shares[:, at], grown[:, at], is_active[:, at])
        for at, fund in enumerate(present)
    ]
    return {
        **_listings(present, end),
        "prices": _prices(grid, sessions, present, values, grown, shares, is_active),
        "splits": split_rows(splits, end),
        "fund_days": pl.concat(days),
    }


def _launched(fund: Fund) -> date:
    return fund.active_from or FIRST_SESSION


def _active(sessions: Days, funds: Sequence[Fund]) -> Flags:
    first = np.array([_launched(fund) for fund in funds], dtype="datetime64[D]")
    last = np.array([fund.active_to or date.max for fund in funds], dtype="datetime64[D]")
    flags: Flags = (sessions[:, None] >= first) & (sessions[:, None] <= last)
    return flags


# ---- what a share is worth -----------------------------------------------------------------------------------------


def _value(grid: Grid, driven: Drivers, fund: Fund) -> Path:
    """Return the value of one share, as if it were never split; between 35 and 130 dollars at its launch."""
    noise = grid.stream(f"fund value {fund.ticker}").standard_normal(len(driven.market.sessions))
    start = float(grid.stream(f"fund {fund.ticker}").uniform(35, 130))
    if fund.subcategory == "sp500" and fund.category == "us_equity_broad":
        tracked: Path = driven.index_close / 10 * np.exp(np.cumsum(0.00002 * noise))
        return tracked
    base = _volatility(driven) if fund.subcategory == "volatility" else _returns(driven, fund, noise)
    base[0] = 0.0
    daily = np.maximum(fund.leverage * np.expm1(base), -0.9)
    grown = np.exp(np.cumsum(np.log1p(daily)))
    value: Path = start * grown / grown[np.searchsorted(driven.market.sessions, np.datetime64(_launched(fund)))]
    return value


def _returns(driven: Drivers, fund: Fund, noise: Path) -> Path:
    """Return daily log returns of what the fund holds once."""
    market = driven.market
    index, technology = market.index, market.sectors[:, SECTORS.index("Information Technology")]
    ten, two = -np.diff(driven.us_10y, prepend=driven.us_10y[0]), -np.diff(driven.us_2y, prepend=driven.us_2y[0])
    spread = -np.diff(driven.hy_oas if fund.category == "hy_credit" else driven.ig_oas, prepend=np.nan)
    dollar = -np.diff(np.log(driven.dollar), prepend=np.log(driven.dollar[0]))
    duration = _DURATION.get(fund.subcategory, 5.0) / 100
    sector = _SECTOR_OF.get(fund.subcategory)
    if fund.subcategory == "nasdaq_100":
        return 1.08 * index + technology + 0.002 * noise
    if fund.subcategory in ("sp500", "sp500_equal_weight", "russell_1000"):
        return index + (market.sectors.mean(axis=1) if "equal" in fund.subcategory else 0.0) + 0.0002 * noise
    made: dict[str, Path] = {
        "us_equity_sector": index * 1.02
        + (market.sectors[:, SECTORS.index(sector)] if sector else 1.6 * technology)
        + 0.0015 * noise,
        "intl_equity": 0.82 * index + 0.5 * dollar + 0.004 * noise,
        "value": 0.95 * index + 0.5 * market.sectors[:, SECTORS.index("Financials")] + 0.0015 * noise,
        "growth": 1.05 * index + 0.5 * technology + 0.0015 * noise,
        "small_cap": 1.15 * index + 0.005 * noise,
        "gov_bond": duration * ten + driven.us_10y / 25200,
        "aggregate_bond": duration * (ten + 0.3 * spread) + driven.us_10y / 25200,
        "short_duration": duration * two + driven.us_2y / 25200,
        "ig_credit": duration * (ten + spread) + driven.us_10y / 25200,
        "hy_credit": duration * (two + spread) + 0.1 * index + driven.us_10y / 25200,
        "gold": 1.1 * dollar + 0.0003 + 0.007 * noise,
        "commodity": 1.3 * dollar + 0.2 * index + 0.009 * noise,
        "crypto": 1.2 * index + 0.0006 + 0.028 * noise,
    }
    return made.get(fund.category, index + 0.001 * noise)


def _volatility(driven: Drivers) -> Path:
    """Return the log returns of VIX futures: half of the index's moves, less the cost of rolling."""
    return np.clip(0.45 * np.diff(np.log(driven.vix), prepend=np.log(driven.vix[0])) - 0.0022, -0.4, 0.4)


# ---- how many shares there are -------------------------------------------------------------------------------------


def _shares(grid: Grid, driven: Drivers, fund: Fund, value: Path, grown: Path) -> Path:
    """Return shares outstanding at the end of each session, in shares of the first day; whole creation units."""
    sessions = driven.market.sessions
    chance = grid.stream(f"fund orders {fund.ticker}")
    draws = chance.standard_normal((len(sessions), 2))
    geared = fund.category in ("leveraged_long", "inverse")
    group = fund.category if geared else "haven" if fund.category in _HAVENS else "risk"
    orders = _BASIS_POINTS[group][driven.regimes] / 1e4 + (0.011 if geared else 0.0032) * draws[:, 0]
    is_active = draws[:, 1] > _QUIET_BELOW
    growth = np.where(is_active, orders, 0.0)
    if geared:  # money follows losses, so that a fund that melts by itself does not vanish
        moved = _mean_before(np.diff(np.log(value), prepend=np.log(value[0])), 60)
        growth -= np.where(is_active, moved / _ACTIVE_SHARE, 0.0)
    if fund.ticker in HEARTBEATS:
        growth += _heartbeats(sessions)
    launch = int(np.searchsorted(sessions, np.datetime64(_launched(fund))))
    growth[: launch + 1] = 0.0
    assets = 1e9 * _FIRST_ASSETS_BN.get(fund.category, 7.0)
    if launch:
        growth[launch + 1 : launch + 251] += np.log(assets / 2.5e7) / 250
        assets = 2.5e7
    wanted = assets / value[launch] * np.exp(np.cumsum(growth))
    shares: Path = np.maximum(np.round(wanted * grown / _UNIT), 1.0) * _UNIT / grown
    return shares


def _mean_before(path: Path, window: int) -> Path:
    """Return the mean of the last `window` values, of fewer in the beginning."""
    sums = np.concatenate([np.zeros(1), np.cumsum(path)])
    at = np.arange(1, len(path) + 1)
    means: Path = (sums[at] - sums[np.maximum(at - window, 0)]) / window
    return means


def _heartbeats(sessions: Days) -> Path:
    months = np.arange(sessions[0].astype("datetime64[M]"), sessions[-1].astype("datetime64[M]") + 1)
    months = months[(months.astype(int) + 1) % 3 == 0]
    fridays = np.busday_offset(months.astype("datetime64[D]"), 2, roll="forward", weekmask="Fri")
    beats = np.zeros(len(sessions))
    at = np.searchsorted(sessions, fridays)
    beats[at[at < len(sessions)]] += 0.09
    beats[at[at + 2 < len(sessions)] + 2] -= 0.09
    return beats


# ---- rows ----------------------------------------------------------------------------------------------------------


def _days(sessions: Days, fund: Fund, value: Path, shares: Path, grown: Path, is_active: Flags) -> pl.DataFrame:
    """Return what the issuer prints: the NAV of the day and the share count with its lag, on the day's basis.

    The last row of a fund that closes has no shares left.
    """
    lag = fund.share_lag_sessions
    at = np.flatnonzero(is_active)
    held = shares.copy()
    held[: at[0]] = shares[at[0]]
    if fund.active_to is not None and sessions[at[-1]] == np.datetime64(fund.active_to):
        held[max(at[-1] - lag, at[0]) :] = 0.0
    traded = np.maximum(at - lag, 0)
    printed = np.round(held[traded] * grown[at])
    flows = (held[traded] - held[np.maximum(traded - 1, 0)]) * value[traded]
    is_first = traded <= at[0]
    if fund.ticker == FROZEN[0]:
        printed = _frozen(sessions[at], printed)
    nav = np.round(value[at] / grown[at], 4)
    days = pl.Series("report_date", sessions[at])
    frame = pl.DataFrame(
        {
            "ticker": pl.repeat(fund.ticker, len(at), eager=True),
            "report_date": days,
            "nav_usd": nav,
            "shares_outstanding_count": printed,
            "net_assets_usd": np.round(printed * nav, 2),
            "trade_date": pl.Series(sessions[traded]),
            "flow_usd": pl.Series(np.where(is_first, np.nan, np.round(flows, 2))).fill_nan(None),
            "known_at": dataset(f"{fund.source}.fund_days").own_release.released_at(days),
        }
    )
    name, missing = MISSING_ROW
    return frame.filter(pl.col("report_date") != missing) if fund.ticker == name else frame


def _frozen(days: Days, printed: Path) -> Path:
    _, first, last = FROZEN
    start, end = np.searchsorted(days, np.datetime64(first)), np.searchsorted(days, np.datetime64(last), side="right")
    frozen = printed.copy()
    if start < len(days):
        frozen[start:end] = printed[start]
    return frozen


def _prices(
    grid: Grid, sessions: Days, funds: Sequence[Fund], value: Matrix, grown: Matrix, shares: Matrix, is_active: Flags
) -> pl.DataFrame:
    """Return the bars of the exchange: closes within a few basis points of NAV."""
    premium = np.column_stack(
        [grid.stream(f"fund premium {fund.ticker}").standard_normal(len(sessions)) for fund in funds]
    )
    close = np.maximum(np.round(value / grown * np.exp(0.0003 * premium), 2), 0.05)
    spread = np.array([0.002 + 0.005 * abs(fund.leverage) for fund in funds])
    bars = [
        bars_around(
            grid, f"fund bars {fund.ticker}", close[:, [at]], grown[:, [at]], spread[[at]], 0.012 * shares[:, [at]]
        )
        for at, fund in enumerate(funds)
    ]
    frames = [price_rows(sessions, [fund.ticker], bars[at], is_active[:, [at]]) for at, fund in enumerate(funds)]
    return pl.concat(frames)


def _listings(funds: Sequence[Fund], end: date) -> dict[str, pl.DataFrame]:
    count = len(funds)
    gone = [fund.active_to for fund in funds]
    issues = pl.DataFrame(
        {
            "permid": [fund.ticker for fund in funds],
            "company_name": [fund.title for fund in funds],
            "sector": pl.Series([None] * count, dtype=pl.String),
            "exchange": ["Q" if fund.ticker in ("QQQ", "TLT", "IEF", "SHY", "IBIT", "SOXX") else "P" for fund in funds],
            "shares_count": pl.Series([None] * count, dtype=pl.Float64),
        }
    )
    tickers = pl.DataFrame(
        {
            "permid": [fund.ticker for fund in funds],
            "ticker": [fund.ticker for fund in funds],
            "start_date": [_launched(fund) for fund in funds],
            "end_date": pl.Series(
                [day + timedelta(days=1) if day is not None and day < end else None for day in gone], dtype=pl.Date
            ),
        }
    )
    return {"issues": issues, "tickers": tickers}
