"""The table of bitcoin fund flows that the simulated user has pasted: no publisher serves it."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Final
from zlib import crc32

import numpy as np

from ingest.catalog.calendars import busday_calendar
from ingest.clock import NEW_YORK
from simulator.market import Market

FLOWS_FILE: Final = "fund_flows/bitcoin_usd_mn"

_FIRST_DAY: Final = date(2024, 1, 11)
_SHARES: Final = {"IBIT": 0.55, "FBTC": 0.25, "ARKB": 0.1, "BITB": 0.1}
_OLD_FUND: Final = "GBTC"
_OLD_FUND_LOSES: Final = 25.0
"""USD millions that leave the old, dear fund on an average day."""
_MEAN, _PER_RETURN, _NOISE = 90.0, 6000.0, 150.0
_LAUNCH, _LAUNCH_DAYS = 1500.0, 20.0
"""USD millions of the first day, when everybody had waited, and how long that takes to ebb."""


def bitcoin_flows_file(market: Market, now: datetime) -> dict[str, str]:
    """Return the table as of `now`: money follows the price of the days before, and one old fund loses it."""
    today = now.astimezone(NEW_YORK).date()
    prices = dict(market.known("bitcoin", "yahoo", now).iter_rows())
    rows: dict[date, dict[str, float]] = {}
    on = _FIRST_DAY
    while on < today:  # the flows of a day are there on the next one
        if np.is_busday(on, busdaycal=busday_calendar("nyse")) and on in prices and on - timedelta(days=5) in prices:
            rows[on] = _flows(on, float(np.log(prices[on] / prices[on - timedelta(days=5)])))
        on += timedelta(days=1)
    return {FLOWS_FILE: pasted([*_SHARES, _OLD_FUND], rows)} if rows else {}


def _flows(on: date, moved: float) -> dict[str, float]:
    chance = np.random.default_rng(crc32(f"bitcoin flows {on}".encode()))
    launch = _LAUNCH * np.exp(-(on - _FIRST_DAY).days / _LAUNCH_DAYS)
    new = launch + _MEAN + _PER_RETURN * moved + chance.normal(0, _NOISE)
    flows = {fund: round(new * share + chance.normal(0, 5), 1) for fund, share in _SHARES.items()}
    return flows | {_OLD_FUND: round(min(0.0, chance.normal(-_OLD_FUND_LOSES, _OLD_FUND_LOSES)), 1)}


def pasted(funds: Sequence[str], rows: Mapping[date, Mapping[str, float]]) -> str:
    """Return days of flows (USD millions) as the page prints them: losses in brackets, and a total below."""
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(["Date", *funds, "Total"])
    for on, flows in rows.items():
        cells = [_printed(flows[fund]) if fund in flows else "-" for fund in funds]
        lines.writerow([f"{on:%d %b %Y}", *cells, _printed(sum(flows.values()))])
    sums = [sum(flows.get(fund, 0.0) for flows in rows.values()) for fund in funds]
    lines.writerow(["Total", *map(_printed, sums), _printed(sum(sums))])
    return text.getvalue()


def _printed(value: float) -> str:
    size = f"{abs(value):,.1f}"
    return f"({size})" if value < 0 and size != "0.0" else size
