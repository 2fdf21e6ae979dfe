"""Compare two homes table by table: the raw rows of their build files and the marts of their published files.

    python -m scripts.compare_homes BEFORE AFTER [--only-differences]

Each table gets its row count and one hash over its rows in order. Columns that name a run (loaded_at, run_id, build
ids) are left out. Columns that only one side has are named and left out of the hash. Exit code 1 when a table differs,
2 when a home has no such files.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb

OF_A_RUN = frozenset({"loaded_at", "run_id", "build_id", "built_at", "published_at", "recorded_at"})
NOT_RAW = frozenset(
    {"marts", "claims", "claim", "meta", "ops", "quarantine", "staging", "intermediate", "main", "information_schema"}
)


@dataclass(frozen=True)
class Compared:
    """One table: rows and hash on each side (None: it has no such table), and columns only one side has."""

    table: str
    rows: tuple[int | None, int | None]
    hashes: tuple[str | None, str | None]
    only_before: tuple[str, ...]
    only_after: tuple[str, ...]

    @property
    def is_same(self) -> bool:
        """Whether both have the table, the columns and the rows."""
        return self.hashes[0] == self.hashes[1] and not self.only_before and not self.only_after


def compared(before: Path, after: Path) -> Iterator[Compared]:
    """Yield every table of the two homes, raw tables first."""
    for name, is_wanted in (
        ("build/warehouse.duckdb", lambda schema: schema not in NOT_RAW and not schema.startswith("calendar")),
        ("published/tidegauge.duckdb", lambda schema: schema in ("marts", "claims")),
    ):
        with duckdb.connect() as con:
            for alias, home in (("before", before), ("after", after)):
                con.execute(f"attach '{home / name}' as {alias} (read_only)")
            columns = {alias: _columns(con, alias, is_wanted) for alias in ("before", "after")}
            for table in sorted(columns["before"].keys() | columns["after"].keys()):
                yield _compared(con, table, columns["before"].get(table), columns["after"].get(table))


def _columns(con: duckdb.DuckDBPyConnection, alias: str, is_wanted) -> dict[str, list[str]]:  # type: ignore[no-untyped-def]
    found: dict[str, list[str]] = {}
    for schema, table, column in con.execute(
        "select schema_name, table_name, column_name from duckdb_columns() c join duckdb_tables() t"
        " using (database_name, schema_name, table_name) where database_name = ? order by 1, 2, column_index",
        [alias],
    ).fetchall():
        if is_wanted(schema):
            found.setdefault(f"{schema}.{table}", []).append(column)
    return found


def _compared(
    con: duckdb.DuckDBPyConnection, table: str, before: list[str] | None, after: list[str] | None
) -> Compared:
    # A table of one side only has no columns in common: it is counted, and never the same.
    both = [column for column in before or [] if column in (after or []) and column not in OF_A_RUN]
    rows: list[int | None] = []
    hashes: list[str | None] = []
    for alias, columns in (("before", before), ("after", after)):
        if columns is None:
            rows.append(None)
            hashes.append(None)
            continue
        listed = ", ".join(f'"{column}"' for column in both) or "null"
        count, digest = con.execute(
            f"select count(*), md5(string_agg(line, chr(10) order by line))"
            f" from (select row({listed})::varchar as line from {alias}.{table})"
        ).fetchone()  # type: ignore[misc]
        rows.append(count)
        hashes.append(digest if count else "empty")
    return Compared(
        table,
        (rows[0], rows[1]),
        (hashes[0], hashes[1]),
        tuple(column for column in before or [] if after is not None and column not in after),
        tuple(column for column in after or [] if before is not None and column not in before),
    )


def main() -> int:
    """Print a line a table; see the module."""
    parser = argparse.ArgumentParser(description="Compare two homes table by table.")
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("--only-differences", action="store_true")
    asked = parser.parse_args()
    for home in (asked.before, asked.after):
        for name in ("build/warehouse.duckdb", "published/tidegauge.duckdb"):
            if not (home / name).is_file():
                print(f"{home / name} is not there", file=sys.stderr)
                return 2
    found = list(compared(asked.before, asked.after))
    for one in found:
        if one.is_same and asked.only_differences:
            continue
        notes = [f"only before: {', '.join(one.only_before)}"] if one.only_before else []
        notes += [f"only after: {', '.join(one.only_after)}"] if one.only_after else []
        verdict = "same" if one.is_same else "DIFFERS"
        shown = " / ".join("none" if digest is None else digest[:12] for digest in dict.fromkeys(one.hashes))
        print(f"{verdict:8} {one.table:45} {one.rows[0]!s:>9} {one.rows[1]!s:>9}  {shown}  {'; '.join(notes)}")
    different = sum(not one.is_same for one in found)
    print(f"{len(found)} tables, {different} differ")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
