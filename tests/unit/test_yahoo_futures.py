"""Federal funds futures: which contracts are asked for, and how their charts are read."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import polars as pl
import pytest

from ingest.batch import Window
from ingest.connectors import connector
from ingest.contracts import contract_of, symbols_of
from ingest.errors import SourceChanged, SourceUnavailable, SymbolUnknown
from ingest.registry import ContractsFacts
from ingest.sources.yahoo import yahoo_futures, yfinance_client
from tests.unit.fakes import payload_of
from tests.unit.panel_helpers import panel_context, whole
from tests.unit.yahoo_server import EVENING, NOT_FOUND, LocalHttp, Server, chart, new_york

DECEMBER = "ZQZ26.CBT"


def futures(symbol: str = DECEMBER, volumes: tuple[Any, ...] = (120, 0), **changes: Any) -> dict[str, Any]:
    document = chart(symbol, new_york("2026-11-16", "2026-11-17"), [96.3, 96.305], instrumentType="FUTURE", **changes)
    document["chart"]["result"][0]["indicators"]["quote"][0]["volume"] = list(volumes)
    return document


def payload(document: Any, symbol: str = DECEMBER, is_due: str = "yes", fetched_at: datetime = EVENING):
    body = document if isinstance(document, str) else json.dumps(document)
    meta = {"symbol": symbol, "start": "2026-11-01", "is_due": is_due}
    return payload_of("yahoo", body, name=symbol, meta=meta, fetched_at=fetched_at)


def parse(document: Any, **fields: Any) -> pl.DataFrame:
    return whole(yahoo_futures.parse(payload(document, **fields)), yahoo_futures.TABLE)


def test_contracts_are_those_from_the_running_month_on() -> None:
    facts = ContractsFacts(root="ZQ", exchange="CBT", months_ahead=3, months_traded=1)
    assert symbols_of(facts, date(2026, 11, 30)) == ["ZQX26.CBT", "ZQZ26.CBT", "ZQF27.CBT", "ZQG27.CBT"]
    assert contract_of("ZQF27.CBT") == ("ZQF27", date(2027, 1, 1))
    with pytest.raises(ValueError, match="is no monthly contract such as"):
        contract_of("ZQ=F")
    declared = connector("yahoo_futures").facts.contracts
    assert declared is not None
    assert declared.months_traded < declared.months_ahead


def test_an_expired_contract_is_asked_for_until_its_last_session_is_held() -> None:
    facts = ContractsFacts(root="ZQ", exchange="CBT", months_ahead=0, months_traded=1)
    last, before = date(2026, 10, 30), date(2026, 10, 29)
    assert symbols_of(facts, date(2026, 11, 2), {"ZQV26": before}) == ["ZQX26.CBT", "ZQV26.CBT"]
    assert symbols_of(facts, date(2026, 11, 14), {"ZQV26": before}) == ["ZQX26.CBT", "ZQV26.CBT"]
    for day, held in ((2, {"ZQV26": last}), (15, {"ZQV26": before}), (2, {})):  # whole; too late; never seen
        assert symbols_of(facts, date(2026, 11, day), held) == ["ZQX26.CBT"]
    assert symbols_of(facts, date(2027, 1, 4), {"ZQZ26": date(2026, 12, 30)}) == ["ZQF27.CBT", "ZQZ26.CBT"]


def test_reads_settlements_and_what_was_traded() -> None:
    rows = parse(futures())
    assert rows.select(
        "contract_code", "session_date", "delivery_month_date", "settle_index", "volume_contracts"
    ).rows() == [
        ("ZQZ26", date(2026, 11, 16), date(2026, 12, 1), 96.3, 120.0),
        ("ZQZ26", date(2026, 11, 17), date(2026, 12, 1), 96.305, 0.0),
    ]


def test_a_settlement_counts_from_five() -> None:
    before = parse(futures(), fetched_at=datetime(2026, 11, 17, 21, 59, tzinfo=UTC))
    assert before["session_date"].to_list() == [date(2026, 11, 16)]


def test_what_expired_or_was_not_asked_is_not_withdrawn() -> None:
    answer = payload(futures())
    windows = yahoo_futures.windows(answer, yahoo_futures.parse(answer))
    assert windows == [Window("ZQZ26", date(2026, 11, 1), date(2026, 11, 17), table_id=yahoo_futures.TABLE)]


def test_a_contract_far_ahead_may_have_no_price_and_one_that_is_due_may_not() -> None:
    empty = futures()
    empty["chart"]["result"][0]["indicators"]["quote"][0]["close"] = [None, None]
    for document in (NOT_FOUND, empty):
        far = payload(document, is_due="no")
        rows = yahoo_futures.parse(far)
        assert rows[yahoo_futures.TABLE].is_empty()
        assert yahoo_futures.windows(far, rows) == []
    with pytest.raises(SymbolUnknown, match=r"a chart of ZQZ26\.CBT"):
        parse(NOT_FOUND)
    with pytest.raises(SourceChanged, match="a chart without a single price"):
        parse(empty)


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ("<html><body>Oops</body></html>", "an HTML page"),
        (json.dumps(futures())[:200], "JSON of a chart of ZQZ26.CBT"),
        (futures("ZQX26.CBT"), "expected meta.symbol ZQZ26.CBT, got 'ZQX26.CBT'"),
        (futures(currency="USX"), "expected unit 'USD' in meta.currency, got 'USX'"),
        (futures(dataGranularity="1mo"), "expected meta.dataGranularity 1d"),
        (futures(volumes=(1,)), "expected 2 values of volume"),
        (futures(volumes=("many", 0)), "got 'many'"),
    ],
)
def test_what_it_refuses_even_of_a_far_contract(document: Any, told: str) -> None:
    with pytest.raises(SourceChanged) as caught:
        parse(document, is_due="no")
    assert told in str(caught.value)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(yfinance_client, "SECONDS_BETWEEN_REQUESTS", 0.0)
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield running
        running.shutdown()


def test_asks_each_contract_and_stops_at_the_first_limit(server: Server) -> None:
    server.charts = {DECEMBER: futures(), "ZQF27.CBT": 429, "ZQG27.CBT": futures("ZQG27.CBT")}
    tickers = [DECEMBER, "ZQF27.CBT", "ZQG27.CBT"]
    context = panel_context("yahoo", LocalHttp(server), tickers=tickers, now=EVENING, retry_wait_seconds=0.0)
    first, problem = list(yahoo_futures.fetch(context))
    assert not isinstance(first, Exception)
    assert first.meta["is_due"] == "yes"
    assert isinstance(problem, SourceUnavailable)
    assert "nothing landed for ZQF27.CBT, ZQG27.CBT" in str(problem)
    assert server.asked == [DECEMBER, "ZQF27.CBT"]


def test_a_contract_that_expired_may_be_unknown(server: Server) -> None:
    server.charts = {DECEMBER: futures(), "ZQV26.CBT": NOT_FOUND}
    context = panel_context("yahoo", LocalHttp(server), tickers=[DECEMBER, "ZQV26.CBT"], now=EVENING)
    answers = list(yahoo_futures.fetch(replace(context, since={"ZQV26": date(2026, 10, 29)})))
    assert [answer.meta["is_due"] for answer in answers] == ["yes", "no"]
    assert yahoo_futures.parse(answers[1])[yahoo_futures.TABLE].is_empty()
