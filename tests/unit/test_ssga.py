"""SSGA: histories and holdings in xlsx, trade marks in tickers, disclaimers behind the data."""

from __future__ import annotations

from datetime import date

import pytest

from ingest.batch import Window
from ingest.errors import SourceChanged, SourceUnavailable
from ingest.sources.ssga import ssga
from tests.unit.fakes import FakeHttp, payload_of
from tests.unit.fund_files import days, has_schema_of, xlsx
from tests.unit.panel_helpers import panel_context

HEADER = ["Date", "NAV", "Shares Outstanding", "Total Net Assets"]
DISCLAIMER = ["Past performance is not a reliable indicator of future performance."]


def workbook(*rows: list[object], ticker: str = "SPY", header: list[str] = HEADER) -> bytes:
    preamble = [["Fund Name:", "SPDR® S&P 500® ETF Trust"], ["Ticker Symbol:", ticker], [None], header]
    return xlsx([*preamble, *rows])


def history(body: bytes, fund: str = "SPY"):
    payload = payload_of("ssga", body, name=f"{fund} NAV history", meta={"part": "history", "fund": fund})
    return ssga.parse(payload)["ssga.fund_days"]


NEWEST = ["17-Sep-2026", 600.5, 1_000_000.0, 600_500_000.0]
OLDER = ["16-Sep-2026", "598.00", "1,000,000", "598,000,000.00"]


def test_reads_newest_first_as_oldest_first_and_stops_at_the_disclaimers() -> None:
    rows = history(workbook(NEWEST, OLDER, [None], DISCLAIMER, [None]))
    assert days(rows) == {
        date(2026, 9, 16): (598.0, 1_000_000.0, 598_000_000.0),
        date(2026, 9, 17): (600.5, 1_000_000.0, 600_500_000.0),
    }
    assert rows["report_date"].is_sorted()
    assert rows["ticker"].unique().to_list() == ["SPY"]
    assert has_schema_of(rows, "ssga.fund_days")


@pytest.mark.parametrize("ticker", ["SPY®", "SPY ®", "SPY™", " SPY "])
def test_a_trade_mark_behind_the_ticker_is_no_other_fund(ticker: str) -> None:
    assert history(workbook(NEWEST, ticker=ticker)).height == 1


def test_dashes_are_gaps_and_zero_is_a_value() -> None:
    rows = history(workbook(NEWEST, ["16-Sep-2026", "--", "-", None], ["15-Sep-2026", 590.0, 0, 0]))
    assert days(rows)[date(2026, 9, 16)] == (None, None, None)
    assert days(rows)[date(2026, 9, 15)] == (590.0, 0.0, 0.0)


def test_one_wrong_day_is_for_the_gate() -> None:
    rows = history(workbook(NEWEST, OLDER, ["15-Sep-2026", 590.0, 1_000_000, 5.0]))
    assert days(rows)[date(2026, 9, 15)][2] == 5.0


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (workbook(NEWEST, ticker="XLK"), "expected Ticker Symbol: SPY, got 'XLK'"),
        (
            workbook(NEWEST, header=["Date", "NAV", "Shares", "Total Net Assets"]),
            "expected the columns Date, NAV, Shares Outstanding, Total Net Assets, "
            "got 'Date, NAV, Shares, Total Net Assets'",
        ),
        (
            workbook(NEWEST, header=[*HEADER, "Premium"]),
            "got 'Date, NAV, Shares Outstanding, Total Net Assets, Premium'",
        ),
        (
            xlsx([["Fund Name:", "x"], ["Ticker Symbol:", "SPY"]]),
            "Shares Outstanding, Total Net Assets, got 'Fund Name:'",
        ),
        (workbook(), "expected at least one dated row, got 'a header and no rows'"),
        (workbook(DISCLAIMER), "expected at least one dated row, got 'Past performance"),
        (
            workbook(NEWEST, ["16-Sept-2026", 598.0, 1e6, 598e6]),
            "nothing but disclaimers in a row without a date, got '16-Sept-2026'",
        ),
        (
            workbook(NEWEST, [NEWEST[0], 601.5, *NEWEST[2:]]),
            "expected each date once, also 2026-09-17, got it twice: '600.5' and '601.5'",
        ),
        (
            workbook(["17-Sep-2026", "six hundred", 1e6, 6e8]),
            "expected a number for NAV on 17-Sep-2026, got 'six hundred'",
        ),
        (
            workbook(["17-Sep-2026", 600.5, 1_000_000, 600.5], ["16-Sep-2026", 598.0, 1_000_000, 598.0]),
            "expected net assets of NAV x shares outstanding, in USD, got 1e-06 times that on 2 of 2 days",
        ),
        (workbook(["17-Sep-26", 600.5, 1e6, 6e8]), "expected at least one dated row, got '17-Sep-26'"),
        (workbook(["17-Sep-2026", "600,5", 1e6, 6e8]), "expected a number for NAV on 17-Sep-2026, got '600,5'"),
        (workbook(["17-Sep-2026", "1_000", 1e6, 6e8]), "expected a number for NAV on 17-Sep-2026, got '1_000'"),
        (b"<!DOCTYPE html><html>Access denied", "got an HTML page"),
        (b"", "got an empty body"),
        (b"Date,NAV\n", "got a body that is no workbook: "),
        (workbook(NEWEST)[:2000], "got a body that is no workbook: "),
    ],
)
def test_refuses(body: bytes, message: str) -> None:
    with pytest.raises(SourceChanged) as caught:
        history(body)
    assert str(caught.value).startswith("ssga: SPY NAV history: expected ")
    assert message in str(caught.value)


