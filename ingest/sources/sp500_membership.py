"""Membership of the S&P 500: the history files of fja05680/sp500, carried on by Wikipedia's list of today.

Where   https://raw.githubusercontent.com/fja05680/sp500/master (MIT) and https://en.wikipedia.org (CC BY-SA; needs a
        User-Agent that says who asks); all files together are one answer, archived as such
Grain   one row per stock and stay in the index, from 1996 on
Units   dates; a member from the open of start_date to before the open of end_date. Tickers are Yahoo's (BRK-B)
Breaks  SourceChanged on another header, a short member list (fewer than 400 on a date since 2001), a removal of a name
        that was no member, a list of today too far from the files. A ticker of which no date of joining or leaving is
        known is named, and stays as the files have it
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Final

import polars as pl

from ingest.archive import sha256_of
from ingest.catalog.renames import load_renames
from ingest.clock import NEW_YORK
from ingest.errors import SourceChanged, SourceError, SourceRefused
from ingest.fund_days import panel_rows
from ingest.html_tables import MOST_CELLS, html_tables
from ingest.kit import Payload
from ingest.membership import Stay, name_stocks, read_membership
from ingest.panel_kit import PanelContext, PanelWindow, PartOfPanelChanged
from ingest.parsing import changed, field, json_of, quoted, text_of

FILES: Final = "https://raw.githubusercontent.com/fja05680/sp500/master"
WIKIPEDIA: Final = "https://en.wikipedia.org/wiki/List_of_S%26P_500_companies"
STAYS, CHANGES, NAMES, LIST = (
    "sp500_ticker_start_end.csv",
    "sp500_changes_since_2019.csv",
    "sp500.csv",
    "List_of_S&P_500_companies",
)
TOGETHER: Final = "membership"
LEAST_MEMBERS: Final = 400
"""On every date since LEAST_FROM. A project that took a short list for the history fell back to today's members."""

LEAST_FROM: Final = date(2001, 1, 1)
SIMULATED_LEAST_MEMBERS: Final = 50
MOST_DIFFERENT: Final = 40
"""So many names at most may differ between the files and today's list: a year and a half of changes."""

# Without the list its changes would be undone, without the names they would be lost: for so long the last answer that
# had them stands rather than one without. Who was a member is known without either.
_OPTIONAL = (LIST, NAMES)
_LIST_STANDS = timedelta(days=30)
_USER_AGENT = "tidegauge/0.1 (market data for personal research; python-httpx)"
_TABLE = "sp500_membership.intervals"


@dataclass(frozen=True, slots=True)
class _Company:
    name: str
    sector: str


def fetch(context: PanelContext) -> Iterator[Payload | SourceError]:
    """Yield one payload with the files and today's list; without list or names where they have long been away."""
    texts: dict[str, str] = {}
    names = (STAYS, CHANGES, NAMES, LIST)
    for done, name in enumerate(names):
        context.progress(f"sp500_membership: {name}", done, len(names))
        try:
            answer = _ask(context, name)
            texts[name] = _page_of(answer) if name == LIST else text_of(answer, name)
        except SourceError as error:
            yield error
            if name not in _OPTIONAL or _stands(context, name):
                return
    body = json.dumps(texts, sort_keys=True).encode()
    is_simulated = context.settings.origin == "SIMULATED"
    yield context.http.keep(
        Payload(
            source="sp500_membership",
            name=TOGETHER,
            url=FILES,
            body=body,
            sha256=sha256_of(body),
            fetched_at=context.clock(),
            meta={
                "parts": ",".join(texts),
                "least_members": str(SIMULATED_LEAST_MEMBERS if is_simulated else LEAST_MEMBERS),
                "least_from": "" if is_simulated else LEAST_FROM.isoformat(),
            },
        )
    )


def parse(payload: Payload) -> dict[str, pl.DataFrame]:
    """Return the intervals of the files and the list together; nothing of a part alone."""
    if payload.name != TOGETHER:
        return {}
    parts = json_of(payload, "the parts as JSON")
    texts = {name: str(field(payload, parts, name, "the parts")) for name in payload.meta["parts"].split(",")}
    stays = _with_changes(payload, _stays(payload, texts[STAYS]), texts[CHANGES])
    companies = _companies(payload, texts[NAMES]) if NAMES in texts else {}
    problems: dict[str, SourceChanged] = {}
    if LIST in texts:
        listed, dates = _list(payload, texts[LIST])
        stays, problems = _with_list(payload, stays, listed, dates)
        companies = {ticker: member.company for ticker, member in listed.items()} | companies
    _require_members(payload, stays)
    tables = {_TABLE: _rows(payload, stays, companies)}
    if problems:
        raise PartOfPanelChanged(tables, problems)
    return tables


