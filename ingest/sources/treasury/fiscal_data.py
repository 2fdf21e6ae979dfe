"""Fiscal Data, the Treasury's API: pages of records whose values are strings, and what holds a page together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Final, NamedTuple

import polars as pl

from ingest.batch import Window
from ingest.clock import NEW_YORK
from ingest.connector import FetchContext
from ingest.errors import SourceChanged
from ingest.paging import Paging
from ingest.payload import Payload
from ingest.readers.parsing import changed, day, field, json_of, listed, number, quoted

STATEMENT_URL: Final = "https://api.fiscaldata.treasury.gov/services/api/fiscal_service/v1/accounting/dts/{table}"
MILLIONS: Final = "$1,000,000"
NULL: Final = "null"

_OVERLAP: Final = timedelta(days=45)
_PAGE_SIZE: Final = 10_000


def ask_table(
    context: FetchContext,
    table: str,
    first_day: date,
    *,
    only: str = "",
    newest: date | None = None,
    meta: Mapping[str, str] | None = None,
) -> Iterator[Payload]:
    """Yield the pages of a table of the statement, oldest first, from shortly before `newest` on.

    Not past a page that cannot be used: the next run goes on from the newest day held. `only`: further filters. The
    rows of a day are asked for in the order of its lines, or a page might have a line again that another one had.
    """
    today = context.clock().astimezone(NEW_YORK).date()
    start = first_day if newest is None else max(first_day, newest - _OVERLAP)
    page, has_more, paging = 1, True, Paging(_PAGE_SIZE)
    while has_more:
        payload = context.http.get(
            "treasury",
            f"{table.replace('_', ' ')} from {start}, page {page}",
            STATEMENT_URL.format(table=table),
            params={
                "filter": ",".join(filter(None, (f"record_date:gte:{start},record_date:lte:{today}", only))),
                "sort": "record_date,src_line_nbr",
                "page[number]": str(page),
                "page[size]": str(_PAGE_SIZE),
                "format": "json",
            },
            meta={"part": table, "start": start.isoformat(), "page": str(page), **(meta or {})},
        )
        yield payload
        try:
            document = json_of(payload, f"JSON of {table}")
            pages = page_count(payload, document)
            found = len(listed(payload, document, "data", "the answer"))
        except SourceChanged:
            return  # the collector parses the same payload and reports it
        has_more = paging.has_more(payload, found, (pages - 1) * _PAGE_SIZE + 1)
        context.progress(f"treasury: {table.replace('_', ' ')}", page, pages)
        page += 1


def page_count(payload: Payload, document: Any) -> int:
    """Return the number of pages; this one must be among them."""
    meta = field(payload, document, "meta", "the answer")
    pages = field(payload, meta, "total-pages", "meta")
    page = int(payload.meta["page"])
    if not isinstance(pages, int) or isinstance(pages, bool) or pages < page:
        raise changed(payload, f"meta.total-pages of at least {page}", quoted(pages))
    return pages


class Page(NamedTuple):
    """What a page holds: its records, the format that it states for each column, and how many pages there are."""

    records: list[Any]
    formats: Mapping[str, Any]
    pages: int


def page_of(payload: Payload, expected: str) -> Page:
    """Return a page; SourceChanged where it has not as many records as it says."""
    document = json_of(payload, expected)
    pages = page_count(payload, document)
    meta = field(payload, document, "meta", "the answer")
    records = listed(payload, document, "data", "the answer")
    if not records:
        raise changed(payload, "at least one record", "no records")
    if field(payload, meta, "count", "meta") != len(records):
        raise changed(payload, f"meta.count {len(records)}, the number of records", quoted(meta["count"]))
    if pages == 1 and field(payload, meta, "total-count", "meta") != len(records):
        raise changed(payload, f"{meta['total-count']} records on the only page", f"{len(records)} records")
    return Page(records, field(payload, meta, "dataFormats", "meta"), pages)


def amounts_of(payload: Payload, column: str) -> Iterator[tuple[date, dict[str, Any], float | None]]:
    """Yield day, record and amount (millions of dollars) of every record of a page; `null` is none."""
    page = page_of(payload, f"JSON of {payload.meta['part']}")
    stated = field(payload, page.formats, column, "meta.dataFormats")
    if stated != MILLIONS:
        raise changed(payload, f"unit {MILLIONS!r} in meta.dataFormats.{column}", quoted(stated))
    start = date.fromisoformat(payload.meta["start"])
    for record in page.records:
        on = day(payload, field(payload, record, "record_date", "a record"), "%Y-%m-%d", "record_date")
        if on < start:
            raise changed(payload, f"records from {start} on", f"one of {on}")
        yield on, record, number(payload, field(payload, record, column, "a record"), (NULL,), f"{column} on {on}")


def text_of(payload: Payload, record: dict[str, Any], column: str, on: date) -> str:
    """Return a text of a record without the blanks around it; empty where it is `null`."""
    found = field(payload, record, column, "a record")
    if found is None or found == NULL:
        return ""
    if not isinstance(found, str):
        raise changed(payload, f"a text for {column} on {on}", quoted(found))
    return " ".join(found.split())


def one_of_each(payload: Payload, rows: Mapping[tuple[Any, ...], Any], key: tuple[Any, ...], row: Any) -> bool:
    """Say whether `key` is new; SourceChanged where it came with another figure."""
    if key not in rows:
        return True
    if rows[key] != row:
        raise changed(payload, f"one line {' '.join(map(str, key[1:]))!r} on {key[0]}", f"{rows[key]} and {row}")
    return False


def day_windows(payload: Payload, table_id: str, days: pl.Series) -> list[Window]:
    """Return the days that a page has whole: not its first and last one where another page may have their rest."""
    pages = page_count(payload, json_of(payload, f"JSON of {payload.meta['part']}"))
    page = int(payload.meta["page"])
    first, last = days.min(), days.max()
    assert isinstance(first, date)
    assert isinstance(last, date)
    start = date.fromisoformat(payload.meta["start"]) if page == 1 else first + timedelta(days=1)
    end = None if page == pages else last - timedelta(days=1)
    return [Window("", start, end, table_id=table_id)] if end is None or start <= end else []


def newest_of(context: FetchContext, groups: Sequence[str] = ("",)) -> date | None:
    """Return the newest day held."""
    return next((context.since[group] for group in groups if context.since.get(group)), None)
