"""User files of fund flows: the table of a web page as it is pasted, for funds whose issuers publish no share counts.

Where   <home>/user_files/fund_flows/bitcoin_usd_mn.csv, or bitcoin_usd_bn.csv: the name says the unit
Grain   one row per day: Date, a column for each fund if there are any, Total; cells apart by commas or tabs
Units   USD millions or billions; thousands may have commas (in quotes), parentheses are negative, nothing or a dash is
        a gap. Days like 11 Jan 2024. Rows below the days may say Total, Average, Maximum and Minimum
Breaks  SourceChanged naming file and line: another header, a day twice, out of order or on a weekend, a row whose funds
        do not add up to its Total, days that do not add up to the Total below them or whose Maximum or Minimum is
        another (a paste that was cut), figures too large or too small for the unit that the name says.
        A flow on a holiday of the exchange lands and is in no mart: flow_is_of_a_session warns with its day and amount
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Final

import polars as pl

from ingest.batch import Window
from ingest.connector import FetchContext
from ingest.errors import SourceChanged, SourceError
from ingest.home import Home
from ingest.payload import Payload
from ingest.readers.fund_days import panel_rows
from ingest.readers.limits import oversize_of_text
from ingest.readers.parsing import changed, day, quoted, refuse_doubled_names, refuse_oversize, text_of
from ingest.sources.user_file.user_csv import user_payload

FOLDER: Final = "fund_flows"
TABLE: Final = "user_file.bitcoin_fund_flows"
TOTAL: Final = "TOTAL"

_MILLIONS: Final = {"usd_mn": 1.0, "usd_bn": 1000.0}
_NAMES: Final = {f"bitcoin_{unit}.csv": unit for unit in _MILLIONS}
_EXPECTED: Final = "a header Date[,fund …],Total"
_FUND: Final = re.compile(r"[A-Z]{2,5}")
_NUMBER: Final = re.compile(r"(\()?(-)?(\d{1,3}(?:,\d{3})+|\d+)(\.\d+)?(?(1)\))")
_GAPS: Final = ("", "-", ".")
_FOOTERS: Final = ("total", "average", "maximum", "minimum")
_ROUNDING: Final = 0.06
"""How far a printed figure may be from what it is printed of, USD millions: half of its last decimal and a little."""
_ROUNDING_BN: Final = 0.6
_LARGEST_DAY: Final = (20.0, 20_000.0)
"""Between what, in USD millions, the largest day of a table lies: below are billions, above thousands."""
_ENOUGH_DAYS: Final = 20
_SATURDAY: Final = 5


@dataclass(frozen=True, slots=True)
class _Row:
    line: int
    day: date
    funds: list[float | None]
    total: float | None


def fetch(context: FetchContext) -> Iterator[Payload | SourceError]:
    """Yield the table, and an error for each file of another name or a second unit."""
    folder = Home(context.settings.home).user_files / FOLDER
    files = sorted(path for path in folder.glob("*") if path.is_file() and not path.name.startswith("."))
    seen: str | None = None
    for done, path in enumerate(files):
        name = f"{FOLDER}/{path.name}"
        context.progress(name, done, len(files))
        if path.name not in _NAMES:
            yield SourceChanged("user_file", name, expected=f"a name of {', '.join(_NAMES)}", seen="another one")
            continue
        if seen is not None:
            yield SourceChanged("user_file", name, expected="one table of the same funds", seen=f"also {seen}")
            continue
        seen = name
        try:
            meta = {"part": FOLDER, "unit": _NAMES[path.name]}
            yield context.http.keep(user_payload(path, name, context.clock, meta))
        except SourceError as error:
            yield error


def parse(payload: Payload) -> dict[str, pl.DataFrame]:
    """Return a row per day and fund, and one for all funds, in USD millions."""
    header, *lines = _cells(payload)
    funds = _funds(payload, header[1])
    factor = _MILLIONS[payload.meta["unit"]]
    rows: list[_Row] = []
    footers: dict[str, float | None] = {}
    for line, cells in lines:
        if len(cells) != len(header[1]):
            raise changed(payload, f"{len(header[1])} cells in line {line}", quoted(",".join(cells)))
        label = cells[0].lower()
        if label in _FOOTERS:
            footers[label] = _scaled(payload, line, cells[-1], factor)
        elif footers:
            raise changed(payload, f"no days below the totals, in line {line}", quoted(cells[0]))
        else:
            rows.append(_row(payload, line, cells, factor))
    if not rows:
        raise changed(payload, "at least one day", "a header alone")
    rounding = _ROUNDING if factor == 1.0 else _ROUNDING_BN
    _refuse_order(payload, rows)
    _refuse_sums(payload, rows, funds, rounding)
    _refuse_footers(payload, rows, footers, rounding)
    _refuse_unit(payload, rows)
    return {TABLE: _table(payload, _finished(rows), funds)}


def windows(payload: Payload, rows: Mapping[str, pl.DataFrame]) -> list[Window]:
    """Return the whole history of every fund: the table is all the user gives."""
    return [Window(fund, None, table_id=TABLE) for fund in rows[TABLE]["fund"].unique().sort()]


def _cells(payload: Payload) -> list[tuple[int, list[str]]]:
    """Return the lines that have any text, with their numbers."""
    refuse_oversize(payload, oversize_of_text)
    texts = text_of(payload, _EXPECTED).splitlines()
    apart = "\t" if any("\t" in text for text in texts[:1]) else ","
    read = csv.reader(texts, delimiter=apart, strict=True)
    try:
        found = [(read.line_num, [cell.strip() for cell in cells]) for cells in read]
    except csv.Error as error:
        raise changed(payload, f"cells in quotes that end, in line {read.line_num}", str(error)) from None
    filled = [(line, cells) for line, cells in found if any(cells)]
    if not filled:
        raise changed(payload, _EXPECTED, "no header line")
    return filled


def _funds(payload: Payload, header: Sequence[str]) -> list[str]:
    first, *funds, last = header if len(header) > 1 else [*header, ""]
    if first.lower() != "date" or last.lower() != "total":
        raise changed(payload, _EXPECTED, quoted(",".join(header)))
    stranger = next((name for name in funds if not _FUND.fullmatch(name)), None)
    if stranger is not None:
        raise changed(payload, "tickers of funds between Date and Total", quoted(stranger))
    refuse_doubled_names(payload, funds)
    return funds


def _row(payload: Payload, line: int, cells: Sequence[str], factor: float) -> _Row:
    on = day(payload, cells[0], "%d %b %Y", f"line {line}")
    if on.weekday() >= _SATURDAY:
        raise changed(payload, f"a weekday in line {line}", quoted(cells[0]))
    values = [_scaled(payload, line, cell, factor) for cell in cells[1:]]
    return _Row(line, on, values[:-1], values[-1])


def _scaled(payload: Payload, line: int, cell: str, factor: float) -> float | None:
    if cell in _GAPS:
        return None
    found = _NUMBER.fullmatch(cell)
    if found is None or (found[1] and found[2]):
        raise changed(payload, f"a number like 1,373.8 or (52.7) in line {line}", quoted(cell))
    size = round(float(f"{found[3].replace(',', '')}{found[4] or ''}") * factor, 6)
    return -size if found[1] or found[2] else size


def _refuse_order(payload: Payload, rows: Sequence[_Row]) -> None:
    for before, row in pairwise(rows):
        if row.day <= before.day:
            raise changed(payload, f"a day after {before.day} in line {row.line}", str(row.day))


def _refuse_sums(payload: Payload, rows: Sequence[_Row], funds: Sequence[str], rounding: float) -> None:
    """Raise SourceChanged for a row whose funds add up to something else than its Total."""
    for row in rows if funds else ():
        printed = [value for value in row.funds if value is not None]
        if row.total is None:
            if printed:
                raise changed(payload, f"a Total beside the funds in line {row.line}", "none")
        elif abs(sum(printed) - row.total) > rounding * (len(printed) + 1):
            said = f"{sum(printed):.1f} (USD mn)"
            raise changed(payload, f"funds that add up to the Total {row.total:.1f} in line {row.line}", said)


def _refuse_footers(
    payload: Payload, rows: Sequence[_Row], footers: Mapping[str, float | None], rounding: float
) -> None:
    """Raise SourceChanged where what stands below the days is not of these days: lines are missing, or were changed."""
    totals = [row.total for row in rows if row.total is not None]
    measures = {"total": sum(totals), "maximum": max(totals, default=0.0), "minimum": min(totals, default=0.0)}
    for label, found in measures.items():
        said = footers.get(label)
        allowed = rounding * (1 + (len(totals) ** 0.5 if label == "total" else 0))
        if said is not None and abs(found - said) > allowed:
            raise changed(
                payload, f"days whose {label.capitalize()} is {said:.1f} (USD mn)", f"{found:.1f}: lines missing"
            )


def _refuse_unit(payload: Payload, rows: Sequence[_Row]) -> None:
    """Raise SourceChanged where the largest day cannot be in the unit of the file's name."""
    sizes = [abs(row.total) for row in rows if row.total is not None]
    least, most = _LARGEST_DAY
    largest = max(sizes, default=0.0)
    if largest > most or (len(sizes) >= _ENOUGH_DAYS and largest < least):
        unit = payload.meta["unit"].replace("_", " ").replace("usd", "USD")
        raise changed(payload, f"flows in {unit}, as the name says", f"{largest:g} USD mn on the largest day")


def _finished(rows: Sequence[_Row]) -> Sequence[_Row]:
    """Return the days without those at the end that have only zeros and gaps: pages print a day before it is over."""
    for count in range(len(rows), 0, -1):
        if any((rows[count - 1].total or 0.0, *(value or 0.0 for value in rows[count - 1].funds))):
            return rows[:count]
    return ()


def _table(payload: Payload, rows: Sequence[_Row], funds: Sequence[str]) -> pl.DataFrame:
    columns = {TOTAL: [row.total for row in rows]}
    columns |= {fund: [row.funds[at] for row in rows] for at, fund in enumerate(funds)}
    frame = {
        "fund": [fund for fund in columns for _ in rows],
        "flow_date": [row.day for _ in columns for row in rows],
        "flow_usd_mn": [value for values in columns.values() for value in values],
    }
    return panel_rows(payload, TABLE, frame)
