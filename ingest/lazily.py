"""Modules that are loaded when something of them is asked for, not when they are imported.

For packages that a library imports at its start and that we make it use for nothing.
"""

from __future__ import annotations

import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import LazyLoader, find_spec
from typing import Any


def load_when_used(*names: str) -> None:
    """Let the next import of each module load nothing of it yet. What is loaded already, or not installed, stays so."""
    for name in names:
        if name not in sys.modules:
            _LATER.names.add(name)
    if _LATER not in sys.meta_path:
        sys.meta_path.insert(0, _LATER)


class _Later(MetaPathFinder):
    """Finds what the other finders find, with a loader that waits."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def find_spec(self, fullname: str, *_where: Any) -> ModuleSpec | None:
        if fullname not in self.names:
            return None
        self.names.discard(fullname)  # and so the others are asked
        spec = find_spec(fullname)
        if spec is not None and spec.loader is not None:
            spec.loader = LazyLoader(spec.loader)
        return spec


_LATER = _Later()
