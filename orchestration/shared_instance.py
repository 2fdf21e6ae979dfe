"""Dagster's instance in a PostgreSQL that several hosts share: their runs, events and schedules in one place."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pydantic import SecretStr

from ingest.errors import ConfigError, HomeUnusable, told

if TYPE_CHECKING:
    from dagster import DagsterInstance

DSN_VARIABLE: Final = "TIDEGAUGE_DAGSTER_POSTGRES_DSN"
FOLDER: Final = Path(__file__).parent / "several_hosts"
"""Its dagster.yaml reads the address from the variable."""


@contextmanager
def shared_instance(dsn: SecretStr) -> Iterator[DagsterInstance]:
    """Yield the instance in that database; its tables are made where they are missing.

    ConfigError if it cannot be used; HomeUnusable if it goes away meanwhile.
    """
    share(dsn)
    from dagster import DagsterInstance
    from dagster_postgres.utils import DagsterPostgresException
    from sqlalchemy.exc import OperationalError, SQLAlchemyError

    try:
        instance = DagsterInstance.from_config(str(FOLDER))
        _keep_connections(instance, dsn)
    except (DagsterPostgresException, SQLAlchemyError) as error:
        raise ConfigError(f"setting {DSN_VARIABLE}: Dagster cannot use that database: {_said(error)}") from None
    with instance:
        try:
            yield instance
        except (DagsterPostgresException, OperationalError) as error:
            raise HomeUnusable(
                f"Dagster's database ({DSN_VARIABLE}) went away: {_said(error)}. What had landed is whole; run again"
            ) from error


def _keep_connections(instance: DagsterInstance, dsn: SecretStr) -> None:
    """Let each storage keep a connection, as Dagster's pages do: else each of a thousand events opens some.

    One that broke, because the database was restarted, is replaced when it is next wanted.
    """
    from dagster_postgres.utils import create_pg_engine

    storages: tuple[Any, ...] = (instance.run_storage, instance.event_log_storage)
    options: dict[str, Any] = {"isolation_level": "AUTOCOMMIT", "pool_size": 1, "max_overflow": 20}
    for storage in storages:
        storage._engine = create_pg_engine(dsn.get_secret_value(), pool_pre_ping=True, **options)


def _said(error: Exception) -> str:
    return told(str(error.__cause__ or error)).partition("(Background on")[0].partition("[SQL")[0].strip()


def share(dsn: SecretStr) -> None:
    """Put the address where Dagster's processes look for it; ConfigError where the package is missing."""
    if find_spec("dagster_postgres") is None:
        raise ConfigError(f"setting {DSN_VARIABLE} needs the package dagster-postgres: pip install 'tidegauge[scale]'")
    os.environ[DSN_VARIABLE] = dsn.get_secret_value()
