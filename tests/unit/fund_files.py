"""Issuers' files as sources.md describes them, built cell by cell for the tests of their parsers."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import date
from typing import Any

import openpyxl
import polars as pl

from ingest.dataset import dataset


def xlsx(rows: Sequence[Sequence[Any]], sheet: str = "navhist") -> bytes:
    """Return a workbook of one sheet."""
    book = openpyxl.Workbook()
    book.active.title = sheet
    for row in rows:
        book.active.append(list(row))
    body = io.BytesIO()
    book.save(body)
    return body.getvalue()


def xls(rows: Sequence[Sequence[Any]], sheet: str) -> bytes:
    """Return a legacy (BIFF) workbook; None leaves a cell out, dates become date cells."""
    import xlwt

    book = xlwt.Workbook()
    page = book.add_sheet(sheet)
    day_style = xlwt.easyxf(num_format_str="MM/DD/YYYY")
    for at, row in enumerate(rows):
        for column, cell in enumerate(row):
            if isinstance(cell, date):
                page.write(at, column, cell, day_style)
            elif cell is not None:
                page.write(at, column, cell)
    body = io.BytesIO()
    book.save(body)
    return body.getvalue()


def has_schema_of(rows: pl.DataFrame, table_id: str) -> bool:
    """Whether a frame has exactly the columns of a panel table, in order."""
    return list(rows.schema.items()) == list(dataset(table_id).rows_schema.items())


def days(rows: pl.DataFrame) -> dict[date, tuple[float | None, float | None, float | None]]:
    """Return (NAV, shares, net assets) by date."""
    names = ("nav_usd", "shares_outstanding_count", "net_assets_usd")
    return {row["report_date"]: tuple(row[name] for name in names) for row in rows.iter_rows(named=True)}
