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
from datetime import date, timedelta
from typing import Final

import polars as pl

from ingest.archive import sha256_of
from ingest.batch import PartOfPayloadChanged, Window
from ingest.catalog.renames import load_renames
from ingest.clock import NEW_YORK
from ingest.connector import FetchContext
from ingest.errors import SourceChanged, SourceError, SourceRefused
from ingest.membership import Stay, name_stocks, read_membership
from ingest.membership_evidence import Event, joined_when_both_say, names_of
from ingest.payload import Payload
from ingest.readers.fund_days import panel_rows
from ingest.readers.parsing import changed, field, json_of, text_of
from ingest.sources.sp500_membership.index_list import (
    LIST,
    Company,
    ListDates,
    Listed,
    page_of,
    part_changed,
    plain_day,
    read_list,
    yahoo_spelling,
)

FILES: Final = "https://raw.githubusercontent.com/fja05680/sp500/master"
WIKIPEDIA: Final = "https://en.wikipedia.org/wiki/List_of_S%26P_500_companies"
STAYS, CHANGES, NAMES = "sp500_ticker_start_end.csv", "sp500_changes_since_2019.csv", "sp500.csv"
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


def fetch(context: FetchContext) -> Iterator[Payload | SourceError]:
    """Yield one payload with the files and today's list; without list or names where they have long been away."""
    texts: dict[str, str] = {}
    names = (STAYS, CHANGES, NAMES, LIST)
    for done, name in enumerate(names):
        context.progress(f"sp500_membership: {name}", done, len(names))
        try:
            answer = _ask(context, name)
            texts[name] = page_of(answer) if name == LIST else text_of(answer, name)
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
    found = _read(payload)
    starts = [found.moved.get(stay, stay) for stay in found.stays]
    _require_members(payload, starts)
    tables = {_TABLE: _rows(payload, found)}
    if found.problems:
        raise PartOfPayloadChanged(tables, found.problems)
    return tables


def second_opinion(payload: Payload) -> dict[str, pl.DataFrame]:
    """Return what the list and the names say of the dates of joining in the files: table id -> COMPARED_SCHEMA."""
    return {_TABLE: _read(payload).compared} if payload.name == TOGETHER else {}


def windows(payload: Payload, rows: Mapping[str, pl.DataFrame]) -> list[Window]:
    """Return the whole history of the index."""
    return [Window("", None, None, table_id=_TABLE)] if payload.name == TOGETHER else []


@dataclass(frozen=True, slots=True)
class _Read:
    """What the parts together say."""

    stays: Sequence[Stay]
    permids: Mapping[Stay, str]
    companies: Mapping[str, Company]
    moved: Mapping[Stay, Stay]  # stays that begin later than the files have them
    compared: pl.DataFrame
    problems: Mapping[str, SourceChanged]


def _read(payload: Payload) -> _Read:
    parts = json_of(payload, "the parts as JSON")
    texts = {name: str(field(payload, parts, name, "the parts")) for name in payload.meta["parts"].split(",")}
    stays = _with_changes(payload, _stays(payload, texts[STAYS]), texts[CHANGES])
    companies: dict[str, Company] = {}
    added: dict[str, date | None] = {}
    if NAMES in texts:
        companies, added = _companies(payload, texts[NAMES])
    present = [(ticker, company.name) for ticker, company in companies.items()]
    problems: dict[str, SourceChanged] = {}
    events: Sequence[Event] = ()
    if LIST in texts:
        listed, dates = read_list(payload, texts[LIST])
        stays, problems = _with_list(payload, stays, listed, dates)
        events = dates.events
        present += [(ticker, member.company.name) for ticker, member in listed.items()]
        companies = {ticker: member.company for ticker, member in listed.items()} | companies
        # the list is of today, the names of the files' last day
        added |= {ticker: member.added for ticker, member in listed.items() if member.added is not None}
    permids = name_stocks(stays, load_renames(), names=names_of(stays, events, present))
    today = payload.fetched_at.astimezone(NEW_YORK).date()
    moved, compared = joined_when_both_say(stays, permids, added, today)
    return _Read(stays, permids, companies, moved, compared, problems)


# ---- asking --------------------------------------------------------------------------------------------------------


def _ask(context: FetchContext, name: str) -> Payload:
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


def _stands(context: FetchContext, part: str) -> bool:
    """Say whether a recent answer had `part`."""
    last = context.http.latest("sp500_membership", TOGETHER)
    return (
        last is not None
        and part in last.meta.get("parts", "").split(",")
        and context.clock() - last.fetched_at <= _LIST_STANDS
    )


# ---- the files -----------------------------------------------------------------------------------------------------


def _stays(payload: Payload, text: str) -> list[Stay]:
    lines = list(dict.fromkeys(text.splitlines()))  # a line that stands twice counts once
    _require_end(payload, STAYS, text)
    for line in lines:
        if line.strip() and line.count(",") != 2:  # a line that was cut would read as a stay without an end
            raise part_changed(payload, STAYS, "3 cells in each line", line)
    try:
        table = read_membership("\n".join(lines).encode())
    except pl.exceptions.PolarsError as error:
        raise part_changed(payload, STAYS, "ticker,start_date,end_date with dates like 2020-01-31", error) from None
    if table.is_empty():
        raise part_changed(payload, STAYS, "stays", "a header alone")
    return [Stay(ticker, start, end) for _, ticker, start, end in table.rows()]


