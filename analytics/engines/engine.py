"""What an engine offers, and which one an address names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Final, Protocol

from analytics.engines.versions import Versions
from analytics.engines.work import BucketFile, Job, Queries
from ingest.errors import EngineUnusable

LOCAL: Final = "local"
NOTHING: Final = "nothing was registered"


class Engine(Protocol):
    """Workers that do buckets. It promises nothing about order and nothing about who does which bucket."""

    name: str

    def versions(self) -> Mapping[str, Versions]:
        """Return, by worker, what it runs; EngineUnusable where none answers."""

    def run(self, job: Job, queries: Queries) -> Iterator[BucketFile]:
        """Yield each bucket once, as it is done. The first failure is raised, with the bucket it is about."""


def engine_at(address: str) -> AbstractContextManager[Engine]:
    """Return the engine of an address: `local`, or `tcp://host:8786` (Dask).

    What belongs to an engine is imported when it is named, and not before.
    """
    if address == LOCAL:
        from analytics.engines.local import local

        return local()
    if address.startswith(("tcp://", "tls://")):
        from analytics.engines.on_dask import dask

        return dask(address)
    raise EngineUnusable(f"engine {address}: expected local, or tcp://host:port of a Dask scheduler")
