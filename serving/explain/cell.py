"""A cell and what it rests on, found in the published file; bytes come from the archive, raw rows from the build file.

Of a series the input is the observation in force on the row's date: its newest period at or before it, as known at the
row's cut-off where the mart has one. Of another mart it is the row of the same key, and what that rests on in turn. Of
a raw table it is the newest row at or before the row's date that has the same key.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import permutations
from typing import Any, Final, NamedTuple

import duckdb

from ingest.errors import QueryRefused
from serving.explain.claims import event_inputs, formula_of, reads_of
from serving.explain.inputs import Input, has_build
from serving.explain.ledger import ledger_inputs
from warehouse.published_table import KEYS, LINEAGE
from warehouse.sql import quoted, text

PERIODS: Final = ("session_date", "week_date", "month_date", "quarter_date", "period_date")
"""Columns that date the row of a mart: the first of these in its key."""
_CUTOFFS: Final = ("cutoff_at", "known_at")
_OBSERVATIONS: Final = "marts.observations"
_CALENDAR: Final = "marts.sessions"
_SERIES: Final = "series_id"
_DEEPEST: Final = 6
_NO_SQL: Final = "No SQL made this column: its description says how it is computed."
_KEYS: Final = (*PERIODS, "universe", "ticker", "category", "permid", "security_id")


class Column(NamedTuple):
    """A column of the published file."""

    name: str
    dtype: str
    description: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """One cell. `checks` are those of its table: name, whether it passed, what was expected and seen."""

    mart: str
    column: Column
    key: Mapping[str, Any]
    value: Any
    formula: str | None
    known_at: datetime | None
    inputs: tuple[Input, ...]
    checks: tuple[tuple[str, bool, str | None], ...]
    build_id: str
    is_simulated: bool
    notes: tuple[str, ...] = field(default=())


def explained(con: duckdb.DuckDBPyConnection, mart: str, key: Sequence[str], column: str) -> Explanation:
    """Return the explanation of the cell of `mart` (with or without its schema) in the row of `key`.

    Key values are written as SQL writes them (2024-01-02, SPY), in any order. QueryRefused names what does not exist,
    and what is near.
    Raw rows are looked up where a database `warehouse` is attached.
    """
    name = mart.removeprefix("marts.")
    path = path_of(name)
    columns = {one.name: one for one in _columns(con, path)}
    if not columns:
        raise QueryRefused(f"there is no mart {name}; `tidegauge tables` lists them{_near(con, name)}")
    if column not in columns:
        raise QueryRefused(f"{path} has no column {column}; `tidegauge describe {name}` lists them")
    row = _row(con, name, key, columns)
    known_at = next((row[one] for one in (f"{column}_known_at", "known_at", *_CUTOFFS) if row.get(one)), None)
    if path.startswith("claims."):
        formula, inputs, notes = _of_claim(con, name, row)
    else:
        formula, found = _lineage(con, path, column)
        inputs = tuple(dict.fromkeys(_inputs(con, row, found, 0))) or tuple(ledger_inputs(con, name, column, row))
        notes = () if found else (_NO_SQL,)
    build_id, is_simulated = _one(con, "select build_id, is_simulated from meta.build")
    return Explanation(
        mart=name,
        column=columns[column],
        key={one: row[one] for one in key_of(con, name)},
        value=row[column],
        formula=formula,
        known_at=known_at,
        inputs=inputs,
        checks=tuple(_checks(con, path)),
        build_id=build_id,
        is_simulated=is_simulated,
        notes=notes,
    )


def _of_claim(
    con: duckdb.DuckDBPyConnection, name: str, row: Mapping[str, Any]
) -> tuple[str | None, tuple[Input, ...], tuple[str, ...]]:
    """Return formula, inputs and notes of a cell of the claims: what the claim of that row reads, on its session."""
    formula = formula_of(con, row)
    inputs = list(event_inputs(con, name, row))
    for path, wanted, chosen in reads_of(con, name, row):
        if path == _OBSERVATIONS and _SERIES in chosen:
            inputs += _observation(con, chosen[_SERIES], row.get("session_date"), row)
        elif path != _CALENDAR:
            inputs += _of_mart(con, path, wanted, {**row, **chosen}, 0)
    notes = () if inputs else (_NO_SQL,)
    return formula, tuple(dict.fromkeys(inputs)), notes


def path_of(name: str) -> str:
    """Return schema and name of a table: one without a schema is a mart."""
    return name if "." in name else f"marts.{name}"


def key_of(con: duckdb.DuckDBPyConnection, mart: str) -> list[str]:
    """Return the key columns of a mart in their order; QueryRefused for one without."""
    rows = con.execute(f"select column_name from {KEYS.path} where mart = ? order by key_position", [mart]).fetchall()
    if not rows:
        raise QueryRefused(f"{path_of(mart)} has no key: its rows cannot be named one by one")
    return [row[0] for row in rows]


# -- the row -------------------------------------------------------------------------------------------------------


def _row(
    con: duckdb.DuckDBPyConnection, mart: str, values: Sequence[str], columns: Mapping[str, Column]
) -> dict[str, Any]:
    names, source = key_of(con, mart), ".".join(map(quoted, path_of(mart).split(".")))
    if len(values) != len(names):
        raise QueryRefused(
            f"a row of {path_of(mart)} is named by {', '.join(names)}; got {len(values)} of {len(names)}"
        )
    for ordered in permutations(values):
        wanted = " and ".join(
            f"{quoted(name)} = try_cast({text(value)} as {columns[name].dtype})"
            for name, value in zip(names, ordered, strict=True)
        )
        found = _record(con, f"from {source} where {wanted}")
        if found is not None:
            return found
    first, last = _one(con, f"select min({quoted(names[0])}), max({quoted(names[0])}) from {source}")
    given = ", ".join(f"{name} {value}" for name, value in zip(names, values, strict=True))
    raise QueryRefused(f"{path_of(mart)} has no row of {given}; {names[0]} is from {first} to {last}")


# -- inputs --------------------------------------------------------------------------------------------------------


class _Origin(NamedTuple):
    path: str
    column: str | None
    series: str | None


def _lineage(con: duckdb.DuckDBPyConnection, path: str, column: str) -> tuple[str | None, list[_Origin]]:
    rows = con.execute(
        f"""
        select formula_text, input_path, input_column, input_series_id from {LINEAGE.path}
        where table_path = ? and column_name = ? order by all
        """,
        [path, column],
    ).fetchall()
    return (rows[0][0] if rows else None), [_Origin(*row[1:]) for row in rows]


def _inputs(
    con: duckdb.DuckDBPyConnection, row: Mapping[str, Any], origins: Sequence[_Origin], depth: int
) -> Iterator[Input]:
    period = next((row[name] for name in PERIODS if row.get(name) is not None), None)
    for path, of_path in _by_path(origins):
        if path == _OBSERVATIONS:
            for origin in of_path:
                if origin.series is not None:
                    yield from _observation(con, origin.series, period, row)
        elif path.startswith("marts.") and path != _CALENDAR:
            yield from _of_mart(con, path, [one.column for one in of_path if one.column], row, depth)
        elif path != _CALENDAR:
            yield from _of_raw(con, path, [one.column for one in of_path if one.column], row, period)


def _by_path(origins: Sequence[_Origin]) -> Iterator[tuple[str, list[_Origin]]]:
    for path in dict.fromkeys(one.path for one in origins):
        yield path, [one for one in origins if one.path == path]


def _observation(
    con: duckdb.DuckDBPyConnection, series: str, period: date | None, row: Mapping[str, Any]
) -> Iterator[Input]:
    title, unit, end = _one(con, "select title, unit, end_date from marts.series where series_id = ?", [series])
    if end is not None and period is not None and end < period:
        return
    cutoff = row.get("cutoff_at")
    known = f"known_at <= {text(str(cutoff))}::timestamp" if cutoff is not None else "true"
    found = con.execute(
        f"""
        select period_date, value, provider, known_at, known_basis, payload_sha256
        from {"marts.observations" if cutoff is not None else "marts.observations_latest"}
        where series_id = ? and value is not null and {known} {"and period_date <= ?" if period else ""}
        order by period_date desc, known_at desc limit 1
        """,
        [series, *([period] if period else [])],
    ).fetchone()
    path = f"{_OBSERVATIONS} {series}"
    if found is None:
        yield Input(path, title, unit=unit)
        return
    on, value, provider, known_at, basis, sha = found
    yield Input(path, title, on, value, unit, provider, known_at, basis, sha)


def _of_mart(
    con: duckdb.DuckDBPyConnection, path: str, wanted: Sequence[str], row: Mapping[str, Any], depth: int
) -> Iterator[Input]:
    """Yield the columns of another mart's row of the same key, and what they rest on."""
    mart = path.removeprefix("marts.")
    key = [name for name in key_of(con, mart) if row.get(name) is not None]
    if not key:
        yield Input(path, f"columns {', '.join(wanted)}")
        return
    chosen = " and ".join(f"{quoted(name)} = ?" for name in key)
    found = _record(con, f"from marts.{quoted(mart)} where {chosen} limit 1", [row[name] for name in key])
    on = next((row[name] for name in key if name in PERIODS), row.get(key[0]))
    for name in wanted:
        value = None if found is None else found.get(name)
        yield Input(f"{path}.{name}", "", on, value)
        if found is not None and depth < _DEEPEST:
            yield from _inputs(con, found, _lineage(con, path, name)[1], depth + 1)


