"""Robert J. Shiller: US stocks by month from 1871, with the cyclically adjusted price over earnings (CAPE).

Where   the link to ie_data.xls on https://shillerdata.com/, which moves; else the older copy at
        https://www.econ.yale.edu/~shiller/data/ie_data.xls (keyless, one legacy Excel file, the whole history)
Grain   sheet Data, one row per month below a header of eight rows
Units   index points, percent and ratios, not stated
Breaks  SourceChanged on a page without the link, another sheet or header, months that do not follow each other, a
        fraction of the year that is not the month's, figures in a row without a month, text where a number is due

A month is printed as a number: 1871.1 is October, 1871.01 January. Dividends and earnings come months later. The last
price is of a day or a few, and says so in a footnote below the last row, as it says which prices are estimated.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any, Final

import polars as pl

from ingest.batch import Window
from ingest.connector import FetchContext
from ingest.errors import SourceError
from ingest.payload import Payload
from ingest.readers.fund_days import panel_rows
from ingest.readers.parsing import changed, quoted
from ingest.readers.workbooks import Row, is_blank, number_of, xls_sheet

PAGE_URL: Final = "https://shillerdata.com/"
OLDER_URL: Final = "https://www.econ.yale.edu/~shiller/data/ie_data.xls"
TABLE: Final = "shiller.market_months"
SHEET: Final = "Data"

_EXPECTED = f"a workbook with a sheet {SHEET}"
_LINK: Final = re.compile(r"(?:https:)?(//img1\.wsimg\.com/blobby/go/[^\"'\s<>]*?ie_data[^\"'\s<>]*?\.xls)(?![a-z])")
_HEADER: Final = ("Date", "P", "D", "E", "CPI", "Fraction", "Rate GS10")
_CAPE: Final = "CAPE"
_HEADER_ROW: Final = 8
_GAPS: Final = ("", "NA")
_MONTHS: Final = 12
_FRACTION_SLACK: Final = 0.01  # of a year; the next month is 0.08 away


def fetch(context: FetchContext) -> Iterator[Payload | SourceError]:
    """Yield the workbook that the page links to; where that fails, its error and the older copy."""
    try:
        page = context.http.get("shiller", "page with the link", PAGE_URL)
        yield context.http.get("shiller", "workbook", link_in(page), meta={"part": "workbook"})
    except SourceError as error:
        yield error
        yield context.http.get("shiller", "older copy of the workbook", OLDER_URL, meta={"part": "workbook"})


def link_in(page: Payload) -> str:
    """Return the address of the workbook."""
    found = _LINK.search(page.body.decode("utf-8", "replace"))
    if found is None:
        raise changed(page, "a link to ie_data.xls at img1.wsimg.com", "none")
    return f"https:{found[1]}"


def parse(payload: Payload) -> dict[str, pl.DataFrame]:
    """Return one row per month."""
    sheet = xls_sheet(payload, _EXPECTED, SHEET)
    cape = _cape_column(payload, sheet)
    months, notes = _months(payload, sheet[_HEADER_ROW - 1 :][1:])

    def column(at: int, name: str) -> list[float | None]:
        return [number_of(payload, row[at], _GAPS, f"{name} of {month:%Y-%m}") for month, row in months.items()]

    is_newest = [False] * (len(months) - 1) + [True]
    columns: dict[str, Any] = {
        "month_date": list(months),
        "price_index": column(1, "P"),
        "dividend_index": column(2, "D"),
        "earnings_index": column(3, "E"),
        "cpi_index": column(4, "CPI"),
        "gs10_pct": column(6, "Rate GS10"),
        "cape_ratio": column(cape, _CAPE),
        "is_newest": is_newest,
        "note_text": [notes if newest else None for newest in is_newest],
    }
    return {TABLE: panel_rows(payload, TABLE, columns)}


def windows(payload: Payload, rows: Mapping[str, pl.DataFrame]) -> list[Window]:
    """Return the whole history: the file always has all of it."""
    return [Window("", None, table_id=TABLE)]


def _cape_column(payload: Payload, sheet: Sequence[Row]) -> int:
    """Return where CAPE stands, once the header is what it should be."""
    if len(sheet) <= _HEADER_ROW:
        raise changed(payload, f"a header in row {_HEADER_ROW} and months below", f"{len(sheet)} rows")
    header = [cell.strip() if isinstance(cell, str) else cell for cell in sheet[_HEADER_ROW - 1]]
    if tuple(header[: len(_HEADER)]) != _HEADER:
        seen = ", ".join(map(str, header[: len(_HEADER)]))
        raise changed(payload, f"{', '.join(_HEADER)} in row {_HEADER_ROW}", quoted(seen))
    if header.count(_CAPE) != 1:
        raise changed(payload, f"one column {_CAPE}", f"{header.count(_CAPE)} of them")
    return header.index(_CAPE)


def _months(payload: Payload, rows: Sequence[Row]) -> tuple[dict[date, Row], str | None]:
    """Return the rows by month, and the footnotes below the last one."""
    months: dict[date, Row] = {}
    notes: list[str] = []
    for row in rows:
        if is_blank(row):
            continue
        if is_blank(row[:1]):
            if not all(isinstance(cell, str) for cell in row):
                raise changed(payload, "nothing but footnotes in a row without a month", quoted(_first_number(row)))
            notes += [cell.strip() for cell in row if cell.strip()]
            continue
        if notes:
            raise changed(payload, "no month below the footnotes", quoted(row[0]))
        month = _month(payload, row[0], row[5])
        if months and month != _after(next(reversed(months))):
            raise changed(payload, f"{_after(next(reversed(months))):%Y-%m} after the month before", quoted(row[0]))
        months[month] = row
    if not months:
        raise changed(payload, "at least one month", "none")
    return months, "; ".join(notes) or None


def _month(payload: Payload, cell: Any, fraction: Any) -> date:
    """Return the month of a number like 1871.1; the fraction of the year beside it must be in the same month."""
    if isinstance(cell, bool) or not isinstance(cell, (int, float)):
        raise changed(payload, "a month like 1871.1 for October 1871", quoted(cell))
    year, month = divmod(round(cell * 100), 100)
    if not 1 <= month <= _MONTHS or abs(cell * 100 - round(cell * 100)) > _FRACTION_SLACK:
        raise changed(payload, "a month like 1871.1 for October 1871", quoted(cell))
    middle = number_of(payload, fraction, (), f"Fraction of {year}-{month:02d}")
    if middle is None or abs(middle - (year + (month - 0.5) / _MONTHS)) > _FRACTION_SLACK:
        raise changed(payload, f"Fraction in {year}-{month:02d}", quoted(fraction))
    return date(year, month, 1)


def _after(month: date) -> date:
    return date(month.year + month.month // _MONTHS, month.month % _MONTHS + 1, 1)


def _first_number(row: Row) -> Any:
    return next(cell for cell in row if not isinstance(cell, str))
