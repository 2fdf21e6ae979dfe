"""Who is in the simulated index, under which ticker, from when to when. No chance here depends on the end."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Final

import numpy as np

from ingest.catalog.calendars import busday_calendar
from simulator.economy.grid import FIRST_SESSION, Grid

SECTORS: Final = (
    "Information Technology",
    "Financials",
    "Health Care",
    "Consumer Discretionary",
    "Industrials",
    "Communication Services",
    "Consumer Staples",
    "Energy",
    "Utilities",
    "Real Estate",
    "Materials",
)

RENAMED: Final = ("FB", "META", date(2022, 6, 9))
"""Old ticker, new ticker, first session under the new one: one issue, permid FB."""
RECYCLED: Final = ("RCYL", date(2021, 3, 22), date(2021, 12, 6), date(2022, 3, 21))
"""Ticker, the day its first bearer is bought up, the days its second one (permid RCYL-2022) is listed and joins."""
TWO_FOR_ONE: Final = ("TWIN", date(2022, 6, 10))
TEN_FOR_ONE: Final = ("DECA", date(2024, 6, 10))
ONE_FOR_TEN: Final = ("REVS", date(2022, 6, 13))
HALTED: Final = ("HALT", date(2022, 6, 8), date(2022, 6, 9))
"""Ticker, first and last session without a bar."""
LATE: Final = ("LATE", date(2022, 6, 9))
"""Ticker and session whose bar comes 26 hours late."""
RESTATED: Final = ("RSTD", date(2022, 6, 9))
"""Ticker and session whose close is corrected two days later."""

_UNTIL = np.datetime64("2037-01")
"""Joiners are on the list from the beginning, so that a later end adds none."""
_MONTHS_BETWEEN = 14
_FOR_MEMBERS = 110
_SYLLABLES = [a + b for a in "BCDFGKLMNPRSTVWZ" for b in "AEIOU"]
_TRADES = ("Industries", "Holdings", "Group", "Corporation", "Systems", "Partners", "& Sons", "Brands")
_SPECIAL: Final = {  # ticker: company, sector
    "GOOGL": ("Alphabet Inc. Class A", "Communication Services"),
    "GOOG": ("Alphabet Inc. Class C", "Communication Services"),
    "BRK-B": ("Berkshire Hathaway Inc. Class B", "Financials"),
    TWO_FOR_ONE[0]: ("Twinned Components Inc.", "Information Technology"),
    TEN_FOR_ONE[0]: ("Decade Semiconductors Inc.", "Information Technology"),
    ONE_FOR_TEN[0]: ("Reversed Telecom Corporation", "Communication Services"),
    HALTED[0]: ("Halted Pharma Inc.", "Health Care"),
    LATE[0]: ("Late & Sons Company", "Consumer Staples"),
    RESTATED[0]: ("Restated Energy Corporation", "Energy"),
    RECYCLED[0]: ("Recycled Airlines Inc.", "Industrials"),
}
_TAKEN: Final = frozenset({*_SPECIAL, *RENAMED[:2]})


@dataclass(slots=True)
class Issue:
    """One stock. `tickers` are (ticker, start, end), ends exclusive; so are `left` and `delisted`."""

    permid: str
    company_name: str
    sector: str
    tickers: list[tuple[str, date, date | None]]
    listed: date
    joined: date | None = None
    left: date | None = None
    delisted: date | None = None
    splits: list[tuple[date, float]] = field(default_factory=list)


def roster(grid: Grid, members: int) -> list[Issue]:
    """Return every issue of the index and those that will join it; the index always has `members`."""
    if members < 2 * len(_SPECIAL):
        raise ValueError(f"the simulated index has at least {2 * len(_SPECIAL)} members, got {members}")
    chance = grid.stream(f"roster of {members}")
    names = _names(chance, 4 * members)
    first = [_ordinary(*names.pop(), chance) for _ in range(members - len(_SPECIAL))]
    special = [
        Issue(ticker, company, sector, [(ticker, FIRST_SESSION, None)], FIRST_SESSION)
        for ticker, (company, sector) in _SPECIAL.items()
    ]
    for issue in (*special, *first):
        issue.joined = FIRST_SESSION
    leavers = [first[at] for at in chance.permutation(len(first))]
    joiners = _swaps(members, leavers, names, chance)
    joiners += _told_swaps(special, leavers, names, chance)
    _split(special)
    return [*special, *first, *joiners]


def _names(chance: np.random.Generator, count: int) -> list[tuple[str, str]]:
    """Return (ticker, company) pairs, tickers of four letters that no special issue bears; no fund's sounds so."""
    picked = chance.permutation(len(_SYLLABLES) ** 2)[:count].tolist()
    tickers = [_SYLLABLES[at // len(_SYLLABLES)] + _SYLLABLES[at % len(_SYLLABLES)] for at in picked]
    return [
        (ticker, f"{ticker.title()} {_TRADES[at % len(_TRADES)]} Inc.")
        for ticker, at in zip(tickers, picked, strict=True)
        if ticker not in _TAKEN
    ]


def _ordinary(ticker: str, company: str, chance: np.random.Generator, listed: date = FIRST_SESSION) -> Issue:
    weights = np.array([0.15, 0.14, 0.13, 0.11, 0.15, 0.05, 0.07, 0.05, 0.06, 0.06, 0.03])
    sector = SECTORS[int(chance.choice(len(SECTORS), p=weights))]
    return Issue(ticker, company, sector, [(ticker, listed, None)], listed)


def _swaps(
    members: int, leavers: list[Issue], names: list[tuple[str, str]], chance: np.random.Generator
) -> list[Issue]:
    """Replace one member every few months: most go on trading, every fourth is bought up; every third joiner is new."""
    days = _MONTHS_BETWEEN * 30.4 * _FOR_MEMBERS / members
    count = int((_UNTIL.astype("datetime64[D]") - np.datetime64(FIRST_SESSION)).astype(int) // days)
    joiners = []
    for at in range(min(count, len(leavers) - 3)):
        day = _session(np.datetime64(FIRST_SESSION) + int((at + 0.7) * days))
        listed = _session(np.datetime64(day) - 290) if at % 3 == 1 else FIRST_SESSION
        joiner = _ordinary(*names.pop(), chance, listed=max(listed, FIRST_SESSION))
        joiner.joined = day
        _leave(leavers.pop(), day, is_bought=at % 4 == 3)
        joiners.append(joiner)
    return joiners


def _told_swaps(
    special: list[Issue], leavers: list[Issue], names: list[tuple[str, str]], chance: np.random.Generator
) -> list[Issue]:
    """Bring in the renamed issue, and the two bearers of the recycled ticker."""
    old, new, day = RENAMED
    renamed = Issue(
        old, "Meta Platforms Inc.", "Communication Services", [(old, date(2012, 5, 18), day), (new, day, None)],
        listed=date(2012, 5, 18), joined=date(2013, 12, 23),
    )  # fmt: skip
    _leave(leavers.pop(), date(2013, 12, 23), is_bought=False)
    ticker, bought_on, listed, joined = RECYCLED
    bought = next(issue for issue in special if issue.permid == ticker)
    _leave(bought, bought_on, is_bought=True)
    follower = _ordinary(*names.pop(), chance)
    follower.joined = bought_on
    later = Issue(
        f"{ticker}-{joined.year}", "Recyclable Materials Inc.", "Materials", [(ticker, listed, None)],
        listed=listed, joined=joined,
    )  # fmt: skip
    _leave(leavers.pop(), joined, is_bought=False)
    return [renamed, follower, later]


def _leave(issue: Issue, day: date, *, is_bought: bool) -> None:
    issue.left = day
    if is_bought:
        issue.delisted = day
        ticker, start, _ = issue.tickers[-1]
        issue.tickers[-1] = (ticker, start, day)


def _split(special: list[Issue]) -> None:
    told = {name: (day, ratio) for (name, day), ratio in ((TWO_FOR_ONE, 2.0), (TEN_FOR_ONE, 10.0), (ONE_FOR_TEN, 0.1))}
    for issue in special:
        if issue.permid in told:
            issue.splits.append(told[issue.permid])


def _session(day: np.datetime64) -> date:
    found: date = np.busday_offset(day, 0, roll="forward", busdaycal=busday_calendar("nyse")).astype(date)
    return found
