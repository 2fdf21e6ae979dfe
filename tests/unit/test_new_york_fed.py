"""New York Fed: rates newest first, revisions, "NA", and reverse repo operations that must be summed and sifted."""

from __future__ import annotations

import json
from datetime import date
from itertools import count
from typing import Any

import pytest

from ingest.batch import ROWS_SCHEMA, Window
from ingest.errors import SourceChanged, SourceUnavailable
from ingest.sources.new_york_fed import new_york_fed
from tests.unit.fakes import FakeHttp, cells, context_of, pairs_of, payload_of

SOFR = pairs_of("new_york_fed", "rates/sofr/")
EFFR = pairs_of("new_york_fed", "rates/effr/")
REPO = pairs_of("new_york_fed", "rp/")
ALL = SOFR + EFFR + REPO


def meta(part: str, start: str = "2026-11-01", end: str = "2026-11-17") -> dict[str, str]:
    return {"part": part, "start": start, "end": end, "series": "sofr,sofr_99th_percentile,sofr_volume"}


def rate(day: str, value: Any, *, kind: str = "SOFR", revision: str = "", **fields: Any) -> dict[str, Any]:
    return {
        "effectiveDate": day,
        "type": kind,
        "percentRate": value,
        "percentPercentile99": 4.0,
        "volumeInBillions": 2900,
        "revisionIndicator": revision,
        **fields,
    }


def rates(*records: dict[str, Any]) -> str:
    return json.dumps({"refRates": records})


def parse(body: str | bytes, part: str = "rates/sofr/", **window: str):
    payload = payload_of("new_york_fed", body, name="SOFR", meta=meta(part, **window))
    return new_york_fed.parse(payload, ALL)


def refusal(body: str | bytes, part: str = "rates/sofr/") -> str:
    with pytest.raises(SourceChanged) as caught:
        parse(body, part)
    assert str(caught.value).startswith("new_york_fed: SOFR: expected ")
    return str(caught.value)


# ---- reference rates


def test_newest_first_comes_out_oldest_first() -> None:
    rows = parse(rates(rate("2026-11-16", 3.875), rate("2026-11-13", 3.75)))
    assert list(cells(rows, "sofr").items()) == [(date(2026, 11, 13), 3.75), (date(2026, 11, 16), 3.875)]
    assert cells(rows, "sofr_99th_percentile")[date(2026, 11, 16)] == 4.0
    assert cells(rows, "sofr_volume")[date(2026, 11, 16)] == 2900.0
    assert dict(rows.schema) == dict(ROWS_SCHEMA)
    assert set(rows["unit"]) == {"percentRate", "volumeInBillions"}


def test_na_is_a_gap_and_zero_is_a_value() -> None:
    rows = parse(rates(rate("2026-11-16", 0.0, percentPercentile99="NA"), rate("2026-11-13", -0.01)))
    assert cells(rows, "sofr") == {date(2026, 11, 13): -0.01, date(2026, 11, 16): 0.0}
    assert cells(rows, "sofr_99th_percentile")[date(2026, 11, 16)] is None


@pytest.mark.parametrize("revised_first", [True, False])
def test_a_revised_row_replaces_the_first_print(revised_first: bool) -> None:
    first, revised = rate("2026-11-16", 3.9), rate("2026-11-16", 3.8, revision="r")
    rows = parse(rates(*((revised, first) if revised_first else (first, revised))))
    assert cells(rows, "sofr") == {date(2026, 11, 16): 3.8}


def test_effr_needs_no_percentiles() -> None:
    old = {
        "effectiveDate": "2016-01-04",
        "type": "EFFR",
        "percentRate": 0.36,
        "intraDayLow": 0.2,
        "revisionIndicator": "",
    }
    rows = parse(rates(old), "rates/effr/")
    assert cells(rows, "effr") == {date(2016, 1, 4): 0.36}
    assert rows["series_id"].unique().to_list() == ["effr"]


