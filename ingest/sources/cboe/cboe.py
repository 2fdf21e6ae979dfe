"""Cboe: histories of its volatility indices, put/call ratios and option volumes.

Where   https://cdn-api.cboe.com (index CSVs); https://cdn.cboe.com (put/call archives from 2006-11-01 to 2019-10-04,
        then one JSON page per session). Keyless; a browser's User-Agent and Referer are wanted
Grain   one row per index and day (VIX also has rows on US holidays since 2022-05-30: they stay, the marts drop them);
        one ratio, put and call volume per product and session, of Cboe's own exchanges only
Units   index points, plain ratios, contracts; none is stated
Breaks  SourceChanged on other index columns, on ratios that are not puts over calls, on a page without its total ratio.
        Pages list more products each year: unknown ones are passed over, and a known one may be absent or empty
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

import polars as pl

from ingest.batch import ROWS_SCHEMA, Window
from ingest.catalog.calendars import working_days
from ingest.clock import NEW_YORK
from ingest.connector import FetchContext, Pair
from ingest.errors import SourceError, SourceRefused
from ingest.payload import Payload
from ingest.readers.parsing import (
    changed,
    csv_of,
    dates_of,
    field,
    json_of,
    lines_of,
    listed,
    number,
    numbers_of,
    quoted,
    rows_of,
    series_of,
    table_lines,
    together,
    windows_of,
)

INDEX_URL = "https://cdn-api.cboe.com/api/global/us_indices/daily_prices/{symbol}_History.csv"
ARCHIVE_URL = "https://cdn.cboe.com/resources/options/volume_and_call_put_ratios/{product}pc.csv"
DAILY_URL = "https://cdn.cboe.com/data/us/options/market_statistics/daily/{session}_daily_options"

BROWSER = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36"
REFERER = "https://www.cboe.com/us/options/market_statistics/daily/"

_PUT_CALL = "put_call/"
_FIRST_DAILY_SESSION = date(2019, 10, 7)
_ARCHIVE_LAST_DAY = date(2019, 10, 4)  # the files still answer, and will for ever say the same
_PAGE_IS_DUE = time(17, 0)  # New York, on the session itself
_SESSIONS_ASKED_AGAIN = 3  # preliminary volumes are corrected within days
_FAILURES_IN_A_ROW = 3

_OHLC = ["DATE", "OPEN", "HIGH", "LOW", "CLOSE"]
_ARCHIVE_HEADER: Final = re.compile(r"DATE,CALLS?,PUTS?,TOTAL,(P/C )?RATIO$")
_ARCHIVE_COLUMNS: Final = {"calls": 1, "puts": 2, "ratio": 4}
_RATIO_TOLERANCE = 0.02  # ratios are printed to 0.01, and some days cut instead of rounded
_BROKEN_SHARE = 0.05  # a misprint on one day is for the gate; swapped columns break nearly every day

_RATIO_NAMES: Final = {
    "total": "TOTAL PUT/CALL RATIO",
    "index": "INDEX PUT/CALL RATIO",
    "etp": "EXCHANGE TRADED PRODUCTS PUT/CALL RATIO",
    "equity": "EQUITY PUT/CALL RATIO",
    "vix": "CBOE VOLATILITY INDEX (VIX) PUT/CALL RATIO",
    "spx": "SPX + SPXW PUT/CALL RATIO",
}
_VOLUME_NAMES: Final = {"total": "SUM OF ALL PRODUCTS", "index": "INDEX OPTIONS", "equity": "EQUITY OPTIONS"}
_VOLUME_MEMBERS: Final = {"puts": "put", "calls": "call"}


def fetch(context: FetchContext) -> Iterator[Payload | SourceError]:
    """Yield the index histories, the archives as long as nothing of them is held, and the daily pages that are due.

    `meta["session"]` of a page is its day: the page itself does not say it.
    """
    headers = {"User-Agent": context.settings.user_agent or BROWSER, "Referer": REFERER}
    yield from _fetch_indices(context, headers)
    put_call = [pair for pair in context.pairs if pair[1].code.startswith(_PUT_CALL)]
    if put_call:
        yield from _fetch_archives(context, headers, put_call)
        yield from _fetch_pages(context, headers, put_call)


def parse(payload: Payload, pairs: Sequence[Pair]) -> pl.DataFrame:
    """Return the rows of one index, of one archive, or of one session."""
    if payload.meta["part"] == "index":
        return _index(payload, pairs)
    put_call = [pair for pair in pairs if pair[1].code.startswith(_PUT_CALL)]
    return _archive(payload, put_call) if payload.meta["part"] == "archive" else _page(payload, put_call)


def windows(payload: Payload, rows: pl.DataFrame) -> list[Window]:
    """Return the whole history of an index, the archive's years, or the one session of a page for what it lists."""
    if payload.meta["part"] == "index":
        return windows_of(payload, None)
    if payload.meta["part"] == "archive":
        return windows_of(payload, None, _ARCHIVE_LAST_DAY)
    session = date.fromisoformat(payload.meta["session"])
    return [Window(series_id, session, session) for series_id in rows["series_id"].unique(maintain_order=True)]


