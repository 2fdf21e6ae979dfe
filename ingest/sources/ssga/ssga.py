"""SSGA: NAV, shares outstanding and net assets of the SPDR funds since inception, and today's holdings.

Where   https://www.ssga.com/library-content/products/fund-data/etfs/us (keyless): navhist-us-en-<ticker>.xlsx for each
        fund, holdings-daily-us-en-<ticker>.xlsx for those whose holdings the catalog wants; both are asked each time
Grain   one row per fund and session, newest first; one row per position of the day the holdings file names
Units   NAV USD per share, shares in units, net assets in USD, weights in percent; "-", "--" and blanks are gaps.
        Dates dd-Mon-yyyy; disclaimers follow the last dated row
Breaks  SourceChanged on another fund's file, other columns, data behind a row without a date, a date twice, net assets
        that are not NAV x shares, weights that do not add up to 100
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import polars as pl

from ingest.batch import Window
from ingest.connector import FetchContext
from ingest.errors import SourceError
from ingest.payload import Payload
from ingest.readers.fund_days import dated_rows, panel_rows, require_identity
from ingest.readers.holdings import bare_ticker, holdings_windows, ssga_holdings
from ingest.readers.parsing import changed, quoted
from ingest.readers.workbooks import Row, days_of, numbers_at, xlsx_sheet

_FOLDER = "https://www.ssga.com/library-content/products/fund-data/etfs/us"
HISTORY_URL = f"{_FOLDER}/navhist-us-en-{{code}}.xlsx"
HOLDINGS_URL = f"{_FOLDER}/holdings-daily-us-en-{{code}}.xlsx"

_EXPECTED = "a workbook with Fund Name, Ticker Symbol and a header Date, NAV, Shares Outstanding, Total Net Assets"
_HEADER: Final = ["Date", "NAV", "Shares Outstanding", "Total Net Assets"]
_DATE: Final = "%d-%b-%Y"
_GAPS: Final = ("", "-", "--", "N/A")


def fetch(context: FetchContext) -> Iterator[Payload | SourceError]:
    """Yield the history of each fund, and the holdings of those that the catalog wants."""
    for done, fund in enumerate(context.funds):
        context.progress(fund.ticker, done, len(context.funds))
        parts = [("history", f"{fund.ticker} NAV history", HISTORY_URL)]
        if fund.takes_holdings:
            parts.append(("holdings", f"{fund.ticker} holdings", HOLDINGS_URL))
        for part, name, url in parts:
            try:
                meta = {"part": part, "fund": fund.ticker}
                yield context.http.get("ssga", name, url.format(code=fund.provider_code), meta=meta)
            except SourceError as error:
                yield error


def parse(payload: Payload) -> dict[str, pl.DataFrame]:
    """Return the fund's days, or the holdings of one day."""
    if payload.meta["part"] == "holdings":
        return {"ssga.holdings": ssga_holdings(payload, payload.meta["fund"]).rows}
    return {"ssga.fund_days": _history(payload)}


def windows(payload: Payload, rows: dict[str, pl.DataFrame]) -> list[Window]:
    """Return the whole history of the fund, or the one day of its holdings."""
    if payload.meta["part"] == "holdings":
        return holdings_windows("ssga.holdings", rows["ssga.holdings"])
    return [Window(payload.meta["fund"], None, None, table_id="ssga.fund_days")]


def _history(payload: Payload) -> pl.DataFrame:
    sheet = xlsx_sheet(payload, _EXPECTED)
    start = next((at for at, row in enumerate(sheet) if row and str(row[0]).strip() == "Date"), None)
    if start is None:
        raise changed(payload, _EXPECTED, quoted(sheet[0][0] if sheet and sheet[0] else "an empty sheet"))
    header = [str(cell).strip() for cell in sheet[start]]
    if header[: len(_HEADER)] != _HEADER or any(header[len(_HEADER) :]):
        raise changed(payload, f"the columns {', '.join(_HEADER)}", quoted(", ".join(filter(None, header))))
    _require_fund(payload, sheet[:start])
    below = [row for row in sheet[start + 1 :] if row != sheet[start]]
    body: Sequence[Row] = [row[: len(_HEADER)] for row in below]
    days = days_of([row[0] for row in body], _DATE)
    body, days = dated_rows(payload, body, days)
    columns = [numbers_at(payload, body, at, _GAPS, _HEADER[at]) for at in (1, 2, 3)]
    rows = panel_rows(
        payload,
        "ssga.fund_days",
        {
            "ticker": payload.meta["fund"],
            "report_date": days,
            "nav_usd": columns[0],
            "shares_outstanding_count": columns[1],
            "net_assets_usd": columns[2],
        },
    )
    require_identity(payload, rows)
    return rows.sort("report_date")


def _require_fund(payload: Payload, preamble: list[list[object]]) -> None:
    """Raise SourceChanged when the file is another fund's. SSGA prints trade marks behind tickers."""
    stated = next((row[1] for row in preamble if len(row) > 1 and str(row[0]).strip() == "Ticker Symbol:"), None)
    if stated is None or bare_ticker(stated) != payload.meta["fund"]:
        raise changed(
            payload, f"Ticker Symbol: {payload.meta['fund']}", quoted("nothing" if stated is None else stated)
        )
