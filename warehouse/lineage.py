"""Where each column of a mart comes from: the select that the build compiled, followed by sqlglot down to its inputs.

An input is a column of another published table, of a raw table, or one series of the observations. Relations in
between, which are not published, are passed through. Beside each input stands how it is used: as the same figure, or as
a part of another one. What was followed is kept beside the compiled SQL and followed again only when that changes: a
mart of 146 columns takes seconds.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple, TypeAlias

import duckdb

from ingest.errors import ConfigError
from warehouse.as_of_text import Compiled, compiled_in
from warehouse.input_use import Use, stronger, uses_of, weaker
from warehouse.sql import insert_columns

FOLLOWED: Final = "intermediate.lineage"
"""One row per column of a relation and direct input, beside the fingerprint of the SQL it was read from."""
STATED: Final = "intermediate.stated_lineage"
"""The same of tables that no SQL made, as the code that makes them says it."""
OBSERVATIONS: Final = "marts.observations"
"""The published table that a series is read in."""
PUBLISHED: Final = ("marts", "claims", "meta")
_SERIES: Final = "series_id"
_FORMULA_LENGTH: Final = 2000
_FIGURES: Final = ("value", "value_published")
"""Columns of relations by series that hold the figure; all others say something about it."""
_MOMENT: Final = re.compile(r"timestamp '\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}'")
"""The moment of a run, as models have it from the macro run_at()."""


_Used: TypeAlias = dict[int, tuple[Any, dict[tuple[str, str] | None, Use]]]
"""By the identity of an expression: itself, so that no other one gets its identity, and how it uses its columns."""


class Edge(NamedTuple):
    """A column of a relation and one input of it; `series` where the input is one series of the observations."""

    column: str
    formula: str | None
    schema: str
    table: str
    input_column: str | None
    series: str | None
    use: Use = "part"


@dataclass(frozen=True, slots=True)
class _Input:
    schema: str
    table: str
    column: str | None
    series: str | None
    use: Use


def follow(con: duckdb.DuckDBPyConnection) -> int:
    """Bring FOLLOWED up to what the build compiled; return how many relations were followed anew."""
    con.execute("create schema if not exists intermediate")
    _make_room(con)
    _room_for_stated(con)
    compiled = {(one.schema, one.name): _of_any_run(one) for one in compiled_in(con) if one.sql}
    known = con.execute(f"select distinct schema_name, name, sql_sha256 from {FOLLOWED}").fetchall()
    stale = {(schema, name) for schema, name, sha in known if _sha(compiled.get((schema, name))) != sha}
    wanted = [one for key, one in compiled.items() if key in stale or key not in {row[:2] for row in known}]
    if not wanted and not stale:
        return 0
    columns = _columns(con)
    con.begin()
    try:
        for key in stale:
            con.execute(f"delete from {FOLLOWED} where schema_name = ? and name = ?", key)
        rows: list[tuple[str | None, ...]] = []
        for one in wanted:
            edges = list(edges_of(one.sql, columns.get((one.schema, one.name), ()), columns))
            rows += [(one.schema, one.name, _sha(one), *edge) for edge in edges] or [
                (one.schema, one.name, _sha(one), "", None, "", "", None, None, None)  # it is still followed
            ]
        insert_columns(con, FOLLOWED, rows)
        con.commit()
    except BaseException:
        con.rollback()
        raise
    return len(wanted)


def _make_room(con: duckdb.DuckDBPyConnection) -> None:
    """Create FOLLOWED; one that older code made is of other columns, and is followed again."""
    columns = "schema_name name sql_sha256 column_name formula_text input_schema input_table input_column series_id"
    schema, name = FOLLOWED.split(".")
    found = con.execute(
        "select column_name from duckdb_columns() where database_name = current_database() and schema_name = ? "
        "and table_name = ? order by column_index",
        [schema, name],
    ).fetchall()
    wanted = [*columns.split(), "input_use"]
    if [one for (one,) in found] != wanted:
        con.execute(f"create or replace table {FOLLOWED} ({', '.join(f'{one} varchar' for one in wanted)})")


def state(con: duckdb.DuckDBPyConnection, schema: str, inputs: Iterable[tuple[str, str, str, str]]) -> None:
    """Say what the tables of a schema that no SQL makes are made of: table, column, input table and input column.

    Every input is a part of a figure made of several."""
    _room_for_stated(con)
    con.execute(f"delete from {STATED} where schema_name = ?", [schema])
    rows = [(schema, table, column, *path.split("."), of, "part") for table, column, path, of in inputs]
    insert_columns(con, STATED, rows)


def _room_for_stated(con: duckdb.DuckDBPyConnection) -> None:
    con.execute("create schema if not exists intermediate")
    columns = "schema_name name column_name input_schema input_table input_column input_use"
    con.execute(f"create table if not exists {STATED} ({', '.join(f'{one} varchar' for one in columns.split())})")


def lineage(con: duckdb.DuckDBPyConnection) -> list[tuple[str, str, str | None, str, str | None, str | None, str]]:
    """Return mart, column, formula, input table, input column, series and use of every published column, sorted."""
    direct: dict[tuple[str, str, str], list[Edge]] = {}
    for schema, name, *edge in con.execute(
        "select schema_name, name, column_name, formula_text, input_schema, input_table, input_column, series_id, "
        f"input_use from {FOLLOWED} where column_name <> '' union all "
        "select schema_name, name, column_name, null, input_schema, input_table, input_column, null, input_use "
        f"from {STATED}"
    ).fetchall():
        direct.setdefault((schema, name, edge[0]), []).append(Edge(*edge))
    found: dict[tuple[str, str, str | None, str, str | None, str | None], Use] = {}
    for (schema, name, column), edges in direct.items():
        if schema in PUBLISHED:
            for one in _through(edges, direct, set()):
                read = f"{one.schema}.{one.table}", one.column, one.series
                key = (f"{schema}.{name}", column, edges[0].formula, *read)
                found[key] = stronger(found.get(key, "part"), one.use)
    return sorted(((*key, use) for key, use in found.items()), key=str)


def _through(
    edges: Iterable[Edge], direct: Mapping[tuple[str, str, str], list[Edge]], seen: set[tuple[str, str, str]]
) -> Iterator[_Input]:
    """Yield the inputs of `edges`, with what is not published replaced by its own inputs."""
    for edge in edges:
        if edge.series is not None:
            schema, table = OBSERVATIONS.split(".")
            yield _Input(schema, table, "value", edge.series, edge.use)
            continue
        key = (edge.schema, edge.table, edge.input_column or "")
        if edge.schema in PUBLISHED or key not in direct:
            yield _Input(edge.schema, edge.table, edge.input_column, None, edge.use)
        elif key not in seen:
            for one in _through(direct[key], direct, seen | {key}):
                yield replace(one, use=weaker(edge.use, one.use))


# -- one select ----------------------------------------------------------------------------------------------------


def edges_of(sql: str, names: Sequence[str], columns: Mapping[tuple[str, str], Sequence[str]]) -> Iterator[Edge]:
    """Yield the direct inputs of the columns `names` of a select; `columns` are those of all relations.

    A column that sqlglot cannot follow (a union by name whose sides differ) has the select's relations as its inputs.
    ConfigError where the text is no SQL.
    """
    import sqlglot
    from sqlglot import exp
    from sqlglot.errors import SqlglotError
    from sqlglot.lineage import lineage as followed
    from sqlglot.optimizer.qualify import qualify
    from sqlglot.optimizer.scope import build_scope

    try:
        parsed = sqlglot.parse_one(sql, read="duckdb")
        relations = list(parsed.find_all(exp.Table))
        for relation in relations:
            relation.set("catalog", None)  # every relation is of the build file
        schema = _schema(columns, {relation.name.lower() for relation in relations})
        tree = qualify(parsed, schema=schema, dialect="duckdb", validate_qualify_columns=False, identify=False)
        scope = build_scope(tree)
    except SqlglotError as error:
        raise ConfigError(f"sqlglot cannot read the select {sql[:80]!r}…: {error}") from error
    options: dict[str, Any] = {"schema": {}, "scope": scope, "dialect": "duckdb", "trim_selects": False, "copy": False}
    try:
        nodes = followed(None, tree, **options)  # at once: one by one takes twenty times as long
    except (SqlglotError, ValueError):
        nodes = {}
    used: _Used = {}
    for name in names:
        try:
            node = nodes.get(name) or followed(name, tree, **options)
        except (SqlglotError, ValueError):
            for schema_name, table_name in {(one.db, one.name) for one in tree.find_all(exp.Table) if one.db}:
                yield Edge(name, None, schema_name, table_name, None, None)
            continue
        formula = _formula(node)
        uses: dict[_Input, Use] = {}
        for one in _inputs(node, (), columns, "copy", used):
            plain = replace(one, use="part")
            uses[plain] = stronger(uses.get(plain, "part"), one.use)
        for one, use in uses.items():
            yield Edge(name, formula, one.schema, one.table, one.column, one.series, use)


def _schema(columns: Mapping[tuple[str, str], Sequence[str]], names: Set[str]) -> dict[str, Any]:
    """Return the columns of the relations with these names as sqlglot wants them: it reads every one it is given.

    Where it is given none it guesses, so a select that names none of them gets all.
    """
    if not any(table.lower() in names for _, table in columns):
        names = {table.lower() for _, table in columns}
    schema: dict[str, Any] = {}
    for (schema_name, table), known in columns.items():
        if table.lower() in names:
            schema.setdefault(schema_name, {})[table] = dict.fromkeys(known, "unknown")
    return schema


def _inputs(
    node: Any,
    above: tuple[Any, ...],
    columns: Mapping[tuple[str, str], Sequence[str]],
    use: Use,
    used: _Used,
) -> Iterator[_Input]:
    """Yield the inputs of a node; `used` keeps how expressions use their columns: many columns pass through one."""
    from sqlglot import exp

    if isinstance(node.expression, exp.Table) and not node.downstream:
        schema, table, column = node.expression.db, node.expression.name, node.name.rpartition(".")[2].strip('"')
        if _SERIES not in columns.get((schema, table), ()):
            yield _Input(schema, table, column, None, use)
            return
        for series in _series(above) or (None,):
            if series is not None or column != _SERIES:
                figure = use if column in _FIGURES else "part"
                yield _Input(schema, table, *((column, None, use) if series is None else (None, series, figure)))
        return
    key = id(node.expression)
    if key not in used:
        used[key] = node.expression, {} if isinstance(node.expression, exp.Table) else uses_of(node.expression)
    _, uses = used[key]
    for below in node.downstream:
        table, _, column = below.name.replace('"', "").lower().rpartition(".")
        step = uses.get((table, column), uses.get(None, "part"))
        yield from _inputs(below, (*above, node), columns, weaker(use, step), used)


def _series(above: Sequence[Any]) -> tuple[str, ...]:
    """Return the series that the nodes above a column of the observations choose: the nearest choice counts."""
    for node in reversed(above):
        for place in (node.expression, node.source.args.get("where") if hasattr(node.source, "args") else None):
            if found := _chosen(place):
                return found
    return ()


def _chosen(place: Any) -> tuple[str, ...]:
    """Return the texts that `series_id` is compared with in an expression."""
    from sqlglot import exp

    if place is None:
        return ()
    found: list[str] = []
    for comparison in place.find_all(exp.EQ, exp.In):
        column, *others = (
            comparison.this,
            *(comparison.expressions if isinstance(comparison, exp.In) else [comparison.expression]),
        )
        if isinstance(column, exp.Column) and column.name == _SERIES:
            found += [one.this for one in others if isinstance(one, exp.Literal) and one.is_string]
    return tuple(dict.fromkeys(found))


def _formula(node: Any) -> str | None:
    """Return the first expression below a column that is more than another name for one."""
    from sqlglot import exp

    while True:
        expression = node.expression.unalias() if hasattr(node.expression, "unalias") else node.expression
        if isinstance(expression, exp.Table):
            return None
        is_name = isinstance(expression, exp.Column) or not isinstance(expression, exp.Expression)
        if not is_name and not isinstance(expression, exp.Query):
            text = expression.sql(dialect="duckdb", comments=False, normalize_functions="lower")
            return text if len(text) <= _FORMULA_LENGTH else f"{text[:_FORMULA_LENGTH]}…"
        if len(node.downstream) != 1:
            return None
        node = node.downstream[0]


def _of_any_run(one: Compiled) -> Compiled:
    """Return a relation without the moment that it was compiled for: another run need not follow it again."""
    return replace(one, sql=_MOMENT.sub("$run_at", one.sql))


def _columns(con: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], list[str]]:
    found: dict[tuple[str, str], list[str]] = {}
    for schema, table, column in con.execute(
        "select schema_name, table_name, column_name from duckdb_columns() "
        "where database_name = current_database() and not internal order by all"
    ).fetchall():
        found.setdefault((schema, table), []).append(column)
    return found


def _sha(one: Compiled | None) -> str | None:
    return hashlib.sha256(one.sql.encode()).hexdigest() if one else None
