"""Cboe, delayed option chains: bid, offer, volatility, greeks and open interest of every listed contract.

Where   https://cdn-api.cboe.com/api/global/delayed_quotes/options/<code>.json (keyless; an index has an underscore
        before its name). One answer an underlying: of SPX 14 MB of JSON, some 30,000 contracts. Served is the present
Grain   one row per underlying, snapshot and contract. Quotes are those of 15 minutes before; open interest that of the
        session before, whatever the hour; known when it was fetched
Units   as options are quoted: US dollars per unit of the underlying, of an index one dollar a point; volatility a ratio
        (0.19 is 19 %); `timestamp` UTC, `last_trade_time` New York, neither says so
Breaks  SourceChanged on another symbol, an answer not of these days (a frozen one), a price that is none, a text
        for a number, volatilities in percent, gamma of another size than they say, strikes of another scale, a contract
        twice with other figures, an option symbol of another root, a trade after `timestamp` (then one of the two is in
        another zone). Volatility and gamma are 0 or null where nobody quotes a contract: kept as they come. A series
        that has expired may still be listed: it stays, analytics leave it out
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import polars as pl

from ingest.batch import Window
from ingest.catalog.underlyings import Underlying, load_underlyings
from ingest.clock import NEW_YORK
from ingest.connector import FetchContext
from ingest.dataset import dataset
from ingest.errors import SourceError
from ingest.payload import Payload
from ingest.readers.option_quotes import moment_of, quote_rows, session_of
from ingest.readers.parsing import changed, field, json_of, listed, number, quoted
from ingest.snapshot_times import newest_due
from ingest.sources.cboe.cboe import BROWSER, REFERER

URL: Final = "https://cdn-api.cboe.com/api/global/delayed_quotes/options/{code}.json"
TABLE: Final = "cboe.option_quotes"

_EXPECTED: Final = "JSON with timestamp and data of symbol, current_price and options"
_NUMBERS: Final = {
    "bid": "bid_usd",
    "bid_size": "bid_size_contracts",
    "ask": "ask_usd",
    "ask_size": "ask_size_contracts",
    "last_trade_price": "last_price_usd",
    "volume": "volume_contracts",
    "open_interest": "open_interest_contracts",
    "iv": "iv_ratio",
    "delta": "delta_ratio",
    "gamma": "gamma_ratio",
    "theta": "theta_usd",
    "vega": "vega_usd",
}
_SLACK: Final = timedelta(minutes=1)
_AHEAD, _OLDEST = timedelta(minutes=10), timedelta(days=5)


def fetch(context: FetchContext) -> Iterator[Payload | SourceError]:
    """Yield the chain of each underlying of which none was fetched since the newest moment at which one is due."""
    headers = {"User-Agent": context.settings.user_agent or BROWSER, "Referer": REFERER}
    due_at = newest_due(dataset(TABLE), context.clock())
    # a probe names the one that it asks for
    underlyings = [one for one in load_underlyings() if not context.tickers or one.underlying in context.tickers]
    for done, one in enumerate(underlyings):
        context.progress("cboe: option chains", done, len(underlyings))
        name = f"{one.underlying} chain"
        before = context.http.latest("cboe_chains", name)
        held = context.since.get(one.underlying)
        if before is not None and before.fetched_at >= due_at and held is not None and held >= session_of(due_at):
            continue
        try:
            yield context.http.get(
                "cboe_chains", name, URL.format(code=one.code), headers=headers, meta={"underlying": one.underlying}
            )
        except SourceError as error:
            yield error


def parse(payload: Payload) -> dict[str, pl.DataFrame]:
    """Return the contracts of one chain."""
    of = next(one for one in load_underlyings() if one.underlying == payload.meta["underlying"])
    return {TABLE: chain_rows(payload, TABLE, of, is_live=True)}


def chain_rows(payload: Payload, table_id: str, of: Underlying, *, is_live: bool) -> pl.DataFrame:
    """Return the contracts of a chain as rows of a table of this shape; a live one is of the present."""
    document = json_of(payload, _EXPECTED)
    snapshot_at = moment_of(payload, field(payload, document, "timestamp", "the answer"), UTC, "timestamp")
    if is_live:
        _require_present(payload, snapshot_at)
    data = field(payload, document, "data", "the answer")
    symbol = field(payload, data, "symbol", "data")
    if str(symbol).lstrip("^_") != of.underlying:
        raise changed(payload, f"the chain of {of.underlying}", f"that of {quoted(symbol)}")
    options = listed(payload, data, "options", "data")
    columns = _columns(payload, options)
    _require_zones(payload, data, columns["last_trade_at"], snapshot_at)
    spot = number(payload, field(payload, data, "current_price", "data"), (), "current_price")
    if spot is None:
        raise changed(payload, f"a price of {of.underlying} above zero", "null")
    return quote_rows(payload, table_id, of, snapshot_at, spot, columns)


def windows(payload: Payload, rows: Mapping[str, pl.DataFrame]) -> list[Window]:
    """Return none: a snapshot withdraws nothing from an earlier one."""
    return []


def _columns(payload: Payload, options: list[Any]) -> dict[str, pl.Series]:
    """Return the contracts column by column: there are tens of thousands of them."""
    wanted = {"option", *_NUMBERS, "last_trade_time"}
    for record in options[:1]:
        for name in sorted(wanted):
            field(payload, record, name, "a contract")
    try:
        cells = {name: [record[name] for record in options] for name in wanted}
    except (KeyError, TypeError):
        bad = next(one for one in options if not isinstance(one, dict) or not wanted <= one.keys())
        raise changed(payload, f"{', '.join(sorted(wanted))} in each contract", quoted(bad)) from None
    columns = {to: _numbers(payload, cells[name], name) for name, to in _NUMBERS.items()}
    symbols = cells["option"]
    if not all(isinstance(symbol, str) for symbol in symbols):
        bad = next(symbol for symbol in symbols if not isinstance(symbol, str))
        raise changed(payload, "option symbols as text", quoted(bad))
    columns["option_symbol"] = pl.Series(symbols, dtype=pl.String)
    columns["last_trade_at"] = _trades(payload, cells["last_trade_time"])
    return columns


def _numbers(payload: Payload, cells: list[Any], name: str) -> pl.Series:
    """Return cells that are numbers or null; SourceChanged shows the first that is neither."""
    if not all(cell is None or type(cell) in (float, int) for cell in cells):
        bad = next(cell for cell in cells if cell is not None and type(cell) not in (float, int))
        raise changed(payload, f"a number for {name}", quoted(bad))
    return pl.Series(name, cells, dtype=pl.Float64, strict=False)


def _trades(payload: Payload, cells: list[Any]) -> pl.Series:
    """Return when each contract last traded, naive UTC; the publisher writes New York time."""
    if not all(cell is None or isinstance(cell, str) for cell in cells):
        bad = next(cell for cell in cells if cell is not None and not isinstance(cell, str))
        raise changed(payload, "last_trade_time like 2026-11-18T15:59:12", quoted(bad))
    texts = pl.Series(cells, dtype=pl.String)
    moments = texts.str.to_datetime("%Y-%m-%dT%H:%M:%S", strict=False, time_unit="us")
    broken = moments.is_null() & texts.is_not_null()
    if broken.any():
        raise changed(payload, "last_trade_time like 2026-11-18T15:59:12", quoted(texts.filter(broken)[0]))
    local = moments.dt.replace_time_zone(NEW_YORK.key, ambiguous="earliest", non_existent="null")
    return local.dt.convert_time_zone("UTC").dt.replace_time_zone(None)


def _require_present(payload: Payload, snapshot_at: datetime) -> None:
    """Raise SourceChanged where the answer is not one of now: what Cboe serves is the present alone."""
    if not -_AHEAD <= payload.fetched_at - snapshot_at <= _OLDEST:
        expected = f"a chain of the last {_OLDEST.days} days before {payload.fetched_at:%Y-%m-%d %H:%M} UTC"
        raise changed(payload, expected, f"one of {snapshot_at:%Y-%m-%d %H:%M}")


def _require_zones(payload: Payload, data: Any, trades: pl.Series, snapshot_at: datetime) -> None:
    """Raise SourceChanged where something traded after the snapshot: then one of the two clocks has changed."""
    newest = trades.max()
    found = [newest.replace(tzinfo=UTC)] if isinstance(newest, datetime) else []
    if data.get("last_trade_time") is not None:
        found.append(moment_of(payload, data["last_trade_time"], NEW_YORK, "last_trade_time"))
    late = [moment for moment in found if moment > snapshot_at + _SLACK]
    if late:
        expected = "timestamp (UTC) at or after every last_trade_time (New York)"
        raise changed(payload, expected, f"{snapshot_at:%Y-%m-%d %H:%M} and a trade at {late[0]:%Y-%m-%d %H:%M} UTC")
