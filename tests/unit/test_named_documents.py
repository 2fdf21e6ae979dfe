"""A page that a comment refers the reader to exists in this repository."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
KINDS = (".py", ".sql", ".yml", ".csv", ".md", ".toml", ".html")
OTHERS = {"MANIFEST.md"}
"""The page that describes a folder of recorded history, which is not part of the project."""


def test_pages_that_comments_name_are_there() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    files = [ROOT / name for name in listed.stdout.split() if name.endswith(KINDS)]
    pages = {path.name for path in files if path.suffix == ".md"} | OTHERS
    named = {
        (path.relative_to(ROOT).as_posix(), page)
        for path in files
        if path.exists() and path != Path(__file__)
        for page in re.findall(r"\b([a-z]+)\.md [0-9P]|\bsee `?([a-z_]+\.md)", path.read_text(encoding="utf-8"))
    }
    unknown = sorted((file, a or b) for file, (a, b) in named if (b or f"{a}.md") not in pages or a)
    assert not unknown
