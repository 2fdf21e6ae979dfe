"""Parquet files of snapshot tables: written whole under the name of their content, never changed, held to their index.

Layout below the snapshots folder of a home: `<source>/<table>/<period>/<sha256>.parquet`, and
`<source>/<table>/refused/` for the rows that the gate kept out. A file is durable before its name is, and its name
before its row in the index.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb
import polars as pl

from warehouse.releases import flush

REFUSED_FOLDER: Final = "refused"
ROWS_IN_GROUP: Final = 131_072
"""Rows are sorted by group, so that a query of one underlying reads a row group or two of each day."""

_UNFINISHED: Final = ".unfinished"


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """One file: its path below the snapshots folder, the sha256 of its bytes, their number, and its rows."""

    file: str
    sha256: str
    bytes_count: int
    rows_count: int


@dataclass(frozen=True, slots=True)
class Damage:
    """A file of the index that is not what was landed."""

    file: str
    said: str


def write_file(root: Path, folder: str, frame: pl.DataFrame) -> WrittenFile:
    """Write `frame` below `root`/`folder` and return what it became; OSError where the disk will not have it.

    The same rows give the same name: a file that is there already is replaced by its equal, damaged or not.
    """
    place = root / folder
    _make(place)
    unfinished = place / f"{os.getpid()}{_UNFINISHED}"
    try:
        frame.write_parquet(unfinished, compression="zstd", row_group_size=ROWS_IN_GROUP)
        digest, size = _sha256_of(unfinished), unfinished.stat().st_size
        unfinished.chmod(0o444)
        flush(unfinished)
        name = f"{digest}.parquet"
        unfinished.replace(place / name)
    finally:
        unfinished.unlink(missing_ok=True)
    flush(place)
    return WrittenFile(f"{folder}/{name}", digest, size, frame.height)


def remove_unfinished(root: Path) -> None:
    """Remove what a killed run was writing. The caller holds WriterLock."""
    for path in root.glob(f"*/*/*/*{_UNFINISHED}"):
        path.unlink(missing_ok=True)


def damaged_files(con: duckdb.DuckDBPyConnection, root: Path, *, full: bool) -> list[Damage]:
    """Return the files of the index that are missing or of another size; with `full` also those of another sha256."""
    found: list[Damage] = []
    for file, sha256, size in con.execute(
        f"select distinct file, sha256, bytes_count from ops.snapshot_files where {NOT_EXPIRED} order by file"
    ).fetchall():
        path = root / file
        if not path.is_file():
            found.append(Damage(file, f"{path} is missing"))
        elif path.stat().st_size != size:
            found.append(Damage(file, f"{path}: expected {size:,} bytes, got {path.stat().st_size:,}"))
        elif full and (seen := _sha256_of(path)) != sha256:
            found.append(Damage(file, f"{path}: expected sha256 {sha256}, got {seen}"))
    return found


def left_over_files(con: duckdb.DuckDBPyConnection, root: Path) -> list[Path]:
    """Return files without a row in the index: a run was killed between the two. Nothing reads them."""
    known = {file for (file,) in con.execute("select file from ops.snapshot_files").fetchall()}
    return sorted(path for path in root.glob("*/*/*/*.parquet") if path.relative_to(root).as_posix() not in known)


NOT_EXPIRED: Final = "file not in (select file from ops.snapshot_expired)"
"""The condition on ops.snapshot_files for files that are still kept."""


def _make(place: Path) -> None:
    """Create a folder and make its name durable, and those of the folders above that were new too."""
    new = [folder for folder in (place, *place.parents) if not folder.exists()]
    place.mkdir(parents=True, exist_ok=True)
    for folder in new:
        flush(folder.parent)


def _sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
