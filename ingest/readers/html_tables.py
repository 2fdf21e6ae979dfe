"""Tables of a web page by their id, as rows of texts: without the marks of footnotes, styles and scripts."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

_UNSEEN = frozenset({"style", "script", "sup"})
_MOST_SPANNED = 1_000
MOST_CELLS = 300_000


@dataclass(slots=True)
class _Cell:
    rows: int
    columns: int
    text: list[str] = field(default_factory=list)


class _Reader(HTMLParser):
    """Collects the cells of every table that has an id; tables inside tables count as text of the outer one."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tables: dict[str, list[list[_Cell]]] = {}
        self._table: list[list[_Cell]] | None = None
        self._depth = 0
        self._cell: _Cell | None = None
        self._unseen = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self._depth += 1
            name = dict(attrs).get("id")
            if self._depth == 1 and name:
                self._table = self.tables.setdefault(name, [])
        elif tag in _UNSEEN:
            self._unseen += 1
        elif self._table is not None and self._depth == 1:
            self._open(tag, dict(attrs))

    def handle_endtag(self, tag: str) -> None:
        if tag == "table":
            self._depth = max(0, self._depth - 1)  # one may be closed that was never opened
            if self._depth == 0:
                self._table, self._cell = None, None
        elif tag in _UNSEEN:
            self._unseen = max(0, self._unseen - 1)
        elif tag in ("td", "th") and self._depth == 1:
            self._cell = None

    def handle_data(self, data: str) -> None:
        if self._cell is not None and not self._unseen:
            self._cell.text.append(data)

    def _open(self, tag: str, attributes: dict[str, str | None]) -> None:
        assert self._table is not None
        if tag == "tr":
            self._table.append([])
        elif tag in ("td", "th"):
            if not self._table:
                self._table.append([])
            self._cell = _Cell(_span(attributes.get("rowspan")), _span(attributes.get("colspan")))
            self._table[-1].append(self._cell)


def html_tables(text: str) -> dict[str, list[list[str]]]:
    """Return every table that has an id. A cell that spans rows or columns stands in each of them.

    ValueError where the tables have more than MOST_CELLS cells.
    """
    reader = _Reader()
    reader.feed(text)
    reader.close()
    count = sum(cell.rows * cell.columns for rows in reader.tables.values() for row in rows for cell in row)
    if count > MOST_CELLS:
        raise ValueError(f"{count} cells in tables")
    return {name: _spread(rows) for name, rows in reader.tables.items()}


def _span(text: str | None) -> int:
    return min(int(text), _MOST_SPANNED) if text and text.isdigit() and int(text) else 1


def _spread(rows: list[list[_Cell]]) -> list[list[str]]:
    spread: list[list[str]] = []
    hanging: dict[int, tuple[int, str]] = {}  # column: rows still to fill, text
    for row in rows:
        cells = iter(row)
        line: list[str] = []
        waiting = next(cells, None)
        while waiting is not None or len(line) in hanging:
            at = len(line)
            if at in hanging:
                left, text = hanging.pop(at)
                line.append(text)
                if left > 1:
                    hanging[at] = (left - 1, text)
                continue
            assert waiting is not None
            text = " ".join("".join(waiting.text).split())
            for column in range(at, at + waiting.columns):
                line.append(text)
                if waiting.rows > 1:
                    hanging[column] = (waiting.rows - 1, text)
            waiting = next(cells, None)
        spread.append(line)
    return spread
