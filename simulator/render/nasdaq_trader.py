"""www.nasdaqtrader.com: the symbol directories of now, with test issues and a footer."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import polars as pl

from ingest.clock import NEW_YORK
from simulator.render.view import Request, Response, View, not_found

_FOLDER = "/dynamic/SymDir"
_NASDAQ = "Symbol|Security Name|Market Category|Test Issue|Financial Status|Round Lot Size|ETF|NextShares"
_OTHER = "ACT Symbol|Security Name|Exchange|CQS Symbol|ETF|Round Lot Size|Test Issue|NASDAQ Symbol"
_STRANGERS = {  # symbols nobody here trades: one that reads as a gap, and issues for tests
    "Q": (("NA", "Nano Labs Ltd - Class A Ordinary Shares", "N"), ("ZXZZT", "NASDAQ TEST STOCK", "Y")),
    "N": (
        ("NAN", "Nuveen New York Quality Municipal Income Fund Common Stock", "N"),
        ("NTEST", "NYSE TEST STOCK", "Y"),
    ),
}


def render(view: View, request: Request) -> Response:
    """Return a directory of what is listed today; the footer says when it was made."""
    if not view.market.panel.has_names:
        return not_found()
    if request.path == f"{_FOLDER}/nasdaqlisted.txt":
        return _text(_NASDAQ, _nasdaq_lines(_listed(view)), view)
    if request.path == f"{_FOLDER}/otherlisted.txt":
        return _text(_OTHER, _other_lines(_listed(view)), view)
    return not_found()


def _listed(view: View) -> pl.DataFrame:
    """Return ticker, company_name, exchange, is_etf by ticker, in the directories' spelling."""
    today = view.now.astimezone(NEW_YORK).date()
    is_on = (pl.col("start_date") <= today) & (pl.col("end_date").is_null() | (pl.col("end_date") > today))
    return (
        view.market.panel.tickers.filter(is_on)
        .join(view.market.panel.issues, on="permid")
        .select(
            pl.col("ticker").str.replace("-", ".", literal=True),
            "company_name",
            "exchange",
            pl.col("sector").is_null().alias("is_etf"),
        )
        .sort("ticker")
    )


def _nasdaq_lines(listed: pl.DataFrame) -> list[str]:
    lines = [
        f"{ticker}|{_name(name, is_etf=is_etf)}|{'G' if is_etf else 'Q'}|N|N|100|{'Y' if is_etf else 'N'}|N"
        for ticker, name, exchange, is_etf in listed.iter_rows()
        if exchange == "Q"
    ]
    return sorted(lines + [f"{ticker}|{name}|Q|{test}|N|100|N|N" for ticker, name, test in _STRANGERS["Q"]])


def _other_lines(listed: pl.DataFrame) -> list[str]:
    lines = [
        f"{ticker}|{_name(name, is_etf=is_etf)}|{exchange}|{ticker}|{'Y' if is_etf else 'N'}|100|N|{ticker}"
        for ticker, name, exchange, is_etf in listed.iter_rows()
        if exchange != "Q"
    ]
    return sorted(
        lines + [f"{ticker}|{name}|N|{ticker}|N|100|{test}|{ticker}" for ticker, name, test in _STRANGERS["N"]]
    )


def _name(name: str, *, is_etf: bool) -> str:
    return name if is_etf else f"{name} - Common Stock"


def _text(header: str, lines: list[str], view: View) -> Response:
    made: datetime = view.now.astimezone(NEW_YORK)
    footer = f"File Creation Time: {made:%m%d%Y}{made:%H:%M}" + "|" * header.count("|")
    return Response(("\r\n".join([header, *lines, footer]) + "\r\n").encode(), "text/plain")


HOSTS: Final = {"www.nasdaqtrader.com": render}
