"""Monthly contracts of futures: how they are written, and which of them are to be asked for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Final

from ingest.catalog.calendars import working_days
from ingest.registry import ContractsFacts

_MONTHS: Final = "FGHJKMNQUVXZ"
_SYMBOL: Final = re.compile(rf"(?P<code>[A-Z0-9]+(?P<month>[{_MONTHS}])(?P<year>\d\d))\.[A-Z]+")


def symbols_of(contracts: ContractsFacts, today: date, held: Mapping[str, date | None] | None = None) -> list[str]:
    """Return the symbols from the month of `today` on, such as ZQV26.CBT.

    The last one is the contract that expired while its last session is not held; `held` has the newest one by code.
    """
    first = today.year * 12 + today.month - 1
    symbols = [_symbol(contracts, month) for month in range(first, first + contracts.months_ahead + 1)]
    expired = _symbol(contracts, first - 1)
    code, month = contract_of(expired)
    newest, end = (held or {}).get(code), today.replace(day=1) - timedelta(days=1)
    if newest and newest < working_days("nyse", month, end)[-1] and (today - end).days <= contracts.days_after:
        symbols.append(expired)
    return symbols


def is_expired(symbol: str, today: date) -> bool:
    """Say whether the contract's month is over."""
    return contract_of(symbol)[1] < today.replace(day=1)


def contract_of(symbol: str) -> tuple[str, date]:
    """Return the contract's code and the first day of its month; ValueError for what is no monthly contract."""
    found = _SYMBOL.fullmatch(symbol)
    if found is None:
        raise ValueError(f"{symbol} is no monthly contract such as ZQV26.CBT")
    return found["code"], date(2000 + int(found["year"]), _MONTHS.index(found["month"]) + 1, 1)


def _symbol(contracts: ContractsFacts, month: int) -> str:
    return f"{contracts.root}{_MONTHS[month % 12]}{month // 12 % 100:02d}.{contracts.exchange}"
