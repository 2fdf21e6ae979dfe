"""Holdings files of iShares, SSGA and Invesco, old and new column names alike.

Each reader returns the positions of one fund on one day as rows of a `holdings` panel table.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import polars as pl

from ingest.batch import Window
from ingest.payload import Payload
from ingest.readers.fund_days import panel_rows
from ingest.readers.parsing import changed, day, quoted
from ingest.readers.workbooks import Row, csv_rows, is_blank, number_of, xlsx_sheet

_GAPS: Final = ("", "-", "--")
_TRADE_MARKS: Final = re.compile(r"[\s®™©\u00a0]+")
_WEIGHT_SUM: Final = (90.0, 110.0)

_ISHARES: Final[Mapping[str, tuple[str, ...]]] = {
    "holding_ticker": ("Ticker",),
    "holding_name": ("Name",),
    "asset_class": ("Asset Class",),
    "weight_pct": ("Weight (%)",),
    "shares": ("Quantity", "Shares"),  # "Shares" in 2023, "Quantity" in 2024
    "market_value_usd": ("Market Value",),
}
_SSGA: Final[Mapping[str, tuple[str, ...]]] = {
    "holding_ticker": ("Ticker",),
    "holding_name": ("Name",),
    "weight_pct": ("Weight",),
    "shares": ("Shares Held",),
}
_INVESCO: Final[Mapping[str, tuple[str, ...]]] = {
    "fund": ("Fund Ticker", "FundTicker"),
    "holding_ticker": ("Holding Ticker", "HoldingsTicker"),
    "holding_name": ("Name",),
    "weight_pct": ("Weight",),
    "shares": ("Shares/Par Value", "Shares"),
    "market_value_usd": ("MarketValue", "Market Value"),
    "as_of": ("Date",),
}
_INVESCO_CLASS: Final = "Class of Shares"
_ANY_NUMBER: Final = re.compile(r"[-+]?[\d,]+(?:\.\d*)?")
_NUMBERS: Final = frozenset({"weight_pct", "shares", "market_value_usd"})


@dataclass(frozen=True, slots=True)
class HoldingsFile:
    """One fund's positions on one day. `shares_outstanding_count` is the fund's own, where the file states it."""

    fund_ticker: str
    as_of_date: date
    shares_outstanding_count: float | None
    rows: pl.DataFrame


def bare_ticker(cell: object) -> str:
    """Return a ticker without trade marks and spaces: "SPY®" is SPY."""
    return _TRADE_MARKS.sub("", str(cell))


def holdings_windows(table_id: str, rows: pl.DataFrame) -> list[Window]:
    """Return the day of the file: a position that it no longer lists for that day is withdrawn."""
    days = rows.select("fund_ticker", "as_of_date").unique(maintain_order=True)
    return [Window(fund, on, on, table_id=table_id) for fund, on in days.iter_rows()]


def ishares_holdings(payload: Payload, fund: str) -> HoldingsFile:
    """Return the positions of an iShares holdings CSV; the preamble states day and shares outstanding."""
    expected = "CSV with Fund Holdings as of and a header Ticker, Name"
    table = csv_rows(payload, expected)
    start = next((at for at, row in enumerate(table) if row[:2] == ["Ticker", "Name"]), None)
    if start is None:
        raise changed(payload, expected, quoted(",".join(table[0])))
    stated = {row[0]: row[1] for row in table[:start] if len(row) == 2}  # a fund's name may hold a comma
    for name in ("Fund Holdings as of", "Shares Outstanding"):
        if name not in stated:
            raise changed(payload, f"{name} above the header", f"only {', '.join(stated) or 'nothing'}")
    as_of = day(payload, stated["Fund Holdings as of"], "%b %d, %Y", "Fund Holdings as of")
    count = number_of(payload, stated["Shares Outstanding"], _GAPS, "Shares Outstanding")
    columns = _columns(payload, table[start], _ISHARES)
    positions = _positions(payload, table[start + 1 :], len(table[start]), columns)
    return _file(payload, "ishares.holdings", fund, as_of, count, positions)


def ssga_holdings(payload: Payload, fund: str) -> HoldingsFile:
    """Return the positions of an SSGA holdings workbook; disclaimers follow the last one."""
    expected = "a workbook with Ticker Symbol, Holdings: As of and a header Name, Ticker"
    sheet = [[cell.strip() if isinstance(cell, str) else cell for cell in row] for row in xlsx_sheet(payload, expected)]
    start = next((at for at, row in enumerate(sheet) if row[:2] == ["Name", "Ticker"]), None)
    if start is None:
        raise changed(payload, expected, quoted(sheet[0][0] if sheet and sheet[0] else "an empty sheet"))
    stated = {row[0]: row[1] for row in sheet[:start] if len(row) > 1}
    if bare_ticker(stated.get("Ticker Symbol:", "")) != fund:
        raise changed(payload, f"Ticker Symbol: {fund}", quoted(stated.get("Ticker Symbol:", "nothing")))
    as_of = day(payload, stated.get("Holdings:"), "As of %d-%b-%Y", "Holdings:")
    columns = _columns(payload, [str(cell) for cell in sheet[start]], _SSGA)
    positions = _positions(payload, [_until_filled(row) for row in sheet[start + 1 :]], 2, columns)
    return _file(payload, "ssga.holdings", fund, as_of, None, positions)


def invesco_holdings(payload: Payload, table_id: str = "ishares.holdings") -> HoldingsFile:
    """Return the positions of an Invesco holdings CSV, which names its fund in each row.

    `table_id` only picks the columns: Invesco's files come by hand and have no table of their own.
    """
    expected = "CSV with a header Fund Ticker, Holding Ticker, Weight"
    table = csv_rows(payload, expected, may_end_bare=True)  # ends in a date, which all rows must share
    known = {alias for aliases in (_INVESCO["fund"], _INVESCO["holding_ticker"]) for alias in aliases}
    start = next((at for at, row in enumerate(table) if len(known & set(row)) == 2), None)
    if start is None:
        raise changed(payload, expected, quoted(",".join(table[0])))
    columns = _columns(payload, table[start], _INVESCO)
    if _INVESCO_CLASS in table[start]:
        columns["asset_class"] = table[start].index(_INVESCO_CLASS)
    positions = _positions(payload, table[start + 1 :], len(table[start]), columns)
    fund = _only(payload, "fund", [position.pop("fund") for position in positions])
    as_of = day(payload, _only(payload, "date", [position.pop("as_of") for position in positions]), "%m/%d/%Y", "Date")
    return _file(payload, table_id, fund, as_of, None, positions)


def _columns(payload: Payload, header: Row, names: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Return where each value stands; the first of its names that the header has."""
    found = {}
    for value, aliases in names.items():
        alias = next((alias for alias in aliases if alias in header), None)
        if alias is None:
            raise changed(payload, f"a column {' or '.join(aliases)}", quoted(", ".join(filter(None, header))))
        if header.count(alias) > 1:
            raise changed(payload, f"one column {alias}", f"{header.count(alias)} of them")
        found[value] = header.index(alias)
    return found


