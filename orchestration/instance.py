"""Dagster's instance of one home: `tidegauge run`, `tidegauge ui` and the schedules all use the same."""

from __future__ import annotations

import logging
import os
import sqlite3
import sys
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from ingest.home import Home
from ingest.settings import PROJECT_ROOT, Settings
from orchestration.dagster_files import mend, set_aside

if TYPE_CHECKING:
    from dagster import DagsterInstance
    from pydantic import SecretStr

STATE_VARIABLE = "TIDEGAUGE_DAGSTER_HOME"
"""dagster.yaml reads every base_dir from it."""


def open_instance(home: Home, shared: SecretStr | None = None) -> AbstractContextManager[DagsterInstance]:
    """Return the instance whose state lies in `home.dagster`, or in the database `shared`; a context manager.

    Its files are a log for people: one that is damaged is set aside and begun anew, and a warning says so.
    """
    if shared is not None:
        from orchestration.shared_instance import shared_instance

        os.environ[STATE_VARIABLE] = str(home.dagster.resolve())
        return shared_instance(shared)
    from alembic.util import CommandError
    from dagster import DagsterInstance
    from sqlalchemy.exc import DatabaseError, OperationalError

    os.environ[STATE_VARIABLE] = str(home.dagster.resolve())
    _warn(mend(home))
    try:
        return DagsterInstance.from_config(str(PROJECT_ROOT))
    except OperationalError:
        raise  # a full or read-only disk: a new file would fare no better
    except (DatabaseError, sqlite3.DatabaseError, CommandError):
        # Sound files that this version of Dagster cannot use, a newer one's for example.
        _warn([set_aside(home.dagster)])
        home.ensure()
        return DagsterInstance.from_config(str(PROJECT_ROOT))


def _warn(sentences: list[str]) -> None:
    for sentence in sentences:
        logging.getLogger("tidegauge.dagster").warning(sentence)
        print(f"tidegauge: {sentence}", file=sys.stderr, flush=True)


def dagster_environment(settings: Settings, home: Home) -> dict[str, str]:
    """Return the environment in which Dagster's own processes find this instance and this home.

    Mends the instance's files first: those processes could not.
    """
    instance = PROJECT_ROOT
    if settings.dagster_postgres_dsn is None:
        _warn(mend(home))
    else:
        from orchestration.shared_instance import FOLDER, share

        share(settings.dagster_postgres_dsn)
        instance = FOLDER
    environment = dict(os.environ)
    environment["DAGSTER_HOME"] = str(instance)
    environment["DAGSTER_DISABLE_TELEMETRY"] = "yes"
    environment[STATE_VARIABLE] = str(home.dagster.resolve())
    environment["TIDEGAUGE_HOME"] = str(home.root.resolve())
    environment["TIDEGAUGE_ORIGIN"] = settings.origin
    return environment
