"""ProShares: NAV, shares outstanding and net assets of leveraged and inverse funds, and their splits.

Where   https://accounts.profunds.com/etfdata (keyless): ByFund/<TICKER>-historical_nav.csv for each fund,
        etf_splits.csv for all of them; rewritten about 00:20 GMT after each session, both are asked whole each time
Grain   one row per fund and session, newest first; one row per fund and split
Units   NAV USD per share, shares in thousands (here times 1,000), net assets in USD. NAV and shares of the past are on
        today's split basis, so that a split rewrites the history and early counts of SQQQ round to 0
Breaks  SourceChanged on other columns, another fund's rows, a date twice, net assets that are not NAV x shares, a split
        that is neither Forward nor Reverse or not above 1
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import polars as pl

from ingest.batch import Window
from ingest.connector import FetchContext
from ingest.errors import SourceError
from ingest.payload import Payload
from ingest.readers.fund_days import dated_rows, panel_rows, require_identity
from ingest.readers.parsing import changed, day, quoted
from ingest.readers.workbooks import Row, csv_rows, days_of, is_blank, number_of, numbers_at

_FOLDER = "https://accounts.profunds.com/etfdata"
HISTORY_URL = f"{_FOLDER}/ByFund/{{code}}-historical_nav.csv"
SPLITS_URL = f"{_FOLDER}/etf_splits.csv"

HISTORY_HEADER: Final = [
    "Date",
    "ProShares Name",
    "Ticker",
    "NAV",
    "Prior NAV",
    "NAV Change (%)",
    "NAV Change ($)",
    "Shares Outstanding (000)",
    "Assets Under Management",
]
SPLITS_HEADER: Final = [
    "Symbol",
    "Name",
    "Pre Split Cusip",
    "Post Split Cusip",
    "Split Type",
    "Ratio",
    "Date of Split",
]

_DATE: Final = "%m/%d/%Y"
_GAPS: Final = ("", "-", "--", "N/A")
_TICKER, _NAV, _SHARES, _ASSETS = 2, 3, 7, 8


def fetch(context: FetchContext) -> Iterator[Payload | SourceError]:
    """Yield the history of each fund, then the splits of all."""
    for done, fund in enumerate(context.funds):
        context.progress(fund.ticker, done, len(context.funds))
        try:
            yield context.http.get(
                "proshares",
                f"{fund.ticker} NAV history",
                HISTORY_URL.format(code=fund.provider_code),
                meta={"part": "history", "fund": fund.ticker},
            )
        except SourceError as error:
            yield error
    if context.funds:
        wanted = ",".join(fund.ticker for fund in context.funds)
        yield context.http.get("proshares", "splits", SPLITS_URL, meta={"part": "splits", "funds": wanted})


def parse(payload: Payload) -> dict[str, pl.DataFrame]:
    """Return the fund's days, or the splits of the funds asked for."""
    if payload.meta["part"] == "splits":
        return {"proshares.splits": _splits(payload)}
    return {"proshares.fund_days": _history(payload)}


def windows(payload: Payload, rows: Mapping[str, pl.DataFrame]) -> list[Window]:
    """Return the whole history of the fund, or of the splits of each fund asked for."""
    if payload.meta["part"] == "splits":
        return [Window(fund, None, None, table_id="proshares.splits") for fund in payload.meta["funds"].split(",")]
    return [Window(payload.meta["fund"], None, None, table_id="proshares.fund_days")]


def _history(payload: Payload) -> pl.DataFrame:
    table: Sequence[Row] = _table(payload, HISTORY_HEADER)
    fund = payload.meta["fund"]
    days = days_of([row[0] for row in table], _DATE)
    dated, known = dated_rows(payload, table, days)
    if days.null_count():  # each line has all cells, so none of them is a disclaimer
        bad = days.is_null().arg_true()[0]
        raise changed(payload, f"dates like {_DATE} in column Date", quoted(table[bad][0]))
    table, days = dated, known
    stranger = next((row[_TICKER] for row in table if row[_TICKER] != fund), None)
    if stranger is not None:
        raise changed(payload, f"rows of {fund} alone", f"one of {quoted(stranger)}")
    nav, thousands, assets = (
        numbers_at(payload, table, at, _GAPS, HISTORY_HEADER[at]) for at in (_NAV, _SHARES, _ASSETS)
    )
    rows = panel_rows(
        payload,
        "proshares.fund_days",
        {
            "ticker": fund,
            "report_date": days,
            "nav_usd": nav,
            # thousands with up to three decimals are whole shares: rounding undoes binary fractions only
            "shares_outstanding_count": [None if count is None else round(count * 1000.0, 3) for count in thousands],
            "net_assets_usd": assets,
        },
    )
    require_identity(payload, rows)
    return rows.sort("report_date")


def _splits(payload: Payload) -> pl.DataFrame:
    wanted = set(payload.meta["funds"].split(","))
    symbol, kind, ratio, on = (SPLITS_HEADER.index(name) for name in ("Symbol", "Split Type", "Ratio", "Date of Split"))
    mine = [row for row in _table(payload, SPLITS_HEADER) if row[symbol] in wanted]
    rows = panel_rows(
        payload,
        "proshares.splits",
        {
            "ticker": [row[symbol] for row in mine],
            "session_date": [day(payload, row[on], _DATE, f"Date of Split of {row[symbol]}") for row in mine],
            "split_ratio": [_ratio(payload, row[symbol], row[kind], row[ratio]) for row in mine],
        },
    )
    doubled = rows.filter(pl.struct("ticker", "session_date").is_duplicated())
    if not doubled.is_empty():
        ticker, session, ratio = doubled.select("ticker", "session_date", "split_ratio").row(0)
        other = doubled.filter(ticker=ticker, session_date=session)["split_ratio"][1]
        expected = f"each split once, also {ticker} on {session}"
        raise changed(payload, expected, f"it twice: {ratio:g} and {other:g}")
    return rows.sort("ticker", "session_date")


def _ratio(payload: Payload, symbol: str, kind: str, text: str) -> float:
    """Return new shares per old share. The file prints 2 for 2-for-1 and for 1-for-2, and says which in Split Type."""
    factor = number_of(payload, text, (), f"Ratio of {symbol}")
    if factor is None or factor <= 1:
        raise changed(payload, f"a Ratio above 1 for {symbol}", quoted(text))
    if kind not in ("Forward", "Reverse"):
        raise changed(payload, f"Split Type Forward or Reverse for {symbol}", quoted(kind))
    return factor if kind == "Forward" else 1.0 / factor


def _table(payload: Payload, header: list[str]) -> list[Row]:
    """Return the rows below the header, blank lines left out; every row has as many cells as the header."""
    expected = f"CSV starting {','.join(header[:3])}"
    filled = (row for row in csv_rows(payload, expected) if not is_blank(row))
    rows = list({tuple(row): row for row in filled}.values())  # a line that stands twice counts once
    if not rows or rows[0] != header:
        raise changed(payload, f"the columns {', '.join(header)}", quoted(",".join(rows[0]) if rows else "nothing"))
    if len(rows) == 1:
        raise changed(payload, "at least one row", "a header and no rows")
    for row in rows[1:]:
        if len(row) != len(header):
            raise changed(payload, f"{len(header)} cells in each line of {expected}", quoted(",".join(row)))
    return rows[1:]
