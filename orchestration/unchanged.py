"""What a build need not make again: relations and passed tests of the last sound build that rest on the same as then.

Each model, seed and test of the dbt project has a fingerprint: the project's own, the state of every table that it
rests on in the end, and what it takes of the run's clock. A series' new value changes what reads that series and
nothing else: relations that keep a column apart (`meta: {by: series_id}`: what they say of a series comes of its rows
alone) are followed by series, and which of them a select reads is read off it (orchestration.reads).

Nothing is known after a build that failed, for another version of the project, of the schema or of DuckDB, or in a new
build file: everything is built. Built each time is what reads the run's moment, unless its model says that it only
takes from it which sessions have closed (`meta: {clock: closes}`: it reads no others) or which cut-offs have passed
(`cutoffs`); what reads the run's id or anything else that changes by itself; and a test that only warned.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import duckdb

from orchestration.reads import NOT_DETERMINED, values_read
from warehouse.built import Built, Relation, States, keep_built, relations, take_built

RUN_AT: Final = "$run_at"
CLOCKS: Final[Mapping[str, str]] = {
    "closes": "select count(*), bit_xor(hash(s)), sum(hash(s)::hugeint) from calendar.sessions as s"
    " where close_at <= $run_at",
    "cutoffs": "select count(*) from calendar.sessions where cutoff_at <= $run_at",
}
"""What a model may take of the run's moment, by the name that its `meta: clock` gives."""
STANDS_FOR: Final = {"closes": ("calendar", "sessions")}
"""A table of which a model of that clock reads what had happened by then: every day adds to what is still to come."""
KINDS: Final = ("model", "seed", "snapshot", "test")


@dataclass(slots=True)
class Plan:
    """What is left as it is. `reason` says for people why everything is built; None where that is not so."""

    project: Project
    before: Mapping[str, Built]
    left: frozenset[str]
    reason: str | None = None

    def left_of(self, kind: str) -> list[tuple[Mapping[str, Any], Built]]:
        """Return the nodes of a kind that are left as they are, with the record of each."""
        nodes = ((self.project.nodes[name], self.before[name]) for name in sorted(self.left))
        return [(node, built) for node, built in nodes if node["resource_type"] == kind]

    def keep(self, con: duckdb.DuckDBPyConnection, made: Mapping[str, str], now: datetime, run_id: str) -> None:
        """Record a build that passed its audit. `made`: by sound node, the text that was run; the rest is left."""
        project = self.project
        project.compile(made)
        nodes = [self.before[name] for name in self.left]
        for name in made:
            mark = project.fingerprint(name)
            if mark is not None:
                nodes.append(Built(name, mark, project.compiled[name], project.reads(name), now, run_id))
        keep_built(con, nodes)


def plan_build(
    con: duckdb.DuckDBPyConnection,
    manifest: Mapping[str, Any],
    *,
    version: str,
    run_at: str,
    run_id: str,
    build_all: str | None,
) -> Plan:
    """Return what the build of `con` may leave. `version`: of the project; `build_all`: why nothing may be left."""
    before = take_built(con)
    project = Project(con, manifest, before, version=version, run_at=run_at, run_id=run_id)
    if build_all is not None or not before:
        return Plan(project, before, frozenset(), build_all or "no sound build of this file is on record")
    there = relations(con)
    left = frozenset(name for name, node in project.nodes.items() if _is_left(project, node, before.get(name), there))
    return Plan(project, before, left)


def _is_left(project: Project, node: Mapping[str, Any], before: Built | None, there: Collection[Relation]) -> bool:
    if before is None or project.fingerprint(node["unique_id"]) != before.fingerprint:
        return False
    return node["resource_type"] == "test" or relation_of(node) in there


def relation_of(node: Mapping[str, Any]) -> Relation:
    """Return schema and table of a node or source."""
    return node["schema"], node.get("alias") or node.get("identifier") or node["name"]


