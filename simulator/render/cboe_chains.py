"""cdn-api.cboe.com: the delayed chain of one underlying, a smile around the market's own volatility.

Modest in size: a few expiries of a few strikes. With the traps of the real ones: strikes that nobody quotes, whose
volatility and gamma are 0 or null, a series that has expired and is still listed, two roots on one day, an adjusted
root.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from math import erf
from typing import Any, Final
from zlib import crc32

import numpy as np

from ingest.catalog.calendars import nyse_sessions, working_days
from ingest.catalog.underlyings import Underlying, load_underlyings
from ingest.clock import NEW_YORK, naive_utc
from simulator.economy.earnings import variance_ahead
from simulator.render.view import Response, View

CHAIN: Final = re.compile(r"/api/global/delayed_quotes/options/(_?[A-Z]+)\.json")

_LEVELS: Final = {"SPX": "sp500_close", "VIX": "vix_close"}
_OF_SPX: Final = {"NDX": 3.5, "RUT": 0.42, "SPY": 0.1, "QQQ": 0.09, "IBIT": 0.011}  # where the panel has no price
_STOCKS: Final = 0.05
_VOLATILITY: Final = {"SPX": 1.0, "SPY": 1.0, "NDX": 1.25, "QQQ": 1.25, "RUT": 1.3, "VIX": 4.5, "IBIT": 2.6}
_STOCK_VOLATILITY: Final = 1.8
_OPEN_INTEREST: Final = {"SPX": 9000.0, "SPY": 14000.0, "QQQ": 9000.0, "VIX": 30000.0}
_STRIKES: Final = {"SPX": 12, "NDX": 8}  # on each side of the money
_FEWER_STRIKES: Final = 6
_NOT_LETTERS: Final = re.compile(r"\d")
_ROOT_OF_TWO_PI: Final = np.sqrt(2 * np.pi)
_DELAY: Final = timedelta(minutes=15)


def chain(view: View, code: str) -> Response | None:
    """Return the chain that Cboe serves under `code`; None where there is none, or nothing is made up."""
    of = next((one for one in load_underlyings() if one.code == code), None)
    if of is None or not view.market.is_simulated:
        return None
    spot, volatility = _spot(view, of), _close(view, "vix_close") or 18.0
    shown_at = view.now.astimezone(UTC)
    trade = _last_trade(shown_at).astimezone(NEW_YORK).strftime("%Y-%m-%dT%H:%M:%S")
    atm = volatility / 100 * _VOLATILITY.get(of.underlying, _STOCK_VOLATILITY) * view.scale
    options = list(_contracts(of, spot, atm, shown_at, trade))
    symbol = f"^{of.underlying}" if of.kind == "index" else of.underlying
    data = {"symbol": symbol, "current_price": spot, "last_trade_time": trade, "options": options}
    document = {"timestamp": f"{shown_at:%Y-%m-%d %H:%M:%S}", "data": data, "symbol": of.code}
    return Response(json.dumps(document, separators=(",", ":")).encode(), "application/json")


def _close(view: View, series_id: str) -> float | None:
    source = view.market.catalog.by_id(series_id).providers[0].source
    known = view.market.known(series_id, source, view.now)
    return None if known.is_empty() else float(known["value"][-1])


def _spot(view: View, of: Underlying) -> float:
    if of.underlying in _LEVELS:
        return round(_close(view, _LEVELS[of.underlying]) or 20.0, 2)
    bearer = view.market.panel.bearer(of.underlying, view.now) or of.underlying
    closes = view.market.panel.bars(bearer, view.now)["close_usd"].drop_nulls()
    if len(closes):
        return round(float(closes[-1]), 2)
    return round((_close(view, "sp500_close") or 4000.0) * _OF_SPX.get(of.underlying, _STOCKS), 2)


@lru_cache(maxsize=2)
def _last_trade(shown_at: datetime) -> datetime:
    """Return the newest moment of trading that delayed quotes can show."""
    seen = shown_at - _DELAY
    day = seen.astimezone(NEW_YORK).date()
    sessions = nyse_sessions(day - timedelta(days=10), day)
    begun = sessions.filter(sessions["open_at"] <= naive_utc(seen))
    close: datetime = begun["close_at"][-1]
    return min(seen, close.replace(tzinfo=UTC))


def _contracts(of: Underlying, spot: float, atm: float, shown_at: datetime, trade: str) -> Iterator[dict[str, Any]]:
    today = shown_at.astimezone(NEW_YORK).date()
    quoted_on = date.fromisoformat(trade[:10])
    strikes = _strikes(spot, _STRIKES.get(of.underlying, _FEWER_STRIKES))
    for root, expiry in _series(of, today):
        years = max((datetime.combine(expiry, time(16), NEW_YORK) - shown_at).total_seconds(), 3600.0) / (365 * 86400)
        jumps = variance_ahead(of.underlying, quoted_on, expiry) if of.kind == "stock" else 0.0
        level = (atm**2 + jumps / years) ** 0.5
        for strike in strikes:
            for kind in "CP":
                symbol = f"{root}{expiry:%y%m%d}{kind}{round(strike * 1000):08d}"
                yield _contract(symbol, spot, strike, years, level, trade)
    if of.kind == "stock":  # after a special dividend: a series whose contract is another one
        _, expiry = _series(of, today)[-1]
        symbol = f"{of.underlying}1{expiry:%y%m%d}C{round(strikes[0] * 1000):08d}"
        yield _contract(symbol, spot, strikes[0], years, atm, trade)


def _series(of: Underlying, today: date) -> list[tuple[str, date]]:
    """Return roots and expiries: the session before, the next two, the coming Friday, third Fridays of three months.

    Of a stock also the Fridays of the five weeks after, of a fund the second of them.
    """
    roots = list(of.roots) or [of.underlying]
    root, weekly = roots[0], roots[-1]
    before = working_days("nyse", today - timedelta(days=10), today - timedelta(days=1))[-1]
    coming = working_days("nyse", today, today + timedelta(days=10))
    friday = next(day for day in coming[2:] if day.weekday() >= 3)
    months = [today.year * 12 + today.month - 1 + ahead for ahead in range(1, 4)]
    firsts = [date(month // 12, month % 12 + 1, 1) for month in months]
    fridays = [first + timedelta(days=(4 - first.weekday()) % 7 + 14) for first in firsts]
    thirds = [working_days("nyse", day - timedelta(days=3), day)[-1] for day in fridays]
    found = [(weekly, day) for day in (before, coming[0], coming[1], friday)] + [(root, day) for day in thirds]
    # Thirty days lie between two expiries on any day: five weeklies of a stock, one of a fund before the months.
    weeks = {"stock": range(1, 6), "fund": range(2, 3)}.get(of.kind, range(0))
    fridays = [friday + timedelta(days=7 * week) for week in weeks]
    found += [(root, working_days("nyse", day - timedelta(days=3), day)[-1]) for day in fridays]
    return list(dict.fromkeys([*found, (weekly, thirds[0])]))


def _strikes(spot: float, each_side: int) -> list[float]:
    step = float(10 ** np.floor(np.log10(spot * 0.012)))
    step *= 5 if spot * 0.012 >= 5 * step else 2.5 if spot * 0.012 >= 2.5 * step else 1
    middle = round(spot / step) * step
    return [round(middle + at * step, 3) for at in range(-each_side, each_side + 1)]


def _contract(symbol: str, spot: float, strike: float, years: float, atm: float, trade: str) -> dict[str, Any]:
    """Return one contract: puts below the money and calls above it have most of the open interest."""
    chance = np.random.default_rng(crc32(symbol.encode()))
    is_call = symbol[-9] == "C"
    away = float(np.log(strike / spot))
    iv = round(min(max(atm * (1 - 1.1 * away + 2.0 * away * away), 0.05), 4.0), 4)
    spread = iv * years**0.5
    d1 = -away / spread + spread / 2
    density = float(np.exp(-d1 * d1 / 2) / _ROOT_OF_TWO_PI)
    delta = _cdf(d1) - (0.0 if is_call else 1.0)
    value = spot * delta - strike * (_cdf(d1 - spread) - (0.0 if is_call else 1.0))
    is_quoted = value > 0.02 and abs(d1) < 3.2
    at_round = 1.6 if strike % _magnitude(spot) < 1e-9 * spot else 1.0
    leaning = float(np.exp(-(((away - (0.02 if is_call else -0.03)) / 0.045) ** 2)))
    most = _OPEN_INTEREST.get(_NOT_LETTERS.split(symbol, 1)[0].rstrip("W"), 4000.0)
    held = float(round(most * at_round * leaning * chance.uniform(0.4, 1.6)))
    return {
        "option": symbol,
        "bid": round(max(value * 0.985 - 0.02, 0.0), 2) if is_quoted else 0.0,
        "bid_size": float(chance.integers(1, 90)) if is_quoted else 0.0,
        "ask": round(value * 1.015 + 0.02, 2),
        "ask_size": float(chance.integers(1, 90)),
        "iv": iv if is_quoted else 0.0,
        "open_interest": held,
        "volume": float(round(held * chance.uniform(0.0, 0.3))),
        "delta": round(delta, 4),
        "gamma": round(density / (spot * spread), 4) if is_quoted else (None if strike > spot else 0.0),
        "vega": round(spot * density * years**0.5 / 100, 4),
        "theta": round(-spot * density * iv / (2 * years**0.5) / 365, 4),
        "rho": 0.0,
        "theo": round(value, 4),
        "change": 0.0,
        "open": 0.0,
        "high": 0.0,
        "low": 0.0,
        "tick": "no_change",
        "last_trade_price": round(max(value, 0.01), 2),
        "last_trade_time": trade if is_quoted else None,
        "percent_change": 0.0,
        "prev_day_close": round(max(value, 0.01), 2),
    }


@lru_cache(maxsize=64)
def _magnitude(spot: float) -> float:
    """Return the power of ten that `spot` begins with."""
    return float(10 ** np.floor(np.log10(spot)))


def _cdf(x: float) -> float:
    return 0.5 * (1 + erf(x / 2**0.5))
