"""Wikimedia: daily views of single articles of the English Wikipedia, by people (no crawlers).

Where   https://wikimedia.org/api/rest_v1/metrics/pageviews/per-article/en.wikipedia/all-access/user/ARTICLE/daily/FROM/TO
        (keyless, CC0). Wikimedia wants a contact in the User-Agent (TIDEGAUGE_CONTACT); without it nothing is asked
Grain   one row per article and day (UTC), from 2015-07-01; a day without a view is left out, and stays a gap here
Units   views. A redirect is counted under its own title, and an article that moves begins anew under the new one
Breaks  SourceChanged on another article, project, granularity, access or agent than asked for, a day that was not asked
        for or stands twice, text for a number; on HTTP 404 where some day asked for is older than DUE_AFTER: then the
        article is not there any more. Of newer days alone 404 says that they are not loaded yet
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Final
from urllib.parse import quote

import polars as pl

from ingest.batch import Window, empty_rows
from ingest.connector import FetchContext, Pair
from ingest.errors import NotConfigured, SourceError, SourceRefused
from ingest.payload import Payload
from ingest.readers.parsing import changed, day, field, json_of, listed, quoted, rows_of, windows_of

URL: Final = "https://wikimedia.org/api/rest_v1/metrics/pageviews/per-article/en.wikipedia/all-access/user"
SINCE: Final = date(2015, 7, 1)
DUE_AFTER: Final = timedelta(days=4)

_AGAIN: Final = timedelta(days=5)
_SAME: Final[Mapping[str, str]] = {
    "project": "en.wikipedia",
    "granularity": "daily",
    "access": "all-access",
    "agent": "user",
}
_STAMP: Final = re.compile(r"\d{8}00")
_EXPECTED: Final = "JSON with items"
_NO_CONTACT: Final = "not asked: Wikimedia wants to know who asks; put TIDEGAUGE_CONTACT=you@example.org into .env"


def fetch(context: FetchContext) -> Iterator[Payload | SourceError]:
    """Yield each article's days from those held on; the newest held are asked again, as they may have come in part."""
    if not context.settings.contact:
        raise NotConfigured("wikimedia", "page views", _NO_CONTACT)
    headers = {"User-Agent": f"tidegauge/0.1 ({context.settings.contact})"}
    last = context.clock().date() - timedelta(days=1)
    for done, (series, provider) in enumerate(context.pairs):
        context.progress(provider.code, done, len(context.pairs))
        held = context.since.get(series.id)
        first = SINCE if held is None else max(SINCE, min(held, last) - _AGAIN)
        url = f"{URL}/{quote(provider.code, safe='')}/daily/{first:%Y%m%d}00/{last:%Y%m%d}00"
        meta = {"series": series.id, "article": provider.code, "first": first.isoformat(), "last": last.isoformat()}
        try:
            yield context.http.get(
                "wikimedia", provider.code, url, headers=headers, meta=meta, accept_status=(200, 404)
            )
        except SourceRefused:
            raise  # the next article would be refused for the same reason
        except SourceError as error:
            yield error


def parse(payload: Payload, pairs: Sequence[Pair]) -> pl.DataFrame:
    """Return the views of the article that the answer was asked for."""
    pair = next(pair for pair in pairs if pair[0].id == payload.meta["series"])
    first, last = (date.fromisoformat(payload.meta[name]) for name in ("first", "last"))
    if payload.status == 404:
        if first <= payload.fetched_at.date() - DUE_AFTER:
            raise changed(payload, f"views since {first}", "HTTP 404: the article was moved or removed")
        return empty_rows()
    views: dict[date, int] = {}
    for item in listed(payload, json_of(payload, _EXPECTED), "items", "the answer"):
        on = _day(payload, item)
        if not first <= on <= last:
            raise changed(payload, f"days from {first} to {last}", str(on))
        if on in views:
            raise changed(payload, f"each day once, also {on}", "it twice")
        views[on] = _views(payload, item, on)
    if not views:
        raise changed(payload, "at least one day in items", "none")
    return rows_of(payload, pair, list(views), [float(count) for count in views.values()])


def windows(payload: Payload, rows: pl.DataFrame) -> list[Window]:
    """Return the days that were asked for; nothing where none was loaded yet."""
    return [] if rows.is_empty() else windows_of(payload, date.fromisoformat(payload.meta["first"]))


def _day(payload: Payload, item: Any) -> date:
    for name, value in {**_SAME, "article": payload.meta["article"]}.items():
        if (seen := field(payload, item, name, "an item")) != value:
            raise changed(payload, f"{value} as {name} of each item", quoted(seen))
    stamp = field(payload, item, "timestamp", "an item")
    if not isinstance(stamp, str) or _STAMP.fullmatch(stamp) is None:
        raise changed(payload, "a timestamp YYYYMMDD00 in each item", quoted(stamp))
    return day(payload, stamp[:8], "%Y%m%d", "timestamp")


def _views(payload: Payload, item: Any, on: date) -> int:
    count: object = field(payload, item, "views", f"the item of {on}")
    if isinstance(count, bool) or not isinstance(count, int) or count < 0:
        raise changed(payload, f"a number of views of {on}", quoted(count))
    return count
