"""ICI: weekly estimates of the net issuance of all US exchange-traded funds, to hold our panel against.

Where   https://www.ici.org/etf_flows_data_<year>.xls (keyless), one legacy Excel file per year; each year from 2013 the
        first time, later the current year and in January the year before
Grain   sheet Weekly ETF Public Report: one row per week, usually ended on a Wednesday; around month ends and holidays a
        week may have five to nine days, so that periods are matched by their dates, never by the calendar
Units   USD millions, estimates, revised; columns in a header of several rows, found by their texts
Breaks  SourceChanged on another sheet or column, a scale other than millions, weeks not five to nine days apart, parts
        that do not add up to their totals
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from itertools import pairwise
from typing import Any, Final

import polars as pl

from ingest.batch import Window
from ingest.clock import NEW_YORK
from ingest.connector import FetchContext
from ingest.errors import SourceError
from ingest.payload import Payload
from ingest.readers.fund_days import no_panel_rows, panel_rows
from ingest.readers.parsing import changed, quoted
from ingest.readers.workbooks import Row, days_of, is_blank, number_of, xls_sheet
from ingest.rules.doubles import clashes, one_row_each

URL = "https://www.ici.org/etf_flows_data_{year}.xls"
SHEET = "Weekly ETF Public Report"
TABLE: Final = "ici.weekly_flows"

_FIRST_YEAR: Final = 2013
_DATE: Final = "%m/%d/%Y"
_GAPS: Final = ("", "-", "--", "n/a", "N/A")
_HEADER_ROWS: Final = 4
_FOOTNOTE: Final = re.compile(r"[\s*†‡\d]+$")
_SCALE: Final = re.compile(r"\b(thousands?|millions?|billions?)\b", re.IGNORECASE)
_WEEK_DAYS: Final = range(5, 10)
_ROUNDING_USD_MN: Final = 5.0

# (group, column) as the header prints them, in lower case; a group stands above several columns
_COLUMNS: Final[Mapping[tuple[str, str], str]] = {
    ("", "total etfs"): "total",
    ("", "total"): "total",
    ("equity", "total"): "equity",
    ("equity", "total equity"): "equity",
    ("equity", "domestic"): "domestic_equity",
    ("equity", "world"): "world_equity",
    ("", "hybrid"): "hybrid",
    ("bond", "total"): "bond",
    ("bond", "total bond"): "bond",
    ("bond", "taxable"): "taxable_bond",
    ("bond", "municipal"): "municipal_bond",
    ("", "commodity"): "commodity",
}
_CATEGORIES: Final = tuple(dict.fromkeys(_COLUMNS.values()))
_SUMS: Final[Mapping[str, tuple[str, ...]]] = {
    "total": ("equity", "hybrid", "bond", "commodity"),
    "equity": ("domestic_equity", "world_equity"),
    "bond": ("taxable_bond", "municipal_bond"),
}


def fetch(context: FetchContext) -> Iterator[Payload | SourceError]:
    """Yield the files of the years that can hold something new, oldest first.

    ICI may have no file of a year before those we hold, and in January none of the year that has just begun: 404 is an
    answer there.
    """
    yield from yearly(context, "ici", "ETF net issuance", URL)


def parse(payload: Payload) -> dict[str, pl.DataFrame]:
    """Return one row per week and category; nothing where ICI has no file of that year."""
    return weekly(payload, SHEET, TABLE)


def windows(payload: Payload, rows: Mapping[str, pl.DataFrame]) -> list[Window]:
    """Return the weeks from the first of the file to the end of its year: all that it could hold."""
    return windows_of_year(payload, rows, TABLE)


def yearly(context: FetchContext, source: str, name: str, url: str) -> Iterator[Payload | SourceError]:
    """Yield the files of one of ICI's weekly releases."""
    today = context.clock().astimezone(NEW_YORK).date()
    newest = context.since.get("")
    for year in _years(newest, today):
        may_lack = today.month == 1 if year == today.year else newest is None
        try:
            yield context.http.get(
                source,
                f"{name} {year}",
                url.format(year=year),
                meta={"part": "weekly", "year": str(year)},
                accept_status=(200, 404) if may_lack else (200,),
            )
        except SourceError as error:
            yield error


def weekly(payload: Payload, name: str, table_id: str) -> dict[str, pl.DataFrame]:
    """Return the rows of the sheet `name`, which is laid out alike in all of ICI's weekly files."""
    if payload.status == 404:
        return {table_id: no_panel_rows(table_id)}
    sheet = xls_sheet(payload, f"a workbook with a sheet {name}", name)
    days = days_of([_without_footnote(row[0]) for row in sheet], _DATE)
    first = next((at for at, on in enumerate(days) if on is not None), None)
    if first is None:
        raise changed(payload, "at least one week", "no row that starts with a date")
    _require_millions(payload, sheet[:first])
    columns = _columns(payload, sheet[:first])
    weeks = _weeks(payload, sheet, days, columns)
    return {table_id: _long(payload, weeks, table_id)}


