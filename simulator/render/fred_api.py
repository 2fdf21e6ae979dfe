"""api.stlouisfed.org/fred: series, observations and vintage dates with a key, XML or JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from xml.sax.saxutils import quoteattr

import polars as pl

from ingest.catalog.models import Provider, Series
from simulator.render.fred_series import (
    STILL_CURRENT,
    WITHOUT_VINTAGES,
    last_updated,
    shown,
    today,
    vintages,
)
from simulator.render.view import Request, Response, View, printed

_FIRST_DAY = date(1776, 7, 4)
_LARGEST_PAGE = 100_000
_VINTAGES_PAGE = 10_000
_VINTAGE_CAP = 2000
_KEY_DOCS = "Read https://fred.stlouisfed.org/docs/api/api_key.html for more information."
_FREQUENCIES = {
    "daily": ("Daily", "D"),
    "weekly": ("Weekly, Ending Wednesday", "W"),
    "monthly": ("Monthly", "M"),
    "quarterly": ("Quarterly", "Q"),
    "annual": ("Annual", "A"),
}
_FRIDAY_SERIES = frozenset({"NFCI", "STLFSI4"})

BAD_KEY = f"Bad Request.  The value for variable api_key is not registered.  {_KEY_DOCS}"
NO_KEY = f"Bad Request.  Variable api_key is not set.  {_KEY_DOCS}"
ODD_KEY = (
    f"Bad Request.  The value for variable api_key is not a 32 character alpha-numeric lower-case string.  {_KEY_DOCS}"
)
NO_SERIES = "Bad Request.  The series does not exist."
NOT_IN_ALFRED = "Bad Request.  The series does not exist in ALFRED but may exist in FRED."
RATE_LIMIT = "Too Many Requests.  Exceeded Rate Limit"


class _Refused(Exception):
    """A request FRED answers with 400 and this message."""


@dataclass(frozen=True)
class _Page:
    """One page of a listing: attributes of the document, its rows, the names both have."""

    root: str
    attributes: Mapping[str, Any]
    rows_key: str
    row_name: str
    rows: Sequence[Any]


def render(view: View, request: Request) -> Response:
    """Return the document asked for, in XML unless file_type=json."""
    as_json = request.params.get("file_type") == "json"
    endpoint = _ENDPOINTS.get(request.path)
    if endpoint is None:
        return error(404, "Not Found", as_json=as_json)
    try:
        _check_key(request.params.get("api_key"))
        page = endpoint(view, request)
    except _Refused as refused:
        return error(400, str(refused), as_json=as_json)
    body = _json(page) if as_json else _xml(page)
    kind = "application/json; charset=UTF-8" if as_json else "text/xml; charset=UTF-8"
    return Response(body.encode(), kind)


def error(code: int, message: str, *, as_json: bool) -> Response:
    """Return FRED's error document, with the code also as the status."""
    if as_json:
        body = json.dumps({"error_code": code, "error_message": message}, separators=(",", ":"))
        return Response(body.encode(), "application/json; charset=UTF-8", status=code)
    body = f'<?xml version="1.0" encoding="utf-8" ?>\n<error code="{code}" message={quoteattr(message)}/>\n'
    return Response(body.encode(), "text/xml; charset=UTF-8", status=code)


def _check_key(key: str | None) -> None:
    if key is None or key == "":
        raise _Refused(NO_KEY)
    if not re.fullmatch(r"[0-9a-z]{32}", key):
        raise _Refused(ODD_KEY)


def _pair(view: View, request: Request) -> tuple[Series, Provider]:
    code = request.params.get("series_id", "")
    if not code:
        raise _Refused("Bad Request.  Variable series_id is not set.")
    pair = view.pairs("fred").get(code)
    if pair is None or not view.market.has(pair[0].id, "fred"):
        raise _Refused(NO_SERIES)
    return pair


