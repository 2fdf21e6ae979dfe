"""The kept releases and the published file: which is which, which is sound, and how one takes the other's place.

A release that cannot be read is never in the way: it is set aside under a name of its own (`….duckdb.damaged`), and a
published file that cannot be read is replaced like any other.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Final

import duckdb

from ingest.errors import HomeUnusable, NothingPublished, UnknownRelease
from ingest.home import Home
from warehouse.connection import WriterLock, home_errors

STAMP: Final = "%Y%m%dT%H%M%SZ"
DAMAGED: Final = ".damaged"

_RELEASE: Final = re.compile(r"tidegauge_((\d{8}T\d{6}Z)-[0-9a-f]{8})\.duckdb(\.damaged(-\d+)?)?")
_NOT_DAMAGE: Final = ("Conflicting lock", "Permission denied", "different configuration", "Too many open files")
"""Why a sound file may not open: somebody writes it, or this user may not read it."""


@dataclass(frozen=True, slots=True)
class Release:
    """One kept release. `is_damaged`: it cannot be read, or is not what was published; it may have been set aside."""

    build_id: str
    path: Path
    stamp: datetime  # aware UTC; in the order of publication
    size_bytes: int
    is_current: bool
    is_damaged: bool = False

    @property
    def is_set_aside(self) -> bool:
        return DAMAGED in self.path.name


@dataclass(frozen=True, slots=True)
class Build:
    """What a published file says of itself in meta.build; `built_at` is naive UTC."""

    build_id: str
    content_sha256: str
    built_at: datetime
    data_through_date: date | None


def releases(home: Home, *, verify: bool = False) -> list[Release]:
    """Return the kept releases, newest first, those set aside among them; with `verify` checksums are looked at."""
    found = []
    for path in _listed(home):
        match = _RELEASE.fullmatch(path.name)
        if match:
            found.append((match[1], match[2], path))
    found.sort(key=lambda one: (one[0], one[2].name), reverse=True)
    current = _current_path(home, [path for *_, path in found])
    kept = [
        Release(
            build_id,
            path,
            datetime.strptime(stamp, STAMP).replace(tzinfo=UTC),
            path.lstat().st_size,
            path == current,
            DAMAGED in path.name or is_damaged(path),
        )
        for build_id, stamp, path in found
    ]
    if not verify:
        return kept
    return [release if is_sound(release) else _marked(release) for release in kept]


def rollback(home: Home, to: str | None = None) -> Release:
    """Make an older release the published one and return it: the newest sound one before the current, or `to`.

    Takes the writer lock. UnknownRelease when there is no such release, NothingPublished when there is none before,
    HomeUnusable when the one that was named, or every one before the current, is damaged. Where the published file
    cannot be read, the newest sound release takes its place.
    """
    with WriterLock(home), home_errors(home):
        chosen = _named(releases(home), to) if to is not None else _before_current(home)
        require_sound(chosen)
        switch(home, chosen.path)
        return next(release for release in releases(home) if release.path == chosen.path)


def _named(kept: list[Release], to: str) -> Release:
    for release in kept:
        if release.build_id == to:
            return release
    names = ", ".join(release.build_id + (" (damaged)" if release.is_damaged else "") for release in kept) or "none"
    raise UnknownRelease(f"no release {to}; kept are: {names}")


def _before_current(home: Home) -> Release:
    kept = releases(home)
    places = [place for place, release in enumerate(kept) if release.is_current]
    before = kept[places[0] + 1 :] if places else kept
    if not before:
        raise NothingPublished("there is no release before the current one to go back to")
    return next((release for release in before if is_sound(release)), before[0])


def require_sound(release: Release) -> None:
    """HomeUnusable when the release is not, byte by byte, what was published."""
    if not is_sound(release):
        raise HomeUnusable(
            f"release {release.build_id}: expected sha256 {expected_sha256(release.path)}, got "
            f"{_sha256_or_reason(release.path)}; the file is damaged and was not published ({release.path}). "
            "Name another release to go back to: `tidegauge releases` lists them."
        )


def is_sound(release: Release) -> bool:
    """Say whether a release can be read and has the checksum that was written beside it."""
    if release.is_damaged:
        return False
    return _sha256_or_reason(release.path) == expected_sha256(release.path)


def build_of(path: Path) -> Build | None:
    """Return what a published file says of itself, None when it cannot be read as one."""
    try:
        return _build_of(path, *_version(path))
    except (duckdb.Error, OSError, _NoBuildError):
        return None


def is_damaged(path: Path) -> bool:
    """Say whether a file cannot be read as a release though nobody is in the way."""
    try:
        _build_of(path, *_version(path))
    except _NoBuildError:
        return True
    except (duckdb.Error, OSError) as error:
        return not any(sign in str(error) for sign in _NOT_DAMAGE)
    return False


class _NoBuildError(Exception):
    """The file can be read, and does not say which build it is."""


def _version(path: Path) -> tuple[int, int, int]:
    """Return what is another as soon as a file is another, or is written to."""
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns


@lru_cache(maxsize=64)
def _build_of(path: Path, *_version: int) -> Build:
    """Return what a file says of itself: a publication asks each of the releases several times. Errors are not kept."""
    with duckdb.connect(str(path), read_only=True) as con:
        found = con.execute("select build_id, content_sha256, built_at, data_through_date from meta.build").fetchone()
    if found is None:
        raise _NoBuildError
    return Build(str(found[0]), str(found[1]), found[2], found[3])


def is_published_whole(home: Home, release: Release) -> bool:
    """Say whether the published file is this release: the same file, or a copy with its checksum."""
    with contextlib.suppress(OSError):
        return release.is_current and (
            release.path.samefile(home.published) or sha256_of(home.published) == expected_sha256(release.path)
        )
    return False


def set_aside(path: Path) -> Path:
    """Give a damaged file, folder or link a name that nobody takes for a release; return it."""
    aside = path.with_name(f"{path.name}{DAMAGED}")
    number = 1
    while aside.exists() or aside.is_symlink():
        number += 1
        aside = path.with_name(f"{path.name}{DAMAGED}-{number}")
    path.rename(aside)
    return aside


def set_aside_damaged(home: Home) -> list[Path]:
    """Set aside every release that cannot be read, and return where they are now."""
    damaged = [release for release in releases(home) if release.is_damaged and not release.is_set_aside]
    return [_aside(release) for release in damaged]


def same_content(home: Home, content: str) -> Release | None:
    """Return the sound release that says `content` already: the current one before the others.

    One that would say it, but for its checksum, is set aside.
    """
    for release in sorted(releases(home), key=lambda release: not release.is_current):
        build = None if release.is_damaged else build_of(release.path)
        if build is not None and build.content_sha256 == content:
            if is_sound(release):
                return release
            _aside(release)
    return None


def switch(home: Home, path: Path) -> None:
    """Make `path` the published file, by one rename; a hard link where the file system has them, else a copy."""
    waiting = home.published.with_name(f"{home.published.name}.tmp")
    remove(waiting)
    try:
        os.link(path, waiting)
    except OSError:
        shutil.copyfile(path, waiting)
        waiting.chmod(0o444)
        flush(waiting)
    if home.published.is_dir() and not home.published.is_symlink():
        set_aside(home.published)  # no rename of a file replaces a folder
    waiting.replace(home.published)
    # A rename between two links to one file does nothing, by POSIX: published is that file already.
    waiting.unlink(missing_ok=True)
    flush(home.published.parent)


def forget(home: Home, keep: int) -> None:
    """Remove all but the newest `keep` sound releases and the current one, and what was set aside before those."""
    kept = releases(home)
    staying = [release for release in kept if not release.is_damaged][:keep]
    oldest = min((release.stamp for release in staying), default=None)
    for release in kept:
        is_old = release.is_damaged and oldest is not None and release.stamp < oldest
        if not release.is_current and (is_old or not (release.is_damaged or release in staying)):
            remove(release.path)
            checksum_file(release.path).unlink(missing_ok=True)


def sweep(home: Home) -> None:
    """Remove what a killed publication left behind."""
    for leftover in (*home.releases.glob("*.tmp"), *home.releases.glob("*.tmp.wal")):
        remove(leftover)
    remove(home.published.with_name(f"{home.published.name}.tmp"))
    for checksum in home.releases.glob("*.sha256"):
        if not checksum.with_suffix("").exists():
            remove(checksum)


def remove(path: Path) -> None:
    """Remove a file, a link or a folder, where there is one."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def checksum_file(path: Path) -> Path:
    """Return where the checksum of a release stands."""
    return path.with_name(f"{path.name}.sha256")


