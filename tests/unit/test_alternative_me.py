"""alternative.me: one JSON document, everything as text, newest first."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest

from ingest.batch import Window
from ingest.errors import SourceChanged
from ingest.sources.alternative_me import alternative_me
from tests.unit.fakes import FakeHttp, cells, context_of, pairs_of, payload_of

PAIRS = pairs_of("alternative_me")


def seconds(day: str) -> str:
    return str(int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()))


def body(*days: tuple[str, Any], error: object = None) -> str:
    data = [{"value": value, "value_classification": "Fear", "timestamp": seconds(day)} for day, value in days]
    return json.dumps({"name": "Fear and Greed Index", "data": data, "metadata": {"error": error}})


def parse(text: str | bytes):
    meta = {"series": "crypto_fear_greed"}
    return alternative_me.parse(payload_of("alternative_me", text, name="fear and greed", meta=meta), PAIRS)


def test_reads_text_and_leaves_out_days_that_were_never_printed() -> None:
    rows = parse(body(("2018-04-17", "24"), ("2018-04-13", "25"), ("2018-04-12", "0")))
    assert cells(rows, "crypto_fear_greed") == {
        date(2018, 4, 12): 0.0,
        date(2018, 4, 13): 25.0,
        date(2018, 4, 17): 24.0,
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<!DOCTYPE html><html>", "expected JSON with a list of days, got an HTML page"),
        ("", "got an empty body"),
        (body(("2026-02-12", "5"))[:-30], "JSON broken at character"),
        (body(), "expected at least one day, got an empty list"),
        (body(("2026-02-12", "5"), error="too many requests"), "no error in metadata, got 'too many requests'"),
        (body(("2026-02-12", 5)), "a whole number from 0 to 100 as text for 2026-02-12, got '5'"),
        (body(("2026-02-12", "0.05")), "a whole number from 0 to 100 as text for 2026-02-12, got '0.05'"),
        (body(("2026-02-12", "101")), "got '101'"),
        (body(("2026-02-12", "Fear")), "got 'Fear'"),
        (body(("2026-02-12", "")), "got ''"),
        (body(("2026-02-12", "5"), ("2026-02-12", "6")), "each day once and newest first, below 2026-02-12"),
        (body(("2026-02-11", "5"), ("2026-02-12", "6")), "each day once and newest first, below 2026-02-11"),
        (
            body(("2026-02-12", "5")).replace(seconds("2026-02-12"), seconds("2026-02-12") + "000"),
            "timestamps like '1517443200', midnight UTC in seconds, got '1770854400000'",
        ),
        (body(("2026-02-12T05:00", "5")), "midnight UTC in seconds"),
        ('{"data": [], "metadata": {}}', "expected error in metadata"),
        ('{"data": {"value": "5"}}', "data in the answer to be a list"),
        ('{"data": [{"value": "5"}], "metadata": {"error": null}}', "expected timestamp in a day"),
        ('{"name": "Fear and Greed Index"}', "expected data in the answer, got only name"),
    ],
)
def test_refuses(text: str, message: str) -> None:
    with pytest.raises(SourceChanged) as caught:
        parse(text)
    assert str(caught.value).startswith("alternative_me: fear and greed: ")
    assert message in str(caught.value)


def test_asks_for_the_whole_history() -> None:
    http = FakeHttp({alternative_me.URL: body(("2026-02-12", "5"))})
    (payload,) = alternative_me.fetch(context_of("alternative_me", http, PAIRS))
    assert http.asked == [alternative_me.URL + "?limit=0&format=json"]
    assert alternative_me.windows(payload, alternative_me.parse(payload, PAIRS)) == [Window("crypto_fear_greed", None)]