def windows(payload: Payload, rows: Mapping[str, pl.DataFrame]) -> list[PanelWindow]:
    """Return the whole history of the index."""
    return [PanelWindow(_TABLE, "", None, None)] if payload.name == TOGETHER else []


# ---- asking --------------------------------------------------------------------------------------------------------


def _ask(context: PanelContext, name: str) -> Payload:
    if name != LIST:
        return context.http.get("sp500_membership", name, f"{FILES}/{name}")
    agent = context.settings.user_agent or _USER_AGENT
    try:
        return context.http.get("sp500_membership", name, WIKIPEDIA, headers={"User-Agent": agent})
    except SourceRefused as error:
        raise SourceRefused(
            "sp500_membership",
            name,
            "Wikipedia refused the request (HTTP 403): it wants a User-Agent that says who asks. Set "
            "TIDEGAUGE_USER_AGENT to a name and an address; what was landed before stays",
        ) from error


def _stands(context: PanelContext, part: str) -> bool:
    """Say whether a recent answer had `part`."""
    last = context.http.latest("sp500_membership", TOGETHER)
    return (
        last is not None
        and part in last.meta.get("parts", "").split(",")
        and context.clock() - last.fetched_at <= _LIST_STANDS
    )


# ---- the files -----------------------------------------------------------------------------------------------------


def yahoo_spelling(ticker: str) -> str:
    """Return a ticker as Yahoo writes it: share classes with a hyphen (BRK.B is BRK-B)."""
    return ticker.strip().replace(".", "-")


def _stays(payload: Payload, text: str) -> list[Stay]:
    lines = list(dict.fromkeys(text.splitlines()))  # a line that stands twice counts once
    _require_end(payload, STAYS, text)
    for line in lines:
        if line.strip() and line.count(",") != 2:  # a line that was cut would read as a stay without an end
            raise _part_changed(payload, STAYS, "3 cells in each line", line)
    try:
        table = read_membership("\n".join(lines).encode())
    except pl.exceptions.PolarsError as error:
        raise _part_changed(payload, STAYS, "ticker,start_date,end_date with dates like 2020-01-31", error) from None
    if table.is_empty():
        raise _part_changed(payload, STAYS, "stays", "a header alone")
    return [Stay(ticker, start, end) for _, ticker, start, end in table.rows()]


def _records(payload: Payload, name: str, text: str, columns: Sequence[str]) -> list[dict[str, str]]:
    """Return the records of a CSV with quoted cells; SourceChanged when it has not all of `columns`."""
    reader = csv.DictReader(io.StringIO(text), strict=True)
    try:
        header = reader.fieldnames or []
        records = list({tuple(map(str, record.values())): record for record in reader}.values())
    except csv.Error as error:
        raise _part_changed(payload, name, "CSV", error) from None
    _require_end(payload, name, text)
    doubled = next((column for column in header if header.count(column) > 1), None)
    if doubled is not None:
        raise _part_changed(payload, name, "each column once", f"{doubled} twice")
    if not set(columns) <= set(header):
        raise _part_changed(payload, name, f"the columns {', '.join(columns)}", ",".join(header))
    for record in records:
        if None in record or None in record.values():
            raise _part_changed(payload, name, f"{len(header)} cells in each line", list(record.values()))
    return records


def _require_end(payload: Payload, name: str, text: str) -> None:
    if text and text[-1] not in "\r\n":
        raise _part_changed(payload, name, "a last line with its end", text.rpartition("\n")[2])


def _companies(payload: Payload, text: str) -> dict[str, _Company]:
    records = _records(payload, NAMES, text, ("Symbol", "Security", "GICS Sector"))
    return {
        yahoo_spelling(record["Symbol"]): _Company(record["Security"].strip(), record["GICS Sector"].strip())
        for record in records
    }


