"""iShares: SpreadsheetML with bare ampersands, holdings CSV with a preamble and drifting column names."""

from __future__ import annotations

from datetime import date
from urllib.parse import parse_qs, urlsplit

import pytest

from ingest.batch import Window
from ingest.errors import SourceChanged, SourceUnavailable
from ingest.readers.holdings import ishares_holdings
from ingest.sources.ishares import ishares
from tests.unit.fakes import FakeHttp, payload_of
from tests.unit.fund_files import days, has_schema_of
from tests.unit.panel_helpers import panel_context

BOM = "\ufeff"
HEADER = ["As Of", "NAV per Share", "Ex-Dividends", "Shares Outstanding"]
NEWEST = ["Sep 17, 2026", "660.12", "--", "957,950,000.00"]
OLDER = ["Sep 16, 2026", "658.40", "1.95", "957,000,000"]


def row_xml(cells: list[str]) -> str:
    inner = "".join(f'<ss:Cell><ss:Data ss:Type="String">{cell}</ss:Data></ss:Cell>' for cell in cells)
    return f"<ss:Row>{inner}</ss:Row>"


def sheet_xml(name: str, *rows: str) -> str:
    return f'<ss:Worksheet ss:Name="{name}"><ss:Table>{"".join(rows)}</ss:Table></ss:Worksheet>'


def document(*rows: list[str], header: list[str] = HEADER, historical: str = "Historical") -> str:
    return (
        f'{BOM}<?xml version="1.0"?>\n<ss:Workbook xmlns:ss="urn:schemas-microsoft-com:office:spreadsheet">'
        + sheet_xml("Holdings", row_xml(["iShares Core S&P 500 ETF & more"]), row_xml(["A &amp; B &#38; C"]))
        + sheet_xml(historical, *(row_xml(row) for row in (header, *rows)))
        + sheet_xml("Performance")
        + sheet_xml("Distributions")
        + "</ss:Workbook>"
    )


def history(body: str | bytes):
    payload = payload_of("ishares", body, name="IVV fund document", meta={"part": "history", "fund": "IVV"})
    return ishares.parse(payload)["ishares.fund_days"]


def test_reads_the_sheet_through_bare_ampersands_and_a_byte_order_mark() -> None:
    rows = history(document(NEWEST, OLDER))
    assert days(rows) == {
        date(2026, 9, 16): (658.4, 957_000_000.0, None),
        date(2026, 9, 17): (660.12, 957_950_000.0, None),
    }
    assert has_schema_of(rows, "ishares.fund_days")


def test_takes_the_nav_and_not_the_non_fair_value_one() -> None:
    rows = history(document([*NEWEST, "659.99"], header=[*HEADER, "Non-FV NAV"]))
    assert days(rows)[date(2026, 9, 17)] == (660.12, 957_950_000.0, None)


def test_two_dashes_are_a_gap_and_zero_is_a_value() -> None:
    rows = history(document(["Sep 17, 2026", "--", "--", "--"], ["Sep 16, 2026", "25.0", "0", "0"]))
    assert days(rows)[date(2026, 9, 17)] == (None, None, None)
    assert days(rows)[date(2026, 9, 16)] == (25.0, 0.0, None)


def test_a_cell_may_leave_out_empty_ones_before_it() -> None:
    sparse = (
        '<ss:Row><ss:Cell><ss:Data ss:Type="String">Sep 15, 2026</ss:Data></ss:Cell>'
        '<ss:Cell ss:Index="4"><ss:Data ss:Type="Number">5</ss:Data></ss:Cell></ss:Row>'
    )
    body = document(NEWEST).replace(row_xml(NEWEST), row_xml(NEWEST) + sparse)
    assert days(history(body))[date(2026, 9, 15)] == (None, 5.0, None)


