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


def kind_of(address: str) -> str:
    """Return what kind of engine an address names, without where it is: local, dask or spark."""
    return LOCAL if address == LOCAL else "spark" if address.startswith("sc:") else "dask"


def engine_at(address: str) -> AbstractContextManager[Engine]:
    """Return the engine of an address: `local`, `tcp://host:8786` (Dask), `sc://host:15002` (the Spark API).

    What belongs to an engine is imported when it is named, and not before.
    """
    if address == LOCAL:
        from analytics.engines.local import local

        return local()
    if address.startswith(("tcp://", "tls://")):
        from analytics.engines.on_dask import dask

        return dask(address)
    if address.startswith("sc://"):
        from analytics.engines.on_spark import spark

        return spark(address)
    raise EngineUnusable(f"engine {address}: expected local, tcp://host:port (Dask) or sc://host:port (Spark API)")
