"""Where dbt writes what it makes of the project: never into the project itself, which may be read-only.

A parsed project is kept by its content, in a folder of its own: prepared beside the environment by scripts/setup, else
below the home. Where there is no home yet (Dagster's pages may only be looked at), in a folder that goes with the
process.
"""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Final

from ingest.errors import TidegaugeError
from ingest.settings import PROJECT_ROOT

PROJECT_DIR: Final = PROJECT_ROOT / "dbt_project"
PREPARED: Final = Path(sys.prefix) / "tidegauge-dbt"
MANIFEST_NAME: Final = "manifest.json"
PARSED_NAME: Final = "partial_parse.msgpack"

_PARSED_BY: Final = ("dbt-core", "dbt-duckdb")
_READ: Final = frozenset({".sql", ".yml", ".yaml", ".csv", ".md", ".py"})
_WRITTEN: Final = frozenset({"target", "logs"})  # by a dbt that somebody started in the project by hand
_KEPT: Final = 3  # a run of another version may be using its own

_root: Path | None = None


@dataclass(frozen=True, slots=True)
class State:
    """The folder of the project as it is now: `folder` is where dbt writes, `manifest` what is parsed already."""

    folder: Path
    prepared: Path

    @property
    def manifest(self) -> Path | None:
        found = (one / MANIFEST_NAME for one in (self.folder, self.prepared))
        return next((path for path in found if path.exists()), None)

    @contextmanager
    def being_written(self) -> Iterator[Path]:
        """Yield a folder to parse into; it becomes `folder` at once when all went well, so that no half is read."""
        if self.folder.exists():
            yield self.folder
            return
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        waiting = Path(tempfile.mkdtemp(prefix=".", dir=self.folder.parent))
        waiting.chmod(0o755)  # as any folder: an environment may be one user's and used by others
        try:
            for name in (PARSED_NAME, MANIFEST_NAME):
                with contextlib.suppress(FileNotFoundError):
                    shutil.copyfile(self.prepared / name, waiting / name)
            yield waiting
            with contextlib.suppress(OSError):  # another process was quicker: what it wrote is the same
                waiting.rename(self.folder)
        finally:
            shutil.rmtree(waiting, ignore_errors=True)
        _forget_others(self.folder)


def keep_under(root: Path) -> None:
    """Let dbt write below `root` from now on: a run knows its home."""
    global _root  # one process serves one home; Dagster imports the assets before it can say which
    _root = root


@contextmanager
def kept_under(root: Path) -> Iterator[None]:
    """Let dbt write below `root`, and afterwards where it did before."""
    global _root  # as keep_under
    before, _root = _root, root
    try:
        yield
    finally:
        _root = before


def state() -> State:
    """Return where the project as it is now is parsed to."""
    key = content_key()
    return State(_place() / key, PREPARED / key)


def prepare_in(parse: Callable[[], object]) -> None:
    """Run `parse` with its result kept beside the environment, and drop what was prepared before."""
    keep_under(PREPARED)
    parse()
    for old in PREPARED.iterdir():
        if old.name != content_key():
            shutil.rmtree(old, ignore_errors=True)


def content_key() -> str:
    """Return a fingerprint of the project's files, its place, and who parses it."""
    digest = hashlib.sha256(repr([str(PROJECT_DIR), sys.version_info[:2], _parsers()]).encode())
    for path in sorted(PROJECT_DIR.rglob("*")):
        name = path.relative_to(PROJECT_DIR)
        if path.suffix in _READ and not _WRITTEN & set(name.parts):
            digest.update(f"{name} {path.stat().st_size}\n".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


@cache
def _parsers() -> tuple[str, ...]:
    return tuple(metadata.version(name) for name in _PARSED_BY)


def _place() -> Path:
    if _root is not None:
        return _root
    from ingest.home import home_at
    from ingest.settings import load_settings

    with contextlib.suppress(TidegaugeError):  # whoever runs something will say what is wrong with the settings
        home = home_at(load_settings().home)
        if home.root.is_dir() and os.access(home.root, os.W_OK | os.X_OK):
            return home.dbt
    return _of_this_process()


@cache
def _of_this_process() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="tidegauge-dbt-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _forget_others(folder: Path) -> None:
    """Remove what older versions of the project left, but for the newest few."""
    others = [path for path in folder.parent.iterdir() if path.is_dir() and not path.name.startswith(".")]
    for old in sorted(others, key=lambda path: path.stat().st_mtime)[:-_KEPT]:
        if old != folder:
            shutil.rmtree(old, ignore_errors=True)
