"""Yahoo Finance through yfinance: settlements of monthly federal funds futures.

Where   https://query2.finance.yahoo.com/v8/finance/chart/ZQV26.CBT (keyless; cookie and crumb are yfinance's business);
        2 requests a second, and not one more after the first "too many requests"
Grain   one bar per contract and session, as long as the contract lives: some time after that it is unknown
Units   100 less the average effective rate of the month, contracts traded; the currency of the chart is USD
Breaks  SourceChanged on an error in the chart, another symbol, currency or bar length, lists that do not match. A
        contract far ahead may have no price yet, and one that expired none any more, and then has no rows; another
        that is held, or near, must have some.
        The bar of a session still open at the time of asking is never returned
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Final

import polars as pl

from ingest.batch import Window
from ingest.clock import NEW_YORK
from ingest.connector import FetchContext
from ingest.connectors import connector
from ingest.contracts import contract_of, is_expired
from ingest.errors import SourceChanged, SourceError, SourceUnavailable, SymbolUnknown
from ingest.payload import Payload
from ingest.readers.fund_days import no_panel_rows, panel_rows
from ingest.readers.parsing import changed, quoted
from ingest.readers.parsing import field as member
from ingest.sources.yahoo.yahoo_chart import NO_BARS, asked_from, chart_payload, closed_bars, prices_of, read_chart

TABLE: Final = "yahoo.futures"

_ZONE: Final = "America/New_York"  # yfinance asks for it otherwise; days go by what the chart says


def fetch(context: FetchContext) -> Iterator[Payload | SourceError]:
    """Yield one chart per contract."""
    from ingest.sources.yahoo.yfinance_client import TooManyRequests, YahooClient

    client = YahooClient(context.settings, context.http.rewrite, context.patience)
    today = context.clock().astimezone(NEW_YORK).date()
    end = today + timedelta(days=1)  # exclusive
    contracts = connector("yahoo_futures").facts.contracts
    near = context.tickers[: contracts.months_traded] if contracts else ()
    for done, symbol in enumerate(context.tickers, start=1):
        held = context.since.get(contract_of(symbol)[0])
        start = asked_from(held)
        try:
            answer = client.history(symbol, start, end, zone=_ZONE)
        except TooManyRequests:
            missing = ", ".join(context.tickers[done - 1 :])
            why = f"Yahoo limited us (HTTP 429): nothing landed for {missing}, and no more was asked"
            yield SourceUnavailable("yahoo", symbol, f"{why}; try again in an hour")
            return
        is_due = "yes" if (held is not None or symbol in near) and not is_expired(symbol, today) else "no"
        if answer.problem is not None:
            yield answer.problem
        elif not answer.body or not answer.is_history:
            why = f"Yahoo gave no chart ({answer.failure}); nothing landed for {symbol}"
            yield SourceUnavailable("yahoo", symbol, why)
        else:
            yield context.http.keep(chart_payload(symbol, answer, start, context.clock, is_due=is_due))
        context.progress("yahoo: futures", done, len(context.tickers))


def parse(payload: Payload) -> dict[str, pl.DataFrame]:
    """Return the settlements of one contract; none of one that need not have a price."""
    try:
        return {TABLE: _settlements(payload)}
    except SourceChanged as error:
        if payload.meta["is_due"] == "no" and (isinstance(error, SymbolUnknown) or error.seen == NO_BARS):
            return {TABLE: no_panel_rows(TABLE)}
        raise


def windows(payload: Payload, rows: Mapping[str, pl.DataFrame]) -> list[Window]:
    """Return what was asked of the contract: from the first day of the request on; nothing of one without rows."""
    days = rows[TABLE]["session_date"].sort()
    if days.is_empty():
        return []
    code, _ = contract_of(payload.meta["symbol"])
    return [Window(code, date.fromisoformat(payload.meta["start"]), days[-1], table_id=TABLE)]


def _settlements(payload: Payload) -> pl.DataFrame:
    chart = read_chart(payload)
    if member(payload, chart.meta, "currency", "meta") != "USD":
        raise changed(payload, "unit 'USD' in meta.currency", quoted(chart.meta["currency"]))
    close, volume = (prices_of(payload, chart, name) for name in ("close", "volume"))
    bars = pl.DataFrame({"session_date": chart.days, "close": close, "volume": volume})
    closed = closed_bars(payload, chart, bars, "close").filter(pl.col("close").is_not_null())
    if closed.is_empty():
        raise changed(payload, "prices", NO_BARS)
    code, month = contract_of(payload.meta["symbol"])
    columns = {
        "contract_code": code,
        "session_date": closed["session_date"],
        "delivery_month_date": month,
        "settle_index": closed["close"].round(6),
        "volume_contracts": closed["volume"],
    }
    return panel_rows(payload, TABLE, columns)
