"""wikimedia.org: daily views of an article, from the day asked for to the day asked for; 404 where there are none."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Final
from urllib.parse import unquote

import polars as pl

from simulator.render.view import Request, Response, View, not_found

_PATH: Final = re.compile(
    r"/api/rest_v1/metrics/pageviews/per-article/en\.wikipedia/all-access/user/([^/]+)/daily/(\d{8})00/(\d{8})00"
)


def render(view: View, request: Request) -> Response:
    """Return the days that are out."""
    found = _PATH.fullmatch(request.path)
    if found is None:
        return not_found()
    article = unquote(found[1])
    series, _ = view.pairs("wikimedia").get(article, (None, None))
    if series is None or not view.market.has(series.id, "wikimedia"):
        return not_found()
    first, last = (datetime.strptime(text, "%Y%m%d").date() for text in (found[2], found[3]))  # noqa: DTZ007  a day
    days = view.published(series, "wikimedia").filter(pl.col("period_date").is_between(first, last))
    if days.is_empty():
        return not_found()
    same = {"project": "en.wikipedia", "article": article, "granularity": "daily", "access": "all-access"}
    items = [
        {**same, "agent": "user", "timestamp": f"{on:%Y%m%d}00", "views": round(count)}
        for on, count in days.iter_rows()
    ]
    return Response(json.dumps({"items": items}).encode(), "application/json")


HOSTS: Final = {"wikimedia.org": render}
