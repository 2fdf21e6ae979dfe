"""What a run with a lake and one without may differ in, one by one, each with its reason. Nothing else may."""

from __future__ import annotations

from typing import Final

from warehouse.lake.wide_prices import in_file, wide_tables

COLUMNS: Final = {
    "build_id": "names the build: its moment and the hash of its tables",
    "run_id": "names the run",
    "content_sha256": "of the whole build; the names of runs are in it",
    "lake_snapshot": "only a lake has one",
    "lake_address": "only a lake has one",
}
"""In whichever table they are."""

FIGURES: Final = {
    "ops.built.fingerprint": "of what a table was built from: the names of the runs are in it",
}
"""Columns of one table."""

TEXTS: Final = {
    "meta.regime_ledger.row_json": ('"run_id":"[^"]*"', "the row names its run"),
}
"""Columns in which what fits a pattern may differ, and nothing around it."""

TABLES: Final = {
    "meta.lake_fingerprints": "of the buckets of a lake",
    "breadth.lake_fingerprints": "of the buckets of a lake",
    "breadth.lake_state": "which snapshot of a lake has the features",
    **{in_file(table.id): f"the part of {table.id} that is not in a lake" for table in wide_tables()},
}
"""Tables that only a lake fills, or brings about."""

CHECK_OF_A_LAKE: Final = "a_bucket_of_the_lake_equals_one_computed_here"
_CHECKS: Final = f"check_name <> '{CHECK_OF_A_LAKE}'"
_PRICES: Final = ", ".join(f"'{table.id}'" for table in wide_tables())
ROWS: Final = {
    **{name: (_CHECKS, f"the check {CHECK_OF_A_LAKE}") for name in ("ops.checks", "meta.checks", "meta.quality")},
    "ops.snapshot_files": (f"table_id not in ({_PRICES})", "the files of prices in a lake"),
}
"""Tables of which only rows that meet a condition are compared, and what the others are."""


def may_differ(table: str, column: str) -> bool:
    """Whether a column is left out of the comparison."""
    return column in COLUMNS or f"{table}.{column}" in FIGURES


def reasons() -> dict[str, str]:
    """Return everything that may differ, with its reason."""
    texts = {name: reason for name, (_, reason) in TEXTS.items()}
    rows = {name: reason for name, (_, reason) in ROWS.items()}
    return {f"*.{name}": reason for name, reason in COLUMNS.items()} | FIGURES | texts | TABLES | rows
