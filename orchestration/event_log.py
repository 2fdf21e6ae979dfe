"""Dagster's event log on one connection that stays open, with results of checks written together.

Dagster's own class opens and closes SQLite two to four times for each of a run's three thousand events, and whoever is
the last to close a database writes its log back and deletes it: a tenth of a daily run. Two thirds of the events say
that a check is planned, that it has a result, and what the result is. They wait until something else happens or is
asked, at most a hundred of them, each is put into words once, and that it has a result is not kept beside the result.
Tables and rows are Dagster's.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from dagster import AssetCheckEvaluation, AssetCheckSpec, DagsterEventType
from dagster._core.events import ASSET_CHECK_EVENTS
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster._core.storage.event_log import (
    AssetKeyTable,
    ConsolidatedSqliteEventLogStorage,
    SqlEventLogStorageTable,
)
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from sqlalchemy import bindparam, create_engine, event, inspect
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import StaticPool

from orchestration.dagster_files import set_aside

if TYPE_CHECKING:
    from dagster import EventLogEntry
    from sqlalchemy import Connection, Engine

_DAMAGED: Final = ("malformed", "not a database")
_WAIT: Final = (
    DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
    DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED,
    DagsterEventType.ASSET_CHECK_EVALUATION,
)
_AT_MOST: Final = 100
_EVENT: Final = SqlEventLogStorageTable.insert()
_CHECK: Final = AssetCheckExecutionsTable.insert()
_EVALUATED: Final = AssetCheckExecutionsTable.update().where(
    AssetCheckExecutionsTable.c.asset_key == bindparam("of_asset"),
    AssetCheckExecutionsTable.c.check_name == bindparam("of_check"),
    AssetCheckExecutionsTable.c.run_id == bindparam("of_run"),
    AssetCheckExecutionsTable.c.partition.is_(None),
)


class OneConnectionEventLog(ConsolidatedSqliteEventLogStorage):
    """What dagster.yaml names. Whoever asks while a transaction is open works inside it; other threads wait."""

    def __init__(self, base_dir: str, inst_data: Any = None) -> None:
        self._one_at_a_time = threading.RLock()
        self._open: Connection | None = None
        self._waiting: list[EventLogEntry] = []
        self._outputs_of_checks: set[str] = set()
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
            if self._waiting:
                self._store_waiting()
            with self._engine.begin() as self._open:
                try:
                    yield self._open
                finally:
                    self._open = None

    def store_event(self, event: EventLogEntry) -> None:
        """Store an event and what follows from it (asset, check) at once, after those that wait.

        A file that was damaged while a run goes on is set aside, and the log begins anew with these events.
        """
        with self._one_at_a_time:
            if self._is_told_by_a_check(event):
                return
            self._waiting.append(event)
            if event.dagster_event_type not in _WAIT or len(self._waiting) >= _AT_MOST:
                self._store_waiting()

    def _is_told_by_a_check(self, event: EventLogEntry) -> bool:
        """Say whether an event is the output of a check of this run: its evaluation follows and says more."""
        found = event.dagster_event
        if found is not None and event.dagster_event_type is DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED:
            key = found.asset_check_planned_data.asset_check_key
            self._outputs_of_checks.add(AssetCheckSpec(key.name, asset=key.asset_key).get_python_identifier())
        return (
            found is not None
            and event.dagster_event_type is DagsterEventType.STEP_OUTPUT
            and found.step_output_data.output_name in self._outputs_of_checks
        )

    def _store_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        try:
            self._store(waiting)
        except DatabaseError as error:
            if self._open is not None or not any(sign in str(error) for sign in _DAMAGED):
                raise
            self._begin_anew()
            self._store(waiting)

    def _store(self, events: Sequence[EventLogEntry]) -> None:
        with self._connect() as opened:
            for event in events:
                if event.dagster_event_type in ASSET_CHECK_EVENTS and event.run_id:
                    self._store_of_check(opened, event)
                else:
                    super().store_event(event)

    def _store_of_check(self, opened: Connection, event: EventLogEntry) -> None:
        """Store that a check is planned, or its result: as Dagster does, in statements that are compiled once."""
        row = self._event_to_row(event)
        if row["partition"] is not None:
            super().store_event(event)
            return
        inserted = opened.execute(_EVENT, row).inserted_primary_key
        assert inserted is not None
        kept = {
            "evaluation_event": row["event"],
            "evaluation_event_timestamp": row["timestamp"],
            "evaluation_event_storage_id": inserted[0],
        }
        said: Any = event.get_dagster_event().event_specific_data
        asset = said.asset_key.to_string()
        if isinstance(said, AssetCheckEvaluation):
            state = AssetCheckExecutionRecordStatus.SUCCEEDED if said.passed else AssetCheckExecutionRecordStatus.FAILED
            of = said.target_materialization_data
            kept |= {
                "execution_status": state.value,
                "materialization_event_storage_id": of.storage_id if of else None,
            }
            named = {"of_asset": asset, "of_check": said.check_name, "of_run": event.run_id}
            if opened.execute(_EVALUATED, kept | named).rowcount != 1:  # nobody planned it
                self.store_asset_check_event(event, inserted[0])
            return
        planned = {"asset_key": asset, "check_name": said.check_name, "run_id": event.run_id, "partition": None}
        opened.execute(_CHECK, kept | planned | {"execution_status": AssetCheckExecutionRecordStatus.PLANNED.value})

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
        """Store what waits and close the connection."""
        with self._one_at_a_time:
            if self._waiting:
                self._store_waiting()
        super().dispose()  # type: ignore[no-untyped-call]
        self._engine.dispose()
