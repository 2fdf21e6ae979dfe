"""FRED and ALFRED: US macro and market series of the Federal Reserve Bank of St. Louis.

Where   https://api.stlouisfed.org/fred with FRED_API_KEY (vintages, through fredapi); without a key
        https://fred.stlouisfed.org/graph/fredgraph.csv, one series a request, current values, whole history
Grain   one row per series and date; with a key one per series, date and vintage
Units   `units` of fred/series, held against the catalog; the keyless CSV states none, so there the gate's bounds
        are what catches a change (WTREGEN went from billions to millions in 2025). "." and blank are gaps
Breaks  SourceChanged on another unit, header or id, a ZIP or HTML body, a short page; SourceRefused on a bad key
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from functools import cache
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import polars as pl
import stamina

from ingest.batch import Window, empty_rows
from ingest.catalog.models import Provider
from ingest.clock import NEW_YORK, naive_utc
from ingest.connector import FetchContext, Pair
from ingest.errors import SourceChanged, SourceError, SourceRefused, SourceUnavailable
from ingest.paging import Paging
from ingest.payload import Payload
from ingest.readers.limits import oversize_of_xml
from ingest.readers.parsing import (
    changed,
    csv_of,
    dates_of,
    lines_of,
    numbers_of,
    quoted,
    refuse_no_data,
    refuse_oversize,
    rows_of,
    windows_of,
)
from ingest.secrets import is_guardable

API: Final = "https://api.stlouisfed.org/fred"
KEYLESS: Final = "https://fred.stlouisfed.org/graph/fredgraph.csv"
MAX_VINTAGES: Final = 2000  # of one request; daily series have more than 5,000
MAX_ROWS: Final = 100_000  # of one page
LOOK_BACK: Final = timedelta(days=400)  # beyond the yearly seasonal revisions

_ANNOUNCED_AHEAD = timedelta(days=31)  # no series we collect prints a period longer before it begins
_GAPS = ("", ".")
_CHICAGO = ZoneInfo("America/Chicago")
_END_OF_DAY = time(23, 59, 59)
_NO_VINTAGES = "does not exist in ALFRED"


def fetch(context: FetchContext) -> Iterator[Payload | SourceError]:
    """Yield the answers for each series, with its vintages where there is a key."""
    key = context.settings.fred_api_key
    if key is not None and not is_guardable(key.get_secret_value()):
        raise SourceRefused("fred", "the key", "FRED_API_KEY is too short to be a key and was not sent; correct it")
    ask = _keyless if key is None else _Client(context, key.get_secret_value()).vintages
    silent = 0
    for done, pair in enumerate(context.pairs):
        context.progress(pair[1].code, done, len(context.pairs))
        try:
            yield from ask(context, pair)
            silent = 0
        except SourceRefused:
            raise  # the next series would be refused for the same reason
        except SourceUnavailable as error:
            silent += 1
            if silent > 1:  # one series may have trouble of its own; two in a row: the host does not answer
                raise
            yield error
        except SourceError as error:
            silent = 0
            yield error


def parse(payload: Payload, pairs: Sequence[Pair]) -> pl.DataFrame:
    """Return the observations of the one series the payload is about; nothing for what only steers the asking."""
    kind = payload.meta["kind"]
    if kind == "steering":
        return empty_rows()
    pair = next(pair for pair in pairs if pair[0].id == payload.meta["series"])
    return _csv(payload, pair) if kind == "csv" else _observations(payload, pair)


def windows(payload: Payload, rows: pl.DataFrame) -> list[Window]:
    """Return the first period asked for; None with the keyless CSV, which always holds everything."""
    if rows.is_empty():
        return []
    start = payload.meta.get("observation_start")
    return windows_of(payload, date.fromisoformat(start) if start else None)


# ---- without a key -------------------------------------------------------------------------------------------------


def _keyless(context: FetchContext, pair: Pair) -> Iterator[Payload]:
    """Ask for one id: several ids of different frequencies come as a ZIP. No start date: a cut history must show."""
    series, provider = pair
    yield context.http.get(
        "fred", provider.code, KEYLESS, params={"id": provider.code}, meta={"kind": "csv", "series": series.id}
    )


def _csv(payload: Payload, pair: Pair) -> pl.DataFrame:
    code = pair[1].code
    expected = f"CSV with the columns observation_date,{code}"
    refuse_no_data(payload, expected)
    if payload.body.startswith(b"PK"):
        raise changed(payload, expected, "a ZIP file")
    lines = lines_of(payload, expected)
    header = [name.strip() for name in lines[0].split(",")]
    # the first column was DATE until December 2024, so it is read by its place
    if len(header) != 2 or header[0] not in ("observation_date", "DATE") or header[1] != code:
        raise changed(payload, expected, quoted(lines[0]))
    frame = csv_of(payload, lines, expected)
    if frame.is_empty():
        raise changed(payload, f"observations of {code}", "a header and no rows")
    return rows_of(
        payload, pair, dates_of(payload, frame, header[0], "%Y-%m-%d"), numbers_of(payload, frame, code, _GAPS)
    )


# ---- with a key ----------------------------------------------------------------------------------------------------


class _RateLimitedError(Exception):
    """FRED's 429 inside a payload, whatever the HTTP status said."""