def _with_changes(payload: Payload, stays: Sequence[Stay], text: str) -> list[Stay]:
    """Return the stays carried on by the changes after the last date they know."""
    newest = _newest(stays)
    members = {stay.ticker: stay for stay in stays if stay.end is None}
    closed = [stay for stay in stays if stay.end is not None]
    for record in _records(payload, CHANGES, text, ("date", "add", "remove")):
        on = _day(payload, CHANGES, record["date"])
        if on <= newest:
            continue
        for ticker in _tickers(record["remove"]):
            if ticker not in members:
                raise _part_changed(payload, CHANGES, f"a member removed on {on}", f"{ticker}, which is none")
            closed.append(replace(members.pop(ticker), end=on))
        for ticker in _tickers(record["add"]):
            if ticker in members:
                raise _part_changed(payload, CHANGES, f"a new member on {on}", f"{ticker}, which is one")
            members[ticker] = Stay(ticker, on, None)
    return [*closed, *members.values()]


def _tickers(cell: str) -> list[str]:
    return [yahoo_spelling(ticker) for ticker in cell.split(",") if ticker.strip()]


def _newest(stays: Sequence[Stay]) -> date:
    return max(max(stay.start, stay.end or stay.start) for stay in stays)


# ---- Wikipedia -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Listed:
    """A line of today's list. `added` is None where the page gives no plain date."""

    company: _Company
    added: date | None


@dataclass(frozen=True, slots=True)
class _Dates:
    """The newest date of joining and of leaving per ticker, from the page's table of changes."""

    added: Mapping[str, date]
    removed: Mapping[str, date]


def _page_of(payload: Payload) -> str:
    try:
        return payload.body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise changed(payload, "a page in UTF-8", f"byte {error.start} that is not") from error


def _list(payload: Payload, page: str) -> tuple[dict[str, _Listed], _Dates]:
    try:
        tables = html_tables(page)
    except (ValueError, AssertionError) as error:  # html.parser asserts on some broken declarations
        raise _part_changed(payload, LIST, f"a page of at most {MOST_CELLS} cells", error) from None
    rows = tables.get("constituents", [])
    header = rows[0] if rows else []
    columns = ("Symbol", "Security", "GICS Sector", "Date added")
    if not set(columns) <= set(header):
        seen = ", ".join(header) if header else f"only the tables {', '.join(tables) or 'none'}"
        raise _part_changed(payload, LIST, f"a table constituents with {', '.join(columns)}", seen)
    at = [header.index(column) for column in columns]
    listed: dict[str, _Listed] = {}
    for row in rows[1:]:
        if len(row) != len(header):
            raise _part_changed(payload, LIST, f"{len(header)} cells in each line", row)
        symbol, name, sector, added = (row[column] for column in at)
        found = _Listed(_Company(name, sector), _plain_day(added))
        if not symbol or listed.setdefault(yahoo_spelling(symbol), found) != found:
            raise _part_changed(payload, LIST, "each constituent once, with its symbol", symbol)
    least = int(payload.meta["least_members"])
    if len(listed) < least:
        raise _part_changed(payload, LIST, f"at least {least} constituents", len(listed))
    return listed, _dates(payload, tables.get("changes", []))


def _dates(payload: Payload, rows: list[list[str]]) -> _Dates:
    """Read lines of date, added ticker, name, removed ticker, name, reason below a header of two lines."""
    added: dict[str, date] = {}
    removed: dict[str, date] = {}
    for row in rows:
        on = _long_day(row[0]) if len(row) >= 4 else None
        if on is None:
            continue  # the header, and announcements without a date
        for known, ticker in ((added, row[1]), (removed, row[3])):
            spelled = yahoo_spelling(ticker)
            if spelled:
                known[spelled] = max(on, known.get(spelled, on))
    if rows and not added:
        raise _part_changed(payload, LIST, "dates like June 30, 2025 in the table changes", rows[-1])
    return _Dates(added, removed)


