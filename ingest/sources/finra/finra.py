"""FINRA: what customers of US brokers owe on margin, and the free credit they hold, at the end of each month.

Where   https://www.finra.org/sites/default/files/2021-03/margin-statistics.xlsx (keyless), one workbook whose content
        changes in place; where it answers 404, the workbook that FINRA's page on margin statistics links to
Grain   one row per month from 1997-01, newest first; "YYYY-MM", dated here on the first day of the month
Units   millions of dollars, said on the page and not in the workbook, so the gate's bounds are what catches a change;
        an empty cell is a gap (free credit of margin accounts begins in 2010-02, when the member firms counted changed)
Breaks  SourceChanged on another sheet or header, a month that is none or stands twice, text where a number is due
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any, Final
from urllib.parse import urljoin

import polars as pl

from ingest.batch import Window, empty_rows
from ingest.connector import FetchContext, Pair
from ingest.errors import SourceChanged, SourceError
from ingest.payload import Payload
from ingest.readers.parsing import changed, quoted, rows_of, series_of, together, windows_of
from ingest.readers.workbooks import is_blank, number_of, xlsx_sheet

URL: Final = "https://www.finra.org/sites/default/files/2021-03/margin-statistics.xlsx"
PAGE_URL: Final = "https://www.finra.org/rules-guidance/key-topics/margin-accounts/margin-statistics"
SHEET: Final = "Customer Margin Balances"
HEADER: Final = {
    "Year-Month": "",
    "Debit Balances in Customers' Securities Margin Accounts": "debit_margin",
    "Free Credit Balances in Customers' Cash Accounts": "free_credit_cash",
    "Free Credit Balances in Customers' Securities Margin Accounts": "free_credit_margin",
}
"""The header, each column with the code that the catalog has for it."""

_NAME: Final = "margin statistics"
_FILES: Final = "https://www.finra.org/sites/default/files/"
_EXPECTED: Final = f"a workbook with the sheet {SHEET!r}"
_LINK: Final = re.compile(r"""href\s*=\s*["']([^"']*margin-statistics[^"'/]*\.xlsx)["']""", re.IGNORECASE)
_MONTH: Final = re.compile(r"(\d{4})-(0[1-9]|1[0-2])")


def fetch(context: FetchContext) -> Iterator[Payload | SourceError]:
    """Yield the workbook; when it has moved also the page that says where to."""
    meta = {"kind": "workbook", "series": series_of(context.pairs)}
    workbook = context.http.get("finra", _NAME, URL, meta=meta, accept_status=(200, 404))
    yield workbook
    if workbook.status == 404:
        page = context.http.get("finra", "margin statistics page", PAGE_URL, meta={**meta, "kind": "page"})
        yield page
        yield context.http.get("finra", _NAME, _linked(page), meta=meta)


def parse(payload: Payload, pairs: Sequence[Pair]) -> pl.DataFrame:
    """Return the columns that `pairs` ask for; nothing for what only says where the workbook is."""
    if payload.meta["kind"] == "page" or payload.status == 404:
        return empty_rows()
    header, *sheet = xlsx_sheet(payload, _EXPECTED, SHEET) or [[]]
    columns = [_title(cell) for cell in header]
    if columns != list(HEADER):
        raise changed(payload, f"the columns {', '.join(HEADER)}", quoted(", ".join(columns)))
    table = [row for row in sheet if not is_blank(row)]
    if not table:
        raise changed(payload, "at least one month", "a header and no rows")
    table = [row for row in table if row != header]
    months = [_month(payload, row[0]) for row in table]
    found: dict[date, list[Any]] = {}
    for month, row in zip(months, table, strict=True):
        if found.setdefault(month, row)[1:] != row[1:]:
            both = " and ".join(quoted(", ".join(map(str, one[1:]))) for one in (found[month], row))
            raise changed(payload, "each month once", f"{month:%Y-%m} twice: {both}")
    months, table = list(found), list(found.values())
    place = {code: at for at, code in enumerate(HEADER.values())}
    return together([rows_of(payload, pair, months, _values(payload, table, place[pair[1].code])) for pair in pairs])


def windows(payload: Payload, rows: pl.DataFrame) -> list[Window]:
    """Return the whole history: the workbook always holds all of it."""
    return [] if rows.is_empty() else windows_of(payload, None)


def _linked(page: Payload) -> str:
    """Return the address of the workbook that the page links to; it must be among FINRA's own files."""
    links: list[str] = _LINK.findall(page.body.decode("utf-8", errors="replace"))
    found = {urljoin(PAGE_URL, html.unescape(link)) for link in links}
    own = sorted(link for link in found if link.startswith(_FILES))
    if not own:
        expected = f"a link to margin-statistics….xlsx below {_FILES}"
        raise SourceChanged("finra", _NAME, expected=expected, seen=", ".join(sorted(found)) or "none on the page")
    return own[-1]


def _title(cell: Any) -> str:
    """Return a header cell on one line, with a plain apostrophe: spreadsheet programs make it a typographic one."""
    return " ".join(str(cell).replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").split())


def _month(payload: Payload, cell: Any) -> date:
    """Return the first day of the month of a cell: "YYYY-MM", or a true date on a first where Excel made it one."""
    if isinstance(cell, date) and cell.day == 1:
        return date(cell.year, cell.month, 1)
    found = _MONTH.fullmatch(cell.strip()) if isinstance(cell, str) else None
    if found is None:
        raise changed(payload, "months like YYYY-MM in column Year-Month", quoted(cell))
    return date(int(found[1]), int(found[2]), 1)


def _values(payload: Payload, table: Sequence[Sequence[Any]], at: int) -> list[float | None]:
    where = list(HEADER)[at]
    return [number_of(payload, row[at], ("",), f"{where} of {row[0]}") for row in table]
