"""Wikipedia's list of the S&P 500: who is in the index today, since when, and its table of changes.

Grain: one row per member, one event per company that joined or left. Tickers are Yahoo's (BRK-B).
Breaks: SourceChanged on another header, a line of another length, a ticker that stands twice, a short list.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from ingest.errors import SourceChanged
from ingest.membership_evidence import Event
from ingest.payload import Payload
from ingest.readers.html_tables import MOST_CELLS, html_tables
from ingest.readers.parsing import changed, quoted

LIST: Final = "List_of_S&P_500_companies"


@dataclass(frozen=True, slots=True)
class Company:
    """What the index provider calls a member, and its GICS sector."""

    name: str
    sector: str


@dataclass(frozen=True, slots=True)
class Listed:
    """A line of today's list. `added` is None where the page gives no plain date."""

    company: Company
    added: date | None


@dataclass(frozen=True, slots=True)
class ListDates:
    """The page's table of changes: its events, and the newest date of joining and of leaving per ticker."""

    added: Mapping[str, date]
    removed: Mapping[str, date]
    events: Sequence[Event]


def page_of(payload: Payload) -> str:
    """Return the page's text; SourceChanged when it is not UTF-8."""
    try:
        return payload.body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise changed(payload, "a page in UTF-8", f"byte {error.start} that is not") from error


def read_list(payload: Payload, page: str) -> tuple[dict[str, Listed], ListDates]:
    """Return today's members by ticker, and the table of changes."""
    try:
        tables = html_tables(page)
    except (ValueError, AssertionError) as error:  # html.parser asserts on some broken declarations
        raise part_changed(payload, LIST, f"a page of at most {MOST_CELLS} cells", error) from None
    rows = tables.get("constituents", [])
    header = rows[0] if rows else []
    columns = ("Symbol", "Security", "GICS Sector", "Date added")
    if not set(columns) <= set(header):
        seen = ", ".join(header) if header else f"only the tables {', '.join(tables) or 'none'}"
        raise part_changed(payload, LIST, f"a table constituents with {', '.join(columns)}", seen)
    at = [header.index(column) for column in columns]
    listed: dict[str, Listed] = {}
    for row in rows[1:]:
        if len(row) != len(header):
            raise part_changed(payload, LIST, f"{len(header)} cells in each line", row)
        symbol, name, sector, added = (row[column] for column in at)
        found = Listed(Company(name, sector), plain_day(added))
        if not symbol or listed.setdefault(yahoo_spelling(symbol), found) != found:
            raise part_changed(payload, LIST, "each constituent once, with its symbol", symbol)
    least = int(payload.meta["least_members"])
    if len(listed) < least:
        raise part_changed(payload, LIST, f"at least {least} constituents", len(listed))
    return listed, _dates(payload, tables.get("changes", []))


def _dates(payload: Payload, rows: list[list[str]]) -> ListDates:
    """Read lines of date, added ticker, name, removed ticker, name, reason below a header of two lines."""
    added: dict[str, date] = {}
    removed: dict[str, date] = {}
    events: list[Event] = []
    for row in rows:
        on = _long_day(row[0]) if len(row) >= 4 else None
        if on is None:
            continue  # the header, and announcements without a date
        cells = [*row, ""]  # a line of four cells has no name of the one that left
        for known, ticker, name in ((added, row[1], row[2]), (removed, row[3], cells[4])):
            spelled = yahoo_spelling(ticker)
            if spelled:
                known[spelled] = max(on, known.get(spelled, on))
                events.append(Event(spelled, on, name, joined=known is added))
    if rows and not added:
        raise part_changed(payload, LIST, "dates like June 30, 2025 in the table changes", rows[-1])
    return ListDates(added, removed, events)


def yahoo_spelling(ticker: str) -> str:
    """Return a ticker as Yahoo writes it: share classes with a hyphen (BRK.B is BRK-B)."""
    return ticker.strip().replace(".", "-")


def plain_day(text: str) -> date | None:
    """Return a date like 2020-01-31; None for any other text."""
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        return None


def _long_day(text: str) -> date | None:
    try:
        return datetime.strptime(text, "%B %d, %Y").date()  # noqa: DTZ007  a date has no zone
    except ValueError:
        return None


def part_changed(payload: Payload, part: str, expected: str, seen: object) -> SourceChanged:
    """Return the error of one part of the payload."""
    return SourceChanged(payload.source, part, expected=expected, seen=quoted(seen))