def _with_list(
    payload: Payload, stays: Sequence[Stay], listed: Mapping[str, _Listed], dates: _Dates
) -> tuple[list[Stay], dict[str, SourceChanged]]:
    """Return the stays carried on to today's list, and a problem for each ticker whose date nobody knows."""
    members = {stay.ticker: stay for stay in stays if stay.end is None}
    joined, left = sorted(listed.keys() - members.keys()), sorted(members.keys() - listed.keys())
    if len(joined) + len(left) > MOST_DIFFERENT:
        seen = f"{len(joined)} more and {len(left)} fewer, {', '.join((*joined, *left)[:5])} among them"
        raise _part_changed(payload, LIST, f"a list within {MOST_DIFFERENT} names of the history files", seen)
    today = payload.fetched_at.astimezone(NEW_YORK).date()
    newest = _newest(stays)
    renamed = {(rename.old, rename.new): rename.day for rename in load_renames()}
    problems: dict[str, SourceChanged] = {}
    carried = list(stays)
    for ticker in joined:
        known = [dates.added.get(ticker), listed[ticker].added, _rename_day(renamed, new=ticker, olds=left)]
        day = _first_after(known, newest - _LIST_STANDS)
        if day is None:
            problems[ticker] = _part_changed(payload, LIST, f"a date of joining for {ticker}", listed[ticker].added)
        elif day <= today:
            carried.append(Stay(ticker, day, None))
    for ticker in left:
        stay = members[ticker]
        known = [dates.removed.get(ticker), _rename_day(renamed, old=ticker, news=joined)]
        day = _first_after(known, stay.start + timedelta(days=1))
        if day is None:
            seen = "neither a constituent nor among the changes"
            problems[ticker] = _part_changed(payload, LIST, f"a date of leaving for {ticker}", seen)
        elif day <= today:
            carried[carried.index(stay)] = replace(stay, end=day)
    return carried, problems


def _rename_day(
    renamed: Mapping[tuple[str, str], date],
    *,
    old: str | None = None,
    new: str | None = None,
    olds: Sequence[str] = (),
    news: Sequence[str] = (),
) -> date | None:
    days = [
        day
        for (before, after), day in renamed.items()
        if (before == old and after in news) or (after == new and before in olds)
    ]
    return max(days, default=None)


def _first_after(days: Sequence[date | None], least: date) -> date | None:
    return next((day for day in days if day is not None and day >= least), None)


# ---- together ------------------------------------------------------------------------------------------------------


def _require_members(payload: Payload, stays: Sequence[Stay]) -> None:
    """Raise SourceChanged for the first date with fewer members than there ever were."""
    least = int(payload.meta["least_members"])
    steps: dict[date, int] = {}
    for stay in stays:
        steps[stay.start] = steps.get(stay.start, 0) + 1
        if stay.end is not None:
            steps[stay.end] = steps.get(stay.end, 0) - 1
    since = date.fromisoformat(payload.meta["least_from"]) if payload.meta["least_from"] else min(steps)
    steps.setdefault(since, 0)
    count = 0
    for day in sorted(steps):
        count += steps[day]
        if day >= since and count < least:
            raise changed(payload, f"at least {least} members on each date since {since}", f"{count} on {day}")


def _rows(payload: Payload, stays: Sequence[Stay], companies: Mapping[str, _Company]) -> pl.DataFrame:
    """Return the intervals. Names and sectors are today's: a stock that left has none."""
    permids = name_stocks(stays, load_renames())
    present = {permids[stay]: companies.get(stay.ticker) for stay in stays if stay.end is None}
    known = [present.get(permids[stay]) for stay in stays]
    rows = panel_rows(
        payload,
        _TABLE,
        {
            "permid": [permids[stay] for stay in stays],
            "start_date": [stay.start for stay in stays],
            "ticker": [stay.ticker for stay in stays],
            "security_name": [company.name if company else None for company in known],
            "sector": [company.sector if company else None for company in known],
            "end_date": [stay.end for stay in stays],
        },
    )
    return rows.sort("permid", "start_date")


def _day(payload: Payload, part: str, text: str) -> date:
    found = _plain_day(text)
    if found is None:
        raise _part_changed(payload, part, "a date like 2020-01-31", text)
    return found


def _plain_day(text: str) -> date | None:
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        return None


def _long_day(text: str) -> date | None:
    try:
        return datetime.strptime(text, "%B %d, %Y").date()  # noqa: DTZ007  a date has no zone
    except ValueError:
        return None


def _part_changed(payload: Payload, part: str, expected: str, seen: object) -> SourceChanged:
    return SourceChanged(payload.source, part, expected=expected, seen=quoted(seen))
