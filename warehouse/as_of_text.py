"""How each mart is read at a moment: what its model declares, and the select made from the SQL that the build compiled.

The build leaves what it compiled in `intermediate.compiled`. A mart that is computed anew is the select of its own
model, in which every relation is replaced by what was known of it: a common table expression `known_<relation>`, made
the same way, down to the rows of the published marts. Only names are replaced, where sqlglot finds relations; the rest
of the text stays as it was compiled. What a model declares (`as_of` of its `config: meta:`):

    as_of: computed                  its select, over what was known of all that it reads
    as_of: {rows_by: close_at}       its stored rows whose column is at most the moment
    as_of: {rows_of: observations}   a relation of the build only: the rows of that mart as they were known
    as_of: {select: "…"}             a select of its own; in it `known.<relation>` is a relation as it was known,
                                     `stored.<mart>` its rows up to the moment, `marts.<mart>` all of them, and
                                     $moment the moment
    as_of: {spine: "…"}              computed, on the days of this select, written like the one above: what is joined
                                     to them can be left out where its columns are not asked for (as_of_spine.py)
    as_of: {none: "why"}             it has no past

Without a declaration a mart is its stored rows by the first of CLOCKS that it has, and any other relation is computed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, Literal, NamedTuple

import duckdb

from ingest.errors import ConfigError
from warehouse.as_of_spine import Part, Wide
from warehouse.sql import insert_rows

COMPILED: Final = "intermediate.compiled"
"""What the build compiled, one row per relation: schema_name, name, as_of (JSON), sql_text."""
CLOCKS: Final = ("cutoff_at", "settled_at", "known_at")
"""Which column of a stored row says since when it stands: the first of these that a mart has."""
MOMENT: Final = "$moment"
"""What stands for the moment in a select."""
KINDS: Final = ("computed", "rows_by", "rows_of", "select", "spine", "none")

Kind = Literal["computed", "rows_by", "rows_of", "select", "spine", "none"]


@dataclass(frozen=True, slots=True)
class Compiled:
    """A relation of the build: where it lives, the `as_of` that it declares (None: nothing), and its select."""

    schema: str
    name: str
    as_of: Any
    sql: str


class Rule(NamedTuple):
    """How a relation is read at a moment; `detail` is the column, mart, select or reason that the kind needs."""

    kind: Kind
    detail: str


def rule_of(name: str, declared: object) -> Rule | None:
    """Return the rule that `as_of: <declared>` of the relation `name` says; ConfigError when it says none."""
    if declared is None:
        return None
    entries = {declared: ""} if isinstance(declared, str) else declared
    if isinstance(entries, Mapping) and len(entries) == 1:
        kind, detail = next(iter(entries.items()))
        if kind in KINDS and isinstance(detail, str) and (kind == "computed") == (not detail):
            return Rule(kind, detail)
    raise ConfigError(
        f"as_of of {name} is {declared!r}; expected `computed`, or one of {', '.join(KINDS[1:])} with a text"
    )


def keep_compiled(con: duckdb.DuckDBPyConnection, relations: Iterable[Compiled]) -> None:
    """Store what a build compiled; of relations that were not part of it, what an earlier one left stays."""
    rows = [(one.schema, one.name, json.dumps(one.as_of), one.sql) for one in relations]
    con.execute("create schema if not exists intermediate")
    con.execute(
        f"create table if not exists {COMPILED} (schema_name varchar, name varchar, as_of varchar, sql_text varchar,"
        " primary key (schema_name, name))"
    )
    insert_rows(con, COMPILED, rows, "insert or replace into")


def compiled_in(con: duckdb.DuckDBPyConnection) -> list[Compiled]:
    """Return what the build compiled; nothing where it was not dbt that wrote the marts."""
    schema, name = COMPILED.split(".")
    query = (
        "select 1 from duckdb_tables() where database_name = current_database() and schema_name = ? and table_name = ?"
    )
    if con.execute(query, [schema, name]).fetchone() is None:
        return []
    rows = con.execute(f"select schema_name, name, as_of, sql_text from {COMPILED} order by all").fetchall()
    return [Compiled(schema, name, json.loads(as_of), sql) for schema, name, as_of, sql in rows]


class Relations:
    """The relations of a build, by (schema, name), with the rule of each."""

    def __init__(self, compiled: Iterable[Compiled], columns: Mapping[str, Sequence[str]]) -> None:
        """Take what was compiled, and the columns of every mart that is there."""
        self._compiled = {(one.schema, one.name): one for one in compiled}
        self._columns = columns

    def rule(self, schema: str, name: str) -> Rule:
        """Return how a relation is read at a moment; ConfigError for one that the build does not know."""
        one = self._compiled.get((schema, name))
        declared = rule_of(name, one.as_of) if one else None
        if declared is not None:
            return declared
        if schema == "marts" and name in self._columns:
            return self.stored(name)
        if one is None:
            raise ConfigError(f"{schema}.{name} is neither a mart nor made from marts: it cannot be read at a moment")
        return Rule("computed", "")

    def stored(self, mart: str) -> Rule:
        """Return how the stored rows of a mart are read at a moment."""
        clock = next((clock for clock in CLOCKS if clock in self._columns[mart]), None)
        return Rule("rows_by", clock) if clock else Rule("none", "has no column that says since when its rows stand")

    def select(self, mart: str) -> str | None:
        """Return the select of a mart at $moment; None when it has no past."""
        rule = self.rule("marts", mart)
        if rule.kind == "none":
            return None
        if rule.kind == "rows_by":
            return _rows(mart, rule.detail)
        known = _Known(self)
        return known.with_ctes(known.body("marts", mart))

    def parts(self, mart: str) -> list[Part]:
        """Return the selects of a mart by parts, each at $moment; none of a mart without a spine."""
        if self.rule("marts", mart).kind != "spine":
            return []
        wide = Wide.of(mart, self.sql("marts", mart))
        found = []
        for columns in wide.parts():
            known = _Known(self)
            found.append(Part(columns, known.with_ctes(known.wide(mart, wide, columns))))
        return found

    def sql(self, schema: str, name: str) -> str:
        """Return the select that made a relation."""
        return self._compiled[schema, name].sql

    def schema_of(self, name: str) -> str:
        """Return the schema of the relation that a select by hand calls known.<name>."""
        schemas = [schema for schema in ("marts", "intermediate") if (schema, name) in self._compiled]
        return schemas[0] if schemas else "marts"


@dataclass(slots=True)
class _Known:
    """The relations that one select rests on, as they were known: text, and whether it is worth keeping in memory."""

    relations: Relations
    ctes: dict[str, tuple[str, bool]] = field(default_factory=dict)

    def body(self, schema: str, name: str) -> str:
        """Return the select of a relation as it was known."""
        rule = self.relations.rule(schema, name)
        if rule.kind == "rows_by":
            return _rows(name, rule.detail)
        if rule.kind == "rows_of":
            return self.body("marts", rule.detail)
        if rule.kind == "none":
            raise ConfigError(f"{schema}.{name} {rule.detail}: no mart can be computed from it as of a moment")
        if rule.kind == "select":
            return self._replaced(rule.detail, by_hand=True)
        if rule.kind == "spine":
            return self.wide(name, Wide.of(name, self.relations.sql(schema, name)))
        return self._replaced(self.relations.sql(schema, name), by_hand=False)

    def wide(self, mart: str, wide: Wide, columns: Sequence[str] | None = None) -> str:
        """Return the select of a mart on the spine that it declares, of some of its columns."""
        here = f"select '{mart}'"
        spine = self._replaced(self.relations.rule("marts", mart).detail, by_hand=True)
        return self._replaced(wide.text(here, columns), by_hand=False).replace(here, spine)

    def with_ctes(self, body: str) -> str:
        """Return a select with what it rests on before it."""
        ctes = ",\n".join(
            f"{name} as {'materialized ' if is_shared else ''}(\n{text}\n)"
            for name, (text, is_shared) in self.ctes.items()
        )
        return f"with {ctes}\nselect * from (\n{body}\n)" if ctes else body

    def _replaced(self, text: str, *, by_hand: bool) -> str:
        """Return `text` with the names of relations replaced, and what they stand for in `ctes`."""
        places = []
        for (schema, name), start, end in _relations(text):
            if by_hand and schema == "marts":
                continue  # all rows of the file
            places.append(
                (start, end, self._stored(name) if by_hand and schema == "stored" else self._known(schema, name))
            )
        for start, end, cte in reversed(places):
            text = text[:start] + cte + text[end:]
        return text

    def _known(self, schema: str, name: str) -> str:
        cte = f"known_{name}"
        if cte not in self.ctes:
            schema = self.relations.schema_of(name) if schema == "known" else schema
            is_shared = schema == "marts" and self.relations.rule(schema, name).kind in {"computed", "spine"}
            self.ctes[cte] = (self.body(schema, name), is_shared)
        return cte

    def _stored(self, mart: str) -> str:
        cte = f"stored_{mart}"
        self.ctes.setdefault(cte, (_rows(mart, self.relations.stored(mart).detail), False))
        return cte


def _rows(mart: str, clock: str) -> str:
    return f'select * from marts."{mart}" where "{clock}" <= {MOMENT}'


@lru_cache(maxsize=256)  # the parts of a wide mart rest on the same texts
def _relations(text: str) -> list[tuple[tuple[str, str], int, int]]:
    """Return the relations that `text` names with their schema: schema and name, where it starts and where it ends."""
    import sqlglot
    from sqlglot import exp

    try:
        tree = sqlglot.parse_one(text, read="duckdb")
    except sqlglot.errors.ParseError as error:
        raise ConfigError(f"sqlglot cannot read the select {text[:80]!r}…: {error}") from error
    found = []
    for table in tree.find_all(exp.Table):
        parts = table.parts
        if len(parts) > 1:
            place = parts[0].meta["start"], parts[-1].meta["end"] + 1
            found.append(((parts[-2].name, parts[-1].name), *place))
    return sorted(found, key=lambda one: one[1])
