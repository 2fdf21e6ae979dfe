"""Files of cdn.finra.org, one for each day: which are due, how they are asked for, and their cells."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Final

import polars as pl

from ingest.clock import naive_utc
from ingest.connector import FetchContext
from ingest.dataset import dataset
from ingest.errors import SourceError, SourceRefused, SourceUnavailable
from ingest.payload import Payload
from ingest.readers.parsing import changed, quoted
from ingest.sources.finra.finra_symbols import asked

NOT_THERE: Final = (403, 404)
"""What the host answers for a file that is not there (yet): it does not say which."""

GRACE: Final = timedelta(days=3)
"""How long after its release a file may be missing without a word."""

_ENOUGH: Final = 3  # so many days that are not as agreed, and the others are not either


def files(context: FetchContext, name: str, url: str, days: Sequence[date]) -> Iterator[Payload | SourceError]:
    """Yield the file of each day; `url` has the day as {day:%Y%m%d}. A host that gives none is not asked to the end."""
    broken = 0
    for done, day in enumerate(days):
        context.progress(f"{name} of {day}", done, len(days))
        try:
            yield context.http.get(
                "finra",
                f"{name} {day}",
                url.format(day=day),
                meta={"day": day.isoformat(), "symbols": asked(context.tickers)},
                accept_status=(200, *NOT_THERE),
            )
        except SourceRefused:
            raise
        except SourceUnavailable as error:
            yield error
            return
        except SourceError as error:
            broken += 1
            yield error
            if broken == _ENOUGH:
                return


def is_there(payload: Payload, table_id: str) -> bool:
    """Say whether the answer is a file; SourceChanged where one has been due for long."""
    if payload.status not in NOT_THERE:
        return True
    due = dataset(table_id).own_release.released_at_one(date.fromisoformat(payload.meta["day"]))
    if naive_utc(payload.fetched_at) > due + GRACE:
        raise changed(payload, f"the file of {payload.meta['day']}", f"HTTP {payload.status}")
    return False


def cells(payload: Payload, lines: Sequence[str], expected: str) -> pl.DataFrame:
    """Return a frame of texts of lines with pipes between the cells, the first of which is the header."""
    width = lines[0].count("|") if lines else 0
    for line in lines:
        if line.count("|") != width:
            raise changed(payload, f"{width + 1} cells in each line of {expected}", quoted(line))
    text = "\n".join(dict.fromkeys(lines)).encode()
    try:
        return pl.read_csv(
            io.BytesIO(text), separator="|", quote_char=None, infer_schema=False, empty_string_is_null=False
        )
    except pl.exceptions.PolarsError as error:
        raise changed(payload, expected, f"text that cannot be read: {error}") from None


def one_each(payload: Payload, rows: pl.DataFrame, keys: Sequence[str]) -> pl.DataFrame:
    """Return the rows, repeats left out; SourceChanged where two of one key differ."""
    rows = rows.unique(maintain_order=True)
    twice = rows.filter(pl.struct(keys).is_duplicated())
    if twice.height:
        raise changed(payload, f"{quoted(twice[keys[0]][0])} once", "it twice, with other figures")
    return rows
