"""iShares: NAV and shares outstanding since inception, and today's holdings.

Where   https://www.blackrock.com/varnish-api/…/get-fund-document (keyless), one SpreadsheetML document per fund, named
        by its portfolioId; https://www.ishares.com/us/products/<portfolioId>/fund/1467271812596.ajax, the holdings CSV
        of the funds whose holdings the catalog wants; both are asked each time
Grain   sheet Historical: one row per fund and session, newest first; CSV: one row per position of the day it names
Units   NAV USD per share, shares in units, weights in percent, market values USD; "--" and "-" are gaps. The document
        has no net assets. Dates like Sep 17, 2026. Ampersands are not escaped. The column of shares held was Shares in
        2023 and is Quantity since 2024
Breaks  SourceChanged on a web page in place of the document, other columns, data behind a row without a date, a date
        twice, weights that do not add up to 100
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import polars as pl

from ingest.batch import Window
from ingest.catalog.funds import Fund
from ingest.connector import FetchContext
from ingest.errors import SourceError
from ingest.payload import Payload
from ingest.readers.fund_days import dated_rows, panel_rows
from ingest.readers.holdings import holdings_windows, ishares_holdings
from ingest.readers.parsing import changed, quoted
from ingest.readers.workbooks import Row, days_of, numbers_at, spreadsheet_xml_sheet

DOCUMENT_URL = "https://www.blackrock.com/varnish-api/blk-one01-product-data/product-data/api/v1/get-fund-document"
HOLDINGS_URL = "https://www.ishares.com/us/products/{code}/fund/1467271812596.ajax"

_EXPECTED = "SpreadsheetML with a sheet Historical"
_HEADER: Final = ["As Of", "NAV per Share", "Ex-Dividends", "Shares Outstanding"]
_OPTIONAL: Final[tuple[list[str], ...]] = ([], ["Non-FV NAV"])
_DATE: Final = "%b %d, %Y"
_GAPS: Final = ("", "-", "--")


def fetch(context: FetchContext) -> Iterator[Payload | SourceError]:
    """Yield the document of each fund, and the holdings of those that the catalog wants."""
    for done, fund in enumerate(context.funds):
        context.progress(fund.ticker, done, len(context.funds))
        parts = [("history", f"{fund.ticker} fund document", DOCUMENT_URL, _document_params(fund))]
        if fund.takes_holdings:
            url = HOLDINGS_URL.format(code=fund.provider_code)
            parts.append(("holdings", f"{fund.ticker} holdings", url, _holdings_params(fund)))
        for part, name, url, params in parts:
            try:
                yield context.http.get("ishares", name, url, params=params, meta={"part": part, "fund": fund.ticker})
            except SourceError as error:
                yield error


def parse(payload: Payload) -> dict[str, pl.DataFrame]:
    """Return the fund's days, or the holdings of one day."""
    if payload.meta["part"] == "holdings":
        return {"ishares.holdings": ishares_holdings(payload, payload.meta["fund"]).rows}
    return {"ishares.fund_days": _history(payload)}


def windows(payload: Payload, rows: Mapping[str, pl.DataFrame]) -> list[Window]:
    """Return the whole history of the fund, or the one day of its holdings."""
    if payload.meta["part"] == "holdings":
        return holdings_windows("ishares.holdings", rows["ishares.holdings"])
    return [Window(payload.meta["fund"], None, None, table_id="ishares.fund_days")]


def _document_params(fund: Fund) -> dict[str, str]:
    return {
        "appSubType": "ISHARES",
        "appType": "PRODUCT_PAGE",
        "component": "fundDownload",
        "locale": "en_US",
        "portfolioId": str(fund.provider_code),
        "targetSite": "us-ishares",
        "userType": "individual",
    }


def _holdings_params(fund: Fund) -> dict[str, str]:
    return {"fileType": "csv", "fileName": f"{fund.ticker}_holdings", "dataType": "fund"}


def _history(payload: Payload) -> pl.DataFrame:
    """Return the sheet Historical. The document does not name its ticker: which fund it is, the address said."""
    sheet = spreadsheet_xml_sheet(payload, _EXPECTED, "Historical")
    header = sheet[0] if sheet else []
    if header[: len(_HEADER)] != _HEADER or header[len(_HEADER) :] not in _OPTIONAL:
        raise changed(payload, f"the columns {', '.join(_HEADER)} and perhaps Non-FV NAV", quoted(", ".join(header)))
    body: Sequence[Row] = [row for row in sheet[1:] if row != header]
    days = days_of([row[0] if row else "" for row in body], _DATE)
    body, days = dated_rows(payload, body, days)
    for row in body:
        if len(row) < len(_HEADER):
            raise changed(payload, f"{len(header)} cells in each row of Historical", quoted(", ".join(row)))
    return panel_rows(
        payload,
        "ishares.fund_days",
        {
            "ticker": payload.meta["fund"],
            "report_date": days,
            "nav_usd": numbers_at(payload, body, 1, _GAPS, "NAV per Share"),
            "shares_outstanding_count": numbers_at(payload, body, 3, _GAPS, "Shares Outstanding"),
            "net_assets_usd": None,
        },
    ).sort("report_date")
