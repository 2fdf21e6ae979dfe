"""accounts.profunds.com: NAV histories restated to today's split basis, and the splits."""

from __future__ import annotations

import re
from datetime import date
from typing import Final

import polars as pl

from ingest.catalog.funds import Fund
from ingest.clock import naive_utc
from ingest.dataset import dataset
from simulator.render.fund_files import days_of, fund_of
from simulator.render.view import Request, Response, View, not_found, written
from simulator.render.yahoo_listed import later_splits

_HISTORY = re.compile(r"/etfdata/ByFund/([A-Z]+)-historical_nav\.csv")
_SPLITS = "/etfdata/etf_splits.csv"
_COLUMNS = (
    "Date,ProShares Name,Ticker,NAV,Prior NAV,NAV Change (%),NAV Change ($),Shares Outstanding (000),"
    "Assets Under Management"
)
_BOM = "\ufeff".encode()


def render(view: View, request: Request) -> Response:
    """Return the file of one fund or the splits of all; 404 for a fund ProShares does not have."""
    if request.path == _SPLITS and view.market.panel.fund_days.height:
        return _csv(_split_lines(view))
    found = _HISTORY.fullmatch(request.path)
    fund = fund_of(view, "proshares", found.group(1)) if found else None
    lines = _history_lines(view, fund) if fund else []
    return _csv(lines) if lines else not_found()


def _csv(lines: list[str]) -> Response:
    return Response(_BOM + ("\r\n".join(lines) + "\r\n").encode(), "text/csv")


def _history_lines(view: View, fund: Fund) -> list[str]:
    """Return the whole history, newest first. Of a fund that melts, old shares are few of today's and round to 0."""
    days = days_of(view, fund)
    if days.is_empty():
        return []
    newest: date = days["report_date"][0]
    splits = view.market.panel.splits.filter((pl.col("permid") == fund.ticker) & (pl.col("session_date") <= newest))
    later = pl.Series(later_splits(days["report_date"], splits.sort("session_date")))
    table = days.select(
        "report_date",
        (pl.col("nav_usd") / later).alias("nav"),
        (pl.col("shares_outstanding_count") * later / 1000).alias("thousands"),
        "net_assets_usd",
    ).with_columns(pl.col("nav").shift(-1).alias("before"))
    lines = [_COLUMNS]
    name = fund.title.removeprefix("ProShares ")
    for day, nav, thousands, assets, before in table.rows():
        moved = ",," if before is None else f"{before:.4f},{(nav / before - 1) * 100:.2f},{nav - before:.4f}"
        lines.append(f"{written(day, '%m/%d/%Y')},{name},{fund.ticker},{nav:.4f},{moved},{thousands:.0f},{assets:.2f}")
    return lines


def _split_lines(view: View) -> list[str]:
    """Return every split from the morning of its day on; the ratio stands alone, the type says which way."""
    lines = ["Symbol,Name,Pre Split Cusip,Post Split Cusip,Split Type,Ratio,Date of Split"]
    titles = {fund.ticker: fund.title for fund in view.market.panel.funds if fund.source == "proshares"}
    splits = view.market.panel.splits.filter(pl.col("permid").is_in(list(titles)))
    released = dataset("proshares.splits").own_release.released_at(splits["session_date"])
    out = splits.filter(released <= naive_utc(view.now)).sort("session_date", "permid", descending=[True, False])
    for ticker, day, ratio in out.select("permid", "session_date", "split_ratio").iter_rows():
        kind, told = ("Forward", ratio) if ratio > 1 else ("Reverse", 1 / ratio)
        cusip = f"74347{sum(map(ord, ticker)) % 1000:03d}"
        lines.append(f"{ticker},{titles[ticker]},{cusip}1,{cusip}2,{kind},{told:.0f},{day:%m/%d/%Y}")
    return lines


HOSTS: Final = {"accounts.profunds.com": render}
