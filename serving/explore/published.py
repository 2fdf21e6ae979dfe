"""The published file, followed: each answer reads one release, and the next one is noticed without a restart.

A release takes the place of another by a rename, and a process that keeps a connection to the path keeps the old file.
So the file's identity is looked at before each answer. Once it is another, new answers wait until the old ones are
done, the old file is closed, and the new one opened.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

import duckdb

from ingest.home import Home
from serving.explore.refusals import Refused
from warehouse.connection import home_sentence
from warehouse.sql import text

_PATIENCE: Final = 60.0  # seconds; far more than any answer takes
IDLE_SECONDS: Final = 120.0
_BUSY: Final = "a new release is being put in place; ask again"

_Identity = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Build:
    """What the open file says of itself; `built_at` is naive UTC."""

    build_id: str
    built_at: datetime | None
    origin: str
    is_simulated: bool
    data_through_date: date | None


@dataclass(frozen=True, slots=True)
class Reading:
    """One release, while it is being read: its cursor is this answer's own."""

    con: duckdb.DuckDBPyConnection
    build: Build

    def rows(self, sql: str, values: Any = None) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = self.con.execute(sql, values).fetchall()
        return found

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """Return another cursor of the same release, for another thread of the same answer."""
        return self.con.cursor()


@dataclass(slots=True)
class _Open:
    identity: _Identity
    con: duckdb.DuckDBPyConnection
    build: Build
    readers: int = 0


class Published:
    """The published file of a home. One connection for the release that is there; threads share it."""

    def __init__(self, home: Home, idle_seconds: float = IDLE_SECONDS) -> None:
        self.home = home
        self._idle_seconds = idle_seconds
        self._last_read = 0.0
        self._open: _Open | None = None
        self._changed = threading.Condition()

    @contextmanager
    def reading(self) -> Iterator[Reading]:
        """Yield the present release. Refused (503) where there is none, or it cannot be read."""
        with self._changed:
            opened = self._present()
            opened.readers += 1
            cursor = opened.con.cursor()
        try:
            yield Reading(cursor, opened.build)
        except (duckdb.Error, OSError) as error:
            self._refuse(error)
            raise
        finally:
            cursor.close()
            with self._changed:
                opened.readers -= 1
                self._last_read = time.monotonic()
                self._changed.notify_all()

    @property
    def is_open(self) -> bool:
        """Whether the file is kept open: a deleted release takes its room on the disk for as long."""
        return self._open is not None

    def _watch(self) -> None:
        """Close the file after a while in which nobody asked."""
        with self._changed:
            while self._open is not None:
                left = self._last_read + self._idle_seconds - time.monotonic()
                if self._open.readers:
                    self._changed.wait()
                elif left > 0:
                    self._changed.wait(left)
                else:
                    self._close()

    def _present(self) -> _Open:
        until = time.monotonic() + _PATIENCE
        while time.monotonic() < until:
            identity = self._identity()
            if self._open is None:
                self._open_file(identity)
            elif self._open.identity == identity:
                return self._open
            elif self._open.readers:
                self._changed.wait(_PATIENCE)
            else:
                self._close()
        raise Refused(503, _BUSY)

    def _open_file(self, identity: _Identity) -> None:
        con: duckdb.DuckDBPyConnection | None = None
        try:
            con = duckdb.connect(str(self.home.published), read_only=True)
            build = _build_of(con)
            _lock(con, self.home)
        except (duckdb.Error, OSError) as error:
            if con is not None:
                con.close()
            self._refuse(error)
            raise
        self._open = _Open(identity, con, build)  # renamed since? _present looks again
        self._last_read = time.monotonic()
        threading.Thread(target=self._watch, daemon=True).start()

    def _close(self) -> None:
        if self._open is not None:
            self._open.con.close()
            self._open = None

    def _identity(self) -> _Identity:
        try:
            seen = os.stat(self.home.published)
        except OSError:
            if self._open is not None and not self._open.readers:
                self._close()
            raise Refused(503, f"nothing is published in {self.home.root} (any more): run `tidegauge run`") from None
        return seen.st_dev, seen.st_ino, seen.st_mtime_ns, seen.st_size

    def _refuse(self, error: Exception) -> None:
        """Say what is wrong with the file, where that is it."""
        sentence = home_sentence(self.home, error, read=self.home.published)
        if sentence is not None:
            raise Refused(503, sentence) from error


def _build_of(con: duckdb.DuckDBPyConnection) -> Build:
    row = con.execute("select build_id, built_at, origin, is_simulated, data_through_date from meta.build").fetchone()
    if row is None:
        raise Refused(503, "the published file does not say which release it is: run `tidegauge publish`")
    return Build(*row)


def _lock(con: duckdb.DuckDBPyConnection, home: Home) -> None:
    """Keep the connection to the published file; explanations may attach the build file beside it."""
    allowed = ", ".join(text(f"{home.warehouse}{end}") for end in ("", ".wal"))
    for setting in (
        "TimeZone = 'UTC'",
        "enable_progress_bar = false",
        "python_enable_replacements = false",
        "autoinstall_known_extensions = false",
        "autoload_known_extensions = false",
        f"allowed_paths = [{allowed}]",
        "temp_directory = ''",
        "enable_external_access = false",
        "lock_configuration = true",
    ):
        con.execute(f"set {setting}")
