"""The layout of TIDEGAUGE_HOME. All state lives under it, Dagster's own included."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from ingest.errors import HomeUnusable, NothingPublished


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
    def log(self) -> Path:
        """What went wrong and was not expected, with its traceback. Holds no keys."""
        return self.root / "tidegauge.log"

    @property
    def user_files(self) -> Path:
        return self.root / "user_files"

    def ensure(self) -> Home:
        """Create the folders and prove they can be written; HomeUnusable says which cannot."""
        for folder in (
            self.archive,
            self.build,
            self.releases,
            self.published.parent,
            self.report.parent,
            self.quality,
            self.dagster,
            self.user_files,
        ):
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise HomeUnusable(
                    f"cannot create {folder}: {error.strerror}. Set TIDEGAUGE_HOME to a folder you own."
                ) from error
            if not os.access(folder, os.W_OK | os.X_OK):
                raise HomeUnusable(f"cannot write to {folder}. Set TIDEGAUGE_HOME to a folder you own.")
        return self


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
