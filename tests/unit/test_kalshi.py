"""Markets of Kalshi on the decisions of the Fed."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

import polars as pl
import pytest

from ingest.errors import SourceChanged
from ingest.sources.kalshi import kalshi
from tests.unit.fakes import FakeHttp, payload_of
from tests.unit.panel_helpers import panel_context, whole

ASKED_AT = datetime(2026, 8, 22, 1, 30, tzinfo=UTC)  # still the 21st in New York


def market(outcome: str = "H25", **changes: Any) -> dict[str, Any]:
    return {
        "ticker": f"KXFEDDECISION-26SEP-{outcome}",
        "close_time": "2026-09-16T17:59:00Z",
        "yes_bid_dollars": "0.3200",
        "yes_ask_dollars": "0.3300",
        "last_price_dollars": "0.3250",
        **changes,
    }


def page(*markets: Any, cursor: str = "") -> str:
    return json.dumps({"cursor": cursor, "markets": list(markets)})


def parse(body: str) -> pl.DataFrame:
    return whole(kalshi.parse(payload_of("kalshi", body, name="fed decisions", fetched_at=ASKED_AT)), kalshi.TABLE)


def test_reads_the_book_at_the_moment_of_the_answer() -> None:
    rows = parse(page(market(), market("C26", yes_bid_dollars="0.0000", yes_ask_dollars="0.0100")))
    assert rows.select("snapshot_date", "market_ticker", "meeting_date", "outcome", "bid_usd", "ask_usd").rows() == [
        (date(2026, 8, 21), "KXFEDDECISION-26SEP-H25", date(2026, 9, 16), "H25", 0.32, 0.33),
        (date(2026, 8, 21), "KXFEDDECISION-26SEP-C26", date(2026, 9, 16), "C26", 0.0, 0.01),
    ]
    assert set(rows["stated_at"]) == {datetime(2026, 8, 22, 1, 30)}


def test_a_market_that_has_closed_is_left_out_and_a_page_without_an_open_one_is_empty() -> None:
    assert parse(page(market(close_time="2026-08-22T01:30:00Z"))).is_empty()
    assert parse(page()).is_empty()


def test_a_market_that_comes_twice_with_one_book_counts_once() -> None:
    assert parse(page(market(), market())).height == 1


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("<!DOCTYPE html><html></html>", "got an HTML page"),
        (page(market())[:-9], "JSON with a list of markets"),
        (json.dumps({"cursor": ""}), "markets"),
        (page(market(yes_bid_dollars=32)), "yes_bid_dollars of KXFEDDECISION-26SEP-H25 as text"),
        (page(market(yes_ask_dollars="33")), "as text between 0.00 and 1.00 dollars, got '33'"),
        (page(market(yes_ask_dollars="1.5000")), "between 0.00 and 1.00 dollars, got '1.5000'"),
        (page(market(yes_ask_dollars="$0.33")), "got '$0.33'"),
        (page({k: v for k, v in market().items() if k != "yes_ask_dollars"}), "yes_ask_dollars"),
        (page(market(yes_bid_dollars="0.3400")), "expected a bid of KXFEDDECISION-26SEP-H25 of at most its offer"),
        (page(market("H50")), "expected tickers like KXFEDDECISION-26SEP-H25"),
        (page(market(ticker="KXFED-26OCT-T3.50")), "got 'KXFED-26OCT-T3.50'"),
        (page(market(close_time="2026-09-16T17:59:00")), "expected close_time of KXFEDDECISION-26SEP-H25 like"),
        (page(market(close_time="16/09/2026")), "got '16/09/2026'"),
        (page(market(), market(yes_bid_dollars="0.1000")), "expected KXFEDDECISION-26SEP-H25 once"),
    ],
)
def test_what_it_refuses(body: str, told: str) -> None:
    with pytest.raises(SourceChanged) as caught:
        parse(body)
    assert told in str(caught.value)


def test_asks_page_after_page_until_there_is_no_cursor() -> None:
    asked = f"{kalshi.URL}?series_ticker=KXFEDDECISION&status=open&limit=200"
    http = FakeHttp({asked: page(market(), cursor="x/y="), f"{asked}&cursor=x%2Fy%3D": page(market("C25"))})
    assert len(list(kalshi.fetch(panel_context("kalshi", http)))) == 2
    assert http.asked[1].endswith("cursor=x%2Fy%3D")


def test_a_cursor_that_leads_back_is_not_followed_for_ever() -> None:
    http = FakeHttp({kalshi.URL: page(market(), cursor="again")})
    with pytest.raises(SourceChanged, match="a new cursor on each"):
        list(kalshi.fetch(panel_context("kalshi", http)))
    assert len(http.asked) == 2
