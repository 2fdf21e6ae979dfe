"""Where the files of snapshot tables lie: below a folder of the home, or in the lake, on a disk or on S3.

A file has the same name below each: `<source>/<table>/<period>/<sha256>.parquet`. In the lake the names are below
`snapshots/` of its data.
"""

from __future__ import annotations

import hashlib
import io
import os
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import polars as pl

from ingest.errors import HomeUnusable, told
from warehouse.releases import flush

if TYPE_CHECKING:
    from warehouse.lake.setting import Lake

ROWS_IN_GROUP: Final = 131_072
"""Rows are sorted by group, so that a query of one underlying reads a row group or two of each day."""

FOLDER: Final = "snapshots"
"""Of the lake's data."""

_UNFINISHED: Final = ".unfinished"


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """One file: its name below the store, the sha256 of its bytes, their number, and its rows."""

    file: str
    sha256: str
    bytes_count: int
    rows_count: int


class SnapshotStore(Protocol):
    """Files of snapshot tables by name. Errors are OSError, or HomeUnusable where a bucket does not answer."""

    @property
    def lake(self) -> Lake | None:
        """The lake whose tables have these files; None where views name each file."""

    def write(self, folder: str, frame: pl.DataFrame) -> WrittenFile:
        """Write a file below `folder` under the name of its content: whole, or it is not there."""

    def put(self, file: str, path: Path) -> None:
        """Take over a file that lies at `path` under its name."""

    def remove(self, file: str) -> None:
        """Remove a file that may be gone already."""

    def remove_unfinished(self) -> None:
        """Remove what a killed run was writing. The caller holds WriterLock."""

    def sizes(self) -> dict[str, int]:
        """Return the names of all files with their bytes."""

    def sha256_of(self, file: str) -> str:
        """Return the sha256 of the bytes of a file."""

    def address(self, file: str) -> str:
        """Return what DuckDB opens, and what a person is shown."""

    def scan(self, files: Sequence[str]) -> pl.LazyFrame:
        """Return the rows of files."""


Root = Path | SnapshotStore
"""Where a folder is enough to say which store."""


def store_at(root: Root) -> SnapshotStore:
    """Return the store of a folder, or the store itself."""
    return FolderStore(root) if isinstance(root, Path) else root


def store_in(home_folder: Path, lake: Lake | None) -> SnapshotStore:
    """Return the store of a home: its own folder, or the one of its lake."""
    if lake is None:
        return FolderStore(home_folder)
    return BucketStore(lake) if lake.is_on_s3 else FolderStore(Path(lake.data) / FOLDER, lake)


@dataclass(frozen=True)
class FolderStore:
    """Files below a folder: durable before their names are, and read-only."""

    root: Path
    lake: Lake | None = None

    def write(self, folder: str, frame: pl.DataFrame) -> WrittenFile:
        """As the protocol says. The same rows give the same name: a file that is there is replaced by its equal."""
        place = self.root / folder
        _make(place)
        unfinished = place / f"{os.getpid()}{_UNFINISHED}"
        try:
            frame.write_parquet(unfinished, compression="zstd", row_group_size=ROWS_IN_GROUP)
            digest, size = _sha256_of(unfinished), unfinished.stat().st_size
            name = f"{digest}.parquet"
            _seal(unfinished, place / name)
        finally:
            unfinished.unlink(missing_ok=True)
        return WrittenFile(f"{folder}/{name}", digest, size, frame.height)

    def put(self, file: str, path: Path) -> None:
        target = self.root / file
        _make(target.parent)
        unfinished = target.with_name(f"{os.getpid()}{_UNFINISHED}")
        try:
            unfinished.write_bytes(path.read_bytes())
            _seal(unfinished, target)
        finally:
            unfinished.unlink(missing_ok=True)

    def remove(self, file: str) -> None:
        (self.root / file).unlink(missing_ok=True)

    def remove_unfinished(self) -> None:
        for path in self.root.glob(f"*/*/*/*{_UNFINISHED}"):
            path.unlink(missing_ok=True)

    def sizes(self) -> dict[str, int]:
        files = (path for path in self.root.glob("*/*/*/*.parquet") if path.is_file())
        return {path.relative_to(self.root).as_posix(): path.stat().st_size for path in files}

    def sha256_of(self, file: str) -> str:
        return _sha256_of(self.root / file)

    def address(self, file: str) -> str:
        return f"{self.root}/{file}"

    def scan(self, files: Sequence[str]) -> pl.LazyFrame:
        return pl.scan_parquet([self.root / file for file in files])


