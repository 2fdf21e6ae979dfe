"""From which series and publishers a column of a mart comes, by the lineage that the published file has."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from serving.report.rendering import has_table

if TYPE_CHECKING:
    import duckdb

_BESIDES: Final = frozenset(("sessions", "session_date", "session_seq"))
"""Calendars are in every column's lineage and no source of its figures."""


@dataclass(slots=True)
class Lineage:
    """The inputs of each column, the publisher and the state of each series, the publisher of each raw schema."""

    inputs: dict[tuple[str, str], list[tuple[str, str, str | None]]] = field(default_factory=dict)
    publishers: dict[str, str] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=dict)
    schemas: dict[str, str] = field(default_factory=dict)
    providers: frozenset[str] = frozenset()

    def sources(self, mart: str, column: str) -> tuple[frozenset[str], frozenset[str]]:
        """Return the series that a column of a mart comes from, and the raw schemas, through whatever marts."""
        series: set[str] = set()
        raw: set[str] = set()
        seen: set[tuple[str, str]] = set()
        waiting = [(f"marts.{mart}", column)]
        while waiting:
            place = waiting.pop()
            if place in seen:
                continue
            seen.add(place)
            for path, name, series_id in self.inputs.get(place, ()):
                schema, table = path.split(".", 1)
                if table in _BESIDES or name in _BESIDES:
                    continue
                if series_id is not None:
                    series.add(series_id)
                elif schema == "marts":
                    waiting.append((path, name))
                else:
                    raw.add(schema)
        return frozenset(series), frozenset(raw)

    def names(self, series: frozenset[str], raw: frozenset[str]) -> tuple[str, ...]:
        """Return the publishers of some series and raw schemas by name; those that are no publisher's are left out.

        Beside series the raw tables that all series come through say nothing more.
        """
        found = {self.publishers[one] for one in series if one in self.publishers}
        others = raw - self.providers if found else raw
        return tuple(sorted(found | {self.schemas[one] for one in others if one in self.schemas}))


def read_lineage(con: duckdb.DuckDBPyConnection) -> Lineage:
    """Return the lineage of an open published file; empty where it has none."""
    if not has_table(con, "meta", "lineage"):
        return Lineage()
    from ingest.registry import publishers

    found = Lineage(schemas={one.name: one.publisher for one in publishers().values() if not one.is_users_own})
    rows = con.execute("select table_path, column_name, input_path, input_column, input_series_id from meta.lineage")
    for table, column, path, name, series_id in rows.fetchall():
        found.inputs.setdefault((table, column), []).append((path, name, series_id))
    found.publishers = dict(con.execute("select series_id, publisher from marts.series").fetchall())
    found.providers = frozenset(
        provider
        for (listed,) in con.execute("select providers from marts.series").fetchall()
        for provider in listed.split(", ")
    )
    found.states = dict(con.execute("select series_id, state from meta.freshness").fetchall())
    return found