class _Client:
    """Asks FRED's API: fredapi builds the requests, every one of them goes through context.http and the archive."""

    def __init__(self, context: FetchContext, key: str) -> None:
        self._context = context
        self._key = key
        self._fred = _fredapi_class()(self, key)
        self._today = context.clock().astimezone(_CHICAGO).date()  # FRED refuses days after its own today
        self._about: tuple[str, str] = ("", "")  # code and id of the series that fredapi is asking about

    def vintages(self, context: FetchContext, pair: Pair) -> Iterator[Payload]:
        """Yield the pages of observations: every vintage on first load, then those that touch the last 400 days."""
        series, provider = pair
        self._about = (provider.code, series.id)
        units = self._units(provider)
        newest = context.since[series.id]
        start = None if newest is None else newest - LOOK_BACK
        meta = {"kind": "observations", "series": series.id, "units": units}
        params = {"series_id": provider.code}
        if start is not None:
            meta["observation_start"] = params["observation_start"] = start.isoformat()
        known = [day for day in self._vintage_dates(provider.code) if day <= self._today]
        if not known:
            yield from self._pages(params, {**meta, "vintages": "none"})
            return
        for window_start, window_end in vintage_windows(_touching(known, start), self._today, MAX_VINTAGES):
            realtime = {"realtime_start": window_start.isoformat(), "realtime_end": window_end.isoformat()}
            clipped = {"clipped_at": window_start.isoformat()} if window_start != known[0] else {}
            yield from self._pages({**params, **realtime}, {**meta, **clipped})

    def steering(self, url: str) -> ElementTree.Element:
        """Return the answer to a request that fredapi built (series, vintagedates); ValueError as fredapi raises it."""
        parts = urlsplit(url)
        params = dict(parse_qsl(parts.query))
        payload = self._ask(url.partition("?")[0], params, {"kind": "steering"})
        root = _xml(payload)
        if root.tag == "error":
            raise ValueError(root.get("message"))
        if int(root.get("count", "0")) > len(root):
            raise changed(payload, f"all {root.get('count')} entries in one answer", f"{len(root)}")
        return root

    def _units(self, provider: Provider) -> str:
        try:
            units = str(self._fred.get_series_info(provider.code)["units"])
        except (ValueError, KeyError) as error:
            seen = f"{type(error).__name__}: {error}" if isinstance(error, KeyError) else str(error)
            raise SourceChanged("fred", provider.code, expected="the units of the series", seen=seen) from None
        if units != provider.unit:
            raise SourceChanged("fred", provider.code, expected=f"units {provider.unit!r}", seen=repr(units))
        return units

    def _vintage_dates(self, code: str) -> list[date]:
        """Return the days on which values were new or changed; none for a series that ALFRED does not keep."""
        try:
            return sorted({moment.date() for moment in self._fred.get_series_vintage_dates(code)})
        except ValueError as error:
            if _NO_VINTAGES in str(error):
                return []
            raise SourceChanged("fred", code, expected="vintage dates", seen=str(error)) from None

    def _pages(self, params: Mapping[str, str], meta: Mapping[str, str]) -> Iterator[Payload]:
        """Yield page after page; where FRED gives less on one than was asked for, its own limit is the page's size."""
        offset, has_more, paging = 0, True, Paging(MAX_ROWS)
        while has_more:
            page = {**params, "limit": str(MAX_ROWS), "offset": str(offset)}
            payload = self._ask(f"{API}/series/observations", page, {**meta, "offset": str(offset)})
            yield payload
            if offset == 0:
                paging = Paging(min(_stated(payload, "limit", MAX_ROWS) or MAX_ROWS, MAX_ROWS))
            has_more = paging.has_more(payload, payload.body.count(b"<observation "), _stated(payload, "count"))
            offset += paging.size

    def _ask(self, url: str, params: Mapping[str, str], meta: Mapping[str, str]) -> Payload:
        code, series_id = self._about
        settings = self._context.settings
        try:
            for attempt in stamina.retry_context(
                on=_RateLimitedError,
                attempts=settings.request_attempts,
                timeout=None,
                wait_initial=2 * settings.retry_wait_seconds,
                wait_max=60.0,
                wait_jitter=settings.retry_wait_seconds,
            ):
                with attempt:
                    payload = self._context.http.get(
                        "fred",
                        code,
                        url,
                        params=params,
                        secret_params={"api_key": self._key},
                        meta={**meta, "series": series_id},
                        accept_status=(200, 400),  # FRED explains itself in the body of a 400
                    )
                    _refuse_error(payload)
        except _RateLimitedError as error:
            tries = settings.request_attempts
            advice = "wait some minutes and run again; what was landed before stays."
            raise SourceUnavailable("fred", code, f"FRED says {error} after {tries} tries: {advice}") from None
        return payload


