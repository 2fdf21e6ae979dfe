"""Parts of a release that are final while regimes and claims are still computed, written in the meantime.

They go into a file of its own under releases/, named as one that is being written: a publication takes it over and adds
the rest, or it is thrown away. What a killed run leaves of it the next publication removes.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections import deque
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import Future
from datetime import datetime
from pathlib import Path
from typing import Final, TypeVar

import duckdb

from ingest.home import Home
from ingest.second_process import usable_cores
from warehouse.built import Relation
from warehouse.connection import home_errors
from warehouse.declared_tables import DeclaredTable
from warehouse.fingerprint import Content, content_of
from warehouse.published_table import RELEASED
from warehouse.release_file import comment_on, copy_rows, copy_table, create_schemas, release_file, released_tables
from warehouse.release_head import Head, head_of, write_head
from warehouse.releases import remove, sweep, unfinished
from warehouse.snapshot_store import SnapshotStore
from warehouse.sql import quoted, transaction

_ALIAS: Final = "copied_ahead"

Result = TypeVar("Result")
Piece = Callable[[duckdb.DuckDBPyConnection, str], Result]
"""Work on the build file, and on the release under the name that it is attached as."""


class CopiedAhead:
    """A file that is being filled by a thread, piece after piece. `finish` or `discard` ends it."""

    def __init__(self, con: duckdb.DuckDBPyConnection, home: Home, *, is_simulated: bool) -> None:
        """Begin a release of the build file that `con` has open."""
        self.path = unfinished(home.releases / f"{_ALIAS}.duckdb")
        self.contents: dict[Relation, Content | None] = {}
        self.head: Head | None = None
        self.is_simulated = is_simulated
        self._home = home
        self._con = con.cursor()
        self._final: deque[Relation] = deque()
        self._uncommented: set[Relation] = set()  # whose rows are there
        self._pieces: queue.SimpleQueue[tuple[Piece[object], Future[object]] | None] = queue.SimpleQueue()
        self._written: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, name=_ALIAS, daemon=True)
        self._thread.start()

    @property
    def relations(self) -> Collection[Relation]:
        """The relations of the build file that were copied."""
        return self.contents.keys()

    def copy_rows(self, relations: Iterable[Relation]) -> None:
        """Let the rows of `relations` be copied, which are final while others are built; `copy` goes on with them.

        A build that fails is one to `discard`.
        """
        self._final.extend(one for one in relations if one[0] in RELEASED)
        self.begin(self._copy_rows)

    def copy(self, relations: Iterable[Relation]) -> None:
        """Let `relations` of the build file be copied as they are now; what was copied before is not again."""
        wanted = frozenset(relations)
        self.begin(lambda con, _: _write_log(con))
        self.begin(lambda con, alias: self._copy(con, alias, wanted))

    def end_marts(self, store: SnapshotStore, *, code_version: str, origin: str, now: datetime) -> None:
        """Let the marts that are not there yet be copied, and what reads them at a moment be written: all are final."""

        def end(con: duckdb.DuckDBPyConnection, alias: str) -> None:
            self._copy(con, alias, {(table.schema, table.name) for table in released_tables(con) if _is_mart(table)})
            self.head = head_of(
                con,
                self._home,
                store,
                code_version=code_version,
                origin=origin,
                now=now,
                known=self.contents,
            )
            with transaction(con):
                write_head(con, alias, self.head, is_simulated=self.is_simulated)

        self.begin(end)

    def begin(self, piece: Piece[Result]) -> Future[Result]:
        """Let a piece be done after those before it. After `finish` its result is there."""
        future: Future[Result] = Future()
        self._pieces.put((piece, future))  # type: ignore[arg-type]  # a pair of one type
        return future

    def finish(self) -> None:
        """Wait until the file is whole and closed; raise what went wrong."""
        self._pieces.put(None)
        self._written.result()
        self._thread.join()

    def discard(self) -> None:
        """Stop, and remove what there is."""
        self._pieces.put(None)
        while self._thread.is_alive():
            with contextlib.suppress(duckdb.Error):  # closed a moment ago
                self._con.interrupt()
            self._thread.join(0.05)
        _remove(self.path)

    def _run(self) -> None:
        try:
            with home_errors(self._home):
                self._write()
        except BaseException as error:  # noqa: BLE001 - raised by finish
            self._written.set_exception(error)
        else:
            self._written.set_result(None)
        finally:
            with contextlib.suppress(duckdb.Error):  # the build file was closed
                self._con.execute("reset threads")
            self._con.close()

    def _write(self) -> None:
        con = self._con
        con.execute("set TimeZone = 'UTC'")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        sweep(self._home)
        with release_file(con, self.path, _ALIAS):
            create_schemas(con, _ALIAS)
            while (given := self._pieces.get()) is not None:
                piece, future = given
                try:
                    future.set_result(piece(con, _ALIAS))
                except BaseException as error:
                    future.set_exception(error)
                    raise

    def _copy_rows(self, con: duckdb.DuckDBPyConnection, alias: str) -> None:
        """Copy the rows of all that are final by now: a commit each would wait for the disk as often."""
        taken = [self._final.popleft() for _ in range(len(self._final))]
        if taken:
            with transaction(con):
                for schema, name in taken:
                    copy_rows(con, f"{schema}.{quoted(name)}", alias)
        self._uncommented.update(taken)

    def _copy(self, con: duckdb.DuckDBPyConnection, alias: str, wanted: Collection[Relation]) -> None:
        with transaction(con):
            for table in released_tables(con):
                relation = table.schema, table.name
                if relation in wanted and relation not in self.contents:
                    if relation in self._uncommented:
                        comment_on(con, table, alias, is_simulated=self.is_simulated)
                    else:
                        copy_table(con, table, alias, is_simulated=self.is_simulated)
                    self.contents[relation] = content_of(con, table)


def leave_a_core(con: duckdb.DuckDBPyConnection) -> None:
    """Let queries leave a core to what is copied ahead, until that has ended."""
    con.execute(f"set threads = {max(1, usable_cores() - 1)}")


def _write_log(con: duckdb.DuckDBPyConnection) -> None:
    """Write what dbt's small tables left in the log: the next statement of ours that fills it up would have to."""
    with contextlib.suppress(duckdb.TransactionException):  # somebody writes at this moment: then that it is
        con.execute("checkpoint")


def _is_mart(table: DeclaredTable) -> bool:
    return table.schema == "marts"


def _remove(path: Path) -> None:
    remove(path)
    remove(path.with_name(f"{path.name}.wal"))
