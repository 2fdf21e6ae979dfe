"""Batches of series, and what the gate says of them, as the one frame that they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from ingest.batch import Batch, CheckResult, GateResult, Window, observations_of
from ingest.errors import SourceError
from ingest.payload import Payload


def series_batch(
    source: str,
    rows: pl.DataFrame,
    windows: Sequence[Window],
    payloads: Sequence[Payload] = (),
    problems: Sequence[SourceError] = (),
    fetched_at: datetime | None = None,
) -> Batch:
    """Return a batch of series."""
    assert fetched_at is not None
    return Batch(source, {observations_of(source): rows}, windows, payloads, problems, fetched_at)


def series_gated(
    source: str,
    accepted: pl.DataFrame,
    refused: pl.DataFrame,
    checks: Sequence[CheckResult] = (),
    held_back: str | None = None,
) -> GateResult:
    """Return a judgement of a batch of series."""
    table = observations_of(source)
    return GateResult({table: accepted}, {table: refused}, checks, held_back)


@dataclass(frozen=True)
class Judged:
    """What the gate says of a batch of series."""

    accepted: pl.DataFrame
    refused: pl.DataFrame
    checks: Sequence[CheckResult]
    held_back: str | None
    pages: dict[str, str]

    @classmethod
    def of(cls, result: GateResult) -> Judged:
        """Return the judgement of the one table."""
        (accepted,), (refused,) = result.accepted.values(), result.refused.values()
        return cls(accepted, refused, result.checks, result.held_back, dict(result.pages))
