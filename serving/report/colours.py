"""The colours of the headline classes, the same on every page."""

from __future__ import annotations

from typing import Final

CLASS_COLOURS: Final = {
    "CALM": "#dbe9f6",
    "NORMAL": "#a8cbe8",
    "CAUTION": "#f3c24b",
    "STRESS": "#dd7a2c",
    "CRISIS": "#8f1d1d",
    "unknown": "#c9c9c9",
}
"""From the mildest to the worst, then no class; each differs in lightness from its neighbours."""
