"""The New York Fed's workbook of household debt: found by its link, columns found by label, one vintage a file."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime
from typing import Any

import openpyxl
import polars as pl
import pytest

from ingest.connector import FetchContext
from ingest.errors import SourceChanged, SourceError
from ingest.sources.new_york_fed import household_debt as report
from tests.unit.fakes import NOON, FakeHttp, context_of, payload_of
from tests.unit.fund_files import has_schema_of

BALANCES = ["", "Mortgage", "HE Revolving", "Auto Loan", "Credit Card", "Student Loan", "Other", "Total"]
STOCK = ["", "MORTGAGE", "HELOC", "AUTO", "CC", "STUDENT LOAN", "OTHER", "ALL"]
FLOW = ["", "AUTO", "CC", "MORTGAGE", "HELOC", "STUDENT LOAN", "OTHER", "ALL"]
Sheets = dict[str, list[list[Any]]]


def sheets() -> Sheets:
    return {
        "Chart3": [],
        "Page 3 Data": [
            ["Total Debt Balance and Its Composition"],
            ["Trillions of $"],
            ["Return to Table of Contents"],
            BALANCES,
            ["03:Q1", 4.9, 0.2, 0.6, 0.7, 0.2, 0.5, 7.1],
            ["24:Q2", 12.5, 0.4, 1.6, 1.1, 1.6, 0.5, 17.7],
        ],
        "Page 12 Data": [
            ["Percent of Balance 90+ Days Delinquent by Loan Type "],
            ["Percent"],
            ["Return to Table of Contents", "", "", "", "", "", "", "", "", "Source: made up"],
            [*STOCK, "", ""],
            ["03:Q1", 1.2, 0.3, 2.3, 8.0, 6.0, 7.0, 2.5],
            ["24:Q2", 0.6, 0.4, 4.4, 10.0, 0.7, 8.0, 1.8],
            [],
            ["Note: loans 90 days past due and more"],
        ],
        "Page 14 Data": [
            ["New Seriously Delinquent* Balances by Loan Type "],
            ["Percent"],
            ["*90 or more days delinquent"],
            ["Return to Table of Contents"],
            FLOW,
            ["03:Q1", 2.2, 8.3, 1.4, 0.8, None, 4.8, 2.5],
            ["24:Q2", 2.9, 7.2, 0.9, 0.5, 0.8, 5.4, 1.6],
        ],
    }


def body_of(pages: Sheets) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in pages.items():
        page = book.create_sheet(name)
        for row in rows:
            page.append(row)
    made = io.BytesIO()
    book.save(made)
    return made.getvalue()


def parse(body: bytes | str, quarter: str = "2024Q2", kind: str = "workbook", modified: str = "", **fields: Any):
    meta = {"kind": kind, "quarter": quarter}
    headers = {"last-modified": modified} if modified else {}
    return report.parse(payload_of("household_debt", body, name="debt", meta=meta, headers=headers, **fields))[
        report.TABLE
    ]


def row_of(rows: pl.DataFrame, quarter: date, loan: str) -> tuple[Any, ...]:
    found = rows.filter((pl.col("quarter_date") == quarter) & (pl.col("loan_type") == loan))
    return found.select("balance_usd_bn", "dpd90_pct", "flow_dpd90_pct").row(0)


def test_columns_are_found_by_label_whatever_their_order_and_the_header_s_row() -> None:
    rows = parse(body_of(sheets()))
    assert has_schema_of(rows, report.TABLE)
    assert rows.height == 14
    assert row_of(rows, date(2024, 4, 1), "card") == (1100.0, 10.0, 7.2)
    assert row_of(rows, date(2024, 4, 1), "mortgage") == (12500.0, 0.6, 0.9)
    assert row_of(rows, date(2003, 1, 1), "student") == (200.0, 6.0, None)


def test_the_newest_quarter_is_known_from_the_file_s_date_and_never_from_the_quarter_s_end() -> None:
    rows = parse(body_of(sheets()), modified="Tue, 06 Aug 2024 15:00:00 GMT")
    stated = dict(rows.filter(pl.col("loan_type") == "card").select("quarter_date", "stated_at").iter_rows())
    assert stated == {date(2003, 1, 1): None, date(2024, 4, 1): datetime(2024, 8, 6, 15)}


@pytest.mark.parametrize(
    "modified", ["", "yesterday", "Sat, 01 Jun 2024 15:00:00 GMT", "Fri, 01 Jan 2027 00:00:00 GMT"]
)
def test_a_date_that_cannot_be_leaves_it_to_the_release_rule(modified: str) -> None:
    assert parse(body_of(sheets()), modified=modified)["stated_at"].null_count() == 14


def changed(page: str, row: int, column: int, cell: Any) -> bytes:
    pages = sheets()
    pages[page][row][column] = cell
    return body_of(pages)


def without(page: str) -> bytes:
    pages = sheets()
    del pages[page]
    return body_of(pages)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("<!DOCTYPE html><html><body>Page not found</body></html>", "an HTML page"),
        ("", "an empty body"),
        (body_of(sheets())[:900], "no workbook"),
        (without("Page 12 Data"), "a sheet 'Page 12 Data'"),
        (changed("Page 12 Data", 0, 0, "Percent of Balance Current"), "90+ Days Delinquent"),
        (changed("Page 3 Data", 1, 0, "Billions of $"), "'Trillions of $' at the head of Page 3 Data"),
        (changed("Page 12 Data", 3, 4, "CARDS"), "one column CC on Page 12 Data"),
        (changed("Page 12 Data", 3, 8, "CC"), "one column CC on Page 12 Data"),
        (changed("Page 12 Data", 5, 4, "n.a."), "a number for card of 24:Q2"),
        (changed("Page 12 Data", 5, 0, "2024-06-30"), "a quarter like 24:Q2"),
        (changed("Page 12 Data", 5, 0, "24:Q5"), "a quarter like 24:Q2"),
        (changed("Page 12 Data", 5, 0, "03:Q1"), "03:Q1 twice"),
        (changed("Page 3 Data", 5, 7, 27.7), "balances that add up to 27700 billion"),
    ],
)
def test_whatever_the_workbook_could_be_instead_is_named(body: bytes | str, said: str) -> None:
    with pytest.raises(SourceChanged) as caught:
        parse(body)
    assert said in str(caught.value)


def test_a_workbook_that_ends_before_its_name_says_is_refused() -> None:
    with pytest.raises(SourceChanged, match="quarters up to 2024Q3, got the newest is 2024Q2"):
        parse(body_of(sheets()), quarter="2024Q3")


# ---- asking ---------------------------------------------------------------------------------------------------------

LISTED = "https://www.newyorkfed.org/medialibrary/Interactives/householdcredit/data/xls/hhd_c_report_2026q3.XLSX"
PAGE = (
    '<p><a href="/medialibrary/Interactives/householdcredit/data/xls/HHD_C_Report_2026Q2.xlsx">Data</a>'
    '<a href="/medialibrary/Interactives/householdcredit/data/xls/hhd_c_report_2026q3.XLSX">Data</a></p>'
)
NOTHING = "<!DOCTYPE html><html><body>Page not found</body></html>"


def asked(answers: dict[str, bytes | str | SourceError]) -> tuple[list[str], list[Any], FetchContext]:
    http = FakeHttp(answers, NOON)
    context = context_of("household_debt", http, [])
    return http.asked, list(report.fetch(context)), context


def test_the_newest_listed_link_is_asked_as_it_is_written() -> None:
    urls, payloads, _ = asked({report.PAGE_URL: PAGE, LISTED: b"PK"})
    assert urls == [report.PAGE_URL, LISTED]
    assert payloads[1].meta == {"kind": "workbook", "quarter": "2026Q3"}
    assert report.parse(payloads[0])[report.TABLE].is_empty()
    assert report.windows(payloads[0], report.parse(payloads[0])) == []


def test_without_a_link_the_quarters_are_tried_and_a_page_with_http_200_is_no_workbook() -> None:
    newest, before = (f"{report.FOLDER}HHD_C_Report_{quarter}.xlsx" for quarter in ("2026Q3", "2026Q2"))
    urls, payloads, _ = asked({report.PAGE_URL: "<p>moved</p>", newest: NOTHING, before: b"PK"})
    assert urls == [report.PAGE_URL, newest, before]
    assert report.parse(payloads[1])[report.TABLE].is_empty()


def test_without_any_workbook_an_error_says_what_was_looked_for() -> None:
    _, payloads, _ = asked({report.PAGE_URL: NOTHING, report.FOLDER: NOTHING})
    assert isinstance(payloads[-1], SourceChanged)
    assert "a link to HHD_C_Report_<quarter>.xlsx" in str(payloads[-1])


def test_the_moment_is_utc() -> None:
    rows = parse(
        body_of(sheets()), modified="Tue, 06 Aug 2024 11:00:00 -0400", fetched_at=datetime(2024, 8, 7, tzinfo=UTC)
    )
    assert rows["stated_at"].drop_nulls().unique().to_list() == [datetime(2024, 8, 6, 15)]
