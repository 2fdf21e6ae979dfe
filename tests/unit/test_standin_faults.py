"""Every kind of fault, as a client meets it; and the server that serves them."""

from __future__ import annotations

import http.client
import io
import json
import time
import zipfile
from collections.abc import Iterator
from datetime import date

import pytest

from simulator import StandIn
from tests.unit.standin_helpers import KEY, ask, market, new_york

GRAPH = "/fred.stlouisfed.org/graph/fredgraph.csv?id=WALCL"
API = f"/api.stlouisfed.org/fred/series/observations?series_id=WALCL&api_key={KEY}"
H41 = "/www.federalreserve.gov/releases/h41/data/FRB_h41_xml.zip"
DTS = (
    "/api.fiscaldata.treasury.gov/services/api/fiscal_service/v1/accounting/dts/operating_cash_balance"
    "?sort=-record_date"
)
MOF = "/www.mof.go.jp/english/policy/jgbs/reference/interest_rate/historical/jgbcme_all.csv"
YAHOO = "/query2.finance.yahoo.com/v8/finance/chart/JPY=X?range=5d&interval=1d"


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    with StandIn(market(), new_york("2026-11-18T09:15")) as running:
        yield running


def test_rate_limit_with_and_without_retry_after(stand_in: StandIn):
    stand_in.faults.add("fredgraph", "rate_limited", times=1, retry_after=7)
    stand_in.faults.add("fredgraph", "rate_limited", times=1)
    first, second, third = (ask(stand_in, GRAPH) for _ in range(3))
    assert (first.status, first.headers["Retry-After"]) == (429, "7")
    assert second.status == 429
    assert "Retry-After" not in second.headers
    assert third.status == 200


def test_a_fault_in_the_middle_lets_the_first_requests_pass(stand_in: StandIn):
    stand_in.faults.add("fredgraph", "rate_limited", times=2, after=2)
    assert ask(stand_in, MOF).status == 200, "another pattern does not count"
    assert [ask(stand_in, GRAPH).status for _ in range(5)] == [200, 200, 429, 429, 200]


def test_freds_rate_limit_has_freds_words(stand_in: StandIn):
    stand_in.faults.add(r"api\.stlouisfed", "rate_limited")
    assert b'<error code="429" message="Too Many Requests.  Exceeded Rate Limit"/>' in ask(stand_in, API).body
    body = json.loads(ask(stand_in, f"{API}&file_type=json").body)
    assert body == {"error_code": 429, "error_message": "Too Many Requests.  Exceeded Rate Limit"}


def test_status_counts_down_and_meets_its_pattern_only(stand_in: StandIn):
    fault = stand_in.faults.add(r"www\.mof\.go\.jp", "status", times=2, code=502)
    assert ask(stand_in, GRAPH).status == 200
    assert [ask(stand_in, MOF).status for _ in range(3)] == [502, 502, 200]
    assert fault.times == 0


def test_timeout_sends_nothing_in_time(stand_in: StandIn):
    stand_in.faults.add("fredgraph", "timeout", times=1, seconds=5)
    with pytest.raises(TimeoutError):
        ask(stand_in, GRAPH, timeout=0.3)
    stand_in.faults.add("fredgraph", "timeout", times=1, seconds=0.05)
    with pytest.raises(http.client.RemoteDisconnected):
        ask(stand_in, GRAPH)


def test_trickle_keeps_each_read_alive_and_never_ends_in_time(stand_in: StandIn):
    stand_in.faults.add("fredgraph", "trickle", chunk=1, pause=0.05)
    connection = http.client.HTTPConnection("127.0.0.1", int(stand_in.url.rsplit(":", 1)[1]), timeout=10)
    start = time.monotonic()  # before the request: however slow this machine is, three pauses lie before byte four
    connection.request("GET", GRAPH)
    assert connection.getresponse().read(4) == b"obse"
    assert time.monotonic() - start >= 3 * 0.05
    connection.close()