# ---- index histories -----------------------------------------------------------------------------------------------


def _fetch_indices(context: FetchContext, headers: Mapping[str, str]) -> Iterator[Payload | SourceError]:
    symbols: dict[str, list[Pair]] = {}
    for pair in context.pairs:
        if not pair[1].code.startswith(_PUT_CALL):
            symbols.setdefault(pair[1].code.split("/")[0], []).append(pair)
    for symbol, pairs in symbols.items():
        try:
            yield context.http.get(
                "cboe",
                f"{symbol} history",
                INDEX_URL.format(symbol=symbol),
                headers=headers,
                meta={"part": "index", "symbol": symbol, "series": series_of(pairs)},
            )
        except SourceError as error:
            yield error


def _index(payload: Payload, pairs: Sequence[Pair]) -> pl.DataFrame:
    """Return the wanted columns. A last row of long ago is no fault here: meta.freshness says how old it is."""
    symbol = payload.meta["symbol"]
    expected = f"CSV with a header DATE,OPEN,HIGH,LOW,CLOSE or DATE,{symbol}"
    lines = lines_of(payload, expected)
    table = table_lines(payload, lines, lambda line: line.upper().startswith("DATE,"), expected)
    frame = csv_of(payload, table, expected)
    if frame.columns not in (_OHLC, ["DATE", symbol]):
        raise changed(payload, expected, quoted(",".join(frame.columns)))
    if frame.is_empty():
        raise changed(payload, "at least one day", "a header and no rows")
    days = dates_of(payload, frame, "DATE", "%m/%d/%Y")
    frames = []
    for pair in pairs:
        of, _, column = pair[1].code.partition("/")
        if of != symbol:
            continue
        if column == "CLOSE" and frame.columns == ["DATE", symbol]:
            column = symbol  # a file of closes alone names them after the index
        if column not in frame.columns:
            raise changed(payload, f"a column {column}", quoted(",".join(frame.columns)))
        frames.append(rows_of(payload, pair, days, numbers_of(payload, frame, column)))
    return together(frames)


# ---- put/call archives ---------------------------------------------------------------------------------------------


def _fetch_archives(
    context: FetchContext, headers: Mapping[str, str], pairs: Sequence[Pair]
) -> Iterator[Payload | SourceError]:
    for product in _VOLUME_NAMES:
        wanted = [pair for pair in pairs if _product(pair) == product]
        is_held = all(any(on < _FIRST_DAILY_SESSION for on in context.held[series.id]) for series, _ in wanted)
        if is_held:  # also when nothing of the product is wanted
            continue
        try:
            yield context.http.get(
                "cboe",
                f"put/call archive, {product}",
                ARCHIVE_URL.format(product=product),
                headers=headers,
                meta={"part": "archive", "product": product, "series": series_of(wanted)},
            )
        except SourceError as error:
            yield error


def _product(pair: Pair) -> str:
    return pair[1].code.split("/")[1]


def _archive(payload: Payload, pairs: Sequence[Pair]) -> pl.DataFrame:
    """Return ratio, puts and calls of one product up to the archive's last day."""
    expected = "CSV with a header DATE,CALL,PUT,TOTAL,P/C Ratio"
    lines = lines_of(payload, expected)
    table = table_lines(payload, lines, lambda line: bool(_ARCHIVE_HEADER.match(line.strip().upper())), expected)
    frame = csv_of(payload, table, expected)
    days = dates_of(payload, frame, frame.columns[0], "%m/%d/%Y")
    columns = {name: numbers_of(payload, frame, frame.columns[at]) for name, at in _ARCHIVE_COLUMNS.items()}
    _require_ratios(payload, days, **columns)
    kept = days <= _ARCHIVE_LAST_DAY
    return together(
        [
            rows_of(payload, pair, days.filter(kept), columns[pair[1].code.split("/")[2]].filter(kept))
            for pair in pairs
            if _product(pair) == payload.meta["product"]
        ]
    )


def _require_ratios(payload: Payload, days: pl.Series, calls: pl.Series, puts: pl.Series, ratio: pl.Series) -> None:
    """Raise SourceChanged when the printed ratio is not puts over calls on more than one day in twenty."""
    if days.is_empty():
        raise changed(payload, "at least one day", "a header and no rows")
    is_off = ((ratio - puts / calls).abs() > _RATIO_TOLERANCE).fill_null(value=False)
    if is_off.sum() > _BROKEN_SHARE * len(days):
        at = is_off.arg_true()[0]
        seen = f"{ratio[at]} with {puts[at]:.0f} puts and {calls[at]:.0f} calls on {days[at]}"
        raise changed(payload, "P/C ratio = puts / calls", seen)


