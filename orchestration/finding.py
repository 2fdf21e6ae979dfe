"""One thing that `tidegauge doctor` looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Finding:
    """What was seen, and a line of advice. `exit_code` is what the command ends with when the level is "bad"."""

    what: str
    level: Literal["good", "note", "bad"]
    seen: str
    advice: str = ""
    exit_code: int = 0
