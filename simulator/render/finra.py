"""www.finra.org: the workbook of margin statistics and the page that links to it."""

from __future__ import annotations

from typing import Final

import polars as pl

from simulator.render.view import Request, Response, View, not_found
from simulator.render.workbook import CONTENT_TYPE, workbook

_PATH = "/sites/default/files/2021-03/margin-statistics.xlsx"
_PAGE_PATH = "/rules-guidance/key-topics/margin-accounts/margin-statistics"
_SHEET = "Customer Margin Balances"
_COLUMNS = {
    "Debit Balances in Customers' Securities Margin Accounts": "margin_debt",
    "Free Credit Balances in Customers' Cash Accounts": "free_credit_cash",
    "Free Credit Balances in Customers' Securities Margin Accounts": "free_credit_margin",
}
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
    body = view.remember("margin statistics", list(_COLUMNS.values()), "finra", lambda: _made(view))
    return Response(body, CONTENT_TYPE)


def _made(view: View) -> bytes:
    table = pl.DataFrame(schema={"period_date": pl.Date})
    for title, series_id in _COLUMNS.items():
        values = view.values(series_id, "finra").rename({"value": title})
        table = table.join(values, on="period_date", how="full", coalesce=True)
    rows = table.sort("period_date", descending=True).iter_rows()
    cells = ([f"{month:%Y-%m}", *(_whole(value) for value in values)] for month, *values in rows)
    return workbook(_SHEET, [["Year-Month", *_COLUMNS], *cells])


def _whole(value: float | None) -> float | None:
    return int(value) if value is not None and value == int(value) else value


HOSTS: Final = {"www.finra.org": render}
