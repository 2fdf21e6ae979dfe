"""The payload store: every answer as it came, found again by the sha256 of its bytes. Several threads may write.

Only a configured key that a publisher sent back is blotted out first: what is hashed, archived, parsed and landed is
the body without it.

Layout below the root: `<2 hex>/<sha256>.gz` (gzip with no time in it, so equal bodies give equal files) and
`index.jsonl`, one JSON line per fetch. Both are durable when `flush` returns; a body always before its line.
"""

from __future__ import annotations

import contextlib
import errno
import gzip
import hashlib
import json
import logging
import os
import re
import struct
import threading
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Final

from ingest.errors import ArchiveDamaged, HomeUnusable
from ingest.payload import Payload
from ingest.secrets import blotted, blotted_body, blotted_mapping, is_guarding

KEPT_HEADERS: Final = ("etag", "last-modified", "content-type", "date")
"""The headers that matter later; the rest is not kept."""

_TEMPORARY: Final = ".tmp"
_UNFLUSHED_AT_MOST: Final = 200
"""So many answers at most are lost to a kill; they are asked for again."""

_GZIP_LEVEL: Final = 5
"""A day's answers pack in two thirds of the time that level 6 takes, into files 0.9 % larger."""

_MOMENT: Final = re.compile(rb'"fetched_at": "(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?\+00:00)"')
_REMEDY: Final = (
    "Put the file back from a copy; without one `tidegauge rebuild --accept-loss` goes on without this answer, and "
    "the warehouse that is there stays as good as it was"
)
_log = logging.getLogger("tidegauge.archive")


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the index: one fetch. `url` is redacted; `fetched_at` is aware UTC; `batch` is of one run."""

    source: str
    name: str
    url: str
    fetched_at: datetime
    sha256: str
    bytes: int
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    meta: Mapping[str, str] = field(default_factory=dict)
    batch: str = ""


class Archive:
    """A content-addressed store of payloads below one folder. One process writes, in as many threads as it likes.

    With a list `lost`, a replay leaves out bodies that are damaged and adds why; without one it ends at the first.
    """

    def __init__(self, root: Path, *, lost: list[ArchiveDamaged] | None = None) -> None:
        self.root = root
        self.lost = lost
        self._index: IO[bytes] | None = None
        self._lines: list[bytes] = []
        self._unnamed: dict[Path, Path] = {}
        self._latest: dict[tuple[str, str], Entry] | None = None
        self._lock = threading.RLock()

    @property
    def index_path(self) -> Path:
        return self.root / "index.jsonl"

    def put(self, payload: Payload, batch: str = "") -> Payload:
        """Store the body once and write an index line; return the payload, in which every secret is blotted out.

        HomeUnusable when the disk is full or the folder cannot be written. Body and line are durable after `flush`.
        """
        payload = _without_secrets(payload)
        entry = Entry(
            source=payload.source,
            name=payload.name,
            url=payload.url,
            fetched_at=payload.fetched_at,
            sha256=payload.sha256,
            bytes=len(payload.body),
            status=payload.status,
            headers=kept_headers(payload.headers),
            meta=dict(payload.meta),
            batch=batch,
        )
        try:
            # packed before the lock is taken: threads must not wait for each other's compression
            packed = None if self._holds(payload) else gzip.compress(payload.body, _GZIP_LEVEL, mtime=0)
            with self._lock:
                if packed is not None:
                    self._store(payload, packed)
                self._append(entry)
                if self._latest is not None:
                    self._remember(self._latest, entry)
        except OSError as error:
            raise _unusable(self.root, error) from error
        return payload

    def flush(self) -> None:
        """Make new bodies, their names and the index lines durable. Collect calls it once per source."""
        try:
            with self._lock:
                self._name_bodies()  # before the lines that name them
                if self._index is not None and self._lines:
                    self._index.write(b"".join(self._lines))
                    self._index.flush()
                    os.fsync(self._index.fileno())
                    self._lines.clear()
        except OSError as error:
            raise _unusable(self.root, error) from error

    def close(self) -> None:
        """Flush and let go of the index."""
        with self._lock:
            self.flush()
            if self._index is not None:
                self._index.close()
                self._index = None

    def body(self, sha256: str) -> bytes:
        """Return the bytes of that hash; ArchiveDamaged when they are missing or no longer have it."""
        path = self._path(sha256)
        path = self._unnamed.get(path, path)
        try:
            found = gzip.decompress(path.read_bytes())
        except FileNotFoundError:
            raise ArchiveDamaged(f"archive: {path} is missing. {_REMEDY}") from None
        except (OSError, EOFError, zlib.error) as error:
            raise ArchiveDamaged(f"archive: {path} cannot be read: {error}. {_REMEDY}") from error
        seen = hashlib.sha256(found).hexdigest()
        if seen != sha256:
            raise ArchiveDamaged(
                f"archive: {path} is damaged: its bytes have sha256 {seen}, not the one in its name. {_REMEDY}"
            )
        return found

    def entries(self) -> Iterator[Entry]:
        """Yield the index in the order of the fetches; a torn last line (a killed run) is reported and left out.

        ArchiveDamaged when the index cannot be read.
        """
        if self._lines:
            self.flush()
        if not self.index_path.exists():
            return
        try:
            with self.index_path.open("rb") as lines:
                for number, line in enumerate(lines, start=1):
                    if line.strip():
                        entry = self._entry(line, number)
                        if entry is not None:
                            yield entry
        except OSError as error:
            raise ArchiveDamaged(
                f"archive: {self.index_path} cannot be read: {error.strerror or error}. Put it back from a copy."
            ) from error

    def newest_fetch(self) -> datetime | None:
        """Return the latest moment of a fetch (aware UTC) in the index, None when there is none.

        Only the moments are read: it is asked before each run, of an index that only grows.
        """
        try:
            moments = _MOMENT.findall(self.index_path.read_bytes())
        except OSError:
            return None  # whoever needs the index will say what is wrong with it
        return max((datetime.fromisoformat(moment.decode()) for moment in moments), default=None)

    def latest(self, source: str, name: str) -> Entry | None:
        """Return the newest entry of that name that brought a body (status 200), None when there is none."""
        with self._lock:
            if self._latest is None:
                found: dict[tuple[str, str], Entry] = {}
                for entry in self.entries():
                    self._remember(found, entry)
                self._latest = found
            return self._latest.get((source, name))

    @staticmethod
    def _remember(latest: dict[tuple[str, str], Entry], entry: Entry) -> None:
        if entry.status == 200:
            latest[entry.source, entry.name] = entry

    def _entry(self, line: bytes, number: int) -> Entry | None:
        try:
            read = json.loads(line)
        except ValueError:  # a line cut by a kill; the next run began a new one behind it
            _log.warning("archive: line %d of %s is torn (a run was killed); left out", number, self.index_path)
            return None
        try:
            return Entry(**{**read, "fetched_at": datetime.fromisoformat(read["fetched_at"])})
        except (ValueError, TypeError, KeyError) as error:
            raise ArchiveDamaged(
                f"archive: {self.index_path} line {number} is no entry: {error}. Put the file back from a copy."
            ) from error

    def _holds(self, payload: Payload) -> bool:
        path = self._path(payload.sha256)
        return path in self._unnamed or _is_whole(path, payload.body)

    def _store(self, payload: Payload, packed: bytes) -> None:
        path = self._path(payload.sha256)
        if path in self._unnamed:  # another thread was as quick
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{os.getpid()}{_TEMPORARY}")
        try:
            temporary.write_bytes(packed)
        except OSError:
            with contextlib.suppress(OSError):  # on a full disk the clean-up may fail too; the first error counts
                temporary.unlink(missing_ok=True)
            raise
        self._unnamed[path] = temporary

    def _name_bodies(self) -> None:
        """Give new bodies their final names once their bytes are on the disk: a name never stands for torn bytes.

        Two syncs for all of them, the bytes and the names: two thousand small files synced one by one take ten
        seconds on a busy disk.
        """
        if not self._unnamed:
            return
        os.sync()
        for path, temporary in self._unnamed.items():
            temporary.replace(path)
        self._unnamed.clear()
        os.sync()

    def _append(self, entry: Entry) -> None:
        if self._index is None:
            self.root.mkdir(parents=True, exist_ok=True)
            # "a" keeps a torn last line of a killed run; a new line is begun behind it
            for leftover in set(self.root.glob(f"*/.*{_TEMPORARY}")) - set(self._unnamed.values()):  # of a killed run
                leftover.unlink(missing_ok=True)
            self._index = self.index_path.open("ab")
            if _ends_torn(self.index_path):
                self._index.write(b"\n")
        record: dict[str, Any] = {
            name: getattr(entry, name) for name in Entry.__dataclass_fields__ if name != "fetched_at"
        }
        record["fetched_at"] = entry.fetched_at.isoformat()
        self._lines.append(json.dumps(record, sort_keys=True, ensure_ascii=False).encode() + b"\n")
        if len(self._lines) >= _UNFLUSHED_AT_MOST:
            self.flush()

    def _path(self, sha256: str) -> Path:
        return self.root / sha256[:2] / f"{sha256}.gz"


def _without_secrets(payload: Payload) -> Payload:
    """Return the payload as it may be kept and shown; its hash is that of the body which is kept."""
    if not is_guarding():
        return payload
    body = blotted_body(payload.body)
    return replace(
        payload,
        name=blotted(payload.name),
        url=blotted(payload.url),
        body=body,
        sha256=payload.sha256 if body is payload.body else sha256_of(body),
        headers=blotted_mapping(payload.headers),
        meta=blotted_mapping(payload.meta),
    )


def _is_whole(path: Path, body: bytes) -> bool:
    """Say whether `path` ends as the packed `body` would: a name left on a cut file is given to a whole one."""
    try:
        with path.open("rb") as file:
            file.seek(-8, os.SEEK_END)
            return file.read() == struct.pack("<II", zlib.crc32(body), len(body) & 0xFFFFFFFF)
    except OSError:  # not there, a folder, or shorter than that
        return False


def kept_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers that matter, names in lower case."""
    lower = {name.lower(): value for name, value in headers.items()}
    return {name: lower[name] for name in KEPT_HEADERS if name in lower}


def sha256_of(body: bytes) -> str:
    """Return the hash that names `body` in the archive."""
    return hashlib.sha256(body).hexdigest()


def _ends_torn(path: Path) -> bool:
    with path.open("rb") as file:
        if file.seek(0, os.SEEK_END) == 0:
            return False
        file.seek(-1, os.SEEK_END)
        return file.read(1) != b"\n"


def _unusable(root: Path, error: OSError) -> HomeUnusable:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return HomeUnusable(
            f"the disk under {root} is full: a payload could not be archived. What was landed before stays. "
            "Free some space, or set TIDEGAUGE_HOME to a folder on another disk, and run again."
        )
    return HomeUnusable(
        f"cannot write the archive in {root}: {error.strerror or error}. Set TIDEGAUGE_HOME to a folder you own."
    )
