"""Reads the doc blocks of the dbt project, where a column that several tables share is described once.

A small reader of its own, so that pages and tests need no parse of the project: a block is
`{% docs name %}text{% enddocs %}`, and a description refers to it as `{{ doc('name') }}`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).resolve().parents[1] / "dbt_project" / "models" / "docs"
_BLOCK: Final = re.compile(r"{%\s*docs\s+(\w+)\s*%}(.*?){%\s*enddocs\s*%}", re.DOTALL)
_REFERENCE: Final = re.compile(r"{{\s*doc\(\s*['\"](\w+)['\"]\s*\)\s*}}")


@cache
def doc_blocks(folder: Path = FOLDER) -> Mapping[str, str]:
    """Return the text of each block of the folder's files by name; ValueError when a name occurs twice."""
    found: dict[str, str] = {}
    for path in sorted(folder.glob("*.md")):
        for name, text in _BLOCK.findall(path.read_text(encoding="utf-8")):
            if name in found:
                raise ValueError(f"{path.name}: doc block {name} occurs twice")
            found[name] = text.strip()
    return found


def resolved(description: str, blocks: Mapping[str, str] | None = None) -> str:
    """Return the description with each `{{ doc('name') }}` replaced by that block; KeyError when there is none."""
    known = doc_blocks() if blocks is None else blocks
    return _REFERENCE.sub(lambda reference: known[reference[1]], description)
