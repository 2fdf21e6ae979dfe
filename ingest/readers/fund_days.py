"""What the issuers' share-count files have in common: rows of fund_days, and the checks that hold them together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from itertools import zip_longest
from typing import Any, Final

import polars as pl

from ingest.dataset import dataset
from ingest.payload import Payload
from ingest.readers.parsing import changed, quoted
from ingest.readers.workbooks import is_blank

_ENOUGH_SHARES: Final = 100_000  # below that a count printed in thousands is too coarse to multiply with
_IDENTITY_TOLERANCE: Final = 0.05  # a wrong day is for the gate; a wrong unit breaks nearly every day
_BROKEN_SHARE: Final = 0.5


def panel_rows(payload: Payload, table_id: str, columns: Mapping[str, Any]) -> pl.DataFrame:
    """Return rows of a panel table from its columns (sequences, or one value for all rows); `stated_at` may be left."""
    schema = dict(dataset(table_id).rows_schema)
    given = {"stated_at": None, **columns, "payload_sha256": payload.sha256}
    sequences = {
        name: pl.Series(name, column, dtype=schema[name]) for name, column in given.items() if _is_sequence(column)
    }
    if not any(map(len, sequences.values())):
        return no_panel_rows(table_id)
    one_for_all = [pl.lit(given[name], dtype=schema[name]).alias(name) for name in given.keys() - sequences.keys()]
    return pl.DataFrame(sequences).with_columns(one_for_all).select(list(schema))


def no_panel_rows(table_id: str) -> pl.DataFrame:
    """Return a frame of no rows with the columns of a panel table."""
    return pl.DataFrame(schema=dict(dataset(table_id).rows_schema))


def _is_sequence(column: Any) -> bool:
    return isinstance(column, (list, tuple, pl.Series))


def dated_rows(payload: Payload, rows: Sequence[list[Any]], days: pl.Series) -> tuple[list[list[Any]], pl.Series]:
    """Return the rows that have a date, and their dates; SourceChanged where figures stand in a row that has none.

    Issuers put disclaimers into their files, mostly at the end. Of a row that stands twice one is returned; a date
    that stands twice with different cells is refused with both.
    """
    if days.null_count() == len(days):
        raise changed(payload, "at least one dated row", quoted(rows[0][0] if rows else "a header and no rows"))
    dated: dict[date, list[Any]] = {}
    for row, on in zip(rows, days, strict=True):
        if on is None:
            if not is_blank(row[1:]):
                raise changed(payload, "nothing but disclaimers in a row without a date", quoted(row[0]))
        elif on not in dated:
            dated[on] = row
        elif dated[on] != row:
            raise changed(payload, f"each date once, also {on}", f"it twice: {_differing(dated[on], row)}")
    return list(dated.values()), pl.Series(list(dated), dtype=pl.Date)


def _differing(one: Sequence[Any], other: Sequence[Any]) -> str:
    pairs = [(left, right) for left, right in zip_longest(one, other, fillvalue="") if left != right]
    return f"{quoted(pairs[0][0])} and {quoted(pairs[0][1])}"


def require_identity(payload: Payload, rows: pl.DataFrame) -> None:
    """Raise SourceChanged when net assets are not NAV x shares in USD on most days: then a unit has changed."""
    counted = rows.filter(
        (pl.col("shares_outstanding_count") >= _ENOUGH_SHARES)
        & (pl.col("nav_usd") > 0)
        & (pl.col("net_assets_usd") > 0)
    )
    ratio = counted["net_assets_usd"] / (counted["nav_usd"] * counted["shares_outstanding_count"])
    broken = ((ratio - 1).abs() > _IDENTITY_TOLERANCE).sum()
    if len(ratio) and broken > _BROKEN_SHARE * len(ratio):
        seen = f"{_median(ratio):.4g} times that on {broken} of {len(ratio)} days"
        raise changed(payload, "net assets of NAV x shares outstanding, in USD", seen)


def _median(ratio: pl.Series) -> float:
    middle = ratio.median()
    assert isinstance(middle, float)
    return middle
