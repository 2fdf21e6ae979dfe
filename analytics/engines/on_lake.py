"""How a worker reads the lake: by its own connection, at one snapshot, with keys of its own.

No secret travels: the reader that is sent to a worker has no password. There it comes from the worker's own
TIDEGAUGE_LAKE, or by the ways of libpq (PGPASSWORD, .pgpass); the keys of S3 from the worker's environment.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import duckdb

from warehouse.lake.attached import attach
from warehouse.lake.setting import Lake, lake_of


@dataclass(frozen=True)
class LakeReader:
    """Opens the lake at a snapshot, read-only, as `lake`."""

    lake: Lake
    snapshot: int

    def __call__(self) -> duckdb.DuckDBPyConnection:
        """Return a new connection; LakeUnusable or ConfigError where the lake cannot be reached from here."""
        con = duckdb.connect()
        con.execute("set TimeZone = 'UTC'")
        attach(con, _with_own_password(self.lake), read_only=True, snapshot=self.snapshot)
        return con

    def __reduce__(self) -> tuple[Any, ...]:
        """Leave the password behind when it goes to another process."""
        return type(self), (replace(self.lake, password=None), self.snapshot)


@dataclass(frozen=True, slots=True)
class LakeRun:
    """The lake of a run, whose engine computes. `progress`: buckets done, of how many."""

    lake: Lake
    run_id: str
    progress: Callable[[int, int], None] | None = None

    @property
    def folder(self) -> str:
        """Where the files of this run are written."""
        return staged_folder(self.lake, self.run_id)


def _with_own_password(lake: Lake) -> Lake:
    own = os.environ.get("TIDEGAUGE_LAKE", "").strip()
    if lake.password is None and own:
        here = lake_of(own)
        if here.catalog == lake.catalog:
            return replace(lake, password=here.password)
    return lake


def staged_folder(lake: Lake, run_id: str) -> str:
    """Return where workers of a run write: beside the data, until what they wrote is registered."""
    return f"{lake.data}staged/{run_id}"
