from __future__ import annotations

import gzip
import logging
import socket
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler

import pytest

import ingest.http
from ingest.archive import Archive
from ingest.clock import system_clock
from ingest.errors import SourceChanged, SourceRefused, SourceUnavailable
from ingest.http import Upstream
from ingest.settings import Settings
from ingest.transport import retry_after
from tests.unit.local_server import LocalServer, answer, upstream_at

URL = "https://fred.stlouisfed.org/graph/fredgraph.csv"
KEY = "abcdef0123456789abcdef+0123456789"


@pytest.fixture
def server():
    with LocalServer() as running:
        yield running


def test_an_answer_is_archived_and_asked_at_the_stand_in(server, tmp_path):
    server.script = [answer(b"observation_date,WALCL\n", ETag='"1"', X_Other="no")]
    with upstream_at(server.base, tmp_path) as http:
        payload = http.get("fred", "WALCL", URL, params={"id": "WALCL"}, meta={"kind": "csv"})
    assert server.asked[0][0] == "/fred.stlouisfed.org/graph/fredgraph.csv?id=WALCL"
    assert server.asked[0][1]["accept"] == "*/*"
    assert server.asked[0][1]["user-agent"].startswith("python-httpx")
    assert payload.url == URL + "?id=WALCL"
    assert payload.headers["etag"] == '"1"'
    assert "x-other" not in payload.headers
    kept = Archive(tmp_path / "archive")
    assert kept.body(payload.sha256) == b"observation_date,WALCL\n"
    assert [(entry.name, entry.url, entry.meta) for entry in kept.entries()] == [
        ("WALCL", payload.url, {"kind": "csv"})
    ]


def test_user_agent_can_be_set(server, tmp_path):
    server.script = [answer(b"x")]
    with upstream_at(server.base, tmp_path, user_agent="me/1.0") as http:
        http.get("fred", "WALCL", URL)
        http.get("fred", "WALCL", URL, headers={"User-Agent": "this one/2"})
    assert [headers["user-agent"] for _, headers in server.asked] == ["me/1.0", "this one/2"]


def test_a_question_with_a_body_is_posted_and_only_its_answer_is_kept(server, tmp_path):
    server.script = [answer(b"[]")]
    with upstream_at(server.base, tmp_path) as http:
        payload = http.get("finra", "weekly", "https://api.finra.org/data", body=b'{"limit":5}', headers={"A": "x"})
    assert (server.posted, payload.body, payload.url) == ([b'{"limit":5}'], b"[]", "https://api.finra.org/data")
    (entry,) = Archive(tmp_path / "archive").entries()
    assert (entry.url, entry.meta) == (payload.url, {})


def test_a_token_is_a_secret_that_is_kept_nowhere(server, tmp_path):
    granted = "0a1b2c3d4e5f6a7b8c9d"
    server.script = [answer(f'{{"access_token": "{granted}"}}'.encode()), answer(f"you sent {granted}".encode())]
    address = "https://ews.fip.finra.org/token"
    with upstream_at(server.base, tmp_path) as http:
        assert http.token("finra", "access token", address, headers={"Authorization": "Basic x"}) == granted
        assert not list(Archive(tmp_path / "archive").entries())
        assert http.get("finra", "weekly", "https://api.finra.org/data").body == b"you sent " + b"*" * len(granted)
    assert server.asked[0][1]["authorization"] == "Basic x"


@pytest.mark.parametrize("body", [b"<html>secret", b"[]", b'{"token": "s3cret"}', b'{"access_token": 1}'])
def test_what_is_no_token_is_not_shown(server, tmp_path, body):
    server.script = [answer(body)]
    with upstream_at(server.base, tmp_path) as http, pytest.raises(SourceChanged) as caught:
        http.token("finra", "access token", "https://ews.fip.finra.org/token", headers={})
    assert str(caught.value) == "finra: access token: expected JSON with an access_token, got another answer"


