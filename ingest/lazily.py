"""Modules that are loaded when something of them is asked for, or not at all, though a library imports them.

For packages that a library imports at its start and that we make it use for nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
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


@contextmanager
def as_if_missing(*names: str) -> Iterator[None]:
    """Let a library that can do without these packages find them missing. What is loaded already stays.

    Other threads would find them missing too: for a process that has none yet.
    """
    hidden = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None: not to be found
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


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
