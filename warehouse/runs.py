"""What became of each run and each check: insert-only rows of ops.runs and ops.checks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import duckdb

from ingest.batch import CheckResult
from ingest.clock import naive_utc
from warehouse.sql import insert_rows

RunState = Literal["started", "built", "published", "unchanged", "failed"]


def begin_run(con: duckdb.DuckDBPyConnection, run_id: str, now: datetime) -> None:
    """Record that a run started at `now` (aware)."""
    moment = naive_utc(now)
    con.execute("insert into ops.runs values (?, ?, null, 'started', null, ?)", [run_id, moment, moment])


def finish_run(
    con: duckdb.DuckDBPyConnection, run_id: str, state: RunState, now: datetime, reason: str | None = None
) -> None:
    """Record a change of state of a run that was begun; `reason` says why it failed. ValueError if never begun."""
    moment = naive_utc(now)
    started = con.execute("select min(started_at) from ops.runs where run_id = ?", [run_id]).fetchone()
    if started is None or started[0] is None:
        raise ValueError(f"run {run_id} was never begun")
    con.execute("insert into ops.runs values (?, ?, ?, ?, ?, ?)", [run_id, started[0], moment, state, reason, moment])


def record_checks(con: duckdb.DuckDBPyConnection, run_id: str, checks: Sequence[CheckResult], now: datetime) -> None:
    """Append the results of checks to ops.checks."""
    moment = naive_utc(now)
    rows = [
        (
            *(run_id, c.stage, c.asset, c.name, c.severity, c.passed, c.failed_count, c.detail),
            *(c.checked_at or moment, c.is_blocking),
        )
        for c in checks
    ]
    insert_rows(con, "ops.checks", rows)
