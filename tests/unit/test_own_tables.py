"""Tables that are declared in YAML: how a declaration reads, and how an older table comes to have its shape."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from warehouse.declared_tables import Column, DeclaredTable, declared_table, declared_tables
from warehouse.own_tables import bring_up

DECLARATION = """
ops.legs:
  comment: Legs. One row per day.
  key: [day]
  columns:
    day: date not null
    windows:
      each: {window: {1d: {title: a day}, 5d: {title: five days}}}
      columns:
        sides:
          each: {side: [panic, optimism]}
          columns:
            "{side}_{window}_count": {type: bigint, comment: "Legs of {side} in {title}"}
    note: {type: varchar, comment: Anything}
"""


@pytest.fixture
def table(tmp_path: Path) -> DeclaredTable:
    path = tmp_path / "ops.yml"
    path.write_text(DECLARATION)
    return declared_tables(path)[0]


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as con:
        yield con


def test_a_block_gives_its_columns_for_each(table):
    assert table.key == ("day",)
    assert table.columns == (
        Column("day", "date not null", None),
        Column("panic_1d_count", "bigint", "Legs of panic in a day"),
        Column("optimism_1d_count", "bigint", "Legs of optimism in a day"),
        Column("panic_5d_count", "bigint", "Legs of panic in five days"),
        Column("optimism_5d_count", "bigint", "Legs of optimism in five days"),
        Column("note", "varchar", "Anything"),
    )


def test_figures_of_the_reader_are_told_in_the_comments_of_table_and_columns(tmp_path: Path) -> None:
    path = tmp_path / "ops.yml"
    path.write_text(
        'ops.legs:\n  comment: "Legs: {lists}."\n  columns:\n    name: {type: varchar, comment: "One of {lists}"}\n'
    )
    found = declared_table(path, "ops.legs", lists="panic, optimism")
    assert (found.comment, found.columns[0].comment) == ("Legs: panic, optimism.", "One of panic, optimism")


def test_an_older_table_gets_what_it_is_missing_and_keeps_its_rows(con, table):
    older = replace(
        table,
        comment="Legs.",
        columns=(Column("note", "varchar check (note in ('a'))", None), Column("day", "date not null", None)),
    )
    bring_up(con, older)
    con.execute("insert into ops.legs values ('a', '2026-03-02')")
    bring_up(con, table)
    assert con.execute("select day::varchar, panic_1d_count, note from ops.legs").fetchall() == [
        ("2026-03-02", None, "a")
    ]
    con.execute("insert into ops.legs by name select date '2026-03-03' as day, 'b' as note")
    described = con.execute("select column_name, comment from duckdb_columns() where table_name = 'legs'").fetchall()
    assert described == [(column.name, column.comment) for column in table.columns]
    bring_up(con, table)
    assert con.execute("select count(*) from ops.legs").fetchone() == (2,)
    assert con.execute("select count(*) from duckdb_tables()").fetchone() == (1,)


def test_a_declaration_that_forgets_a_column_loses_no_row(con, table):
    bring_up(con, table)
    con.execute("insert into ops.legs by name select date '2026-03-02' as day, 'a' as note")
    with pytest.raises(duckdb.BinderException, match="note"):
        bring_up(con, replace(table, columns=table.columns[:-1]))
