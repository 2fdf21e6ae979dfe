"""dbt's events, of which only those that somebody listens to are put into words.

dbt turns each of some twenty events a node into a message of its own, by way of JSON, before it looks whether anybody
wants it. For two hundred nodes that takes a second of the interpreter, which dbt's threads share.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from dbt_common.events.base_types import EventLevel
from dbt_common.events.event_manager import EventManager
from dbt_common.events.event_manager_client import ctx_set_event_manager, get_event_manager

if TYPE_CHECKING:
    from dbt_common.events.base_types import BaseEvent

MODEL_RESULT: Final = "LogModelResult"
RESULTS: Final = frozenset({MODEL_RESULT, "LogSeedResult", "LogSnapshotResult", "LogTestResult"})
"""How a node fared."""

_TROUBLE: Final = (EventLevel.WARN, EventLevel.ERROR)


class ResultsAndTrouble(EventManager):
    """Tells callbacks how nodes fared, of warnings and of errors; loggers, where there are any, of everything."""

    def fire_event(
        self,
        e: BaseEvent,
        level: EventLevel | None = None,
        node: Any = None,
        force_warn_or_error_handling: bool = False,
    ) -> None:
        """Tell of an event that somebody listens to."""
        is_heard = type(e).__name__ in RESULTS or (level or e.level_tag()) in _TROUBLE
        if is_heard or force_warn_or_error_handling or self.loggers:
            super().fire_event(e, level, node, force_warn_or_error_handling)


@contextmanager
def results_and_trouble() -> Iterator[None]:
    """Have dbt, in this process, tell of nothing else."""
    before = get_event_manager()
    ctx_set_event_manager(ResultsAndTrouble())
    try:
        yield
    finally:
        ctx_set_event_manager(before)
