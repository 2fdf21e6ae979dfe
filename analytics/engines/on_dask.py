"""The engine Dask: a scheduler and workers that others started, reached by the address of the scheduler.

A worker is started where this project is installed, with one thread for polars beside each of its own:

    POLARS_MAX_THREADS=1 dask worker tcp://scheduler:8786 --nthreads 1

A worker that is killed costs time: the scheduler gives its bucket to another. A scheduler that is killed ends the work.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

from analytics.engines.engine import NOTHING
from analytics.engines.versions import Versions, versions_here
from analytics.engines.work import BucketFile, Job, Queries, do, forget_connection
from ingest.errors import EngineUnusable, TidegaugeError

if TYPE_CHECKING:
    from distributed import Client, Future

CONNECT_SECONDS: Final = 10
"""So long a scheduler, and then its first worker, is waited for."""

SILENCE_SECONDS: Final = 60
"""So long all workers may be away while buckets are waiting."""

_LOOK_SECONDS: Final = 2.0
_LOGGERS: Final = "distributed"


class OnDask:
    """A client of a scheduler."""

    def __init__(self, client: Client, address: str) -> None:
        self.name = address
        self._client = client

    def versions(self) -> Mapping[str, Versions]:
        """Ask every worker; the answers come from the code that will do the work."""
        try:
            self._client.wait_for_workers(1, timeout=CONNECT_SECONDS)
        except TimeoutError:
            raise EngineUnusable(
                f"engine {self.name}: the scheduler answers and has no worker: start one with"
                f" `POLARS_MAX_THREADS=1 dask worker {self.name} --nthreads 1`"
            ) from None
        answers: dict[str, Any] = self._client.run(versions_here, on_error="return")
        for worker, answer in answers.items():
            if isinstance(answer, ImportError):
                raise EngineUnusable(f"worker {worker} cannot be used: this project is not installed there ({answer})")
            if isinstance(answer, Exception):
                raise EngineUnusable(f"worker {worker} cannot be used: {type(answer).__name__}: {answer}")
        return answers

    def run(self, job: Job, queries: Queries) -> Iterator[BucketFile]:
        """Yield buckets as workers finish them."""
        # Not pure: the same bucket of another run is other work, and its file has another name.
        futures = {self._client.submit(do, job, bucket, query, pure=False): bucket for bucket, query in queries.items()}
        try:
            while futures:
                for future in self._done(list(futures)):
                    yield self._result(future, futures.pop(future))
        finally:
            with suppress(Exception):  # of a scheduler that is gone there is nothing to take back
                self._client.cancel(list(futures), force=True)

    def _done(self, futures: list[Future]) -> list[Future]:
        """Return those that ended, at least one; EngineUnusable when nobody is left to work."""
        from distributed import wait

        waited = 0.0
        while True:
            try:
                return list(wait(futures, timeout=_LOOK_SECONDS, return_when="FIRST_COMPLETED").done)
            except CancelledError:
                raise self._gone() from None
            except TimeoutError:
                pass  # nothing ended yet: is anybody there to end it?
            waited = 0.0 if self._has_workers() else waited + _LOOK_SECONDS
            if waited >= SILENCE_SECONDS:
                raise EngineUnusable(f"engine {self.name}: all workers are gone since {waited:.0f} s; {NOTHING}")

    def _has_workers(self) -> bool:
        return bool(self._client.scheduler_info(n_workers=-1)["workers"])

    def _result(self, future: Future, bucket: str) -> BucketFile:
        try:
            made: BucketFile = future.result(timeout=CONNECT_SECONDS)
        except TidegaugeError:
            raise
        except CancelledError:
            raise self._gone() from None
        except Exception as error:
            raise EngineUnusable(f"bucket {bucket}: {type(error).__name__}: {error}; {NOTHING}") from error
        return made

    def _gone(self) -> EngineUnusable:
        return EngineUnusable(f"engine {self.name}: the scheduler went away during the work; {NOTHING}")


@contextmanager
def dask(address: str) -> Iterator[OnDask]:
    """Yield a client of the scheduler at `address`; EngineUnusable where Dask is not installed or nobody answers."""
    try:
        from distributed import Client
    except ImportError as error:
        raise EngineUnusable(f"engine {address}: Dask is not installed ({error}): install the extra `scale`") from None
    with _quiet():
        try:
            client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
        except OSError as error:
            raise EngineUnusable(f"engine {address}: no scheduler answers there: {_first_line(error)}") from None
        try:
            with client.as_current():
                yield OnDask(client, address)
        finally:
            with suppress(Exception):  # what a dead scheduler says at the end adds nothing
                client.run(forget_connection, on_error="ignore")
            client.close(timeout=CONNECT_SECONDS)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Dask's own reports of lost connections out of the run's log: what matters is raised as an error."""
    # Dask gives each of its loggers a level, so that of their parent is not heeded.
    loggers = [logging.getLogger(name) for name in logging.root.manager.loggerDict if name.startswith(_LOGGERS)]
    before = [(logger, logger.level) for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in before:
            logger.setLevel(level)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
