"""The SQL of a dataset: how its rows are told apart, grouped and compared. Aliases are those of the caller's query."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ingest.dataset import Dataset


@dataclass(frozen=True, slots=True)
class Keyed:
    """The parts of a query over rows of one dataset."""

    table: Dataset

    @property
    def period(self) -> str:
        """The column of the day of a row."""
        return self.table.period

    @property
    def keys(self) -> tuple[str, ...]:
        """The key columns."""
        return self.table.key_names

    @property
    def values(self) -> tuple[str, ...]:
        """The value columns."""
        return self.table.value_names

    @property
    def attributes(self) -> tuple[str, ...]:
        """The columns that come with a row and are not compared."""
        return tuple(column.name for column in self.table.attributes)

    @property
    def has_rows_of_a_period(self) -> bool:
        """Say whether a period of a group may have several rows."""
        return len({*self.keys} - {self.table.group, self.period}) > 0

    def group(self, alias: str) -> str:
        """Return a row's group."""
        return f"{alias}.{self.table.group}" if self.table.group else "''"

    def same(self, one: str, other: str) -> str:
        """Return "the same key"."""
        return " and ".join(f"{one}.{name} = {other}.{name}" for name in self.keys)

    def has_value(self, alias: str) -> str:
        """Return "this row is not withdrawn"."""
        return "(" + " or ".join(f"{alias}.{name} is not null" for name in self.values) + ")"

    def loses(self, held: str, came: str) -> str:
        """Return "a value that is held came as missing"."""
        return "(" + " or ".join(f"{held}.{name} is not null and {came}.{name} is null" for name in self.values) + ")"

    def differs(self, came: str, held: str) -> str:
        """Return "another vintage": a value moved by more than its tolerance, came or went."""
        return " or ".join(f"({part})" for part in self._differing(came, held).values())

    def restates(self, came: str, held: str) -> str:
        """Return "a value that is held is another one now"; a gap that is filled, and a value gone, restate nothing."""
        parts = self._differing(came, held).items()
        both = (f"({held}.{name} is not null and {came}.{name} is not null and {part})" for name, part in parts)
        return "(" + " or ".join(both) + ")"

    def row_json(self, alias: str) -> str:
        """Return keys and values as JSON text, as quarantine keeps a row."""
        return f"to_json({self.struct(alias, (*self.keys, *self.values))})::varchar"

    def attributes_json(self, alias: str) -> str:
        """Return what comes with a row as JSON text; NULL where nothing does."""
        return f"to_json({self.struct(alias, self.attributes)})::varchar" if self.attributes else "null"

    def struct(self, alias: str, names: Sequence[str]) -> str:
        """Return a struct of `names`."""
        return "{" + ", ".join(f"'{name}': {alias}.{name}" for name in names) + "}"

    def _differing(self, came: str, held: str) -> dict[str, str]:
        parts = {}
        for column in self.table.values:
            ours, theirs = f"{came}.{column.name}", f"{held}.{column.name}"
            parts[column.name] = f"{ours} is distinct from {theirs}"
            if column.tolerance_ratio:
                parts[column.name] += (
                    f" and coalesce(abs({ours} - {theirs}) > {column.tolerance_ratio} * abs({theirs}), true)"
                )
        return parts


def listed(names: Sequence[str], alias: str = "") -> str:
    """Return a list of columns."""
    return ", ".join(f"{alias}.{name}" if alias else name for name in names)
