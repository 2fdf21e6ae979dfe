"""A wide mart taken apart: the days it has (its spine), and what is joined to them, so that few columns cost little.

A model that declares `as_of: {spine: "select …"}` selects from a spine, a common table expression, and from what it
joins to that by LEFT JOIN, nothing else: no condition, no grouping. Its key is of the spine, so the unique key test of
the mart says that no join doubles a row, and none can drop one. So the columns of some of the joins are the same rows
without the other joins, which need not be computed. The model's text is cut at its tokens; what is kept stays as it
was compiled.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from ingest.errors import ConfigError

if TYPE_CHECKING:
    from sqlglot import exp
    from sqlglot.tokenizer_core import Token

_FORM: Final = "expected `with …, spine as (…) select … from spine as s left join …`, with every column qualified"

_CLAUSES: Final = ("with_", "expressions", "from_", "joins")


class Part(NamedTuple):
    """Columns of a mart that need the same joins, with those of its spine, and the select of them."""

    columns: tuple[str, ...]
    select: str


@dataclass(frozen=True, slots=True)
class _Piece:
    """A column of the select, a join or a common table expression: its text, and the aliases or names that it reads."""

    text: str
    reads: frozenset[str]


@dataclass(frozen=True, slots=True)
class Wide:
    """The select of a wide mart, in pieces."""

    ctes: Mapping[str, _Piece]
    columns: Mapping[str, _Piece]
    spine: str
    source: str  # what follows FROM, up to the first join
    joins: Mapping[str, _Piece]

    @classmethod
    def of(cls, mart: str, sql: str) -> Self:
        """Take a select apart; ConfigError for one that is not of the form."""
        from sqlglot import exp, parse_one, tokenize

        tree = parse_one(sql, read="duckdb")
        source = tree.args.get("from_")
        joins: Sequence[exp.Join] = tree.args.get("joins") or []
        more = [
            name
            for name, value in tree.args.items()
            if value and name not in {"with_", "expressions", "from_", "joins"}
        ]
        if (
            not isinstance(tree, exp.Select)
            or not isinstance(source, exp.From)
            or more
            or any(join.side != "LEFT" or join.method or join.kind or not join.args.get("on") for join in joins)
        ):
            raise ConfigError(f"{mart} declares a spine, and its select is no such: {_FORM}")
        cut = _Cut(sql, tokenize(sql, read="duckdb"))
        base = source.this.alias_or_name
        pieces = dict(zip((one.alias_or_name for one in joins), zip(joins, cut.joins, strict=True), strict=True))
        wide = cls(
            {
                one.alias: _Piece(text, frozenset(table.name for table in one.find_all(exp.Table)) - {one.alias})
                for one, text in zip(tree.ctes, cut.ctes, strict=True)
            },
            {
                one.alias_or_name: _Piece(text, _aliases(mart, one) - {base})
                for one, text in zip(tree.expressions, cut.columns, strict=True)
            },
            source.this.name,
            cut.source,
            {
                alias: _Piece(text, frozenset({join.this.name}) | _aliases(mart, join.args["on"]) - {alias, base})
                for alias, (join, text) in pieces.items()
            },
        )
        if wide.spine not in wide.ctes or len(wide.columns) != len(tree.expressions):
            raise ConfigError(f"{mart} declares a spine, and its select is no such: {_FORM}")
        return wide

    def text(self, spine: str, columns: Iterable[str] | None = None) -> str:
        """Return the select with `spine` in the place of its own, of these columns: all where none are named."""
        listed = [name for name in self.columns if columns is None or name in set(columns)]
        joins = [alias for alias in self.joins if columns is None or alias in self._joined(listed)]
        pieces = {**self.ctes, self.spine: _Piece(f"\n{spine}\n", frozenset())}
        named = _reached({self.spine}.union(*(self.joins[alias].reads for alias in joins)), pieces)
        ctes = ",\n".join(f"{name} as ({piece.text})" for name, piece in pieces.items() if name in named)
        selected = ",\n".join(self.columns[name].text for name in listed)
        joined = "\n".join(self.joins[alias].text for alias in joins)
        return f"with {ctes}\nselect {selected}\nfrom {self.source}\n{joined}"

    def parts(self) -> list[tuple[str, ...]]:
        """Return the columns that need the same joins, each time with those of the spine before them."""
        found: dict[frozenset[str], list[str]] = {}
        for name in self.columns:
            found.setdefault(self._joined([name]), []).append(name)
        own = found.pop(frozenset(), [])
        return [(*own, *names) for names in found.values()]

    def _joined(self, columns: Iterable[str]) -> frozenset[str]:
        return _reached(frozenset().union(*(self.columns[name].reads for name in columns)), self.joins)


class _Cut:
    """The texts of the pieces, in the order in which they stand, cut at the tokens outside of any bracket."""

    def __init__(self, sql: str, tokens: Sequence[Token]) -> None:
        self.ctes: list[str] = []
        self.columns: list[str] = []
        self.joins: list[str] = []
        depth = 0
        opened = begin = 0
        place = "with"
        for token in tokens:
            word = sql[token.start : token.end + 1].upper()  # with its quotes: '(' opens nothing
            depth -= word == ")"
            if depth == 0 and place == "with" and word == ")":
                self.ctes.append(sql[opened : token.start])
            elif depth == 0 and word == "SELECT":
                place, begin = "select", token.end + 1
            elif depth == 0 and place == "select" and word in {",", "FROM"}:
                self.columns.append(sql[begin : token.start].strip())
                place, begin = ("from" if word == "FROM" else place), token.end + 1
            elif depth == 0 and place == "from" and word == "LEFT":
                self.joins.append(sql[begin : token.start].strip())
                begin = token.start
            elif depth == 0 and word == "(":
                opened = token.end + 1
            depth += word == "("
        self.joins.append(sql[begin:].strip())
        self.source = self.joins.pop(0)


def _aliases(mart: str, node: exp.Expression) -> frozenset[str]:
    from sqlglot import exp

    found = list(node.find_all(exp.Column))
    if node.find(exp.Star, exp.Subquery) or any(not column.table for column in found):
        raise ConfigError(f"{mart} declares a spine, and {node.sql('duckdb')[:80]} is not of that form: {_FORM}")
    return frozenset(column.table for column in found)


def _reached(first: Iterable[str], pieces: Mapping[str, _Piece]) -> frozenset[str]:
    """Return what is read, directly or by what is read."""
    found: set[str] = set()
    waiting = [*first]
    while waiting:
        name = waiting.pop()
        if name in pieces and name not in found:
            found.add(name)
            waiting += pieces[name].reads
    return frozenset(found)
