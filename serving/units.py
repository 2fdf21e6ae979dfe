"""The unit that the name of a column says, as docs/names.md defines it."""

from __future__ import annotations

from typing import Final

_SUFFIXES: Final = {
    "_usd_mn": "millions of US dollars",
    "_usd_bn": "billions of US dollars",
    "_cny_bn": "billions of yuan",
    "_per_usd_bn": "per billion of US dollars",
    "_usd": "US dollars",
    "_pct": "percent",
    "_bp": "basis points",
    "_ratio": "plain ratio (0.01 is 1 %)",
    "_index": "index points",
    "_rate": "units of one currency per unit of another",
    "_count": "number",
    "_shares": "shares",
    "_days": "days",
    "_zscore": "standard deviations from the mean",
    "_percentile": "rank from 0 to 100",
    "_number": "in the unit that the row's unit column names",
    "_seq": "position, from 1",
    "_rank": "position, from 1",
    "_score": "points",
    "_points": "points",
    "_year": "calendar year",
    "_status": "status code",
    "_date": "date",
    "_at": "UTC",
}


def unit_of(column: str) -> str | None:
    """Return the unit of a column by the end of its name; None for text, keys and flags."""
    fits = [suffix for suffix in _SUFFIXES if column.endswith(suffix)]
    return _SUFFIXES[max(fits, key=len)] if fits else None
