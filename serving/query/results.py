"""What a query brought: named, typed rows, and the text of a value in exports."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final

CHUNK: Final = 10_000
_NUMBER: Final = re.compile(r"U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|FLOAT|DOUBLE|DECIMAL\(.*\)|BIGNUM|VARINT")


@dataclass(frozen=True, slots=True)
class Result:
    """The rows of one statement. `source` is the DuckDB connection or relation that has run it; it is read once."""

    names: list[str]  # distinct, as `distinct` makes them
    types: list[str]
    source: Any
    is_plan: bool = False

    @property
    def numeric(self) -> list[bool]:
        """Which columns hold numbers."""
        return [_NUMBER.fullmatch(kind) is not None for kind in self.types]

    def rows(self) -> Iterator[tuple[Any, ...]]:
        while chunk := self.source.fetchmany(CHUNK):
            yield from chunk


def distinct(names: Sequence[str]) -> list[str]:
    """Return `names` with _1, _2 … after those that came before; case makes no difference, as in DuckDB."""
    taken = {name.lower() for name in names}
    seen: set[str] = set()
    found = []
    for name in names:
        told, number = name, 0
        while told.lower() in seen or (number and told.lower() in taken):
            number += 1
            told = f"{name}_{number}"
        seen.add(told.lower())
        found.append(told)
    return found


def plain_text(value: Any) -> str:
    """Return a value as text with all its digits: decimals without an exponent, bytes as hex, nested values as JSON."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value).hex()
    if isinstance(value, timedelta):
        return _interval(value)
    if isinstance(value, (list, tuple, dict)):
        from serving.query.exports import json_text

        return json_text(value)
    return str(value)


def iso_text(value: Any) -> str:
    """Return what JSON has no word for as text: dates and instants by ISO 8601."""
    return value.isoformat() if isinstance(value, (date, datetime, time)) else plain_text(value)


def _interval(value: timedelta) -> str:
    days, rest = value.days, timedelta(seconds=value.seconds, microseconds=value.microseconds)
    if not days:
        return str(rest)
    said = f"{days} day" if abs(days) == 1 else f"{days} days"
    return f"{said} {rest}" if rest else said
