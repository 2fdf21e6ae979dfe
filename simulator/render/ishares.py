"""www.blackrock.com and www.ishares.com: fund documents in SpreadsheetML, holdings in CSV."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Final

import polars as pl

from ingest.catalog.funds import Fund
from simulator.render.fund_files import Holdings, days_of, fund_of, holdings_of, recorded, remembered
from simulator.render.view import Request, Response, View, not_found, written

_DOCUMENT = "/varnish-api/blk-one01-product-data/product-data/api/v1/get-fund-document"
_HOLDINGS = re.compile(r"/us/products/(\d+)/[^/]+/1467271812596\.ajax")
_BOM = "\ufeff".encode()  # bytes: as text it would make every character of a document two bytes wide
_HEAD = (
    '<?xml version="1.0"?>\n'
    '<ss:Workbook xmlns:ss="urn:schemas-microsoft-com:office:spreadsheet">\n'
    '<ss:Styles><ss:Style ss:ID="Default"><ss:Alignment ss:Horizontal="Left"/></ss:Style></ss:Styles>\n'
)
_COLUMNS = (
    "Ticker,Name,Sector,Asset Class,Market Value,Weight (%),Notional Value,Quantity,Price,Location,Exchange,Currency,"
    "FX Rate,Market Currency,Accrual Date"
)
_TEXT, _NUMBER = (
    f'<ss:Cell ss:StyleID="Default"><ss:Data ss:Type="{kind}">{cell}</ss:Data></ss:Cell>'
    for kind, cell in (("String", "%s"), ("Number", "%.10g"))
)
_VENUES = {"Q": "NASDAQ", "N": "New York Stock Exchange Inc."}

Cell = str | float


def render(view: View, request: Request) -> Response:
    """Return the document or the holdings of a portfolioId; a web page with 404 for one that is not there."""
    if request.path == _DOCUMENT:
        fund = fund_of(view, "ishares", request.params.get("portfolioId", ""))
        body = _document(view, fund) if fund else None
        return Response(body, "application/vnd.ms-excel;charset=UTF-8") if body is not None else not_found()
    found = _HOLDINGS.fullmatch(request.path)
    fund = fund_of(view, "ishares", found.group(1)) if found else None
    if fund is None or request.params.get("fileType") != "csv":
        return not_found()
    body = recorded(view, fund) or _holdings_csv(view, fund)
    return Response(body, "text/csv;charset=UTF-8") if body is not None else not_found()


def _document(view: View, fund: Fund) -> bytes | None:
    days = days_of(view, fund)
    if days.is_empty():
        return None

    def made() -> bytes:
        sheets: dict[str, list[Sequence[Cell]]] = {
            "Holdings": _positions_sheet(view, fund, f"{days['report_date'][0]:%d-%b-%Y}"),
            "Historical": _historical_sheet(fund, days),
            "Performance": [["Month End Date", "Monthly Total"], ["--", "--"]],
            "Distributions": [["Record Date", "Ex-Date", "Payable Date", "Total Distribution"]],
        }
        parts = [_sheet(name, rows) for name, rows in sheets.items()]
        return _BOM + "".join([_HEAD, *parts, "</ss:Workbook>\n"]).encode()

    return remembered(view, "ishares document", fund, days, made)


def _historical_sheet(fund: Fund, days: pl.DataFrame) -> list[Sequence[Cell]]:
    """Return the history, newest first. Funds of foreign shares have a second NAV, before fair value."""
    has_second = fund.category == "intl_equity"
    rows: list[Sequence[Cell]] = [
        ["As Of", "NAV per Share", "Ex-Dividends", "Shares Outstanding", *(["Non-FV NAV"] if has_second else [])]
    ]
    for day, nav, shares in days.select("report_date", "nav_usd", "shares_outstanding_count").rows():
        cells = (written(day, "%b %d, %Y"), nav, "--", shares)
        rows.append((*cells, nav) if has_second else cells)
    return rows


def _positions_sheet(view: View, fund: Fund, as_of: str) -> list[Sequence[Cell]]:
    holdings = holdings_of(view, fund)
    rows: list[Sequence[Cell]] = [[as_of], [fund.title], ["Ticker", "Name", "Weight (%)", "Shares"]]
    if holdings is not None:
        columns = holdings.positions.select("ticker", "company_name", "weight_pct", "shares").iter_rows()
        rows += [
            [ticker.replace("-", ""), name.upper(), round(weight, 5), shares]
            for ticker, name, weight, shares in columns
        ]
    return rows


def _sheet(name: str, rows: Iterable[Sequence[Cell]]) -> str:
    """Return a worksheet. Ampersands stay bare, as iShares leaves them: the text is not well-formed XML."""
    lines = [f'<ss:Worksheet ss:Name="{name}"><ss:Table>']
    lines += [_row(tuple(map(type, row))) % tuple(row) for row in rows]
    return "\n".join([*lines, "</ss:Table></ss:Worksheet>", ""])


@cache
def _row(kinds: tuple[type, ...]) -> str:
    """Return the pattern of a row with cells of these types."""
    cells = "".join(_TEXT if kind is str else _NUMBER for kind in kinds)
    return f"<ss:Row>{cells}</ss:Row>"


def _holdings_csv(view: View, fund: Fund) -> bytes | None:
    holdings = holdings_of(view, fund)
    if holdings is None:
        return None
    lines = [
        fund.title,
        f'Fund Holdings as of,"{holdings.as_of:%b %d, %Y}"',
        'Inception Date,"Oct 03, 2011"',
        f'Shares Outstanding,"{holdings.shares_count:,.2f}"',
        'Stock,"-"',
        'Bond,"-"',
        'Cash,"-"',
        'Other,"-"',
        "\u00a0",
        _COLUMNS,
        *_position_lines(holdings),
        "\u00a0",
        '"The content is simulated and describes no real fund."',
    ]
    return _BOM + "\n".join(lines).encode()


def _position_lines(holdings: Holdings) -> Iterable[str]:
    names = ("ticker", "company_name", "sector", "exchange", "close_usd", "weight_pct", "shares")
    for ticker, name, sector, exchange, close, weight, shares in holdings.positions.select(names).iter_rows():
        value = f"{shares * close:,.2f}"
        yield _line(
            ticker.replace("-", ""), name.upper(), sector, "Equity", value, f"{weight:.2f}", value, f"{shares:,.2f}",
            f"{close:.2f}", "United States", _VENUES.get(exchange, "-"), "USD", "1.00", "USD", "-",
        )  # fmt: skip
    cash = f"{holdings.cash_usd:,.2f}"
    share = f"{100 - float(holdings.positions['weight_pct'].sum()):.2f}"
    yield _line(
        "XTSLA", "BLK CSH FND TREASURY SL AGENCY", "Cash and/or Derivatives", "Money Market", cash, share, cash, cash,
        "1.00", "United States", "-", "USD", "1.00", "USD", "-",
    )  # fmt: skip
    yield _line(
        "ESZ6", "S&P500 EMINI", "Cash and/or Derivatives", "Futures", "0.00", "0.00", cash, "12.00", "-",
        "-", "Index And Options Market", "USD", "1.00", "USD", "-",
    )  # fmt: skip


def _line(*cells: str) -> str:
    return ",".join(f'"{cell}"' for cell in cells)


HOSTS: Final = {"www.blackrock.com": render, "www.ishares.com": render}