def _of_raw(
    con: duckdb.DuckDBPyConnection, path: str, wanted: Sequence[str], row: Mapping[str, Any], period: date | None
) -> Iterator[Input]:
    """Yield the raw row that a cell rests on, where the build file can be read."""
    from ingest.dataset import TABLES

    table = next((one for one in TABLES if one.id == path), None)
    if table is None or not has_build(con) or table.is_in_daily_files:
        yield from _of_step(con, path, wanted, row)
        return
    shown = [name for name in wanted if name in table.value_names]
    named = [name for name in table.key_names if name != table.period]
    keys = [name for name in named if row.get(name) is not None]
    if not shown or (len(table.key_names) > 1 and not keys):
        return
    chosen = [f"{quoted(name)} = {text(str(row[name]))}" for name in keys]
    chosen += [f"{quoted(table.period)} <= {text(str(period))}::date"] if period is not None else []
    order = ", ".join([f"{quoted(table.period)} desc", *map(quoted, named)])
    found = _record(
        con, f"from warehouse.{path}_latest where {' and '.join(chosen) or 'true'} order by {order} limit 1"
    )
    if found is None:
        return
    key = tuple(str(found[name]) for name in named)
    title = ", ".join(key)
    if len(keys) < len(named):
        of_period = [*chosen[: len(keys)], f"{quoted(table.period)} = {text(str(found[table.period]))}::date"]
        (count,) = _one(con, f"select count(*) from warehouse.{path}_latest where {' and '.join(of_period)}")
        title += f"; one of {count:,} rows"
    units = {column.name: column.unit for column in table.values}
    for name in shown:
        if found[name] is not None:
            yield Input(
                f"{path}.{name}",
                title,
                found[table.period],
                found[name],
                units[name],
                table.source,
                found["known_at"],
                found["known_basis"],
                found["payload_sha256"],
                key,
            )


