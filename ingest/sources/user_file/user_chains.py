"""User files of option chains, for history of one's own: downloads of Cboe's website and saved answers of its API.

Where   <home>/user_files/option_chains/<any name>.csv, as the website gives it: name and last price, a line of date and
        bid, the header, then a line an expiry and strike: eleven columns of the call, the strike, as many of the put;
        <any name>.json, an answer of the address of delayed quotes as it came
Grain   one row per underlying, moment of the download and contract; known at that moment, which the file says
Units   as Cboe's delayed quotes; volatility a ratio. No theta, no vega, no times of trades
Breaks  SourceChanged naming file and line: another header, another form of the date ("June 11, 2022, 8:47 PM EDT" and
        "September 14, 2023 at 4:31 PM EDT" are known), a zone that New York does not have that day, a symbol that is
        not of its line's expiry, strike or side, text for a number. Whose chain it is the symbols say: Cboe has
        renamed indices. It may be of any stock or fund, and of the indices whose chains are collected
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Final

import polars as pl

from ingest.batch import Window
from ingest.catalog.underlyings import Underlying, load_underlyings, underlying_of, underlying_of_root
from ingest.clock import NEW_YORK
from ingest.connector import FetchContext
from ingest.errors import SourceChanged, SourceError
from ingest.home import Home
from ingest.payload import Payload
from ingest.readers.limits import oversize_of_text
from ingest.readers.option_quotes import contracts_of, quote_rows
from ingest.readers.parsing import changed, field, json_of, quoted, refuse_oversize, text_of
from ingest.sources.cboe import cboe_chains
from ingest.sources.user_file.user_csv import user_payload

FOLDER: Final = "option_chains"
TABLE: Final = "user_file.option_quotes"

_SIDE: Final = ["Last Sale", "Net", "Bid", "Ask", "Volume", "IV", "Delta", "Gamma", "Open Interest"]
_HEADER: Final = ["Expiration Date", "Calls", *_SIDE, "Strike", "Puts", *_SIDE]
_COLUMNS: Final = {  # of a side: where it is behind the symbol
    "last_price_usd": 1,
    "bid_usd": 3,
    "ask_usd": 4,
    "volume_contracts": 5,
    "iv_ratio": 6,
    "delta_ratio": 7,
    "gamma_ratio": 8,
    "open_interest_contracts": 9,
}
_STRIKE: Final = 11
_DATE: Final = re.compile(r"Date: (\w+ \d{1,2}, \d{4})(?:,| at) (\d{1,2}:\d\d [AP]M) (E[DS]T)")
_LAST: Final = re.compile(r"Last: ?([\d.,]+)")
_LEAD: Final = 4
_SYMBOL_TAIL: Final = 15


def fetch(context: FetchContext) -> Iterator[Payload | SourceError]:
    """Yield each file of the folder, and an error for each that is neither by its name."""
    folder = Home(context.settings.home).user_files / FOLDER
    files = sorted(path for path in folder.glob("*") if path.is_file() and not path.name.startswith("."))
    for done, path in enumerate(files):
        name = f"{FOLDER}/{path.name}"
        context.progress(name, done, len(files))
        if path.suffix not in (".csv", ".json"):
            yield SourceChanged("user_file", name, expected="a name that ends in .csv or .json", seen=path.name)
            continue
        try:
            yield context.http.keep(user_payload(path, name, context.clock, {"part": FOLDER}))
        except SourceError as error:
            yield error


def parse(payload: Payload) -> dict[str, pl.DataFrame]:
    """Return the contracts of the file, known when it says that its quotes were shown."""
    return _saved_answer(payload) if payload.name.endswith(".json") else _download(payload)


def _saved_answer(payload: Payload) -> dict[str, pl.DataFrame]:
    document = json_of(payload, "a chain of Cboe's delayed quotes")
    symbol = field(payload, field(payload, document, "data", "the file"), "symbol", "data")
    of = underlying_of(str(symbol).lstrip("^_"))
    if of is None or (of.kind == "stock" and not str(symbol).isalpha()):  # an index has roots that we do not know
        known = ", ".join(one.underlying for one in load_underlyings() if one.kind == "index")
        raise changed(payload, f"a chain of a stock, a fund, {known}", quoted(symbol))
    rows = cboe_chains.chain_rows(payload, TABLE, of, is_live=False)
    return {TABLE: rows.with_columns(stated_at=pl.col("snapshot_at"))}


def _download(payload: Payload) -> dict[str, pl.DataFrame]:
    refuse_oversize(payload, oversize_of_text)
    expected = "a table of quotes from Cboe's website"
    lines = [line for line in text_of(payload, expected).splitlines() if line.strip()]
    cells = list(csv.reader(lines))
    if len(cells) < _LEAD:
        raise changed(payload, f"{expected}: name, date, header and contracts", f"{len(cells)} lines")
    spot, snapshot_at = _price(payload, cells[0]), _moment(payload, cells[1])
    if [cell.strip() for cell in cells[2]] != _HEADER:
        raise changed(payload, f"a header {','.join(_HEADER)}", quoted(lines[2]))
    table = cells[3:]
    for number, row in enumerate(table, start=_LEAD):
        if len(row) != len(_HEADER):
            raise changed(payload, f"{len(_HEADER)} cells in line {number} of the table", quoted(",".join(row)))
    of = _underlying(payload, table[0][1])
    columns = _columns(payload, of, table)
    return {TABLE: quote_rows(payload, TABLE, of, snapshot_at, spot, columns, stated_at=snapshot_at)}


def windows(payload: Payload, rows: Mapping[str, pl.DataFrame]) -> list[Window]:
    """Return none: a snapshot withdraws nothing from another one."""
    return []


def _price(payload: Payload, cells: Sequence[str]) -> float:
    found = next((match for cell in cells if (match := _LAST.fullmatch(cell.strip()))), None)
    if found is None:
        raise changed(payload, "a first line of a name and Last: 3900.86", quoted(",".join(cells)))
    try:
        return float(found[1].replace(",", ""))
    except ValueError:
        raise changed(payload, "a number behind Last:", quoted(found[1])) from None


def _moment(payload: Payload, cells: Sequence[str]) -> datetime:
    expected = "a second line like Date: June 11, 2022, 8:47 PM EDT"
    # without quotes its own comma parts it
    found = _DATE.fullmatch(cells[0].strip()) or _DATE.match(",".join(cells).strip())
    if found is None:
        raise changed(payload, expected, quoted(cells[0]))
    try:
        moment = datetime.strptime(f"{found[1]} {found[2]}", "%B %d, %Y %I:%M %p").replace(tzinfo=NEW_YORK)
    except ValueError:
        raise changed(payload, expected, quoted(cells[0])) from None
    if moment.tzname() != found[3]:
        raise changed(payload, f"{moment.tzname()} as New York's zone of that day", found[3])
    return moment


def _underlying(payload: Payload, symbol: str) -> Underlying:
    root = symbol[:-_SYMBOL_TAIL]
    found = underlying_of_root(root)
    if found is None:
        raise changed(payload, "option symbols of a ticker, like SPX261218C04000000", quoted(symbol))
    return found


def _columns(payload: Payload, of: Underlying, table: Sequence[Sequence[str]]) -> dict[str, pl.Series]:
    """Return the columns of both sides; SourceChanged where a symbol is not that of its line."""
    found: dict[str, pl.Series] = {}
    symbols = pl.Series([row[at] for at in (1, _STRIKE + 1) for row in table], dtype=pl.String)
    contracts = contracts_of(payload, symbols, of)
    lines = pl.Series([*range(_LEAD, _LEAD + len(table))] * 2)
    days = pl.Series([_day(payload, row[0], number) for number, row in enumerate(table, start=_LEAD)] * 2)
    strikes = _numbers(payload, [row[_STRIKE] for row in table] * 2, lines, "Strike")
    sides = pl.Series(["C"] * len(table) + ["P"] * len(table))
    wrong = (
        (contracts["expiry_date"] != days)
        | ((contracts["strike_usd"] - strikes).abs() > 1e-6).fill_null(value=True)
        | (contracts["option_type"] != sides)
    )
    if wrong.any():
        at = wrong.arg_true()[0]
        seen = f"{quoted(symbols[at])} beside {days[at]}, {strikes[at]} and side {sides[at]}"
        raise changed(
            payload, f"symbols of their line's expiry, strike and side in line {lines[at]} of the table", seen
        )
    for name, at in _COLUMNS.items():
        cells = [row[start + at] for start in (1, _STRIKE + 1) for row in table]
        found[name] = _numbers(payload, cells, lines, _HEADER[1 + at])
    return {**found, "option_symbol": symbols}


def _day(payload: Payload, cell: str, number: int) -> date:
    try:
        return datetime.strptime(cell.strip(), "%a %b %d %Y").date()  # noqa: DTZ007  a date has no zone
    except ValueError:
        raise changed(payload, f"a date like Fri Jun 10 2022 in line {number} of the table", quoted(cell)) from None


def _numbers(payload: Payload, cells: Sequence[str], lines: pl.Series, name: str) -> pl.Series:
    texts = pl.Series(cells, dtype=pl.String).str.strip_chars()
    numbers = texts.cast(pl.Float64, strict=False)
    broken = (numbers.is_null() | ~numbers.is_finite()).fill_null(value=True) & (texts != "")
    if broken.any():
        at = broken.arg_true()[0]
        raise changed(payload, f"a number as {name} in line {lines[at]} of the table", quoted(cells[at]))
    return numbers