def _until_filled(row: Row) -> Row:
    """Return a sheet's row without its empty end, so that a disclaimer is one cell wide."""
    width = max((at + 1 for at, cell in enumerate(row) if not is_blank([cell])), default=0)
    return row[:width]


def _positions(payload: Payload, table: list[Row], width: int, columns: Mapping[str, int]) -> list[dict[str, Any]]:
    """Return the positions, wherever disclaimers stand; SourceChanged for a row that is neither.

    A row that stands twice counts once. Two positions of one name and ticker that differ in figures alone are a clash.
    """
    rows: list[Row] = []
    for row in table:
        if len(row) >= width and not is_blank(row):
            rows.append(row)
        elif len(row) > 2 and not is_blank(row):
            raise changed(payload, "nothing but positions and disclaimers", quoted(row[0] or row[1]))
    if not rows:
        raise changed(payload, "at least one position", "a header and no rows")
    once = list({tuple(map(str, row)): row for row in rows}.values())
    found = [_position(payload, number, row, columns) for number, row in enumerate(once, start=1)]
    figures = {at for value, at in columns.items() if value in _NUMBERS}
    first: dict[tuple[str, ...], dict[str, Any]] = {}
    for row, position in zip(once, found, strict=True):
        what = tuple("" if _is_figure(at, cell, figures) else str(cell) for at, cell in enumerate(row))
        other = first.setdefault(what, position)
        if other is not position and position["holding_name"] is not None:
            names = sorted(_NUMBERS & position.keys())
            both = " and ".join(", ".join(f"{name} {one[name]}" for name in names) for one in (other, position))
            holding = f"{position['holding_ticker'] or ''} {position['holding_name']}".strip()
            raise changed(payload, f"one position of {quoted(holding)}", f"two, with {both}")
    return found


def _is_figure(at: int, cell: Any, figures: set[int]) -> bool:
    """Whether a cell is one of the figures read, or any other number: what two lots of one position differ in."""
    return at in figures or not isinstance(cell, str) or bool(_ANY_NUMBER.fullmatch(cell))


def _position(payload: Payload, number: int, row: Row, columns: Mapping[str, int]) -> dict[str, Any]:
    found: dict[str, Any] = {"line_number": number}
    for value, at in columns.items():
        cell = row[at] if at < len(row) else ""
        if value in _NUMBERS:
            found[value] = number_of(payload, cell, _GAPS, f"{value} of position {number}")
        else:
            text = str(cell).strip()
            found[value] = None if text in _GAPS else text
    return found


def _only(payload: Payload, what: str, cells: Sequence[str | None]) -> str:
    """Return the one text that all rows share."""
    different = sorted({cell or "" for cell in cells})
    if len(different) != 1 or not different[0]:
        raise changed(payload, f"one {what} in all rows", quoted(", ".join(different)))
    return different[0]


def _file(
    payload: Payload,
    table_id: str,
    fund: str,
    as_of: date,
    shares_outstanding_count: float | None,
    positions: Sequence[Mapping[str, Any]],
) -> HoldingsFile:
    total = sum(position["weight_pct"] or 0.0 for position in positions)
    if not _WEIGHT_SUM[0] <= total <= _WEIGHT_SUM[1]:
        raise changed(payload, "weights in percent that add up to 100", f"{total:.4g}")
    # Numbered by size, not by line: issuers list them so, and a file in another order holds the same positions.
    ordered = sorted(positions, key=_by_size)
    positions = [{**position, "line_number": number} for number, position in enumerate(ordered, start=1)]
    names = ("line_number", "holding_ticker", "holding_name", "asset_class", "weight_pct", "shares", "market_value_usd")
    columns: dict[str, Any] = {name: [position.get(name) for position in positions] for name in names}
    rows = panel_rows(payload, table_id, {"fund_ticker": fund, "as_of_date": as_of, **columns})
    return HoldingsFile(fund, as_of, shares_outstanding_count, rows)


def _by_size(position: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return what positions are ordered by: the largest weight first, of equal ones the largest holding, then names."""
    sizes = tuple(-(position.get(name) or 0.0) for name in ("weight_pct", "market_value_usd", "shares"))
    texts = tuple(position.get(name) or "" for name in ("holding_ticker", "holding_name", "asset_class"))
    return (*sizes, *texts)
