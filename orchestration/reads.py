"""Which rows of a relation a select can see: those of some series only, where it says so itself.

`… from int_observations_latest where series_id in ('a', 'b')` rests on two series of a hundred. It is enough to look at
the selects that name the relation: rows that such a condition drops reach nothing else of the query.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sqlglot import exp

NOT_DETERMINED: Final = re.compile(
    r"\b(now|today|get_current_timestamp|transaction_timestamp|random|uuid|gen_random_uuid|uuidv4|uuidv7|nextval"
    r"|current_setting|getenv)\s*\(|\bcurrent_(date|time|timestamp)\b|\btablesample\b|\busing\s+sample\b",
    re.IGNORECASE,
)
"""What gives something else each time, whatever is read."""


def values_read(text: str, columns: Mapping[tuple[str, str], str]) -> dict[tuple[str, str], tuple[str, ...]]:
    """Return, of the relations that `text` reads in part only, which values of their column of `columns` it sees.

    A relation that is named anywhere without such a condition is not among them: all of its rows may count.
    """
    import sqlglot
    from sqlglot import exp

    try:
        tree = sqlglot.parse_one(text, read="duckdb")
    except sqlglot.errors.ParseError:
        return {}
    seen: dict[tuple[str, str], set[str] | None] = {}
    for table in tree.find_all(exp.Table):
        relation = (table.db, table.name)
        if relation not in columns:
            continue
        values = _values(table, columns[relation])
        before = seen.get(relation, set())
        seen[relation] = None if values is None or before is None else before | values
    return {relation: tuple(sorted(values)) for relation, values in seen.items() if values is not None}


def _values(table: exp.Table, column: str) -> set[str] | None:
    """Return the values that the select around `table` lets through; None where it does not name them."""
    from sqlglot import exp

    select = table.parent_select
    if not isinstance(select, exp.Select) or table.args.get("pivots") or _renames(table) or _picks(select):
        return None
    where = select.args.get("where")
    of = {table.alias_or_name} if _joins(select) else {table.alias_or_name, ""}
    found = [] if where is None else [_listed(part, column, of) for part in _parts(where.this)]
    named = [values for values in found if values is not None]
    return min(named, key=len) if named else None


def _renames(table: exp.Table) -> bool:
    alias = table.args.get("alias")
    return alias is not None and bool(alias.args.get("columns"))


def _picks(select: exp.Select) -> bool:
    """Say whether a join picks one row of several before the condition is looked at: an ASOF join does."""
    return any(join.args.get("method") for join in select.args.get("joins") or ())


def _joins(select: exp.Select) -> bool:
    return bool(select.args.get("joins") or select.args.get("laterals"))


def _parts(condition: exp.Expr) -> Iterator[exp.Expr]:
    """Yield what must all be true for the condition to be true."""
    from sqlglot import exp

    while isinstance(condition, exp.Paren):
        condition = condition.this
    if isinstance(condition, exp.And):
        yield from _parts(condition.left)
        yield from _parts(condition.right)
    else:
        yield condition


def _listed(condition: exp.Expr, column: str, of: set[str]) -> set[str] | None:
    """Return the texts of `column = 'a'` or `column in ('a', 'b')`; None of any other condition."""
    from sqlglot import exp

    if isinstance(condition, exp.EQ):
        left, texts = condition.left, [condition.right]
    elif isinstance(condition, exp.In) and not condition.args.get("query") and not condition.args.get("unnest"):
        left, texts = condition.this, condition.expressions
    else:
        return None
    is_column = isinstance(left, exp.Column) and left.name == column and left.table in of
    if not is_column or not texts or not all(isinstance(one, exp.Literal) and one.is_string for one in texts):
        return None
    return {one.this for one in texts}
