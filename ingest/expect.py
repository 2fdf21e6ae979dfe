"""What the gate holds each dataset to, as plain mappings: ingest.rules.declared says which expectations there are."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

Expect = tuple[Mapping[str, Any], ...]

_PRICE, _COUNT, _AMOUNT = (1e-6, 1e8), (1e-4, 1e13), (1e-4, 5e12)
_LISTED_SINCE: Final = date(1962, 1, 2)  # daily closes of single stocks are served from here on
_FUNDS_SINCE: Final = date(1993, 1, 22)  # the first day of the first exchange-traded fund
_BAR: Final = ("open_usd", "high_usd", "low_usd", "close_usd")

PRICES: Final[Expect] = (
    {"since": _LISTED_SINCE},
    {"sizes": {**dict.fromkeys(_BAR, _PRICE), "volume_shares": (1e-4, 1e12)}},
    {"positive": _BAR, "not_negative": ("volume_shares",)},
    {"sessions": "nyse"},
    {
        "range": "low_usd <= close_usd <= high_usd",
        "tolerance_ratio": 1e-5,  # Yahoo's prices have seven digits
        "name": "close_is_between_low_and_high",
        "says": "closes outside the day's range",
        "description": "Closes lie within the day's range.",
    },
    {
        "rule": "bar_is_of_one_size",
        "columns": ("low_usd", "high_usd", "open_usd"),
        "of": "close_usd",
        "most": 3,
    },
    {"rule": "history_is_not_multiplied", "misprints": _BAR},
    {"rule": "providers_share_a_basis", "close": "close_usd"},
    {"rule": "large_return_is_confirmed", "close": "close_usd", "splits": "splits"},
    {"complete": 30, "calendar": "nyse"},
)
SPLITS: Final[Expect] = (
    {"since": _LISTED_SINCE},
    {"days_ahead": 31},  # splits are announced weeks ahead
    {"sizes": {"split_ratio": (1e-4, 1e4)}},
    {"positive": ("split_ratio",)},
)


def fund_days(counted_to_shares: float) -> Expect:
    """Return what days of funds are held to. `counted_to_shares`: the publisher prints whole multiples of so many."""
    return (
        {"since": _FUNDS_SINCE},
        {
            "sizes": {
                # restated to today's splits: after six reverse splits the first NAV of a fund of volatility
                # futures is in billions
                "nav_usd": (1e-6, 1e13),
                "shares_outstanding_count": _COUNT,
                "net_assets_usd": _AMOUNT,
            }
        },
        {"positive": ("nav_usd",), "not_negative": ("shares_outstanding_count", "net_assets_usd")},
        {
            "identity": "nav_usd * shares_outstanding_count = net_assets_usd",
            "tolerance_ratio": 0.001,
            "slack": f"nav_usd * {counted_to_shares / 2}",
            "name": "assets_are_shares_times_nav",
            "says": "days on which assets are not shares x NAV",
            "description": "Net assets are shares x NAV to 0.1 %.",
        },
        {
            "rule": "history_is_not_multiplied",
            "splits": "splits",
            "restated": {"nav_usd": -1, "shares_outstanding_count": 1},
        },
        {"rule": "level_holds", "columns": ("nav_usd", "shares_outstanding_count", "net_assets_usd")},
        {"complete": 30, "calendar": "nyse"},
    )


HOLDINGS: Final[Expect] = (
    {"since": _FUNDS_SINCE},
    {"sizes": {"weight_pct": (1e-12, 1e5), "shares": (1e-9, 1e13), "market_value_usd": (1e-9, 5e12)}},
    {
        "rule": "history_is_not_multiplied",
        "misprints": (),
        "same": "holding_ticker",
        "amounts": ("shares", "market_value_usd"),
    },
)
DIVIDENDS: Final[Expect] = (
    {"since": _LISTED_SINCE},
    {"sizes": {"dividend_usd": (1e-6, 1e6)}},
    {"positive": ("dividend_usd",)},
    {
        "rule": "dividend_fits_its_price",
        "dividend": "dividend_usd",
        "prices": "prices",
        "close": "close_usd",
        "splits": "splits",
    },
)
INTERVALS: Final[Expect] = (
    {"since": date(1957, 3, 4)},  # the S&P 500's first day
    {"days_ahead": 31},  # changes of the index are announced weeks ahead
    {"rule": "dates_of_joining_agree"},
)
SYMBOLS: Final[Expect] = ({"since": date(1990, 1, 1)},)
WEEKLY_FLOWS: Final[Expect] = (
    {"since": _FUNDS_SINCE},
    {"sizes": {"flow_usd_mn": (1e-6, 5e6)}},
    {"rule": "history_is_not_multiplied", "misprints": ()},
)
SERIES: Final[Expect] = (
    {"since": "catalog"},
    {"days_ahead": 7},  # policy rates are announced before they take effect; nothing is dated later
    {"sizes": {"value": (1e-9, 1e15)}},  # as published, dollars at most; the catalog's range is narrower
    {"rule": "units_of_the_catalog"},
    {"rule": "ranges_of_the_catalog"},
    {"rule": "history_is_not_multiplied"},
    {"rule": "level_holds", "by": "catalog"},
    {"rule": "spikes_are_confirmed"},
    {"rule": "releases_of_the_catalog"},
)
