"""A folder that always holds one whole release: `parquet`, `csv` and `xlsx` in it are links to the newest of each.

A release is written into a new folder beside the link, flushed, and then the link is replaced by one rename. Whoever
has opened the folder before keeps the one before, which stays until the next but one.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import duckdb

from ingest.errors import QueryRefused, TargetUnusable
from ingest.home import Home
from serving.publish.release import Build
from serving.query.output_file import own_folder
from warehouse.releases import flush

MANIFEST: Final = "manifest.json"
_MADE_BY: Final = "tidegauge publish"
_UNFINISHED: Final = ".unfinished"


@contextmanager
def new_release(out: Path, form: str, build: Build, home: Home) -> Iterator[Path]:
    """Yield an empty folder; when all went well it is what `out/form` leads to.

    QueryRefused for a folder that is the home's own; TargetUnusable where it cannot be written, or where what stands at
    `out/form` is not ours. Whatever goes wrong, `out/form` is what it was.
    """
    link = out / form
    _refuse_own(out, home)
    try:
        out.mkdir(parents=True, exist_ok=True)
        _refuse_foreign(link)
        with _alone(out):
            for left in out.glob(f"{form}-*{_UNFINISHED}"):
                shutil.rmtree(left)
            name = f"{form}-{build.build_id}-{secrets.token_hex(2)}"
            made = out / f"{name}{_UNFINISHED}"
            made.mkdir()
            try:
                yield made
                _flush_all(made)
                made.rename(out / name)
            except BaseException:
                shutil.rmtree(made, ignore_errors=True)
                raise
            before = os.readlink(link) if link.is_symlink() else ""
            _switch(link, name)
            _forget(out, form, {name, before})
    except (OSError, duckdb.IOException) as error:
        if isinstance(error, BrokenPipeError):
            raise
        why = " ".join(str(getattr(error, "strerror", None) or error).split())
        raise TargetUnusable(f"cannot write {out}: {why}; {link} is what it was") from error


def write_manifest(folder: Path, build: Build, files: list[dict[str, Any]], more: dict[str, Any]) -> None:
    """Write what is in the folder: the release, each file with its rows and SHA-256, and what was left out."""
    said = {
        "made_by": _MADE_BY,
        "build_id": build.build_id,
        "built_at": f"{build.built_at.isoformat()}Z",
        "origin": build.origin,
        "is_simulated": build.is_simulated,
        "data_through_date": build.data_through_date and build.data_through_date.isoformat(),
        **more,
        "files": [{**one, **_measured(folder / one["file"])} for one in files],
    }
    (folder / MANIFEST).write_text(json.dumps(said, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _measured(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"bytes": path.stat().st_size, "sha256": digest}


def _refuse_own(out: Path, home: Home) -> None:
    there = next(parent for parent in (out.absolute(), *out.absolute().parents) if parent.exists())
    own = own_folder(there / "any", home)
    if own is not None:
        raise QueryRefused(f"{out} lies in {own}, which belongs to tidegauge: name a folder elsewhere")


def _refuse_foreign(link: Path) -> None:
    if link.is_symlink():
        target = os.readlink(link)
        if "/" in target or not target.startswith(f"{link.name}-"):
            raise TargetUnusable(f"{link} is a link to {target}, which tidegauge did not make: name another folder")
    elif link.exists():
        raise TargetUnusable(f"{link} is there and tidegauge did not make it: name another folder")


@contextmanager
def _alone(out: Path) -> Iterator[None]:
    descriptor = os.open(out, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise TargetUnusable(f"another tidegauge is writing to {out}: wait for it; nothing was touched") from None
        yield
    finally:
        os.close(descriptor)


def _switch(link: Path, name: str) -> None:
    waiting = link.with_name(f".{link.name}.{secrets.token_hex(4)}")
    waiting.symlink_to(name)
    waiting.replace(link)
    flush(link.parent)


def _forget(out: Path, form: str, kept: set[str]) -> None:
    for path in out.glob(f"{form}-*"):
        if path.name not in kept and _is_ours(path):
            shutil.rmtree(path)


def _is_ours(path: Path) -> bool:
    try:
        held = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(held, dict) and held.get("made_by") == _MADE_BY


def _flush_all(folder: Path) -> None:
    for parent, _, names in os.walk(folder):
        for name in names:
            flush(Path(parent) / name)
        flush(Path(parent))
