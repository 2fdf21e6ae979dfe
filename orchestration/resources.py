"""What Dagster gives the assets: the session of the run."""

from __future__ import annotations

from collections.abc import Iterator

from dagster import InitResourceContext, resource

from ingest.settings import load_settings
from orchestration.session import Session, open_session


@resource(description="The run: settings, home, the lock of its one writer, the connection to the build file.")
def session_resource(_context: InitResourceContext) -> Iterator[Session]:
    """Open a session for a run that Dagster launched itself; `tidegauge run` brings its own."""
    with open_session(load_settings()) as session:
        yield session
