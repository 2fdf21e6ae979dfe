"""`run_buckets`: every bucket of a table through a kernel, on the engine that is named."""

from __future__ import annotations

from collections.abc import Callable

from analytics.engines.engine import LOCAL, NOTHING, engine_at
from analytics.engines.fingerprint import Columns
from analytics.engines.versions import require_same, versions_here
from analytics.engines.work import BucketFile, Job, Kernel, Queries, Reader
from ingest.errors import EngineUnusable


def run_buckets(
    engine: str,
    kernel: Kernel,
    reader: Reader,
    queries: Queries,
    *,
    order: tuple[str, ...],
    columns: Columns,
    folder: str,
    progress: Callable[[int, int], None] | None = None,
) -> list[BucketFile]:
    """Return what was written for each bucket of `queries`, by bucket; see Job for the arguments.

    `engine` is an address, see engine_at. All workers are asked for their versions before the first bucket. The files
    are in `folder` and belong to nobody until the caller registers them. EngineUnusable: no worker, another version,
    a bucket that failed; then nothing is to be registered.
    """
    ours = versions_here()
    with engine_at(engine) as workers:
        for worker, theirs in workers.versions().items():
            require_same(worker, theirs, ours)
        # A worker is one of many on its machine.
        threads = None if engine == LOCAL else 1
        job = Job(reader, kernel, order, tuple(columns), folder, ours, threads)
        done: dict[str, BucketFile] = {}
        for file in workers.run(job, queries):
            done[file.bucket] = file
            if progress is not None:
                progress(len(done), len(queries))
    missing = sorted(queries.keys() - done.keys())
    if missing:
        raise EngineUnusable(f"engine {engine} gave no answer for the buckets {', '.join(missing[:5])}; {NOTHING}")
    return [done[bucket] for bucket in sorted(queries)]