def _records(payload: Payload, name: str, text: str, columns: Sequence[str]) -> list[dict[str, str]]:
    """Return the records of a CSV with quoted cells; SourceChanged when it has not all of `columns`."""
    reader = csv.DictReader(io.StringIO(text), strict=True)
    try:
        header = reader.fieldnames or []
        records = list({tuple(map(str, record.values())): record for record in reader}.values())
    except csv.Error as error:
        raise part_changed(payload, name, "CSV", error) from None
    _require_end(payload, name, text)
    doubled = next((column for column in header if header.count(column) > 1), None)
    if doubled is not None:
        raise part_changed(payload, name, "each column once", f"{doubled} twice")
    if not set(columns) <= set(header):
        raise part_changed(payload, name, f"the columns {', '.join(columns)}", ",".join(header))
    for record in records:
        if None in record or None in record.values():
            raise part_changed(payload, name, f"{len(header)} cells in each line", list(record.values()))
    return records


def _require_end(payload: Payload, name: str, text: str) -> None:
    if text and text[-1] not in "\r\n":
        raise part_changed(payload, name, "a last line with its end", text.rpartition("\n")[2])


def _companies(payload: Payload, text: str) -> tuple[dict[str, Company], dict[str, date | None]]:
    """Return the companies of the files' last day, and when each was added where the file says so."""
    records = _records(payload, NAMES, text, ("Symbol", "Security", "GICS Sector"))
    spelled = [(yahoo_spelling(record["Symbol"]), record) for record in records]
    return (
        {ticker: Company(record["Security"].strip(), record["GICS Sector"].strip()) for ticker, record in spelled},
        {ticker: plain_day(record.get("Date added", "")) for ticker, record in spelled},
    )


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
                raise part_changed(payload, CHANGES, f"a member removed on {on}", f"{ticker}, which is none")
            closed.append(replace(members.pop(ticker), end=on))
        for ticker in _tickers(record["add"]):
            if ticker in members:
                raise part_changed(payload, CHANGES, f"a new member on {on}", f"{ticker}, which is one")
            members[ticker] = Stay(ticker, on, None)
    return [*closed, *members.values()]


def _tickers(cell: str) -> list[str]:
    return [yahoo_spelling(ticker) for ticker in cell.split(",") if ticker.strip()]


def _newest(stays: Sequence[Stay]) -> date:
    return max(max(stay.start, stay.end or stay.start) for stay in stays)


# ---- Wikipedia -----------------------------------------------------------------------------------------------------


def _with_list(
    payload: Payload, stays: Sequence[Stay], listed: Mapping[str, Listed], dates: ListDates
) -> tuple[list[Stay], dict[str, SourceChanged]]:
    """Return the stays carried on to today's list, and a problem for each ticker whose date nobody knows."""
    members = {stay.ticker: stay for stay in stays if stay.end is None}
    joined, left = sorted(listed.keys() - members.keys()), sorted(members.keys() - listed.keys())
    if len(joined) + len(left) > MOST_DIFFERENT:
        seen = f"{len(joined)} more and {len(left)} fewer, {', '.join((*joined, *left)[:5])} among them"
        raise part_changed(payload, LIST, f"a list within {MOST_DIFFERENT} names of the history files", seen)
    today = payload.fetched_at.astimezone(NEW_YORK).date()
    newest = _newest(stays)
    renamed = {(rename.old, rename.new): rename.day for rename in load_renames()}
    problems: dict[str, SourceChanged] = {}
    carried = list(stays)
    for ticker in joined:
        known = [dates.added.get(ticker), listed[ticker].added, _rename_day(renamed, new=ticker, olds=left)]
        day = _first_after(known, newest - _LIST_STANDS)
        if day is None:
            problems[ticker] = part_changed(payload, LIST, f"a date of joining for {ticker}", listed[ticker].added)
        elif day <= today:
            carried.append(Stay(ticker, day, None))
    for ticker in left:
        stay = members[ticker]
        known = [dates.removed.get(ticker), _rename_day(renamed, old=ticker, news=joined)]
        day = _first_after(known, stay.start + timedelta(days=1))
        if day is None:
            seen = "neither a constituent nor among the changes"
            problems[ticker] = part_changed(payload, LIST, f"a date of leaving for {ticker}", seen)
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


def _rows(payload: Payload, found: _Read) -> pl.DataFrame:
    """Return the intervals. Names and sectors are today's: a stock that left has none."""
    stays, permids = found.stays, found.permids
    present = {permids[stay]: found.companies.get(stay.ticker) for stay in stays if stay.end is None}
    known = [present.get(permids[stay]) for stay in stays]
    rows = panel_rows(
        payload,
        _TABLE,
        {
            "permid": [permids[stay] for stay in stays],
            "start_date": [found.moved.get(stay, stay).start for stay in stays],
            "ticker": [stay.ticker for stay in stays],
            "security_name": [company.name if company else None for company in known],
            "sector": [company.sector if company else None for company in known],
            "end_date": [stay.end for stay in stays],
        },
    )
    return rows.sort("permid", "start_date")


def _day(payload: Payload, part: str, text: str) -> date:
    found = plain_day(text)
    if found is None:
        raise part_changed(payload, part, "a date like 2020-01-31", text)
    return found
