"""Everything a lake needs, started and stopped together."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from orchestration.scale_demo.object_store import ObjectStore
from orchestration.scale_demo.postgres import OWNER, PostgresServer
from orchestration.scale_demo.process import HOST
from orchestration.scale_demo.workers import Workers

DATABASE: Final = "lake"
BUCKET: Final = "tidegauge"


@dataclass(frozen=True)
class Services:
    """The parts that run."""

    postgres: PostgresServer
    store: ObjectStore
    workers: Workers | None

    @property
    def setting(self) -> str:
        """Return TIDEGAUGE_LAKE, without a password."""
        engine = f"&engine={self.workers.address}" if self.workers else ""
        return f"postgresql://{OWNER}@{HOST}:{self.postgres.port}/{DATABASE}?data=s3://{BUCKET}/lake/{engine}"

    @property
    def environment(self) -> dict[str, str]:
        """Return what a run needs to use them: the setting, and the secrets in the names that clients read."""
        return {**secrets_of(self.postgres, self.store), "TIDEGAUGE_LAKE": self.setting}


def secrets_of(postgres: PostgresServer, store: ObjectStore) -> dict[str, str]:
    """Return the passwords in the names that libpq and S3 clients read."""
    return {**store.environment, "PGPASSWORD": postgres.password}


@contextmanager
def running(folder: Path, *, workers: int = 2) -> Iterator[Services]:
    """Start PostgreSQL with an empty database, the store, and a scheduler with `workers` workers (0: none of them).

    All of them are stopped at the end, also when one of them does not start; their data stays in `folder`.
    """
    with ExitStack() as started:
        postgres = PostgresServer(folder / "postgres")
        started.callback(postgres.stop)
        postgres.start()
        postgres.asked(f"create database {DATABASE}")
        store = ObjectStore(folder / "s3")
        started.callback(store.kill)
        store.start()
        engine = None
        if workers:
            engine = Workers(folder / "dask", count=workers, environment=secrets_of(postgres, store))
            started.callback(engine.stop)
            engine.start()
        yield Services(postgres, store, engine)
