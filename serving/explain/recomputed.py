"""A cell beside the same cell computed again from the archive: which of the two values are equal."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import duckdb

from serving.explain.cell import path_of
from warehouse.sql import quoted

RELATIVE: Final = 1e-9
"""Two doubles are equal when they differ by no more than this part of the larger one."""
ABSOLUTE: Final = 1e-12
"""Below this a difference is that of adding doubles in another order: marts are rounded to fewer digits."""


@dataclass(frozen=True, slots=True)
class Again:
    """A cell as it was computed again. `has_row`: the table that was computed again has the row of that key.

    Answers and publishers are those that the table came from, all of them.
    """

    published: Any
    value: Any
    has_row: bool
    evaluated_at: datetime
    code_version: str  # that built the release
    code_version_now: str
    publishers: tuple[str, ...]
    answers_count: int

    @property
    def is_equal(self) -> bool:
        """Whether the published value was computed again."""
        return self.has_row and equal(self.published, self.value)


def equal(published: Any, again: Any) -> bool:
    """Say whether two values are one: doubles to RELATIVE, everything else exactly. NULL equals NULL alone."""
    if isinstance(published, float) and isinstance(again, (int, float)):
        if math.isnan(published) or math.isnan(again):
            return math.isnan(published) and math.isnan(again)
        return math.isclose(published, again, rel_tol=RELATIVE, abs_tol=ABSOLUTE)
    return bool(published == again)


def value_again(con: duckdb.DuckDBPyConnection, mart: str, key: Mapping[str, Any], column: str) -> tuple[bool, Any]:
    """Return whether a table that was computed again has the row of `key`, and its value in `column`."""
    table = ".".join(map(quoted, path_of(mart).split(".")))
    wanted = " and ".join(f"{quoted(name)} = ?" for name in key)
    found = con.execute(f"select {quoted(column)} from {table} where {wanted}", list(key.values())).fetchone()
    return found is not None, None if found is None else found[0]