def test_reads_the_first_text_of_a_cell_markup_and_all_and_nothing_that_stands_elsewhere() -> None:
    odd = (
        '<ss:Row><ss:Cell>stray<ss:Comment><ss:Data ss:Type="String">a note</ss:Data></ss:Comment>'
        '<ss:Data ss:Type="String">Sep <ss:B>15</ss:B>, 2026</ss:Data><ss:Data>second</ss:Data></ss:Cell>'
        "<ss:Data>no cell</ss:Data><ss:Cell><ss:Data> 7 </ss:Data></ss:Cell><ss:Cell/>"
        "<ss:Cell><ss:Data><![CDATA[5]]></ss:Data></ss:Cell></ss:Row><ss:Cell><ss:Data>no row</ss:Data></ss:Cell>"
    )
    body = document(NEWEST).replace(row_xml(NEWEST), row_xml(NEWEST) + odd)
    assert days(history(body))[date(2026, 9, 15)] == (7.0, 5.0, None)


@pytest.mark.parametrize("index", ["1", "0", "-3", "x", "100000000"])
def test_cells_must_go_from_left_to_right(index: str) -> None:
    cells = (
        f'<ss:Cell><ss:Data>Sep 15, 2026</ss:Data></ss:Cell><ss:Cell ss:Index="{index}"><ss:Data>5</ss:Data></ss:Cell>'
    )
    body = document(NEWEST).replace(row_xml(NEWEST), row_xml(NEWEST) + f"<ss:Row>{cells}</ss:Row>")
    with pytest.raises(SourceChanged, match=f"expected cells from left to right, got a cell with index '{index}'"):
        history(body)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("<!DOCTYPE html><html>", "expected SpreadsheetML with a sheet Historical, got an HTML page"),
        ("", "got an empty body"),
        (document(NEWEST)[:-30], "got XML broken: "),
        ('<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><a/>', "got XML with a document type declaration"),
        ("<Error><Code>AccessDenied</Code></Error>", "got XML of 'Error'"),
        (
            document(NEWEST, historical="History"),
            "expected a sheet 'Historical', got only 'Holdings', 'History', 'Performance', 'Distributions'",
        ),
        (
            document(NEWEST, header=["As Of", "NAV per Share", "Shares Outstanding"]),
            "expected the columns As Of, NAV per Share, Ex-Dividends, Shares Outstanding and perhaps Non-FV NAV, "
            "got 'As Of, NAV per Share, Shares Outstanding'",
        ),
        (document(), "expected at least one dated row, got 'a header and no rows'"),
        (
            document(NEWEST, ["17.09.2026", "1", "1", "1"]),
            "nothing but disclaimers in a row without a date, got '17.09.2026'",
        ),
        (
            document(NEWEST, [NEWEST[0], "1.5", *NEWEST[2:]]),
            "expected each date once, also 2026-09-17, got it twice: '660.12' and '1.5'",
        ),
        (document(NEWEST[:3]), "expected 4 cells in each row of Historical, got 'Sep 17, 2026, 660.12, --'"),
        (
            document(["Sep 17, 2026", "660.12", "--", "n/a"]),
            "expected a number for Shares Outstanding on Sep 17, 2026, got 'n/a'",
        ),
    ],
)
def test_refuses(body: str, message: str) -> None:
    with pytest.raises(SourceChanged) as caught:
        history(body)
    assert str(caught.value).startswith("ishares: IVV fund document: expected ")
    assert message in str(caught.value)


# ---- holdings ------------------------------------------------------------------------------------------------------

PREAMBLE = (
    f'{BOM}iShares Core S&P 500 ETF\nFund Holdings as of,"Dec 06, 2024"\nInception Date,"May 15, 2000"\n'
    'Shares Outstanding,"957,950,000.00"\nStock,"-"\nBond,"-"\nCash,"-"\nOther,"-"\n\u00a0\n'
)
COLUMNS = "Ticker,Name,Sector,Asset Class,Market Value,Weight (%),Notional Value,Quantity,Price\n"
APPLE = '"AAPL","APPLE INC","Technology","Equity","41,700,670,815.44","99.90","1.00","171,720,766.00","242.84"\n'
CASH = '"-","USD CASH","Cash and/or Derivatives","Cash","1,000,000.00","0.10","1,000,000.00","1,000,000.00","100.00"\n'
FUTURE = '"ESZ4","EMINI DEC 24","Cash and/or Derivatives","Futures","0.00","0.00","5.00","4,367.00","6,099.00"\n'
DISCLAIMER = '\u00a0\n"The content\nis licensed by BlackRock, Inc."\n'


