"""How often each host is asked: one limiter per host, shared by all threads of a run."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

REQUESTS_PER_SECOND: Final[Mapping[str, float]] = {
    "api.stlouisfed.org": 2.0,  # 120 a minute, and since 2026 per second
    "fred.stlouisfed.org": 2.0,
    "alfred.stlouisfed.org": 2.0,
}
DEFAULT_REQUESTS_PER_SECOND: Final = 5.0


@dataclass(slots=True)
class Pace:
    """The turns of one run's requests."""

    _next_at: dict[str, float] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def wait(self, host: str) -> None:
        """Take the next turn of this host, and sleep until it comes."""
        between = 1.0 / REQUESTS_PER_SECOND.get(host, DEFAULT_REQUESTS_PER_SECOND)
        with self._lock:
            now = time.monotonic()
            due = max(self._next_at.get(host, now), now)
            self._next_at[host] = due + between
        if due > now:
            time.sleep(due - now)
