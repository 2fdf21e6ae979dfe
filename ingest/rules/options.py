"""One entry of a dataset's `expect` while it is read: what it says, and how an entry that cannot be read is refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import polars as pl

from ingest.dataset import Dataset
from ingest.errors import ConfigError

_NOTHING: Final = object()


class Options:
    """One entry of `expect` while it is read: each option may be taken once, and none may be left over."""

    def __init__(self, table: Dataset, entry: Mapping[str, Any]) -> None:
        self.table = table
        self.entry = entry
        self._left = dict(entry)
        self._names = {column.name for column in (*table.keys, *table.values, *table.attributes)}

    def take(self, name: str, default: Any = _NOTHING) -> Any:
        """Return an option; ConfigError where it is missing and has no default."""
        found = self._left.pop(name, default)
        if found is _NOTHING:
            raise self.error(f"{name} is missing")
        return found

    def kind(self, kinds: Iterable[str]) -> str:
        """Return which of `kinds` the entry is."""
        found = [kind for kind in kinds if kind in self.entry]
        if len(found) != 1:
            raise self.error(f"one of {', '.join(kinds)} is needed, got {found or 'none'}")
        return found[0]

    def columns(self, name: str, default: Sequence[str] = ()) -> tuple[str, ...]:
        """Return columns of the dataset; ConfigError where it does not have them."""
        found = tuple(self.take(name, default))
        unknown = sorted({*found} - self._names)
        if unknown:
            raise self.error(f"{name} names columns that the dataset does not have: {', '.join(unknown)}")
        return found

    def column(self, name: str) -> str:
        """Return one column of the dataset."""
        (found,) = self.columns(name, [self.take(name)])
        return found

    def expression(self, text: str) -> pl.Expr:
        """Return an SQL expression over the columns of one row."""
        try:
            found = pl.sql_expr(text)
        except pl.exceptions.PolarsError as error:
            raise self.error(f"{text!r} is no expression: {error}") from error
        unknown = sorted(set(found.meta.root_names()) - self._names)
        if unknown:
            raise self.error(f"{text!r} names columns that the dataset does not have: {', '.join(unknown)}")
        return found

    def expressions(self, text: str, sign: str, count: int) -> list[pl.Expr]:
        """Return the expressions with `sign` between them, of which there are `count`."""
        sides = [side.strip() for side in text.split(sign)]
        if len(sides) != count or not all(sides):
            raise self.error(f"expected {count} expressions with {sign!r} between them")
        return [self.expression(side) for side in sides]

    def error(self, why: str) -> ConfigError:
        """Return an error that names the dataset and the entry."""
        return ConfigError(f"{self.table.id}: expect {dict(self.entry)}: {why}")

    def finish(self) -> None:
        """Raise ConfigError where an option was not understood."""
        if self._left:
            raise self.error(f"does not know {', '.join(self._left)}")