@pytest.mark.parametrize("status", [429, 500, 503])
def test_429_and_5xx_are_tried_again(server, tmp_path, status):
    server.script = [answer(status=status), answer(status=status), answer(b"data")]
    with upstream_at(server.base, tmp_path) as http:
        assert http.get("fred", "WALCL", URL).body == b"data"
    assert len(server.asked) == 3


def test_429_to_the_end_says_what_to_do(server, tmp_path):
    server.script = [answer(status=429)]
    with upstream_at(server.base, tmp_path) as http, pytest.raises(SourceUnavailable) as caught:
        http.get("fred", "WALCL", URL)
    assert str(caught.value) == (
        "fred: WALCL: no answer from fred.stlouisfed.org after 3 tries: HTTP 429 (too many requests). "
        "Too many requests; wait some minutes and run again; what was landed before stays."
    )
    assert len(server.asked) == 3


def test_retry_after_is_waited_for(server, tmp_path):
    server.script = [answer(status=429, Retry_After="1"), answer(b"data")]
    start = time.monotonic()
    with upstream_at(server.base, tmp_path) as http:
        http.get("fred", "WALCL", URL)
    assert time.monotonic() - start >= 1.0


def test_retry_after_may_be_a_date_and_has_an_end():
    now = datetime(2026, 11, 20, 12, tzinfo=UTC)
    headers = {"retry-after": format_datetime(now + timedelta(seconds=40), usegmt=True)}
    assert retry_after(headers, lambda: now) == 40.0
    # against the server's own date: a run placed at another moment must not wait for months
    dated = {**headers, "date": format_datetime(now + timedelta(seconds=30), usegmt=True)}
    assert retry_after(dated, lambda: now) == 10.0
    assert retry_after({"retry-after": "86400"}, lambda: now) == 120.0
    assert retry_after({"retry-after": "soon"}, lambda: now) is None
    assert retry_after({}, lambda: now) is None


