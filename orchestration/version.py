"""Which code this is: the version of the project, and the commit where the checkout knows it."""

from __future__ import annotations

import subprocess
import tomllib
from functools import cache

from ingest.settings import PROJECT_ROOT


@cache
def code_version() -> str:
    """Return for example "0.1.0+4b90862"; "0.1.0" outside a git checkout."""
    project = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    version = str(project["version"])
    try:
        told = subprocess.run(  # noqa: S603  # fixed words
            ["git", "-C", str(PROJECT_ROOT), "rev-parse", "--short", "HEAD"],  # noqa: S607
            capture_output=True,
            text=True,
            check=True,
            timeout=5,
        )
    except (OSError, subprocess.SubprocessError):
        return version
    return f"{version}+{told.stdout.strip()}"
