"""Snapshots that were due at an hour of a session and never taken: recorded once the next one was due."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Final

import duckdb

from ingest.clock import NEW_YORK, naive_utc
from ingest.dataset import Dataset
from ingest.snapshot_times import due_moments
from warehouse.snapshot_files import NOT_EXPIRED
from warehouse.snapshot_store import Root, store_at
from warehouse.sql import insert_rows, text

_LOOKED_BACK: Final = timedelta(days=7)
"""So far before the landing before this one: a group may have come in that one and another not."""


def record_missed(con: duckdb.DuckDBPyConnection, root: Root, table: Dataset, *, run_id: str, now: datetime) -> None:
    """Record the snapshots of a table that were missed: of each group whose first is held. `now` is naive UTC.

    A snapshot was taken where one was known from the moment it was due until the next was.
    """
    if not table.taken_at:
        return
    files = con.execute(
        f"select known_at, file from ops.snapshot_files where table_id = ? and part = 'accepted' and {NOT_EXPIRED}"
        " order by known_at desc",
        [table.id],
    ).fetchall()
    if not files:
        return
    since = files[min(1, len(files) - 1)][0] - _LOOKED_BACK
    store = store_at(root)
    paths = ", ".join(text(store.address(file)) for known_at, file in files if known_at >= since)
    taken: dict[str, list[datetime]] = {}
    held = f"select distinct {table.group_sql}, known_at from read_parquet([{paths}]) order by all"
    for group, known_at in con.execute(held).fetchall():
        taken.setdefault(group, []).append(known_at)
    recorded = set(
        con.execute(
            "select group_name, session_date, due_time from ops.snapshot_gaps where table_id = ?", [table.id]
        ).fetchall()
    )
    first, last = (moment.replace(tzinfo=UTC).astimezone(NEW_YORK).date() for moment in (since, now))
    due = [(day, f"{hour:%H:%M}", naive_utc(moment)) for day, hour, moment in due_moments(table, first, last)]
    gaps = [
        (table.source, table.id, group, day, now, run_id, hour)
        for group, moments in taken.items()
        for (day, hour, start), (_, _, end) in pairwise(due)
        if moments[0] < start
        and end <= now
        and not any(start <= moment < end for moment in moments)
        and (group, day, hour) not in recorded
    ]
    insert_rows(con, "ops.snapshot_gaps", sorted(gaps))
