"""The engine of one machine: this process, one bucket after the other, each with all cores."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from analytics.engines.engine import LOCAL, NOTHING
from analytics.engines.versions import Versions, versions_here
from analytics.engines.work import BucketFile, Job, Queries, do, forget_connection, worker_name
from ingest.errors import EngineUnusable, TidegaugeError


class Local:
    """This process."""

    name = LOCAL

    def versions(self) -> Mapping[str, Versions]:
        """Return ours: they agree."""
        return {worker_name(): versions_here()}

    def run(self, job: Job, queries: Queries) -> Iterator[BucketFile]:
        """Yield the buckets in their order."""
        for bucket, query in queries.items():
            try:
                yield do(job, bucket, query)
            except TidegaugeError:
                raise
            except Exception as error:
                raise EngineUnusable(f"bucket {bucket}: {type(error).__name__}: {error}; {NOTHING}") from error


@contextmanager
def local() -> Iterator[Local]:
    """Yield the engine; the connection that it read by is closed at the end."""
    try:
        yield Local()
    finally:
        forget_connection()
