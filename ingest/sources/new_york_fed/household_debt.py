"""New York Fed, Household Debt and Credit: one workbook a quarter with the whole history.

Where   the workbook that https://www.newyorkfed.org/microeconomics/databank.html links to (keyless), or, where the page
        has no link, HHD_C_Report_<year>Q<quarter>.xlsx of the newest quarter for which the server has one
Grain   one row per quarter from 2003 and loan type; quarters are text such as 24:Q2, dated here on their first day
Units   percent of the balance, trillions of dollars, both said in the second row of a sheet; an empty cell is a gap
Vintage each workbook may sample the past anew. Its newest quarter is known from its Last-Modified, an older one from
        the release rule or, where it changed, from when we saw it
Breaks  SourceChanged on another title, unit, label or quarter, on a row of figures without a quarter, on balances that
        do not add up, on a newest quarter other than that of the file's name. A missing workbook is a page with
        HTTP 200. Columns stand in another order on each sheet and the header in row 4 or 5: both are found by label
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import urljoin

import polars as pl

from ingest.batch import Window
from ingest.catalog.frequency import period_end, periods_before
from ingest.clock import NEW_YORK, naive_utc
from ingest.connector import FetchContext
from ingest.errors import SourceChanged, SourceError
from ingest.payload import Payload
from ingest.readers.fund_days import no_panel_rows, panel_rows
from ingest.readers.parsing import changed, quoted
from ingest.readers.workbooks import Row, is_blank, number_of, xlsx_sheets

PAGE_URL: Final = "https://www.newyorkfed.org/microeconomics/databank.html"
FOLDER: Final = "https://www.newyorkfed.org/medialibrary/interactives/householdcredit/data/xls/"
TABLE: Final = "new_york_fed.household_debt"

_SOURCE: Final = "household_debt"
_LINK: Final = re.compile(r"""href\s*=\s*["']([^"']*/HHD_C_Report_(\d{4})Q([1-4])\.xlsx)["']""", re.IGNORECASE)
_QUARTER: Final = re.compile(r"(\d\d):Q([1-4])")
_FIRST_YEAR: Final = 1990  # of two digits: 99 is 1999, 03 is 2003
_QUARTERS_BACK: Final = 4
_EXPECTED: Final = "a workbook of the Household Debt and Credit report"
_ROUNDING_USD_BN: Final = 25.0


@dataclass(frozen=True, slots=True)
class _Sheet:
    """One sheet: its column of the table, how its title begins, its unit, its labels in capitals, a factor."""

    name: str
    column: str
    title: str
    unit: str
    labels: Mapping[str, str]
    factor: float = 1.0


_RATES: Final = {
    "MORTGAGE": "mortgage",
    "HELOC": "heloc",
    "AUTO": "auto",
    "CC": "card",
    "STUDENT LOAN": "student",
    "OTHER": "other",
    "ALL": "all",
}
_BALANCES: Final = {
    "MORTGAGE": "mortgage",
    "HE REVOLVING": "heloc",
    "AUTO LOAN": "auto",
    "CREDIT CARD": "card",
    "STUDENT LOAN": "student",
    "OTHER": "other",
    "TOTAL": "all",
}
SHEETS: Final = (
    _Sheet(
        "Page 3 Data", "balance_usd_bn", "Total Debt Balance and Its Composition", "Trillions of $", _BALANCES, 1000.0
    ),
    _Sheet("Page 12 Data", "dpd90_pct", "Percent of Balance 90+ Days Delinquent by Loan Type", "Percent", _RATES),
    _Sheet("Page 14 Data", "flow_dpd90_pct", "New Seriously Delinquent* Balances by Loan Type", "Percent", _RATES),
)
_LOANS: Final = tuple(_RATES.values())


def fetch(context: FetchContext) -> Iterator[Payload | SourceError]:
    """Yield the page and the workbook that it links to, or the newest one that the server has."""
    page = context.http.get(_SOURCE, "data bank page", PAGE_URL, meta={"kind": "page"}, accept_status=(200, 404))
    yield page
    links = _LINK.findall(page.body.decode("utf-8", errors="replace"))
    if links:
        link, year, quarter = max(links, key=lambda found: found[1:])
        yield _ask(context, urljoin(PAGE_URL, link), f"{year}Q{quarter}", "workbook")
        return
    today = context.clock().astimezone(NEW_YORK).date()
    for first in periods_before("quarterly", today, _QUARTERS_BACK + 1)[1:]:
        quarter = f"{first.year}Q{(first.month + 2) // 3}"
        payload = _ask(context, f"{FOLDER}HHD_C_Report_{quarter}.xlsx", quarter, "guess")
        yield payload
        if _is_workbook(payload):
            return
    expected = (
        f"a link to HHD_C_Report_<quarter>.xlsx on {PAGE_URL}, or a workbook of the last {_QUARTERS_BACK} quarters"
    )
    yield SourceChanged(_SOURCE, "household debt", expected=expected, seen="neither")


def parse(payload: Payload) -> dict[str, pl.DataFrame]:
    """Return one row per quarter and loan type; nothing for what only says where the workbook is."""
    kind = payload.meta["kind"]
    if kind == "page" or (kind == "guess" and not _is_workbook(payload)):
        return {TABLE: no_panel_rows(TABLE)}
    names = [sheet.name for sheet in SHEETS]
    sheets = xlsx_sheets(payload, _EXPECTED, names)
    parts = [_long(payload, sheet, rows) for sheet, rows in zip(SHEETS, sheets, strict=True)]
    table = parts[0]
    for part in parts[1:]:
        table = table.join(part, on=["quarter_date", "loan_type"], how="full", coalesce=True)
    table = table.sort("quarter_date", "loan_type")
    _require_sums(payload, table)
    newest = table["quarter_date"].max()
    assert isinstance(newest, date)
    if _named(newest) != payload.meta["quarter"]:
        raise changed(payload, f"quarters up to {payload.meta['quarter']}", f"the newest is {_named(newest)}")
    moment = _modified_at(payload, newest)
    stated = [moment if quarter == newest else None for quarter in table["quarter_date"]]
    columns = {name: table[name] for name in table.columns}
    return {TABLE: panel_rows(payload, TABLE, {**columns, "stated_at": stated})}


def windows(payload: Payload, rows: Mapping[str, pl.DataFrame]) -> list[Window]:
    """Return the whole history: a workbook always holds all of it."""
    return [] if rows[TABLE].is_empty() else [Window("", None, table_id=TABLE)]


def _ask(context: FetchContext, url: str, quarter: str, kind: str) -> Payload:
    meta = {"kind": kind, "quarter": quarter}
    status = (200, 404) if kind == "guess" else (200,)
    return context.http.get(_SOURCE, f"household debt {quarter}", url, meta=meta, accept_status=status)


def _is_workbook(payload: Payload) -> bool:
    """Say whether the body is a zip at all: for a quarter it does not have the server sends a page, with HTTP 200."""
    return payload.status == 200 and payload.body.startswith(b"PK")


def _named(quarter: date) -> str:
    return f"{quarter.year}Q{(quarter.month + 2) // 3}"


def _modified_at(payload: Payload, quarter: date) -> datetime | None:
    """Return when the workbook was last changed; None where the server does not say, or says what cannot be."""
    stated = {name.lower(): value for name, value in payload.headers.items()}.get("last-modified", "")
    try:
        moment = naive_utc(parsedate_to_datetime(stated))
    except (TypeError, ValueError):
        return None
    ended = period_end("quarterly", quarter) + timedelta(days=1)
    return moment if datetime(ended.year, ended.month, ended.day) <= moment <= naive_utc(payload.fetched_at) else None  # noqa: DTZ001


def _long(payload: Payload, sheet: _Sheet, rows: Sequence[Row]) -> pl.DataFrame:
    """Return quarter_date, loan_type and the sheet's column; footnotes have no figures and are left out."""
    header, columns = _header(payload, sheet, rows)
    found: dict[date, dict[str, float | None]] = {}
    for row in rows[header + 1 :]:
        label = _text(row[0])
        quarter = _QUARTER.fullmatch(label)
        cells = [row[at] for at in columns.values()]
        if quarter is None:
            if any(isinstance(cell, (int, float)) for cell in cells):
                raise changed(payload, f"a quarter like 24:Q2 before the figures of {sheet.name}", quoted(row[0]))
            continue
        year = int(quarter[1]) + _FIRST_YEAR // 100 * 100
        first = date(year if year >= _FIRST_YEAR else year + 100, 3 * int(quarter[2]) - 2, 1)
        if first in found:
            raise changed(payload, f"each quarter of {sheet.name} once", f"{label} twice")
        values = {loan: number_of(payload, row[at], ("",), f"{loan} of {label}") for loan, at in columns.items()}
        found[first] = {
            loan: None if value is None else round(value * sheet.factor, 6) for loan, value in values.items()
        }
    if not found:
        raise changed(payload, f"quarters like 24:Q2 in {sheet.name}", "a header and no quarter")
    long = [(quarter, loan, value) for quarter, values in found.items() for loan, value in values.items()]
    schema = {"quarter_date": pl.Date(), "loan_type": pl.String(), sheet.column: pl.Float64()}
    return pl.DataFrame(long, schema=schema, orient="row")


