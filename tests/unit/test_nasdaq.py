"""Nasdaq's historical quotes: the second provider of daily bars."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

import polars as pl
import pytest

from ingest.batch import Window
from ingest.catalog.calendars import working_days
from ingest.errors import SourceChanged, SourceRefused, SourceUnavailable
from ingest.sources.nasdaq import nasdaq
from tests.unit.fakes import FakeHttp, payload_of
from tests.unit.panel_helpers import panel_context, whole

EVENING = datetime(2026, 11, 17, 23, 0, tzinfo=UTC)
BASE = "https://api.nasdaq.com/api/quote"


def row(day: str, close: str = "$185.92", **cells: Any) -> dict[str, Any]:
    return {"date": day, "close": close, "volume": "58,414,460", "open": "$186.06", "high": "$1,186.40",
            "low": "$183.92", **cells}  # fmt: skip


ROWS = [row("11/17/2026"), row("11/16/2026", "$184.00"), row("11/13/2026", "N/A")]


def history(rows: list[dict[str, Any]] | None = None, symbol: str = "AAPL", **data: Any) -> dict[str, Any]:
    rows = ROWS if rows is None else rows
    found = {"symbol": symbol, "totalRecords": len(rows), "tradesTable": {"asOf": None, "rows": rows}, **data}
    return {"data": found, "message": None, "status": {"rCode": 200, "bCodeMessage": None}}


def payload(document: Any, symbol: str = "AAPL", fetched_at: datetime = EVENING) -> Any:
    body = document if isinstance(document, str) else json.dumps(document)
    meta = {"symbol": symbol, "start": "2026-10-07"}
    return payload_of("nasdaq", body, name=symbol, meta=meta, fetched_at=fetched_at)


def parse(document: Any, **fields: Any) -> pl.DataFrame:
    return whole(nasdaq.parse(payload(document, **fields)), "nasdaq.prices")


def test_reads_bars_oldest_first() -> None:
    rows = parse(history())
    assert rows.row(2)[:7] == ("AAPL", date(2026, 11, 17), 186.06, 1186.4, 183.92, 185.92, 58414460.0)
    assert rows["close_usd"].to_list() == [None, 184.0, 185.92]


def test_funds_come_without_a_dollar_sign() -> None:
    assert parse(history([row("11/17/2026", "671.50")]))["close_usd"].to_list() == [671.5]


def test_the_bar_of_an_open_session_is_never_returned() -> None:
    noon = datetime(2026, 11, 17, 17, 0, tzinfo=UTC)
    assert parse(history(), fetched_at=noon)["session_date"].max() == date(2026, 11, 16)


def test_share_classes_are_asked_with_a_dot() -> None:
    rows = parse(history([row("11/17/2026")], symbol="BRK.B"), symbol="BRK-B")
    assert rows["ticker"].to_list() == ["BRK-B"]


NO_DATA = {"data": None, "message": None, "status": {"rCode": 400, "bCodeMessage": [{"code": 1003}]}}
UNKNOWN = {"data": None, "message": None, "status": {"rCode": 400, "bCodeMessage": [{"code": 1001}]}}


def test_a_symbol_that_nasdaq_does_not_list_is_an_answer_without_rows() -> None:
    answer = payload(UNKNOWN)
    assert nasdaq.parse(answer) == {}
    assert nasdaq.windows(answer, {}) == []


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("", "expected JSON of the history of AAPL, got an empty body"),
        ("<html>Access Denied</html>", "expected JSON of the history of AAPL, got an HTML page"),
        (NO_DATA, "expected a history of AAPL, got no data: \"{'rCode': 400"),
        ({"status": {}}, "expected data in the answer, got only status"),
        (history(symbol="MSFT"), "expected data.symbol AAPL, got 'MSFT'"),
        (history([]), "expected prices, got a history without a row"),
        (history(tradesTable=None), "expected prices, got a history without a row"),
        (history(totalRecords=9), "expected 9 rows, as totalRecords says, got 3"),
        (history([row("2026-11-17")]), "expected a date like %m/%d/%Y for a row, got '2026-11-17'"),
        (history([row("11/17/2026"), row("11/17/2026", close="$9.00")]), "expected 2026-11-17 once, got two bars: "),
        (history([row("11/17/2026", "soon")]), "expected a number for close of 2026-11-17, got 'soon'"),
        (history([row("11/17/2026", "$18,5")]), "expected a number for close of 2026-11-17, got '18,5'"),
        (history([row("11/17/2026", "$0.00")]), "expected a number above zero for close of 2026-11-17, got '$0.00'"),
        (history([row("11/17/2026", close=185.92)]), "expected a text for close of 2026-11-17, got '185.92'"),
        (history([{"date": "11/17/2026"}]), "expected open in the row of 2026-11-17, got only date"),
        (history([row("11/17/2026", "N/A")]), "expected prices, got a history without a single close"),
        (history([row("10/20/2026")]), "got a short answer: 20 are missing, the first 2026-10-21, the last 2026-11-17"),
    ],
)
def test_refuses(document: Any, message: str) -> None:
    with pytest.raises(SourceChanged) as caught:
        parse(document)
    assert str(caught.value).startswith("nasdaq: AAPL: ")
    assert message in str(caught.value)


def test_the_window_begins_with_the_first_bar() -> None:
    one = payload(history())
    assert nasdaq.windows(one, nasdaq.parse(one)) == [
        Window("AAPL", date(2026, 11, 13), date(2026, 11, 17), table_id="nasdaq.prices")
    ]


def test_asks_thirty_sessions_as_a_browser_and_funds_as_funds() -> None:
    http = FakeHttp({BASE: json.dumps(history())}, moment=EVENING)
    list(nasdaq.fetch(panel_context("nasdaq", http, tickers=("SPY", "BRK-B"), now=EVENING)))
    assert http.asked == [
        f"{BASE}/BRK.B/historical?assetclass=stocks&fromdate=2026-10-07&todate=2026-11-17&limit=9999",
        f"{BASE}/SPY/historical?assetclass=etf&fromdate=2026-10-07&todate=2026-11-17&limit=9999",
    ]
    assert len(working_days("nyse", date(2026, 10, 7), date(2026, 11, 17))) == 30
    assert "Mozilla" in http.headers[0]["User-Agent"]


@pytest.mark.parametrize("kind", [SourceRefused, SourceUnavailable])
def test_a_refusal_ends_the_asking_and_names_what_is_missing(kind: Any) -> None:
    names = [f"S{at:02}" for at in range(30)]
    answers: dict[str, Any] = {BASE: json.dumps(history()), f"{BASE}/S02/": kind("nasdaq", "S02", "HTTP 403")}
    http = FakeHttp(answers)
    *came, error = nasdaq.fetch(panel_context("nasdaq", http, tickers=names))
    assert [one.name for one in came] == ["S00", "S01"]
    assert str(error) == (
        "nasdaq: prices: Nasdaq gives no more (nasdaq: S02: HTTP 403): 28 symbols are missing "
        f"({', '.join(names[2:22])} and 8 more); what came is kept"
    )
    assert len(http.asked) == 3


def test_an_answer_that_is_none_leaves_the_others() -> None:
    broken = SourceChanged("nasdaq", "S00", expected="HTTP 200", seen="HTTP 404")
    http = FakeHttp({BASE: json.dumps(history()), f"{BASE}/S00/": broken})
    found = list(nasdaq.fetch(panel_context("nasdaq", http, tickers=["S00", "S01"])))
    assert found[0] is broken
    assert found[1].name == "S01"
