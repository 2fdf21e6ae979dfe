"""Symbol directories of Nasdaq Trader: what is listed today, on Nasdaq and elsewhere.

Where   https://www.nasdaqtrader.com/dynamic/SymDir/nasdaqlisted.txt and otherlisted.txt (keyless)
Grain   one row per symbol and day; only today's directory is served, so history begins with the first run
Units   none. Symbols are as printed (BRK.B; NA is a ticker), exchanges by letter, Q for Nasdaq. A directory is known
        from the moment at which it was made, by its footer
Breaks  SourceChanged on another header, a line of other width, a missing footer (the file was cut), an unknown letter,
        a directory of few symbols, a symbol twice. Test issues are left out
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final

import polars as pl

from ingest.batch import PartOfPayloadChanged, Window
from ingest.clock import NEW_YORK, naive_utc
from ingest.connector import FetchContext
from ingest.errors import SourceChanged, SourceError
from ingest.payload import Payload
from ingest.readers.fund_days import panel_rows
from ingest.readers.parsing import changed, lines_of, quoted

DIRECTORIES: Final[Mapping[str, str]] = {
    "nasdaqlisted.txt": (
        "Symbol|Security Name|Market Category|Test Issue|Financial Status|Round Lot Size|ETF|NextShares"
    ),
    "otherlisted.txt": ("ACT Symbol|Security Name|Exchange|CQS Symbol|ETF|Round Lot Size|Test Issue|NASDAQ Symbol"),
}
BASE: Final = "https://www.nasdaqtrader.com/dynamic/SymDir"
LEAST_SYMBOLS: Final = 1_000
SIMULATED_LEAST_SYMBOLS: Final = 1

_FOOTER = "File Creation Time: "
_EXCHANGES = ("A", "N", "P", "Z", "V")
_YES_NO = {"Y": True, "N": False, "": None}
_TABLE = "nasdaq_trader.symbols"


def fetch(context: FetchContext) -> Iterator[Payload | SourceError]:
    """Yield both directories."""
    least = SIMULATED_LEAST_SYMBOLS if context.settings.origin == "SIMULATED" else LEAST_SYMBOLS
    for done, name in enumerate(DIRECTORIES, start=1):
        try:
            yield context.http.get("nasdaq_trader", name, f"{BASE}/{name}", meta={"least_symbols": str(least)})
        except SourceError as error:
            yield error
        context.progress(f"nasdaq_trader: {name}", done, len(DIRECTORIES))


def parse(payload: Payload) -> dict[str, pl.DataFrame]:
    """Return the directory's symbols on the day the file was made, test issues left out."""
    lines = lines_of(payload, "a symbol directory")
    header = DIRECTORIES[payload.name]
    filled = list(dict.fromkeys(line for line in lines if line.strip()))  # a line that stands twice counts once
    if header not in filled:
        raise changed(payload, f"the header {header}", quoted(filled[0]))
    footers = [line for line in filled if line.startswith(_FOOTER)]
    if len(footers) > 1:
        raise changed(payload, "one file creation time", " and ".join(map(quoted, footers)))
    made = _made(payload, footers[0] if footers else filled[-1])
    cells = _cells(payload, header, [line for line in filled if line not in (header, footers[0])])
    cells = cells.filter(pl.Series(_flags(payload, cells, "Test Issue")).fill_null(False).not_())
    name = header.partition("|")[0]
    problems = _doubled(payload, cells, name)
    cells = cells.filter(~pl.col(name).is_in(list(problems)))
    symbols = cells[name]
    _require_whole(payload, symbols)
    table = {
        "snapshot_date": made.date(),
        "symbol": symbols,
        "security_name": cells["Security Name"],
        "listing_exchange": _exchanges(payload, cells),
        "is_etf": _flags(payload, cells, "ETF"),
        "stated_at": naive_utc(min(made, payload.fetched_at)),  # made after we had it: their clock is fast
    }
    tables = {_TABLE: panel_rows(payload, _TABLE, table).sort("symbol")}
    if problems:
        raise PartOfPayloadChanged(tables, problems)
    return tables


def windows(payload: Payload, rows: Mapping[str, pl.DataFrame]) -> list[Window]:
    """Return none: a snapshot withdraws nothing from an earlier one of the same day."""
    return []


def _made(payload: Payload, footer: str) -> datetime:
    """Return when the file was made, New York time: `File Creation Time: 0608202610:01|||||||`."""
    if not footer.startswith(_FOOTER):
        raise changed(payload, f"a last line {_FOOTER}mmddyyyyhh:mm", quoted(footer))
    stamp = footer.removeprefix(_FOOTER).rstrip("|")
    form = "%m%d%Y%H:%M"
    try:
        return datetime.strptime(stamp, form).replace(tzinfo=NEW_YORK)
    except ValueError:
        raise changed(payload, f"a date like {form} for the file creation time", quoted(stamp)) from None


def _cells(payload: Payload, header: str, lines: list[str]) -> pl.DataFrame:
    """Return the cells as texts: NA and NaN are tickers, not gaps."""
    names = header.split("|")
    rows = [line.split("|") for line in lines]
    for row, line in zip(rows, lines, strict=True):
        if len(row) != len(names):
            raise changed(payload, f"{len(names)} cells in each line", quoted(line))
    columns = zip(*rows, strict=True) if rows else ([] for _ in names)
    return pl.DataFrame(
        {name: [cell.strip() for cell in column] for name, column in zip(names, columns, strict=True)},
        schema=dict.fromkeys(names, pl.String()),
    )


def _flags(payload: Payload, cells: pl.DataFrame, column: str) -> list[bool | None]:
    for cell in cells[column]:
        if cell not in _YES_NO:
            raise changed(payload, f"Y, N or nothing in column {column}", quoted(cell))
    return [_YES_NO[cell] for cell in cells[column]]


def _exchanges(payload: Payload, cells: pl.DataFrame) -> list[str] | str:
    if payload.name == "nasdaqlisted.txt":
        return "Q"
    for cell in cells["Exchange"]:
        if cell not in _EXCHANGES:
            raise changed(payload, f"an exchange of {', '.join(_EXCHANGES)}", quoted(cell))
    return cells["Exchange"].to_list()


def _require_whole(payload: Payload, symbols: pl.Series) -> None:
    least = int(payload.meta["least_symbols"])
    if len(symbols) < least:
        raise changed(payload, f"at least {least} symbols", str(len(symbols)))
    blank = symbols.filter(symbols == "")
    if len(blank):
        raise changed(payload, "a symbol in each line", quoted(blank[0]))


def _doubled(payload: Payload, cells: pl.DataFrame, name: str) -> dict[str, SourceChanged]:
    """Return what is wrong with each symbol that stands in two different lines: nothing says which one counts."""
    doubled = cells.filter(pl.col(name).is_duplicated() & (pl.col(name) != ""))
    return {
        symbol: changed(payload, f"{symbol} once", " and ".join(quoted("|".join(row)) for row in lines.rows()))
        for (symbol,), lines in doubled.group_by(name, maintain_order=True)
    }
