"""Net gamma of dealers from one option chain: in total, by strike, and the price at which it turns.

GEX of a contract is s x gamma x open interest x 100 x S^2 x 0.01: US dollars that dealers trade for each 1 % the
underlying moves. The sign s is the naive one, +1 for calls and -1 for puts: as if dealers had bought every call and
sold every put. Nobody publishes who holds what, so it is a convention and not a fact.

Gamma is the publisher's. The flip is the price at which the total would be zero: gamma is worked out anew at each price
(Black and Scholes, r = q = 0) with each contract's own volatility held fixed. Levels within `REACH` of the price are
looked at; where there is no zero between them there is no flip.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time
from functools import cache
from typing import Any, Final

import numpy as np
import polars as pl

from analytics.options import black_scholes as bs
from ingest.catalog.calendars import busday_calendar, nyse_sessions
from ingest.catalog.underlyings import Underlying
from ingest.clock import NEW_YORK, naive_utc

REACH: Final = 0.25
LEVELS: Final = 101  # half a per cent apart
ROOT_TOLERANCE: Final = 1e-6
"""A zero is one where what is left is below this part of the gross figure."""

_CONTRACT_UNITS: Final = 100.0
_A_PERCENT: Final = 0.01
_USD_BN: Final = 1e9
_BISECTIONS: Final = 60
_OPEN, _USUAL_CLOSE = time(9, 30), time(16, 0)
_COMPARED: Final = 0.1  # contracts with a strike so near the price have a gamma whose four decimals say something
_COMPARED_YEARS: Final = 5 / bs.BUSINESS_DAYS_IN_YEAR


def living(chain: pl.DataFrame, of: Underlying) -> pl.DataFrame:
    """Return the contracts of one snapshot that can still be held and are for 100 units, in order of their symbols.

    One that settles at the open ends at 09:30 New York on its last day, the others as that day's session closes, which
    is 13:00 on a half day: publishers list series for a while after. An adjusted series (a digit behind its root) is
    for another number of units.
    """
    snapshot_at: datetime = chain["snapshot_at"][0]
    today = new_york_day(snapshot_at)
    at_open, at_close = _ends(today)
    end = pl.when(pl.col("root").is_in(list(of.am_roots))).then(pl.lit(at_open)).otherwise(pl.lit(at_close))
    ends_today = pl.col("expiry_date") == today
    is_living = (pl.col("expiry_date") > today) | (ends_today & (end > snapshot_at))
    return chain.filter(is_living & ~pl.col("root").str.contains(r"\d$")).sort("option_symbol")


@cache
def _ends(day: date) -> tuple[datetime, datetime]:
    """Return when contracts of a last day end that settle at the open, and when those that settle at the close."""
    sessions = nyse_sessions(day, day)
    closes = sessions["close_at"].to_list() or [naive_utc(datetime.combine(day, _USUAL_CLOSE, NEW_YORK))]
    return naive_utc(datetime.combine(day, _OPEN, NEW_YORK)), closes[0]


def new_york_day(moment: datetime) -> date:
    """Return the day in New York of a moment (naive UTC)."""
    return moment.replace(tzinfo=UTC).astimezone(NEW_YORK).date()


def strikes_of(contracts: pl.DataFrame) -> pl.DataFrame:
    """Return expiry_date, strike_usd, GEX and open interest of calls and of puts, where either GEX is not zero."""
    signed = contracts.with_columns(_gex())
    is_call = pl.col("option_type") == "C"
    return (
        signed.group_by("expiry_date", "strike_usd")
        .agg(
            pl.col("gex").filter(is_call).sum().alias("call_gex_usd_bn"),
            pl.col("gex").filter(~is_call).sum().alias("put_gex_usd_bn"),
            pl.col("open_interest_contracts").filter(is_call).sum().alias("call_open_interest_contracts"),
            pl.col("open_interest_contracts").filter(~is_call).sum().alias("put_open_interest_contracts"),
        )
        .filter((pl.col("call_gex_usd_bn") != 0) | (pl.col("put_gex_usd_bn") != 0))
        .sort("expiry_date", "strike_usd")
    )


def summary_of(contracts: pl.DataFrame, strikes: pl.DataFrame, as_of: date, spot: float) -> dict[str, Any]:
    """Return the figures of one snapshot; those that nothing is known for are None. `as_of`: its day in New York."""
    frame = contracts.with_columns(_gex())
    known = frame["gex"].drop_nulls()
    held = frame["open_interest_contracts"].fill_null(0.0)
    has_gamma = frame["gamma_ratio"].is_not_null() & ((frame["gamma_ratio"] > 0) | (frame["iv_ratio"] > bs.LEAST_IV))
    is_call = frame["option_type"] == "C"
    gross = float(known.abs().sum())
    calls, puts = (float(frame["gex"].filter(side).sum()) for side in (is_call, ~is_call))
    figures: dict[str, Any] = {
        "contracts_count": frame.height,
        "call_open_interest_contracts": float(held.filter(is_call).sum()),
        "put_open_interest_contracts": float(held.filter(~is_call).sum()),
        "missing_gamma_count": frame["gamma_ratio"].null_count(),
        "missing_open_interest_count": frame["open_interest_contracts"].null_count(),
        "covered_oi_pct": 100 * _ratio(float(held.filter(has_gamma.fill_null(value=False)).sum()), float(held.sum())),
    }
    if not gross > 0:
        return {**dict.fromkeys(_OF_GAMMA), **figures}
    near = frame.filter(pl.Series(_sessions_to(frame["expiry_date"], as_of) <= 1))
    return {
        **figures,
        "gex_usd_bn": calls + puts,
        "call_gex_usd_bn": calls,
        "put_gex_usd_bn": puts,
        "gross_gex_usd_bn": gross,
        "expiring_1d_pct": 100 * float(near["gex"].abs().sum()) / gross,
        **walls_of(strikes, spot),
        "flip_usd": flip_of(contracts, as_of, spot),
        "own_to_published_gamma_ratio": _own_to_published(contracts, as_of, spot),
    }


_WALLS: Final = ("call_wall_usd", "put_wall_usd", "call_wall_above_usd", "put_wall_below_usd")
_OF_GAMMA: Final = (
    *("gex_usd_bn", "call_gex_usd_bn", "put_gex_usd_bn", "gross_gex_usd_bn", "expiring_1d_pct"),
    *(*_WALLS, "flip_usd", "own_to_published_gamma_ratio"),
)


def walls_of(strikes: pl.DataFrame, spot: float) -> dict[str, float | None]:
    """Return the strikes with most gamma of calls and of puts over all expiries: of all, and at or beyond the price.

    Of two with the same figure the one nearer to the price counts, of two as near the lower.
    """
    totals = strikes.group_by("strike_usd").agg(pl.col("call_gex_usd_bn", "put_gex_usd_bn").sum()).sort("strike_usd")

    def most(of: pl.DataFrame, size: pl.Expr) -> float | None:
        found = (
            of.with_columns(size=size.round(12), away=(pl.col("strike_usd") - spot).abs())
            .filter(pl.col("size") > 0)
            .sort("size", "away", "strike_usd", descending=[True, False, False])
        )
        return float(found["strike_usd"][0]) if found.height else None

    calls, puts = pl.col("call_gex_usd_bn"), -pl.col("put_gex_usd_bn")
    above, below = totals.filter(pl.col("strike_usd") >= spot), totals.filter(pl.col("strike_usd") <= spot)
    return dict(
        zip(_WALLS, (most(totals, calls), most(totals, puts), most(above, calls), most(below, puts)), strict=True)
    )


def flip_of(contracts: pl.DataFrame, as_of: date, spot: float) -> float | None:
    """Return the price nearest to `spot` at which the total is zero, None where there is none within reach."""
    total = _repriced(contracts, as_of)
    if total is None:
        return None
    levels = spot * np.linspace(1 - REACH, 1 + REACH, LEVELS)
    nets = np.array([total(float(level))[0] for level in levels])
    crossings = np.flatnonzero(np.sign(nets[:-1]) * np.sign(nets[1:]) < 0)
    roots = [_root(total, float(levels[at]), float(levels[at + 1])) for at in crossings]
    roots += [float(level) for level in levels[nets == 0.0]]  # an exact zero, or a level at which nothing has gamma
    found = [root for root in roots if _is_root(total, root)]
    return min(found, key=lambda root: (abs(root - spot), root), default=None)


def _repriced(contracts: pl.DataFrame, as_of: date) -> Callable[[float], tuple[float, float]] | None:
    """Return the net and the gross GEX (US dollars) as functions of the price; None without a volatility."""
    priced = contracts.filter((pl.col("iv_ratio") > bs.LEAST_IV) & (pl.col("open_interest_contracts") > 0))
    if priced.is_empty():
        return None
    strike, iv = priced["strike_usd"].to_numpy(), priced["iv_ratio"].to_numpy()
    years = bs.years_to(priced["expiry_date"].to_numpy(), as_of)
    held = priced["open_interest_contracts"].to_numpy() * _CONTRACT_UNITS
    signed = np.where((priced["option_type"] == "C").to_numpy(), held, -held)

    def total(level: float) -> tuple[float, float]:
        gamma = bs.gamma(level, strike, years, iv)
        scale = level * level * _A_PERCENT
        return float(signed @ gamma) * scale, float(held @ gamma) * scale

    return total


def _root(total: Callable[[float], tuple[float, float]], low: float, high: float) -> float:
    """Return where the net changes its sign between two prices, by bisection."""
    is_low_positive = total(low)[0] > 0
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        if (total(middle)[0] > 0) == is_low_positive:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _is_root(total: Callable[[float], tuple[float, float]], level: float) -> bool:
    net, gross = total(level)
    return gross > 0 and abs(net) < ROOT_TOLERANCE * gross


def _gex() -> pl.Expr:
    sign = pl.when(pl.col("option_type") == "C").then(1.0).otherwise(-1.0)
    size = pl.col("gamma_ratio") * pl.col("open_interest_contracts") * _CONTRACT_UNITS
    return (sign * size * pl.col("spot_usd") ** 2 * _A_PERCENT / _USD_BN).alias("gex")


def _sessions_to(expiries: pl.Series, as_of: date) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return how many NYSE sessions lie between a day and each expiry, that of the expiry counted."""
    calendar = busday_calendar("nyse")
    after = np.datetime64(as_of, "D") + 1
    return np.busday_count(after, expiries.to_numpy().astype("datetime64[D]") + 1, busdaycal=calendar)


def _own_to_published(contracts: pl.DataFrame, as_of: date, spot: float) -> float | None:
    """Return our gamma over the publisher's, both weighted by open interest, of contracts near the money."""
    near = contracts.filter(
        (pl.col("iv_ratio") > bs.LEAST_IV)
        & (pl.col("gamma_ratio") > 0)
        & (pl.col("open_interest_contracts") > 0)
        & ((pl.col("strike_usd") / spot - 1).abs() <= _COMPARED)
    )
    if near.is_empty():
        return None
    years = bs.years_to(near["expiry_date"].to_numpy(), as_of)
    is_long = years >= _COMPARED_YEARS
    own = bs.gamma(spot, near["strike_usd"].to_numpy(), years, near["iv_ratio"].to_numpy())
    held = near["open_interest_contracts"].to_numpy()
    published = float((near["gamma_ratio"].to_numpy() * held)[is_long].sum())
    return float((own * held)[is_long].sum()) / published if published > 0 else None


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole > 0 else 0.0
