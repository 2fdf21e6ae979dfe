"""The archived answer of an input: where it was asked, what stands in it, and whether it still gives the value."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

import polars as pl

from ingest.batch import PartOfPayloadChanged
from ingest.catalog import load_catalog
from ingest.connectors import CONNECTORS
from ingest.errors import TidegaugeError
from ingest.gathering import payload_of
from serving.explain.excerpt import excerpt

if TYPE_CHECKING:
    from ingest.archive import Archive, Entry
    from ingest.connector import SourceModule, TableModule
    from ingest.payload import Payload
    from serving.explain.inputs import Input

_DECIMALS = 9  # as staging rounds


@dataclass(frozen=True, slots=True)
class Archived:
    """One archived answer. `is_same`: parsed again, it gives the input's value; None where that cannot be said."""

    url: str
    fetched_at: datetime
    bytes_count: int
    excerpt: str | None
    is_same: bool | None
    problem: str | None = None


class Answers:
    """The archive of a home, read once."""

    def __init__(self, archive: Archive) -> None:
        """Read the index; ArchiveDamaged where it cannot be read."""
        self._archive = archive
        self._entries: dict[str, Entry] = {}
        for entry in archive.entries():
            self._entries.setdefault(entry.sha256, entry)

    def of(self, one: Input) -> Archived | None:
        """Return the answer that an input came from; None for one that came from none."""
        entry = self._entries.get(one.payload_sha256 or "")
        if entry is None:
            return None
        try:
            payload = payload_of(self._archive, entry)
        except TidegaugeError as error:
            return Archived(entry.url, entry.fetched_at, entry.bytes, None, None, str(error))
        published, factor = self._published(one, payload)
        is_same = None if published is None else round(published * factor, _DECIMALS) == round(one.value, _DECIMALS)
        found = excerpt(payload.body, one.period, one.value if published is None else published)
        return Archived(entry.url, entry.fetched_at, entry.bytes, found, is_same)

    def _published(self, one: Input, payload: Payload) -> tuple[Any, float]:
        """Return the value that the payload, parsed again, has for an input, and what it is multiplied by."""
        connector = next((each for each in CONNECTORS if each.name == payload.source), None)
        if connector is None or not isinstance(one.value, (int, float)):
            return None, 1.0
        name = one.path.rpartition(" ")[2]
        if connector.has_series:
            module = cast("SourceModule", connector.module)
            pairs = load_catalog().of_source(connector.source)
            pair = next((pair for pair in pairs if pair[0].id == name), None)
            if pair is None:
                return None, 1.0
            try:
                rows = module.parse(payload, pairs)
            except PartOfPayloadChanged as part:
                rows = cast("pl.DataFrame", part.rows)
            found = rows.filter((pl.col("series_id") == name) & (pl.col("period_date") == one.period))
            return value_of(found, "value", one.known_at), load_catalog().factor(pair[1].unit, pair[0].unit)
        return self._of_table(one, cast("TableModule", connector.module), payload), 1.0

    @staticmethod
    def _of_table(one: Input, module: TableModule, payload: Payload) -> Any:
        from ingest.dataset import dataset

        table_id, _, column = one.path.rpartition(".")
        table = dataset(table_id)
        rows = module.parse(payload)[table_id].filter(pl.col(table.period) == one.period)
        others = [name for name in table.key_names if name != table.period]
        for name, value in zip(others, one.key, strict=True):
            rows = rows.filter(pl.col(name).cast(pl.String) == value)
        return value_of(rows, column, one.known_at)


def value_of(rows: pl.DataFrame, column: str, known_at: datetime | None) -> Any:
    """Return the value of the vintage that the publisher dates `known_at`, else that of the last one; None of none."""
    found = rows.drop_nulls(column)
    if "stated_at" in found.columns and known_at is not None:
        dated = found.filter(pl.col("stated_at") == known_at)
        found = found if dated.is_empty() else dated
    return found[column][-1] if found.height else None
