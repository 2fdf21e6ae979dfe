"""Publishers are asked side by side; what they brought lands in one order, whoever answered first."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

import ingest.collect
from ingest.archive import Archive
from ingest.connectors import CONNECTORS, connector
from ingest.errors import HomeUnusable, SourceUnavailable
from ingest.home import Home
from ingest.pace import Pace
from ingest.patience import Patience
from ingest.payload import Payload
from ingest.settings import Settings
from orchestration import asking, ingestion
from orchestration.asking import ingest_all
from orchestration.worked_ahead import WorkedAhead

NOW = datetime(2026, 11, 17, 17, tzinfo=UTC)


@dataclass
class Run:
    """A session without a warehouse: what was asked and landed, in order."""

    home: Home
    settings: Any
    patience: Patience = field(default_factory=Patience)
    asked: list[str] = field(default_factory=list)
    landed: list[str] = field(default_factory=list)
    problems: dict[str, str] = field(default_factory=dict)
    second: None = None
    is_second_ended: bool = False
    asking: Any = None
    landed_before: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def progress(self, what: str, done: int, of: int | None) -> None:
        """Nobody looks."""

    def end_second(self) -> None:
        """Remember it."""
        self.is_second_ended = True


@pytest.fixture
def run(tmp_path, monkeypatch):
    settings = Settings(_env_file=None, home=tmp_path, now=NOW, upstream="http://127.0.0.1:9")
    found = Run(Home(tmp_path).ensure(), settings)

    def context_of(session, one, http, progress):
        found.landed_before[one.name] = tuple(found.landed)
        return SimpleNamespace(name=one.name)

    def land(session, batch, gated=None):
        found.landed.append(batch.name)
        if gated is not None:
            found.problems[batch.name] = str(batch.problems[0])
        return batch.name

    monkeypatch.setattr(asking, "context_of", context_of)
    monkeypatch.setattr(asking, "land_batch", land)
    monkeypatch.setattr(ingestion, "_land", land)
    return found


def asks(monkeypatch, work) -> None:
    monkeypatch.setattr(ingest.collect, "collect", lambda one, context, begun_at, begin: work(one))


def batch(one) -> Any:
    return SimpleNamespace(name=one.name)


def test_those_that_wait_for_nothing_are_asked_at_once_and_land_in_order(run, monkeypatch):
    free = [one for one in CONNECTORS if not one.facts.asked_after]
    together = threading.Barrier(len(free), timeout=20)

    def work(one):
        if one in free:
            together.wait()  # broken, and all fail, unless every one of them is being asked
        return batch(one)

    asks(monkeypatch, work)
    names = [one.name for one, _ in ingest_all(run, CONNECTORS)]
    assert names == run.landed == [one.name for one in CONNECTORS]
    assert not run.is_second_ended  # claims are tested there
    assert sorted(names) == sorted(one.name for one in CONNECTORS)
    assert run.problems == {}


def test_who_answers_first_changes_nothing(run, monkeypatch):
    ofr_is_there = threading.Event()

    def work(one):
        if one.name == "ofr":
            ofr_is_there.set()
        elif one.name == "cboe":
            assert ofr_is_there.wait(20)
        return batch(one)

    asks(monkeypatch, work)
    list(ingest_all(run, [connector("ofr"), connector("cboe")]))
    assert run.landed == ["cboe", "ofr"]


def test_what_a_connector_needs_has_landed_before_it_is_asked(run, monkeypatch):
    asks(monkeypatch, batch)
    list(ingest_all(run, CONNECTORS))
    for one in CONNECTORS:
        assert set(one.facts.asked_after) <= set(run.landed_before[one.name])


def test_one_that_is_asked_alone_waits_for_nobody(run, monkeypatch):
    asks(monkeypatch, batch)
    assert [one.name for one, _ in ingest_all(run, [connector("nasdaq")])] == ["nasdaq"]


def test_one_that_fails_is_recorded_and_the_others_land(run, monkeypatch):
    def work(one):
        if one.name == "cboe":
            raise SourceUnavailable("cboe", "page", "no answer")
        if one.name == "ofr":
            raise ValueError("a bug")
        return batch(one)

    asks(monkeypatch, work)
    list(ingest_all(run, [connector(name) for name in ("cboe", "ofr", "fred")]))
    assert run.landed == ["cboe", "fred", "ofr"]
    assert run.problems == {"cboe": "cboe: page: no answer", "ofr": "ofr: ingestion: ValueError: a bug"}


def test_what_concerns_all_ends_the_run_and_nothing_more_is_asked(run, monkeypatch):
    def work(one):
        if one.name == "cboe":
            raise HomeUnusable("the disk is full")
        return batch(one)

    asks(monkeypatch, work)
    with pytest.raises(HomeUnusable, match="the disk is full"):
        list(ingest_all(run, [connector("cboe"), connector("fred")]))
    assert run.patience.is_over
    assert run.is_second_ended


def test_a_run_whose_time_is_over_asks_nobody(run, monkeypatch):
    asks(monkeypatch, batch)
    run.patience.end()
    list(ingest_all(run, [connector("cboe")]))
    assert "not asked" in run.problems["cboe"]


def test_threads_share_an_archive(tmp_path):
    archive = Archive(tmp_path)

    def store(number: int) -> None:
        for page in range(100):
            body = f"{page}".encode() if page % 2 else f"{number} {page}".encode()
            payload = Payload("s", f"{number}/{page}", "u", body, ingest.archive.sha256_of(body), NOW)
            archive.put(payload, f"batch {number}")
        archive.close()

    threads = [threading.Thread(target=store, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    again = Archive(tmp_path)
    entries = list(again.entries())
    assert len({entry.name for entry in entries}) == len(entries) == 800
    assert {len(again.body(entry.sha256)) for entry in entries} == {1, 2, 3, 4}
    assert not list(tmp_path.glob("*/.*"))


def test_threads_share_the_turns_of_a_host(monkeypatch):
    slept: list[float] = []
    monkeypatch.setattr("ingest.pace.time.monotonic", lambda: 100.0)
    monkeypatch.setattr("ingest.pace.time.sleep", slept.append)
    pace = Pace()
    threads = [threading.Thread(target=pace.wait, args=("api.stlouisfed.org",)) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(slept) == [0.5, 1.0, 1.5, 2.0]


def test_an_interrupted_run_does_not_wait_for_a_silent_publisher(run, monkeypatch):
    is_over = threading.Event()

    def work(one):
        if one.name == "ofr":
            is_over.wait(60)
        return batch(one)

    asks(monkeypatch, work)
    ahead = WorkedAhead(ingest_all(run, [connector("cboe"), connector("ofr")]), run.patience.end, "landing")
    assert next(iter(ahead))[0].name == "cboe"
    ahead.end()
    assert not is_over.is_set(), "it was silent to the end"
    is_over.set()
    assert run.landed == ["cboe"]
    assert run.problems == {}, "that somebody interrupted it is no problem of a source"
    assert run.is_second_ended
