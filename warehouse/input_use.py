"""How an expression uses a column: takes it as it is, scales it by another, or makes something new of it.

A figure that is rounded, cast, carried, chosen among others, times or plus a number is still that figure. Times or over
another column it may be the same thing in another unit (yen in dollars) or a ratio: who knows the two columns can say.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, Literal

Use = Literal["copy", "scaled", "part"]

STRENGTH: Final[dict[str, int]] = {"part": 0, "scaled": 1, "copy": 2}


def weaker(one: Use, other: Use) -> Use:
    """Return the use of a column of a column: the weaker of the two steps."""
    return min(one, other, key=STRENGTH.__getitem__)


def stronger(one: Use, other: Use) -> Use:
    """Return the use of a column that is used in two ways."""
    return max(one, other, key=STRENGTH.__getitem__)


def uses_of(expression: Any) -> dict[tuple[str, str] | None, Use]:
    """Return how a sqlglot expression uses each column, by table and name; None stands for its subqueries."""
    found: dict[tuple[str, str] | None, Use] = {}
    for key, use in _uses(expression, "copy"):
        found[key] = stronger(found.get(key, "part"), use)
    return found


def _uses(node: Any, use: Use) -> Iterator[tuple[tuple[str, str] | None, Use]]:
    """Yield the columns below `node`, each with its use where the node itself has `use`."""
    from sqlglot import exp

    if isinstance(node, exp.Column):
        yield (node.table.lower(), node.name.lower()), use
        return
    if isinstance(node, exp.Query):
        yield None, use
    kept = {id(one) for one in _same_figure(node)}
    inner: Use = weaker(use, "scaled") if isinstance(node, (exp.Mul, exp.Div)) and _has_two(node) else use
    for child in node.iter_expressions():
        yield from _uses(child, inner if id(child) in kept else "part")


def _same_figure(node: Any) -> list[Any]:
    """Return the children whose figure is the figure of `node`, or a fixed multiple of it."""
    from sqlglot import exp

    if isinstance(node, (exp.Mul, exp.Div, exp.Paren, exp.Alias, exp.Cast, exp.Neg, exp.Round, exp.Abs, exp.Dot)):
        return [node.this, *([node.expression] if isinstance(node, (exp.Mul, exp.Div)) else [])]
    if isinstance(node, (exp.Add, exp.Sub)):
        return [] if _has_two(node) else [node.this, node.expression]
    if isinstance(node, exp.Case):
        return [*node.args.get("ifs", ()), *filter(None, [node.args.get("default")])]
    if isinstance(node, exp.If):
        return [one for one in (node.args.get("true"), node.args.get("false")) if one is not None]
    if isinstance(node, (exp.Coalesce, exp.Greatest, exp.Least)):
        return [node.this, *node.expressions]
    if isinstance(node, exp.Struct):
        return list(node.expressions)
    if isinstance(node, exp.PropertyEQ):
        return [node.expression]
    taking: tuple[type[exp.Expression], ...] = (
        *(exp.Max, exp.Min, exp.AnyValue, exp.First, exp.Last, exp.FirstValue, exp.LastValue, exp.NthValue),
        *(exp.ArgMax, exp.ArgMin, exp.Lag, exp.Lead, exp.Filter, exp.Window, exp.IgnoreNulls, exp.RespectNulls),
        *(exp.Nullif, exp.Ceil, exp.Floor, exp.Trunc, exp.Order),
    )
    return [node.this] if isinstance(node, taking) else []


def _has_two(node: Any) -> bool:
    """Say whether both sides of an operation read a column."""
    from sqlglot import exp

    return all(side.find(exp.Column, exp.Query) is not None for side in (node.this, node.expression))
