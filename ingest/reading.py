"""What one payload says: its rows and windows, or the reason why there are none. Pure, wherever it is done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import cast

import polars as pl

from ingest.batch import PartOfPayloadChanged, Window
from ingest.connector import FORMER, STANDING, HasSecondOpinion, Pair, SourceModule, TableModule
from ingest.connectors import Connector
from ingest.dataset import dataset
from ingest.errors import SourceError, SymbolUnknown
from ingest.gathering import parsed
from ingest.payload import Payload

Module = SourceModule | TableModule


@dataclass(frozen=True, slots=True)
class Reading:
    """What a payload gave. `doubtful`: groups that it leaves out though it should have them; `missed`: it gave nothing.

    `missed` names what it was about, by our ids or the publisher's codes.
    """

    tables: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    windows: Sequence[Window] = ()
    compared: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    problems: Sequence[SourceError] = ()
    unknown: SymbolUnknown | None = None
    doubtful: frozenset[str] = frozenset()
    missed: frozenset[str] | None = None


def read(connector: Connector, module: Module, payload: Payload, pairs: Sequence[Pair]) -> Reading:
    """Parse one payload. Raises what only a bug of ours can cause, and what is not about the source."""
    found = parsed(connector.name, payload, lambda one: _parse(connector, module, one, pairs))
    problems: tuple[SourceError, ...] = ()
    doubtful: frozenset[str] = frozenset()
    if isinstance(found, PartOfPayloadChanged):
        problems, doubtful = found.problems, found.groups
        rows = found.rows
    elif isinstance(found, SymbolUnknown) and payload.meta.get(STANDING) == FORMER:
        return Reading(unknown=found)
    elif isinstance(found, SourceError):
        about = {found.payload, *payload.meta.values(), *payload.meta.get("series", "").split(",")}
        return Reading(problems=(found,), missed=frozenset(about))
    else:
        rows = found
    main = connector.table_ids[0]
    tables = {main: rows} if isinstance(rows, pl.DataFrame) else rows
    _hold_to_contract(connector, payload, tables, pairs)
    compared = module.second_opinion(payload) if isinstance(module, HasSecondOpinion) else {}
    windows = [
        window if window.table_id else replace(window, table_id=main)
        for window in module.windows(payload, rows)  # type: ignore[arg-type]  # what this module's parse gave
    ]
    return Reading(tables, windows, compared, problems, doubtful=doubtful)


def _parse(
    connector: Connector, module: Module, payload: Payload, pairs: Sequence[Pair]
) -> pl.DataFrame | Mapping[str, pl.DataFrame]:
    if connector.has_series:
        return cast(SourceModule, module).parse(payload, pairs)
    return cast(TableModule, module).parse(payload)


def _hold_to_contract(
    connector: Connector, payload: Payload, tables: Mapping[str, pl.DataFrame], pairs: Sequence[Pair]
) -> None:
    """Raise on what only a bug of ours can cause: another table, other columns, series not asked for."""
    for table_id, rows in tables.items():
        if table_id not in connector.table_ids:
            raise ValueError(f"bug: parse of {connector.name}: {payload.name} returned {table_id}")
        if dict(rows.schema) != dict(dataset(table_id).rows_schema):
            raise TypeError(f"bug: {connector.name}: {payload.name}: {table_id} has {rows.schema}")
        if connector.has_series:
            strangers = set(rows["series_id"].unique()) - {series.id for series, _ in pairs}
            if strangers:
                raise ValueError(
                    f"bug: parse of {connector.name}: {payload.name} returned {sorted(strangers, key=str)}"
                )