@cache
def _fredapi_class() -> Any:
    """Return fredapi's client with our transport. fredapi brings pandas, so it is imported where a key is used."""
    import fredapi

    class ArchivedFred(fredapi.Fred):  # type: ignore[misc]  # fredapi has no types
        """Asks through our client (the mangled name is fredapi's), which retries, paces, redacts, archives."""

        root_url = API

        def __init__(self, client: _Client, key: str) -> None:
            self.api_key = key
            self._client = client

        def _Fred__fetch_data(self, url: str) -> ElementTree.Element:
            return self._client.steering(url)

    return ArchivedFred


def vintage_windows(vintages: Sequence[date], last: date, most: int) -> list[tuple[date, date]]:
    """Split ascending vintage dates into windows of at most `most`, each starting where the one before ends.

    The last one ends at `last`. Neighbours share a date because FRED clips realtime_start to the window's start:
    rows that begin there are read from the window before.
    """
    windows = []
    position = 0
    while True:
        chunk = vintages[position : position + most]
        is_last = position + most >= len(vintages)
        windows.append((chunk[0], last if is_last else chunk[-1]))
        if is_last:
            return windows
        position += most - 1


def _touching(vintages: Sequence[date], start: date | None) -> Sequence[date]:
    """Return the vintages that can hold periods from `start` on, and one before them, whose rows are all clipped."""
    if start is None:
        return vintages
    earlier = [day for day in vintages if day < start - _ANNOUNCED_AHEAD]
    return vintages[max(len(earlier) - 1, 0) :]


def _refuse_error(payload: Payload) -> None:
    """Raise what FRED says in an error body; steering errors are fredapi's to raise and ours to read."""
    root = _xml(payload)
    if root.tag != "error":
        if payload.status != 200:
            raise changed(payload, "HTTP 200 or FRED's own error", f"HTTP {payload.status} and <{root.tag}>")
        return
    code, message = root.get("code", ""), " ".join(root.get("message", "").split())
    if code == "429":
        raise _RateLimitedError(f"{code}: {message}")
    if "api_key" in message:
        said = message.split("Read http")[0].strip()
        text = f"FRED refused the key: {said!r}. Check FRED_API_KEY, or unset it to use the keyless files"
        raise SourceRefused("fred", payload.name, text)
    if payload.meta["kind"] != "steering":
        raise changed(payload, "observations", f"error {code}: {message}")


