"""What passes from asking to landing: what was asked, the rows of one run's answers, and what the gate says of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from types import MappingProxyType
from typing import Final, Literal

import polars as pl

from ingest.errors import SourceChanged, SourceError, SymbolUnknown
from ingest.payload import Payload

ROWS_SCHEMA: Final[Mapping[str, pl.DataType]] = MappingProxyType(
    {
        "series_id": pl.String(),  # our id, from the catalog
        "code": pl.String(),  # the publisher's own code for it
        "period_date": pl.Date(),  # the date the source prints
        "value": pl.Float64(),  # as published; NULL is a gap the source shows, zero is a value
        "unit": pl.String(),  # as the payload states it, or the catalog's where the payload has no unit
        "stated_at": pl.Datetime("us"),  # naive UTC; set only where the provider itself says when it was known
        "payload_sha256": pl.String(),
    }
)
"""Rows of series as a parser returns them: one per (series_id, period_date[, stated_at]) of one payload."""


def empty_rows() -> pl.DataFrame:
    """Return a frame of no rows with the columns of ROWS_SCHEMA."""
    return pl.DataFrame(schema=dict(ROWS_SCHEMA))


def observations_of(source: str) -> str:
    """Return the id of a source's table of series: "fred.observations"."""
    return f"{source}.observations"


@dataclass(frozen=True, slots=True)
class Window:
    """What one answer was asked for: periods `start`..`end` of one group (None: from the first, to the newest).

    A group is what absence is judged in: a series, a ticker, a fund, or "" where a source answers whole. Rows that are
    held inside a window and absent from the answer may have been withdrawn. A source of series leaves `table_id` empty:
    it has one table.
    """

    group: str
    start: date | None
    end: date | None = None
    table_id: str = ""


@dataclass(frozen=True, slots=True)
class Batch:
    """Everything one connector brought in one run. `tables`: table id -> rows and `fetched_at` (naive UTC).

    A connector is a file of ingest/sources: a publisher may have several, so the records of a run and the archive go by
    `name`, the rows by `source`. Where it is empty the two are the same.
    """

    source: str
    tables: Mapping[str, pl.DataFrame]
    windows: Sequence[Window]
    payloads: Sequence[Payload]  # bodies dropped (empty): they are in the archive
    problems: Sequence[SourceError]
    fetched_at: datetime
    name: str = ""
    unknown: Sequence[SymbolUnknown] = ()  # former members that the publisher does not know: no problem, but recorded
    compared: Mapping[str, pl.DataFrame] = field(default_factory=dict)  # as HasSecondOpinion says, by table id

    def __post_init__(self) -> None:
        if not self.name:
            object.__setattr__(self, "name", self.source)

    @property
    def rows(self) -> pl.DataFrame:
        """The rows of the source's series: ROWS_SCHEMA and `fetched_at`; none where the batch has no series."""
        found = self.tables.get(observations_of(self.source))
        return empty_rows().with_columns(fetched_at=pl.lit(None, dtype=pl.Datetime("us"))) if found is None else found

    @property
    def is_empty(self) -> bool:
        """Say whether nothing at all came."""
        return all(rows.is_empty() for rows in self.tables.values())


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check of one asset. `failed_count` is rows, where rows were counted.

    `is_blocking`: a failure stops the release. A gate's stops none: it keeps the rows of its own source out.
    `checked_at`: of a result that is repeated because nothing it looked at has changed.
    """

    asset: str  # "fred.observations"
    name: str
    severity: Literal["error", "warn"]
    passed: bool
    failed_count: int | None
    detail: str
    stage: Literal["gate", "dbt", "reconciliation", "freshness", "regimes"] = "gate"
    is_blocking: bool = False
    checked_at: datetime | None = None  # naive UTC; None: in this run


@dataclass(frozen=True, slots=True)
class GateResult:
    """What the gate let through, by table id. `refused` has the columns of `accepted` and `reason`."""

    accepted: Mapping[str, pl.DataFrame]
    refused: Mapping[str, pl.DataFrame]
    checks: Sequence[CheckResult]
    held_back: str | None  # a sentence when a critical check failed: then nothing of the batch may land
    pages: Mapping[str, str] = field(default_factory=dict)  # Great Expectations' own pages (HTML), by suite


class PartOfPayloadChanged(SourceChanged):
    """Some groups of a payload broke the contract: `problems` names each, `rows` has what is sound of the others.

    `rows` is what the parser returns: a frame of series, or table id -> frame.
    """

    def __init__(self, rows: pl.DataFrame | Mapping[str, pl.DataFrame], problems: Mapping[str, SourceChanged]) -> None:
        self.rows = rows
        self.problems = tuple(problems.values())
        self.groups = frozenset(problems)
        first = self.problems[0]
        super().__init__(first.source, first.payload, expected=first.expected, seen=first.seen)
