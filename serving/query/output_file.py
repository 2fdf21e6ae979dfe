"""A file that a query writes: whole or not at all, and never one of the home's own."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ingest.errors import HomeUnusable, QueryRefused
from ingest.home import Home


@contextmanager
def replacing(output: Path, home: Home) -> Iterator[Path]:
    """Yield a new path beside `output`; what is written there takes the place of `output` when all went well.

    QueryRefused when `output` is a folder, a link, no plain file, or one of the home's own; HomeUnusable when it cannot
    be written. Whatever goes wrong, `output` is what it was.
    """
    refuse_unfit(output, home)
    waiting = output.with_name(f".{output.name}.{secrets.token_hex(4)}.tmp")
    try:
        try:
            yield waiting
            if output.exists():
                waiting.chmod(output.stat().st_mode & 0o777)
            waiting.replace(output)
        except OSError as error:
            if isinstance(error, BrokenPipeError):
                raise
            raise HomeUnusable(f"cannot write {output}: {error.strerror or error}") from error
    finally:
        waiting.unlink(missing_ok=True)


def refuse_unfit(output: Path, home: Home) -> None:
    """Refuse a target that would not be replaced by a rename, or that would take the place of a file of ours."""
    if output.is_symlink():
        raise QueryRefused(f"{output} is a link to {os.readlink(output)}: name the file itself")
    if output.is_dir():
        raise QueryRefused(f"{output} is a folder: name a file")
    if output.exists() and not output.is_file():
        raise QueryRefused(f"{output} is no plain file: leave out --output to write to standard output")
    if not output.parent.is_dir():
        raise QueryRefused(f"there is no folder {output.parent}")
    own = own_folder(output, home)
    if own is not None:
        raise QueryRefused(f"{output} lies in {own}, which belongs to tidegauge: name a file elsewhere")
    if home.root.is_dir() and output.parent.samefile(home.root) and _is_own_name(output.name, home):
        raise QueryRefused(f"{output} is a file of tidegauge's own: name another")


def own_folder(output: Path, home: Home) -> Path | None:
    """Return the folder of the home that `output` would lie in; None where it is nobody's."""
    folders = (
        home.archive,
        home.build,
        home.releases,
        home.published.parent,
        home.report.parent,
        home.quality,
        home.dagster,
        home.user_files,
    )
    there = [folder for folder in folders if folder.is_dir()]
    for parent in (output.parent.resolve(), *output.parent.resolve().parents):
        for folder in there:
            if parent.samefile(folder):
                return folder
    return None


def _is_own_name(name: str, home: Home) -> bool:
    own = name.casefold()
    return own.startswith((home.log.name, "origin.txt"))
