"""FINRA: shares of each stock that traded in alternative trading systems (dark pools) and elsewhere off the exchanges.

Where   https://api.finra.org/data/group/otcMarket/name/weeklySummary (POST; twelve months back) with the summary types
        ATS_W_SMBL and OTC_W_SMBL, by week and tier. With the user's own key, keyless where FINRA allows it
Grain   one row per symbol, week (its Monday) and kind of venue, of the symbols that are wanted
Units   shares and trades of the week. Known on initialPublishedDate: three weeks after the Monday for tier 1 (the S&P
        500, the Russell 1000, some funds), five weeks for other stocks; a restated row on its lastUpdateDate
Breaks  SourceChanged on a missing field, another week, tier or summary type than asked for, text for a number, dates
        that are none or before the week's end, one symbol twice

Symbols are BRK.B there. With each new week of tier 1 the tier 2 that came with it is asked for, and the week before
again, for what was restated. A week of tier 2 that was not there yet is asked for again each day.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timedelta
from typing import Any, Final

import polars as pl

from ingest.archive import sha256_of
from ingest.batch import Window
from ingest.clock import NEW_YORK, naive_utc
from ingest.connector import FetchContext
from ingest.dataset import dataset
from ingest.errors import SourceError
from ingest.payload import Payload
from ingest.readers.fund_days import no_panel_rows, panel_rows
from ingest.readers.parsing import changed, day, field, json_of, number, quoted
from ingest.sources.finra.finra_files import one_each
from ingest.sources.finra.finra_symbols import asked, wanted
from ingest.sources.finra.query_api import authorised, equal, page_name, pages

TABLE: Final = "finra.ats_weekly"
KINDS: Final = {"ATS_W_SMBL": "ats", "OTC_W_SMBL": "otc"}
WEEKS: Final = 26
"""So many weeks are asked on the first run; the API has twice as many."""
FIRST_WEEK: Final = date(2014, 5, 12)
"""The first week that FINRA published, on 2 June 2014."""

_SECOND_TIER: Final = timedelta(days=14)  # so much later than tier 1
_LATE_WEEKS: Final = 6  # of tier 2, the newest, which may come late
_NOTHING: Final = sha256_of(b"[]")
_EVENING: Final = time(20, 0)  # of the day of publication, whose hour is not stated


def fetch(context: FetchContext) -> Iterator[Payload | SourceError]:
    """Yield the weeks that are out and not held, both tiers of each Monday's publication, the newest first."""
    now = context.clock()
    today = now.astimezone(NEW_YORK).date()
    monday = today - timedelta(days=today.weekday())
    weeks = pl.Series([monday - timedelta(days=7 * back) for back in range(WEEKS + 6)], dtype=pl.Date)
    is_out = (dataset(TABLE).own_release.released_at(weeks) <= naive_utc(now)) & (weeks >= FIRST_WEEK)
    out = weeks.filter(is_out).to_list()[:WEEKS]
    held = context.held.get("")
    missing = out[:1] if held is None else [week for week in out if week not in held]
    late = [week - _SECOND_TIER for week in out[:_LATE_WEEKS] if week not in missing]
    late = [week for week in late if _came_empty(context, week)]
    if not missing and not late:
        return
    headers = authorised(context)
    if held is None:
        yield from _week(context, missing[0], "T1", headers)
        return
    again = [max(held)] if held and missing else []  # what was restated comes with a new week
    for done, week in enumerate([*missing, *again]):
        context.progress(f"off-exchange volume of {week}", done, len(missing) + len(again))
        # tier 2 first: where it fails, the week counts as not held and both are asked for again
        if week - _SECOND_TIER >= FIRST_WEEK:
            yield from _week(context, week - _SECOND_TIER, "T2", headers)
        yield from _week(context, week, "T1", headers)
    for week in late:
        if not any(week == other - _SECOND_TIER for other in again):
            yield from _week(context, week, "T2", headers)


def parse(payload: Payload) -> dict[str, pl.DataFrame]:
    """Return the rows of the symbols asked for."""
    ours, found = wanted(payload), []
    week = date.fromisoformat(payload.meta["week"])
    for record in _rows(payload):
        for name, due in (("weekStartDate", "week"), ("tierIdentifier", "tier"), ("summaryTypeCode", "kind")):
            said = field(payload, record, name, "a row")
            if said != payload.meta[due]:
                raise changed(payload, f"{payload.meta[due]} as {name}", quoted(said))
        symbol = str(field(payload, record, "issueSymbolIdentifier", "a row")).strip()
        if symbol not in ours:
            continue
        found.append((ours[symbol], *_figures(payload, record, symbol), *_dates(payload, record, symbol, week)))
    if not found:
        return {TABLE: no_panel_rows(TABLE)}
    names = ("ticker", "shares", "trades_count", "first_published_date", "last_update_date", "stated_at")
    columns = {name: [row[at] for row in found] for at, name in enumerate(names)}
    same = {"week_date": [week] * len(found), "venue_kind": KINDS[payload.meta["kind"]], "tier": payload.meta["tier"]}
    return {TABLE: one_each(payload, panel_rows(payload, TABLE, {**columns, **same}), ["ticker", "week_date"])}


def windows(payload: Payload, rows: Mapping[str, pl.DataFrame]) -> list[Window]:
    """Return none: a stock that changes its tier, or a page, takes nothing back."""
    return []


def _week(context: FetchContext, week: date, tier: str, headers: Mapping[str, str]) -> Iterator[Payload]:
    for kind in KINDS:
        filters = [
            equal("weekStartDate", week.isoformat()),
            equal("tierIdentifier", tier),
            equal("summaryTypeCode", kind),
        ]
        meta = {"week": week.isoformat(), "tier": tier, "kind": kind, "symbols": asked(context.tickers)}
        yield from pages(context, "weeklySummary", _named(kind, tier, week), filters, meta, headers)


def _came_empty(context: FetchContext, week: date) -> bool:
    """Say whether tier 2 of a week was not there when it was last asked for: an answer without any row."""
    before = context.http.latest("finra", page_name(_named(next(iter(KINDS)), "T2", week), 0))
    return before is not None and before.sha256 == _NOTHING


def _named(kind: str, tier: str, week: date) -> str:
    return f"{kind} {tier} of {week}"


def _rows(payload: Payload) -> list[Any]:
    found = json_of(payload, "a JSON list of rows")
    if not isinstance(found, list):
        raise changed(payload, "a JSON list of rows", quoted(found))
    return found


def _figures(payload: Payload, record: Any, symbol: str) -> tuple[float, int]:
    shares, trades = (
        number(payload, field(payload, record, name, f"the row of {symbol}"), (), f"{name} of {symbol}")
        for name in ("totalWeeklyShareQuantity", "totalWeeklyTradeCount")
    )
    if shares is None or trades is None or trades != int(trades):
        raise changed(payload, f"shares and whole trades of {symbol}", f"{shares} and {trades}")
    return shares, int(trades)


def _dates(payload: Payload, record: Any, symbol: str, week: date) -> tuple[date, date, datetime]:
    """Return when the row was first published, when it was last changed, and since when it has been known as it is."""
    first, last = (
        day(payload, str(field(payload, record, name, f"the row of {symbol}"))[:10], "%Y-%m-%d", f"{name} of {symbol}")
        for name in ("initialPublishedDate", "lastUpdateDate")
    )
    if min(first, last) <= week + timedelta(days=4):
        raise changed(payload, f"a publication of {symbol} after the week of {week}", f"{first} and {last}")
    known = datetime.combine(max(first, last), _EVENING, NEW_YORK)
    return first, last, naive_utc(known)
