"""Whether a rebuild gives the files of snapshot tables again: by their index, and where bytes differ by their rows.

The bytes of a Parquet file depend on the version of the library that wrote it, its rows do not.
"""

from __future__ import annotations

from typing import Final

import duckdb
import polars as pl

from ingest.errors import AuditFailed
from warehouse.lake.wide_prices import wide_tables
from warehouse.snapshot_files import NOT_EXPIRED
from warehouse.snapshot_store import Root, store_at
from warehouse.sql import text

INDEX: Final = "ops.snapshot_files"

_WHAT: Final = ("table_id", "part", "period_date", "rows_count", "payloads", "known_at", "known_basis")


def compare_snapshots(con: duckdb.DuckDBPyConnection, root: Root) -> None:
    """Compare the files of the old build file, attached as `old_file`, with those of the fresh one in `con`.

    AuditFailed names the first file that the other side does not have, or whose rows differ. A file of the old index
    that is missing or damaged has nothing to compare; the fresh one takes its place.
    """
    names = ", ".join(_WHAT)
    old, new = (f"select {names} from {place}{INDEX} where {_kept(place)}" for place in ("old_file.", ""))
    for what, query in (
        ("the old file has a snapshot that the archive does not give", f"{old} except all {new}"),
        ("the archive gives a snapshot that the old file does not have", f"{new} except all {old}"),
    ):
        found = con.execute(f"select *, count(*) over () from ({query}) order by all limit 1").fetchone()
        if found is not None:
            table_id, part, day, rows, _, known_at, _, count = found
            raise AuditFailed(
                f"rebuild: {table_id}: {what}: {rows:,} {part} rows of {day or 'several days'}, known {known_at}; "
                f"{count} such files. The old file stays; the new one is warehouse_rebuilt.duckdb beside it."
            )
    pairs = con.execute(
        f"""
        select o.table_id, o.file, n.file
        from (from old_file.{INDEX} where {_kept("old_file.")}) o
        join (from {INDEX} where {_kept("")}) n
            on o.table_id = n.table_id and o.part = n.part and o.period_date is not distinct from n.period_date
            and o.known_at = n.known_at and o.payloads = n.payloads
        where o.sha256 <> n.sha256 order by o.file
        """
    ).fetchall()
    for table_id, before, after in pairs:
        _compare_rows(root, table_id, before, after)


def _kept(place: str) -> str:
    """Return the condition on files of snapshot tables; those of prices are compared by their rows."""
    prices = ", ".join(text(table.id) for table in wide_tables())
    return f"{NOT_EXPIRED.replace('ops.', f'{place}ops.')} and table_id not in ({prices})"


def _compare_rows(root: Root, table_id: str, before: str, after: str) -> None:
    store = store_at(root)
    try:
        old = store.scan([before]).collect()
    except (OSError, pl.exceptions.PolarsError):
        return  # doctor names it; there is nothing to compare with
    new = store.scan([after]).collect()
    names = sorted(new.columns)
    if sorted(old.columns) == names and old.select(names).sort(names).equals(new.select(names).sort(names)):
        return
    raise AuditFailed(
        f"rebuild: {table_id}: the archive gives other rows ({after}) than are held ({before}). The old file stays; "
        "the new one is warehouse_rebuilt.duckdb beside it."
    )