@pytest.mark.parametrize(
    ("records", "message"),
    [
        (
            [{k: v for k, v in rate("2026-11-16", 3.8, percent=3.8).items() if k != "percentRate"}],
            "expected percentRate in the rate of 2026-11-16, got only effectiveDate, type, percentPercentile99",
        ),
        ([rate("2026-11-16", "N/A")], "expected a number for percentRate of 2026-11-16, got 'N/A'"),
        ([rate("2026-11-16", True)], "expected a number for percentRate of 2026-11-16, got 'True'"),
        ([rate("11/16/2026", 3.8)], "expected a date like %Y-%m-%d for effectiveDate, got '11/16/2026'"),
        ([rate("2026-11-16", 3.8, kind="SOFRAI")], "expected type SOFR, got 'SOFRAI' on 2026-11-16"),
        ([rate("2026-11-16", 3.8, revision="x")], """expected revisionIndicator "" or "r", got 'x' on 2026-11-16"""),
        ([rate("2026-11-16", 3.8), rate("2026-11-16", 3.9)], "got two rates of 2026-11-16"),
        ([], "expected rates between 2026-11-01 and 2026-11-17, got none"),
    ],
)
def test_refuses_rates(records: list[dict[str, Any]], message: str) -> None:
    assert message in refusal(rates(*records))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("<html>moved</html>", "expected JSON of reference rates, got an HTML page"),
        ('{"refRates": [', "expected JSON of reference rates, got JSON broken at character"),
        ('{"rates": []}', "expected refRates in the answer, got only rates"),
        ('{"refRates": {}}', "expected refRates in the answer to be a list"),
        ('{"refRates": [3]}', "expected a rate to be an object with effectiveDate, got '3'"),
    ],
)
def test_refuses_bodies(body: str, message: str) -> None:
    assert message in refusal(body)


def test_a_window_over_a_holiday_may_be_empty() -> None:
    assert parse(rates(), start="2026-01-01", end="2026-01-01").is_empty()


def test_a_year_of_long_ago_may_be_empty() -> None:
    assert parse(rates(), "rates/effr/", start="2001-01-01", end="2001-12-31").is_empty()


# ---- reverse repo


SERIAL = count(1)


def operation(day: str, accepted: Any, **fields: Any) -> dict[str, Any]:
    return {
        "operationId": f"RP {next(SERIAL)}",
        "auctionStatus": "Results",
        "operationDate": day,
        "operationType": "Reverse Repo",
        "term": "Overnight",
        "note": "",
        "totalAmtAccepted": accepted,
        **fields,
    }


def operations(*found: dict[str, Any]) -> str:
    return json.dumps({"repo": {"operations": found}})


def test_an_operation_that_stands_twice_with_two_amounts_is_refused() -> None:
    twice = [operation("2026-11-16", amount, operationId="RP 111626 1") for amount in (1_500_000_000, 250_000_000)]
    with pytest.raises(SourceChanged, match=r"RP 111626 1.* once, got it twice, with .*1500000000.* and .*250000000"):
        parse(operations(*twice), "rp/")
    assert cells(parse(operations(twice[0], twice[0]), "rp/"), "on_rrp") == {date(2026, 11, 16): 1_500_000_000.0}


def test_two_operations_of_a_day_are_summed_and_texts_are_numbers() -> None:
    rows = parse(
        operations(
            operation("2026-11-16", "1500000000"), operation("2026-11-16", 250000000), operation("2026-11-13", 0)
        ),
        "rp/",
    )
    assert cells(rows, "on_rrp") == {date(2026, 11, 13): 0.0, date(2026, 11, 16): 1_750_000_000.0}
    assert rows["unit"].unique().to_list() == ["USD"]


