"""Earnings and option chains of a folder of real payloads: dates as a user's file, chains in Cboe's own layout.

The recorded chains are another tool's copy of Cboe's delayed quotes: the same contracts and figures under other names.
They are put back under Cboe's; what the copy lacks (sizes, moments of last trades) is null.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

_FILES: Final = "packs/p10_iv"
_COMPANIES: Final = "megacap_earnings_dates.csv"
_WALMART: Final = "2026-08-20,WMT,BMO"
"""The release between the two recorded chains, which the list of the largest companies does not have."""
_NAMES: Final = {"option": "symbol", "open_interest": "openInterest", "last_trade_price": "last"}
_LACKING: Final = ("bid_size", "ask_size", "last_trade_time")
_SAME: Final = ("bid", "ask", "volume", "iv", "delta", "gamma", "theta", "vega", "rho")


def earnings_file(folder: Path) -> dict[str, str]:
    """Return the user file of earnings; nothing without the list."""
    path = folder / _FILES / _COMPANIES
    return {"earnings": path.read_text(encoding="utf-8").rstrip() + f"\n{_WALMART}\n"} if path.exists() else {}


def native_chain(path: Path) -> bytes:
    """Return a recorded chain as Cboe's JSON."""
    chain = json.loads(path.read_text(encoding="utf-8"))
    made = datetime.fromisoformat(chain["updated"]).astimezone(UTC)
    options = [
        {
            **{name: quote[theirs] for name, theirs in _NAMES.items()},
            **{name: quote[name] for name in _SAME},
            **dict.fromkeys(_LACKING),
        }
        for quote in chain["quotes"]
    ]
    data = {"symbol": chain["symbol"], "current_price": chain["underlyingPrice"], "options": options}
    return json.dumps({"timestamp": f"{made:%Y-%m-%d %H:%M:%S}", "data": data, "symbol": chain["symbol"]}).encode()
