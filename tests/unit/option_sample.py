"""Made-up option chains in the layout of Cboe's delayed quotes."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from ingest.archive import sha256_of
from ingest.payload import Payload

FETCHED_AT = datetime(2026, 11, 18, 21, 20, 3, tzinfo=UTC)


def option(symbol: str = "SPX261218C04000000", **changes: Any) -> dict[str, Any]:
    return {
        "option": symbol,
        "bid": 80.1,
        "bid_size": 4.0,
        "ask": 81.2,
        "ask_size": 9.0,
        "iv": 0.19,
        "open_interest": 1200.0,
        "volume": 30.0,
        "delta": 0.52,
        "gamma": 0.0018,
        "vega": 4.4,
        "theta": -1.1,
        "rho": 1.0,
        "theo": 80.7,
        "last_trade_price": 80.5,
        "last_trade_time": "2026-11-18T15:59:12",
        **changes,
    }


def options() -> list[dict[str, Any]]:
    return [
        option("SPX261218C04000000"),
        option("SPX261218P04000000", iv=0.21, delta=-0.48),
        option("SPXW261120C04000000"),
        option("SPXW261120P04000000", iv=0.21, last_trade_time=None),
    ]


def document(**changes: Any) -> dict[str, Any]:
    timestamp = changes.pop("timestamp", "2026-11-18 21:20:00")
    data = {
        "symbol": changes.pop("symbol", "^SPX"),
        "current_price": changes.pop("price", 4010.0),
        "last_trade_time": changes.pop("last_trade_time", "2026-11-18T16:00:00"),
        "options": changes.pop("options", options()),
    }
    assert not changes
    return {"timestamp": timestamp, "data": data, "symbol": "_SPX"}


def payload_of(body: dict[str, Any] | bytes, underlying: str = "SPX") -> Payload:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Payload(
        "cboe_chains",
        f"{underlying} chain",
        "https://cdn-api.cboe.com/api/global/delayed_quotes/options/_SPX.json",
        raw,
        sha256_of(raw),
        FETCHED_AT,
        meta={"underlying": underlying},
    )
