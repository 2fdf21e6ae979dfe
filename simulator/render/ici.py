"""www.ici.org: weekly estimates, of ETFs and of ETFs with mutual funds, one legacy Excel file (BIFF) per year each."""

from __future__ import annotations

import io
import re
from datetime import timedelta
from typing import Final, cast

import polars as pl

from ingest.clock import naive_utc
from simulator.render.view import Request, Response, View, not_found

_PATH = re.compile(r"/(etf|combined)_flows_data_(\d{4})\.xls")
_SHEETS: Final = {"etf": "Weekly ETF Public Report", "combined": "Weekly MF & ETF Public Report"}
_MUTUAL_FUNDS: Final = {
    "domestic_equity": -5_200.0,
    "world_equity": -1_300.0,
    "hybrid": -1_100.0,
    "taxable_bond": -900.0,
    "municipal_bond": -100.0,
}
"""What mutual funds bring week after week, in millions: savers leave them for exchange-traded funds."""
_PARTS: Final = {"equity": ("domestic_equity", "world_equity"), "bond": ("taxable_bond", "municipal_bond")}
_COLUMNS: Final = (  # category, the group above (on the first column of its group only), the column
    ("total", "Total ETFs", ""),
    ("equity", "Equity", "Total"),
    ("domestic_equity", "", "Domestic"),
    ("world_equity", "", "World"),
    ("hybrid", "Hybrid", ""),
    ("bond", "Bond", "Total"),
    ("taxable_bond", "", "Taxable"),
    ("municipal_bond", "", "Municipal"),
    ("commodity", "Commodity", ""),
)


def render(view: View, request: Request) -> Response:
    """Return the workbook of a year; 404 for a year without a published week."""
    found = _PATH.fullmatch(request.path)
    if found is None:
        return not_found()
    kind, year = found.group(1), int(found.group(2))
    # with mutual funds a day later
    now = view.now - timedelta(days=1) if kind == "combined" else view.now
    weeks = view.market.panel.weekly_flows_at(now).filter(pl.col("week_end_date").dt.year() == year)
    if view.since is not None:
        weeks = weeks.filter(pl.col("week_end_date") >= view.since)
    if weeks.is_empty():
        return not_found()
    if kind == "combined":
        weeks = _with_mutual_funds(weeks)
    weeks = weeks.with_columns(pl.col("flow_usd_mn") * view.scale)
    table = weeks.pivot("category", index="week_end_date", values="flow_usd_mn").sort("week_end_date", descending=True)
    prints = view.market.panel.weekly_flows.filter(pl.col("known_at") <= naive_utc(now)).height
    key = ("ici", kind, year, prints, view.since, view.scale)
    made = view.market.remember(key, lambda: _workbook(table, _SHEETS[kind], year, is_rescaled=view.is_rescaled))
    body = cast(bytes, made)
    return Response(body, "application/vnd.ms-excel")


def _with_mutual_funds(weeks: pl.DataFrame) -> pl.DataFrame:
    """Return the weeks of one year with what mutual funds bring, and totals that fit."""
    wide = weeks.pivot("category", index="week_end_date", values="flow_usd_mn")
    wide = wide.with_columns(pl.col(name) + brought for name, brought in _MUTUAL_FUNDS.items())
    wide = wide.with_columns(pl.sum_horizontal(parts).alias(name) for name, parts in _PARTS.items())
    wide = wide.with_columns(pl.sum_horizontal("equity", "hybrid", "bond", "commodity").alias("total"))
    return wide.unpivot(index="week_end_date", variable_name="category", value_name="flow_usd_mn")


def _workbook(table: pl.DataFrame, sheet: str, year: int, *, is_rescaled: bool) -> bytes:
    """Return the xls: titles, two rows of headers, weeks newest first, footnotes."""
    import xlwt

    book = xlwt.Workbook()
    page = book.add_sheet(sheet)
    page.write(0, 0, "Estimated Weekly Net Issuance of Exchange-Traded Funds (ETFs)")
    page.write(1, 0, f"{'Billions' if is_rescaled else 'Millions'} of dollars, {year}")
    page.write(4, 0, "Week ended")
    for column, (_, group, name) in enumerate(_COLUMNS, start=1):
        page.write(3, column, group)
        page.write(4, column, name)
    for row, week in enumerate(table.iter_rows(named=True), start=5):
        page.write(row, 0, f"{week['week_end_date']:%m/%d/%Y}")
        for column, (category, _, _) in enumerate(_COLUMNS, start=1):
            page.write(row, column, week[category])
    page.write(table.height + 6, 0, "Note: Data for the latest week are preliminary. Components may not add to totals.")
    page.write(table.height + 7, 0, "Source: simulated.")
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


HOSTS: Final = {"www.ici.org": render}
