"""Consumers: credit that grows with income and stalls in crises, its rates, what is not paid back, income and spending.

Consumer credit is printed with its revisions: each release changes the two months before it, and one month has a break
in the level of revolving credit, which the flow leaves out.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Final

import numpy as np
import polars as pl

from ingest.catalog import load_catalog
from simulator.economy.grid import Grid, Path, whole_months
from simulator.economy.regimes import pressure_path
from simulator.market import first_prints

BROKEN: Final = date(2024, 12, 1)
"""The month in which the level of revolving credit has a break, and of how many billions."""
_BREAK_USD_BN: Final = -45.0
_REVISED_MONTHS: Final = 2
_CARD_MONTHS: Final = (2, 5, 8, 11)
_GROWTH: Final = 0.0035  # of nominal income and spending, a month


def consumer(grid: Grid, stress: Path, effr: Path) -> Iterator[pl.DataFrame]:
    """Yield what the consumer pack of the catalog has, month by month."""
    months = whole_months(grid)
    pressure = _monthly(grid, pressure_path(grid, stress, "consumers", pull=0.05), months)
    yield from _credit(grid, months, pressure)
    yield from _rates(grid, months, pressure, _monthly(grid, effr, months))
    yield from _income(grid, months, pressure)


def _monthly(grid: Grid, path: Path, months: list[date]) -> Path:
    """Return the mean of each month."""
    of_day = grid.days.astype("datetime64[M]")
    return np.array([np.mean(path[of_day == np.datetime64(month, "M")]) for month in months])


def _credit(grid: Grid, months: list[date], pressure: Path) -> Iterator[pl.DataFrame]:
    size, end = len(months), grid.days[-1].astype(object)
    noise = grid.stream("consumer credit").standard_normal((size, 2))
    flows = {
        "revolving": 4.2 + 2.5 * noise[:, 0] - 9.0 * np.maximum(pressure - 0.4, 0.0),
        "nonrevolving": 10.5 + 3.5 * noise[:, 1] - 4.0 * np.maximum(pressure - 0.4, 0.0),
    }
    flows = {name: np.round(flow, 5) for name, flow in flows.items()}
    jump = np.where(np.array(months) == BROKEN, _BREAK_USD_BN, 0.0)
    levels = {
        "revolving": 840.0 + np.cumsum(flows["revolving"] + jump),
        "nonrevolving": 1_920.0 + np.cumsum(flows["nonrevolving"]),
    }
    levels["total"] = levels["revolving"] + levels["nonrevolving"]
    flows["total"] = flows["revolving"] + flows["nonrevolving"]
    shift = {
        name: 1.2 * grid.stream(f"{name} credit revised").standard_normal(size)
        for name in ("revolving", "nonrevolving")
    }
    shift["total"] = shift["revolving"] + shift["nonrevolving"]
    for name, level in levels.items():
        yield from _revised(end, f"consumer_credit_{name}", months, level, shift[name])
    for name in ("total", "revolving"):
        # without a break a flow is the change of the level, so it is revised by what the two levels are
        moved = np.diff(shift[name], prepend=0.0)
        yield from _revised(end, f"consumer_credit_{name}_flow", months, flows[name], moved, first=shift[name])


def _revised(
    end: date, series_id: str, months: list[date], final: Path, shift: Path, *, first: Path | None = None
) -> Iterator[pl.DataFrame]:
    """Yield the first print of each month, and what it becomes with the releases of the two months after it.

    A month is `shift` too high at first, half of it a month later, right two months later. `first` is what a first
    print of a flow has too much: its own shift, less what is left of that of the month before.
    """
    periods = pl.Series(months, dtype=pl.Date)
    provider = load_catalog().by_id(series_id).published_by[0]
    left = [1.0, 0.5, 0.0]
    if first is None:
        off = [share * shift for share in left]
    else:
        before = np.concatenate([np.zeros(1), first[:-1]])
        off = [first - 0.5 * before, 0.5 * first, np.zeros(len(months))]
    yield first_prints(series_id, periods, np.round(final + off[0], 5))
    for lag in range(1, _REVISED_MONTHS + 1):
        count = len(months) - lag
        if count > 0:
            later = first_prints(series_id, periods.head(count), np.round(final + off[lag], 5)[:count])
            later = later.with_columns(provider.release.released_at(periods.tail(count)).alias("revised_at"))
            yield later.filter(
                pl.col("revised_at").dt.date() <= end
            )  # only what a release inside the simulation brings


def _rates(grid: Grid, months: list[date], pressure: Path, effr: Path) -> Iterator[pl.DataFrame]:
    own = [at for at, month in enumerate(months) if month.month in _CARD_MONTHS]
    periods = pl.Series([months[at] for at in own], dtype=pl.Date)
    margin = 12.0 + 0.035 * np.arange(len(months)) ** 0.98
    rate = effr + margin + 0.1 * grid.stream("card rate").standard_normal(len(months))
    yield first_prints("card_rate_all_accounts", periods, np.round(rate[own], 2))
    yield first_prints("card_rate_assessed_interest", periods, np.round(rate[own] * 1.045, 2))
    late = np.round(2.4 + 1.6 * _lagged(np.maximum(pressure, 0.0), 4), 2)
    quarters = [at for at, month in enumerate(months) if month.month % 3 == 1 and at + 2 < len(months)]
    yield first_prints(
        "card_delinquency_30dpd_banks", pl.Series([months[at] for at in quarters], dtype=pl.Date), late[quarters]
    )


def _lagged(path: Path, months: int) -> Path:
    """Return the mean of the months before: who is late now lost the income a while ago."""
    if not len(path):
        return path
    padded = np.concatenate([np.full(2 * months, path[0]), path])
    return np.array([padded[at : at + 2 * months].mean() for at in range(len(path))])


def _income(grid: Grid, months: list[date], pressure: Path) -> Iterator[pl.DataFrame]:
    size = len(months)
    noise = grid.stream("income and spending").standard_normal((size, 5))
    trend = np.exp(_GROWTH * np.arange(size))
    fear = np.maximum(pressure, 0.0)
    prices = np.exp(0.002 * np.arange(size))
    spending = 10_900 * trend * np.exp(-0.012 * fear + 0.003 * noise[:, 0])
    sales = 400.0 * trend * np.exp(-0.02 * fear + 0.008 * noise[:, 1])
    values = {
        "personal_saving_rate": 6.0 + 1.5 * fear + 0.3 * noise[:, 2],
        "real_disposable_income": 12_400 * trend / prices * np.exp(-0.006 * fear + 0.002 * noise[:, 3]),
        "pce": spending,
        "real_pce": spending / prices,
        "personal_current_transfers": 2_350 * trend * np.exp(0.08 * fear),
        "retail_sales": sales,
        "real_retail_sales": sales / (2.27 * prices),
        "consumer_prices": 227.0 * prices,
        "consumer_sentiment": 88.0 - 9.0 * fear + 2.5 * noise[:, 4],
    }
    decimals = {"retail_sales": 3, "real_retail_sales": 3, "consumer_prices": 3}
    for series_id, path in values.items():
        yield first_prints(series_id, pl.Series(months, dtype=pl.Date), np.round(path, decimals.get(series_id, 1)))
