"""Dagster's event log on one connection that stays open, one transaction an event.

Dagster's own class opens and closes SQLite two to four times for each of a run's thousand events, and whoever is the
last to close a database writes its log back and deletes it: a tenth of a daily run. Tables and rows are Dagster's.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from dagster._core.storage.event_log import AssetKeyTable, ConsolidatedSqliteEventLogStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from sqlalchemy import create_engine, event, inspect
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import StaticPool

from orchestration.dagster_files import set_aside

if TYPE_CHECKING:
    from dagster import EventLogEntry
    from sqlalchemy import Connection, Engine

_DAMAGED: Final = ("malformed", "not a database")


class OneConnectionEventLog(ConsolidatedSqliteEventLogStorage):
    """What dagster.yaml names. Whoever asks while a transaction is open works inside it; other threads wait."""

    def __init__(self, base_dir: str, inst_data: Any = None) -> None:
        self._one_at_a_time = threading.RLock()
        self._open: Connection | None = None
        self._there: set[str] = set()  # tables, and columns as "table.column"; Dagster asks at each event
        super().__init__(base_dir, inst_data)

    @cached_property
    def _engine(self) -> Engine:
        engine = create_engine(
            self._conn_string,
            poolclass=StaticPool,
            connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
        )
        # The log is for people to look at: a power cut may cost its last lines, not wait for the disk at each of them.
        event.listen(engine, "connect", lambda opened, _record: opened.execute("pragma synchronous = normal"))
        return engine

    @contextmanager
    def _connect(self) -> Iterator[Connection]:
        with self._one_at_a_time:
            if self._open is not None:
                yield self._open
                return
            with self._engine.begin() as self._open:
                try:
                    yield self._open
                finally:
                    self._open = None

    def store_event(self, event: EventLogEntry) -> None:
        """Store an event and what follows from it (asset, check) at once.

        A file that was damaged while a run goes on is set aside, and the log begins anew with this event.
        """
        try:
            with self._connect():
                super().store_event(event)
        except DatabaseError as error:
            if self._open is not None or not any(sign in str(error) for sign in _DAMAGED):
                raise
            self._begin_anew()
            with self._connect():
                super().store_event(event)

    def _begin_anew(self) -> None:
        with self._one_at_a_time:
            self._engine.dispose()
            del self._engine
            logging.getLogger("tidegauge.dagster").warning(set_aside(Path(self.get_db_path())))  # type: ignore[no-untyped-call]
            self._init_db()  # type: ignore[no-untyped-call]

    def has_table(self, table_name: str) -> bool:
        """Say whether the database has a table. What is there once stays there."""
        if table_name not in self._there:
            with self._connect() as opened:
                if not inspect(opened).has_table(table_name):
                    return False
            self._there.add(table_name)
        return True

    def _has_asset_key_col_on_connection(self, conn: Connection, column_name: str) -> bool:
        name = f"{AssetKeyTable.name}.{column_name}"
        if name not in self._there:
            if not super()._has_asset_key_col_on_connection(conn, column_name):
                return False
            self._there.add(name)
        return True

    def dispose(self) -> None:
        """Close the connection."""
        super().dispose()  # type: ignore[no-untyped-call]
        self._engine.dispose()