def _of_step(
    con: duckdb.DuckDBPyConnection, path: str, wanted: Sequence[str], row: Mapping[str, Any]
) -> Iterator[Input]:
    """Yield the columns of a table in between, which Python computed, from its row of the same key."""
    found = None
    if has_build(con):
        schema, _, name = path.partition(".")
        there = con.execute(
            "select column_name from duckdb_columns() where database_name = 'warehouse' and schema_name = ? "
            "and table_name = ?",
            [schema, name],
        ).fetchall()
        shared = [column for (column,) in there if column in _KEYS and row.get(column) is not None]
        if shared:
            chosen = " and ".join(f"{quoted(column)} = ?" for column in shared)
            found = _record(con, f"from warehouse.{path} where {chosen} limit 1", [row[column] for column in shared])
    if found is None:
        yield Input(path, f"columns {', '.join(wanted)}")
        return
    for name in wanted:
        if name not in shared:
            on = next((row[one] for one in PERIODS if one in shared), None)
            yield Input(f"{path}.{name}", "computed by analytics", on, found[name])


# -- the file ------------------------------------------------------------------------------------------------------


def _columns(con: duckdb.DuckDBPyConnection, path: str) -> Iterator[Column]:
    rows = con.execute(
        "select column_name, data_type, coalesce(comment, '') from duckdb_columns() "
        "where database_name = 'tidegauge' and schema_name in ('marts', 'claims') "
        "and schema_name || '.' || table_name = ? order by column_index",
        [path],
    ).fetchall()
    return (Column(*row) for row in rows)


def _checks(con: duckdb.DuckDBPyConnection, path: str) -> Iterator[tuple[str, bool, str | None]]:
    yield from con.execute(
        "select check_name, is_passed, detail from meta.quality where asset = ? order by is_passed, check_name",
        [path],
    ).fetchall()


def _near(con: duckdb.DuckDBPyConnection, name: str) -> str:
    rows = con.execute(
        "select case schema_name when 'claims' then 'claims.' else '' end || table_name as table_name "
        "from duckdb_tables() where database_name = 'tidegauge' and schema_name in ('marts', 'claims') "
        "order by jaro_winkler_similarity(table_name, ?) desc, table_name limit 3",
        [name],
    ).fetchall()
    return f"; near it: {', '.join(row[0] for row in rows)}"


def _one(con: duckdb.DuckDBPyConnection, sql: str, values: Sequence[Any] = ()) -> tuple[Any, ...]:
    found = con.execute(sql, list(values)).fetchone()
    assert found is not None
    return found


def _record(con: duckdb.DuckDBPyConnection, sql: str, values: Sequence[Any] = ()) -> dict[str, Any] | None:
    found = con.execute(sql, list(values))
    names = [column[0] for column in found.description or ()]
    row = found.fetchone()
    return None if row is None else dict(zip(names, row, strict=True))
