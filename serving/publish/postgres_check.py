"""What PostgreSQL holds after loading, compared with what was sent: rows, and per column values and a sum over them.

The sum does not depend on the order of rows, and both sides can compute it: of the bits of a float, of microseconds,
of days, of the first 60 bits of the MD5 of a text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ingest.errors import TargetUnusable
from serving.publish.postgres import name_in_database
from serving.publish.release import Column, Table
from warehouse.sql import quoted

if TYPE_CHECKING:
    import duckdb
    import psycopg

_NAN: Final = 9221120237041090560
"""The bits of the usual NaN; there are others, and they mean the same."""
_WHOLE: Final = frozenset({"TINYINT", "UTINYINT", "SMALLINT", "USMALLINT", "INTEGER", "UINTEGER", "BIGINT"})


class _Sums(NamedTuple):
    """A number of a cell, in the words of DuckDB and of PostgreSQL; {} is the cell."""

    here: str
    there: str


_DOUBLE: Final = _Sums(
    f"case when isnan({{}}) then {_NAN} else {{}}::bit::bigint end",
    f"case when {{}} = 'NaN' then {_NAN} else ('x' || encode(float8send({{}}), 'hex'))::bit(64)::bigint end",
)
_TEXT: Final = _Sums(
    "('0x' || left(md5({}::varchar), 15))::bigint", "('x' || left(md5({}::text), 15))::bit(60)::bigint"
)
_BY_KIND: Final = {
    "DOUBLE": _DOUBLE,
    "FLOAT": _Sums(
        *(part.replace("{}", f"{{}}::{kind}") for part, kind in zip(_DOUBLE, ("double", "float8"), strict=True))
    ),
    "BOOLEAN": _Sums("{}::int", "{}::int"),
    "DATE": _Sums("{} - date '1970-01-01'", "{} - date '1970-01-01'"),
    "TIMESTAMP": _Sums("epoch_us({})", "round((extract(epoch from {}) * 1000000)::numeric)"),
    "TIMESTAMP WITH TIME ZONE": _Sums("epoch_us({})", "round((extract(epoch from {}) * 1000000)::numeric)"),
    **dict.fromkeys(_WHOLE, _Sums("{}", "{}::bigint")),
}


def compare(cursor: psycopg.Cursor[Any], con: duckdb.DuckDBPyConnection, tables: Sequence[Table], schema: str) -> None:
    """TargetUnusable names the first table, and the column, in which PostgreSQL does not hold what was sent."""
    for table in tables:
        here = con.execute(f"select {_columns(table, 0)} from ({table.select(in_order=False)})").fetchone()
        where = f"{quoted(schema)}.{quoted(name_in_database(table))}"
        there = cursor.execute(f"select {_columns(table, 1)} from {where}").fetchone()
        sent, found = ([None if cell is None else int(cell) for cell in row or ()] for row in (here, there))
        if sent == found:
            continue
        told = _difference(table, sent, found)
        raise TargetUnusable(f"PostgreSQL does not hold what was sent: {told}; the release that is in place stays")


def _columns(table: Table, side: int) -> str:
    counted = ["count(*)"]
    for column in table.columns:
        counted += [f"count({quoted(column.name)})", _sum(column, side)]
    return ", ".join(counted)


def _sum(column: Column, side: int) -> str:
    number = _BY_KIND.get(column.kind, _TEXT)[side].replace("{}", quoted(column.name))
    return f"sum(({number})::hugeint)" if side == 0 else f"sum(({number})::numeric)"


def _difference(table: Table, sent: Sequence[int | None], found: Sequence[int | None]) -> str:
    if sent[0] != found[0]:
        return f"{table.path}: expected {sent[0]:,} rows, found {found[0]:,}"
    for place, column in enumerate(table.columns):
        of_column = slice(1 + 2 * place, 3 + 2 * place)
        if sent[of_column] != found[of_column]:
            (count, total), (other_count, other_total) = sent[of_column], found[of_column]
            return (
                f"{table.path}.{column.name}: expected {count:,} values with the sum {total}, "
                f"found {other_count:,} with {other_total}"
            )
    return f"{table.path}: expected {len(sent)} figures to compare, found {len(found)}"
