"""Wikimedia's page views: what is asked, a 404 by the age of its days, hostile answers, the stand-in."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest

from ingest.batch import Window
from ingest.errors import NotConfigured, SourceChanged
from ingest.sources.wikimedia import wikimedia
from simulator.render import render
from simulator.render.view import Request, View
from tests.unit.fakes import FakeHttp, cells, context_of, pairs_of, payload_of
from tests.unit.standin_helpers import market, new_york

CONTACT = "ann@example.org"
SERIES = "wiki_views_stock_market_crash"


def item(stamp: str = "2026111200", views: Any = 1500, **more: Any) -> dict[str, Any]:
    same = {"project": "en.wikipedia", "article": "Stock_market_crash", "granularity": "daily"}
    return {**same, "timestamp": stamp, "access": "all-access", "agent": "user", "views": views, **more}


def parse(items: Any, first: str = "2026-11-10", status: int = 200):
    body = items if isinstance(items, str) else json.dumps({"items": items})
    meta = {"series": SERIES, "article": "Stock_market_crash", "first": first, "last": "2026-11-16"}
    payload = payload_of("wikimedia", body, name="Stock_market_crash", meta=meta, status=status)
    rows = wikimedia.parse(payload, pairs_of("wikimedia"))
    return cells(rows, SERIES), wikimedia.windows(payload, rows)


def test_views_by_day_and_a_day_without_any_is_left_out() -> None:
    found, windows = parse([item("2026111000", 1500), item("2026111200", 0), item("2026111300", 90210)])
    assert found == {date(2026, 11, 10): 1500.0, date(2026, 11, 12): 0.0, date(2026, 11, 13): 90210.0}
    assert windows == [Window(SERIES, date(2026, 11, 10), None)]


def test_of_days_just_over_404_says_that_they_are_not_loaded() -> None:
    assert parse('{"title": "Not found."}', first="2026-11-15", status=404) == ({}, [])


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ([], "expected at least one day in items, got none"),
        ({"a": 1}, "expected items in the answer to be a list"),
        ([item(article="Recession")], "expected Stock_market_crash as article of each item, got 'Recession'"),
        ([item(agent="all-agents")], "expected user as agent of each item"),
        ([item(granularity="monthly")], "expected daily as granularity of each item"),
        ([item("20261112")], "expected a timestamp YYYYMMDD00 in each item, got '20261112'"),
        ([item("2026311200")], "expected a date like %Y%m%d for timestamp"),
        ([item("2026110900")], "expected days from 2026-11-10 to 2026-11-16, got 2026-11-09"),
        ([item(), item()], "expected each day once, also 2026-11-12, got it twice"),
        ([item(views="1500")], "expected a number of views of 2026-11-12, got '1500'"),
        ([item(views=True)], "expected a number of views of 2026-11-12, got 'True'"),
        ([item(views=-1)], "expected a number of views of 2026-11-12, got '-1'"),
        ([item(views=1.5)], "expected a number of views of 2026-11-12, got '1.5'"),
        ([{"views": 1}], "expected project in an item"),
        ('{"detail": "throttled"}', "expected items in the answer"),
        ("<!DOCTYPE html><title>Wikimedia Error</title>", "got an HTML page"),
        ('{"items": [', "JSON broken at character"),
        ("", "got an empty body"),
    ],
)  # fmt: skip
def test_what_is_not_as_agreed_is_named(items: Any, message: str) -> None:
    with pytest.raises(SourceChanged) as caught:
        parse(items)
    assert str(caught.value).startswith("wikimedia: Stock_market_crash: expected ")
    assert message in str(caught.value)


def test_an_article_that_is_not_there_any_more_is_named() -> None:
    with pytest.raises(SourceChanged, match="expected views since 2026-11-10, got HTTP 404: the article was moved"):
        parse("", status=404)


def test_all_days_are_asked_first_and_the_newest_held_again() -> None:
    pairs = pairs_of("wikimedia", "Stock")
    http = FakeHttp({wikimedia.URL: "{}"})
    list(wikimedia.fetch(context_of("wikimedia", http, pairs, contact=CONTACT)))
    since = {SERIES: date(2026, 11, 15)}
    list(wikimedia.fetch(context_of("wikimedia", http, pairs, since=since, contact=CONTACT)))
    asked = [url.removeprefix(wikimedia.URL) for url in http.asked]
    assert asked == [
        "/Stock_market_crash/daily/2015070100/2026111600",
        "/Stock_market_crash/daily/2026111000/2026111600",
    ]
    assert {headers["User-Agent"] for headers in http.headers} == {f"tidegauge/0.1 ({CONTACT})"}
    with pytest.raises(NotConfigured, match="TIDEGAUGE_CONTACT"):
        list(wikimedia.fetch(context_of("wikimedia", http, pairs)))


def test_the_stand_in_serves_what_the_connector_reads() -> None:
    view = View(market(), new_york("2026-02-06 12:00"))
    path = f"{wikimedia.URL.removeprefix('https://wikimedia.org')}/Stock_market_crash/daily"
    answer = render(view, Request("wikimedia.org", f"{path}/2026010100/2026020600"))
    meta = {"series": SERIES, "article": "Stock_market_crash", "first": "2026-01-01", "last": "2026-02-06"}
    rows = wikimedia.parse(payload_of("wikimedia", answer.body, meta=meta), pairs_of("wikimedia"))
    assert rows.height >= 34
    assert render(view, Request("wikimedia.org", f"{path}/2027010100/2027010500")).status == 404
