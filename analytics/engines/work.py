"""The work on one bucket, the same on every engine: read, sort, compute, write, fingerprint.

Runs in the process of a worker, so all of it can be pickled. Nothing here commits anything.
"""

from __future__ import annotations

import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import duckdb
import polars as pl

from analytics.engines.fingerprint import Columns, Fingerprint, fingerprint_of, typed
from analytics.engines.versions import Versions, require_same, versions_here
from ingest.errors import EngineUnusable, TidegaugeError
from warehouse.records import shown
from warehouse.releases import flush
from warehouse.sql import text

Kernel = Callable[[pl.DataFrame], pl.DataFrame]
"""From the rows of a bucket, sorted, to what they give. A function of a module, or a partial of one: it is pickled."""

_PAUSES: Final = (1.0, 4.0)
"""Seconds before reading again where a database or a store was away for a moment."""

_ROWS_IN_GROUP: Final = 131_072


class Reader(Protocol):
    """Opens a connection on which the queries of a job work. Can be pickled and hashed; holds no secret."""

    def __call__(self) -> duckdb.DuckDBPyConnection:
        """Return a new connection."""


@dataclass(frozen=True, slots=True)
class Job:
    """What is the same for all buckets: where rows come from, what is computed, where the result goes.

    `queries`: by bucket, the select of its rows. `order`: the columns by which the kernel wants them sorted; engines do
    not keep any order. `columns`: names and types of the result, whose order may be any. `folder`: a folder or s3://.
    `threads`: of DuckDB on a worker, None for its own choice.
    """

    reader: Reader
    kernel: Kernel
    order: tuple[str, ...]
    columns: Columns
    folder: str
    versions: Versions
    threads: int | None = None


@dataclass(frozen=True, slots=True)
class BucketFile:
    """What a worker wrote for a bucket: its file (None without a row) and the fingerprint of the rows in it."""

    bucket: str
    file: str | None
    rows: int
    sum_hash: int
    xor_hash: int
    worker: str

    @property
    def fingerprint(self) -> Fingerprint:
        """The three figures as one."""
        return Fingerprint(self.rows, self.sum_hash, self.xor_hash)


def do(job: Job, bucket: str, query: str) -> BucketFile:
    """Do the work on one bucket. EngineUnusable where this process differs from the caller's."""
    worker = worker_name()
    require_same(worker, versions_here(), job.versions)
    rows = _read(job, query).sort(job.order)
    made = job.kernel(rows)
    con = _connection(job)
    with shown(con, "bucket_rows", made):
        fingerprint = fingerprint_of(con, job.columns, "bucket_rows")
        file = _write(con, job, bucket) if made.height else None
    return BucketFile(bucket, file, fingerprint.rows, fingerprint.sum_hash, fingerprint.xor_hash, worker)


def worker_name() -> str:
    """Return host and process."""
    return f"{socket.gethostname()}:{os.getpid()}"


def computed(job: Job, query: str) -> Fingerprint:
    """Do the work on one bucket without writing it: what its fingerprint should be."""
    made = job.kernel(_read(job, query).sort(job.order))
    con = _connection(job)
    with shown(con, "bucket_rows", made):
        return fingerprint_of(con, job.columns, "bucket_rows")


def _read(job: Job, query: str) -> pl.DataFrame:
    """Return the rows of a bucket; after an error of the database once more, on a new connection."""
    for pause in _PAUSES:
        try:
            return _connection(job).execute(query).pl()
        except (duckdb.IOException, duckdb.ConnectionException, duckdb.HTTPException):
            forget_connection()
            time.sleep(pause)
    return _connection(job).execute(query).pl()


def _write(con: duckdb.DuckDBPyConnection, job: Job, bucket: str) -> str:
    """Write the rows under a name of their own: a bucket that two workers did is two files, one of them registered."""
    file = f"{job.folder.rstrip('/')}/{bucket}-{uuid.uuid4().hex[:12]}.parquet"
    is_local = "://" not in file
    if is_local:
        Path(file).parent.mkdir(parents=True, exist_ok=True)
    con.execute(
        f"copy (select {typed(job.columns)} from bucket_rows) to {text(file)}"
        f" (format parquet, compression zstd, row_group_size {_ROWS_IN_GROUP})"
    )
    if is_local:
        flush(Path(file))
        flush(Path(file).parent)
    return file


# ---- one connection for all buckets of a job that a thread does -----------------------------------------------------


class _Held(threading.local):
    """The connection of a thread, and the reader that opened it."""

    reader: Reader | None = None
    con: duckdb.DuckDBPyConnection | None = None


_held = _Held()


def _connection(job: Job) -> duckdb.DuckDBPyConnection:
    if _held.con is None or _held.reader != job.reader:
        forget_connection()
        try:
            con = job.reader()
        except TidegaugeError as error:
            raise EngineUnusable(f"worker {worker_name()} cannot read the lake: {error}") from error
        if job.threads is not None:
            con.execute(f"set threads = {job.threads}")
        _held.reader, _held.con = job.reader, con
    return _held.con


def forget_connection() -> None:
    """Close the connection of this thread, if it has one."""
    con, _held.reader, _held.con = _held.con, None, None
    if con is not None:
        with suppress(duckdb.Error):
            con.close()


Queries = Mapping[str, str]
"""By bucket, the select of its rows."""
