"""Which of FINRA's symbols are wanted: BRK-B of ours is BRK/B in one file, BRK.B in another, BRKB in a third."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from ingest.payload import Payload

_SEPARATOR: Final = re.compile(r"[./ -]")


def asked(tickers: Iterable[str]) -> str:
    """Return the wanted symbols as `meta["symbols"]` keeps them."""
    return ",".join(sorted(tickers))


def wanted(payload: Payload) -> Mapping[str, str]:
    """Return our symbol by each spelling of the publisher's; one that is a wanted symbol itself stands for that."""
    symbols = [symbol for symbol in payload.meta["symbols"].split(",") if symbol]
    found: dict[str, str] = {}
    for symbol in symbols:
        for sign in ("/", ".", " ", ""):
            found.setdefault(_SEPARATOR.sub(sign, symbol), symbol)
    return found | {symbol: symbol for symbol in symbols}
