"""Silent hosts and the deadline of a run: the asking ends, and says so."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from ingest.catalog import load_catalog
from ingest.clock import system_clock
from ingest.collect import build_context, collect
from ingest.connectors import connector
from ingest.errors import NotAsked, SourceUnavailable
from ingest.patience import Patience
from ingest.settings import Settings
from tests.unit.local_server import LocalServer, answer, upstream_at

URL = "https://fred.stlouisfed.org/graph/fredgraph.csv"


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def silent() -> Iterator[str]:
    """A server that takes connections and never says a word."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(64)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def test_two_silences_in_a_row_end_the_asking_of_a_host_and_of_no_other() -> None:
    patience = Patience()
    assert not patience.silent("a", "late")
    patience.answered("a")
    assert not patience.silent("a", "late")
    assert patience.silent("a", "late")
    with pytest.raises(
        NotAsked, match=r"fred: X: a was not asked: it was silent before in this run \(late\)"
    ) as caught:
        patience.require("fred", "X", "a")
    assert not caught.value.is_over
    patience.require("fred", "X", "b")


def test_when_two_hosts_are_silent_others_get_one_short_try() -> None:
    patience = Patience()
    for host in ("a", "a", "b", "b"):
        patience.silent(host, "late")
    assert patience.has_no_network
    assert patience.seconds_for(60.0) == 10.0
    assert patience.silent("c", "late")
    patience.answered("d")
    assert not patience.has_no_network
    assert patience.seconds_for(60.0) == 60.0


def test_a_run_has_a_deadline() -> None:
    clock = Clock()
    patience = Patience(2700.0, clock)
    clock.now += 2690.0
    assert not patience.is_over
    assert patience.seconds_for(60.0) == pytest.approx(10.0)
    clock.now += 10.0
    with pytest.raises(NotAsked, match="fred: run: not asked: the run's 45 minutes for asking are over") as caught:
        patience.require("fred", "run", "a")
    assert caught.value.is_over


def test_a_silent_host_is_asked_twice_and_then_no_more(silent: str, tmp_path) -> None:
    patience = Patience()
    began = time.monotonic()
    with upstream_at(silent, tmp_path, request_timeout_seconds=0.3, request_attempts=4) as http:
        http._patience = patience
        with pytest.raises(SourceUnavailable, match="was silent twice in a row") as caught:
            http.get("fred", "WALCL", URL)
        assert "what was landed before stays" in str(caught.value)
        for name in ("A", "B", "C"):
            with pytest.raises(NotAsked):
                http.get("fred", name, URL)
    assert time.monotonic() - began < 5.0


def test_refused_connections_count_once_their_tries_are_used_up(tmp_path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        base = f"http://127.0.0.1:{free.getsockname()[1]}"
    with upstream_at(base, tmp_path) as http:
        for _ in range(2):
            with pytest.raises(SourceUnavailable, match="after 3 tries: connection refused"):
                http.get("fred", "WALCL", URL)
        with pytest.raises(NotAsked):
            http.get("fred", "WALCL", URL)


@pytest.mark.parametrize("source", ["fred", "cboe", "new_york_fed", "treasury", "federal_reserve"])
def test_every_source_ends_soon_when_its_hosts_are_silent(source, silent: str, tmp_path) -> None:
    patience = Patience()
    settings = Settings(_env_file=None, home=tmp_path, upstream=silent, request_timeout_seconds=0.2)
    began = time.monotonic()
    with upstream_at(silent, tmp_path, request_timeout_seconds=0.2, request_attempts=4) as http:
        http._patience = patience
        context = build_context(source, load_catalog(), settings, system_clock, http, patience=patience)
        batch = collect(connector(source), context)
    assert batch.rows.is_empty()
    assert batch.problems
    assert time.monotonic() - began < 8.0


def test_after_the_deadline_a_source_gives_one_problem_and_asks_nothing(tmp_path) -> None:
    clock = Clock()
    patience = Patience(60.0, clock)
    clock.now += 61.0
    with LocalServer([answer(b"x")]) as server, upstream_at(server.base, tmp_path) as http:
        http._patience = patience
        settings = Settings(_env_file=None, home=tmp_path, upstream=server.base)
        context = build_context("cboe", load_catalog(), settings, system_clock, http, patience=patience)
        batch = collect(connector("cboe"), context)
        assert server.asked == []
    (problem,) = batch.problems
    assert "not asked: the run's 1 minute for asking is over" in str(problem)
    assert batch.windows == ()