def test_truncated_body_is_shorter_than_declared_or_declared_short(stand_in: StandIn):
    whole = ask(stand_in, GRAPH).body
    stand_in.faults.add("fredgraph", "truncated", times=1)
    with pytest.raises(http.client.IncompleteRead):
        ask(stand_in, GRAPH)
    stand_in.faults.add("fredgraph", "truncated", times=1, keep=0.25, declared=False)
    cut = ask(stand_in, GRAPH)
    assert cut.status == 200
    assert cut.body == whole[: len(whole) // 4]


@pytest.mark.parametrize("path", [GRAPH, H41, DTS, MOF, YAHOO])
def test_html_and_nothing_in_place_of_data(stand_in: StandIn, path: str):
    stand_in.faults.add(".", "html", times=1)
    stand_in.faults.add(".", "empty", times=1)
    page, empty = ask(stand_in, path), ask(stand_in, path)
    assert page.status == empty.status == 200
    assert page.body.startswith(b"<!DOCTYPE html>")
    assert empty.body == b""


def test_frozen_answer_is_that_of_an_earlier_moment(stand_in: StandIn):
    newest = ask(stand_in, GRAPH).lines[-1]
    stand_in.faults.add("fredgraph", "frozen", as_of=new_york("2026-10-14T09:15"))
    frozen = ask(stand_in, GRAPH)
    assert frozen.status == 200
    assert frozen.lines[-1].startswith("2026-10-07,")
    assert newest.startswith("2026-11-11,")


@pytest.mark.parametrize("path", [GRAPH, API, MOF])
def test_shortened_history_starts_later(stand_in: StandIn, path: str):
    assert b"2012" in ask(stand_in, path).body
    stand_in.faults.add(".", "shortened", since=date(2020, 1, 1))
    body = ask(stand_in, path).body
    assert b"2020" in body
    assert b"2012" not in body


def test_changed_unit_is_stated_where_the_format_has_one(stand_in: StandIn):
    before = int(ask(stand_in, GRAPH).lines[-1].split(",")[1])
    stand_in.faults.add(".", "changed_unit", scale=0.001)
    assert float(ask(stand_in, GRAPH).lines[-1].split(",")[1]) == pytest.approx(before / 1000)
    with zipfile.ZipFile(io.BytesIO(ask(stand_in, H41).body)) as archive:
        assert b'UNIT_MULT="1e+09"' in archive.read("H41_data.xml")
    assert json.loads(ask(stand_in, DTS).body)["meta"]["dataFormats"]["open_today_bal"] == "$1,000"
    assert b"(Unit : bp)" in ask(stand_in, MOF).body
    assert b'"currency":"GBp"' in ask(stand_in, YAHOO).body
    series = f"/api.stlouisfed.org/fred/series?series_id=WALCL&api_key={KEY}&file_type=json"
    assert json.loads(ask(stand_in, series).body)["seriess"][0]["units"] == "Thousands of Units"


@pytest.mark.parametrize(
    ("path", "gone"),
    [
        (GRAPH, b"observation_date"),
        (API, b" value="),
        (f"{API}&file_type=json", b'"value"'),
        (DTS, b"open_today_bal"),
        (MOF, b",10Y,"),
        (YAHOO, b'"close"'),
        ("/markets.newyorkfed.org/api/rates/secured/sofr/last/5.json", b"percentRate"),
        ("/cdn-api.cboe.com/api/global/us_indices/daily_prices/VIX_History.csv", b"CLOSE"),
        ("/www.financialresearch.gov/financial-stress-index/data/fsi.csv", b"OFR FSI"),
    ],
)
def test_changed_column(stand_in: StandIn, path: str, gone: bytes):
    assert gone in ask(stand_in, path).body
    stand_in.faults.add(".", "changed_column")
    body = ask(stand_in, path).body
    assert gone not in body
    assert b"renamed" in body


def test_changed_column_in_a_zip_and_by_name(stand_in: StandIn):
    stand_in.faults.add("h41", "changed_column", old="RESPPMA_N.WW", new="RESPPMA_NEW.WW")
    with zipfile.ZipFile(io.BytesIO(ask(stand_in, H41).body)) as archive:
        data = archive.read("H41_data.xml")
    assert b"RESPPMA_NEW.WW" in data
    assert b"RESPPMA_N.WW" not in data


def test_wrong_encoding(stand_in: StandIn):
    stand_in.faults.add("fredgraph", "wrong_encoding")
    body = ask(stand_in, GRAPH).body
    with pytest.raises(UnicodeDecodeError):
        body.decode("utf-8")
    assert body.decode("utf-16").startswith("observation_date,WALCL")


def test_bad_key(stand_in: StandIn):
    stand_in.faults.add(r"api\.stlouisfed", "bad_key")
    answer = ask(stand_in, f"{API}&file_type=json")
    assert answer.status == 400
    assert json.loads(answer.body)["error_message"] == (
        "Bad Request.  The value for variable api_key is not registered.  "
        "Read https://fred.stlouisfed.org/docs/api/api_key.html for more information."
    )


def test_reset(stand_in: StandIn):
    stand_in.faults.add("fredgraph", "reset", times=1)
    with pytest.raises(ConnectionResetError):
        ask(stand_in, GRAPH)
    assert ask(stand_in, GRAPH).status == 200


def test_faults_are_checked_when_they_are_added(stand_in: StandIn):
    with pytest.raises(ValueError, match="no fault 'nope'"):
        stand_in.faults.add(".", "nope")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no option colour"):
        stand_in.faults.add(".", "status", colour="red")
    with pytest.raises(ValueError, match="needs as_of"):
        stand_in.faults.add(".", "frozen")


def test_the_log_names_requests_and_never_keys(stand_in: StandIn):
    stand_in.faults.add("fredgraph", "status", times=1, code=500)
    ask(stand_in, API)
    ask(stand_in, GRAPH)
    logged = [(served.method, served.path, served.status) for served in stand_in.requests]
    assert logged == [
        ("GET", "api.stlouisfed.org/fred/series/observations?series_id=WALCL&api_key=***", 200),
        ("GET", "fred.stlouisfed.org/graph/fredgraph.csv?id=WALCL", 500),
    ]


def test_one_connection_serves_many_requests(stand_in: StandIn):
    connection = http.client.HTTPConnection("127.0.0.1", int(stand_in.url.rsplit(":", 1)[1]), timeout=10)
    for day in market().latent["session_date"].to_list()[-100:-10]:
        connection.request("GET", f"/cdn.cboe.com/data/us/options/market_statistics/daily/{day}_daily_options")
        answer = connection.getresponse()
        assert answer.status == 200
        assert answer.read().startswith(b'{"ratios"')
    connection.close()


def test_it_listens_on_this_machine_only_and_stops(stand_in: StandIn):
    assert stand_in.url.startswith("http://127.0.0.1:")
    with StandIn(market(), new_york("2026-11-18T09:15")) as other:
        url = other.url
        assert ask(other, GRAPH).status == 200
    with pytest.raises(ConnectionRefusedError):
        http.client.HTTPConnection("127.0.0.1", int(url.rsplit(":", 1)[1])).request("GET", GRAPH)


def test_a_clock_moves_the_market_by_itself():
    moments = iter([new_york("2026-10-14T09:15")] * 2 + [new_york("2026-11-18T09:15")] * 2)
    with StandIn(market(), lambda: next(moments)) as running:
        assert ask(running, GRAPH).lines[-1].startswith("2026-10-07,")
        assert ask(running, GRAPH).lines[-1].startswith("2026-11-11,")


def test_command_serves_and_needs_a_folder(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    from simulator.__main__ import main

    monkeypatch.delenv("TIDEGAUGE_REAL_DATA", raising=False)
    assert main(["--market", "folder"]) == 2
    assert "TIDEGAUGE_REAL_DATA" in capsys.readouterr().err

    def interrupted(_: StandIn) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(StandIn, "serve_forever", interrupted)
    assert main(["--port", "0", "--now", "2013-11-18T09:15"]) == 0
    assert "simulated market at http://127.0.0.1:" in capsys.readouterr().out
