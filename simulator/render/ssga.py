"""www.ssga.com: NAV histories and daily holdings of the SPDR funds, as workbooks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

from ingest.catalog.funds import Fund
from simulator.render.fund_files import days_of, fund_of, holdings_of, recorded, remembered
from simulator.render.view import Request, Response, View, not_found, written
from simulator.render.workbook import CONTENT_TYPE, workbook

_PATH = re.compile(r"/library-content/products/fund-data/etfs/us/(navhist|holdings-daily)-us-en-([a-z]+)\.xlsx")
_DISCLAIMERS = (
    "Past performance is no guarantee of future results. Figures are simulated and describe no real fund.",
    "Before investing, read the prospectus carefully.",
)


def render(view: View, request: Request) -> Response:
    """Return the workbook; a web page with 404 for a fund SSGA does not have."""
    found = _PATH.fullmatch(request.path)
    fund = fund_of(view, "ssga", found.group(2)) if found else None
    if found is None or fund is None:
        return not_found()
    body = _history(view, fund) if found.group(1) == "navhist" else _holdings(view, fund)
    return Response(body, CONTENT_TYPE) if body is not None else not_found()


def _ticker(fund: Fund) -> str:
    """Return the ticker as the sheet has it: the sector funds carry the trade mark."""
    return f"{fund.ticker}®" if fund.category == "us_equity_sector" else fund.ticker


def _history(view: View, fund: Fund) -> bytes | None:
    days = days_of(view, fund)
    if days.is_empty():
        return None
    cells = days.select("report_date", "nav_usd", "shares_outstanding_count", "net_assets_usd")

    def made() -> bytes:
        rows = ((written(day, "%d-%b-%Y"), *numbers) for day, *numbers in cells.rows())
        head = [["Fund Name:", fund.title], ["Ticker Symbol:", _ticker(fund)], []]
        return _workbook("navhist", [*head, ["Date", "NAV", "Shares Outstanding", "Total Net Assets"]], rows)

    return remembered(view, "ssga navhist", fund, days, made)


def _holdings(view: View, fund: Fund) -> bytes | None:
    document = recorded(view, fund)
    if document is not None:
        return document
    holdings = holdings_of(view, fund)
    if holdings is None:
        return None
    head = [
        ["Fund Name:", fund.title],
        ["Ticker Symbol:", _ticker(fund)],
        ["Holdings:", f"As of {holdings.as_of:%d-%b-%Y}"],
        [],
        ["Name", "Ticker", "Identifier", "SEDOL", "Weight", "Sector", "Shares Held", "Local Currency"],
    ]
    names = ("company_name", "ticker", "weight_pct", "sector", "shares")
    rows: list[Sequence[Any]] = [
        [name.upper(), ticker.replace("-", "."), f"{at:09d}", f"{at:07d}", round(weight, 6), "-", shares, "USD"]
        for at, (name, ticker, weight, _, shares) in enumerate(holdings.positions.select(names).iter_rows(), start=1)
    ]
    cash = round(100 - float(holdings.positions["weight_pct"].sum()), 6)
    rows.append(["US DOLLAR", "-", "CASH_USD", "-", cash, "-", round(holdings.cash_usd, 2), "USD"])
    return _workbook("holdings", head, rows)


def _workbook(sheet: str, head: Iterable[Sequence[Any]], rows: Iterable[Sequence[Any]]) -> bytes:
    """Return head, rows, a blank line, disclaimers."""
    return workbook(sheet, (*head, *rows, [], *([text] for text in _DISCLAIMERS)))


HOSTS: Final = {"www.ssga.com": render}
