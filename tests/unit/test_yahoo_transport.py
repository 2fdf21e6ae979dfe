"""Yahoo's own client keeps the rules of the main one: its host, https, a size, a deadline, no endless asking."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

import ingest.sources.yahoo.yfinance_client
from ingest.errors import NotAsked
from ingest.patience import Patience
from ingest.settings import Settings
from ingest.sources.yahoo.yfinance_client import Answer, YahooClient
from tests.unit.local_server import LocalServer, answer

CHART = b'{"chart": {"result": [{"indicators": {"quote": [{"close": [1.5]}]}}], "error": null}}'


@pytest.fixture
def server() -> Iterator[LocalServer]:
    with LocalServer([answer(CHART)]) as running:
        yield running


def asked(server: LocalServer, home: Path, patience: Patience | None = None, **settings: object) -> Answer:
    told = {"upstream": server.base, "home": home, "retry_wait_seconds": 0.0, "request_attempts": 3, **settings}
    made = Settings(_env_file=None, **told)
    client = YahooClient(made, lambda url: f"{server.base}/{url.partition('://')[2]}", patience)
    return client.history("AAA", date(2026, 11, 2), date(2026, 11, 18), zone="America/New_York")


def test_a_request_carried_by_another_clients_session_answers_its_own_thread(server, tmp_path) -> None:
    made = Settings(_env_file=None, upstream=server.base, home=tmp_path)
    client, other = (YahooClient(made, lambda url: f"{server.base}/{url.partition('://')[2]}") for _ in range(2))
    client._session.answer = mine = Answer()
    with ThreadPoolExecutor(1) as elsewhere:

        def ask() -> Answer:
            own = other._session.answer = Answer()
            return own

        theirs = elsewhere.submit(ask).result()
    assert other._session.answer is mine
    assert mine is not theirs


def script(server: LocalServer, chart: Callable[[BaseHTTPRequestHandler], None]) -> None:
    """Answer charts with `chart`, and whatever else yfinance wants (cookie, crumb) with a crumb."""

    def handle(request: BaseHTTPRequestHandler) -> None:
        (chart if "/chart/" in request.path else answer(b"crumb"))(request)

    server.script = [handle]


def test_a_redirect_on_the_same_host_is_followed(server, tmp_path) -> None:
    def chart(request: BaseHTTPRequestHandler) -> None:
        moved = "moved" in request.path
        (answer(CHART) if moved else answer(status=302, Location="/v8/finance/chart/AAA?moved=1"))(request)

    script(server, chart)
    assert asked(server, tmp_path).body == CHART


@pytest.mark.parametrize(
    "location",
    [
        "https://elsewhere.example/v8/finance/chart/AAA",
        "http://query2.finance.yahoo.com/v8/finance/chart/AAA",
        "https://query1.finance.yahoo.com/v8/finance/chart/AAA",
        "https://query2.finance.yahoo.com:8443/v8/finance/chart/AAA",
        "https://me@query2.finance.yahoo.com/v8/finance/chart/AAA",
        "",
    ],
)
def test_a_redirect_elsewhere_is_not(location: str, server, tmp_path) -> None:
    script(server, answer(status=302, Location=location))
    found = asked(server, tmp_path)
    assert found.body == b""
    assert "expected a redirect to an https address of the same host, got HTTP 302 to" in str(found.problem)
    assert sum("/chart/" in path for path, _ in server.asked) == 1


def test_redirects_have_an_end(server, tmp_path) -> None:
    script(server, answer(status=302, Location="/v8/finance/chart/AAA"))
    assert "more than 5 redirects" in str(asked(server, tmp_path).problem)


def test_a_body_beyond_the_limit_is_cut_while_it_comes(server, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(ingest.sources.yahoo.yfinance_client, "MAX_BODY_BYTES", 1_000_000)
    sent = 0

    def endless(request: BaseHTTPRequestHandler) -> None:
        nonlocal sent
        request.send_response(200)
        request.end_headers()
        for _ in range(2_000):
            request.wfile.write(b"0" * 100_000)
            sent += 100_000

    script(server, endless)
    found = asked(server, tmp_path)
    assert "a larger body" in str(found.problem)
    assert found.body == b""
    assert sent < 50_000_000


def test_a_trickle_ends_at_the_deadline_and_two_end_the_asking(server, tmp_path) -> None:
    def trickle(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", "1000")
        request.end_headers()
        for _ in range(100):
            request.wfile.write(b".")
            request.wfile.flush()
            time.sleep(0.05)

    script(server, trickle)
    patience = Patience()
    began = time.monotonic()
    assert asked(server, tmp_path, patience, request_timeout_seconds=0.4).body == b""
    assert time.monotonic() - began < 4.0
    assert isinstance(asked(server, tmp_path, patience).problem, NotAsked)


@pytest.mark.parametrize(
    ("status", "gives", "times"),
    [(404, {"Set_Cookie": "A3=d=x; Path=/"}, 1), (404, {}, 3), (429, {"Set_Cookie": "A3=d=x; Path=/"}, 3)],
)
def test_a_cookie_is_asked_for_once_and_again_while_none_was_given(status, gives, times, server, tmp_path) -> None:
    def handle(request: BaseHTTPRequestHandler) -> None:
        (answer(CHART) if "/chart/" in request.path else answer(b"", status=status, **gives))(request)

    server.script = [handle]
    made = Settings(_env_file=None, upstream=server.base, home=tmp_path)
    client = YahooClient(made, lambda url: f"{server.base}/{url.partition('://')[2]}")
    for symbol in ("AAA", "BBB", "CCC"):
        assert client.history(symbol, date(2026, 11, 2), date(2026, 11, 18), zone="America/New_York").body == CHART
    assert sum("fc.yahoo.com" in path for path, _ in server.asked) == times