def test_a_disclaimer_moved_up_and_a_line_printed_twice_cost_nothing() -> None:
    moved, plain = workbook(DISCLAIMER, NEWEST, NEWEST, DISCLAIMER, OLDER), workbook(NEWEST, OLDER)
    assert days(history(moved)) == days(history(plain))
    _, tables = holdings(holdings_workbook(MICROSOFT, MICROSOFT, DISCLAIMER, CASH))
    assert tables["ssga.holdings"]["line_number"].to_list() == [1, 2]


# ---- holdings ------------------------------------------------------------------------------------------------------

HOLDINGS_HEADER = ["Name", "Ticker", "Identifier", "SEDOL", "Weight", "Sector", "Shares Held", "Local Currency"]
MICROSOFT = ["MICROSOFT CORP", "MSFT", "594918104", "2588173", 99.5, "-", 87_116_767.0, "USD"]
CASH = ["US DOLLAR", "-", "999USDZ92", "-", 0.5, "-", 12_345.67, "USD"]


def holdings_workbook(
    *rows: list[object], as_of: str = "As of 10-May-2024", header: list[str] = HOLDINGS_HEADER
) -> bytes:
    preamble = [["Fund Name:", "x"], ["Ticker Symbol:", "SPY®"], ["Holdings:", as_of], [None], header]
    return xlsx([*preamble, *rows, [None], DISCLAIMER], "holdings")


def holdings(body: bytes):
    payload = payload_of("ssga", body, name="SPY holdings", meta={"part": "holdings", "fund": "SPY"})
    return payload, ssga.parse(payload)


def test_reads_holdings_with_cash_as_a_line_without_a_ticker() -> None:
    payload, tables = holdings(holdings_workbook(MICROSOFT, CASH))
    rows = tables["ssga.holdings"]
    assert has_schema_of(rows, "ssga.holdings")
    assert rows["as_of_date"].unique().to_list() == [date(2024, 5, 10)]
    names = ("line_number", "holding_ticker", "holding_name", "asset_class", "weight_pct", "shares", "market_value_usd")
    assert rows.select(names).rows() == [
        (1, "MSFT", "MICROSOFT CORP", None, 99.5, 87_116_767.0, None),
        (2, None, "US DOLLAR", None, 0.5, 12_345.67, None),
    ]
    assert ssga.windows(payload, tables) == [
        Window("SPY", date(2024, 5, 10), date(2024, 5, 10), table_id="ssga.holdings")
    ]


def test_holdings_without_the_newer_columns_read_alike() -> None:
    old = ["Name", "Ticker", "Identifier", "Weight", "Sector", "Shares Held"]
    _, tables = holdings(holdings_workbook(["MICROSOFT CORP", "MSFT", "594918104", 100.0, "Tech", 10.0], header=old))
    assert tables["ssga.holdings"]["weight_pct"].to_list() == [100.0]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            holdings_workbook(MICROSOFT, as_of="10 May 2024"),
            "a date like As of %d-%b-%Y for Holdings:, got '10 May 2024'",
        ),
        (holdings_workbook(), "expected at least one position, got a header and no rows"),
        (
            holdings_workbook(["MICROSOFT CORP", "MSFT", "5", "2", 0.995, "-", 1.0, "USD"]),
            "expected weights in percent that add up to 100, got 0.995",
        ),
        (
            holdings_workbook(MICROSOFT, [*MICROSOFT[:4], 0.5, *MICROSOFT[5:]]),
            "expected one position of 'MSFT MICROSOFT CORP', got two, with ",
        ),
        (
            holdings_workbook(MICROSOFT, header=["Name", "Ticker", "Identifier", "SEDOL", "Weight", "Sector", "Units"]),
            "expected a column Shares Held, got 'Name, Ticker, Identifier",
        ),
    ],
)
def test_refuses_holdings(body: bytes, message: str) -> None:
    with pytest.raises(SourceChanged) as caught:
        holdings(body)
    assert message in str(caught.value)


# ---- asking --------------------------------------------------------------------------------------------------------


def test_asks_for_each_history_and_the_wanted_holdings_and_goes_on_after_an_error() -> None:
    base = "https://www.ssga.com/library-content/products/fund-data/etfs/us"
    lost = SourceUnavailable("ssga", "XLK NAV history", "no answer")
    http = FakeHttp(
        {
            f"{base}/navhist-us-en-spy.xlsx": workbook(NEWEST),
            f"{base}/holdings-daily-us-en-spy.xlsx": holdings_workbook(MICROSOFT),
            f"{base}/navhist-us-en-xlk.xlsx": lost,
            f"{base}/navhist-us-en-xle.xlsx": workbook(NEWEST, ticker="XLE"),
        }
    )
    items = list(ssga.fetch(panel_context("ssga", http, funds=["SPY", "XLK", "XLE"])))
    assert [getattr(item, "name", item) for item in items] == [
        "SPY NAV history",
        "SPY holdings",
        lost,
        "XLE NAV history",
    ]
    assert ssga.windows(items[0], ssga.parse(items[0])) == [Window("SPY", None, None, table_id="ssga.fund_days")]
