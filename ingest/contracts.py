"""Monthly contracts of futures: how they are written, and which of them are to be asked for."""

from __future__ import annotations

import re
from datetime import date
from typing import Final

from ingest.registry import ContractsFacts

_MONTHS: Final = "FGHJKMNQUVXZ"
_SYMBOL: Final = re.compile(rf"(?P<code>[A-Z0-9]+(?P<month>[{_MONTHS}])(?P<year>\d\d))\.[A-Z]+")


def symbols_of(contracts: ContractsFacts, today: date) -> list[str]:
    """Return the symbols from the month of `today` on, such as ZQV26.CBT."""
    first = today.year * 12 + today.month - 1
    return [
        f"{contracts.root}{_MONTHS[month % 12]}{month // 12 % 100:02d}.{contracts.exchange}"
        for month in range(first, first + contracts.months_ahead + 1)
    ]


def contract_of(symbol: str) -> tuple[str, date]:
    """Return the contract's code and the first day of its month; ValueError for what is no monthly contract."""
    found = _SYMBOL.fullmatch(symbol)
    if found is None:
        raise ValueError(f"{symbol} is no monthly contract such as ZQV26.CBT")
    return found["code"], date(2000 + int(found["year"]), _MONTHS.index(found["month"]) + 1, 1)