def _day(request: Request, name: str, default: date) -> date:
    text = request.params.get(name)
    if text is None:
        return default
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise _Refused(f"Bad Request.  Variable {name} is not a valid YYYY-MM-DD date.") from None


def _number(request: Request, name: str, default: int, largest: int) -> int:
    text = request.params.get(name, str(default))
    if not text.isdigit() or int(text) > largest or (name == "limit" and int(text) < 1):
        raise _Refused(f"Bad Request.  Variable {name} is not between 1 and {largest}.")
    return int(text)


def _realtime(view: View, request: Request, first: date, last: date) -> tuple[date, date]:
    start, end = _day(request, "realtime_start", first), _day(request, "realtime_end", last)
    if end > today(view) and end != STILL_CURRENT:
        raise _Refused(f"Bad Request.  Variable realtime_end can not be after today's date ({today(view)}).")
    if start > end:
        raise _Refused("Bad Request.  Variable realtime_start can not be after variable realtime_end.")
    return start, end


def _series(view: View, request: Request) -> _Page:
    series, provider = _pair(view, request)
    frame = shown(view, series, provider)
    frequency, short = _FREQUENCIES[series.frequency]
    if provider.code in _FRIDAY_SERIES:
        frequency = "Weekly, Ending Friday"
    elif series.week_ends is not None:
        frequency = f"Weekly, Ending {series.week_ends.title()}"
    day = today(view).isoformat()
    units = "Thousands of Units" if view.is_rescaled else provider.unit
    row = {
        "id": provider.code,
        "realtime_start": day,
        "realtime_end": day,
        "title": series.title,
        "observation_start": str(frame["period_date"].min()),
        "observation_end": str(frame["period_date"].max()),
        "frequency": frequency,
        "frequency_short": short,
        "units": units,
        "units_short": units[:20],
        "seasonal_adjustment": "Not Seasonally Adjusted",
        "seasonal_adjustment_short": "NSA",
        "last_updated": last_updated(view, series),
        "popularity": 50,
        "notes": series.publisher,
    }
    return _Page("seriess", {"realtime_start": day, "realtime_end": day}, "seriess", "series", [row])


def _vintage_dates(view: View, request: Request) -> _Page:
    series, provider = _pair(view, request)
    if provider.code in WITHOUT_VINTAGES:
        raise _Refused(NOT_IN_ALFRED)
    start, end = _realtime(view, request, _FIRST_DAY, STILL_CURRENT)
    limit = _number(request, "limit", _VINTAGES_PAGE, _VINTAGES_PAGE)
    offset = _number(request, "offset", 0, 10**9)
    dates = _dates_within(vintages(view, series, provider), start, end)
    if request.params.get("sort_order") == "desc":
        dates = dates[::-1]
    attributes = {
        "realtime_start": start.isoformat(),
        "realtime_end": end.isoformat(),
        "order_by": "vintage_date",
        "sort_order": request.params.get("sort_order", "asc"),
        "count": len(dates),
        "offset": offset,
        "limit": limit,
    }
    rows = [day.isoformat() for day in dates[offset : offset + limit]]
    return _Page("vintage_dates", attributes, "vintage_dates", "vintage_date", rows)


def _dates_within(frame: pl.DataFrame, start: date, end: date) -> list[date]:
    dates = frame["realtime_start"].unique().sort()
    return dates.filter(dates.is_between(start, end)).to_list()