# ---- daily pages ---------------------------------------------------------------------------------------------------


def _fetch_pages(
    context: FetchContext, headers: Mapping[str, str], pairs: Sequence[Pair]
) -> Iterator[Payload | SourceError]:
    """Yield the pages, newest first; a refusal is one day's problem, several in a row are ours and end the asking.

    A page refused before its release is no problem at all: it comes some time in the evening, or on the next morning.
    """
    held = frozenset().union(*(context.held[series.id] for series, _ in pairs))
    now = context.clock().astimezone(NEW_YORK)
    release = pairs[0][1].release

    def is_released(session: date) -> bool:
        return release.released_at_one(session).replace(tzinfo=UTC) <= now

    sessions = _sessions_to_ask(held, now)
    failures = 0
    for done, session in enumerate(sessions, start=1):
        try:
            yield context.http.get(
                "cboe",
                f"daily options {session}",
                DAILY_URL.format(session=session),
                headers=headers,
                meta={"part": "daily", "session": session.isoformat(), "series": series_of(pairs)},
            )
            failures = 0
        except SourceError as error:
            if isinstance(error, SourceRefused) and not is_released(session):
                continue
            failures += 1
            yield error
        context.progress("cboe: daily options", done, len(sessions))
        if failures == _FAILURES_IN_A_ROW:
            return


def _sessions_to_ask(held: frozenset[date], now: datetime) -> list[date]:
    """Return NYSE sessions whose page is due and not held, and the last held ones again, newest first."""
    last = now.date() if now.time() >= _PAGE_IS_DUE else now.date() - timedelta(days=1)
    due = working_days("nyse", _FIRST_DAILY_SESSION, last) if last >= _FIRST_DAILY_SESSION else []
    again = [session for session in due if session in held][-_SESSIONS_ASKED_AGAIN:]
    return sorted({session for session in due if session not in held}.union(again), reverse=True)


def _page(payload: Payload, pairs: Sequence[Pair]) -> pl.DataFrame:
    """Return what one session's page lists of the wanted ratios and volumes."""
    session = date.fromisoformat(payload.meta["session"])
    document = json_of(payload, "JSON of ratios and volumes")
    ratios = _ratios(payload, document)
    rows: list[tuple[object, ...]] = []
    for series, provider in pairs:
        _, product, measure = provider.code.split("/")
        if measure == "ratio":
            found = ratios.get(_RATIO_NAMES[product], [])
        else:
            found = _volume(payload, document, _VOLUME_NAMES[product], _VOLUME_MEMBERS[measure])
        rows += [(series.id, provider.code, session, value, provider.unit, None, payload.sha256) for value in found]
    # One frame a page: a frame a series took four of the seven milliseconds that a page costs, and there are 1,800.
    return pl.DataFrame(rows, schema=dict(ROWS_SCHEMA), orient="row")


def _ratios(payload: Payload, document: Any) -> dict[str, list[float | None]]:
    """Return the page's ratios by name; the total must be among them."""
    ratios: dict[str, list[float | None]] = {}
    for record in listed(payload, document, "ratios", "the page"):
        name = field(payload, record, "name", "a ratio")
        found = [number(payload, field(payload, record, "value", str(name)), (), str(name))]
        if not isinstance(name, str) or ratios.setdefault(name, found) != found:
            raise changed(payload, f"one {name}", f"two: {ratios.get(name, [None])[0]} and {found[0]}")
    if _RATIO_NAMES["total"] not in ratios:
        raise changed(payload, _RATIO_NAMES["total"], f"only {', '.join(map(str, ratios)) or 'nothing'}")
    return ratios


def _volume(payload: Payload, document: Any, product: str, member: str) -> list[float | None]:
    """Return the product's volume as one value, or nothing where the page has none of the product.

    A product's entry is a list of records, in older pages one record alone. The sum of all products is never absent.
    """
    if isinstance(document, dict) and product not in document and product != _VOLUME_NAMES["total"]:
        return []
    entry = field(payload, document, product, "the page")
    records = [entry] if isinstance(entry, dict) else entry
    if not isinstance(records, list):
        raise changed(payload, f"{product} to be a list or an object", quoted(entry))
    volumes = [record for record in records if field(payload, record, "name", product) == "VOLUME"]
    volumes = [record for at, record in enumerate(volumes) if record not in volumes[:at]]
    if len(volumes) > 1 or (records and not volumes):
        raise changed(payload, f"one VOLUME in {product}", f"{len(volumes)} in {quoted(records)}")
    where = f"{member} of {product}"
    return [number(payload, field(payload, record, member, product), (), where) for record in volumes]
