"""Dagster's instance in a PostgreSQL that several hosts share: their runs, events and schedules in one place."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pydantic import SecretStr

from ingest.errors import ConfigError, told

if TYPE_CHECKING:
    from dagster import DagsterInstance

DSN_VARIABLE: Final = "TIDEGAUGE_DAGSTER_POSTGRES_DSN"
FOLDER: Final = Path(__file__).parent / "several_hosts"
"""Its dagster.yaml reads the address from the variable."""

_LONGEST_STATEMENT_MS: Final = 60_000
_CONNECTION_LASTS_SECONDS: Final = 3600


def open_shared(dsn: SecretStr) -> DagsterInstance:
    """Return the instance in that database; its tables are made where they are missing. ConfigError if it cannot be."""
    share(dsn)
    from dagster import DagsterInstance
    from dagster_postgres.utils import DagsterPostgresException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        instance = DagsterInstance.from_config(str(FOLDER))
        # Otherwise each statement of a run's thousand events opens a connection of its own.
        storages: tuple[Any, ...] = (instance.run_storage, instance.event_log_storage)
        for storage in storages:
            storage.optimize_for_webserver(_LONGEST_STATEMENT_MS, _CONNECTION_LASTS_SECONDS, max_overflow=20)
    except (DagsterPostgresException, SQLAlchemyError) as error:
        said = told(str(error.__cause__ or error)).partition("(Background on")[0]
        raise ConfigError(f"setting {DSN_VARIABLE}: Dagster cannot use that database: {said}") from None
    return instance


def share(dsn: SecretStr) -> None:
    """Put the address where Dagster's processes look for it; ConfigError where the package is missing."""
    if find_spec("dagster_postgres") is None:
        raise ConfigError(f"setting {DSN_VARIABLE} needs the package dagster-postgres: pip install 'tidegauge[scale]'")
    os.environ[DSN_VARIABLE] = dsn.get_secret_value()