def windows_of_year(payload: Payload, rows: Mapping[str, pl.DataFrame], table_id: str) -> list[Window]:
    """Return the window of a file of one year."""
    weeks = rows[table_id]["week_end_date"]
    if weeks.is_empty():
        return []
    first, last = weeks.min(), weeks.max()
    assert isinstance(first, date)
    assert isinstance(last, date)
    return [Window("", first, max(last, date(int(payload.meta["year"]), 12, 31)), table_id=table_id)]


def _years(newest: date | None, today: date) -> range:
    if newest is None:
        return range(_FIRST_YEAR, today.year + 1)
    begin = today.year - 1 if today.month == 1 else today.year
    return range(min(begin, newest.year), today.year + 1)


def _without_footnote(cell: Any) -> Any:
    return cell.strip().rstrip("*†‡ ") if isinstance(cell, str) else cell


def _require_millions(payload: Payload, preamble: Sequence[Row]) -> None:
    """Raise SourceChanged when the titles speak of another scale than millions."""
    scales = {
        found.lower().rstrip("s")
        for row in preamble
        for cell in row
        if isinstance(cell, str)
        for found in _SCALE.findall(cell)
    }
    if scales - {"million"}:
        raise changed(payload, "millions of dollars", ", ".join(sorted(scales)))


def _columns(payload: Payload, preamble: Sequence[Row]) -> dict[str, int]:
    """Return where each category stands. A group's name stands above its first column only (merged cells)."""
    header = [row for row in preamble[-_HEADER_ROWS:] if not is_blank(row[1:])]
    width = max((len(row) for row in header), default=0)
    found: dict[str, int] = {}
    group = ""
    for at in range(1, width):
        texts = [_label(row[at]) for row in header if at < len(row) and not is_blank([row[at]])]
        if not texts:
            continue
        if len(texts) > 1:
            group = texts[-2]
        known = _COLUMNS.get((group, texts[-1])) or _COLUMNS.get(("", texts[-1]))
        if known is None:
            raise changed(payload, f"columns of {', '.join(_CATEGORIES)}", quoted(" ".join(texts)))
        if known in found:
            raise changed(payload, f"one column of {known}", "two of them")
        found[known] = at
    missing = [category for category in _CATEGORIES if category not in found]
    if missing:
        raise changed(payload, f"a column of {missing[0]}", f"only {', '.join(found) or 'nothing'}")
    return found


def _label(cell: Any) -> str:
    return _FOOTNOTE.sub("", " ".join(str(cell).split())).lower()


def _weeks(payload: Payload, sheet: Sequence[Row], days: pl.Series, columns: Mapping[str, int]) -> pl.DataFrame:
    """Return week_end_date and one column per category. Labels and footnotes have no figures; months are left out."""
    weeks: list[dict[str, Any]] = []
    is_monthly = False
    is_above = True  # in the titles and the header
    for row, on in zip(sheet, days, strict=True):
        is_above = is_above and on is None
        if on is None:
            if not (is_above or is_blank(row[1:])):
                raise changed(payload, f"a date like {_DATE} before figures", quoted(row[0]))
            label = str(row[0]).lower()
            is_monthly = "week" not in label and ("month" in label or is_monthly)
        elif not is_monthly:
            figures = {name: number_of(payload, row[at], _GAPS, f"{name} of {on}") for name, at in columns.items()}
            weeks.append({"week_end_date": on, **figures})
    schema = {"week_end_date": pl.Date(), **{name: pl.Float64() for name in _CATEGORIES}}
    table = one_row_each(pl.DataFrame(weeks, schema=schema), ["week_end_date"]).sort("week_end_date")
    for clash in clashes(table, ["week_end_date"], None, _CATEGORIES).values():
        raise changed(payload, "each week once", clash)
    _require_weeks(payload, table["week_end_date"])
    _require_sums(payload, table)
    return table


def _require_weeks(payload: Payload, ends: pl.Series) -> None:
    for before, after in pairwise(ends):
        if (after - before).days not in _WEEK_DAYS:
            seen = f"{after} {(after - before).days} days after {before}"
            raise changed(payload, f"weeks of {_WEEK_DAYS[0]} to {_WEEK_DAYS[-1]} days", seen)


def _require_sums(payload: Payload, table: pl.DataFrame) -> None:
    """Raise SourceChanged when parts do not add up to their total: then a column is not what its header says."""
    for total, parts in _SUMS.items():
        apart = table.filter((pl.col(total) - pl.sum_horizontal(parts, ignore_nulls=False)).abs() > _ROUNDING_USD_MN)
        if not apart.is_empty():
            row = apart.row(0, named=True)
            seen = f"{sum(row[part] for part in parts):g} on {row['week_end_date']}"
            raise changed(payload, f"{', '.join(parts)} to add up to {total} {row[total]:g}", seen)


def _long(payload: Payload, weeks: pl.DataFrame, table_id: str) -> pl.DataFrame:
    table = weeks.unpivot(index="week_end_date", variable_name="category", value_name="flow_usd_mn")
    columns = {name: table[name] for name in ("week_end_date", "category", "flow_usd_mn")}
    return panel_rows(payload, table_id, columns).sort("week_end_date", maintain_order=True)
