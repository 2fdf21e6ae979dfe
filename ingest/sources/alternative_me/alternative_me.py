"""alternative.me: the Crypto Fear & Greed Index. Its terms ask that the source is named wherever the index is shown.

Where   https://api.alternative.me/fng/?limit=0&format=json (keyless, one JSON document, the whole history)
Grain   one value per calendar day, dated by the Unix time of its midnight UTC, newest first, from 2018-02-01; some days
        were never printed
Units   0 to 100, whole numbers written as text; not stated
Breaks  SourceChanged on an error in the metadata, a value that is no text of a whole number from 0 to 100, a moment
        that is no midnight UTC (milliseconds, or another zone), a day twice, an order that is not newest first
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final

import polars as pl

from ingest.batch import Window
from ingest.connector import FetchContext, Pair
from ingest.errors import SourceError
from ingest.payload import Payload
from ingest.readers.parsing import changed, field, json_of, listed, quoted, rows_of, series_of, together, windows_of

URL: Final = "https://api.alternative.me/fng/"

_EXPECTED: Final = "JSON with a list of days"
_WHOLE_NUMBER: Final = re.compile(r"\d{1,3}")
_SECONDS: Final = re.compile(r"\d{10}")
_DAY_SECONDS: Final = 86_400
_MOST: Final = 100


def fetch(context: FetchContext) -> Iterator[Payload | SourceError]:
    """Yield the whole history."""
    params = {"limit": "0", "format": "json"}
    meta = {"series": series_of(context.pairs)}
    yield context.http.get("alternative_me", "fear and greed", URL, params=params, meta=meta)


def parse(payload: Payload, pairs: Sequence[Pair]) -> pl.DataFrame:
    """Return the index of each day that was printed."""
    document = json_of(payload, _EXPECTED)
    records = listed(payload, document, "data", "the answer")
    error = field(payload, field(payload, document, "metadata", "the answer"), "error", "metadata")
    if error is not None:
        raise changed(payload, "no error in metadata", quoted(error))
    if not records:
        raise changed(payload, "at least one day", "an empty list")
    days: list[date] = []
    for record in records:
        on = _day(payload, record)
        if days and on >= days[-1]:
            raise changed(payload, f"each day once and newest first, below {days[-1]}", quoted(on))
        days.append(on)
    values = [_index(payload, record, on) for record, on in zip(records, days, strict=True)]
    return together([rows_of(payload, pair, days, values) for pair in pairs])


def windows(payload: Payload, rows: pl.DataFrame) -> list[Window]:
    """Return the whole history: the answer always holds all of it."""
    return windows_of(payload, None)


def _day(payload: Payload, record: Any) -> date:
    text = field(payload, record, "timestamp", "a day")
    if not isinstance(text, str) or not _SECONDS.fullmatch(text) or int(text) % _DAY_SECONDS:
        raise changed(payload, "timestamps like '1517443200', midnight UTC in seconds", quoted(text))
    return datetime.fromtimestamp(int(text), UTC).date()


def _index(payload: Payload, record: Any, on: date) -> float:
    text = field(payload, record, "value", f"the day {on}")
    if not isinstance(text, str) or not _WHOLE_NUMBER.fullmatch(text) or int(text) > _MOST:
        raise changed(payload, f"a whole number from 0 to {_MOST} as text for {on}", quoted(text))
    return float(text)