@pytest.mark.parametrize(
    "fields",
    [
        {"note": "Reverse Repo SMALL VALUE EXERCISE, Treasury"},
        {"term": "Term"},
        {"auctionStatus": "Announced", "totalAmtAccepted": None},
        {"operationType": "Repo"},
    ],
)
def test_what_is_not_the_facilitys_use_is_left_out(fields: dict[str, Any]) -> None:
    rows = parse(operations(operation("2026-11-16", 7, **fields), operation("2026-11-16", 5)), "rp/")
    assert cells(rows, "on_rrp") == {date(2026, 11, 16): 5.0}


def test_an_absent_note_is_no_note() -> None:
    plain = operation("2026-11-16", 5)
    del plain["note"]
    assert cells(parse(operations(plain), "rp/"), "on_rrp") == {date(2026, 11, 16): 5.0}


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (
            [operation("2026-11-16", None)],
            "expected totalAmtAccepted of 2026-11-16, got null in an operation with results",
        ),
        ([operation("2026-11-16", "1_500")], "expected a number for totalAmtAccepted of 2026-11-16, got '1_500'"),
        ([operation("2026-11-16", "1.5bn")], "expected a number for totalAmtAccepted of 2026-11-16, got '1.5bn'"),
        (
            [{"operationDate": "2026-11-16"}],
            "expected auctionStatus in the operation of 2026-11-16, got only operationDate",
        ),
        ([], "expected operations between 2026-11-01 and 2026-11-17, got none"),
    ],
)
def test_refuses_operations(found: list[dict[str, Any]], message: str) -> None:
    assert message in refusal(operations(*found), "rp/")


# ---- asking


def test_a_short_window_is_one_question_per_dataset() -> None:
    http = FakeHttp({"https://markets.newyorkfed.org/api/": rates(rate("2026-11-16", 3.8))})
    since = {series.id: date(2026, 11, 13) for series, _ in ALL}
    payloads = list(new_york_fed.fetch(context_of("new_york_fed", http, ALL, since=since)))
    window = "startDate=2026-09-14&endDate=2026-11-17"
    assert http.asked == [
        f"https://markets.newyorkfed.org/api/rates/secured/sofr/search.json?{window}",
        f"https://markets.newyorkfed.org/api/rates/unsecured/effr/search.json?{window}",
        f"https://markets.newyorkfed.org/api/rp/results/search.json?{window}"
        "&operationTypes=reverserepo&securityType=tsy&term=Overnight",
    ]
    rows = new_york_fed.parse(payloads[0], ALL)
    expected = [
        Window(series, date(2026, 9, 14), date(2026, 11, 17))
        for series in ("sofr", "sofr_99th_percentile", "sofr_volume")
    ]
    assert new_york_fed.windows(payloads[0], rows) == expected


def test_the_first_load_is_cut_at_each_new_year() -> None:
    http = FakeHttp({"https://markets.newyorkfed.org/api/": rates()})
    payloads = list(new_york_fed.fetch(context_of("new_york_fed", http, SOFR)))
    assert [payload.name for payload in payloads][:2] == [
        "SOFR 2018-04-01 to 2018-12-31",
        "SOFR 2019-01-01 to 2019-12-31",
    ]
    assert payloads[-1].name == "SOFR 2026-01-01 to 2026-11-17"
    assert len(payloads) == 9


def test_a_piece_that_fails_ends_its_dataset_only() -> None:
    error = SourceUnavailable("new_york_fed", "SOFR", "no answer")
    api = "https://markets.newyorkfed.org/api"
    http = FakeHttp({f"{api}/rates/secured/sofr/search.json?startDate=2019": error, api: rates()})
    since = {series.id: date(2026, 11, 13) for series, _ in EFFR}
    answers = list(new_york_fed.fetch(context_of("new_york_fed", http, SOFR + EFFR, since=since)))
    assert [getattr(answer, "name", answer) for answer in answers] == [
        "SOFR 2018-04-01 to 2018-12-31",
        error,
        "EFFR 2026-09-14 to 2026-11-17",
    ]
