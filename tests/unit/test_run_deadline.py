"""A run whose time for asking is over records what it did not ask, and goes on."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from ingest.connectors import connector
from ingest.errors import NotAsked
from ingest.patience import Patience
from ingest.settings import Settings
from orchestration.ingestion import require_time


@dataclass
class Session:
    patience: Patience = field(default_factory=Patience)


def test_the_default_is_45_minutes() -> None:
    assert Settings(_env_file=None).run_deadline_seconds == 45 * 60


@pytest.mark.parametrize("name", ["fred", "yahoo_prices", "ici"])
def test_a_source_is_recorded_as_not_asked(name: str) -> None:
    now = [0.0]
    session = Session(Patience(60.0, lambda: now[0]))
    require_time(session, connector(name))  # type: ignore[arg-type]
    now[0] = 61.0
    with pytest.raises(NotAsked) as told:
        require_time(session, connector(name))  # type: ignore[arg-type]
    assert (
        str(told.value)
        == f"{name}: run: not asked: the run's 1 minute for asking is over; what was landed before stays"
    )
    require_time(session, connector("user_file"))  # type: ignore[arg-type]
    require_time(session, connector("user_prices"))  # type: ignore[arg-type]
