"""A plugin of dbt-duckdb: dbt's connection has the lake attached, for reading. The target `lake` names it.

No password stands in a profile: which lake it is the run says, or the settings where a person starts dbt.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from dbt.adapters.duckdb.plugins import BasePlugin

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from warehouse.lake.setting import Lake

TARGET = "lake"

_of_run: Lake | None = None
"""dbt makes the plugin itself, from its name alone; one process builds one home at a time."""


@contextmanager
def using(lake: Lake) -> Iterator[None]:
    """Let dbt attach this lake."""
    global _of_run
    _of_run = lake
    try:
        yield
    finally:
        _of_run = None


class Plugin(BasePlugin):
    """What dbt-duckdb calls for each database that it opens."""

    def configure_connection(self, conn: DuckDBPyConnection) -> None:
        """Attach the lake; TidegaugeError says why not."""
        from ingest.errors import ConfigError
        from ingest.settings import load_settings
        from warehouse.lake.attached import attach
        from warehouse.lake.setting import configured

        lake = _of_run or configured(load_settings())
        if lake is None:
            raise ConfigError(f"dbt's target {TARGET} needs TIDEGAUGE_LAKE")
        attach(conn, lake, read_only=True)
