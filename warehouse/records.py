"""What landing writes beside the rows: payloads seen, payloads that broke, how the source fared. Insert only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

import duckdb
import polars as pl

from ingest.batch import Batch, CheckResult
from ingest.clock import naive_utc
from ingest.errors import NotConfigured, SourceChanged, SourceError
from ingest.payload import Payload
from warehouse.sql import insert_rows

SourceState = Literal["ok", "partial", "failed", "held", "skipped"]

PROBLEMS_TOLD = 20
"""So many problems of one source stand in its sentence; of the others only their number."""


@dataclass(frozen=True, slots=True)
class Shrinkage:
    """A source's answer starts later (`served_from`) than what we hold of the series (`held_from`)."""

    series_id: str
    held_from: date
    served_from: date


@dataclass(frozen=True, slots=True)
class LandingResult:
    """What one batch did. Rows are vintages landed; `rows_quarantined` counts refusals not recorded before.

    `newest_period` is the newest period of the batch that has a value. `shrinkages` are those recorded now. `checks`
    are those of landing itself, `error` is what a person reads: what the gate held back, what broke, what did not land.
    """

    state: SourceState
    rows_new: int
    rows_changed: int
    rows_withdrawn: int
    rows_quarantined: int
    newest_period: date | None
    shrinkages: tuple[Shrinkage, ...]
    checks: tuple[CheckResult, ...] = ()
    error: str | None = None


def state_of(batch: Batch, *, has_rows: bool) -> SourceState:
    """Return how the asking went. A batch of which a part was lost may have rows and no window."""
    if batch.problems and all(isinstance(problem, NotConfigured) for problem in batch.problems):
        return "skipped"
    if batch.problems:
        return "partial" if batch.windows or has_rows else "failed"
    return "ok" if batch.windows or batch.payloads else "skipped"


def sentence_of(held_back: str | None, problems: Sequence[SourceError], not_landed: str | None = None) -> str | None:
    """Return what went wrong with a source as one text, None when nothing did."""
    sentences = [text for text in (held_back, not_landed) if text]
    sentences += [str(problem) for problem in problems[:PROBLEMS_TOLD]]
    if len(problems) > PROBLEMS_TOLD:
        sentences.append(f"and {len(problems) - PROBLEMS_TOLD} more")
    return "; ".join(sentences) or None


def record_payloads(con: duckdb.DuckDBPyConnection, payloads: Sequence[Payload], source: str) -> None:
    """Append bodies never seen before to ops.payloads."""
    seen = pl.DataFrame(
        [(p.sha256, source, p.name, p.url, naive_utc(p.fetched_at), _size(p), p.status) for p in payloads],
        schema={
            "payload_sha256": pl.String,
            "source": pl.String,
            "name": pl.String,
            "url": pl.String,
            "fetched_at": pl.Datetime("us"),
            "bytes_count": pl.Int64,
            "status": pl.Int64,
        },
        orient="row",
    ).unique("payload_sha256", keep="first", maintain_order=True)
    with shown(con, "landing_payloads", seen):
        con.execute(
            "insert into ops.payloads by name select * from landing_payloads"
            " where payload_sha256 not in (select payload_sha256 from ops.payloads)"
        )


def record_broken(
    con: duckdb.DuckDBPyConnection,
    source: str,
    payloads: Sequence[Payload],
    problems: Sequence[SourceError],
    *,
    run_id: str,
    now: datetime,
) -> None:
    """Append the payloads that could not be parsed to quarantine.payloads; `now` is naive UTC."""
    digests = {payload.name: payload.sha256 for payload in payloads}
    broken = [problem for problem in problems if isinstance(problem, SourceChanged)]
    insert_rows(
        con,
        "quarantine.payloads",
        [(source, p.payload, digests.get(p.payload), p.expected, p.seen, str(p), now, run_id) for p in broken],
    )


def record_source_run(
    con: duckdb.DuckDBPyConnection,
    source: str,
    result: LandingResult,
    *,
    received: int,
    run_id: str,
    now: datetime,
) -> None:
    """Append how the source fared to ops.source_runs; `now` is naive UTC."""
    counts = (result.rows_new, result.rows_changed, result.rows_withdrawn, result.rows_quarantined)
    row = (run_id, source, result.state, received, *counts, result.newest_period, result.error, now)
    insert_rows(con, "ops.source_runs", [row])


@contextmanager
def shown(con: duckdb.DuckDBPyConnection, name: str, frame: pl.DataFrame) -> Iterator[None]:
    """Let SQL see `frame` as the view `name` for a while."""
    con.register(name, frame)
    try:
        yield
    finally:
        con.unregister(name)


def _size(payload: Payload) -> int:
    """Return the size of a body, which may have been dropped once it was archived."""
    return len(payload.body) if payload.bytes_count is None else payload.bytes_count
