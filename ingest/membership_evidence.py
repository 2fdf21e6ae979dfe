"""What a second source says of the stays in the index: the names of companies, and the dates on which they joined.

Two uses. A company is told apart from another with its ticker by name (`names_of`), and dates of joining that differ
are told, the later one standing until both agree (`joined_when_both_say`): nobody was a member before it was one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final

import polars as pl

from ingest.membership import RENAME_TOLERANCE, Stay

DAYS_APART: Final = 5
"""Dates of joining so far apart are one date told in two ways: announcement, close, open."""

COMPARED_SCHEMA: Final = {"ticker": pl.String, "file_date": pl.Date, "listed_date": pl.Date, "days_apart": pl.Int64}

_SAME_EVENT: Final = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Event:
    """A company that joined or left, as a list of changes has it. `ticker` is Yahoo's spelling."""

    ticker: str
    on: date
    name: str
    joined: bool


def names_of(
    stays: Iterable[Stay], events: Iterable[Event], present: Iterable[tuple[str, str]]
) -> dict[Stay, frozenset[str]]:
    """Return the names that a company bore at the ends of each stay, folded; stays without one are absent.

    An event belongs to the stay of its ticker that begins (or ends) nearest to it, within a year. `present`: ticker and
    name of today's members.
    """
    of_ticker: dict[str, list[Stay]] = {}
    for stay in stays:
        of_ticker.setdefault(stay.ticker, []).append(stay)
    found: dict[Stay, set[str]] = {}
    for event in events:
        ends = [
            (abs(day - event.on), stay)
            for stay in of_ticker.get(event.ticker, [])
            if (day := stay.start if event.joined else stay.end) is not None
        ]
        near = [(apart, stay) for apart, stay in ends if apart < _SAME_EVENT]
        if near:
            _, nearest = min(near, key=lambda item: item[0])
            found.setdefault(nearest, set()).add(folded(event.name))
    for ticker, name in present:
        for stay in of_ticker.get(ticker, []):
            if stay.end is None:
                found.setdefault(stay, set()).add(folded(name))
    return {stay: names - {""} for stay, names in ((stay, frozenset(names)) for stay, names in found.items())}


def folded(name: str) -> str:
    """Return a name without what is only a way of writing it: case, white space, points and commas."""
    return " ".join(name.replace(".", "").replace(",", " ").casefold().split())


def joined_when_both_say(
    stays: Sequence[Stay], permids: Mapping[Stay, str], listed: Mapping[str, date | None], today: date
) -> tuple[dict[Stay, Stay], pl.DataFrame]:
    """Hold the stays of today's members against the list's dates of joining.

    Return the stays that begin later than the file has them, as they begin by the later date, and COMPARED_SCHEMA: one
    row per member of which both know a date. A list dates a company, the file a ticker: the beginning of any stay that
    went over into this one under another ticker agrees too, and so does a date from before the file begins.
    """
    first = min((stay.start for stay in stays), default=today)
    of_stock: dict[str, list[Stay]] = {}
    for stay in sorted(stays, key=lambda stay: stay.start):
        of_stock.setdefault(permids[stay], []).append(stay)
    moved: dict[Stay, Stay] = {}
    rows = []
    for stay in stays:
        day = listed.get(stay.ticker)
        if stay.end is not None or day is None:
            continue
        begun = _began(stay, of_stock[permids[stay]])
        apart = min(abs((day - start).days) for start in begun)
        if day < first and begun[-1] <= first + timedelta(days=DAYS_APART):
            apart = 0
        rows.append((stay.ticker, stay.start, day, apart))
        if apart > DAYS_APART and stay.start < day <= today:
            moved[stay] = replace(stay, start=day)
    return moved, pl.DataFrame(rows, schema=COMPARED_SCHEMA, orient="row")


def _began(stay: Stay, of_stock: Sequence[Stay]) -> list[date]:
    """Return when the stay began, and those that went over into it without a break, newest first."""
    begun = [stay.start]
    for before in reversed(of_stock[: of_stock.index(stay)]):
        if before.end is None or begun[-1] - before.end > RENAME_TOLERANCE:
            break
        begun.append(before.start)
    return begun
