"""Prices and greeks of European options after Black and Scholes, on whole columns at once.

Conventions, the same wherever options are priced here: no interest and no dividends (r = q = 0); a year has 262
business days, Monday to Friday whether or not the exchange is open; an option has at least one such day to run. Vega
is per point of volatility (1 %), theta per calendar day, as publishers print them.
"""

from __future__ import annotations

from datetime import date
from typing import Final

import numpy as np
import numpy.typing as npt

LEAST_IV: Final = 1e-4
"""A volatility below it is none: 0 and 0.00001 are marks of publishers where nothing could be worked out."""

BUSINESS_DAYS_IN_YEAR: Final = 262
_DAYS_IN_YEAR: Final = 365.0

Numbers = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


def years_to(expiries: npt.NDArray[np.datetime64], as_of: date) -> Numbers:
    """Return the years from a day (New York) to each expiry: business days over 262, one at the least."""
    days = np.busday_count(np.datetime64(as_of, "D"), expiries.astype("datetime64[D]"))
    return np.maximum(days, 1).astype(np.float64) / BUSINESS_DAYS_IN_YEAR


def price(spot: Numbers | float, strike: Numbers, years: Numbers, iv: Numbers, is_call: Flags) -> Numbers:
    """Return the price of each option; what it is worth at once where its volatility is zero."""
    sign = np.where(is_call, 1.0, -1.0)
    d1, spread = _d1(spot, strike, years, iv)
    value = sign * (spot * _cdf(sign * d1) - strike * _cdf(sign * (d1 - spread)))
    return np.where(spread > 0, value, np.maximum(sign * (spot - strike), 0.0))


def delta(spot: Numbers | float, strike: Numbers, years: Numbers, iv: Numbers, is_call: Flags) -> Numbers:
    """Return the delta of each option: of a call between 0 and 1, of a put between -1 and 0; NaN without volatility."""
    d1, spread = _d1(spot, strike, years, iv)
    return np.where(spread > 0, _cdf(d1) - np.where(is_call, 0.0, 1.0), np.nan)


def gamma(spot: Numbers | float, strike: Numbers, years: Numbers, iv: Numbers) -> Numbers:
    """Return the gamma of each option, the same for a call and a put; NaN without volatility."""
    d1, spread = _d1(spot, strike, years, iv)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(spread > 0, _density(d1) / (spot * spread), np.nan)


def vega(spot: Numbers | float, strike: Numbers, years: Numbers, iv: Numbers) -> Numbers:
    """Return what one more point of volatility (0.01) adds to the price of each option; NaN without volatility."""
    d1, spread = _d1(spot, strike, years, iv)
    return np.where(spread > 0, spot * _density(d1) * np.sqrt(years) * 0.01, np.nan)


def theta(spot: Numbers | float, strike: Numbers, years: Numbers, iv: Numbers) -> Numbers:
    """Return what a calendar day takes from the price of each option (below zero); NaN without volatility."""
    d1, spread = _d1(spot, strike, years, iv)
    return np.where(spread > 0, -spot * _density(d1) * iv / (2 * np.sqrt(years)) / _DAYS_IN_YEAR, np.nan)


def _d1(spot: Numbers | float, strike: Numbers, years: Numbers, iv: Numbers) -> tuple[Numbers, Numbers]:
    """Return d1 and the standard deviation to expiry; d1 is 0 where that is none."""
    spread = np.where(iv > 0, iv, 0.0) * np.sqrt(years)
    with np.errstate(divide="ignore", invalid="ignore"):
        d1 = np.log(spot / strike) / spread + spread / 2
    return np.where(spread > 0, d1, 0.0), spread


def _density(x: Numbers) -> Numbers:
    return np.asarray(np.exp(-x * x / 2) / np.sqrt(2 * np.pi), dtype=np.float64)


def _cdf(x: Numbers) -> Numbers:
    from scipy.special import ndtr  # type: ignore[import-untyped]  # scipy ships no types

    return np.asarray(ndtr(x), dtype=np.float64)
