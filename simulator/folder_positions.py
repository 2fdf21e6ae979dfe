"""The positioning pack of a folder of real payloads: the CFTC's file of 2026, FINRA's as they were recorded."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

from simulator.panel import Document
from simulator.render.cftc import RECORDED

_PACK: Final = "packs/p3_positioning"
_ALWAYS: Final = datetime(2026, 1, 1)  # noqa: DTZ001  the renderer shows no report before it is out


def documents(folder: Path) -> Mapping[str, Document]:
    """Return the recorded file of positions by its name; nothing without it."""
    path = folder / _PACK / "FinFutYY_2026_native.txt"
    return {RECORDED: Document(_ALWAYS, path.read_bytes())} if path.exists() else {}
