"""What must be the same on every worker: Python, the libraries that compute, and this project's own code."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Final

from ingest.errors import EngineUnusable

Versions = Mapping[str, str]

_LIBRARIES: Final = ("polars", "numpy", "duckdb")
_ROOMS: Final = ("ingest", "warehouse", "analytics")
_KINDS: Final = frozenset({".py", ".yml", ".csv"})
_ROOT: Final = Path(__file__).resolve().parents[2]


@cache
def versions_here() -> Versions:
    """Return those of this process. The code is told by its bytes: a version number stays while code is edited."""
    libraries = {name: version(name) for name in _LIBRARIES}
    return {"python": "{}.{}".format(*sys.version_info), **libraries, "tidegauge": _code()}


def require_same(worker: str, theirs: Versions, ours: Versions) -> None:
    """EngineUnusable when a worker differs from us: it names the worker, what differs, and both versions."""
    different = [
        f"{name} {theirs.get(name, 'missing')} where this process has {ours[name]}"
        for name in ours
        if theirs.get(name) != ours[name]
    ]
    if different:
        raise EngineUnusable(
            f"worker {worker} cannot be used: it has {', '.join(different)}. Install the same there and start"
            " it again; nothing was computed"
        )


def _code() -> str:
    digest = hashlib.sha256()
    for room in _ROOMS:
        for path in sorted((_ROOT / room).rglob("*")):
            if path.suffix in _KINDS:
                digest.update(f"{path.relative_to(_ROOT).as_posix()}\n".encode())
                digest.update(path.read_bytes())
    return f"code {digest.hexdigest()[:12]}"
