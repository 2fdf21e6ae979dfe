"""The simulated market: latent regimes drive one coherent economy, printed at the publishers' precision."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import numpy as np
import polars as pl

from ingest.catalog import load_catalog
from ingest.catalog.calendars import CalendarName
from ingest.catalog.funds import Fund, load_funds
from ingest.catalog.watched import Watched, load_watched
from ingest.registry import users_own
from simulator.economy.balances import balances
from simulator.economy.central_bank import BalanceSheet, balance_sheet
from simulator.economy.conditions import stress_index, weekly_index
from simulator.economy.consumer import consumer
from simulator.economy.cross_section import DEFAULT_MEMBERS, cross_section
from simulator.economy.grid import FIRST_DAY, Flags, Grid, Path
from simulator.economy.labor import labor
from simulator.economy.margin import margin_accounts
from simulator.economy.options import OptionVolumes, option_volumes
from simulator.economy.prices import Prices, prices
from simulator.economy.rates import Rates, rates
from simulator.economy.regimes import NAMES, regime_path, stress_path
from simulator.economy.revisions import last_days_of_months, with_corrections
from simulator.market import Market, first_prints
from simulator.undeclared import undrawn

DEFAULT_SEED = 20

_SOFR_FROM = date(2018, 4, 2)
_RRP_FROM = date(2013, 9, 23)
_TERM_FUNDING_FROM = date(2023, 3, 15)
_IOER_TO = date(2021, 7, 28)
_OLD_TARGET_TO = np.datetime64("2008-12-15")  # the last day of a target without a range; a year of it is served
_TED_TO = date(2022, 1, 21)
_NOT_AVAILABLE = (date(2019, 5, 31), date(2021, 8, 5))
"""Days on which the New York Fed printed NA for the 99th percentile."""


def simulate(
    end: date,
    seed: int = DEFAULT_SEED,
    *,
    members: int = DEFAULT_MEMBERS,
    funds: tuple[Fund, ...] | None = None,
) -> Market:
    """Return the market of every day from 2012-01-03 to `end`. The same seed gives the same days, whatever the end.

    `members` is the number of stocks in the index, `funds` (None) are those of the catalog, and the
    watched symbols. All trade from 2011-10-03 on, a fund that the catalog says began later from its own first day.
    """
    if end < FIRST_DAY:
        raise ValueError(f"the simulated market starts on {FIRST_DAY}, got the end {end}")
    grid = Grid(end, seed)
    regimes = regime_path(grid)
    stress = stress_path(grid, regimes)
    sheet = balance_sheet(grid, regimes, stress)
    curve = rates(grid, regimes, stress, sheet)
    market = prices(grid, regimes, stress, curve)
    parts = [
        *_weekly(grid, sheet),
        *_funding(grid, sheet, curve),
        *_yields(grid, curve),
        *_currencies(grid, market),
        *_credit(grid, market),
        *_indices(grid, market),
        *_options(grid, option_volumes(grid, stress)),
        weekly_index(grid, stress, "nfci", base=-0.55, scale=0.45, decimals=5),
        weekly_index(grid, stress, "stlfsi", base=-0.60, scale=1.10, decimals=4),
        _daily(grid, "ofr_fsi", stress_index(grid, stress), "federal_reserve", 3),
        *margin_accounts(grid, regimes, market.sp500.close),
        *labor(grid, stress),
        *consumer(grid, stress, curve.effr),
        *balances(grid, stress, sheet, curve, market),
    ]
    parts += undrawn(grid, load_catalog(), parts)
    sessions = grid.on("nyse") & (grid.days >= np.datetime64(FIRST_DAY))
    latent = pl.DataFrame(
        {
            "session_date": pl.Series(grid.days[sessions]),
            "regime": [NAMES[code] for code in regimes[sessions].tolist()],
        }
    )
    traded = load_funds() if funds is None else funds
    watched = tuple(_as_fund(one) for one in load_watched()) if funds is None else ()
    panel = cross_section(grid, regimes, stress, curve, market, members, traded, watched)
    return Market(with_corrections(pl.concat(parts), grid), latent=latent, panel=panel)


def _as_fund(one: Watched) -> Fund:
    told = one.model_dump(exclude={"kind"})
    return Fund.model_validate({**told, "issuer": "watched", "source": users_own()})


def _daily(
    grid: Grid,
    series_id: str,
    path: Path,
    calendar: CalendarName,
    decimals: int,
    *,
    first: date = FIRST_DAY,
    last: date | None = None,
    source: str | None = None,
) -> pl.DataFrame:
    keep: Flags = grid.on(calendar) & (grid.days >= np.datetime64(first))
    if last is not None:
        keep &= grid.days <= np.datetime64(last)
    return first_prints(series_id, pl.Series(grid.days[keep]), np.round(path[keep], decimals), source)


def _weekly(grid: Grid, sheet: BalanceSheet) -> Iterator[pl.DataFrame]:
    """Yield the H.4.1 in billions: Wednesday levels, and averages of the seven days that end on the Wednesday."""
    wednesdays = (grid.weekday == 2) & (grid.days >= np.datetime64(FIRST_DAY))
    days = pl.Series(grid.days[wednesdays])
    levels = {
        "fed_total_assets": sheet.assets,
        "tga_wednesday": sheet.tga,
        "reserve_balances_wednesday": sheet.reserves,
        "primary_credit": sheet.primary_credit,
    }
    for series_id, path in levels.items():
        yield first_prints(series_id, days, path[wednesdays] / 1000)
    for series_id, path in (("tga_week_average", sheet.tga), ("reserve_balances_week_average", sheet.reserves)):
        yield first_prints(series_id, days, _week_average(grid, path)[wednesdays] / 1000)
    opened = wednesdays & (grid.days >= np.datetime64(_TERM_FUNDING_FROM))
    yield first_prints("bank_term_funding", pl.Series(grid.days[opened]), sheet.term_funding[opened] / 1000)


def _week_average(grid: Grid, path: Path) -> Path:
    """Return for each weekday the mean of the seven calendar days that end on it, in whole millions."""
    sums = np.concatenate([np.zeros(1), np.cumsum(grid.carried(path))])
    ends = np.searchsorted(grid.calendar_days, grid.days) + 1
    averages: Path = np.round((sums[ends] - sums[np.maximum(ends - 7, 0)]) / 7)
    return averages


def _funding(grid: Grid, sheet: BalanceSheet, curve: Rates) -> Iterator[pl.DataFrame]:
    yield _daily(grid, "tga_daily", sheet.tga / 1000, "federal_reserve", 3)
    yield _daily(grid, "on_rrp", sheet.on_rrp / 1000, "federal_reserve", 3, first=_RRP_FROM)
    yield _daily(grid, "sofr", curve.sofr, "government_securities", 2, first=_SOFR_FROM)
    tail = _daily(grid, "sofr_99th_percentile", curve.sofr_99th, "government_securities", 2, first=_SOFR_FROM)
    yield tail.filter(~pl.col("period_date").is_in(_NOT_AVAILABLE))
    yield _daily(grid, "sofr_volume", curve.sofr_volume, "government_securities", 0, first=_SOFR_FROM)
    yield _daily(grid, "effr", curve.effr, "federal_reserve", 2)
    every_day = grid.calendar_days >= np.datetime64(FIRST_DAY)
    policy = first_prints("iorb", pl.Series(grid.calendar_days[every_day]), grid.carried(sheet.policy_rate)[every_day])
    for series_id, below in (("fed_funds_target_upper", 0.0), ("fed_funds_target_lower", 0.25)):
        yield policy.with_columns(pl.lit(series_id).alias("series_id"), pl.col("value") - below)
    old_target = pl.Series(np.arange(_OLD_TARGET_TO - 365, _OLD_TARGET_TO + 1))
    yield first_prints("fed_funds_target", old_target, np.full(len(old_target), 1.0))
    yield policy.filter(pl.col("period_date") > _IOER_TO)
    yield policy.filter(pl.col("period_date") <= _IOER_TO).with_columns(pl.lit("ioer").alias("series_id"))


def _yields(grid: Grid, curve: Rates) -> Iterator[pl.DataFrame]:
    for series_id, path in (
        ("us_3m_yield", curve.us_3m),
        ("us_2y_yield", curve.us_2y),
        ("us_10y_yield", curve.us_10y),
        ("us_30y_yield", curve.us_30y),
    ):
        yield _daily(grid, series_id, path, "sifma", 2)
    spread = (np.round(curve.us_10y, 2) - np.round(curve.us_2y, 2)) * 100
    yield _daily(grid, "us_10y_2y_spread", spread, "sifma", 0)
    for series_id, path in (
        ("jgb_2y_yield", curve.jgb_2y),
        ("jgb_10y_yield", curve.jgb_10y),
        ("jgb_30y_yield", curve.jgb_30y),
    ):
        yield _daily(grid, series_id, path, "tokyo", 3)


def _currencies(grid: Grid, market: Prices) -> Iterator[pl.DataFrame]:
    dollar_yen = _daily(grid, "usdjpy", market.usdjpy, "every_day", 2, source="yahoo")
    new_year = (pl.col("period_date").dt.month() == 1) & (pl.col("period_date").dt.day() == 1)
    yield dollar_yen.filter(~new_year)
    yield _daily(grid, "usdjpy", market.usdjpy, "federal_reserve", 2, source="fred")
    yield _daily(grid, "broad_dollar", market.broad_dollar, "federal_reserve", 4)
    yield _daily(grid, "move", market.move, "nyse", 2)


def _credit(grid: Grid, market: Prices) -> Iterator[pl.DataFrame]:
    """Yield spreads; ICE also prints the last calendar day of a month that ends on a weekend."""
    for series_id, path, decimals in (
        ("hy_oas", market.hy_oas, 0),
        ("ig_oas", market.ig_oas, 0),
        ("ccc_oas", market.ccc_oas, 0),
        ("ccc_yield", market.ccc_yield, 2),
    ):
        yield _daily(grid, series_id, path, "sifma", decimals)
        weekends = last_days_of_months(FIRST_DAY, grid.calendar_days[-1].astype(date))
        at = np.searchsorted(grid.days, np.array(weekends, dtype="datetime64[D]"), side="right") - 1
        yield first_prints(series_id, pl.Series(weekends, dtype=pl.Date), np.round(path[at], decimals))
    yield _daily(grid, "baa_10y_spread", market.baa_10y, "sifma", 0)
    yield _daily(grid, "ted_spread", market.ted, "sifma", 0, last=_TED_TO)


def _indices(grid: Grid, market: Prices) -> Iterator[pl.DataFrame]:
    for name, bars in (("sp500", market.sp500), ("vix", market.vix)):
        for field in ("open", "high", "low", "close"):
            yield _daily(grid, f"{name}_{field}", getattr(bars, field), "nyse", 2)
    for name in ("vix9d", "vix3m", "vix6m", "vvix", "skew"):
        yield _daily(grid, f"{name}_close", getattr(market, name), "nyse", 2)


def _options(grid: Grid, volumes: OptionVolumes) -> Iterator[pl.DataFrame]:
    for group in ("total", "equity", "index", "etp", "spx", "vix"):
        yield _daily(grid, f"put_call_{group}_ratio", getattr(volumes, group).ratio, "nyse", 2)
    for group in ("total", "equity", "index"):
        yield _daily(grid, f"put_volume_{group}", getattr(volumes, group).puts, "nyse", 0)
        yield _daily(grid, f"call_volume_{group}", getattr(volumes, group).calls, "nyse", 0)
