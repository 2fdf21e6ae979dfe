"""www.mof.go.jp: the English yield files, history to last month and the current month."""

from __future__ import annotations

from datetime import date
from typing import Final
from zoneinfo import ZoneInfo

import polars as pl

from simulator.render.view import Request, Response, View, not_found

_FOLDER = "/english/policy/jgbs/reference/interest_rate"
_HISTORY = f"{_FOLDER}/historical/jgbcme_all.csv"
_CURRENT = f"{_FOLDER}/jgbcme.csv"
_TENORS = ("1Y", "2Y", "3Y", "4Y", "5Y", "6Y", "7Y", "8Y", "9Y", "10Y", "15Y", "20Y", "25Y", "30Y", "40Y")
_TOKYO = ZoneInfo("Asia/Tokyo")
_FOOTNOTE = "\r\n※ 本データの利用に関する注意\r\n"


def render(view: View, request: Request) -> Response:
    """Return one of the two files; months begin in Tokyo. The current one ends with a footnote in Shift-JIS."""
    month = view.now.astimezone(_TOKYO).date().replace(day=1)
    if request.path == _HISTORY:
        body = _table(view, pl.col("period_date") < month).encode("ascii")
    elif request.path == _CURRENT:
        body = _table(view, pl.col("period_date") >= month).encode("ascii") + _FOOTNOTE.encode("shift_jis")
    else:
        return not_found()
    return Response(body, "text/csv")


def _table(view: View, wanted: pl.Expr) -> str:
    frame = pl.DataFrame(schema={"period_date": pl.Date})
    for tenor, (series, _) in view.pairs("japan_mof").items():
        frame = frame.join(
            view.published(series, "japan_mof").rename({"value": tenor}), on="period_date", how="full", coalesce=True
        )
    unit = "(Unit : bp)" if view.is_rescaled else "(Unit : %)"
    lines = [f"Interest Rate{',' * len(_TENORS)}{unit}", "Date," + ",".join(_TENORS)]
    for row in frame.filter(wanted).sort("period_date").iter_rows(named=True):
        day: date = row["period_date"]
        cells = [_cell(row.get(tenor)) for tenor in _TENORS]
        lines.append(f"{day.year}/{day.month}/{day.day}," + ",".join(cells))
    return "\r\n".join(lines) + "\r\n"


def _cell(value: float | None) -> str:
    return "-" if value is None else repr(value).removesuffix(".0")


HOSTS: Final = {"www.mof.go.jp": render}
