"""ops.built: what the relations of the last sound build were made from, and the state of what they may be made from.

A relation whose fingerprint is the same as then would be the same if it were built again. The fingerprint of a table
of the build file is its content; of an append-only table, whose rows have `loaded_at` and are never changed, the number
of its rows and the last landing.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import duckdb

from warehouse.sql import insert_rows, quoted

TABLE: Final = "ops.built"
LANDED: Final = "loaded_at"
"""The column that only append-only tables have."""

Relation = tuple[str, str]
"""Schema and name."""


@dataclass(frozen=True, slots=True)
class Built:
    """A node of the dbt project as it was built, or tested with success. `compiled`: $run_at for the run's moment."""

    node_id: str
    fingerprint: str
    compiled: str
    reads: Mapping[str, tuple[str, ...]]
    evaluated_at: datetime
    run_id: str


def take_built(con: duckdb.DuckDBPyConnection) -> dict[str, Built]:
    """Return what the last sound build left, by node, and forget it: until this one is sound, nothing is known."""
    rows = con.execute(
        f"select node_id, fingerprint, compiled_sql, reads_json, evaluated_at, run_id from {TABLE}"
    ).fetchall()
    con.execute(f"delete from {TABLE}")
    found = (
        Built(node, mark, sql, {of: tuple(values) for of, values in json.loads(reads).items()}, at, run)
        for node, mark, sql, reads, at, run in rows
    )
    return {one.node_id: one for one in found}


def keep_built(con: duckdb.DuckDBPyConnection, nodes: Iterable[Built]) -> None:
    """Store what a sound build consists of, at once."""
    rows = [
        [one.node_id, one.fingerprint, one.compiled, json.dumps(one.reads), one.evaluated_at, one.run_id]
        for one in nodes
    ]
    con.begin()
    try:
        con.execute(f"delete from {TABLE}")
        insert_rows(con, TABLE, rows)
        con.commit()
    except BaseException:
        con.rollback()
        raise


def has_failed_since(con: duckdb.DuckDBPyConnection, run_id: str) -> bool:
    """Say whether the run before `run_id` failed, or never came to its end."""
    found = con.execute(
        """
        select arg_max(state, rowid) from ops.runs
        where run_id = (select arg_max(run_id, rowid) from ops.runs where run_id <> ?)
        """,
        [run_id],
    ).fetchone()
    return found is not None and found[0] in ("started", "built", "failed")


def relations(con: duckdb.DuckDBPyConnection) -> set[Relation]:
    """Return every table and view of the build file."""
    return set(
        con.execute(
            "select schema_name, table_name from duckdb_tables() where database_name = current_database()"
            " union all select schema_name, view_name from duckdb_views() where database_name = current_database()"
        ).fetchall()
    )


def rows_that_differ(con: duckdb.DuckDBPyConnection, relation: Relation, select: str) -> int:
    """Return how many rows a table has that `select` has not, and the other way round; equal ones count one by one."""
    con.execute(f"create or replace temp table computed as from {_path(relation)} limit 0")
    try:
        con.execute(f"insert into computed by name ({select})")
        found = con.execute(
            f"select count(*) from ((from computed except all from {_path(relation)})"
            f" union all (from {_path(relation)} except all from computed))"
        ).fetchone()
    finally:
        con.execute("drop table computed")
    assert found is not None
    return int(found[0])


class States:
    """The state of tables that no model makes, as text: equal where nothing happened to their rows."""

    def __init__(self, con: duckdb.DuckDBPyConnection, tables: Collection[Relation], column_of: Mapping[str, str]):
        """Look at `tables`; those with the column that `column_of` names for anybody also by the values of it."""
        columns: dict[Relation, set[str]] = {}
        for schema, table, column in con.execute(
            "select schema_name, table_name, column_name from duckdb_columns() where database_name = current_database()"
        ).fetchall():
            columns.setdefault((schema, table), set()).add(column)
        keys = set(column_of.values())
        self.whole: dict[Relation, str] = {}
        self.parts: dict[Relation, dict[str, dict[str, str]]] = {}
        for table in sorted(tables):
            has = columns.get(table)
            if has is None:
                self.whole[table] = "is not there"
                continue
            self.whole[table] = _state(con, table, is_append_only=LANDED in has)
            if LANDED in has:
                self.parts[table] = {key: _parts(con, table, key) for key in keys & has}


def _path(table: Relation) -> str:
    return ".".join(map(quoted, table))


def _state(con: duckdb.DuckDBPyConnection, table: Relation, *, is_append_only: bool) -> str:
    counted = f"max({LANDED})" if is_append_only else "bit_xor(hash(t)), sum(hash(t)::hugeint)"
    return repr(con.execute(f"select count(*), {counted} from {_path(table)} as t").fetchone())


def _parts(con: duckdb.DuckDBPyConnection, table: Relation, key: str) -> dict[str, str]:
    rows = con.execute(
        f"select {quoted(key)}::varchar, count(*), max({LANDED}) from {_path(table)} group by all"
    ).fetchall()
    return {str(value): repr(state) for value, *state in rows}