class Project:
    """The nodes of the dbt project over the tables that they rest on, and the fingerprint of each."""

    def __init__(
        self,
        con: duckdb.DuckDBPyConnection,
        manifest: Mapping[str, Any],
        before: Mapping[str, Built],
        *,
        version: str,
        run_at: str,
        run_id: str,
    ) -> None:
        """Look at every table that a node rests on, as it is before the build."""
        self.run_at, self.run_id = run_at, run_id
        self.nodes: dict[str, Mapping[str, Any]] = {
            name: node for name, node in manifest["nodes"].items() if node["resource_type"] in KINDS
        }
        self.sources: dict[str, Mapping[str, Any]] = dict(manifest["sources"])
        self.compiled = {name: one.compiled for name, one in before.items()}
        self._reads: dict[str, tuple[str, Mapping[str, tuple[str, ...]]]] = {
            name: (one.compiled, one.reads) for name, one in before.items()
        }
        self._known: dict[tuple[str, str | None], str | None] = {}
        self._column_of = {
            ".".join(relation_of(node)): by for node in self.nodes.values() if (by := _meta(node).get("by"))
        }
        self._states = States(con, {relation_of(node) for node in self.sources.values()}, self._column_of)
        clocks = {clock: con.execute(CLOCKS[clock], {"run_at": run_at}).fetchone() for clock in CLOCKS}
        self._clocks = {clock: repr(seen) for clock, seen in clocks.items()}
        schema = con.execute("select name, text_sha256 from ops.migrations order by all").fetchall()
        self._version = _digest([version, duckdb.__version__, repr(schema)])

    def compile(self, made: Mapping[str, str]) -> None:
        """Take what was compiled in this run, and think anew."""
        self.compiled.update((name, text.replace(self.run_at, RUN_AT)) for name, text in made.items())
        self._known.clear()

    # ---- what a node reads -------------------------------------------------------------------------------------------

    def reads(self, name: str) -> Mapping[str, tuple[str, ...]]:
        """Return the relations kept apart of which a node reads some values only, as "schema.name"."""
        text = self.compiled.get(name, "")
        seen, found = self._reads.get(name, ("", {}))
        if seen != text:
            apart = {}
            for parent in self._parents(name):
                relation, column = self._apart(parent)
                if column is not None:
                    apart[relation] = column
            values = values_read(text, apart) if apart and text else {}
            found = {".".join(relation): of for relation, of in values.items()}
            self._reads[name] = text, found
        return found

    def _parents(self, name: str) -> list[str]:
        parents: list[str] = self.nodes[name]["depends_on"].get("nodes", [])  # a seed has none
        return parents

    def _apart(self, name: str) -> tuple[Relation, str | None]:
        """Return the relation of a node or source, and the column by which it is kept apart."""
        node = self.nodes.get(name) or self.sources[name]
        relation = relation_of(node)
        if name in self.nodes:
            return relation, self._column_of.get(".".join(relation))
        by = self._states.parts.get(relation) or {}
        return relation, next(iter(by), None)

    # ---- fingerprints ------------------------------------------------------------------------------------------------

    def fingerprint(self, name: str) -> str | None:
        """Return what a node is made from; None where it has to be made each time."""
        node = self.nodes.get(name)
        if node is not None and _is_view(node):
            # its rows are those of what it reads; itself it is a text
            return self._own(name)
        return self._of(name, None)

    def _of(self, name: str, value: str | None) -> str | None:
        """Return the fingerprint of all rows of a node or source, or of those whose column has `value`."""
        key = name, value
        if key not in self._known:
            self._known[key] = self._source(name, value) if name in self.sources else self._node(name, value)
        return self._known[key]

    def _source(self, name: str, value: str | None) -> str:
        relation, column = self._apart(name)
        if value is None or column is None:
            return self._states.whole[relation]
        return self._states.parts[relation][column].get(value, "no rows")

    def _node(self, name: str, value: str | None) -> str | None:
        own = self._own(name)
        if own is None:
            return None
        _, mine = self._apart(name)
        lines = [own, repr(value)]
        reads = self.reads(name)
        for parent in sorted(self._parents(name)):
            if parent not in self.nodes and parent not in self.sources:
                return None  # an operation, an exposure: nothing is known of it
            relation, theirs = self._apart(parent)
            if relation == STANDS_FOR.get(_clock(self.nodes[name])):
                continue
            values: tuple[str | None, ...] = (None,)
            if value is not None and theirs == mine:
                values = (value,)
            elif ".".join(relation) in reads:
                values = reads[".".join(relation)]
            for one in values:
                mark = self._of(parent, one)
                if mark is None:
                    return None
                lines.append(f"{parent} {one!r} {mark}")
        return _digest(lines)

    def _own(self, name: str) -> str | None:
        """Return the fingerprint of a node's text, with what it takes of the run's clock; None: of the run itself."""
        node = self.nodes[name]
        if node["resource_type"] == "seed":
            return _digest([self._version, name])  # its file is part of the project
        text = self.compiled.get(name)
        if text is None or NOT_DETERMINED.search(text) or self.run_id in text:
            return None
        clock = ""
        if RUN_AT in text:
            clock = self._clocks.get(_clock(node), "")
            if not clock:
                return None
        return _digest([self._version, name, text, clock])


def _is_view(node: Mapping[str, Any]) -> bool:
    return bool(node["resource_type"] == "model" and node["config"].get("materialized") == "view")


def _meta(node: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = node["config"].get("meta") or {}
    return found


def _clock(node: Mapping[str, Any]) -> str:
    return str(_meta(node).get("clock", ""))


def _digest(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:24]
