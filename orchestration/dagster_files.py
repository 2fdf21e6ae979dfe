"""Dagster's own files of one home: a log for people to look at. One that is damaged stops no run: it is set aside."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from ingest.home import Home

TABLES: Final = {"runs.db": "runs", "event_log.db": "event_logs", "schedules.db": "jobs"}
"""Each database, and a table without which it is none of Dagster's."""

CHECKED_WHOLE_BYTES: Final = 128 * 1024 * 1024
"""Up to this size every page is looked at; beyond, only the list of tables and the length."""

_BESIDE: Final = ("-wal", "-shm", "-journal")
_IN_USE: Final = ("locked", "busy")


def mend(home: Home) -> list[str]:
    """Set aside every database that Dagster could not use, and return a sentence for each."""
    damaged = [home.dagster / name for name in TABLES if _is_damaged(home.dagster / name, TABLES[name])]
    return [set_aside(path) for path in damaged]


def set_aside(path: Path) -> str:
    """Give a file or folder, and what lies beside it, a name with the moment in it; return a sentence that says so."""
    moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%fZ")  # of this machine: it is about files, not about data
    aside = path.with_name(f"{path.name}.damaged-{moment}")
    for old, new in ((path, aside), *((_beside(path, end), _beside(aside, end)) for end in _BESIDE)):
        if old.exists() or old.is_symlink():
            old.rename(new)
    return f"Dagster's log {path} was damaged: it is {aside.name} now, and begun anew; no figure depends on it"


def _is_damaged(path: Path, table: str) -> bool:
    if any(part.is_dir() for part in _parts(path)) or (path.is_symlink() and not path.exists()):
        return True
    if not path.exists():
        return any(
            part.exists() for part in _parts(path)
        )  # a log without its database would be replayed into a new one
    try:
        with closing(sqlite3.connect(path, timeout=5)) as con:
            known = con.execute("select count(*) from sqlite_master where name = ?", [table]).fetchone()
            pages, size = (con.execute(f"pragma {what}").fetchone()[0] for what in ("page_count", "page_size"))
            if pages * size <= CHECKED_WHOLE_BYTES:
                return not known[0] or con.execute("pragma quick_check(1)").fetchone() != ("ok",)
            con.execute(f"select max(rowid) from {table}").fetchone()  # noqa: S608  # one of TABLES
            return not known[0]
    except sqlite3.DatabaseError as error:
        return not any(sign in str(error) for sign in _IN_USE)


def _parts(path: Path) -> Iterator[Path]:
    yield path
    yield from (_beside(path, end) for end in _BESIDE)


def _beside(path: Path, end: str) -> Path:
    return path.with_name(path.name + end)
