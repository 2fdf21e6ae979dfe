"""api.alternative.me: the Crypto Fear & Greed Index, newest first, everything as text."""

from __future__ import annotations

import json
from datetime import UTC, datetime, time
from typing import Final

from simulator.render.view import Request, Response, View, not_found

_PATH: Final = "/fng/"
_SERIES: Final = "crypto_fear_greed"
_CLASSES: Final = ((25, "Extreme Fear"), (46, "Fear"), (55, "Neutral"), (76, "Greed"))
"""Below which value each begins to be the next; from the last on, extreme greed."""


def render(view: View, request: Request) -> Response:
    """Return the whole history as JSON."""
    if request.path != _PATH or not view.market.has(_SERIES, "alternative_me"):
        return not_found()
    days = [
        {
            "value": f"{value:.0f}" if not view.is_rescaled else repr(value),
            "value_classification": next((name for below, name in _CLASSES if value < below), "Extreme Greed"),
            "timestamp": str(int(datetime.combine(day, time(), UTC).timestamp())),
        }
        for day, value in view.values(_SERIES, "alternative_me").sort("period_date", descending=True).iter_rows()
    ]
    body = {"name": "Fear and Greed Index", "data": days, "metadata": {"error": None}}
    return Response(json.dumps(body).encode(), "application/json")


HOSTS: Final = {"api.alternative.me": render}
