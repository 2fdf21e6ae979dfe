"""Judged ahead is only what is held against nothing that is still to land."""

from __future__ import annotations

from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest

from ingest.catalog import load_catalog
from ingest.connectors import CONNECTORS, connector
from ingest.second_process import done
from orchestration import judging
from orchestration.judging import AHEAD, Judging
from warehouse.evidence import tables_of_evidence

FRED_TO_YAHOO = [connector(name) for name in ("fred", "japan_mof", "yahoo")]


def brought(name: str) -> Any:
    found: Future[Any] = Future()
    found.set_result(SimpleNamespace(name=name, tables={}, fetched_at=None))
    return found


@pytest.fixture
def begun(monkeypatch) -> list[str]:
    """Return the names of the batches that were begun, in order."""
    found: list[str] = []

    def begin(second, rows, catalog, beside, now):
        found.append(rows.name)
        return done(f"judged {rows.name}")

    monkeypatch.setattr(judging, "evidence", lambda con, rows, catalog: None)
    monkeypatch.setattr("ingest.pure_work.begin_judging", begin)
    return found


@pytest.fixture
def ahead() -> Judging:
    session: Any = SimpleNamespace(con=None, catalog=load_catalog())
    return Judging(session, None)


def test_one_that_is_held_against_what_is_still_to_land_waits(ahead, begun):
    ahead.begin_ahead(FRED_TO_YAHOO, brought)  # yahoo prints indices that fred prints too
    assert begun == ["fred", "japan_mof"]
    ahead.begin_ahead(FRED_TO_YAHOO[1:], brought)
    assert begun == ["fred", "japan_mof", "yahoo"]


def test_a_judgement_is_asked_for_once_and_made_once(ahead, begun):
    batch = brought("fred").result()
    assert ahead.gate_of(FRED_TO_YAHOO[0], batch)(batch) == "judged fred"
    ahead.begin_ahead(FRED_TO_YAHOO, brought)
    assert begun == ["fred", "japan_mof"]


def test_what_goes_wrong_ahead_is_raised_when_its_turn_comes(ahead, begun, monkeypatch):
    def evidence(con, rows, catalog):
        raise ValueError("a bug")

    monkeypatch.setattr(judging, "evidence", evidence)
    ahead.begin_ahead(FRED_TO_YAHOO[:1], brought)
    batch = brought("fred").result()
    gate = ahead.gate_of(FRED_TO_YAHOO[0], batch)
    with pytest.raises(ValueError, match="a bug"):
        gate(batch)


def test_few_judgements_wait(ahead, begun):
    ahead.begin_ahead(CONNECTORS, brought)
    assert len(begun) == AHEAD


def test_whoever_is_judged_after_another_is_held_against_it():
    for one in CONNECTORS:
        beside = tables_of_evidence(one.table_ids, one.source, load_catalog())
        for name in one.facts.judged_after:
            assert beside & set(connector(name).table_ids), (one.name, name)
