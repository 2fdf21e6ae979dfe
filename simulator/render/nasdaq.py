"""api.nasdaq.com: historical quotes of the last ten years, split-adjusted, as texts."""

from __future__ import annotations

import json
import re
from datetime import date, timedelta
from typing import Any, Final

import polars as pl

from ingest.clock import NEW_YORK
from simulator.render.view import Request, Response, View, not_found
from simulator.render.yahoo_listed import later_splits

_PATH = re.compile(r"/api/quote/([^/]+)/historical")
_SINCE = timedelta(days=3653)
_FEW = 18
"""Rows where no limit is given."""
_HEADERS = {"date": "Date", "close": "Close/Last", "volume": "Volume", "open": "Open", "high": "High", "low": "Low"}


def render(view: View, request: Request) -> Response:
    """Return the table, newest first; the API's own answer for a symbol it does not know in that asset class."""
    found = _PATH.fullmatch(request.path)
    if found is None:
        return not_found()
    symbol = found.group(1).upper()
    panel = view.market.panel
    permid = panel.bearer(symbol.replace(".", "-"), view.now)
    is_fund = permid is not None and panel.issue(permid)["sector"] is None
    if permid is None or is_fund != (request.params.get("assetclass") == "etf"):
        refused = {"code": 1001, "errorMessage": "Symbol not exists."}
        return _json(None, {"rCode": 400, "bCodeMessage": [refused], "developerMessage": None})
    bars = panel.bars(permid, view.now).drop_nulls("close_usd")
    basis = pl.Series(later_splits(bars["session_date"], panel.splits_of(permid, view.now)))
    prices = [(pl.col(f"{name}_usd") / basis * view.scale).alias(name) for name in ("close", "open", "high", "low")]
    table = bars.select("session_date", *prices, (pl.col("volume_shares") * basis).alias("volume")).reverse()
    first, last = _span(view, request)
    table = table.filter(pl.col("session_date").is_between(first, last))
    limit = int(request.params.get("limit", _FEW))
    sign = "" if is_fund else "$"
    rows = [
        {
            "date": f"{row['session_date']:%m/%d/%Y}",
            "close": f"{sign}{row['close']:.2f}",
            "volume": f"{row['volume']:,.0f}",
            **{name: f"{sign}{row[name]:.2f}" for name in ("open", "high", "low")},
        }
        for row in table.head(limit).iter_rows(named=True)
    ]
    data = {
        "symbol": symbol,
        "totalRecords": table.height,
        "tradesTable": {"asOf": None, "headers": _HEADERS, "rows": rows},
    }
    return _json(data, {"rCode": 200, "bCodeMessage": None, "developerMessage": None})


def _span(view: View, request: Request) -> tuple[date, date]:
    today = view.now.astimezone(NEW_YORK).date()
    oldest = max(today - _SINCE, view.since or date.min)
    first = date.fromisoformat(request.params.get("fromdate", oldest.isoformat()))
    return max(first, oldest), date.fromisoformat(request.params.get("todate", today.isoformat()))


def _json(data: Any, status: dict[str, Any]) -> Response:
    body = json.dumps({"data": data, "message": None, "status": status}, separators=(",", ":"))
    return Response(body.encode(), "application/json; charset=utf-8")


HOSTS: Final = {"api.nasdaq.com": render}
