"""Yahoo: charts read natively, and yfinance driven against a little server on this machine."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from ingest.batch import ROWS_SCHEMA, Window
from ingest.errors import SourceChanged, SourceUnavailable
from ingest.payload import Payload
from ingest.sources.yahoo import yahoo, yfinance_client
from tests.unit.fakes import cells, context_of, pairs_of, payload_of
from tests.unit.yahoo_server import EVENING, LONDON, NEW_YORK, NOT_FOUND, LocalHttp, Server, chart, new_york, stamp

PAIRS = pairs_of("yahoo")
ASKED = pairs_of("yahoo", "^GSPC/", "^MOVE/", "JPY=X/")


def parse(document: Any, symbol: str = "^GSPC", fetched_at: datetime = EVENING):
    body = document if isinstance(document, str) else json.dumps(document)
    meta = {"symbol": symbol, "start": "2026-11-01", "series": "sp500_close"}
    return yahoo.parse(payload_of("yahoo", body, name=symbol, meta=meta, fetched_at=fetched_at), PAIRS)


# ---- reading charts


def test_reads_four_prices() -> None:
    document = chart()
    document["chart"]["result"][0]["indicators"]["quote"][0] |= {
        "open": [1.5, 2.5],
        "high": [3.5, 4.5],
        "low": [0, 0.5],
    }
    rows = parse(document)
    assert cells(rows, "sp500_open") == {date(2026, 11, 13): 1.5, date(2026, 11, 16): 2.5}
    assert cells(rows, "sp500_high")[date(2026, 11, 16)] == 4.5
    assert cells(rows, "sp500_low")[date(2026, 11, 13)] == 0.0
    assert cells(rows, "sp500_close") == {date(2026, 11, 13): 100.0, date(2026, 11, 16): 101.0}
    assert dict(rows.schema) == dict(ROWS_SCHEMA)
    assert set(rows["unit"]) == {"USD"}
    assert "move" not in set(rows["series_id"])


def test_a_null_close_is_a_gap() -> None:
    assert cells(parse(chart(closes=[None, 101.5])), "sp500_close") == {
        date(2026, 11, 13): None,
        date(2026, 11, 16): 101.5,
    }


def test_a_missing_session_stays_missing() -> None:
    rows = parse(chart(stamps=new_york("2026-07-23", "2026-07-30")))
    assert list(cells(rows, "sp500_close")) == [date(2026, 7, 23), date(2026, 7, 30)]


def test_days_follow_the_exchanges_clock_through_summer_time() -> None:
    rows = parse(chart(stamps=new_york("2026-03-06", "2026-03-09", "2026-10-30", "2026-11-02"), gmtoffset=-14400))
    assert list(cells(rows, "sp500_close")) == [
        date(2026, 3, 6),
        date(2026, 3, 9),
        date(2026, 10, 30),
        date(2026, 11, 2),
    ]


def test_the_day_of_a_coin_ends_at_midnight_utc() -> None:
    days = [stamp(day, UTC, "00:00") for day in ("2026-11-14", "2026-11-15", "2026-11-16")]
    document = chart("BTC-USD", days, closes=[90.0, 91.0, 92.0], exchangeTimezoneName="UTC", gmtoffset=0)

    def held(hour: int) -> list[date]:
        return list(cells(parse(document, "BTC-USD", datetime(2026, 11, 16, hour, 30, tzinfo=UTC)), "bitcoin"))

    assert held(23) == [date(2026, 11, 14), date(2026, 11, 15)]  # evening in New York, and the day goes on
    assert list(cells(parse(document, "BTC-USD", datetime(2026, 11, 17, 0, 1, tzinfo=UTC)), "bitcoin"))[-1] == date(
        2026, 11, 16
    )


@pytest.mark.parametrize(("symbol", "series"), [("GC=F", "gold_future"), ("DX-Y.NYB", "dollar_index")])
def test_futures_and_the_dollar_index_trade_until_five(symbol: str, series: str) -> None:
    document = chart(symbol, new_york("2026-11-13", "2026-11-16"))
    at_half_past_four, at_five = (datetime(2026, 11, 16, *at, tzinfo=UTC) for at in ((21, 30), (22, 0)))
    assert list(cells(parse(document, symbol, at_half_past_four), series)) == [date(2026, 11, 13)]
    assert list(cells(parse(document, symbol, at_five), series)) == [date(2026, 11, 13), date(2026, 11, 16)]


def test_an_index_of_hong_kong_states_its_currency() -> None:
    zone = ZoneInfo("Asia/Hong_Kong")
    document = chart("^HSI", [stamp("2026-11-16", zone, "09:30")], closes=[25_000.0], exchangeTimezoneName=zone.key)
    with pytest.raises(SourceChanged, match=r"unit 'HKD' in meta.currency.*'USD'"):
        parse(document, "^HSI")
    document["chart"]["result"][0]["meta"]["currency"] = "HKD"
    assert cells(parse(document, "^HSI"), "hang_seng") == {date(2026, 11, 16): 25_000.0}


def yen(*stamps: int, fetched_at: datetime = EVENING):
    document = chart("JPY=X", list(stamps), currency="JPY", exchangeTimezoneName="Europe/London", gmtoffset=0)
    return list(cells(parse(document, "JPY=X", fetched_at), "usdjpy"))


def test_yen_bars_bear_london_dates() -> None:
    summer, winter = stamp("2026-07-15", LONDON, "00:00"), stamp("2026-11-16", LONDON, "00:00")
    assert datetime.fromtimestamp(summer, UTC).date() == date(2026, 7, 14)  # 23:00 of the day before in UTC
    assert yen(summer, winter) == [date(2026, 7, 15), date(2026, 11, 16)]


def test_an_hour_that_yahoo_missed_means_the_midnight_that_follows() -> None:
    late = stamp("2026-10-25", LONDON, "00:00") + 86_400  # a day later by a clock that did not change
    assert datetime.fromtimestamp(late, LONDON).hour == 23
    assert yen(late) == [date(2026, 10, 26)]


@pytest.mark.parametrize(
    ("moment", "is_there"),
    [(datetime(2026, 11, 17, 21, 14, tzinfo=UTC), False), (datetime(2026, 11, 17, 21, 15, tzinfo=UTC), True)],
)
def test_an_index_bar_counts_from_a_quarter_past_four(moment: datetime, is_there: bool) -> None:
    rows = parse(chart(stamps=new_york("2026-11-16", "2026-11-17")), fetched_at=moment)
    assert (date(2026, 11, 17) in cells(rows, "sp500_close")) is is_there
    assert date(2026, 11, 16) in cells(rows, "sp500_close")


@pytest.mark.parametrize(
    ("moment", "is_there"),
    [(datetime(2026, 11, 17, 21, 59, tzinfo=UTC), False), (datetime(2026, 11, 17, 22, 0, tzinfo=UTC), True)],
)
def test_a_currency_bar_counts_from_five(moment: datetime, is_there: bool) -> None:
    today = stamp("2026-11-17", LONDON, "00:00")
    assert (date(2026, 11, 17) in yen(stamp("2026-11-16", LONDON, "00:00"), today, fetched_at=moment)) is is_there


def test_of_two_bars_of_one_day_the_later_counts() -> None:
    stamps = [*new_york("2026-11-17"), stamp("2026-11-17", NEW_YORK, "16:00")]
    assert cells(parse(chart(stamps=stamps)), "sp500_close") == {date(2026, 11, 17): 101.0}


def broken(**quotes: Any) -> dict[str, Any]:
    document = chart()
    document["chart"]["result"][0]["indicators"]["quote"][0] |= quotes
    return document


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (NOT_FOUND, "expected a chart of ^GSPC, got the error \"{'code': 'Not Found', 'description': 'No data found"),
        (chart("SPY"), "expected meta.symbol ^GSPC, got 'SPY'"),
        (chart(currency="EUR"), "expected unit 'USD' in meta.currency, got 'EUR'"),
        (chart(dataGranularity="1wk"), "expected meta.dataGranularity 1d, got '1wk'"),
        (chart(exchangeTimezoneName="Mars/Olympus"), "expected meta.exchangeTimezoneName to be a time zone"),
        (chart(stamps=[]), "expected prices, got a chart without a single price"),
        (chart(closes=[None, None]), "expected prices, got a chart without a single price"),
        (broken(close=[1.0]), "expected 2 values of close, one for each timestamp, got 1"),
        (
            broken(close=[1.0, "2"]) | {"chart": {"result": [], "error": None}},
            "expected one result in the chart, got 0",
        ),
        (broken(close=[1.0, [2]]), "expected a number for close of 2026-11-16, got '[2]'"),
        (chart(stamps=["2026-11-13"]), "expected timestamps in whole seconds, got '2026-11-13'"),
        ({"finance": {}}, "expected chart in the answer, got only finance"),
        ("<!DOCTYPE html>", "expected JSON of a chart of ^GSPC, got an HTML page"),
        ('{"chart": {"resu', "JSON broken at character"),
    ],
)
def test_refuses(document: Any, message: str) -> None:
    with pytest.raises(SourceChanged) as caught:
        parse(document)
    assert str(caught.value).startswith("yahoo: ^GSPC: ")
    assert message in str(caught.value)


# ---- asking through yfinance


@pytest.fixture
def server() -> Iterator[Server]:
    """A server that knows the three symbols; yfinance knows the time zone of none."""
    for symbol in ("JPY=X", "^GSPC", "^MOVE"):
        yfinance_client.yfinance.cache.get_tz_cache().store(symbol, None)
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        running.charts = {
            "JPY=X": chart(
                "JPY=X", [stamp("2026-11-16", LONDON, "00:00")], currency="JPY", exchangeTimezoneName="Europe/London"
            ),
            "^GSPC": chart(),
            "^MOVE": chart("^MOVE"),
        }
        yield running
        running.shutdown()
        thread.join()


def ask(server: Server, http: LocalHttp | None = None, since: dict[str, date] | None = None) -> list[Any]:
    context = context_of(
        "yahoo",
        http or LocalHttp(server),
        ASKED,
        since=since,
        now=EVENING,
        upstream=f"http://127.0.0.1:{server.server_port}",
        request_attempts=2,
        retry_wait_seconds=0,
    )
    return list(yahoo.fetch(context))


def test_every_chart_is_archived_as_it_came(server: Server) -> None:
    http = LocalHttp(server)
    payloads = ask(server, http)
    assert [payload.name for payload in payloads] == ["JPY=X", "^GSPC", "^MOVE"]
    assert payloads == http.kept
    assert payloads[1].body == json.dumps(server.charts["^GSPC"]).encode()
    assert payloads[1].url.startswith("https://query2.finance.yahoo.com/v8/finance/chart/%5EGSPC?period1=631170000&")
    assert not any("crumb" in payload.url for payload in payloads)
    assert payloads[1].fetched_at == EVENING
    rows = yahoo.parse(payloads[1], ASKED)
    assert cells(rows, "sp500_close") == {date(2026, 11, 13): 100.0, date(2026, 11, 16): 101.0}
    assert Window("sp500_open", date(1990, 1, 1)) in yahoo.windows(payloads[1], rows)


def test_two_chart_requests_a_symbol_and_no_more(server: Server) -> None:
    ask(server)
    charts = [path for path, _ in server.requests if "/v8/finance/chart/" in path]
    assert len(charts) == 6  # for each symbol its time zone, then its history
    assert server.asked == ["JPY=X", "^GSPC", "^MOVE"]
    assert len(server.requests) <= 13  # and a cookie each time, as this server gives none, and one crumb for all


def test_a_second_run_in_the_same_process_asks_anew(server: Server) -> None:
    ask(server)
    server.charts["^GSPC"] = chart(closes=[100.0, 250.0])
    payloads = ask(server)
    assert cells(yahoo.parse(payloads[1], ASKED), "sp500_close")[date(2026, 11, 16)] == 250.0
    assert len(server.asked) == 6


def test_asks_the_last_thirty_sessions_again(server: Server) -> None:
    held = {series.id: date(2026, 11, 13) for series, _ in ASKED}
    payloads = ask(server, since=held)
    assert payloads[1].meta["start"] == "2026-10-05"  # 30 sessions up to and with 2026-11-13
    (history,) = [query for path, query in server.requests if path.endswith("GSPC") and "period1" in query]
    assert history["period1"] == [str(stamp("2026-10-05", NEW_YORK, "00:00"))]
    assert history["period2"] == [str(stamp("2026-11-18", NEW_YORK, "00:00"))]  # exclusive


def test_stops_at_the_first_429(server: Server) -> None:
    server.charts["^GSPC"] = 429
    yen_payload, error = ask(server)
    assert isinstance(yen_payload, Payload)
    assert isinstance(error, SourceUnavailable)
    assert str(error) == (
        "yahoo: ^GSPC: Yahoo limited us (HTTP 429): nothing landed for ^GSPC, ^MOVE, and no more was asked; "
        "try again in an hour"
    )
    limited = [path for path, _ in server.requests if "/v8/finance/chart/" in path]
    assert len(limited) == 3  # two for the yen, one that met the limit


def test_a_429_on_the_history_itself_stops_too(server: Server) -> None:
    server.charts["JPY=X"] = lambda query: 429 if "period1" in query else chart("JPY=X", currency="JPY")
    (error,) = ask(server)
    assert "nothing landed for JPY=X, ^GSPC, ^MOVE" in str(error)
    assert server.asked == ["JPY=X"]


def test_one_of_three_symbols_failing_leaves_the_others(server: Server) -> None:
    server.charts["^GSPC"] = chart(stamps=[])
    _, error, move = ask(server)
    assert str(error) == ("yahoo: ^GSPC: Yahoo gave no bar from 1990-01-01 on (HTTP 200); nothing landed for ^GSPC")
    assert isinstance(error, SourceUnavailable)
    assert move.name == "^MOVE"


def test_bars_without_prices_are_silence_too(server: Server) -> None:
    server.charts["^GSPC"] = chart(closes=[None, None])
    _, error, _ = ask(server)
    assert isinstance(error, SourceUnavailable)
    assert "nothing landed for ^GSPC" in str(error)


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ("<!DOCTYPE html><html>consent</html>", "expected JSON of a chart of ^GSPC, got an HTML page"),
        (NOT_FOUND, "expected a chart of ^GSPC, got the error"),
        (chart(currency="EUR"), "expected unit 'USD' in meta.currency, got 'EUR'"),
        ({"chart": {"result": [{}], "error": None}}, "expected meta in the chart, got only nothing"),
    ],
)
def test_a_broken_chart_reaches_the_parser_and_the_quarantine(server: Server, found: Any, message: str) -> None:
    server.charts["^GSPC"] = found
    payload = ask(server)[1]
    assert isinstance(payload, Payload), payload
    with pytest.raises(SourceChanged, match="yahoo: \\^GSPC: ") as caught:
        yahoo.parse(payload, ASKED)
    assert message in str(caught.value)


def test_a_server_in_trouble_is_tried_again_and_then_named(server: Server) -> None:
    server.charts["^GSPC"] = 503
    _, error, move = ask(server)
    assert str(error).startswith("yahoo: ^GSPC: Yahoo gave no chart (HTTP 503 on try 2 of 2")
    assert str(error).endswith("nothing landed for ^GSPC")
    assert move.name == "^MOVE"


def test_a_chart_that_only_told_the_time_zone_answers_for_no_past_day(server: Server) -> None:
    server.charts["^GSPC"] = lambda query: 503 if "period1" in query else chart()
    http = LocalHttp(server)
    error = ask(server, http)[1]
    assert isinstance(error, SourceUnavailable)
    assert [payload.name for payload in http.kept] == ["JPY=X", "^MOVE"]