def _header(payload: Payload, sheet: _Sheet, rows: Sequence[Row]) -> tuple[int, dict[str, int]]:
    """Return where the header is and where each loan type stands, once the title and the unit are the sheet's."""
    heads = [_text(row[0]) if row else "" for row in rows[:2]]
    for seen, expected in zip([*heads, "", ""][:2], (sheet.title, sheet.unit), strict=True):
        if seen != expected:
            raise changed(payload, f"{expected!r} at the head of {sheet.name}", quoted(seen))
    for at, row in enumerate(rows):
        labels = [_text(cell).upper() for cell in row]
        if not labels[:1] or labels[0] or is_blank(row):
            continue
        missing = [label for label in sheet.labels if labels.count(label) != 1]
        if missing:
            seen = ", ".join(label for label in labels if label) or "nothing"
            raise changed(payload, f"one column {missing[0]} on {sheet.name}", quoted(seen))
        return at, {loan: labels.index(label) for label, loan in sheet.labels.items()}
    raise changed(payload, f"a header with {', '.join(sheet.labels)} on {sheet.name}", "none")


def _text(cell: Any) -> str:
    return " ".join(str(cell).split())


def _require_sums(payload: Payload, table: pl.DataFrame) -> None:
    """Raise SourceChanged where the balances do not add up to their total: then a column is not what it is called."""
    wide = table.pivot("loan_type", index="quarter_date", values="balance_usd_bn")
    parts = [loan for loan in _LOANS if loan != "all"]
    apart = wide.filter((pl.sum_horizontal(parts, ignore_nulls=False) - pl.col("all")).abs() > _ROUNDING_USD_BN)
    if not apart.is_empty():
        row = apart.row(0, named=True)
        seen = f"{sum(row[part] for part in parts):g} in {_named(row['quarter_date'])}"
        raise changed(payload, f"balances that add up to {row['all']:g} billion", seen)
