"""How often each host is asked: one limiter per host, shared by all threads of a run."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

from ingest.registry import requests_per_second


@dataclass(slots=True)
class Pace:
    """The turns of one run's requests."""

    _next_at: dict[str, float] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def wait(self, host: str) -> None:
        """Take the next turn of this host, and sleep until it comes."""
        between = 1.0 / requests_per_second(host)
        with self._lock:
            now = time.monotonic()
            due = max(self._next_at.get(host, now), now)
            self._next_at[host] = due + between
        if due > now:
            time.sleep(due - now)
