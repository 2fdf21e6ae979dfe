"""US Treasury: a closing balance that moved twice, and a curve whose columns change from year to year."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from ingest.batch import ROWS_SCHEMA, Window
from ingest.errors import SourceChanged, SourceUnavailable
from ingest.sources.treasury import fiscal_data, treasury
from ingest.sources.treasury.fiscal_data import STATEMENT_URL
from tests.unit.fakes import FakeHttp, cells, context_of, pairs_of, payload_of

DTS_URL = STATEMENT_URL.format(table="operating_cash_balance")
BALANCE = pairs_of("treasury", "dts/")
YIELDS = pairs_of("treasury", "par_yield/")
META = {"part": "balance", "start": "2022-04-01", "page": "1", "series": "tga_daily"}
FED, TGA = "Federal Reserve Account", "Treasury General Account (TGA)"
CLOSING, OPENING = f"{TGA} Closing Balance", f"{TGA} Opening Balance"
DEPOSITS, WITHDRAWALS = "Total TGA Deposits (Table II)", "Total TGA Withdrawals (Table II) (-)"


def record(day: str, account: str, *, close: str = "null", opening: str = "null") -> dict[str, str]:
    return {"record_date": day, "account_type": account, "close_today_bal": close, "open_today_bal": opening}


def third_era(day: str, opening: int, deposits: int, withdrawals: int, closing: int) -> list[dict[str, str]]:
    figures = {OPENING: opening, DEPOSITS: deposits, WITHDRAWALS: withdrawals, CLOSING: closing}
    return [record(day, account, opening=str(figure)) for account, figure in figures.items()]


def answer(*records: dict[str, str], pages: int = 1, unit: str = "$1,000,000", **meta: Any) -> bytes:
    described = {
        "count": len(records),
        "dataFormats": {"open_today_bal": unit, "close_today_bal": unit},
        "total-count": len(records),
        "total-pages": pages,
        **meta,
    }
    return json.dumps({"data": records, "meta": described, "links": {}}).encode()


def balances(body: bytes, meta: dict[str, str] = META) -> dict[date, float | None]:
    return cells(treasury.parse(payload_of("treasury", body, name="balance", meta=meta), BALANCE), "tga_daily")


def refusal(body: bytes, meta: dict[str, str] = META) -> str:
    with pytest.raises(SourceChanged) as caught:
        balances(body, meta)
    assert str(caught.value).startswith("treasury: balance: expected ")
    return str(caught.value)


# ---- the daily cash balance


def test_three_eras_in_one_page() -> None:
    found = balances(
        answer(
            record("2021-09-30", FED, close="215160", opening="173745"),
            record("2021-09-30", "Tax and Loan Note Accounts (Table V)", close="7", opening="8"),
            record("2021-10-01", TGA, close="132458", opening="215160"),
            record("2022-04-15", TGA, close="578473", opening="600000"),
            *third_era("2022-04-18", 578473, 246900, 8500, 816873),
        )
    )
    assert found == {
        date(2021, 9, 30): 215160.0,
        date(2021, 10, 1): 132458.0,
        date(2022, 4, 15): 578473.0,
        date(2022, 4, 18): 816873.0,
    }


def test_on_overlap_days_only_the_eras_own_row_counts() -> None:
    found = balances(
        answer(
            record("2021-09-30", FED, close="1"),
            record("2021-09-30", TGA, close="99"),
            record("2021-10-01", FED, close="98"),
            record("2021-10-01", TGA, close="2"),
            record("2022-04-15", TGA, close="3"),
            record("2022-04-15", CLOSING, opening="97"),
            record("2022-04-18", TGA, close="96"),
            record("2022-04-18", CLOSING, opening="4"),
        )
    )
    assert list(found.values()) == [1.0, 2.0, 3.0, 4.0]


def test_null_is_a_gap_and_zero_is_a_value() -> None:
    rows = answer(record("2022-04-18", CLOSING), record("2022-04-19", CLOSING, opening="0"))
    assert balances(rows) == {date(2022, 4, 18): None, date(2022, 4, 19): 0.0}


def test_rows_say_unit_code_and_payload() -> None:
    payload = payload_of("treasury", answer(record("2022-04-18", CLOSING, opening="5")), meta=META)
    rows = treasury.parse(payload, BALANCE + YIELDS)
    assert dict(rows.schema) == dict(ROWS_SCHEMA)
    assert rows.row(0) == (
        "tga_daily",
        "dts/operating_cash_balance",
        date(2022, 4, 18),
        5.0,
        "$1,000,000",
        None,
        payload.sha256,
    )


def test_four_rounded_figures_may_miss_by_one_million() -> None:
    assert balances(answer(*third_era("2022-04-18", 100, 50, 30, 121))) == {date(2022, 4, 18): 121.0}


def test_figures_that_do_not_add_up() -> None:
    message = refusal(answer(*third_era("2022-04-18", 100, 50, 30, 122)))
    assert "expected Opening + Deposits - Withdrawals = Closing" in message
    assert "got 100 + 50 - 30 against 122 on 2022-04-18" in message


def test_one_misprint_in_a_month_does_not_hold_the_source_back() -> None:
    days = [third_era(f"2022-{month:02}-{day:02}", 10, 5, 5, 10) for month in (5, 6) for day in range(1, 21)]
    days[7][0]["open_today_bal"] = "11111"
    assert len(balances(answer(*(row for rows in days for row in rows)))) == 40


def test_a_changed_unit() -> None:
    body = answer(record("2022-04-18", CLOSING, opening="5"), unit="$1,000")
    assert "expected unit '$1,000,000' in meta.dataFormats.open_today_bal, got '$1,000'" in refusal(body)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            answer(record("2022-04-18", "TGA Balance", opening="5")),
            "a known account_type, got 'TGA Balance' on 2022-04-18",
        ),
        (answer(record("2022-04-18", OPENING, opening="5")), f"expected a row {CLOSING!r} on 2022-04-18, got only"),
        (answer(record("2022-04-18", CLOSING, opening="5", close="6")), "expected close_today_bal null"),
        (answer(record("2022-04-18", CLOSING, opening="5,1")), "expected a number for open_today_bal of"),
        (answer(record("2005-09-30", FED, close="5")), "expected records from 2005-10-03 on, got one of 2005-09-30"),
        (
            answer(record("2022-04-18", CLOSING, opening="5"), record("2022-04-18", CLOSING, opening="6")),
            f"expected one {CLOSING!r} a day, got two on 2022-04-18: open_today_bal '5' and '6'",
        ),
        (answer(), "expected at least one record, got no records"),
        (
            answer(record("2022-04-18", CLOSING, opening="5"), **{"total-count": 2}),
            "expected 2 records on the only page",
        ),
        (answer(record("2022-04-18", CLOSING, opening="5"), count=2), "expected meta.count 1"),
        (
            answer(record("2022-04-18", CLOSING, opening="5"), pages=0),
            "expected meta.total-pages of at least 1, got '0'",
        ),
        (json.dumps({"error": "Invalid Query Param"}).encode(), "expected meta in the answer, got only error"),
        (json.dumps({"meta": {"total-pages": 1}}).encode(), "expected data in the answer, got only meta"),
        (b'{"data": [{"record_da', "JSON broken at character"),
        (b"<!doctype html><html>", "expected JSON of the cash balance, got an HTML page"),
        (b"[]", "expected the answer to be an object with meta, got '[]'"),
    ],
)
def test_refuses(body: bytes, message: str) -> None:
    assert message in refusal(body)


def test_a_missing_column_is_named() -> None:
    row = record("2022-04-18", CLOSING, opening="5")
    del row["open_today_bal"]
    assert f"expected open_today_bal in {CLOSING!r} on 2022-04-18, got only record_date" in refusal(answer(row))


def test_asks_page_after_page(monkeypatch: pytest.MonkeyPatch) -> None:
    assert fiscal_data._PAGE_SIZE == 10_000
    monkeypatch.setattr(fiscal_data, "_PAGE_SIZE", 6)
    pages = {
        1: answer(*third_era("2022-04-18", 1, 1, 1, 1), *third_era("2022-04-19", 1, 2, 1, 2)[:2], pages=2),
        2: answer(*third_era("2022-04-19", 1, 2, 1, 2)[2:], *third_era("2022-04-20", 2, 2, 1, 3), pages=2),
    }
    http = FakeHttp({})
    http.answers = {_page_address(page): body for page, body in pages.items()}
    first, second = treasury.fetch(context_of("treasury", http, BALANCE))
    query = parse_qs(urlsplit(http.asked[0]).query)
    assert query["filter"] == ["record_date:gte:2005-10-03,record_date:lte:2026-11-17"]
    assert query["page[size]"] == ["6"]
    rows = [treasury.parse(payload, BALANCE) for payload in (first, second)]
    # the page's edge cuts 2022-04-19: its closing row stands on the second page
    assert [cells(page, "tga_daily") for page in rows] == [
        {date(2022, 4, 18): 1.0},
        {date(2022, 4, 19): 2.0, date(2022, 4, 20): 3.0},
    ]
    assert treasury.windows(first, rows[0]) == [Window("tga_daily", date(2005, 10, 3), date(2022, 4, 17))]
    assert treasury.windows(second, rows[1]) == [Window("tga_daily", date(2022, 4, 20), None)]


def test_pages_without_end_are_not_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fiscal_data, "_PAGE_SIZE", 4)
    full = answer(*third_era("2022-04-18", 1, 1, 1, 1), pages=1_000_000_000)
    repeated = answer(*third_era("2022-04-18", 1, 1, 1, 1), pages=3)
    for body, asked, message in (
        (full, 1, "expected at most 100 pages of 4 entries, got 3999999997 entries stated"),
        (repeated, 2, "expected page 2 of 3, got a page that came before"),
        (answer(*third_era("2022-04-18", 1, 1, 1, 1)[:3], pages=3), 1, "expected 4 entries on page 1 of 3, got 3"),
    ):
        http = FakeHttp({DTS_URL: body})
        *_, error = treasury.fetch(context_of("treasury", http, BALANCE))
        assert message in str(error)
        assert len(http.asked) == asked


def _page_address(page: int) -> str:
    return (
        f"{DTS_URL}?filter=record_date%3Agte%3A2005-10-03%2Crecord_date%3Alte%3A2026-11-17"
        f"&sort=record_date%2Csrc_line_nbr&page%5Bnumber%5D={page}&"
    )


def test_later_asks_overlap_by_45_days_and_one_page_answers_for_all_of_them() -> None:
    http = FakeHttp({DTS_URL: answer(*third_era("2026-11-13", 1, 1, 1, 1))})
    (payload,) = treasury.fetch(context_of("treasury", http, BALANCE, since={"tga_daily": date(2026, 11, 13)}))
    assert "gte%3A2026-09-29" in http.asked[0]
    rows = treasury.parse(payload, BALANCE)
    assert treasury.windows(payload, rows) == [Window("tga_daily", date(2026, 9, 29), None)]


def test_a_page_nobody_can_read_ends_the_asking() -> None:
    http = FakeHttp({DTS_URL: b"<html>"})
    (payload,) = treasury.fetch(context_of("treasury", http, BALANCE))
    with pytest.raises(SourceChanged):
        treasury.parse(payload, BALANCE)


# ---- the par yield curve

OLD = 'Date,"3 Mo","6 Mo","1 Yr","2 Yr","10 Yr","30 Yr"\n'
NEW = 'Date,"1 Mo","1.5 Month","2 Mo","3 Mo","2 Yr","10 Yr","30 Yr"\n'


def yields(body: str | bytes, year: int = 2026):
    payload = payload_of("treasury", body, name=f"par yields {year}", meta={"part": "par_yields", "year": str(year)})
    return treasury.parse(payload, BALANCE + YIELDS)


def test_two_years_with_different_headers() -> None:
    old = yields(OLD + "12/29/2000,5.89,5.70,5.32,5.11,5.12,5.46\n", 2000)
    new = yields(NEW + "11/13/2026,4.01,4.00,3.9,3.8,3.5,4.125,4.75\n11/12/2026,4.0,4.0,3.9,3.75,3.5,4,4\n")
    assert cells(old, "us_3m_yield") == {date(2000, 12, 29): 5.89}
    assert cells(old, "us_30y_yield") == {date(2000, 12, 29): 5.46}
    assert cells(new, "us_3m_yield") == {date(2026, 11, 12): 3.75, date(2026, 11, 13): 3.8}
    assert cells(new, "us_10y_yield") == {date(2026, 11, 12): 4.0, date(2026, 11, 13): 4.125}


def test_an_empty_cell_is_a_gap_and_zero_is_a_value() -> None:
    rows = yields(NEW + "11/13/2026,,,,0.00,3.5,,4.75\n")
    assert cells(rows, "us_3m_yield") == {date(2026, 11, 13): 0.0}
    assert cells(rows, "us_10y_yield") == {date(2026, 11, 13): None}


def test_a_tenor_not_issued_that_year_has_no_rows_and_no_window() -> None:
    body = 'Date,"3 Mo","2 Yr","10 Yr"\n12/30/2003,1,2,4\n'
    payload = payload_of("treasury", body, meta={"part": "par_yields", "year": "2003"})
    rows = treasury.parse(payload, YIELDS)
    assert cells(rows, "us_30y_yield") == {}
    assert [window.group for window in treasury.windows(payload, rows)] == [
        "us_3m_yield",
        "us_2y_yield",
        "us_10y_yield",
    ]
    assert treasury.windows(payload, rows)[0] == Window("us_3m_yield", date(2003, 1, 1), date(2003, 12, 31))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (NEW + "11/13/2026,1,1,1,1,1,1\n", "expected 8 cells in each line"),
        (NEW + "2026-11-13,1,1,1,1,1,1,1\n", "expected dates like %m/%d/%Y in column Date, got '2026-11-13'"),
        (NEW + "11/13/2026,1,1,1,N/A,1,1,1\n", "expected numbers in column 3 Mo, got 'N/A'"),
        (NEW + "11/13/2025,1,1,1,1,1,1,1\n", "expected days of 2026, got 2025-11-13"),
        ('Date,"2 Yr","Ten Years"\n', """expected tenors like "2 Yr" as columns, got 'Ten Years'"""),
        ('Date,"1 Mo"\n', """expected tenors like "2 Yr" as columns, got 'Date, 1 Mo'"""),
        ("Day,2 Yr\n", "or another tenor, got 'Day,2 Yr'"),
        ("<!DOCTYPE html>\n<html>", "got an HTML page"),
    ],
)
def test_refuses_yields(body: str, message: str) -> None:
    with pytest.raises(SourceChanged) as caught:
        yields(body)
    assert str(caught.value).startswith("treasury: par yields 2026: ")
    assert message in str(caught.value)


def years_asked(now: datetime, held: date | None) -> list[int]:
    http = FakeHttp({"https://home.treasury.gov": NEW})
    since = {series.id: held for series, _ in YIELDS} if held else None
    list(treasury.fetch(context_of("treasury", http, YIELDS, since=since, now=now)))
    return [int(urlsplit(url).path.split("/")[-2]) for url in http.asked]


def test_the_address_of_a_year() -> None:
    http = FakeHttp({"https://home.treasury.gov": NEW})
    list(treasury.fetch(context_of("treasury", http, YIELDS, since={s.id: date(2026, 11, 13) for s, _ in YIELDS})))
    assert http.asked == [
        "https://home.treasury.gov/resource-center/data-chart-center/interest-rates/daily-treasury-rates.csv/2026/all"
        "?type=daily_treasury_yield_curve&field_tdr_date_value=2026&page=&_format=csv"
    ]


def test_years_asked_for() -> None:
    november, january = datetime(2026, 11, 17, 17, tzinfo=UTC), datetime(2027, 1, 20, 17, tzinfo=UTC)
    new_years_day = datetime(2027, 1, 1, 17, tzinfo=UTC)
    assert years_asked(november, None) == list(range(1990, 2027))
    assert years_asked(november, date(2026, 11, 13)) == [2026]
    assert years_asked(november, date(2024, 11, 13)) == [2024, 2025, 2026]
    assert years_asked(january, date(2027, 1, 19)) == [2026, 2027]
    assert years_asked(new_years_day, date(2026, 12, 30)) == [2026]  # no session of 2027 yet, so no file either


def test_one_datasets_failure_does_not_stop_the_other() -> None:
    error = SourceUnavailable("treasury", "balance", "no answer")
    http = FakeHttp({DTS_URL: error, "https://home.treasury.gov": NEW})
    since = {series.id: date(2026, 11, 13) for series, _ in YIELDS}
    answers = list(treasury.fetch(context_of("treasury", http, BALANCE + YIELDS, since=since)))
    assert answers[0] is error
    assert [answer.name for answer in answers[1:]] == ["par yields 2026"]


def test_a_year_that_fails_ends_the_asking_so_that_the_next_run_goes_on_from_there() -> None:
    error = SourceUnavailable("treasury", "par yields 1992", "no answer")
    year_1992 = treasury.PAR_YIELDS_URL.format(year=1992)
    http = FakeHttp({"https://home.treasury.gov": NEW, year_1992: error})
    answers = list(treasury.fetch(context_of("treasury", http, YIELDS)))
    assert [getattr(answer, "name", answer) for answer in answers] == ["par yields 1990", "par yields 1991", error]
