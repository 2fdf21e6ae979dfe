"""`scripts/setup` installs into an environment of its own, or says why it does not."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cli import ROOT


def found_in(root: Path) -> dict[str, str]:
    """Return every path below `root` with what it holds or leads to."""
    return {
        str(path): f"-> {path.readlink()}" if path.is_symlink() else path.read_text() if path.is_file() else "folder"
        for path in root.rglob("*")
    }


@pytest.mark.parametrize("given", [".venv", ".venv/", "./.venv"])
@pytest.mark.parametrize("is_broken", [False, True], ids=["whole", "broken"])
def test_a_linked_environment_is_refused_and_left_as_it_is(tmp_path: Path, given: str, is_broken: bool):
    other, clone = tmp_path / "other/.venv", tmp_path / "clone"
    if not is_broken:
        (other / "bin").mkdir(parents=True)
        (other / ".ready").write_text("")
        (other / "bin/python").write_text("#!/bin/sh\necho installed > installed\n")
        (other / "bin/python").chmod(0o755)
    (clone / "scripts").mkdir(parents=True)
    shutil.copy(ROOT / "scripts/setup", clone / "scripts/setup")
    (clone / ".venv").symlink_to(other)
    before = found_in(tmp_path)
    ran = subprocess.run(
        [str(clone / "scripts/setup"), given],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr == (
        f"setup: {given.removesuffix('/')} is a link to {other}: this checkout would install itself into the"
        " environment of another one. Nothing was changed. Remove the link, and run it again.\n"
    )
    assert found_in(tmp_path) == before
