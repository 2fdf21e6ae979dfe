"""Two homes compared row by row: what they have published and what their build files keep, in files or in a lake.

    python -m orchestration.scale_demo.compare BEFORE AFTER

Of each table, each view that reads the lake and each macro of a snapshot table: the rows of one side that the other
does not have, both ways, over every column but those of by_nature. It is what `EXCEPT ALL` gives, in one pass at a
quarter of its cost: equal rows are counted together, one side up, the other down. A lake is read where TIDEGAUGE_LAKE
says.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb

from ingest.errors import NothingPublished
from ingest.home import Home
from ingest.settings import load_settings
from orchestration.scale_demo import by_nature
from warehouse.lake.attached import attach
from warehouse.lake.setting import Lake, configured
from warehouse.sql import quoted, text

MEMORY: Final = "1500MB"
_DERIVED: Final = frozenset({"marts", "claims", "meta", "staging", "intermediate"})
"""Schemas of the build file that are published, or dbt's steps between raw tables and marts."""

_RELATIONS: Final = """
    select schema_name, table_name, table_name from duckdb_tables() where database_name = $file and not internal
    union all
    select schema_name, function_name, function_name || '()' from duckdb_functions()
    where database_name = $file and schema_name = 'snapshots' and function_type = 'table_macro'
"""
_VIEWS: Final = "select schema_name, view_name from duckdb_views() where database_name = $file and not internal"


@dataclass(frozen=True, slots=True)
class Compared:
    """One relation: rows on each side, None where there is no such relation; rows that only one side has; why not."""

    name: str
    rows: tuple[int | None, int | None]
    only: tuple[int, int]
    columns: tuple[str, ...] = ()
    """Columns that one side only has."""
    is_in_lake: bool = False

    @property
    def is_same(self) -> bool:
        """Whether nothing differs that may not."""
        one_sided = None in self.rows and _table(self.name) not in by_nature.TABLES
        return not one_sided and self.only == (0, 0) and not self.columns


def compared(before: Home, after: Home, lake: Lake | None) -> Iterator[Compared]:
    """Yield every relation of the published files, then of the build files. `lake` is that of `after`."""
    for home in (before, after):
        if not home.published.is_file():
            raise NothingPublished(f"{home.published} is not there")
    for file in (("published", before.published, after.published), ("build", before.warehouse, after.warehouse)):
        yield from _compared_files(*file, lake)


def _compared_files(what: str, before: Path, after: Path, lake: Lake | None) -> Iterator[Compared]:
    with closing(duckdb.connect(config={"memory_limit": MEMORY, "preserve_insertion_order": "false"})) as con:
        con.execute(f"attach {text(str(before))} as before (read_only)")
        con.execute(f"attach {text(str(after))} as after (read_only)")
        if lake is not None:
            attach(con, lake, read_only=True, snapshot=_snapshot(con) if what == "published" else None)
        in_lake = _in_lake(con)
        sides = [_relations(con, side, in_lake, is_whole=what == "published") for side in ("before", "after")]
        for name in sorted(sides[0].keys() | sides[1].keys()):
            yield _compared(con, f"{what}: {name}", [side.get(name) for side in sides], is_in_lake=name in in_lake)


def _snapshot(con: duckdb.DuckDBPyConnection) -> int | None:
    found = con.execute("select lake_snapshot from after.meta.build").fetchone()
    return found[0] if found else None


def _relations(con: duckdb.DuckDBPyConnection, side: str, in_lake: frozenset[str], *, is_whole: bool) -> dict[str, str]:
    """Return how each relation is asked for, by its name. Of the views those are needed that read the lake or files."""
    found = con.execute(_RELATIONS, {"file": side}).fetchall()
    for schema, name in con.execute(_VIEWS, {"file": side}).fetchall():
        if f"{schema}.{name}" in in_lake:
            found.append((schema, name, name))
    return {
        f"{schema}.{name}": f"{side}.{quoted(schema)}.{call if call.endswith('()') else quoted(call)}"
        for schema, name, call in found
        if is_whole or schema not in _DERIVED
    }