@dataclass(frozen=True)
class BucketStore:
    """Files below a prefix on S3, where a file is there with its last byte or not at all."""

    lake: Lake

    def write(self, folder: str, frame: pl.DataFrame) -> WrittenFile:
        body = io.BytesIO()
        frame.write_parquet(body, compression="zstd", row_group_size=ROWS_IN_GROUP)
        digest = hashlib.sha256(body.getbuffer()).hexdigest()
        file = f"{folder}/{digest}.parquet"
        self._upload(file, body.getbuffer())
        return WrittenFile(file, digest, body.getbuffer().nbytes, frame.height)

    def put(self, file: str, path: Path) -> None:
        self._upload(file, path.read_bytes())

    def remove(self, file: str) -> None:
        if file in self.sizes():
            self._client.delete_file(self._key(file))

    def remove_unfinished(self) -> None:
        """Nothing is to be removed: an upload that was not ended has no name."""

    def sizes(self) -> dict[str, int]:
        from pyarrow.fs import FileSelector, FileType

        place = self._key("")
        try:
            found = self._client.get_file_info(FileSelector(place, recursive=True, allow_not_found=True))
        except OSError as error:
            raise self._unusable(error) from error
        files = (one for one in found if one.type == FileType.File and one.path.endswith(".parquet"))
        return {one.path.removeprefix(place): int(one.size) for one in files}

    def sha256_of(self, file: str) -> str:
        try:
            with self._client.open_input_stream(self._key(file)) as stream:
                return hashlib.sha256(stream.read()).hexdigest()
        except OSError as error:
            raise self._unusable(error) from error

    def address(self, file: str) -> str:
        return f"{self.lake.data}{FOLDER}/{file}"

    def scan(self, files: Sequence[str]) -> pl.LazyFrame:
        from warehouse.lake.keys import object_store_options

        return pl.scan_parquet([self.address(file) for file in files], storage_options=object_store_options())

    def prove_writable(self) -> None:
        """Put an object beside the files and remove it; HomeUnusable where that cannot be done."""
        name = f".proof-{uuid.uuid4()}"
        self._upload(name, b"-")
        try:
            self._client.delete_file(self._key(name))
        except OSError as error:
            raise self._unusable(error) from error

    def _upload(self, file: str, body: Any) -> None:
        try:
            with self._client.open_output_stream(self._key(file)) as stream:
                stream.write(body)
        except OSError as error:
            raise self._unusable(error) from error

    def _key(self, file: str) -> str:
        return f"{self.lake.data.removeprefix('s3://')}{FOLDER}/{file}"

    @cached_property
    def _client(self) -> Any:
        from warehouse.lake.keys import s3_client

        return s3_client()

    def _unusable(self, error: OSError) -> HomeUnusable:
        return HomeUnusable(f"{self.lake.data} cannot be used: {told(str(error))}")


def _seal(unfinished: Path, name: Path) -> None:
    """Make a file durable, then its name."""
    unfinished.chmod(0o444)
    flush(unfinished)
    unfinished.replace(name)
    flush(name.parent)


def _make(place: Path) -> None:
    """Create a folder and make its name durable, and those of the folders above that were new too."""
    new = [folder for folder in (place, *place.parents) if not folder.exists()]
    place.mkdir(parents=True, exist_ok=True)
    for folder in new:
        flush(folder.parent)


def _sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
