"""Cboe: index files of two shapes, frozen archives, daily pages of two shapes and their refusals."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest

from ingest.batch import ROWS_SCHEMA, Window
from ingest.errors import SourceChanged, SourceRefused, SourceUnavailable
from ingest.sources.cboe import cboe
from tests.unit.fakes import NOON, FakeHttp, cells, context_of, pairs_of, payload_of

INDICES = pairs_of("cboe", "VIX/", "VVIX/", "SKEW/")
OVX = pairs_of("cboe", "OVX/")
PUT_CALL = pairs_of("cboe", "put_call/")
DAILY = "https://cdn.cboe.com/data/us/options/market_statistics/daily/"
ARCHIVES = "https://cdn.cboe.com/resources/"
OHLC = "DATE,OPEN,HIGH,LOW,CLOSE\n"


# ---- index histories


def index(body: str | bytes, symbol: str = "VIX"):
    meta = {"part": "index", "symbol": symbol, "series": "vix_open,vix_high,vix_low,vix_close"}
    return cboe.parse(payload_of("cboe", body, name=f"{symbol} history", meta=meta), INDICES + OVX + PUT_CALL)


def test_four_columns_are_four_series() -> None:
    rows = index(OHLC + "01/02/1990,17.24,18.0,16.5,17.5\n11/13/2026,20.000000,21,19,0\n")
    assert cells(rows, "vix_open") == {date(1990, 1, 2): 17.24, date(2026, 11, 13): 20.0}
    assert cells(rows, "vix_high")[date(1990, 1, 2)] == 18.0
    assert cells(rows, "vix_low")[date(1990, 1, 2)] == 16.5
    assert cells(rows, "vix_close") == {date(1990, 1, 2): 17.5, date(2026, 11, 13): 0.0}
    assert dict(rows.schema) == dict(ROWS_SCHEMA)
    assert rows["unit"].unique().to_list() == ["Index"]


def test_a_single_column_bears_the_symbol() -> None:
    assert cells(index("DATE,VVIX\n03/06/2006,71.73\n", "VVIX"), "vvix_close") == {date(2006, 3, 6): 71.73}


@pytest.mark.parametrize("body", ["DATE,OVX\n03/06/2026,31.5\n", "DATE,OPEN,HIGH,LOW,CLOSE\n03/06/2026,1,2,0.5,31.5\n"])
def test_a_close_is_read_from_a_file_of_closes_and_from_one_of_bars(body: str) -> None:
    assert cells(index(body, "OVX"), "ovx_close") == {date(2026, 3, 6): 31.5}


def test_byte_order_mark_and_preamble() -> None:
    rows = index(b"\xef\xbb\xbfCboe Volatility Index, daily\n\nDATE,OPEN,HIGH,LOW,CLOSE\r\n11/13/2026,1,2,3,\r\n")
    assert cells(rows, "vix_open") == {date(2026, 11, 13): 1.0}
    assert cells(rows, "vix_close") == {date(2026, 11, 13): None}
    assert cells(index(b"\xef\xbb\xbfDATE,SKEW\n11/13/2026,150\n", "SKEW"), "skew_close") == {date(2026, 11, 13): 150.0}


def test_a_row_on_a_us_holiday_stays() -> None:
    rows = index(OHLC + "05/27/2022,1,1,1,1\n05/30/2022,2,2,2,2\n")
    assert date(2022, 5, 30) in cells(rows, "vix_close")


def test_a_stale_last_row_is_read_as_it_is_and_shows_as_the_newest_period() -> None:
    rows = index(OHLC + "09/23/2026,15,15,15,15\n")
    assert rows["period_date"].max() == date(2026, 9, 23)  # NOON is in November: meta.freshness calls it late


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (OHLC + "11/13/2026,1,2,3\n", "expected 5 cells in each line"),
        (OHLC + "2026-11-13,1,2,3,4\n", "expected dates like %m/%d/%Y in column DATE, got '2026-11-13'"),
        (OHLC + "11/13/2026,1,2,3,NaN\n", "expected numbers in column CLOSE, got 'NaN'"),
        (OHLC, "expected at least one day, got a header and no rows"),
        ("DATE,VIX,OPEN\n11/13/2026,1,2\n", "expected CSV with a header DATE,OPEN,HIGH,LOW,CLOSE or DATE,VIX, got"),
        (
            "DATE,VVIX\n11/13/2026,1\n",
            "expected CSV with a header DATE,OPEN,HIGH,LOW,CLOSE or DATE,VIX, got 'DATE,VVIX'",
        ),
        ("DATE,VIX\n11/13/2026,1\n", "expected a column OPEN, got 'DATE,VIX'"),
        ("Not Found\n", "got 'Not Found'"),
        ("\n<!DOCTYPE HTML><html>", "got an HTML page"),
    ],
)
def test_refuses_indices(body: str, message: str) -> None:
    with pytest.raises(SourceChanged) as caught:
        index(body)
    assert str(caught.value).startswith("cboe: VIX history: ")
    assert message in str(caught.value)


def test_asks_for_each_index_once_and_goes_on_past_a_failure() -> None:
    error = SourceUnavailable("cboe", "VVIX history", "no answer")
    vvix = cboe.INDEX_URL.format(symbol="VVIX")
    http = FakeHttp({"https://cdn-api.cboe.com/": OHLC + "11/13/2026,1,1,1,1\n", vvix: error})
    answers = list(cboe.fetch(context_of("cboe", http, INDICES)))
    assert [getattr(answer, "name", answer) for answer in answers] == ["VIX history", error, "SKEW history"]
    assert http.asked[0] == "https://cdn-api.cboe.com/api/global/us_indices/daily_prices/VIX_History.csv"
    assert http.headers[0]["User-Agent"].startswith("Mozilla/5.0")
    assert http.headers[0]["Referer"].startswith("https://www.cboe.com/")
    rows = cboe.parse(answers[0], INDICES)
    assert cboe.windows(answers[0], rows) == [Window(f"vix_{name}", None) for name in ("open", "high", "low", "close")]


# ---- put/call archives

PREAMBLE = "Cboe Volume and Put/Call Ratio data, compiled for visitors.,,,,\n, PRODUCT:EQUITY,,EXCHANGE: Cboe,\n"


def archive(body: str, product: str = "equity"):
    meta = {"part": "archive", "product": product, "series": "put_call_equity_ratio"}
    return cboe.parse(payload_of("cboe", body, name="put/call archive", meta=meta), INDICES + OVX + PUT_CALL)


@pytest.mark.parametrize(
    "header", ["DATE,CALL,PUT,TOTAL,P/C Ratio", "DATE,CALLS,PUTS,TOTAL,Ratio", "DATE,CALL,PUT,TOTAL,P/C RATIO"]
)
def test_archive_headers(header: str) -> None:
    rows = archive(PREAMBLE + header + "\n11/1/2006,1000,500,1500,0.5\n10/04/2019, 800, 520, 1320, 0.65\n")
    assert cells(rows, "put_call_equity_ratio") == {date(2006, 11, 1): 0.5, date(2019, 10, 4): 0.65}
    assert cells(rows, "put_volume_equity") == {date(2006, 11, 1): 500.0, date(2019, 10, 4): 520.0}
    assert cells(rows, "call_volume_equity") == {date(2006, 11, 1): 1000.0, date(2019, 10, 4): 800.0}
    assert set(rows["series_id"]) == {"put_call_equity_ratio", "put_volume_equity", "call_volume_equity"}


def test_the_archive_says_nothing_after_it_was_frozen() -> None:
    rows = archive("DATE,CALL,PUT,TOTAL,P/C Ratio\n10/04/2019,100,65,165,0.65\n10/07/2019,100,65,165,0.65\n")
    assert list(cells(rows, "put_call_equity_ratio")) == [date(2019, 10, 4)]


def test_one_misprinted_ratio_is_left_to_the_gate() -> None:
    days = "".join(f"10/{day:02}/2018,100,50,150,0.5\n" for day in range(1, 31))
    rows = archive(
        "DATE,CALL,PUT,TOTAL,P/C Ratio\n" + days.replace("10/05/2018,100,50,150,0.5", "10/05/2018,100,50,150,5.0")
    )
    assert cells(rows, "put_call_equity_ratio")[date(2018, 10, 5)] == 5.0


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            "DATE,CALL,PUT,TOTAL,P/C Ratio\n10/04/2019,65,100,165,0.65\n",
            "expected P/C ratio = puts / calls, got 0.65 with 100 puts and 65 calls on 2019-10-04",
        ),
        (
            "DATE,PUT,CALL,TOTAL,P/C Ratio\n10/04/2019,65,100,165,0.65\n",
            "expected CSV with a header DATE,CALL,PUT,TOTAL",
        ),
        ("DATE,CALL,PUT,TOTAL,P/C Ratio\n", "expected at least one day"),
        ("<html>", "got an HTML page"),
    ],
)
def test_refuses_archives(body: str, message: str) -> None:
    with pytest.raises(SourceChanged) as caught:
        archive(body)
    assert message in str(caught.value)


# ---- daily pages

VOLUME = {"name": "VOLUME", "call": 200, "put": 158, "total": 358}
INTEREST = {"name": "OPEN INTEREST", "call": 9, "put": 9, "total": 18}


def page(**entries: Any) -> dict[str, Any]:
    names = {
        "TOTAL PUT/CALL RATIO": "0.79",
        "INDEX PUT/CALL RATIO": "1.22",
        "EXCHANGE TRADED PRODUCTS PUT/CALL RATIO": "1.16",
        "EQUITY PUT/CALL RATIO": "0.51",
        "CBOE VOLATILITY INDEX (VIX) PUT/CALL RATIO": "0.73",
        "SPX + SPXW PUT/CALL RATIO": "1.52",
        "MGTN PUT/CALL RATIO": "0.00",
    }
    return {
        "ratios": [{"name": name, "value": value} for name, value in names.items()],
        "SUM OF ALL PRODUCTS": [VOLUME, INTEREST],
        "INDEX OPTIONS": [],
        "EQUITY OPTIONS": [{**VOLUME, "put": 51, "call": 100}],
        **entries,
    }


def daily(document: Any):
    meta = {"part": "daily", "session": "2026-11-16"}
    body = document if isinstance(document, str) else json.dumps(document)
    return cboe.parse(payload_of("cboe", body, name="daily options 2026-11-16", meta=meta), INDICES + OVX + PUT_CALL)


def values(document: Any) -> dict[str, float | None]:
    rows = daily(document)
    assert set(rows["period_date"]) == {date(2026, 11, 16)}
    return dict(zip(rows["series_id"], rows["value"], strict=True))


def test_a_page_of_arrays() -> None:
    assert values(page()) == {
        "put_call_total_ratio": 0.79,
        "put_call_equity_ratio": 0.51,
        "put_call_index_ratio": 1.22,
        "put_call_etp_ratio": 1.16,
        "put_call_spx_ratio": 1.52,
        "put_call_vix_ratio": 0.73,
        "put_volume_total": 158.0,
        "call_volume_total": 200.0,
        "put_volume_equity": 51.0,
        "call_volume_equity": 100.0,
    }


def test_a_page_of_objects() -> None:
    found = values(page(**{"SUM OF ALL PRODUCTS": VOLUME, "INDEX OPTIONS": {**VOLUME, "put": 0}}))
    assert (found["put_volume_total"], found["call_volume_total"]) == (158.0, 200.0)
    assert (found["put_volume_index"], found["call_volume_index"]) == (0.0, 200.0)


def test_a_product_that_the_page_does_not_list_has_no_row_and_no_window() -> None:
    document = page()
    document["ratios"] = document["ratios"][:1]
    del document["INDEX OPTIONS"], document["EQUITY OPTIONS"]
    payload = payload_of("cboe", json.dumps(document), meta={"part": "daily", "session": "2026-11-16"})
    rows = cboe.parse(payload, PUT_CALL)
    session = date(2026, 11, 16)
    assert cboe.windows(payload, rows) == [
        Window(series, session, session) for series in ("put_call_total_ratio", "put_volume_total", "call_volume_total")
    ]


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (page(ratios=[]), "expected TOTAL PUT/CALL RATIO, got only nothing"),
        (page(ratios=[{"name": "TOTAL PUT/CALL RATIO"}]), "expected value in TOTAL PUT/CALL RATIO, got only name"),
        (page(ratios=[{"name": "TOTAL PUT/CALL RATIO", "value": "n/a"}]), "expected a number for TOTAL PUT/CALL RATIO"),
        (
            page(ratios=[{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]),
            "expected one A, got two: 1.0 and 2.0",
        ),
        (page(ratios={"TOTAL": 1}), "expected ratios in the page to be a list"),
        (page(**{"SUM OF ALL PRODUCTS": "358"}), "expected SUM OF ALL PRODUCTS to be a list or an object, got '358'"),
        (page(**{"SUM OF ALL PRODUCTS": [INTEREST]}), "expected one VOLUME in SUM OF ALL PRODUCTS, got 0 in"),
        (
            page(**{"EQUITY OPTIONS": [{"name": "VOLUME", "call": 1}]}),
            "expected put in EQUITY OPTIONS, got only name, call",
        ),
        ({"ratios": page()["ratios"]}, "expected SUM OF ALL PRODUCTS in the page, got only ratios"),
        ("<!DOCTYPE html><title>403</title>", "expected JSON of ratios and volumes, got an HTML page"),
        ('{"ratios": [{"na', "JSON broken at character"),
    ],
)
def test_refuses_pages(document: Any, message: str) -> None:
    with pytest.raises(SourceChanged) as caught:
        daily(document)
    assert str(caught.value).startswith("cboe: daily options 2026-11-16: ")
    assert message in str(caught.value)


# ---- which archives and pages are asked for

HELD_TO_2019 = [date(2019, 10, 3), date(2019, 10, 4)]


def asked_sessions(held: list[date], now: datetime = NOON, answers: dict[str, Any] | None = None):
    http = FakeHttp({DAILY: json.dumps(page()), **(answers or {})})
    every_series = {series.id: HELD_TO_2019 + held for series, _ in PUT_CALL}
    found = list(cboe.fetch(context_of("cboe", http, PUT_CALL, held=every_series, now=now)))
    return [url.removeprefix(DAILY).removesuffix("_daily_options") for url in http.asked], found


def sessions(first: date, last: date) -> list[date]:
    from ingest.catalog.calendars import working_days

    return working_days("nyse", first, last)


def test_only_sessions_not_held_and_the_last_three_held_again() -> None:
    held = sessions(date(2019, 10, 7), date(2026, 11, 12))
    asked, _ = asked_sessions(held)
    assert asked == ["2026-11-16", "2026-11-13", "2026-11-12", "2026-11-11", "2026-11-10"]


def test_todays_page_is_due_from_five_in_the_evening() -> None:
    held = sessions(date(2019, 10, 7), date(2026, 11, 16))
    assert asked_sessions(held, datetime(2026, 11, 17, 21, 59, tzinfo=UTC))[0][0] == "2026-11-16"
    assert asked_sessions(held, datetime(2026, 11, 17, 22, 0, tzinfo=UTC))[0][0] == "2026-11-17"


def test_todays_page_may_still_be_missing_in_the_evening() -> None:
    held = sessions(date(2019, 10, 7), date(2026, 11, 16))
    evening = datetime(2026, 11, 17, 23, 30, tzinfo=UTC)
    error = SourceRefused("cboe", "daily options 2026-11-17", "HTTP 403")
    asked, found = asked_sessions(held, evening, {DAILY + "2026-11-17": error})
    assert asked == ["2026-11-17", "2026-11-16", "2026-11-13", "2026-11-12"]
    assert [payload.meta["session"] for payload in found] == asked[1:]


@pytest.mark.parametrize(
    ("now", "is_a_problem"),
    [
        (datetime(2026, 11, 21, 15, 0, tzinfo=UTC), False),  # Saturday: Friday's page is expected on Monday at 09:00
        (datetime(2026, 11, 23, 13, 59, tzinfo=UTC), False),
        (datetime(2026, 11, 23, 14, 0, tzinfo=UTC), True),
    ],
)
def test_fridays_page_may_be_missing_until_monday_morning(now: datetime, is_a_problem: bool) -> None:
    held = sessions(date(2019, 10, 7), date(2026, 11, 19))
    error = SourceRefused("cboe", "daily options 2026-11-20", "HTTP 403")
    asked, found = asked_sessions(held, now, {DAILY + "2026-11-20": error})
    assert asked[0] == "2026-11-20"
    assert (error in found) is is_a_problem


def test_holidays_and_weekends_are_never_asked() -> None:
    held = sessions(date(2019, 10, 7), date(2026, 11, 20))
    after_thanksgiving = datetime(2026, 11, 30, 14, 0, tzinfo=UTC)
    asked, _ = asked_sessions(held, after_thanksgiving)
    assert asked[:4] == ["2026-11-27", "2026-11-25", "2026-11-24", "2026-11-23"]


def test_a_refused_day_is_reported_and_the_others_are_asked() -> None:
    held = sessions(date(2019, 10, 7), date(2026, 11, 12))
    error = SourceRefused("cboe", "daily options 2026-11-13", "the publisher refused the request: HTTP 403 (forbidden)")
    asked, found = asked_sessions(held, answers={DAILY + "2026-11-13": error})
    assert len(asked) == 5
    assert found[1] is error
    assert str(error) == "cboe: daily options 2026-11-13: the publisher refused the request: HTTP 403 (forbidden)"
    assert [payload.meta["session"] for payload in found if payload is not error] == [
        "2026-11-16",
        "2026-11-12",
        "2026-11-11",
        "2026-11-10",
    ]


def test_three_refusals_in_a_row_end_the_asking() -> None:
    error = SourceRefused("cboe", "daily options", "HTTP 403")
    asked, found = asked_sessions([], answers={DAILY: error})
    assert asked == ["2026-11-16", "2026-11-13", "2026-11-12"]
    assert found == [error] * 3


def test_archives_are_asked_until_something_of_them_is_held() -> None:
    empty = {DAILY: SourceRefused("cboe", "daily options", "HTTP 403")}
    http = FakeHttp({ARCHIVES: "DATE,CALL,PUT,TOTAL,P/C Ratio\n10/04/2019,100,65,165,0.65\n", **empty})
    held = {series.id: HELD_TO_2019 for series, provider in PUT_CALL if "/equity/" not in provider.code}
    found = list(cboe.fetch(context_of("cboe", http, PUT_CALL, held=held)))
    assert [url for url in http.asked if url.startswith(ARCHIVES)] == [cboe.ARCHIVE_URL.format(product="equity")]
    rows = cboe.parse(found[0], PUT_CALL)
    assert set(rows["series_id"]) == {"put_call_equity_ratio", "put_volume_equity", "call_volume_equity"}
    assert set(cboe.windows(found[0], rows)) == {
        Window(series, None, date(2019, 10, 4))
        for series in ("put_call_equity_ratio", "put_volume_equity", "call_volume_equity")
    }