def _in_lake(con: duckdb.DuckDBPyConnection) -> frozenset[str]:
    """Return the names of the relations of `after` that read the attached lake."""
    found = con.execute(
        """
        select schema_name || '.' || view_name from duckdb_views()
        where database_name = 'after' and regexp_matches(sql, '\\blake\\.')
        union all
        select schema_name || '.' || function_name from duckdb_functions()
        where database_name = 'after' and schema_name = 'snapshots' and regexp_matches(macro_definition, '\\blake\\.')
        """
    )
    return frozenset(name for (name,) in found.fetchall())


def _compared(con: duckdb.DuckDBPyConnection, name: str, asked: list[str | None], *, is_in_lake: bool) -> Compared:
    counted = [None if one is None else _count(con, f"select count(*) from {one}") for one in asked]
    rows = (counted[0], counted[1])
    before, after = asked
    table = _table(name)
    if before is None or after is None or table in by_nature.TABLES:
        return Compared(name, rows, (0, 0))
    if table in by_nature.ROWS:
        before, after = (f"(from {one} where {by_nature.ROWS[table][0]})" for one in (before, after))
    columns = [_columns(con, one) for one in (before, after)]
    alone = tuple(sorted(column for column in {*columns[0]} ^ {*columns[1]} if not by_nature.may_differ(table, column)))
    both = [column for column in columns[0] if column in columns[1] and not by_nature.may_differ(table, column)]
    listed = ", ".join(_shown(table, column) for column in both) or "1 as nothing"
    only = con.execute(
        "select coalesce(sum(n_) filter (n_ > 0), 0)::bigint, coalesce(-sum(n_) filter (n_ < 0), 0)::bigint"
        " from (select * exclude (side_), sum(side_) as n_ from"
        f" (select {listed}, 1 as side_ from {before} union all select {listed}, -1 from {after}) group by all)"
    ).fetchone()
    assert only is not None
    return Compared(name, rows, (int(only[0]), int(only[1])), alone, is_in_lake)


def _table(name: str) -> str:
    """Return the name of a relation without its file."""
    return name.partition(": ")[2]


def _columns(con: duckdb.DuckDBPyConnection, relation: str) -> list[str]:
    return [name for name, *_ in con.execute(f"describe select * from {relation}").fetchall()]


def _shown(table: str, column: str) -> str:
    pattern, _ = by_nature.TEXTS.get(f"{table}.{column}", (None, None))
    if pattern is None:
        return quoted(column)
    return f"regexp_replace({quoted(column)}, {text(pattern)}, '', 'g') as {quoted(column)}"


def _count(con: duckdb.DuckDBPyConnection, query: str) -> int:
    found = con.execute(query).fetchone()
    assert found is not None
    return int(found[0])


def told(found: list[Compared]) -> Iterator[str]:
    """Yield what was found: what differs, what was read from the lake, how much was compared."""
    for one in found:
        if not one.is_same:
            columns = f"; columns of one side only: {', '.join(one.columns)}" if one.columns else ""
            yield (
                f"DIFFERS  {one.name}: {one.rows[0]} and {one.rows[1]} rows, "
                f"{one.only[0]} only without the lake, {one.only[1]} only with it{columns}"
            )
    for one in found:
        if one.is_in_lake:
            yield f"in the lake  {one.name}: {one.rows[1]:,} rows"
    for file in ("published", "build"):
        own = [one for one in found if one.name.startswith(f"{file}: ")]
        rows = sum(one.rows[0] or 0 for one in own)
        yield f"{file} file: {len(own)} relations, {rows:,} rows compared both ways, {_different(own)} relations differ"


def _different(found: list[Compared]) -> int:
    return sum(not one.is_same for one in found)


def main() -> int:
    """Compare the two homes of the command line; 1 where something differs."""
    before, after = (Home(Path(name)) for name in sys.argv[1:3])
    found = list(compared(before, after, configured(load_settings())))
    for line in told(found):
        print(line)
    return min(1, _different(found))


if __name__ == "__main__":
    sys.exit(main())
