"""FINRA's Query API: weekly volumes off the exchanges, with a key of the user's own or without."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import date, datetime
from typing import Any

import polars as pl
import pytest

from ingest.errors import NotConfigured, SourceChanged, SourceRefused
from ingest.sources.finra import ats_weekly, query_api
from tests.unit.fakes import FakeHttp, payload_of
from tests.unit.panel_helpers import panel_context, whole

META = {"week": "2026-10-19", "tier": "T1", "kind": "ATS_W_SMBL", "symbols": "AAPL,BRK-B"}
URL = "https://api.finra.org/data/group/otcMarket/name/weeklySummary"


def row(symbol: str = "BRK.B", **changes: Any) -> dict[str, Any]:
    return {
        "weekStartDate": "2026-10-19",
        "issueSymbolIdentifier": symbol,
        "tierIdentifier": "T1",
        "summaryTypeCode": "ATS_W_SMBL",
        "totalWeeklyShareQuantity": 3000,
        "totalWeeklyTradeCount": 20,
        "initialPublishedDate": "2026-11-09",
        "lastUpdateDate": "2026-11-09",
        **changes,
    }


def parse(*rows: Any, body: str | None = None) -> pl.DataFrame:
    payload = payload_of("finra", json.dumps(rows) if body is None else body, meta=META)
    return whole(ats_weekly.parse(payload), ats_weekly.TABLE)


def test_a_week_is_known_when_it_was_published_and_a_restated_one_later():
    rows = parse(row(), row("AAPL", lastUpdateDate="2026-11-16T00:00:00"), row("ZZZ"))
    assert rows.select("ticker", "week_date", "venue_kind", "tier", "shares", "trades_count", "stated_at").rows() == [
        ("BRK-B", date(2026, 10, 19), "ats", "T1", 3000.0, 20, datetime(2026, 11, 10, 1)),
        ("AAPL", date(2026, 10, 19), "ats", "T1", 3000.0, 20, datetime(2026, 11, 17, 1)),
    ]


def test_a_page_without_our_symbols_is_no_row():
    assert parse().is_empty()
    assert parse(row("ZZZ")).is_empty()


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([row(weekStartDate="2026-10-12")], "expected 2026-10-19 as weekStartDate, got '2026-10-12'"),
        ([row(tierIdentifier="T2")], "expected T1 as tierIdentifier"),
        ([row(summaryTypeCode="OTC_W_SMBL")], "expected ATS_W_SMBL as summaryTypeCode"),
        ([row(totalWeeklyShareQuantity="many")], "a number for totalWeeklyShareQuantity of BRK.B, got 'many'"),
        ([row(totalWeeklyShareQuantity=None)], "shares and whole trades of BRK.B"),
        ([row(totalWeeklyTradeCount=1.5)], "shares and whole trades of BRK.B"),
        ([row(initialPublishedDate="09/11/2026")], "a date like %Y-%m-%d for initialPublishedDate of BRK.B"),
        ([row(initialPublishedDate="2026-10-20")], "a publication of BRK.B after the week of 2026-10-19"),
        ([{k: v for k, v in row().items() if k != "lastUpdateDate"}], "lastUpdateDate in the row of BRK.B"),
        ([row(), row(totalWeeklyShareQuantity=1)], "expected 'BRK-B' once"),
        (["text"], "a row to be an object"),
    ],
)
def test_what_it_refuses(rows: list[Any], told: str):
    with pytest.raises(SourceChanged) as caught:
        parse(*rows)
    assert told in str(caught.value)


@pytest.mark.parametrize("body", ["", "<html>", '{"message": "Forbidden"}', json.dumps([row()])[:-5]])
def test_what_is_no_list_of_rows(body: str):
    with pytest.raises(SourceChanged):
        parse(body=body)


# -- asking ------------------------------------------------------------------------------------------------------------


def asked(http: FakeHttp, held: set[date] | None, **settings: Any) -> list[Any]:
    context = panel_context("finra", http, tickers=["AAPL"], **settings)
    return list(ats_weekly.fetch(replace(context, held={} if held is None else {"": frozenset(held)})))


def filters(http: FakeHttp) -> list[tuple[str, ...]]:
    return [tuple(one["fieldValue"] for one in json.loads(body)["compareFilters"]) for body in http.posted]


def test_a_new_week_is_asked_in_both_tiers_and_the_one_before_again():
    http = FakeHttp({URL: "[]"})
    weeks = {date.fromordinal(date(2026, 10, 26).toordinal() - 7 * back) for back in range(ats_weekly.WEEKS)}
    assert asked(http, weeks) == []
    assert http.posted == []
    asked(http, weeks - {date(2026, 10, 26)})
    # at noon on 2026-11-17: the 26th of October came out on the evening of the 16th
    assert [one[:2] for one in filters(http)[::2]] == [
        ("2026-10-12", "T2"),
        ("2026-10-26", "T1"),
        ("2026-10-05", "T2"),
        ("2026-10-19", "T1"),
    ]


def test_a_second_tier_that_came_empty_is_asked_for_again_each_day(monkeypatch):
    http = FakeHttp({URL: "[]"})
    weeks = {date.fromordinal(date(2026, 10, 26).toordinal() - 7 * back) for back in range(ats_weekly.WEEKS)}
    empty, full = payload_of("finra", "[]"), payload_of("finra", json.dumps([row(tierIdentifier="T2")]))
    before = {
        f"ATS_W_SMBL T2 of {day}, page 1": answer for day, answer in (("2026-10-12", empty), ("2026-10-05", full))
    }
    monkeypatch.setattr(http, "latest", lambda source, name: before.get(name) if source == "finra" else None)
    asked(http, weeks)
    assert filters(http) == [("2026-10-12", "T2", "ATS_W_SMBL"), ("2026-10-12", "T2", "OTC_W_SMBL")]


def test_pages_are_asked_until_one_is_not_full(monkeypatch):
    monkeypatch.setattr(query_api, "PAGE", 1)
    http = FakeHttp({URL: json.dumps([row()])})
    with pytest.raises(SourceChanged, match="a page that came before"):
        asked(http, None)
    assert [json.loads(body)["offset"] for body in http.posted] == [0, 1]


def test_without_a_key_it_is_asked_keyless_and_a_refusal_says_what_is_missing():
    http = FakeHttp({URL: "[]"})
    asked(http, None)
    assert (http.keys, "Authorization" in http.headers[0]) == ([], False)
    refused = FakeHttp({URL: SourceRefused("finra", "weekly", "HTTP 401")})
    with pytest.raises(NotConfigured, match="TIDEGAUGE_FINRA_CLIENT_SECRET into"):
        asked(refused, None)


def test_with_a_key_a_token_is_asked_once():
    key = {"finra_client_id": "a-client", "finra_client_secret": "a-secret"}
    http = FakeHttp({URL: "[]"})
    asked(http, None, **key)
    assert http.keys == [f"Basic {base64.b64encode(b'a-client:a-secret').decode()}"]
    assert {headers["Authorization"] for headers in http.headers} == {"Bearer granted"}
    with pytest.raises(SourceRefused):
        asked(FakeHttp({URL: SourceRefused("finra", "weekly", "HTTP 403")}), None, **key)
