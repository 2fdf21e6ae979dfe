"""The steps around claims: when the second process gets ready, and when it ends."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest
from dagster import build_asset_context

from analytics.claims import figuring, tables
from analytics.regimes import ledger
from ingest.settings import Settings
from orchestration.assets.claims import claims
from orchestration.assets.regimes import regimes
from orchestration.session import Session


class Second:
    """A second process that notes what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def begin(self, _first: int, _here: object, function: Any) -> None:
        """Note what is begun."""
        self.told.append(function.__module__)

    def close(self) -> None:
        """Note that it ends."""
        self.told.append("closed")


class Failed(Exception):
    """The step failed."""


@pytest.fixture
def session(tmp_path):
    """Return as much of a session as the steps use before they compute."""
    found = SimpleNamespace(
        step=nullcontext,
        progress=lambda *_: None,
        settings=Settings(_env_file=None, home=tmp_path),
        home=SimpleNamespace(claims=tmp_path),
        con=None,
        run_id="a_run",
        simulated_truth=None,
        second=Second(),
    )
    found.end_second = lambda: Session.end_second(found)
    return found


def fails(*_: object, **given: object) -> None:
    raise Failed(given.get("second"))


def run(step: Any, session: Any) -> None:
    with build_asset_context(resources={"session": session}) as context:
        list(step(context))


def test_it_gets_ready_while_tables_of_regimes_are_made(session, monkeypatch):
    second, given = session.second, []
    monkeypatch.setattr(ledger, "update_ledger", lambda *_, **named: given.append((named["second"], [*second.told])))
    monkeypatch.setattr("analytics.regimes.tables.build_tables", fails)
    with pytest.raises(Failed):
        run(regimes, session)
    assert given == [(second, [])]  # rows of the ledger come first
    assert second.told == [figuring.__name__]


def test_it_works_for_claims_and_ends_though_they_fail(session, monkeypatch):
    monkeypatch.setattr(tables, "build_tables", fails)
    second = session.second
    with pytest.raises(Failed) as raised:
        run(claims, session)
    assert raised.value.args == (second,)
    assert second.told == ["closed"]
    assert session.second is None


@pytest.mark.parametrize(
    ("step", "module", "name"), [(regimes, ledger, "update_ledger"), (claims, tables, "build_tables")]
)
def test_a_run_without_one_does_all_itself(session, monkeypatch, step, module, name):
    session.second = None
    monkeypatch.setattr(module, name, fails)
    with pytest.raises(Failed) as raised:
        run(step, session)
    assert raised.value.args == (None,)