def _xml(payload: Payload) -> ElementTree.Element:
    refuse_no_data(payload, "XML of the FRED API")
    refuse_oversize(payload, oversize_of_xml)
    if b"<!DOCTYPE" in payload.body or b"<!ENTITY" in payload.body:
        raise changed(payload, "XML without DOCTYPE and entities", "a document that declares them")
    try:
        # a document without a DOCTYPE cannot declare entities, so there is nothing that could expand
        return ElementTree.fromstring(payload.body)  # noqa: S314
    except (ElementTree.ParseError, ValueError, LookupError) as error:  # LookupError: an encoding nobody knows
        raise changed(
            payload, "XML of the FRED API", f"{quoted(payload.body[:60].decode('utf-8', 'replace'))} ({error})"
        ) from None


def _stated(payload: Payload, name: str, otherwise: int | None = None) -> int:
    """Return a number that the head of a page states; SourceChanged without it, unless `otherwise` says what it is."""
    found = re.search(rb'\b%s="(\d{1,18})"' % name.encode(), payload.body[:4096])
    if found is not None:
        return int(found[1])
    if otherwise is None:
        raise changed(payload, f"observations with a {name}", quoted(payload.body[:80].decode("utf-8", "replace")))
    return otherwise


def _observations(payload: Payload, pair: Pair) -> pl.DataFrame:
    series, provider = pair
    units = payload.meta["units"]
    if units != provider.unit:
        raise changed(payload, f"units {provider.unit!r}", repr(units))
    root = _xml(payload)
    if root.get("code") == "429":
        return empty_rows()  # asked again at once; the answer is the next payload
    if root.tag == "error":
        raise changed(payload, f"observations of {series.id}", f"error {root.get('code')}: {root.get('message')}")
    _refuse_short(payload, root)
    cells = {name: [entry.get(name, "") for entry in root] for name in ("date", "value", "realtime_start")}
    frame = pl.DataFrame(cells, schema=dict.fromkeys(cells, pl.String))
    values = numbers_of(payload, frame, "value", _GAPS)
    rows = rows_of(payload, pair, dates_of(payload, frame, "date", "%Y-%m-%d"), values)
    if payload.meta.get("vintages") == "none":
        return rows
    started = dates_of(payload, frame, "realtime_start", "%Y-%m-%d")
    order = pl.DataFrame({"date": frame["date"], "started": started}).sort("date", maintain_order=True)
    rows = rows.with_columns(_stated_at(payload, provider, rows["period_date"], order["started"]).alias("stated_at"))
    clipped_at = payload.meta.get("clipped_at")
    return rows if clipped_at is None else rows.filter(order["started"] != date.fromisoformat(clipped_at))


def _refuse_short(payload: Payload, root: ElementTree.Element) -> None:
    """Hold the number of observations against what FRED says this page has."""
    due = min(int(root.get("limit", MAX_ROWS)), max(int(root.get("count", "0")) - int(root.get("offset", "0")), 0))
    if root.tag != "observations" or len(root) != due:
        raise changed(payload, f"{due} observations on this page", f"{len(root)} in <{root.tag}>")


def _stated_at(payload: Payload, provider: Provider, periods: pl.Series, started: pl.Series) -> pl.Series:
    """Return when each vintage became known, naive UTC. ALFRED knows the day, not the hour.

    Where the day is the one on which the release rule has the period printed, the rule knows the hour too. On any
    other day (a revision, a late print, a day on which ALFRED took over what was known) the end of that day in New
    York is the first moment by which it was certainly known: an earlier one could look ahead.
    """
    ruled = provider.release.released_at(periods)
    ruled_day = ruled.dt.replace_time_zone("UTC").dt.convert_time_zone(NEW_YORK.key).dt.date()
    ends = {day: naive_utc(datetime.combine(day, _END_OF_DAY, NEW_YORK)) for day in started.unique()}
    end_of_day = started.replace_strict(ends, return_dtype=pl.Datetime("us")) if ends else ruled
    stated = pl.when(ruled_day == started).then(ruled).otherwise(end_of_day)
    read_at = pl.lit(naive_utc(payload.fetched_at), dtype=pl.Datetime("us"))
    return pl.select(pl.min_horizontal(stated, read_at).alias("stated_at"))["stated_at"]
