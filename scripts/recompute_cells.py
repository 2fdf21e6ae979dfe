"""Draw cells of a release, compute its tables again from the archived answers, and say how many cells are equal.

    TIDEGAUGE_HOME=… python -m scripts.recompute_cells [--count 200] [--seed 1] [--all]

Cells are numbers of marts and claims: a column at random, then a row of it that has a value. With --all every such
cell is compared, and each column that differs is told with its first row. What the simulator says of its own market
rests on no answer and is left out. Exit code 3 where a cell differs.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import duckdb

from analytics.regimes.truth import TRUTH_TABLES
from ingest.errors import AuditFailed, TidegaugeError
from ingest.home import home_at, nothing_published
from ingest.settings import load_settings
from orchestration.progress import ConsoleProgress
from orchestration.recomputing import recomputed
from serving.explain.recomputed import ABSOLUTE, RELATIVE, equal, value_again
from warehouse.sql import quoted, text

_FILE: Final = "tidegauge"


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a release: where it stands, and its value there."""

    table: str
    key: Mapping[str, Any]
    column: str
    value: Any


@dataclass(frozen=True, slots=True)
class Compared:
    """A cell, and what was computed again. `has_row`: the row was computed again at all."""

    cell: Cell
    has_row: bool
    again: Any

    @property
    def is_equal(self) -> bool:
        """Whether the published value was computed again."""
        return self.has_row and equal(self.cell.value, self.again)


def numeric_columns(con: duckdb.DuckDBPyConnection) -> list[tuple[str, str, tuple[str, ...]]]:
    """Return table, column and key of every column of numbers in marts and claims whose rows have names, sorted."""
    keys = dict(
        con.execute(
            "select case when contains(mart, '.') then mart else 'marts.' || mart end, "
            "list(column_name order by key_position) from meta.keys group by mart"
        ).fetchall()
    )
    rows = con.execute(
        "select schema_name || '.' || table_name, column_name from duckdb_columns() semi join duckdb_tables() "
        "using (database_name, schema_name, table_name) where database_name = ? and schema_name in ('marts', 'claims') "
        "and (numeric_scale is not null or data_type in ('DOUBLE', 'FLOAT')) order by all",
        [_FILE],
    ).fetchall()
    left_out = {f"{one.schema}.{one.name}" for one in TRUTH_TABLES}
    return [
        (table, column, tuple(keys[table]))
        for table, column in rows
        if table in keys and table not in left_out and column not in keys[table]
    ]


def drawn(con: duckdb.DuckDBPyConnection, count: int, seed: int) -> Iterator[Cell]:
    """Yield `count` cells, each of another column; fewer where the release has fewer columns with values."""
    columns = numeric_columns(con)
    random.Random(seed).shuffle(columns)  # noqa: S311 - a draw that can be repeated, no secret
    for table, column, key in columns:
        if count == 0:
            return
        named = ", ".join(map(quoted, key))
        row = con.execute(
            f"select {named}, {quoted(column)} from {table} where {quoted(column)} is not null "
            f"order by hash({seed}, {named}) limit 1"
        ).fetchone()
        if row is not None:
            count -= 1
            yield Cell(table, dict(zip(key, row[:-1], strict=True)), column, row[-1])


def differing_columns(
    con: duckdb.DuckDBPyConnection, again: str, tables: Collection[str]
) -> Iterator[tuple[int, int, str]]:
    """Yield of each column of `con` how many cells it has, how many differ in the build file `again`, and the first.

    NULL is a value of a cell here, and a row that only one of the two has differs in each of its columns.
    """
    con.execute(f"attach {text(again)} as warehouse (read_only)")
    for table, column, key in (one for one in numeric_columns(con) if one[0] in tables):
        joined = " and ".join(f"p.{quoted(name)} = a.{quoted(name)}" for name in key)
        named = ", ".join(f"coalesce(p.{quoted(name)}, a.{quoted(name)})::varchar" for name in key)
        p, a = (f"{side}.{quoted(column)}" for side in ("p", "a"))
        is_close = f"abs({p} - {a}) <= greatest({RELATIVE} * greatest(abs({p}), abs({a})), {ABSOLUTE})"
        is_equal = f"({p} is null and {a} is null or coalesce({p} = {a} or {is_close}, false))"
        there = f"p.{quoted(key[0])} is not null and a.{quoted(key[0])} is not null"
        cells, different, first = con.execute(
            f"select count(*), count(*) filter (not ok), min(said) filter (not ok) from (select {there} and {is_equal} "
            f"as ok, concat_ws(' ', {named}, ': ', {p}, ' is ', {a}, ' again') as said "
            f"from {_FILE}.{table} as p full join warehouse.{table} as a on {joined})"
        ).fetchone() or (0, 0, "")
        yield cells, different, f"{table}.{column} of {first}"
    con.execute("detach warehouse")


def main() -> int:
    """Print what differs, and how many cells are equal; see the module."""
    parser = argparse.ArgumentParser(description="Compute cells of a release again from the archived answers.")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--all", action="store_true", help="every cell")
    asked = parser.parse_args()
    try:
        return _compare(asked)
    except TidegaugeError as error:
        print(f"recompute_cells: {error}", file=sys.stderr)
        return error.exit_code


def _compare(asked: argparse.Namespace) -> int:
    settings = load_settings()
    home = home_at(settings.home)
    if not home.published.exists():
        raise nothing_published(home)
    with duckdb.connect(str(home.published), read_only=True) as con:
        cells = list(drawn(con, asked.count, asked.seed))
        tables = {cell.table for cell in cells} if not asked.all else {one for one, *_ in numeric_columns(con)}
        with ConsoleProgress() as progress, recomputed(settings, home, con, tables, progress) as made:
            if asked.all:
                found = list(differing_columns(con, str(made.path), tables))
                cells_count, different = sum(one[0] for one in found), sum(one[1] for one in found)
                told = [f"{count:,} of {of:,} differ: {first}" for of, count, first in found if count]
            else:
                with duckdb.connect(str(made.path), read_only=True) as file:
                    compared = [Compared(one, *value_again(file, one.table, one.key, one.column)) for one in cells]
                told = [_told(one) for one in compared if not one.is_equal]
                cells_count, different = len(compared), len(told)
            of = f"{made.answers_count:,} archived answers, release {made.release.build_id}"
    for line in told:
        print(line)
    print(f"{cells_count - different:,} of {cells_count:,} cells are equal; {len(tables)} tables from {of}")
    return AuditFailed.exit_code if different else 0


def _told(one: Compared) -> str:
    key = ", ".join(f"{name} {value}" for name, value in one.cell.key.items())
    again = repr(one.again) if one.has_row else "no such row"
    return f"DIFFERS {one.cell.table}.{one.cell.column}, {key}: {one.cell.value!r} is {again} again"


if __name__ == "__main__":
    sys.exit(main())
