"""Balance sheets and valuation: what the Fed holds, the other central banks, equities beside output."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from ingest.catalog import load_catalog
from simulator.economy.central_bank import BalanceSheet
from simulator.economy.grid import FIRST_DAY, Days, Flags, Grid, Path, reverting, whole_months
from simulator.economy.prices import Prices
from simulator.economy.rates import Rates
from simulator.market import first_prints

_TREASURIES, _MBS = 0.60, 0.27  # shares of the Fed's assets
_SECOND_ESTIMATE: Final = timedelta(days=30)
_QUARTER = 3  # months


def balances(grid: Grid, stress: Path, sheet: BalanceSheet, curve: Rates, market: Prices) -> Iterator[pl.DataFrame]:
    """Yield the Fed's securities, the ECB's and the Bank of Japan's assets, currencies, equities, output, premia."""
    yield from _fed(grid, sheet)
    yield from _other_banks(grid, sheet)
    yield from _currencies(grid, stress)
    yield from _valuation(grid, stress, market)
    yield from _premia(grid, stress, curve)


def _fed(grid: Grid, sheet: BalanceSheet) -> Iterator[pl.DataFrame]:
    for series_id, share in (("fed_treasuries", _TREASURIES), ("fed_mbs", _MBS)):
        yield _on(grid, series_id, np.round(share * sheet.assets) / 1000, grid.weekday == 2)


def _other_banks(grid: Grid, sheet: BalanceSheet) -> Iterator[pl.DataFrame]:
    """Both bought with the Fed; the Bank of Japan began earlier and went on for longer."""
    fed = sheet.assets / 1000
    euros = reverting(2700.0, 0.004, (0.85 * fed - 900).tolist(), (6.0 * grid.normal("ecb")).tolist())
    yield _on(grid, "ecb_assets", np.round(euros, 3), grid.weekday == 4)
    years = (grid.days - grid.days[0]).astype(float) / 365.25
    yen = 140_000 + 600_000 * (1 - np.exp(-years / 7)) + 300 * grid.normal("boj")
    months = np.array(whole_months(grid), dtype="datetime64[M]")
    yield first_prints("boj_assets", _dates(months), np.round(yen[_last_days(grid, months + 1)], 1))


def _currencies(grid: Grid, stress: Path) -> Iterator[pl.DataFrame]:
    calm = np.maximum(stress, 0.0)
    euro = reverting(1.30, 0.004, (1.14 - 0.03 * calm).tolist(), (0.005 * grid.normal("eurusd")).tolist())
    yuan = reverting(6.3, 0.003, (6.85 + 0.08 * calm).tolist(), (0.012 * grid.normal("usdcny")).tolist())
    for series_id, path in (("eurusd", euro), ("usdcny", yuan)):
        yield _on(grid, series_id, np.round(path, 4), grid.on("federal_reserve"))


def _valuation(grid: Grid, stress: Path, market: Prices) -> Iterator[pl.DataFrame]:
    """Quarters dated on their first day; output is estimated twice, a month apart."""
    months = np.array(whole_months(grid), dtype="datetime64[M]")
    if not len(months):
        return
    quarters = months[(months.astype(int) % _QUARTER == 0) & (months + _QUARTER <= months[-1] + 1)]
    if not len(quarters):
        return
    ends = _last_days(grid, quarters + _QUARTER)
    price = market.sp500.close / market.sp500.close[0]
    equities = 11_000 * price**0.95
    yield first_prints("equities_nonfinancial", _dates(quarters), np.round(equities[ends], 3))
    yield first_prints("equities_financial", _dates(quarters), np.round(0.17 * equities[ends], 3))
    years = (quarters - quarters[0]).astype(float) / 12
    output = 16_200 * np.exp(0.047 * years) * (1 - 0.012 * np.maximum(stress[ends] - 0.5, 0.0))
    first = first_prints("gdp", _dates(quarters), np.round(output, 3))
    yield first
    released = load_catalog().by_id("gdp").provider("fred").release.released_at(first["period_date"])
    change = 1 + 0.002 * grid.stream("second estimate").standard_normal(len(quarters))
    second = first_prints("gdp", _dates(quarters), np.round(output * change, 3))
    yield second.with_columns((released + _SECOND_ESTIMATE).alias("revised_at"))


def _premia(grid: Grid, stress: Path, curve: Rates) -> Iterator[pl.DataFrame]:
    premium = 0.35 * (curve.us_10y - curve.us_2y) - 0.1 + 0.02 * grid.normal("term premium")
    inflation = reverting(2.4, 0.01, (2.3 - 0.12 * stress).tolist(), (0.02 * grid.normal("5y5y")).tolist())
    yield _on(grid, "term_premium_10y", np.round(premium, 4), grid.on("sifma"))
    yield _on(grid, "breakeven_5y5y", np.round(inflation, 2), grid.on("sifma"))


def _on(grid: Grid, series_id: str, path: Path, days: Flags) -> pl.DataFrame:
    keep = days & (grid.days >= np.datetime64(FIRST_DAY))
    return first_prints(series_id, pl.Series(grid.days[keep]), path[keep])


def _last_days(grid: Grid, months_after: Days) -> npt.NDArray[np.intp]:
    """Return where on the grid the last weekday before each of these months is."""
    return np.searchsorted(grid.days, months_after.astype("datetime64[D]")) - 1


def _dates(months: Days) -> pl.Series:
    return pl.Series(months.astype("datetime64[D]"))
