"""Dagster's instance of one home: `tidegauge run`, `tidegauge ui` and the schedules all use the same."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ingest.home import Home
from ingest.settings import PROJECT_ROOT, Settings

if TYPE_CHECKING:
    from dagster import DagsterInstance

STATE_VARIABLE = "TIDEGAUGE_DAGSTER_HOME"
"""dagster.yaml reads every base_dir from it."""


def open_instance(home: Home) -> DagsterInstance:
    """Return the instance whose state lies in `home.dagster`; a context manager."""
    from dagster import DagsterInstance

    os.environ[STATE_VARIABLE] = str(home.dagster.resolve())
    return DagsterInstance.from_config(str(PROJECT_ROOT))


def dagster_environment(settings: Settings, home: Home) -> dict[str, str]:
    """Return the environment in which Dagster's own processes find this instance and this home."""
    environment = dict(os.environ)
    environment["DAGSTER_HOME"] = str(PROJECT_ROOT)
    environment["DAGSTER_DISABLE_TELEMETRY"] = "yes"
    environment[STATE_VARIABLE] = str(home.dagster.resolve())
    environment["TIDEGAUGE_HOME"] = str(home.root.resolve())
    environment["TIDEGAUGE_ORIGIN"] = settings.origin
    return environment
