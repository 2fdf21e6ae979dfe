"""markets.newyorkfed.org: reference rates and reverse repo results, newest first."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from datetime import date
from typing import Any, Final

import polars as pl

from simulator.render.view import Request, Response, Span, View, not_found, within

_RATES = re.compile(r"/api/rates/(?:secured|unsecured)/(sofr|effr)/(search|last/\d+)\.json")
_RRP = re.compile(r"/api/rp/(?:results/search|reverserepo/all/results/last/(\d+))\.json")
_MEDIAN_SINCE = date(2016, 3, 1)
_AMOUNTS_AS_TEXT_BEFORE = date(2016, 1, 1)
_SMALL_VALUE_MONTHS = (3, 9)

Operation = dict[str, Any]


def render(view: View, request: Request) -> Response:
    """Return rates or operations of the days asked for; days without a value have no row."""
    if found := _RATES.fullmatch(request.path):
        rows = _rates(view, found.group(1), _span(request, found.group(2)))
        return _json({"refRates": _asked(rows, "effectiveDate", request, found.group(2))})
    if found := _RRP.fullmatch(request.path):
        if request.params.get("operationTypes", "reverserepo").lower() != "reverserepo":
            return _json({"repo": {"operations": []}})
        last = f"last/{found.group(1)}" if found.group(1) else "search"
        span = _span(request, last)
        rows = view.remember(
            "operations", ["on_rrp"], "new_york_fed", lambda: list(_operations(view, span)), extra=span
        )
        return _json({"repo": {"operations": _asked(rows, "operationDate", request, last)}})
    return not_found()


def _json(document: dict[str, Any]) -> Response:
    return Response(json.dumps(document).encode(), "application/json")


def _asked(rows: list[Operation], day: str, request: Request, how: str) -> list[Operation]:
    """Cut rows to startDate..endDate, or to the last n; newest first."""
    rows = rows[::-1]
    if how.startswith("last/"):
        return rows[: int(how.removeprefix("last/"))]
    first, last = _span(request, how)
    return [row for row in rows if first <= row[day] <= last]


def _span(request: Request, how: str) -> Span:
    """Return the first and the last day, as texts, that are asked for: rows of others need not be made."""
    if how.startswith("last/"):
        return "", "9999"
    return request.params.get("startDate", ""), request.params.get("endDate", "9999")


def _rates(view: View, name: str, span: Span) -> list[Operation]:
    if name == "sofr":
        ids = ["sofr", "sofr_99th_percentile", "sofr_volume"]
        return view.remember("sofr", ids, "new_york_fed", lambda: list(_sofr(view, span)), extra=span)
    return view.remember("effr", ["effr"], "new_york_fed", lambda: list(_effr(view, span)), extra=span)


def _revised(view: View, series_id: str) -> set[date]:
    prints = view.market.vintages(series_id, "new_york_fed", view.now)
    return set(prints.filter(prints["period_date"].is_duplicated())["period_date"].to_list())


def _sofr(view: View, span: Span) -> Iterator[Operation]:
    rate = view.values("sofr", "new_york_fed")
    tail = view.values("sofr_99th_percentile", "new_york_fed").rename({"value": "tail"})
    volume = view.values("sofr_volume", "new_york_fed").rename({"value": "volume"})
    table = rate.join(tail, on="period_date", how="left").join(volume, on="period_date", how="left")
    revised = _revised(view, "sofr")
    has_tail = tail.height > 0
    for day, value, top, traded in within(table, span).iter_rows():
        low = round(value - 0.06, 2) if has_tail else "NA"
        yield {
            "effectiveDate": day.isoformat(),
            "type": "SOFR",
            "percentRate": value,
            "percentPercentile1": low,
            "percentPercentile25": round(value - 0.02, 2) if has_tail else "NA",
            "percentPercentile75": round(value + 0.03, 2) if has_tail else "NA",
            "percentPercentile99": "NA" if top is None else top,
            "volumeInBillions": "NA" if traded is None else _whole(traded),
            "revisionIndicator": "r" if day in revised else "",
        }


def _whole(value: float) -> float | int:
    return int(value) if float(value).is_integer() else value


def _effr(view: View, span: Span) -> Iterator[Operation]:
    revised = _revised(view, "effr")
    for day, value in within(view.values("effr", "new_york_fed"), span).iter_rows():
        floor = math.floor(max(value, 0.0) / 0.25) * 0.25
        row: Operation = {"effectiveDate": day.isoformat(), "type": "EFFR", "percentRate": value}
        if day >= _MEDIAN_SINCE:
            row |= {
                "percentPercentile1": round(value - 0.02, 2),
                "percentPercentile25": round(value - 0.01, 2),
                "percentPercentile75": round(value + 0.01, 2),
                "percentPercentile99": round(value + 0.05, 2),
                "targetRateFrom": floor,
                "targetRateTo": floor + 0.25,
                "volumeInBillions": 90,
            }
        else:
            row |= {
                "targetRateFrom": floor,
                "targetRateTo": floor + 0.25,
                "intraDayLow": round(value - 0.05, 2),
                "intraDayHigh": round(value + 0.2, 2),
                "stdDeviation": 0.04,
            }
        yield row | {"revisionIndicator": "r" if day in revised else ""}


def _operations(view: View, span: Span) -> Iterator[Operation]:
    """Yield one overnight operation a day, and twice a year a small value exercise that is none of the policy's."""
    frame = view.values("on_rrp", "new_york_fed").with_columns(
        pl.col("value").round(0).cast(pl.Int64),
        is_first=pl.col("period_date").dt.month_start().is_first_distinct(),
    )
    for day, amount, is_first in within(frame, span).iter_rows():
        if is_first and day.month in _SMALL_VALUE_MONTHS:
            yield _operation(day, 10_000_000, serial=2, note="Small value exercise")
        yield _operation(day, amount, serial=1, note="")


def _operation(day: date, amount: int, *, serial: int, note: str) -> Operation:
    text: int | str = str(amount) if day < _AMOUNTS_AS_TEXT_BEFORE else amount
    return {
        "operationId": f"RP {day:%m%d%y} {serial}",
        "auctionStatus": "Results",
        "operationDate": day.isoformat(),
        "settlementDate": day.isoformat(),
        "maturityDate": day.isoformat(),
        "operationType": "Reverse Repo",
        "operationMethod": "Fixed Rate",
        "settlementType": "Same Day",
        "termCalenderDays": 1,
        "term": "Overnight",
        "releaseTime": "12:45",
        "closeTime": "13:15",
        "note": note,
        "lastUpdated": f"{day.isoformat()}T13:15:30",
        "participatingCpty": 1 if note else 40,
        "acceptedCpty": 1 if note else 40,
        "totalAmtSubmitted": text,
        "totalAmtAccepted": text,
        "details": [
            {
                "securityType": "Treasury",
                "amtSubmitted": text,
                "amtAccepted": text,
                "percentOfferingRate": "NA",
                "percentAwardRate": "NA",
            }
        ],
    }


HOSTS: Final = {"markets.newyorkfed.org": render}
