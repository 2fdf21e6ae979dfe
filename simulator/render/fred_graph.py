"""fred.stlouisfed.org/graph/fredgraph.csv: one series, current values, no key."""

from __future__ import annotations

from datetime import date
from typing import Final

import polars as pl

from simulator.render.fred_series import shown
from simulator.render.view import Request, Response, View, not_found, printed

_PAGE = "<!DOCTYPE html>\n<html><head><title>Error - St. Louis Fed</title></head><body>{}</body></html>\n"


def render(view: View, request: Request) -> Response:
    """Return the CSV; an HTML page with 404 for an id FRED does not have. Vintage parameters are ignored, as there."""
    if request.path != "/graph/fredgraph.csv":
        return not_found()
    code = request.params.get("id", "")
    pair = view.pairs("fred").get(code)
    if pair is None or not view.market.has(pair[0].id, "fred"):
        return Response(_PAGE.format("The series you requested does not exist.").encode(), status=404)
    series, provider = pair
    frame = _asked(shown(view, series, provider), request)
    texts = iter(printed(frame["value"].drop_nulls(), series, provider, scale=view.scale))
    lines = [f"observation_date,{code}"]
    for period, value in zip(frame["period_date"].cast(pl.String).to_list(), frame["value"].to_list(), strict=True):
        lines.append(f"{period}," if value is None else f"{period},{next(texts)}")
    headers = {"Content-Disposition": f'attachment; filename="{code}.csv"'}
    return Response(("\n".join(lines) + "\n").encode(), "application/csv", headers=headers)


def _asked(frame: pl.DataFrame, request: Request) -> pl.DataFrame:
    if "cosd" in request.params:
        frame = frame.filter(pl.col("period_date") >= date.fromisoformat(request.params["cosd"]))
    if "coed" in request.params:
        frame = frame.filter(pl.col("period_date") <= date.fromisoformat(request.params["coed"]))
    return frame


HOSTS: Final = {"fred.stlouisfed.org": render}
