"""The engine behind the Spark API: Sail, Spark with Connect, or a service that speaks it, reached by its address.

Only numbers of buckets and names of files go through it: as with the other engines, a task reads its bucket from the
lake itself and writes its file. Python of the server must have this project (Spark: PYSPARK_PYTHON exported to it).
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from analytics.engines.engine import NOTHING
from analytics.engines.versions import Versions, versions_here
from analytics.engines.work import BucketFile, Job, Queries, do, worker_name
from ingest.errors import EngineUnusable

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import SparkSession

_CONNECT_SECONDS: Final = 10.0
_PROBES: Final = 8
_VERSIONS: Final = "worker string, versions string"
_FILES: Final = "bucket string, file string, rows bigint, sum_hash string, xor_hash string, worker string"


class OnSpark:
    """A session of a server."""

    def __init__(self, session: SparkSession, address: str) -> None:
        self.name = address
        self._session = session

    def versions(self) -> Mapping[str, Versions]:
        """Ask whoever takes a few tasks: the API has no list of workers. Each bucket checks again."""
        asked = self._session.range(0, _PROBES, 1, _PROBES).mapInArrow(_versions, _VERSIONS)
        try:
            return {row.worker: json.loads(row.versions) for row in asked.collect()}
        except Exception as error:
            raise EngineUnusable(f"engine {self.name}: a worker cannot be used: {_told(error)}") from error

    def run(self, job: Job, queries: Queries) -> Iterator[BucketFile]:
        """Yield buckets as the server hands them over."""
        import pyarrow as pa

        buckets = self._session.createDataFrame(pa.table({"bucket": list(queries), "query": list(queries.values())}))

        # Grouped, so that each bucket is a call of its own; what a call reads it sorts itself.
        def work(group: pa.Table) -> pa.Table:
            return _done(job, group)

        # The client reads from the hints what kind of function it has, and wants the types, not their names.
        work.__annotations__ = {"group": pa.Table, "return": pa.Table}
        # Spark counts bytes, and of a few names it makes one task: the number of parts it leaves as it is given.
        apart = buckets.repartition(len(queries), "bucket")
        done = apart.groupBy("bucket").applyInArrow(work, _FILES)
        try:
            for row in done.toLocalIterator():
                sums = (int(row.sum_hash), int(row.xor_hash))
                yield BucketFile(row.bucket, row.file, int(row.rows), *sums, row.worker)
        except Exception as error:
            raise EngineUnusable(f"engine {self.name}: {_told(error)}; {NOTHING}") from error


def _versions(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa

    for batch in batches:
        if batch.num_rows:
            yield pa.RecordBatch.from_pydict(
                {"worker": [worker_name()], "versions": [json.dumps(dict(versions_here()))]}
            )


def _done(job: Job, group: pa.Table) -> pa.Table:
    import pyarrow as pa

    files = [do(job, bucket, query) for bucket, query in zip(*group.to_pydict().values(), strict=True)]
    return pa.table(
        {
            "bucket": [one.bucket for one in files],
            "file": pa.array([one.file for one in files], pa.string()),
            "rows": pa.array([one.rows for one in files], pa.int64()),
            "sum_hash": [str(one.sum_hash) for one in files],
            "xor_hash": [str(one.xor_hash) for one in files],
            "worker": [one.worker for one in files],
        }
    )


def _told(error: Exception) -> str:
    """Return the sentence of ours in what a server says of a failed task, or its last line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    ours = next((line for line in lines if "EngineUnusable: " in line), None)
    return ours.partition("EngineUnusable: ")[2] if ours else (lines or [type(error).__name__])[-1]


@contextmanager
def spark(address: str) -> Iterator[OnSpark]:
    """Yield a session of the server at `address`; EngineUnusable where the client is missing or nobody answers."""
    try:
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise EngineUnusable(
            f"engine {address}: no client of the Spark API is installed ({error}): install the extra `spark`"
        ) from None
    host = urlsplit(address)
    try:
        # The client itself would try for minutes.
        socket.create_connection((host.hostname or "", host.port or 0), _CONNECT_SECONDS).close()
    except OSError as error:
        raise EngineUnusable(f"engine {address}: no server answers there: {error}") from None
    session = SparkSession.builder.remote(address).create()
    try:
        yield OnSpark(session, address)
    finally:
        with suppress(Exception):  # a server that is gone has nothing to end
            session.stop()
