"""The rows of a query for eyes: a table that fits the terminal, or one record per block where it would not."""

from __future__ import annotations

import os
import shutil
import textwrap
from dataclasses import dataclass
from itertools import islice
from typing import IO, Any, Final, Literal

from rich.cells import cell_len, chop_cells

from serving.query.results import Result, plain_text
from serving.query.terminal import encodable, shown

Layout = Literal["auto", "table", "record"]

SHOWN_ROWS: Final = 1000
NARROWEST_TEXT: Final = 24
"""Cells of text are wrapped down to this width before columns are left out."""
RECORD_LINES: Final = 200
"""What does not fit is shown as records while it takes no more lines than this."""
GAP: Final = "  "
_NARROWEST_VALUE: Final = 20


@dataclass(frozen=True, slots=True)
class _Grid:
    """Names and cells as text, and which columns are numbers and which may be wrapped."""

    names: list[str]
    cells: list[list[str]]
    is_number: list[bool]
    is_text: list[bool]
    has_more: bool

    def natural(self) -> list[int]:
        """Return the width of each column if nothing is wrapped."""
        return [
            max([cell_len(name), *(cell_len(row[place]) for row in self.cells)])
            for place, name in enumerate(self.names)
        ]

    def narrow(self) -> list[int]:
        """Return the least width of each column: names, numbers and dates are never cut."""
        return [
            max(cell_len(name), min(width, NARROWEST_TEXT)) if is_text else width
            for name, width, is_text in zip(self.names, self.natural(), self.is_text, strict=True)
        ]


def write_eyes(result: Result, file: IO[str], layout: Layout) -> None:
    """Write one result to a terminal or a file; "auto" takes a table where it fits, and records where it does not."""
    if result.is_plan:
        _print("\n".join(shown(plain_text(row[-1]), keep_lines=True) for row in result.rows()), file)
        return
    grid = _grid(result)
    width = _width(file)
    if layout == "auto":
        layout = "table" if _fits(grid, width) or not _is_short(grid) else "record"
    chosen = list(range(len(grid.names))) if width is None else _chosen(grid.narrow(), width)
    lines = _records(grid, width) if layout == "record" or not chosen else _table(grid, chosen, width)
    hidden = len(grid.names) - len(chosen) if layout == "table" and chosen else 0
    _print("\n".join([*lines, _count(grid, hidden)]), file)


def _grid(result: Result) -> _Grid:
    rows = result.rows()
    cells = [
        ["NULL" if value is None else shown(plain_text(value)) for value in row] for row in islice(rows, SHOWN_ROWS)
    ]
    is_number = result.numeric
    rigid = ("DATE", "TIME", "BOOLEAN", "UUID", "INTERVAL")
    is_text = [not (number or kind.startswith(rigid)) for number, kind in zip(is_number, result.types, strict=True)]
    return _Grid([shown(name) for name in result.names], cells, is_number, is_text, next(rows, None) is not None)


def _width(file: IO[str]) -> int | None:
    """Return the columns of the terminal; None off a terminal, where a table is as wide as it needs to be."""
    if file.isatty() or os.environ.get("COLUMNS", "").isdigit():
        return max(shutil.get_terminal_size().columns, 20)
    return None


def _fits(grid: _Grid, width: int | None) -> bool:
    return width is None or _total(grid.narrow()) <= width


def _is_short(grid: _Grid) -> bool:
    return len(grid.cells) == 1 or len(grid.cells) * (len(grid.names) + 1) <= RECORD_LINES


def _total(widths: list[int]) -> int:
    return sum(widths) + len(GAP) * (len(widths) - 1)


def _chosen(widths: list[int], width: int) -> list[int]:
    """Return the columns that a table of `width` has room for, from both ends in turn; none when there is no room."""
    if _total(widths) <= width:
        return list(range(len(widths)))
    room = width - len(GAP) - 1  # the column of dots
    left, right = 0, len(widths)
    while left < right:
        is_left = left <= len(widths) - right
        place = left if is_left else right - 1
        room -= widths[place] + len(GAP) * (left > 0 or right < len(widths))
        if room < 0:
            break
        left, right = (left + 1, right) if is_left else (left, right - 1)
    return [*range(left), *range(right, len(widths))]


