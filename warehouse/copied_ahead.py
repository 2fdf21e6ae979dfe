"""Tables of a release that are final while regimes and claims are still computed, copied in the meantime.

The copy is a file of its own under releases/, named as one that is being written: a publication takes it over and adds
the rest, or it is thrown away. What a killed run leaves of it the next publication removes.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Collection
from concurrent.futures import Future
from pathlib import Path
from typing import Final

import duckdb

from ingest.home import Home
from warehouse.built import Relation
from warehouse.connection import home_errors
from warehouse.release_file import copy_table, create_schemas, release_file, released_tables
from warehouse.releases import remove, sweep, unfinished

_ALIAS: Final = "copied_ahead"


class CopiedAhead:
    """A file that is being filled by a thread. `finish` or `discard` ends it."""

    def __init__(
        self, con: duckdb.DuckDBPyConnection, home: Home, relations: Collection[Relation], *, is_simulated: bool
    ) -> None:
        """Begin to copy `relations` of the build file that `con` has open, as they are now."""
        self.relations = frozenset(relations)
        self.path = unfinished(home.releases / f"{_ALIAS}.duckdb")
        self._home = home
        self._is_simulated = is_simulated
        self._con = con.cursor()
        self._copied: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, name=_ALIAS, daemon=True)
        self._thread.start()

    def finish(self) -> None:
        """Wait until the file is whole and closed; raise what went wrong."""
        self._copied.result()
        self._thread.join()

    def discard(self) -> None:
        """Stop, and remove what there is."""
        while self._thread.is_alive():
            with contextlib.suppress(duckdb.Error):  # closed a moment ago
                self._con.interrupt()
            self._thread.join(0.05)
        _remove(self.path)

    def _run(self) -> None:
        try:
            with home_errors(self._home):
                self._copy()
        except BaseException as error:  # noqa: BLE001 - raised by finish
            self._copied.set_exception(error)
        else:
            self._copied.set_result(None)
        finally:
            self._con.close()

    def _copy(self) -> None:
        con = self._con
        con.execute("set TimeZone = 'UTC'")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        sweep(self._home)
        with release_file(con, self.path, _ALIAS):
            con.begin()
            try:
                create_schemas(con, _ALIAS)
                for table in released_tables(con):
                    if (table.schema, table.name) in self.relations:
                        copy_table(con, table, _ALIAS, is_simulated=self._is_simulated)
                con.commit()
            except BaseException:
                con.rollback()
                raise


def _remove(path: Path) -> None:
    remove(path)
    remove(path.with_name(f"{path.name}.wal"))
