"""home.treasury.gov: par yields, one CSV per year, newest day first."""

from __future__ import annotations

import re
from typing import Final

import polars as pl

from simulator.render.view import Request, Response, View, not_found

_PATH = re.compile(r"/resource-center/data-chart-center/interest-rates/daily-treasury-rates\.csv/(\d{4})/all")
_KIND = "daily_treasury_yield_curve"
_COLUMNS = (
    ("1 Mo", 2001),
    ("1.5 Month", 2025),
    ("2 Mo", 2018),
    ("3 Mo", 1990),
    ("4 Mo", 2022),
    ("6 Mo", 1990),
    ("1 Yr", 1990),
    ("2 Yr", 1990),
    ("3 Yr", 1990),
    ("5 Yr", 1990),
    ("7 Yr", 1990),
    ("10 Yr", 1990),
    ("20 Yr", 1993),
    ("30 Yr", 1990),
)
"""Tenors in the file's order, with the first year whose file has them."""


def render(view: View, request: Request) -> Response:
    """Return one year's file: only its header before the first day; tenors the market lacks have empty cells."""
    found = _PATH.fullmatch(request.path)
    if found is None or request.params.get("type") != _KIND:
        return not_found()
    year = int(found.group(1))
    columns = [name for name, since in _COLUMNS if year >= since]
    lines = ["Date," + ",".join(f'"{name}"' for name in columns)]
    table = _year(view, year)
    for row in table.iter_rows(named=True):
        cells = [_cell(row.get(name), rescaled=view.is_rescaled) for name in columns]
        lines.append(f"{row['period_date']:%m/%d/%Y}," + ",".join(cells))
    return Response(("\n".join(lines) + "\n").encode(), "text/csv; charset=UTF-8")


def _cell(value: float | None, *, rescaled: bool) -> str:
    if value is None:
        return ""
    return repr(value) if rescaled else f"{value:.2f}"


def _year(view: View, year: int) -> pl.DataFrame:
    table = pl.DataFrame(schema={"period_date": pl.Date})
    for code, (series, _) in view.pairs("treasury").items():
        if not code.startswith("par_yield/"):
            continue
        frame = view.published(series, "treasury").filter(pl.col("period_date").dt.year() == year)
        frame = frame.rename({"value": code.removeprefix("par_yield/")})
        table = table.join(frame, on="period_date", how="full", coalesce=True)
    return table.sort("period_date", descending=True)


HOSTS: Final = {"home.treasury.gov": render}
