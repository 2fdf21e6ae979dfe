"""SEC EDGAR: every 8-K of each day through full-text search, kept by item.

Where   https://efts.sec.gov/LATEST/search-index?q=&forms=8-K&dateRange=custom&startdt=DAY&enddt=DAY&from=N (keyless,
        100 documents a page). The SEC wants a contact in the User-Agent (TIDEGAUGE_CONTACT); without it nothing is
        asked
Grain   a hit is a document; documents of one filing share `adsh`. One row per filing and item kept, one per page, one
        per earnings release of a name whose option chain is collected
Units   counts. Known at the acceptance where a hit says it, else at 22:00 New York of the day of filing
Breaks  SourceChanged on 10,000 documents or more (the search counts no further), a short page, a hit of another day or
        form, a day that was open and has none, items that are not numbered as since 2004-08-23, text for a number

The parameter `items` of the search misses filings, so all are enumerated and the items are picked here. Days are asked
one by one from yesterday back to SINCE, those that are held whole left out, as far as `sec_requests_per_run` reaches;
the newest held days are asked again, as the index may come late.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any, Final

import polars as pl

from ingest.batch import Window
from ingest.catalog.calendars import is_working_day
from ingest.clock import NEW_YORK, naive_utc
from ingest.connector import FetchContext
from ingest.errors import NotConfigured, SourceError, SourceRefused, SourceUnavailable
from ingest.paging import Paging
from ingest.payload import Payload
from ingest.readers.fund_days import no_panel_rows, panel_rows
from ingest.readers.parsing import changed, field, json_of, listed, quoted
from ingest.sources.sec.earnings import RELEASES, earnings_releases

URL: Final = "https://efts.sec.gov/LATEST/search-index"
SINCE: Final = date(2004, 8, 23)
"""From here on items have the numbers that they have today."""

ITEMS: Final = ("1.03", "2.04", "2.05", "2.06", "3.01")
PAGE: Final = 100
MOST: Final = 10_000
"""The search counts no further: a day of so many may have more."""

ANSWERS: Final = "sec.answers"
FILINGS: Final = "sec.filings"
NO_CONTACT: Final = "not asked: the SEC wants to know who asks; put TIDEGAUGE_CONTACT=you@example.org into .env"

_AGAIN: Final = 3
_ENOUGH: Final = 3  # so many days that are not as agreed, and the others are not either
_ITEM: Final = re.compile(r"\d\.\d\d")
_OLD_ITEM: Final = re.compile(r"[1-9]|1[0-2]")
"""Amendments of older reports have the numbers from before SINCE."""
_ACCESSION: Final = re.compile(r"\d{10}-\d{2}-\d{6}")
_EXPECTED: Final = "JSON with hits.total.value and hits.hits"


def fetch(context: FetchContext) -> Iterator[Payload | SourceError]:
    """Yield the pages of the days that are due, newest first; a day that did not come whole counts as not held."""
    contact = context.settings.contact
    if not contact:
        raise NotConfigured("sec", "8-K filings", NO_CONTACT)
    days = _due(context)
    left, broken = context.settings.sec_requests_per_run, 0
    for done, day in enumerate(days):
        if left <= 0 or broken >= _ENOUGH:
            return
        context.progress(f"8-K of {day}", done, len(days))
        try:
            for payload in _pages(context, day, contact):
                left -= 1
                yield payload
        except SourceRefused:
            raise  # the next day would be refused for the same reason
        except SourceUnavailable as error:
            yield error
            return
        except SourceError as error:
            broken += 1
            yield error


def parse(payload: Payload) -> dict[str, pl.DataFrame]:
    """Return what the page holds, and its filings by item."""
    day, first = date.fromisoformat(payload.meta["day"]), int(payload.meta["from"])
    total, hits = _hits(payload)
    due = min(PAGE, max(total - first, 0))
    if len(hits) != due:
        raise changed(payload, f"{due} hits from {first} on", str(len(hits)))
    if not hits and first == 0 and is_working_day("federal_government", day) and is_working_day("nyse", day):
        raise changed(payload, f"8-K filings of {day}, a business day", "none")
    filings = {one["adsh"]: one for one in (_filing(payload, hit, day) for hit in hits)}
    _require_items(payload, filings)
    rows = [(name, item, one) for name, one in filings.items() for item in one["items"] if item in ITEMS]
    answer = {
        "file_date": [day],
        "first_document_number": [first],
        "documents_count": [len(hits)],
        "total_documents_count": [total],
        "filings_count": [len(filings)],
    }
    return {
        ANSWERS: panel_rows(payload, ANSWERS, answer),
        FILINGS: _filings(payload, day, rows),
        RELEASES: earnings_releases(payload, day, filings),
    }


def windows(payload: Payload, rows: Mapping[str, pl.DataFrame]) -> list[Window]:
    """Return the day that was asked for, of all tables, with its last page: before it nothing of the day is absent."""
    answer = rows[ANSWERS].row(0, named=True)
    if answer["first_document_number"] + answer["documents_count"] < answer["total_documents_count"]:
        return []
    day = date.fromisoformat(payload.meta["day"])
    return [Window("", day, day, table_id=table) for table in (ANSWERS, FILINGS, RELEASES)]


# -- asking ------------------------------------------------------------------------------------------------------------


def _due(context: FetchContext) -> list[date]:
    """Return the weekdays to ask, newest first: those not held since SINCE, and the newest held ones once more."""
    yesterday = context.clock().astimezone(NEW_YORK).date() - timedelta(days=1)
    held = context.held.get("")
    again = set(sorted(held or ())[-_AGAIN:])
    days = (yesterday - timedelta(days=back) for back in range((yesterday - SINCE).days + 1))
    due = [day for day in days if day.weekday() < 5 and (held is None or day not in held or day in again)]
    return due[:1] if held is None else due  # nobody says what is held: a look at the publisher


def _pages(context: FetchContext, day: date, contact: str) -> Iterator[Payload]:
    first, has_more, paging = 0, True, Paging(PAGE)
    asked = {"q": "", "forms": "8-K", "dateRange": "custom", "startdt": day.isoformat(), "enddt": day.isoformat()}
    while has_more:
        payload = context.http.get(
            "sec",
            f"8-K of {day} from {first}",
            URL,
            params={**asked, "from": str(first)},
            headers={"User-Agent": f"tidegauge/0.1 {contact}"},
            meta={"day": day.isoformat(), "from": str(first)},
        )
        total, hits = _hits(payload)
        yield payload
        has_more = paging.has_more(payload, len(hits), total)
        first += PAGE


# -- reading -----------------------------------------------------------------------------------------------------------


def _hits(payload: Payload) -> tuple[int, list[Any]]:
    """Return how many documents the search counts, and those of the page."""
    found = field(payload, json_of(payload, _EXPECTED), "hits", "the answer")
    counted = field(payload, found, "total", "hits")
    total = field(payload, counted, "value", "hits.total")
    if not isinstance(total, int) or isinstance(total, bool) or total < 0:
        raise changed(payload, "a number as hits.total.value", quoted(total))
    if total >= MOST or counted.get("relation", "eq") != "eq":
        raise changed(payload, f"fewer than {MOST:,} documents of one day, all counted", f"{total:,} or more")
    return total, listed(payload, found, "hits", "hits")


def _filing(payload: Payload, hit: Any, day: date) -> dict[str, Any]:
    """Return one document's filing, held against what was asked for."""
    source = field(payload, hit, "_source", "a hit")
    adsh = field(payload, source, "adsh", "a hit")
    if not isinstance(adsh, str) or _ACCESSION.fullmatch(adsh) is None:
        raise changed(payload, "an accession number as adsh", quoted(adsh))
    form = field(payload, source, "form", f"hit {adsh}")
    if form not in ("8-K", "8-K/A") and "8-K" not in _texts(payload, source, "root_forms", adsh):
        raise changed(payload, f"8-K or 8-K/A as the form of {adsh}", quoted(form))
    filed = field(payload, source, "file_date", f"hit {adsh}")
    if filed != day.isoformat():
        raise changed(payload, f"{day} as the file_date of {adsh}", quoted(filed))
    return {
        "adsh": adsh,
        "form": form,
        "items": sorted(set(_texts(payload, source, "items", adsh))),
        "ciks": list(dict.fromkeys(_texts(payload, source, "ciks", adsh))),
        "names": _texts(payload, source, "display_names", adsh),
        "sics": _texts(payload, source, "sics", adsh),
        "accepted": _accepted(payload, source, adsh),
    }


