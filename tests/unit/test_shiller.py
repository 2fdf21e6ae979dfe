"""Shiller's workbook: months written as numbers, gaps, footnotes below the last row, a link that moves."""

from __future__ import annotations

import io
from datetime import date
from typing import Any

import polars as pl
import pytest

from ingest.batch import Window
from ingest.errors import SourceChanged, SourceUnavailable
from ingest.sources.shiller import shiller
from tests.unit.fakes import FakeHttp, payload_of
from tests.unit.panel_helpers import panel_context, whole

HEADER = [
    "Date",
    "P",
    "D",
    "E",
    "CPI",
    "Fraction",
    "Rate GS10",
    "Price",
    "Dividend",
    "Price",
    "Earnings",
    "Earnings",
    "CAPE",
]
LINK = "https://img1.wsimg.com/blobby/go/e5e77e0b-59d1-44d9-ab25-4763ac982e53/downloads/ie_data.xls"


def month(stamp: float, price: float, earnings: Any = 0.4, cape: Any = "NA") -> list[Any]:
    year, number = divmod(round(stamp * 100), 100)
    return [stamp, price, 0.26, earnings, 12.5, year + (number - 0.5) / 12, 5.3, 118.5, 6.9, 118.5, 10.6, 10.6, cape]


NOV, DEC, JAN = month(1880.11, 5.48), month(1880.12, 5.84), month(1881.01, 6.19, cape=18.47)
NOTE = ["", "January price is January 5th close", "", "", "Jan CPI estimated"]


def workbook(*rows: list[Any], header: list[str] = HEADER, sheet: str = "Data", above: int = 7) -> bytes:
    import xlwt

    book = xlwt.Workbook()
    page = book.add_sheet(sheet)
    for at, row in enumerate([*[["a title"]] * above, header, *rows]):
        for column, cell in enumerate(row):
            if cell != "":
                page.write(at, column, cell)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def parsed(body: bytes) -> pl.DataFrame:
    return whole(shiller.parse(payload_of("shiller", body, name="workbook")), shiller.TABLE)


def refusal(body: bytes) -> str:
    with pytest.raises(SourceChanged) as caught:
        parsed(body)
    assert str(caught.value).startswith("shiller: workbook: expected ")
    return str(caught.value)


def test_reads_months_gaps_and_the_footnote_of_the_newest() -> None:
    found = parsed(workbook(NOV, DEC, month(1881.01, 6.19, earnings="", cape=18.47), NOTE))
    columns = ("month_date", "price_index", "earnings_index", "cape_ratio", "is_newest", "note_text")
    assert found.select(columns).rows() == [
        (date(1880, 11, 1), 5.48, 0.4, None, False, None),
        (date(1880, 12, 1), 5.84, 0.4, None, False, None),
        (date(1881, 1, 1), 6.19, None, 18.47, True, "January price is January 5th close; Jan CPI estimated"),
    ]


def test_a_month_that_ends_in_one_is_october() -> None:
    found = parsed(workbook(month(1871.09, 4.6), month(1871.1, 4.7), month(1871.11, 4.8)))
    assert found["month_date"].to_list() == [date(1871, 9, 1), date(1871, 10, 1), date(1871, 11, 1)]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (workbook(NOV, sheet="Sheet1"), "a sheet 'Data', got only 'Sheet1'"),
        (workbook(NOV, DEC, above=6), "Rate GS10 in row 8, got '1880.11, 5.48"),
        (workbook(NOV, header=["Date", "D", "P", *HEADER[3:]]), "in row 8, got 'Date, D, P"),
        (workbook(NOV, header=[*HEADER[:-1], "PE10"]), "one column CAPE, got 0 of them"),
        (workbook(), "a header in row 8 and months below, got 8 rows"),
        (workbook(NOV, JAN), "1880-12 after the month before, got '1881.01'"),
        (workbook(DEC, NOV), "1881-01 after the month before, got '1880.11'"),
        (workbook(NOV, NOV), "1880-12 after the month before, got '1880.11'"),
        (workbook(["1880.11", *NOV[1:]]), "a month like 1871.1 for October 1871, got '1880.11'"),
        (workbook([1880.13, *NOV[1:]]), "a month like 1871.1 for October 1871, got '1880.13'"),
        (workbook([1880.1, *NOV[1:]]), "Fraction in 1880-10, got '1880.875'"),
        (workbook([*NOV[:1], "5,48x", *NOV[2:]]), "a number for P of 1880-11, got '5,48x'"),
        (workbook(NOV, ["", "a note", 12.0]), "nothing but footnotes in a row without a month, got '12.0'"),
        (workbook(NOV, NOTE, DEC), "no month below the footnotes, got '1880.12'"),
        (workbook(NOV)[:900], "a workbook with a sheet Data, got "),
        (b"<html><body>moved</body></html>", "a workbook with a sheet Data, got an HTML page"),
    ],
)
def test_another_layout_is_named(body: bytes, message: str) -> None:
    assert message in refusal(body)


def test_follows_the_link_wherever_it_is() -> None:
    page = f"<html><a href='{LINK.removeprefix('https:')}?ver=1746'>data</a></html>"
    http = FakeHttp({shiller.PAGE_URL: page, LINK: workbook(NOV)})
    (found,) = shiller.fetch(panel_context("shiller", http))
    assert http.asked == [shiller.PAGE_URL, LINK]
    assert shiller.windows(found, shiller.parse(found)) == [Window("", None, table_id=shiller.TABLE)]


@pytest.mark.parametrize(
    "page", ["<html>nothing here</html>", f"<a href='{LINK}x'>", SourceUnavailable("shiller", "page", "503")]
)
def test_without_a_link_the_older_copy_is_asked_and_the_error_told(page: Any) -> None:
    http = FakeHttp({shiller.PAGE_URL: page, shiller.OLDER_URL: workbook(NOV)})
    error, found = shiller.fetch(panel_context("shiller", http))
    assert isinstance(error, (SourceChanged, SourceUnavailable))
    assert parsed(found.body).height == 1