def _table(grid: _Grid, chosen: list[int], width: int | None) -> list[str]:
    widths = _widened(grid, chosen, width)
    gap_at = next((number for number, place in enumerate(chosen) if place != number), None)
    if len(chosen) < len(grid.names) and gap_at is None:
        gap_at = len(chosen)

    def line(cells: list[str], fill: str = " ", dots: str = "…") -> str:
        told = [
            cell.rjust(one - cell_len(cell) + len(cell), fill)
            if grid.is_number[place]
            else cell.ljust(one - cell_len(cell) + len(cell), fill)
            for cell, one, place in zip(cells, widths, chosen, strict=True)
        ]
        if gap_at is not None:
            told.insert(gap_at, dots)
        return GAP.join(told).rstrip()

    lines = [line([grid.names[place] for place in chosen]), line([""] * len(chosen), "─", "─")]
    for row in grid.cells:
        wrapped = [_wrapped(row[place], one) for place, one in zip(chosen, widths, strict=True)]
        for number in range(max(map(len, wrapped))):
            cells = [parts[number] if number < len(parts) else "" for parts in wrapped]
            lines.append(line(cells, dots="…" if number == 0 else " "))
    return lines


def _widened(grid: _Grid, chosen: list[int], width: int | None) -> list[int]:
    """Return the widths of the chosen columns: what is left of the terminal goes to wrapped text, least need first."""
    natural, narrow = grid.natural(), grid.narrow()
    if width is None:
        return [natural[place] for place in chosen]
    widths = [narrow[place] for place in chosen]
    spare = width - _total(widths) - (len(GAP) + 1) * (len(chosen) < len(grid.names))
    wanting = sorted(range(len(chosen)), key=lambda number: natural[chosen[number]] - widths[number])
    for done, number in enumerate(wanting):
        more = min(natural[chosen[number]] - widths[number], max(spare, 0) // (len(wanting) - done))
        widths[number] += more
        spare -= more
    return widths


def _records(grid: _Grid, width: int | None) -> list[str]:
    names = max((cell_len(name) for name in grid.names), default=0)
    room = None if width is None else max(width - names - len(GAP), _NARROWEST_VALUE)
    lines = []
    for number, row in enumerate(grid.cells, start=1):
        title = f"─ record {number} "
        lines.append(title + "─" * max((width or 60) - len(title), 0))
        for name, cell in zip(grid.names, row, strict=True):
            first, *others = [cell] if room is None else _wrapped(cell, room)
            lines.append(f"{name}{' ' * (names - cell_len(name))}{GAP}{first}".rstrip())
            lines += [" " * (names + len(GAP)) + other for other in others]
    return lines


def _wrapped(cell: str, width: int) -> list[str]:
    """Return `cell` in lines of at most `width` columns, broken between words where that is possible."""
    if cell_len(cell) <= width:
        return [cell]
    lines = []
    for line in textwrap.wrap(cell, width, break_on_hyphens=False):
        lines += [line] if cell_len(line) <= width else chop_cells(line, width)
    return lines or [""]


def _count(grid: _Grid, hidden: int) -> str:
    rows = len(grid.cells)
    if grid.has_more:
        told = f"the first {rows:,} rows; --output FILE.csv writes them all"
    else:
        told = "1 row" if rows == 1 else f"{rows:,} rows"
    columns = len(grid.names)
    if hidden:
        told += f"; {columns} columns, {columns - hidden} of them shown: --format record shows all"
    elif columns > 1:
        told += f", {columns} columns"
    return f"({told})"


def _print(text: str, file: Any) -> None:
    try:
        text.encode(getattr(file, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        text = encodable(text.replace("─", "-").replace("…", "~"), file)
    file.write(text + "\n")
