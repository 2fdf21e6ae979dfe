"""How tables that are neither raw nor dbt models are declared: in YAML, by schema and name, with types and comments.

    meta.build:
      comment: Which release this file is. One row.
      key: [build_id]
      columns:
        build_id: {type: varchar, comment: Moment and content of the release}
        run_id: varchar                          # without a comment
        counts:                                  # a block: its columns once for each, in order
          each: {side: {panic: {need: 3}, optimism: {need: 2}}}       # or a list: {side: [panic, optimism]}
          columns:
            "{side}_count": {type: bigint, comment: "Legs; {need} make it extreme"}

Braces name what a block goes through, or a figure that the reader of the file gives.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from ingest.yaml_files import read_mapping
from warehouse.sql import quoted


class Column(NamedTuple):
    """A column: its name, its type (in the build file with its constraint) and its comment."""

    name: str
    kind: str
    comment: str | None


@dataclass(frozen=True, slots=True)
class DeclaredTable:
    """A table: its schema, name, comment and columns, and the columns that tell its rows apart where it says them."""

    schema: str
    name: str
    comment: str | None
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        return f"{quoted(self.schema)}.{quoted(self.name)}"


def declared_tables(path: Path) -> tuple[DeclaredTable, ...]:
    """Return the tables of a file in its order."""
    return tuple(declared_table(path, name) for name in _entries(path))


def declared_table(path: Path, name: str, **figures: object) -> DeclaredTable:
    """Return a table of a file by `schema.name`; `figures` are named in its comments."""
    entry = _entries(path)[name]
    schema, _, table = name.partition(".")
    columns = tuple(_columns(entry["columns"], figures))
    comment = entry["comment"]
    told = None if comment is None else comment.format(**figures)
    return DeclaredTable(schema, table, told, columns, tuple(entry.get("key", ())))


@cache
def _entries(path: Path) -> dict[str, Any]:
    return read_mapping(path, "tables")


def _columns(entries: Mapping[str, Any], words: Mapping[str, object]) -> Iterator[Column]:
    for name, entry in entries.items():
        if isinstance(entry, str):
            yield Column(name.format(**words), entry, None)
        elif "each" in entry:
            ((word, items),) = entry["each"].items()
            for item in items:
                of_item = items[item] if isinstance(items, Mapping) else {}
                yield from _columns(entry["columns"], {**words, word: item, **of_item})
        else:
            yield Column(name.format(**words), entry["type"], entry["comment"].format(**words))