def holdings_csv(*lines: str, preamble: str = PREAMBLE, columns: str = COLUMNS) -> str:
    return preamble + columns + "".join(lines) + DISCLAIMER


def holdings_payload(body: str):
    return payload_of("ishares", body, name="IVV holdings", meta={"part": "holdings", "fund": "IVV"})


def test_reads_holdings_and_the_shares_outstanding_above_them() -> None:
    payload = holdings_payload(holdings_csv(APPLE, CASH, FUTURE))
    found = ishares_holdings(payload, "IVV")
    assert (found.as_of_date, found.shares_outstanding_count) == (date(2024, 12, 6), 957_950_000.0)
    tables = ishares.parse(payload)
    assert has_schema_of(tables["ishares.holdings"], "ishares.holdings")
    names = ("line_number", "holding_ticker", "asset_class", "weight_pct", "shares", "market_value_usd")
    assert tables["ishares.holdings"].select(names).rows() == [
        (1, "AAPL", "Equity", 99.9, 171_720_766.0, 41_700_670_815.44),
        (2, None, "Cash", 0.1, 1_000_000.0, 1_000_000.0),
        (3, "ESZ4", "Futures", 0.0, 4_367.0, 0.0),
    ]
    day = date(2024, 12, 6)
    assert ishares.windows(payload, tables) == [Window("IVV", day, day, table_id="ishares.holdings")]


def test_the_older_column_name_shares_reads_alike() -> None:
    new, old = (
        ishares_holdings(holdings_payload(holdings_csv(APPLE, columns=columns)), "IVV").rows.drop("payload_sha256")
        for columns in (COLUMNS, COLUMNS.replace("Quantity", "Shares"))
    )
    assert new.equals(old)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            holdings_csv(APPLE, columns=COLUMNS.replace("Quantity", "Units")),
            "expected a column Quantity or Shares, got",
        ),
        (
            holdings_csv(APPLE, preamble=PREAMBLE.replace("Shares Outstanding", "Units")),
            "expected Shares Outstanding above the header, got only Fund Holdings as of, Inception Date, Units",
        ),
        (
            holdings_csv(APPLE, preamble=PREAMBLE.replace("Dec 06, 2024", "-")),
            "expected a date like %b %d, %Y for Fund Holdings as of, got '-'",
        ),
        (holdings_csv(), "expected at least one position, got a header and no rows"),
        (holdings_csv(CASH), "expected weights in percent that add up to 100, got 0.1"),
        (PREAMBLE, "expected CSV with Fund Holdings as of and a header Ticker, Name"),
        ("<!doctype html>", "got an HTML page"),
    ],
)
def test_refuses_holdings(body: str, message: str) -> None:
    with pytest.raises(SourceChanged) as caught:
        ishares_holdings(holdings_payload(body), "IVV")
    assert message in str(caught.value)


# ---- asking --------------------------------------------------------------------------------------------------------


def test_asks_by_portfolio_id_and_goes_on_after_an_error() -> None:
    lost = SourceUnavailable("ishares", "IVV fund document", "no answer")
    tlt = ishares.DOCUMENT_URL + (
        "?appSubType=ISHARES&appType=PRODUCT_PAGE&component=fundDownload&locale=en_US&portfolioId=239454"
        "&targetSite=us-ishares&userType=individual"
    )
    csv = "https://www.ishares.com/us/products/239726/fund/1467271812596.ajax"
    http = FakeHttp({ishares.DOCUMENT_URL: lost, csv: holdings_csv(APPLE), tlt: document(NEWEST)})
    items = list(ishares.fetch(panel_context("ishares", http, funds=["IVV", "TLT"])))
    assert [getattr(item, "name", item) for item in items] == [lost, "IVV holdings", "TLT fund document"]
    assert parse_qs(urlsplit(http.asked[0]).query)["portfolioId"] == ["239726"]
    assert http.asked[1] == csv + "?fileType=csv&fileName=IVV_holdings&dataType=fund"
    assert ishares.windows(items[2], ishares.parse(items[2])) == [
        Window("TLT", None, None, table_id="ishares.fund_days")
    ]
