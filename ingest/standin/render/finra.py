"""www.finra.org: the workbook of margin statistics and the page that links to it. sources.md 12.1."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import polars as pl

from ingest.standin.render.view import Request, Response, View, not_found

_PATH = "/sites/default/files/2021-03/margin-statistics.xlsx"
_PAGE_PATH = "/rules-guidance/key-topics/margin-accounts/margin-statistics"
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_SHEET = "Customer Margin Balances"
_COLUMNS = {
    "Debit Balances in Customers' Securities Margin Accounts": "margin_debt",
    "Free Credit Balances in Customers' Cash Accounts": "free_credit_cash",
    "Free Credit Balances in Customers' Securities Margin Accounts": "free_credit_margin",
}
_MADE_AT = datetime(2012, 1, 1)  # noqa: DTZ001  the same months give the same bytes
_PAGE = f"""<!DOCTYPE html>
<html><head><title>Margin Statistics | FINRA.org</title></head><body><h1>Margin Statistics</h1>
<p>Figures are shown in $ millions. <a href="{_PATH}">Download the statistics</a></p></body></html>
"""


def render(view: View, request: Request) -> Response:
    """Return the workbook, newest month first, or the page. A market without margin debt has neither."""
    if not view.market.has("margin_debt", "finra"):
        return not_found()
    if request.path == _PAGE_PATH:
        return Response(_PAGE.encode())
    if request.path != _PATH:
        return not_found()
    return Response(view.remember("margin statistics", list(_COLUMNS.values()), "finra", lambda: _made(view)), _TYPE)


def _made(view: View) -> bytes:
    table = pl.DataFrame(schema={"period_date": pl.Date})
    for title, series_id in _COLUMNS.items():
        values = view.values(series_id, "finra").rename({"value": title})
        table = table.join(values, on="period_date", how="full", coalesce=True)
    rows = table.sort("period_date", descending=True).iter_rows()
    cells = ([f"{month:%Y-%m}", *(_whole(value) for value in values)] for month, *values in rows)
    return _workbook([["Year-Month", *_COLUMNS], *cells])


def _whole(value: float | None) -> float | None:
    return int(value) if value is not None and value == int(value) else value


def _workbook(rows: Iterable[Sequence[Any]]) -> bytes:
    """Return an xlsx of one sheet, the same bytes for the same rows: openpyxl writes the clock into it."""
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    sheet = book.create_sheet(_SHEET)
    for row in rows:
        sheet.append(row)
    clocked, made = io.BytesIO(), io.BytesIO()
    book.save(clocked)
    book.properties.created = book.properties.modified = _MADE_AT
    from openpyxl.xml.constants import ARC_CORE
    from openpyxl.xml.functions import tostring

    with zipfile.ZipFile(clocked) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            body = tostring(book.properties.to_tree()) if name == ARC_CORE else old.read(name)
            new.writestr(zipfile.ZipInfo(name), body, zipfile.ZIP_DEFLATED)
    return made.getvalue()