def sha256_of(path: Path) -> str:
    """Return the checksum of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def expected_sha256(path: Path) -> str:
    """Return the checksum written beside a release, or nothing that could match where it is missing."""
    try:
        words = checksum_file(path).read_text(encoding="ascii").split()
    except (OSError, UnicodeDecodeError):
        words = []
    return words[0] if words else "none on record"


def seal(path: Path) -> None:
    """Give the finished file its checksum, its mode and, last, its name."""
    new = unfinished(path)
    flush(new)
    checksum = checksum_file(path)
    checksum.write_text(f"{sha256_of(new)}  {path.name}\n", encoding="ascii")
    flush(checksum)
    new.chmod(0o444)
    new.rename(path)
    flush(path.parent)


def unfinished(path: Path) -> Path:
    """Return the name of a release while it is being written."""
    return path.with_name(f"{path.name}.tmp")


def flush(path: Path) -> None:
    """Make a file, or the names in a folder, durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _listed(home: Home) -> list[Path]:
    return list(home.releases.glob("tidegauge_*.duckdb*")) if home.releases.is_dir() else []


def _aside(release: Release) -> Path:
    aside = set_aside(release.path)
    with contextlib.suppress(OSError):  # it may have none, and says only what the file should have been
        checksum_file(release.path).rename(checksum_file(aside))
    return aside


def _marked(release: Release) -> Release:
    return Release(release.build_id, release.path, release.stamp, release.size_bytes, release.is_current, True)


def _current_path(home: Home, kept: list[Path]) -> Path | None:
    """Return the release that is published: the same file, or a copy that says the same build."""
    for path in kept:
        with contextlib.suppress(OSError):  # either may be a link that leads nowhere
            if path.samefile(home.published):
                return path
    build = build_of(home.published)
    if build is None:
        return None
    return next((path for path in kept if path.name == f"tidegauge_{build.build_id}.duckdb"), None)


def _sha256_or_reason(path: Path) -> str:
    try:
        return sha256_of(path)
    except OSError as error:
        return error.strerror or str(error)
