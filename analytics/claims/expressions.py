"""Conditions as text: comparisons, and/or/not and arithmetic over known features, parameters and FUNCTIONS.

Parsed by Python's own parser and evaluated over polars series; nothing else of Python is let in. Logic is
three-valued: FALSE and unknown is FALSE, TRUE and unknown is unknown.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final

import polars as pl

from analytics.claims.functions import FUNCTIONS, Known
from ingest.errors import ConfigError

Parameters = Mapping[str, float]

_ARITHMETIC: Final[dict[type[ast.operator], Callable[[Any, Any], Any]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_COMPARED: Final[dict[type[ast.cmpop], Callable[[Any, Any], Any]]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_LONGEST: Final = 600


@cache
def parsed(text: str) -> ast.expr:
    """Return the tree of an expression; ConfigError for what is none."""
    if len(text) > _LONGEST:
        raise ConfigError(f"condition {text[:40]!r}…: expected at most {_LONGEST} characters, got {len(text)}")
    try:
        return ast.parse(" ".join(text.split()), mode="eval").body
    except SyntaxError as error:
        raise ConfigError(f"condition {text!r} is no expression: {error.msg}") from None


def names_in(text: str) -> frozenset[str]:
    """Return the features and parameters that an expression names."""
    return _names(parsed(text))


@cache
def _names(tree: ast.expr) -> frozenset[str]:
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    return frozenset(node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in called)


Seen = dict[tuple[ast.expr, tuple[float, ...]], Any]
"""What the parts of one expression came to, by the parameters that each names."""


def evaluate(text: str, features: Mapping[str, Known], parameters: Parameters, seen: Seen | None = None) -> pl.Series:
    """Return TRUE, FALSE or NULL for each session; ConfigError names what an expression may not say.

    With `seen`, for the same features, no part is evaluated again that hangs on parameters of the same values.
    """
    found = _plain(parsed(text), _Scope(text, features, parameters, {} if seen is None else seen))
    if not isinstance(found, pl.Series) or found.dtype != pl.Boolean:
        raise ConfigError(f"condition {text!r}: expected a statement, such as vix > 35")
    return found


def evaluate_number(text: str, features: Mapping[str, Known]) -> Known | pl.Series:
    """Return a number for each session, with its periods where the expression has them."""
    scope = _Scope(text, features, {}, {})
    found = _value(parsed(text), scope)
    if not isinstance(found, Known | pl.Series) or _is_statement(found):
        raise scope.refused(parsed(text), "expected a number for each session")
    return found


def _is_statement(found: Known | pl.Series) -> bool:
    values = found.values if isinstance(found, Known) else found
    return values.dtype in (pl.Boolean, pl.String)


class _Scope:
    """What the names of one expression stand for."""

    def __init__(self, text: str, features: Mapping[str, Known], parameters: Parameters, seen: Seen) -> None:
        self.text, self.features, self.parameters, self.seen = text, features, parameters, seen

    def of(self, node: ast.expr) -> tuple[float, ...]:
        """Return the values of the parameters that a part names, in the order of their names."""
        return tuple(self.parameters[name] for name in sorted(_names(node)) if name in self.parameters)

    def refused(self, node: ast.AST, what: str) -> ConfigError:
        return ConfigError(f"condition {self.text!r}: {ast.unparse(node)}: {what}")


def _value(node: ast.expr, scope: _Scope) -> Any:
    key = node, scope.of(node)
    if key not in scope.seen:
        scope.seen[key] = _evaluated(node, scope)
    return scope.seen[key]


def _evaluated(node: ast.expr, scope: _Scope) -> Any:
    match node:
        case ast.Constant(value=value) if isinstance(value, (int, float, str)) and not isinstance(value, bool):
            return value
        case ast.Name(id=name):
            return _named(node, name, scope)
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            return -_plain(inner, scope)
        case ast.UnaryOp(op=ast.Not(), operand=inner):
            return ~_statement(inner, scope)
        case ast.BinOp(left=left, op=sign, right=right) if type(sign) in _ARITHMETIC:
            return _ARITHMETIC[type(sign)](_plain(left, scope), _plain(right, scope))
        case ast.BoolOp(op=word, values=parts):
            join = operator.and_ if isinstance(word, ast.And) else operator.or_
            found = _statement(parts[0], scope)
            for part in parts[1:]:
                found = join(found, _statement(part, scope))
            return found
        case ast.Compare(left=left, ops=[sign], comparators=[right]) if type(sign) in _COMPARED:
            return _COMPARED[type(sign)](_plain(left, scope), _plain(right, scope))
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
            return _called(node, name, arguments, scope)
    raise scope.refused(node, "expected comparisons, and, or, not, + - * / and the functions of conditions")


def _named(node: ast.expr, name: str, scope: _Scope) -> Any:
    if name in scope.parameters:
        return scope.parameters[name]
    if name in scope.features:
        return scope.features[name]
    raise scope.refused(node, "no such feature or parameter")


def _plain(node: ast.expr, scope: _Scope) -> Any:
    found = _value(node, scope)
    return found.values if isinstance(found, Known) else found


def _statement(node: ast.expr, scope: _Scope) -> pl.Series:
    found = _plain(node, scope)
    if not isinstance(found, pl.Series) or found.dtype != pl.Boolean:
        raise scope.refused(node, "expected a statement, such as vix > 35")
    return found


def _called(node: ast.expr, name: str, arguments: list[ast.expr], scope: _Scope) -> Any:
    if name not in FUNCTIONS:
        raise scope.refused(node, f"no such function; there are {', '.join(FUNCTIONS)}")
    function, kinds = FUNCTIONS[name]
    if len(arguments) != len(kinds):
        raise scope.refused(node, f"expected {len(kinds)} arguments, got {len(arguments)}")
    return function(*(_argument(one, kind, scope) for one, kind in zip(arguments, kinds, strict=True)))


def _argument(node: ast.expr, kind: str, scope: _Scope) -> Any:
    if kind == "k":
        found = _value(node, scope)
        if not isinstance(found, Known):
            raise scope.refused(node, "expected the name of a feature")
        return found
    if kind == "b":
        return _statement(node, scope)
    found = _plain(node, scope)
    is_number = isinstance(found, (int, float))
    if kind == "x" and not isinstance(found, pl.Series):
        raise scope.refused(node, "expected a feature")
    if kind in "nf" and not is_number:
        raise scope.refused(node, "expected a number or a parameter")
    if kind == "n":
        if found != int(found) or found < 1:
            raise scope.refused(node, f"expected a whole number of sessions from 1 on, got {found:g}")
        return int(found)
    return found.cast(pl.Float64) if kind == "x" and found.dtype != pl.Boolean else found
