"""What the issuers' share-count files have in common: rows of fund_days, and the checks that hold them together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final

import polars as pl

from ingest.kit import Payload
from ingest.panel import panel_table
from ingest.parsing import changed, quoted
from ingest.workbooks import is_blank

_ENOUGH_SHARES: Final = 100_000  # below that a count printed in thousands is too coarse to multiply with
_IDENTITY_TOLERANCE: Final = 0.05  # a wrong day is for the gate; a wrong unit breaks nearly every day
_BROKEN_SHARE: Final = 0.5


def panel_rows(payload: Payload, table_id: str, columns: Mapping[str, Any]) -> pl.DataFrame:
    """Return rows of a panel table from its columns (sequences, or one value for all rows); `stated_at` may be left."""
    schema = dict(panel_table(table_id).rows_schema)
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
    return pl.DataFrame(schema=dict(panel_table(table_id).rows_schema))


def _is_sequence(column: Any) -> bool:
    return isinstance(column, (list, tuple, pl.Series))


def dated_part(payload: Payload, rows: Sequence[Sequence[Any]], days: pl.Series) -> int:
    """Return how many rows from the top are dated; SourceChanged when data stand behind the first row that is not.

    Issuers end their files with disclaimers. A date that cannot be read in the middle must not cut the history short.
    """
    undated = days.is_null().arg_true()
    count = int(undated[0]) if len(undated) else len(days)
    if not count:
        raise changed(payload, "at least one dated row", quoted(rows[0][0] if rows else "a header and no rows"))
    for row, on in zip(rows[count:], days[count:], strict=True):
        if on is not None or not is_blank(row[1:]):
            raise changed(payload, "nothing but disclaimers behind the last dated row", quoted(row[0]))
    return count


def refuse_doubles(payload: Payload, days: Sequence[date] | pl.Series) -> None:
    """Raise SourceChanged when a date stands twice: nobody knows which row counts."""
    series = pl.Series(days, dtype=pl.Date)
    doubled = series.filter(series.is_duplicated())
    if len(doubled):
        raise changed(payload, f"each date once, also {doubled[0]}", "it twice")


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