def _texts(payload: Payload, source: Mapping[str, Any], name: str, adsh: str) -> list[str]:
    """Return a list of texts; nothing where it is left out or null."""
    found = source.get(name) or []
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise changed(payload, f"a list of texts as {name} of {adsh}", quoted(found))
    return found


def _accepted(payload: Payload, source: Mapping[str, Any], adsh: str) -> datetime | None:
    """Return the moment of acceptance, naive UTC, where the hit has one."""
    text = source.get("acceptanceDateTime")
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        raise changed(payload, f"a moment as acceptanceDateTime of {adsh}", quoted(text)) from None
    return naive_utc(moment if moment.tzinfo else moment.replace(tzinfo=NEW_YORK))


def _require_items(payload: Payload, filings: Mapping[str, Mapping[str, Any]]) -> None:
    """Raise SourceChanged where an item is in no numbering, or most filings have none in today's."""
    for name, one in filings.items():
        if strange := [item for item in one["items"] if not (_ITEM.fullmatch(item) or _OLD_ITEM.fullmatch(item))]:
            raise changed(payload, f"items numbered like 2.05 in {name}", quoted(", ".join(strange)))
    numbered = sum(any(_ITEM.fullmatch(item) for item in one["items"]) for one in filings.values())
    if 2 * numbered < len(filings):
        seen = next((", ".join(one["items"]) or "none" for one in filings.values()), "none")
        raise changed(payload, "items numbered like 2.05", quoted(seen))


def _filings(payload: Payload, day: date, rows: list[tuple[str, str, dict[str, Any]]]) -> pl.DataFrame:
    if not rows:
        return no_panel_rows(FILINGS)
    return panel_rows(
        payload,
        FILINGS,
        {
            "accession_number": [name for name, _, _ in rows],
            "item": [item for _, item, _ in rows],
            "file_date": [day] * len(rows),
            "form": [one["form"] for *_, one in rows],
            "is_amendment": [one["form"].endswith("/A") for *_, one in rows],
            "ciks": [",".join(one["ciks"]) or None for *_, one in rows],
            "filer_name": [next(iter(one["names"]), None) for *_, one in rows],
            "sic": [next((sic for sic in one["sics"] if sic), None) for *_, one in rows],
            "stated_at": [one["accepted"] for *_, one in rows],
        },
    )
