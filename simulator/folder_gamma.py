"""The option chain of a folder of real payloads: a download of Cboe's website, as a user file and in its API's form.

The folder has no answer of the API for an index: what the stand-in serves is the download, each contract with the API's
names; a run of a later day refuses it, since it is years old. What the download does not have (sizes of quotes, theta,
vega, times of trades) is null there.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

_DOWNLOAD: Final = "packs/p4_gamma/spx_quotedata_2022-06-10.csv"
_USER_FILE: Final = "option_chains/spx_2022-06-10"
_ADDRESS: Final = "cdn-api.cboe.com/api/global/delayed_quotes/options/_SPX.json"
_TIMESTAMP: Final = "2022-06-12 00:47:00"  # June 11, 8:47 PM in New York, as the download says
_CALL, _PUT = 1, 12
_NUMBERS: Final = {
    "last_trade_price": 1,
    "bid": 3,
    "ask": 4,
    "volume": 5,
    "iv": 6,
    "delta": 7,
    "gamma": 8,
    "open_interest": 9,
}
_MISSING: Final = ("bid_size", "ask_size", "theta", "vega", "last_trade_time")


def chain_file(folder: Path) -> dict[str, str]:
    """Return the download as a user file; nothing where the folder has none."""
    path = folder / _DOWNLOAD
    return {_USER_FILE: path.read_text(encoding="utf-8")} if path.exists() else {}


def recorded_chain(folder: Path) -> Mapping[str, bytes]:
    """Return the download in the form of the API, by its address; nothing where the folder has none."""
    path = folder / _DOWNLOAD
    if not path.exists():
        return {}
    name, _, _, *table = csv.reader(line for line in path.read_text(encoding="utf-8").splitlines() if line.strip())
    spot = float(name[1].removeprefix("Last: "))
    data = {"symbol": "^SPX", "current_price": spot, "options": list(_contracts(table))}
    return {_ADDRESS: json.dumps({"timestamp": _TIMESTAMP, "data": data}).encode()}


def _contracts(table: list[list[str]]) -> Iterator[dict[str, Any]]:
    for row in table:
        for side in (_CALL, _PUT):
            numbers = {name: float(row[side + at]) if row[side + at] else None for name, at in _NUMBERS.items()}
            yield {"option": row[side], **numbers, **dict.fromkeys(_MISSING)}