def test_no_server_is_a_sentence(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with upstream_at(f"http://127.0.0.1:{port}", tmp_path) as http, pytest.raises(SourceUnavailable) as caught:
        http.get("fred", "WALCL", URL)
    assert str(caught.value) == (
        "fred: WALCL: no answer from fred.stlouisfed.org after 3 tries: connection refused. "
        "Check the network; what was landed before stays."
    )


def _trickle_body(request: BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.send_header("Content-Length", "1000")
    request.end_headers()
    for _ in range(1000):
        request.wfile.write(b".")
        request.wfile.flush()
        time.sleep(0.05)


def _trickle_header(request: BaseHTTPRequestHandler) -> None:
    request.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    for _ in range(1000):
        request.wfile.write(b".")
        request.wfile.flush()
        time.sleep(0.05)


@pytest.mark.parametrize("trickle", [_trickle_body, _trickle_header])
@pytest.mark.parametrize("warm", [False, True], ids=["new connection", "kept connection"])
def test_a_trickling_server_does_not_defeat_the_deadline(server, tmp_path, trickle, warm):
    server.script = [answer(b"first"), trickle] if warm else [trickle]
    with upstream_at(server.base, tmp_path, request_timeout_seconds=0.4, request_attempts=1) as http:
        if warm:
            http.get("fred", "WALCL", URL)
        with pytest.raises(SourceUnavailable, match=r"no complete answer within 0\.4 seconds"):
            http.get("fred", "WALCL", URL)


def test_a_truncated_body_is_an_error_and_tried_again(server, tmp_path):
    def truncated(request: BaseHTTPRequestHandler) -> None:
        answer(b"half", Content_Length="1000")(request)
        request.close_connection = True

    server.script = [truncated, answer(b"whole")]
    with upstream_at(server.base, tmp_path) as http:
        assert http.get("fred", "WALCL", URL).body == b"whole"
    server.script = [truncated]
    with upstream_at(server.base, tmp_path) as http, pytest.raises(SourceUnavailable, match="the answer broke off"):
        http.get("fred", "WALCL", URL)
    assert [entry.bytes for entry in Archive(tmp_path / "archive").entries()] == [5]


def test_a_redirect_is_followed_through_the_stand_in(server, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    server.script = [
        answer(status=307, Location="https://cdn-api.cboe.com/moved.csv?a=1"),
        answer(status=302, Location="/again.csv"),
        answer(status=301, Location=f"{server.base}/cdn-api.cboe.com/last.csv"),
        answer(b"data"),
    ]
    with upstream_at(server.base, tmp_path) as http:
        payload = http.get("cboe", "VIX", "https://cdn.cboe.com/VIX.csv", secret_params={"api_key": KEY})
    assert payload.url == "https://cdn.cboe.com/VIX.csv"
    assert [path for path, _ in server.asked[1:]] == [
        "/cdn-api.cboe.com/moved.csv?a=1",
        "/cdn-api.cboe.com/again.csv",
        "/cdn-api.cboe.com/last.csv",
    ]
    assert "redirected to https://cdn-api.cboe.com/moved.csv" in caplog.text


def test_redirects_end(server, tmp_path):
    server.script = [answer(status=307, Location="/round")]
    with upstream_at(server.base, tmp_path) as http, pytest.raises(SourceChanged, match="more than 5 redirects"):
        http.get("cboe", "VIX", "https://cdn.cboe.com/VIX.csv")
    assert len(server.asked) == 6


def test_a_redirect_away_from_https_is_not_followed(server, tmp_path):
    server.script = [answer(status=307, Location="http://elsewhere.example/x")]
    with upstream_at(server.base, tmp_path) as http, pytest.raises(SourceChanged, match="a redirect to an https"):
        http.get("cboe", "VIX", "https://cdn.cboe.com/VIX.csv")


@pytest.mark.parametrize("status", [401, 403])
def test_401_and_403_are_a_refusal_at_once(server, tmp_path, status):
    server.script = [answer(b"who are you", status=status)]
    with upstream_at(server.base, tmp_path) as http, pytest.raises(SourceRefused, match="who are you"):
        http.get("fred", "WALCL", URL)
    assert len(server.asked) == 1


@pytest.mark.parametrize("status", [400, 404, 406])
def test_other_statuses_are_a_change_at_once(server, tmp_path, status):
    server.script = [answer(b"<p>gone</p>", status=status)]
    with upstream_at(server.base, tmp_path) as http, pytest.raises(SourceChanged) as caught:
        http.get("fred", "WALCL", URL)
    assert f"fred: WALCL: expected HTTP 200, got HTTP {status}" in str(caught.value)
    assert len(server.asked) == 1


def test_304_can_be_accepted(server, tmp_path):
    server.script = [answer(status=304, ETag='"7"')]
    with upstream_at(server.base, tmp_path) as http:
        payload = http.get("federal_reserve", "H41", URL, headers={"If-None-Match": '"7"'}, accept_status=(200, 304))
        assert (payload.status, payload.body) == (304, b"")
        assert server.asked[0][1]["if-none-match"] == '"7"'
        assert http.latest("federal_reserve", "H41") is None  # a 304 brought no body


def test_a_secret_is_never_shown(server, tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    server.script = [
        answer(status=307, Location=f"https://api.stlouisfed.org/b?api_key={KEY}"),
        answer(status=503),
        answer(f"bad key {KEY}".encode(), status=404, ETag=KEY),
    ]
    with upstream_at(server.base, tmp_path) as http, pytest.raises(SourceChanged) as caught:
        http.get("fred", "WALCL", "https://api.stlouisfed.org/a", secret_params={"api_key": KEY})
    server.script = [answer(b"fine", ETag=KEY)]
    with upstream_at(server.base, tmp_path) as http:
        payload = http.get("fred", "WALCL", "https://api.stlouisfed.org/a", secret_params={"api_key": KEY})
    assert "api_key=abcdef" in server.asked[0][0]
    index = (tmp_path / "archive" / "index.jsonl").read_text()
    for shown in (str(caught.value), repr(payload), index, caplog.text, repr(caught.value.__context__)):
        assert KEY not in shown
        assert "abcdef0123456789" not in shown


def test_a_body_without_end_is_cut(server, tmp_path, monkeypatch):
    monkeypatch.setattr(ingest.http, "MAX_BODY_BYTES", 1000)
    server.script = [answer(gzip.compress(b"0" * 100_000), Content_Encoding="gzip")]
    with upstream_at(server.base, tmp_path) as http, pytest.raises(SourceChanged, match="got a larger body"):
        http.get("fred", "WALCL", URL)


def test_hosts_are_paced_and_a_stand_in_is_not(tmp_path, monkeypatch):
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    archive = Archive(tmp_path)
    live = Upstream(Settings(_env_file=None), system_clock, archive)
    for _ in range(3):
        live._take_turn("api.stlouisfed.org")
    live._take_turn("home.treasury.gov")
    assert [round(seconds, 1) for seconds in slept] == [0.5, 1.0]
    assert live.rewrite("https://a.b/c?d=1") == "https://a.b/c?d=1"
    slept.clear()
    local = upstream_at("http://127.0.0.1:9", tmp_path)
    for _ in range(3):
        local._take_turn("api.stlouisfed.org")
    assert slept == []
    assert local.rewrite("https://a.b/c?d=1") == "http://127.0.0.1:9/a.b/c?d=1"


@pytest.mark.parametrize("status", [202, 204])
def test_an_acceptance_without_data_is_a_change_told_in_one_line(server, tmp_path, status):
    page = b"<!DOCTYPE html>\n<html><head><title>Just a\n moment</title><style>p {}</style></head><p>" + b"x" * 9000
    server.script = [answer(page if status == 202 else b"", status=status)]
    with upstream_at(server.base, tmp_path) as http, pytest.raises(SourceChanged) as caught:
        http.get("fred", "WALCL", URL)
    assert f"expected HTTP 200, got HTTP {status} (" in str(caught.value)
    assert len(str(caught.value)) < 200
    assert "<" not in str(caught.value)
    if status == 202:
        assert str(caught.value).endswith("from fred.stlouisfed.org: Just a moment")
    assert len(server.asked) == 1


CBOE = ("cboe", "VIX", "https://cdn.cboe.com/VIX.csv")
WARN_FEED = ("warn_feed", "notices", "https://github.com/x")


@pytest.mark.parametrize(
    ("asked", "location", "is_followed"),
    [
        (CBOE, "https://cdn-api.cboe.com/x", True),
        (CBOE, "https://cboe.com/x", True),
        (CBOE, "https://elsewhere.example/x", False),
        (CBOE, "https://cdn.cboe.com:8443/x", False),
        (CBOE, "https://cdn.cboe.com.elsewhere.example/x", False),
        (CBOE, "https://169.254.169.254/x", False),
        (CBOE, "//elsewhere.example/x", False),
        (CBOE, "", False),
        (WARN_FEED, "https://release-assets.githubusercontent.com/x", True),  # the publisher declares both hosts
        (WARN_FEED, "https://raw.githubusercontent.com/x", False),  # declared, but by another publisher
    ],
)
def test_a_redirect_stays_with_the_hosts_of_its_publisher(server, tmp_path, asked, location, is_followed):
    server.script = [answer(status=307, Location=location), answer(b"data")]
    with upstream_at(server.base, tmp_path) as http:
        if is_followed:
            assert http.get(*asked).body == b"data"
        else:
            with pytest.raises(SourceChanged, match="a redirect to an https address"):
                http.get(*asked)
    assert len(server.asked) == 1 + is_followed
