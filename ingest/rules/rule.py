"""What a rule is, and what it looks at.

Three kinds hold a dataset. A rule on rows or on groups is a measure that polars takes and a bound that Great
Expectations holds it to; a search looks for whole blocks that no single row shows, and says what it found. Each rule
stands once: its name, how severe it is, what it finds, and what becomes of what it finds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

if TYPE_CHECKING:
    from ingest.rules.arrived import Arrived
    from ingest.rules.findings import Findings

Severity = Literal["error", "warn"]
Effect = Literal["warn", "refuse", "hold_back"]
"""Of a failure: it is reported; the row (or group) is refused; nothing of the batch lands."""

Measure = Callable[["Arrived"], pl.Expr | pl.Series]


@dataclass(frozen=True, slots=True)
class Rule:
    """A check with its bound. `says`: what the failing ones are; `description`: what holds while it passes.

    `measure`: one number per row; without it the rule is a group's, named by its column, or a search's. NULL passes.
    `other`: a second measure that the first must not exceed. `reason`: why a failing row (all its columns, limits
    included) or group is refused, where "one of the <says>" is not enough. `hides`: a failing row takes no part in the
    searches. `is_flag`: the rows that a search refused under this name fail.
    """

    name: str
    severity: Severity
    says: str
    description: str
    measure: Measure | None = None
    column: str = ""
    at_least: float | None = None
    at_most: float | None = None
    other: Measure | None = None
    other_column: str = ""
    effect: Effect = "warn"
    reason: Callable[[Mapping[str, Any], Arrived], str] | None = None
    hides: bool = False
    is_flag: bool = False
    stage: Literal["gate", "freshness"] = "gate"

    def why(self, row: Mapping[str, Any], arrived: Arrived) -> str:
        """Return the reason of a refused row or group."""
        return f"{self.name}: {self.reason(row, arrived) if self.reason else f'one of the {self.says}'}"


@dataclass(frozen=True, slots=True)
class GroupRules:
    """Rules on a table with one row per group (column `group`): its columns are the measures.

    `table` returns None where there is nothing to look at. `example` names a failing group for a person.
    """

    what: str  # "series", "groups": names the suite
    table: Callable[[Arrived], pl.DataFrame | None]
    rules: tuple[Rule, ...]
    example: Callable[[Mapping[str, Any]], str]


@dataclass(frozen=True, slots=True)
class Search:
    """A search for blocks and the checks that it answers. `needs`: evidence by role and name of datasets."""

    look: Callable[[Arrived, Findings], None]
    rules: tuple[Rule, ...]
    needs: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Rules:
    """All that holds one dataset. Iterating gives each rule once, in the order in which checks are shown."""

    rows: tuple[Rule, ...]
    searches: tuple[Search, ...]
    groups: tuple[GroupRules, ...]

    def __iter__(self) -> Iterator[Rule]:
        """Give every rule."""
        yield from self.rows
        yield from self.searched
        for table in self.groups:
            yield from table.rules

    @property
    def searched(self) -> tuple[Rule, ...]:
        """The rules of searches, apart from those whose rows are marked and counted as rows."""
        return tuple(rule for part in self.searches for rule in part.rules if not rule.is_flag)

    @property
    def needs(self) -> dict[str, str]:
        """What evidence the searches ask for: role -> name of the datasets that have it."""
        return {role: name for part in self.searches for role, name in part.needs.items()}
