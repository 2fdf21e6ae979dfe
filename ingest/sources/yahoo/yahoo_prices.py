"""Yahoo Finance through yfinance, the panel: daily bars, splits and dividends of stocks and funds.

Where   https://query2.finance.yahoo.com/v8/finance/chart (keyless; cookie and crumb are yfinance's business); for
        personal use, 2 requests a second on 4 threads, and not one more after the first "too many requests"
Grain   one bar per symbol and NYSE session, from 2000 on; splits and dividends by their ex-date
Units   US dollars and shares as traded that day. Yahoo divides prices and dividends by every later split and
        multiplies volumes: both are undone with the splits of the same download
Breaks  SourceChanged per symbol on an error in the chart, another symbol, currency or bar length, lists that do not
        match, no price at all, many sessions missing, a new split that the prices do not show yet. A dividend in
        another currency is named and left out, and the rest of the chart stands. A null price is a gap. The bar of a
        session still open at the time of asking is never returned. A former member that Yahoo does not know any more
        is a known lack, not an error; it is asked for again once a week
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from math import log
from threading import Event
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

import polars as pl

from ingest.batch import PartOfPayloadChanged, Window
from ingest.clock import NEW_YORK
from ingest.connector import FORMER, STANDING, FetchContext
from ingest.errors import SourceChanged, SourceError, SourceUnavailable
from ingest.payload import Payload
from ingest.readers.bars import named, require_sessions, without_zeros
from ingest.readers.fund_days import panel_rows
from ingest.readers.parsing import changed, number, quoted
from ingest.readers.parsing import field as member
from ingest.rules.splits import later_split_ratio
from ingest.sources.yahoo.yahoo_chart import (
    NO_BARS,
    Chart,
    asked_from,
    chart_payload,
    closed_bars,
    days_of,
    last_day,
    prices_of,
    read_chart,
    require_prices,
)

if TYPE_CHECKING:
    from ingest.sources.yahoo.yfinance_client import Answer, YahooClient

THREADS: Final = 4

# Yahoo's prices are float32: seven digits are theirs, and stay the same when a later split moves the basis.
_DIGITS = 7
_FRESH_SPLIT = timedelta(days=10)
_LARGE_SPLIT = log(1.4)  # a smaller one cannot be told from a bad day
_PRICES = ("open", "high", "low", "close")
_ZONE = "America/New_York"
# Read a second time, for the window: the whole chart takes a hundred times as long.
_FIRST_TRADE = re.compile(rb'"firstTradeDate"\s*:\s*(-?\d+)')


def fetch(context: FetchContext) -> Iterator[Payload | SourceError]:
    """Yield one chart per symbol, those first of which the least is held: what a limited run missed comes next.

    After the first "too many requests" no more is asked; what came is kept, and one error names what is missing.
    """
    asking = _Asking(context, sorted(context.tickers, key=lambda ticker: (_held(context, ticker), ticker)))
    missing: list[str] = []
    with ThreadPoolExecutor(THREADS, thread_name_prefix="yahoo") as pool:
        try:
            for done, (symbol, answer) in enumerate(asking.answers(pool), start=1):
                if answer is None:
                    missing.append(symbol)
                    continue
                yield _kept(context, symbol, answer)
                context.progress("yahoo: prices", done, len(asking.symbols))
        finally:  # also where nobody wants the rest: then nothing more is asked
            asking.limited.set()
    if missing:
        yield _limited(missing, len(asking.symbols))


def parse(payload: Payload) -> dict[str, pl.DataFrame]:
    """Return yahoo.prices, yahoo.splits and yahoo.dividends of one symbol, as traded, sessions over by then only."""
    chart = read_chart(payload)
    if member(payload, chart.meta, "currency", "meta") != "USD":
        raise changed(payload, "unit 'USD' in meta.currency", quoted(chart.meta["currency"]))
    columns = [prices_of(payload, chart, name) for name in (*_PRICES, "volume")]
    require_prices(payload, columns[:-1])
    bars = pl.DataFrame([chart.days.alias("session_date"), *columns])
    splits, (dividends, foreign) = _splits(payload, chart), _dividends(payload, chart)
    _require_applied(payload, bars, splits)
    closed = closed_bars(payload, chart, without_zeros(bars, volume="volume"), "close")
    _require_sessions(payload, chart, closed)
    tables = {
        "yahoo.prices": _as_traded(closed, splits),
        "yahoo.splits": splits,
        "yahoo.dividends": _paid(dividends, splits),
    }
    over = pl.col("session_date") <= last_day(payload)
    found = {
        table: panel_rows(payload, table, {"ticker": payload.meta["symbol"], **_columns(rows.filter(over))})
        for table, rows in tables.items()
    }
    if foreign is not None:
        raise PartOfPayloadChanged(found, {payload.meta["symbol"]: foreign})
    return found


def windows(payload: Payload, rows: Mapping[str, pl.DataFrame]) -> list[Window]:
    """Return what was asked: from the first day of the request to the last session that was over.

    Not from before the first trade of who bears the ticker now: what an earlier bearer traded is not withdrawn.
    """
    start, end = date.fromisoformat(payload.meta["start"]), last_day(payload)
    symbol = payload.meta["symbol"]
    first_trade = _FIRST_TRADE.search(payload.body)
    if first_trade:
        start = max(start, datetime.fromtimestamp(int(first_trade.group(1)), ZoneInfo(_ZONE)).date())
    return [Window(symbol, start, end, table_id=table) for table in ("yahoo.prices", "yahoo.splits", "yahoo.dividends")]


# ---- asking --------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Asking:
    """Asks for the symbols in their order, a few at a time. Only the bytes come through threads: nothing else does."""

    context: FetchContext
    symbols: Sequence[str]
    limited: Event = field(default_factory=Event)

    def answers(self, pool: ThreadPoolExecutor) -> Iterator[tuple[str, Answer | None]]:
        """Yield each symbol with what came, None where Yahoo limited us or nothing was asked any more."""
        from ingest.sources.yahoo.yfinance_client import YahooClient

        client = YahooClient(self.context.settings, self.context.http.rewrite, self.context.patience)
        waiting: deque[tuple[str, Future[Answer | None]]] = deque()
        for symbol in self.symbols:
            waiting.append((symbol, pool.submit(self._ask, client, symbol)))
            if len(waiting) == 2 * THREADS:
                first, answer = waiting.popleft()
                yield first, answer.result()
        for symbol, answer in waiting:
            yield symbol, answer.result()

    def _ask(self, client: YahooClient, symbol: str) -> Answer | None:
        from ingest.sources.yahoo.yfinance_client import TooManyRequests

        if self.limited.is_set():
            return None
        start = asked_from(self.context.since.get(symbol))
        try:
            return client.history(symbol, start, _tomorrow(self.context), zone=_ZONE)
        except TooManyRequests:
            self.limited.set()
            return None


def _held(context: FetchContext, ticker: str) -> date:
    return context.since.get(ticker) or date.min


def _tomorrow(context: FetchContext) -> date:
    """Return the end of each request (exclusive). Always the present: every later split must be in the answer."""
    return context.clock().astimezone(NEW_YORK).date() + timedelta(days=1)


def _kept(context: FetchContext, symbol: str, answer: Answer) -> Payload | SourceError:
    """Return the archived chart of one symbol, or why there is none: no answer, or one without a bar."""
    if answer.problem is not None:
        return answer.problem
    if not answer.body or not answer.is_history:
        return _silence(symbol, f"Yahoo gave no chart ({answer.failure})")
    start = asked_from(context.since.get(symbol))
    standing = {STANDING: FORMER} if symbol in context.former else {}
    payload = context.http.keep(chart_payload(symbol, answer, start, context.clock, panel="prices", **standing))
    if answer.has_bars:
        return payload
    try:
        parse(payload)
    except SourceChanged as error:
        if error.seen == NO_BARS:
            return _silence(symbol, f"Yahoo gave no bar from {start} on ({answer.failure})")
    return payload  # where the bytes are broken the collector's own parse says how


def _silence(symbol: str, what: str) -> SourceUnavailable:
    return SourceUnavailable("yahoo", symbol, f"{what}; nothing landed for {symbol}")


def _limited(missing: Sequence[str], asked: int) -> SourceUnavailable:
    return SourceUnavailable(
        "yahoo",
        "prices",
        f"Yahoo limited us (HTTP 429): {len(missing)} of {asked} symbols are missing ({named(missing)}), and no more "
        "was asked; what came is kept. Try again in an hour: the next run asks the missing ones first",
    )


# ---- reading -------------------------------------------------------------------------------------------------------


def _columns(rows: pl.DataFrame) -> dict[str, pl.Series]:
    return {column.name: column for column in rows}


def _as_traded(bars: pl.DataFrame, splits: pl.DataFrame) -> pl.DataFrame:
    later = _later(bars, splits)
    return bars.select(
        "session_date",
        *((pl.col(name) * later).round_sig_figs(_DIGITS).alias(f"{name}_usd") for name in _PRICES),
        volume_shares=(pl.col("volume") / later).round(0),
    )


def _paid(dividends: pl.DataFrame, splits: pl.DataFrame) -> pl.DataFrame:
    raw = pl.col("amount") * _later(dividends, splits)
    return dividends.select("session_date", dividend_usd=raw.round_sig_figs(_DIGITS))


def _later(rows: pl.DataFrame, splits: pl.DataFrame) -> pl.Series:
    """Return the product of the split ratios after each row. One symbol is one stock here."""
    one = pl.lit("").alias("permid")
    dated = splits.select(one, "split_ratio", split_date="session_date")
    return later_split_ratio(rows.select(one, "session_date"), dated)


def _events(payload: Payload, chart: Chart, kind: str) -> list[tuple[date, Mapping[str, Any]]]:
    """Return the events of one kind with their ex-date. A chart without any has no list of them."""
    found = chart.events.get(kind) or {}
    if not isinstance(found, dict):
        raise changed(payload, f"events.{kind} to be an object", quoted(found))
    if not found:
        return []
    events = list(found.values())
    days = days_of(payload, chart.zone, [member(payload, event, "date", f"events.{kind}") for event in events])
    return list(zip(days, events, strict=True))


def _splits(payload: Payload, chart: Chart) -> pl.DataFrame:
    """Return session_date and split_ratio (new shares per old), oldest first; two of one day as one.

    The same one twice is refused: once or twice undone makes two different histories, and nothing says which.
    """
    ratios: dict[date, float] = {}
    seen: set[tuple[date, float]] = set()
    for on, event in _events(payload, chart, "splits"):
        numerator, denominator = (
            _positive(payload, member(payload, event, name, "a split"), f"{name} of the split of {on}")
            for name in ("numerator", "denominator")
        )
        ratio = numerator / denominator
        if (on, ratio) in seen:
            raise changed(payload, f"the split of {ratio:g} on {on} once", "it twice")
        seen.add((on, ratio))
        ratios[on] = ratios.get(on, 1.0) * ratio
    return pl.DataFrame(
        sorted(ratios.items()), schema={"session_date": pl.Date, "split_ratio": pl.Float64}, orient="row"
    )


def _dividends(payload: Payload, chart: Chart) -> tuple[pl.DataFrame, SourceChanged | None]:
    """Return session_date and amount (USD on the split basis of the download), oldest first.

    And what is wrong with one that states another currency: it is left out, and the rest of the chart stands.
    """
    amounts: dict[date, float] = {}
    seen: set[tuple[date, float]] = set()
    foreign: SourceChanged | None = None
    for on, event in _events(payload, chart, "dividends"):
        currency = event.get("currency", "USD") if isinstance(event, dict) else "USD"
        if currency != "USD":
            foreign = foreign or changed(payload, f"unit 'USD' of the dividend of {on}", quoted(currency))
            continue
        amount = _positive(payload, member(payload, event, "amount", "a dividend"), f"the dividend of {on}")
        if (on, amount) not in seen:  # the same twice is one
            seen.add((on, amount))
            amounts[on] = amounts.get(on, 0.0) + amount
    paid = pl.DataFrame(sorted(amounts.items()), schema={"session_date": pl.Date, "amount": pl.Float64}, orient="row")
    return paid, foreign


def _positive(payload: Payload, cell: Any, where: str) -> float:
    found = number(payload, cell, (), where)
    if found is None or found <= 0:
        raise changed(payload, f"a number above zero for {where}", quoted(cell))
    return found


def _require_applied(payload: Payload, bars: pl.DataFrame, splits: pl.DataFrame) -> None:
    """Raise SourceChanged where a new split stands in the chart and its prices are still those of before.

    Undoing a split that was never done would land wrong prices. Around the ex-date Yahoo lists it first and divides
    later; the next run, which asks for these sessions again, heals it. What Yahoo never did to an old split shows
    as a jump in the adjusted prices and is for the gate.
    """
    if splits.is_empty():
        return
    fresh_from = payload.fetched_at.astimezone(NEW_YORK).date() - _FRESH_SPLIT
    closes = bars.filter(pl.col("close") > 0)
    for on, ratio in splits.filter(pl.col("session_date") >= fresh_from).iter_rows():
        before, after = (closes.filter(side) for side in (pl.col("session_date") < on, pl.col("session_date") >= on))
        if before.is_empty():
            continue  # nothing to undo
        expected = f"prices divided by the split of {ratio:g} on {on}"
        if after.is_empty():
            raise changed(payload, expected, f"no price since, the last one of {before['session_date'][-1]}")
        last, first = before["close"][-1], after["close"][0]
        move, undivided = log(first / last), -log(ratio)
        if abs(undivided) >= _LARGE_SPLIT and abs(move - undivided) < abs(move):
            raise changed(payload, expected, f"a close of {last:g} before and {first:g} after it")


def _require_sessions(payload: Payload, chart: Chart, closed: pl.DataFrame) -> None:
    """Raise SourceChanged for a short answer: many sessions without a close between first and last trade.

    A stock that no longer trades says so in meta.regularMarketTime: its history is whole when it reaches to there.
    """
    start, end = date.fromisoformat(payload.meta["start"]), last_day(payload)
    first_trade, last_trade = chart.meta.get("firstTradeDate"), chart.meta.get("regularMarketTime")
    days = iter(days_of(payload, chart.zone, [at for at in (first_trade, last_trade) if isinstance(at, int)]))
    if isinstance(first_trade, int):
        start = max(start, next(days))
    if isinstance(last_trade, int):
        end = min(end, next(days))
    require_sessions(payload, start, end, closed.drop_nulls("close")["session_date"].to_list())