def _observations(view: View, request: Request) -> _Page:
    series, provider = _pair(view, request)
    if request.params.get("output_type", "1") != "1" or "vintage_dates" in request.params:
        raise _Refused("Bad Request.  The stand-in renders output_type 1 by real-time period only.")
    day = today(view)
    start, end = _realtime(view, request, day, day)
    frame = _current(view, series, provider) if start == end == day else _by_vintage(view, series, provider, start, end)
    first, last = _day(request, "observation_start", _FIRST_DAY), _day(request, "observation_end", STILL_CURRENT)
    frame = frame.filter(pl.col("period_date").is_between(first, last))
    descending = request.params.get("sort_order") == "desc"
    if descending:
        frame = frame.sort("period_date", descending=True, maintain_order=True)
    limit = _number(request, "limit", _LARGEST_PAGE, _LARGEST_PAGE)
    offset = _number(request, "offset", 0, 10**9)
    attributes = {
        "realtime_start": start.isoformat(),
        "realtime_end": end.isoformat(),
        "observation_start": first.isoformat() if "observation_start" in request.params else "1600-01-01",
        "observation_end": last.isoformat(),
        "units": "lin",
        "output_type": 1,
        "file_type": request.params.get("file_type", "xml"),
        "order_by": "observation_date",
        "sort_order": "desc" if descending else "asc",
        "count": frame.height,
        "offset": offset,
        "limit": limit,
    }
    rows = _rows(view, frame.slice(offset, limit), series, provider)
    return _Page("observations", attributes, "observations", "observation", rows)


def _current(view: View, series: Series, provider: Provider) -> pl.DataFrame:
    day = pl.lit(today(view))
    return shown(view, series, provider).with_columns(realtime_start=day, realtime_end=day)


def _by_vintage(view: View, series: Series, provider: Provider, start: date, end: date) -> pl.DataFrame:
    """Return the prints in force at some time from `start` to `end`, their real-time periods clipped to it."""
    if provider.code in WITHOUT_VINTAGES:
        raise _Refused(NOT_IN_ALFRED)
    frame = vintages(view, series, provider)
    known: list[date] = frame["realtime_start"].unique().sort().to_list()
    if not known or end < known[0]:
        raise _Refused(NOT_IN_ALFRED)
    count = sum(start <= day <= end for day in known)
    if count > _VINTAGE_CAP:
        raise _Refused(
            f"Bad Request.  There are {count} vintage dates in the specified real-time period: {start} to {end}. "
            f"This exceeds the maximum number of vintage dates allowed for this file type ({_VINTAGE_CAP})."
        )
    return frame.filter((pl.col("realtime_start") <= end) & (pl.col("realtime_end") >= start)).with_columns(
        pl.col("realtime_start").clip(lower_bound=start), pl.col("realtime_end").clip(upper_bound=end)
    )


def _rows(view: View, frame: pl.DataFrame, series: Series, provider: Provider) -> list[dict[str, str]]:
    texts = iter(printed(frame["value"].drop_nulls(), series, provider, scale=view.scale))
    return [
        {
            "realtime_start": start.isoformat(),
            "realtime_end": end.isoformat(),
            "date": period.isoformat(),
            "value": "." if value is None else next(texts),
        }
        for period, value, start, end in frame.select(
            "period_date", "value", "realtime_start", "realtime_end"
        ).iter_rows()
    ]


def _json(page: _Page) -> str:
    return json.dumps({**page.attributes, page.rows_key: page.rows}, separators=(",", ":"))


def _xml(page: _Page) -> str:
    lines = ['<?xml version="1.0" encoding="utf-8" ?>', f"<{page.root} {_attributes(page.attributes)}>"]
    for row in page.rows:
        if isinstance(row, str):
            lines.append(f"  <{page.row_name}>{row}</{page.row_name}>")
        else:
            lines.append(f"  <{page.row_name} {_attributes(row)}/>")
    return "\n".join([*lines, f"</{page.root}>", ""])


def _attributes(values: Mapping[str, Any]) -> str:
    return " ".join(f"{name}={quoteattr(str(value))}" for name, value in values.items())


_ENDPOINTS: Mapping[str, Callable[[View, Request], _Page]] = {
    "/fred/series": _series,
    "/fred/series/observations": _observations,
    "/fred/series/vintagedates": _vintage_dates,
}


HOSTS: Final = {"api.stlouisfed.org": render}
