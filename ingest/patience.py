"""How long a run waits for publishers: two silences end the asking of a host, a deadline ends the asking of all.

Silence is a time-out, or a connection that could not be had. With every host silent, four tries of a minute each for
each of seventy requests are a morning; a run must come to its build and its report all the same.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from ingest.errors import NotAsked

SILENCES: Final = 2
"""In a row, then a host is not asked again in this run."""

SILENT_HOSTS: Final = 2
"""In a row, without an answer of any other between them: then it is the network, and a host is given one short try."""

SECONDS_WITHOUT_NETWORK: Final = 10.0


@dataclass(slots=True)
class Patience:
    """What one run knows of its hosts. Shared by all clients and threads of the run; `seconds` None: no deadline."""

    seconds: float | None = None
    monotonic: Callable[[], float] = time.monotonic
    _began: float = field(init=False)
    _silences: dict[str, int] = field(default_factory=dict)
    _given_up: dict[str, str] = field(default_factory=dict)
    _silent_hosts: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    is_ended: bool = field(default=False, init=False)  # by `end`

    def __post_init__(self) -> None:
        self._began = self.monotonic()

    @property
    def is_over(self) -> bool:
        """Whether the time for asking is over."""
        return self.seconds is not None and self.monotonic() - self._began >= self.seconds

    def end(self) -> None:
        """Let nothing be asked any more: the run is ending."""
        self.seconds, self.is_ended = 0.0, True

    @property
    def has_no_network(self) -> bool:
        """Whether so many hosts in a row were silent that it is not theirs."""
        return self._silent_hosts >= SILENT_HOSTS

    def require(self, source: str, name: str, host: str) -> None:
        """Raise NotAsked where this host, or anything at all, is not to be asked any more."""
        if self.is_over:
            raise self.over(source, name)
        reason = self._given_up.get(host)
        if reason is not None:
            message = f"{host} was not asked: it was silent before in this run ({reason}); what was landed before stays"
            raise NotAsked(source, name, message, is_over=False)

    def over(self, source: str, name: str) -> NotAsked:
        """Return the error of what was not asked because time is over."""
        minutes = (self.seconds or 0.0) / 60
        span = "1 minute for asking is" if minutes == 1 else f"{minutes:.3g} minutes for asking are"
        message = f"not asked: the run's {span} over; what was landed before stays"
        return NotAsked(source, name, message, is_over=True)

    def seconds_for(self, most: float) -> float:
        """Return how long one try may last: `most`, or less near the run's end and while nobody answers."""
        if self.has_no_network:
            most = min(most, SECONDS_WITHOUT_NETWORK)
        if self.seconds is None:
            return most
        return max(min(most, self._began + self.seconds - self.monotonic()), 0.001)

    def answered(self, host: str) -> None:
        """Note an answer of any kind: the host is there, and so is the network."""
        with self._lock:
            self._silences.pop(host, None)
            self._silent_hosts = 0

    def silent(self, host: str, reason: str) -> bool:
        """Note a silence; return whether the host is given up."""
        with self._lock:
            if host in self._given_up:
                return True
            self._silences[host] = self._silences.get(host, 0) + 1
            if self._silences[host] < (1 if self.has_no_network else SILENCES):
                return False
            self._given_up[host] = reason
            self._silent_hosts += 1
            return True
