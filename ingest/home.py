"""The layout of TIDEGAUGE_HOME. All state lives under it, Dagster's own included."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ingest.errors import HomeUnusable, NothingPublished

_OWN_FOLDER: Final = "Set TIDEGAUGE_HOME to a folder you own."


@dataclass(frozen=True, slots=True)
class Home:
    """Paths below one home folder."""

    root: Path

    @property
    def archive(self) -> Path:
        return self.root / "archive"

    @property
    def build(self) -> Path:
        return self.root / "build"

    @property
    def warehouse(self) -> Path:
        """The one file the pipeline writes. Analysts never open it."""
        return self.build / "warehouse.duckdb"

    @property
    def lock(self) -> Path:
        return self.build / "writer.lock"

    @property
    def snapshots(self) -> Path:
        """Parquet files of the snapshot tables, by source, table and day."""
        return self.root / "snapshots"

    @property
    def releases(self) -> Path:
        return self.root / "releases"

    @property
    def published(self) -> Path:
        """The one file analysts open."""
        return self.root / "published" / "tidegauge.duckdb"

    @property
    def report(self) -> Path:
        return self.root / "report" / "index.html"

    @property
    def quality(self) -> Path:
        return self.root / "quality"

    @property
    def dagster(self) -> Path:
        return self.root / "dagster"

    @property
    def dbt(self) -> Path:
        """What dbt made of the project: parsed files, compiled models. It may be removed at any time."""
        return self.root / "dbt"

    @property
    def log(self) -> Path:
        """What went wrong and was not expected, with its traceback. Holds no keys."""
        return self.root / "tidegauge.log"

    @property
    def user_files(self) -> Path:
        return self.root / "user_files"

    @property
    def claims(self) -> Path:
        """Claims of the user's own, in the form of the register (analytics/claims/register)."""
        return self.root / "claims"

    @property
    def _folders(self) -> tuple[Path, ...]:
        return (
            self.archive,
            self.build,
            self.releases,
            self.published.parent,
            self.report.parent,
            self.quality,
            self.dagster,
            self.dbt,
            self.user_files,
        )

    def ensure(self) -> Home:
        """Create the folders and prove they can be written; HomeUnusable says which cannot."""
        for folder in self._folders:
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise HomeUnusable(f"cannot create {folder}: {error.strerror}. {_OWN_FOLDER}") from error
            self._require_writable(folder)
        return self

    def look(self) -> Home:
        """Prove that `ensure` would succeed, creating nothing; HomeUnusable says what is in its way."""
        for folder in (self.root, *self._folders):
            there = next(path for path in (folder, *folder.parents) if path.exists())
            if not there.is_dir():
                raise HomeUnusable(f"cannot create {folder}: {there} is a file. {_OWN_FOLDER}")
            self._require_writable(there)
        return self

    @staticmethod
    def _require_writable(folder: Path) -> None:
        if not os.access(folder, os.W_OK | os.X_OK):
            raise HomeUnusable(f"cannot write to {folder}. {_OWN_FOLDER}")


def home_at(root: Path) -> Home:
    """Return the home at `root`, made absolute; HomeUnusable where a file stands in its place."""
    try:
        home = Home(root.resolve())
    except (OSError, RuntimeError) as error:  # a link that leads to itself
        raise HomeUnusable(f"{root} cannot be a home: {error}. {_OWN_FOLDER}") from error
    there = next(path for path in (home.root, *home.root.parents) if path.exists())
    if not there.is_dir():
        raise HomeUnusable(f"{home.root} cannot be a home: {there} is a file. {_OWN_FOLDER}")
    return home


def nothing_published(home: Home) -> NothingPublished:
    """Return the error of a home without a published file."""
    told = f"nothing is published under {home.root} yet: run `tidegauge run` or `tidegauge demo`"
    return NothingPublished(told + elsewhere(home))


def elsewhere(home: Home) -> str:
    """Return the end of a sentence that names the homes beside this one that have a published file, if any."""
    told = ""
    for other in (home.root.parent / name for name in ("live", "demo", "real")):
        if other != home.root and Home(other).published.exists():
            told += f". There is a release in {_from_here(other)}: TIDEGAUGE_HOME={_from_here(other)} reads it"
    return told


def _from_here(path: Path) -> Path:
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
