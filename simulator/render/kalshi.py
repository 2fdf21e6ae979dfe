"""api.elections.kalshi.com: markets on the next decisions of the Fed, priced as the simulated futures are."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Any, Final

import numpy as np

from ingest.clock import NEW_YORK
from simulator.render.policy_path import expected, meetings
from simulator.render.view import Request, Response, View, not_found

_PATH: Final = "/trade-api/v2/markets"
_SERIES: Final = "KXFEDDECISION"
_PAGE_SIZE: Final = 40
_MEETINGS: Final = 12
_FIRST: Final = date(2021, 7, 1)
_TITLES: Final = {
    "H26": "Hike >25bps", "H25": "Hike 25bps", "H0": "Fed maintains rate", "C25": "Cut 25bps", "C26": "Cut >25bps"
}  # fmt: skip


def render(view: View, request: Request) -> Response:
    """Return a page of the open markets; nothing is made up beside real figures."""
    if request.path != _PATH or not view.market.is_simulated:
        return not_found()
    markets = list(_markets(view)) if request.params.get("series_ticker") == _SERIES else []
    start = int(request.params.get("cursor") or 0)
    end = start + _PAGE_SIZE
    document = {"cursor": str(end) if end < len(markets) else "", "markets": markets[start:end]}
    return Response(json.dumps(document).encode(), "application/json")


def _markets(view: View) -> Iterator[Mapping[str, Any]]:
    now = view.now.astimezone(NEW_YORK)
    if now.date() < _FIRST:
        return
    last = expected(view).tail(1)
    for on in [day for day in meetings().tolist() if day >= now.date()][:_MEETINGS]:
        closes_at = datetime(on.year, on.month, on.day, 13, 59, tzinfo=NEW_YORK)
        if closes_at <= now:
            continue
        for outcome, price in _prices(float(last["step"][0]), on, now.date()).items():
            event = f"{_SERIES}-{on:%y%b}".upper()
            yield {
                "ticker": f"{event}-{outcome}",
                "event_ticker": event,
                "yes_sub_title": _TITLES[outcome],
                "status": "active",
                "close_time": f"{closes_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
                "yes_bid_dollars": f"{max(price - 0.01, 0.0) * view.scale:.4f}",
                "yes_ask_dollars": f"{min(price + 0.01, 1.0) * view.scale:.4f}",
                "last_price_dollars": f"{price * view.scale:.4f}",
            }


def _prices(step: float, on: date, today: date) -> dict[str, float]:
    """Return the price of each outcome: what the step says, and more doubt the further off the meeting is."""
    doubt = min(0.02 + (on - today).days / 2000, 0.25)
    moves = abs(step) / 0.25
    first, second = float(np.clip(moves, 0, 1) - max(moves - 1, 0)), max(moves - 1, 0.0)
    priced = dict.fromkeys(_TITLES, 0.0) | {"H0": max(1 - moves, 0.0)}
    side = "C" if step < 0 else "H"
    priced |= {f"{side}25": first, f"{side}26": second}
    return {name: round((1 - doubt) * price + doubt / len(priced), 2) for name, price in priced.items()}


HOSTS: Final = {"api.elections.kalshi.com": render}
