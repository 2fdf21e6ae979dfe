"""The build file: who may write it, how it is opened, and its schema.

The lock and the connection are two things, because dbt opens the same file in the same process: a run holds
`WriterLock` from end to end while the connection is closed and opened again.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import duckdb

from ingest.errors import AnotherWriter, HomeUnusable, told
from ingest.home import Home

if TYPE_CHECKING:
    from warehouse.declared_tables import DeclaredTable
    from warehouse.lake.setting import Lake

SCHEMA_FOLDER = Path(__file__).with_name("schema")
_READER_WAIT_SECONDS = 3.0
_DAMAGED = (
    "not a valid DuckDB database file",
    "Could not read enough bytes",
    "Could not read from file",
    "Corrupt database file",
    "Failed to load metadata",
    "Serialization Error",
    "Failure while replaying WAL",
)
_NAMED_FILE = re.compile(r'file "([^"]+)"')
_LAKE_GONE = (
    "for HTTP ",
    "Unable to connect to Postgres",
    "server closed the connection",
    "terminating connection due to",
)
"""Of its store on S3 and of its catalog: nothing else of a build file asks a server."""

_DISK_FULL = ("No space left on device", "File too large", "Disk quota exceeded", "Out of disk")


class WriterLock:
    """The right to write under one home: an advisory lock on `home.lock`, dropped by the kernel if we die."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._descriptor: int | None = None

    def acquire(self) -> WriterLock:
        """Take the lock at once; AnotherWriter names the process that has it and since when."""
        descriptor = self._open()
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 200, 0).decode("utf-8", "replace").strip() or "pid unknown"
            os.close(descriptor)
            raise AnotherWriter(
                f"another run ({holder}) is writing to {self._home.root}; wait for it or stop it; nothing was touched"
            ) from None
        # The wall clock of this machine, not the run's clock: it is about processes, not about data.
        since = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"pid {os.getpid()}, since {since}\n".encode(), 0)
        self._descriptor = descriptor
        return self

    def release(self) -> None:
        """Give the lock back. The file stays: removing it would let two writers lock two files."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _open(self) -> int:
        try:
            self._home.lock.parent.mkdir(parents=True, exist_ok=True)
            return os.open(self._home.lock, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise HomeUnusable(
                f"cannot write {self._home.lock}: {error.strerror}. Set TIDEGAUGE_HOME to a folder you own."
            ) from error

    def __enter__(self) -> WriterLock:
        return self.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def is_writer_active(home: Home) -> bool:
    """Say whether a process holds the writer lock of `home` at this moment."""
    try:
        descriptor = os.open(home.lock, os.O_RDONLY)
    except (FileNotFoundError, NotADirectoryError):
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


@contextmanager
def home_errors(home: Home) -> Iterator[None]:
    """Turn the errors of a full, read-only or damaged home into HomeUnusable with a sentence."""
    try:
        yield
    except (duckdb.Error, OSError) as error:
        # DuckDB wraps a full disk in whatever it was doing: an IOException, or a fatal error at commit.
        sentence = home_sentence(home, error)
        if sentence is None:
            raise
        raise HomeUnusable(sentence) from error


def home_sentence(home: Home, error: Exception, read: Path | None = None) -> str | None:
    """Return what a person should know of an error of DuckDB or the system, None where it is not about the home.

    `read` is the file that was being read, for errors that do not name it; the build file otherwise.
    """
    text = str(error)
    if any(sign in text for sign in _DISK_FULL):
        return f"the disk of {home.root} is full: free some space and run again; nothing that had landed is lost"
    if any(sign in text for sign in ("Read-only file system", "Permission denied", "attached in read-only mode")):
        return f"cannot write to {home.root}: it is read-only for this user. Set TIDEGAUGE_HOME to a folder you own."
    if isinstance(error, (NotADirectoryError, FileExistsError)):
        return f"{error.filename or home.root} cannot be used: a file stands where a folder should be. Move it away."
    if isinstance(error, duckdb.Error) and any(sign in text for sign in _LAKE_GONE):
        return f"the lake does not answer: {told(text)}. What had landed is whole; run again when it does"
    if is_damage(error):
        named = _NAMED_FILE.search(text)
        return _damage_sentence(home, Path(named[1].removesuffix(".wal")) if named else read or home.warehouse)
    return None


def is_damage(error: Exception) -> bool:
    """Say whether DuckDB met a file that is not, or no longer, what it wrote."""
    return isinstance(error, duckdb.Error) and any(sign in str(error) for sign in _DAMAGED)


def _damage_sentence(home: Home, file: Path) -> str:
    """Say which file is damaged and what to do about it: the build file and a release have different remedies."""
    said = f"{file} is damaged and cannot be opened as a DuckDB file."
    if file == home.published or home.releases in file.parents:
        return (
            f"{said} Run `tidegauge rollback` (the newest sound release takes its place) or `tidegauge publish` "
            "(the warehouse is published again)."
        )
    if file == home.warehouse:
        return (
            f"{said} Run `tidegauge rebuild`: it puts the file aside, the archive gives every row again, and the "
            "newest sound release what was said of regimes and runs at the time."
        )
    return f"{said} Move it away."


def connect(home: Home, lake: Lake | None = None) -> duckdb.DuckDBPyConnection:
    """Open the build file for writing, in UTC, with its lake; HomeUnusable or AnotherWriter say why not.

    The caller holds WriterLock. A `tidegauge status` may have the file open for an instant, so a conflicting
    lock is waited for shortly. No configuration is passed: dbt opens the same file in the same process, and
    DuckDB wants both openings alike.
    """
    deadline = time.monotonic() + _READER_WAIT_SECONDS
    while True:
        try:
            with home_errors(home):
                home.warehouse.parent.mkdir(parents=True, exist_ok=True)
                con = duckdb.connect(str(home.warehouse))
            break
        except duckdb.IOException as error:
            if "Conflicting lock" not in str(error):
                raise HomeUnusable(f"cannot open {home.warehouse}: {error}") from error
            if time.monotonic() > deadline:
                raise AnotherWriter(
                    f"another process has {home.warehouse} open: {str(error).split(': ', 2)[-1]}. Close it: "
                    f"analysts read {home.published}; nothing was touched"
                ) from None
            time.sleep(0.1)
    con.execute("set TimeZone = 'UTC'")
    # To try it on each column of text is an eighth of what writing a table takes; other ways keep ours as small.
    con.execute("set global disabled_compression_methods = 'fsst'")
    if lake is not None:
        from warehouse.lake.attached import attach

        try:
            attach(con, lake)
        except BaseException:
            con.close()
            raise
    return con


@contextmanager
def writer(home: Home, lake: Lake | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
    """Lock the home, open the build file with its schema up to date, and close both at the end."""
    with WriterLock(home):
        con = connect(home, lake)
        try:
            with home_errors(home):
                migrate(con)
                yield con
        finally:
            con.close()


def migrate(con: duckdb.DuckDBPyConnection) -> list[str]:
    """Bring the schema up to date: what this file has not seen of it, by name and text; return the names.

    All in one transaction. Each part may run twice, so that a better comment or a new column reaches warehouses that
    exist.
    """
    con.begin()
    try:
        con.execute("create schema if not exists ops")
        con.execute("create table if not exists ops.migrations (name varchar not null, text_sha256 varchar not null)")
        con.execute("comment on table ops.migrations is 'Parts of the schema that were applied to this warehouse.'")
        seen = set(con.execute("select name, text_sha256 from ops.migrations").fetchall())
        applied = {}
        for name, text, apply in _migrations(con):
            digest = hashlib.sha256(text.encode()).hexdigest()
            if (name, digest) not in seen:
                apply()
                applied[name] = digest
        if applied:
            con.execute("insert into ops.migrations select unnest(?), unnest(?)", [[*applied], [*applied.values()]])
        con.commit()
    except BaseException:
        con.rollback()
        raise
    return [*applied]


def _migrations(con: duckdb.DuckDBPyConnection) -> Iterator[tuple[str, str, Callable[[], object]]]:
    """Yield name, text and doing of each part: tables of our own, what moves older rows into them, raw tables."""
    # Imported here: `tidegauge status` opens files of this module and has no use for pydantic and polars.
    from warehouse.ddl import raw_ddl
    from warehouse.lake.wide_prices import apply_ddl
    from warehouse.own_tables import bring_up, own_tables, standing

    held = cache(partial(standing, con))  # asked when the first of them is to be brought up

    def brought_up(table: DeclaredTable) -> None:
        bring_up(con, table, held())

    for table in own_tables():
        yield f"table {table.schema}.{table.name}", repr(table), partial(brought_up, table)
    moves = ((path.name, path.read_text(encoding="utf-8")) for path in sorted(SCHEMA_FOLDER.glob("*.sql")))
    for name, text in moves:
        yield name, text, partial(con.execute, text)
    for name, text in raw_ddl():
        yield name, text, partial(apply_ddl, con, name=name, ddl=text)
