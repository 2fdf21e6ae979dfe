"""The unit that the name of a column says, as docs/names.md defines it: in words, and short for an axis."""

from __future__ import annotations

from typing import Final, NamedTuple


class _Unit(NamedTuple):
    words: str
    short: str


_SUFFIXES: Final = {
    "_per_usd_bn": _Unit("per billion of US dollars", "per USD bn"),
    "_usd_mn": _Unit("millions of US dollars", "USD mn"),
    "_usd_bn": _Unit("billions of US dollars", "USD bn"),
    "_cny_bn": _Unit("billions of yuan", "CNY bn"),
    "_usd": _Unit("US dollars", "USD"),
    "_pct": _Unit("percent", "%"),
    "_bp": _Unit("basis points", "bp"),
    "_ratio": _Unit("plain ratio (0.01 is 1 %)", "ratio"),
    "_index": _Unit("index points", "index points"),
    "_rate": _Unit("units of one currency per unit of another", "rate"),
    "_count": _Unit("number", "count"),
    "_shares": _Unit("shares", "shares"),
    "_contracts": _Unit("contracts", "contracts"),
    "_days": _Unit("days", "days"),
    "_zscore": _Unit("standard deviations from the mean", "z-score"),
    "_percentile": _Unit("rank from 0 to 100", "percentile"),
    "_number": _Unit("in the unit that the row's unit column names", "number"),
    "_seq": _Unit("position, from 1", "position"),
    "_rank": _Unit("position, from 1", "rank"),
    "_score": _Unit("points", "score"),
    "_points": _Unit("points", "points"),
    "_year": _Unit("calendar year", "year"),
    "_status": _Unit("status code", "status"),
    "_date": _Unit("date", "date"),
    "_at": _Unit("UTC", "UTC"),
}


def unit_of(column: str) -> str | None:
    """Return the unit of a column in words, by the end of its name; None for text, keys and flags."""
    unit = _named(column)
    return unit and unit.words


def short_unit_of(column: str) -> str | None:
    """Return the unit of a column as an axis has it."""
    unit = _named(column)
    return unit and unit.short


def _named(column: str) -> _Unit | None:
    fits = [suffix for suffix in _SUFFIXES if column.endswith(suffix)]
    return _SUFFIXES[max(fits, key=len)] if fits else None
