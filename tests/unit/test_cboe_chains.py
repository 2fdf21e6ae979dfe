"""Cboe's delayed chains: what a sound answer gives, and what each answer that is not one says."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import polars as pl
import pytest

from ingest.archive import sha256_of
from ingest.connector import FetchContext
from ingest.dataset import dataset
from ingest.errors import SourceChanged, SourceUnavailable
from ingest.payload import Payload
from ingest.readers.option_quotes import session_of
from ingest.settings import Settings
from ingest.snapshot_times import newest_due
from ingest.sources.cboe import cboe_chains
from tests.unit.option_sample import document, option, payload_of

TABLE = cboe_chains.TABLE


def rows(**changes: Any) -> pl.DataFrame:
    return cboe_chains.parse(payload_of(document(**changes)))[TABLE]


def test_a_chain_is_a_row_a_contract_with_both_clocks_in_utc() -> None:
    found = rows()
    assert found.height == 4
    assert dict(found.schema) == dict(dataset(TABLE).rows_schema)
    assert found.select(
        "session_date", "underlying", "snapshot_at", "option_symbol", "root", "expiry_date", "option_type", "strike_usd"
    ).row(0) == (
        date(2026, 11, 18),
        "SPX",
        datetime(2026, 11, 18, 21, 20),
        "SPX261218C04000000",
        "SPX",
        date(2026, 12, 18),
        "C",
        4000.0,
    )
    assert found["last_trade_at"][0] == datetime(2026, 11, 18, 20, 59, 12)
    assert found["stated_at"].null_count() == 4  # known when it was fetched: the gate's own moment
    assert found["iv_ratio"].to_list() == [0.19, 0.21, 0.19, 0.21]


def test_what_nobody_quotes_stays_as_it_came() -> None:
    found = rows(options=[option(), option("SPX261218P04000000", iv=0.0, gamma=None, open_interest=None)])
    assert found.select("iv_ratio", "gamma_ratio", "open_interest_contracts").row(1) == (0.0, None, None)


def test_roots_of_one_day_and_adjusted_series_are_apart() -> None:
    both = rows(options=[option("SPX261218C04000000"), option("SPXW261218C04000000")])
    assert both["root"].to_list() == ["SPX", "SPXW"]
    body = document(symbol="NVDA", price=200.0, options=[option("NVDA1261218C00200000", gamma=0.035)])
    assert cboe_chains.parse(payload_of(body, "NVDA"))[TABLE]["root"].to_list() == ["NVDA1"]


def test_a_repeat_counts_once() -> None:
    assert rows(options=[option(), option()]).height == 1


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"symbol": "^NDX"}, "expected the chain of SPX, got that of '^NDX'"),
        ({"options": []}, "expected contracts of SPX, got a chain without any"),
        ({"price": 0.0}, "expected a price of SPX above zero, got '0.0'"),
        ({"price": None}, "expected a price of SPX above zero, got null"),
        ({"price": "closed"}, "expected a number for current_price, got 'closed'"),
        (
            {"timestamp": "2026-11-11 21:20:00"},
            "expected a chain of the last 5 days before 2026-11-18 21:20 UTC, got one",
        ),
        (
            {"timestamp": "2026-11-19 02:20:00"},
            "expected a chain of the last 5 days before 2026-11-18 21:20 UTC, got one",
        ),
        ({"options": [option(iv=0.0019)]}, "their median between 0.02 and 5, got 0.0019"),
        ({"timestamp": "11/18/2026 4:20 PM"}, "expected a moment like 2026-11-18 21:20:00 as timestamp"),
        ({"timestamp": "2026-11-18"}, "expected a moment like 2026-11-18 21:20:00 as timestamp, got '2026-11-18'"),
        (
            {"timestamp": "2026-11-18 16:20:00"},  # New York's, as if it were UTC
            "expected timestamp (UTC) at or after every last_trade_time (New York), got 2026-11-18 16:20 and a trade",
        ),
        ({"options": [option(bid="n/a")]}, "expected a number for bid, got 'n/a'"),
        ({"options": [option(iv=True)]}, "expected a number for iv, got 'True'"),
        ({"options": [option("SPX261318C04000000")]}, "expected option symbols of SPX like SPX261218C04000000"),
        ({"options": [option("NDX261218C04000000")]}, "got 'NDX261218C04000000'"),
        ({"options": [option("SPX 261218C4000")]}, "got 'SPX 261218C4000'"),
        (
            {"options": [option(), option(bid=9.0)]},
            "expected SPX261218C04000000 once, got it twice, with other figures",
        ),
        ({"options": [option(iv=19.0)]}, "expected volatilities as ratios, their median between 0.02 and 5, got 19"),
        ({"options": [option("SPX261218C00004000")]}, "expected strikes in thousandths, around the price"),
        (
            {"options": [option(gamma=0.18)]},  # per 100 points
            "expected gamma per unit of price, as the volatilities say, got 98.5 times that near",
        ),
        (
            {"options": [option(last_trade_time="4 PM")]},
            "expected last_trade_time like 2026-11-18T15:59:12, got '4 PM'",
        ),
        ({"options": [option(last_trade_time=1)]}, "expected last_trade_time like 2026-11-18T15:59:12, got '1'"),
        ({"options": [option(), 7]}, "expected ask, ask_size, bid"),
        ({"options": [option(option=5)]}, "expected option symbols as text, got '5'"),
        ({"options": {"SPX": 1}}, "expected options in data to be a list"),
    ],
)
def test_another_answer_says_what_is_wrong(changes: dict[str, Any], error: str) -> None:
    with pytest.raises(SourceChanged) as found:
        rows(**changes)
    assert error in str(found.value)
    assert str(found.value).startswith("cboe_chains: SPX chain: ")


def test_a_list_that_is_cut_short_ends_before_the_price() -> None:
    listed = [
        option(f"SPXW2612{day:02}{side}{strike * 1000:08d}")
        for day in (1, 2, 3, 4, 7)
        for strike in (3900, 3950, 4000, 4050, 4100)
        for side in "CP"
    ]
    assert rows(options=listed).height == 50
    with pytest.raises(SourceChanged) as found:
        rows(options=listed[:-4])
    assert "calls and puts on both sides of 4,010.00 in the last expiry too, got SPXW 2026-12-07 with 3 strikes" in str(
        found.value
    )
    # all calls of an expiry, then all its puts
    ordered = sorted(listed, key=lambda one: one["option"])
    with pytest.raises(SourceChanged, match="in the last expiry too"):
        rows(options=ordered[:-3])
    # an index far below all its strikes, or an adjusted series at the end, says nothing
    assert rows(options=listed, price=3000.0).height == 50
    assert rows(options=[*listed, option("SPX1261207C04900000")]).height == 51


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", "an empty body"),
        (b"<html><body>Access denied</body></html>", "an HTML page"),
        (json.dumps(document()).encode()[:200], "JSON broken at character"),
        (b'{"timestamp": "2026-11-18 21:20:00"}', "expected data in the answer, got only timestamp"),
        (b'{"timestamp": "2026-11-18 21:20:00", "data": []}', "expected data to be an object with symbol"),
        (b'{"data": {}}', "expected timestamp in the answer, got only data"),
    ],
)
def test_what_is_no_chain_is_named(body: bytes, error: str) -> None:
    with pytest.raises(SourceChanged) as found:
        cboe_chains.parse(payload_of(body))
    assert error in str(found.value)


def test_a_field_that_is_gone_is_named() -> None:
    bare = option()
    del bare["open_interest"]
    with pytest.raises(SourceChanged, match="expected open_interest in a contract"):
        rows(options=[bare])


@pytest.mark.parametrize(
    ("moment", "session"),
    [
        (datetime(2026, 11, 18, 14, 44, tzinfo=UTC), date(2026, 11, 17)),  # 09:44 in New York
        (datetime(2026, 11, 18, 14, 45, tzinfo=UTC), date(2026, 11, 18)),
        (datetime(2022, 6, 12, 0, 47, tzinfo=UTC), date(2022, 6, 10)),  # a Saturday evening
    ],
)
def test_a_snapshot_is_of_the_session_whose_quotes_it_shows(moment: datetime, session: date) -> None:
    assert session_of(moment) == session


@pytest.mark.parametrize(
    ("now", "due"),
    [
        (datetime(2026, 11, 18, 14, 45, tzinfo=UTC), datetime(2026, 11, 18, 14, 45, tzinfo=UTC)),
        (datetime(2026, 11, 18, 23, 30, tzinfo=UTC), datetime(2026, 11, 18, 21, 20, tzinfo=UTC)),
        (datetime(2026, 11, 29, 23, 30, tzinfo=UTC), datetime(2026, 11, 27, 21, 20, tzinfo=UTC)),  # a Sunday
        (datetime(2026, 7, 1, 13, 44, tzinfo=UTC), datetime(2026, 6, 30, 20, 20, tzinfo=UTC)),  # summer time
    ],
)
def test_snapshots_are_due_twice_a_session(now: datetime, due: datetime) -> None:
    assert newest_due(dataset(TABLE), now) == due


def test_a_payload_says_its_hash_in_each_row() -> None:
    body = json.dumps(document()).encode()
    assert rows()["payload_sha256"].unique().to_list() == [sha256_of(body)]


def test_windows_are_none() -> None:
    payload: Payload = payload_of(document())
    assert cboe_chains.windows(payload, cboe_chains.parse(payload)) == []


class Asked:
    """Answers nothing and notes what it was asked for; `before`: when each chain was fetched last."""

    def __init__(self, before: dict[str, datetime]) -> None:
        self.before = before
        self.addresses: list[str] = []

    def latest(self, _source: str, name: str) -> Payload | None:
        moment = self.before.get(name)
        return None if moment is None else replace(payload_of(b""), fetched_at=moment)

    def get(self, source: str, name: str, url: str, **_: Any) -> Payload:
        self.addresses.append(url.rsplit("/", 1)[1])
        raise SourceUnavailable(source, name, "no answer")


@pytest.mark.parametrize(
    ("before", "held", "asked"),
    [
        ({}, {}, ["_SPX.json"]),
        ({"SPX chain": datetime(2026, 11, 18, 14, 46, tzinfo=UTC)}, {"SPX": date(2026, 11, 18)}, ["_SPX.json"]),
        ({"SPX chain": datetime(2026, 11, 18, 21, 21, tzinfo=UTC)}, {"SPX": date(2026, 11, 18)}, []),
        ({"SPX chain": datetime(2026, 11, 18, 21, 21, tzinfo=UTC)}, {"SPX": date(2026, 11, 17)}, ["_SPX.json"]),
    ],
)
def test_a_chain_is_asked_for_when_one_is_due(
    before: dict[str, datetime], held: dict[str, date], asked: list[str]
) -> None:
    http = Asked(before)
    moment = datetime(2026, 11, 18, 23, 30, tzinfo=UTC)
    context = FetchContext("cboe", Settings(_env_file=None), lambda: moment, http, tickers=("SPX",), since=held)
    found = list(cboe_chains.fetch(context))
    assert http.addresses == asked
    assert all(isinstance(one, SourceUnavailable) for one in found)
