"""Breadth features: what each stock did on each session, over split-adjusted, not dividend-adjusted, closes.

The panel is long and sorted, and the rolling windows run over the whole column of a batch at once, not stock by
stock: a window that reaches into the previous stock is one whose history is too short, and that is NULL anyway.
This is about three times faster than grouping, and its answers do not depend on the batch.
Definitions: 5.3, 5.5 and 5.6.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from math import ceil

import numpy as np
import polars as pl

PRICES = ("permid", "session_seq", "close_adj", "volume_adj")
"""Columns of a prices frame. permid: any integer. session_seq: number of the NYSE session, consecutive.

close_adj: USD, split-adjusted; valid above zero and below CLOSE_BELOW_USD, otherwise as if missing.
volume_adj: shares, split-adjusted. Sorted by permid, session_seq, each pair once. A session without a row is a session
without a close.
"""

CLOSE_BELOW_USD = 1e12

TIE_RATIO = 1e-10
"""A close within this of its average, or of an earlier high or low, is equal to it.

A mean of equal closes can differ from them in the last digit, and so can the same price on two split bases.
"""

# Small enough for the processor's cache, where the windows run fastest.
_BATCH_ROWS = 200_000
_FRACTIONS = 2.0**52
_NEVER = np.iinfo(np.int64).max
_UNSORTED = "prices must be sorted by permid and session_seq, each pair once"


@dataclass(frozen=True)
class Windows:
    """Lengths of the windows, in sessions, and how much of each must be there."""

    short_average: int = 50
    long_average: int = 200
    high_low: int = 252
    high_low_min_closes: int = 240
    average_min_ratio: float = 0.95

    @property
    def lookback(self) -> int:
        """Sessions before a session that can matter to it."""
        return max(self.short_average, self.long_average, self.high_low, 2) - 1

    def min_closes(self, window: int) -> int:
        """Valid closes that an average over `window` sessions needs."""
        # 0.95 * 200 is 190.00000000000003 for some ratios: the ninth decimal is not a missing close.
        return ceil(round(self.average_min_ratio * window, 9))


STANDARD = Windows()


def breadth_features(
    prices: pl.DataFrame,
    *,
    listings: pl.DataFrame | None = None,
    from_session: int | None = None,
    windows: Windows = STANDARD,
) -> pl.DataFrame:
    """Return the features of every row of `prices` (see PRICES), in its order; all batches of feature_batches."""
    return pl.concat(feature_batches(prices, listings=listings, from_session=from_session, windows=windows))


def update_features(
    tail: pl.DataFrame, listings: pl.DataFrame, session_seq: int, *, windows: Windows = STANDARD
) -> pl.DataFrame:
    """Return the features of `session_seq` and later, reading only the sessions that can matter to them.

    `tail`: prices of at least the `windows.lookback` sessions before `session_seq`, and of those to compute. A close
    restated on a session changes that session and the `windows.lookback` after it, so compute from that session on.
    `listings`: listing_sessions of the whole history, new stocks included. Equal to the full computation.
    """
    return breadth_features(tail, listings=listings, from_session=session_seq, windows=windows)


def listing_sessions(prices: pl.DataFrame) -> pl.DataFrame:
    """Return permid and listing_session_seq, the session of the first valid close; stocks without one are left out."""
    return (
        prices.lazy()
        .filter(_valid_close().is_not_null())
        .group_by("permid")
        .agg(listing_session_seq=pl.col("session_seq").min())
        .sort("permid")
        .collect()
    )


def feature_batches(
    prices: pl.DataFrame,
    *,
    listings: pl.DataFrame | None = None,
    from_session: int | None = None,
    windows: Windows = STANDARD,
    batch_rows: int = _BATCH_ROWS,
) -> Iterator[pl.DataFrame]:
    """Yield the features of `prices` stock by stock, whole stocks together, about `batch_rows` rows at a time.

    To the columns of PRICES each row adds:

    - previous_close_adj (USD): the close of the session before, NULL unless that session has a valid one;
    - return_ratio: close over previous close less 1; NULL means the stock is not priced on this session;
    - is_advance, is_decline, is_unchanged: closes compared at 4 decimals; NULL when not priced;
    - sma_50, sma_200 (USD): mean of the valid closes of the window; NULL with too short or too thin a history;
    - is_above_50dma, is_above_200dma: strictly above; NULL without average or close;
    - sessions_since_listing_count: sessions from the first valid close to this one, both counted;
    - is_high_low_eligible: enough history, and a valid close, for new highs and lows;
    - is_new_high, is_new_low: strictly beyond every close of the window before this session; NULL if not eligible.

    Without `listings` the first valid close in `prices` is the listing. With `from_session` rows before it are read,
    no further back than the lookback, and not returned. Raises ValueError for an unsorted or repeated row, and for a
    stock with a valid close that `listings` leaves out.
    """
    if from_session is not None:
        listings = listing_sessions(prices) if listings is None else listings
        prices = prices.filter(pl.col("session_seq") >= from_session - windows.lookback)
    # A few batches ahead of the reader and no more, so that memory does not grow with the panel.
    ahead = pl.thread_pool_size()
    waiting: deque[Future[pl.DataFrame]] = deque()
    with ThreadPoolExecutor(ahead) as pool:
        for batch in _whole_stocks(prices.select(PRICES), batch_rows):
            waiting.append(pool.submit(_features, batch, listings, from_session, windows))
            if len(waiting) > ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _valid_close() -> pl.Expr:
    close = pl.col("close_adj").cast(pl.Float64)
    return pl.when((close > 0) & (close < CLOSE_BELOW_USD)).then(close)


def _whole_stocks(prices: pl.DataFrame, batch_rows: int) -> Iterator[pl.DataFrame]:
    """Cut `prices` between stocks, into slices of about `batch_rows` rows; at least one, be it empty."""
    runs = prices["permid"].rle().struct.unnest()
    if not runs["value"].is_sorted() or runs["value"].is_duplicated().any():
        raise ValueError(_UNSORTED)
    ends = runs["len"].to_numpy().cumsum(dtype=np.int64)
    start = 0
    while start < prices.height:
        end = int(ends[min(int(np.searchsorted(ends, start + batch_rows)), len(ends) - 1)])
        yield prices.slice(start, end - start)
        start = end
    if not prices.height:
        yield prices


def _features(
    batch: pl.DataFrame, listings: pl.DataFrame | None, from_session: int | None, windows: Windows
) -> pl.DataFrame:
    stocks = _stocks(batch, listings, from_session, windows)
    rows, height = stocks["rows"].to_numpy(), int((stocks["last"] - stocks["start"] + 1).sum())
    listed = stocks["listed"].gather(np.repeat(np.arange(stocks.height), rows))
    panel = batch.select(close=_valid_close(), sessions=pl.col("session_seq") - listed + 1)
    if panel.select((pl.col("close").is_not_null() & pl.col("sessions").is_null()).any()).item():
        raise ValueError("listings must name every stock that has a valid close")
    if height == batch.height:
        looked_back = _look_back(panel["close"], windows)
    else:
        # A missing session becomes a row without a close, so that windows count sessions and not rows.
        position = batch["session_seq"].to_numpy() + np.repeat(stocks["offset"].to_numpy(), rows)
        close = np.full(height, np.nan)
        close[position] = panel["close"].fill_null(np.nan).to_numpy()
        looked_back = _look_back(pl.Series(close).fill_nan(None), windows)[position]
    panel = pl.concat([panel, looked_back], how="horizontal").with_columns(_with_history(windows))
    features = pl.concat([batch, panel.select(_measures())], how="horizontal")
    return features if from_session is None else features.filter(pl.col("session_seq") >= from_session)


def _stocks(
    batch: pl.DataFrame, listings: pl.DataFrame | None, from_session: int | None, windows: Windows
) -> pl.DataFrame:
    """Lay each stock of `batch` out over every session from its listing on.

    One row per stock: rows it has, first and last session, session it was listed and session its layout starts, and
    the offset from a session to its place in the layout of the whole batch.
    """
    runs, session = batch["permid"].rle().struct.unnest(), batch["session_seq"].cast(pl.Int64).to_numpy()
    rows = runs["len"].cast(pl.Int64).to_numpy()
    ends = rows.cumsum()
    same_stock = np.ones(max(len(session) - 1, 0), dtype=bool)
    same_stock[ends[:-1] - 1] = False
    if (np.diff(session)[same_stock] <= 0).any():
        raise ValueError(_UNSORTED)
    stocks = pl.DataFrame(
        {"permid": runs["value"], "rows": rows, "first": session[ends - rows], "last": session[ends - 1]}
    )
    if listings is None:
        stocks = stocks.with_columns(listing_session_seq=_first_closes(batch, ends - rows))
    else:
        stocks = stocks.join(listings, on="permid", how="left", maintain_order="left")
    # An update needs no layout before its lookback; a stock silent at the start of it still gets its empty rows.
    start = pl.col("listing_session_seq").cast(pl.Int64)
    if from_session is not None:
        start = pl.max_horizontal(start, pl.lit(from_session - windows.lookback, pl.Int64))
    start = pl.min_horizontal("first", start)
    height = pl.col("last") - start + 1
    return stocks.select(
        "rows",
        "last",
        listed=pl.col("listing_session_seq").cast(pl.Int64),
        start=start,
        offset=height.cum_sum().shift(1, fill_value=0) - start,
    )


def _first_closes(batch: pl.DataFrame, starts: np.ndarray) -> pl.Series:
    """Session of the first valid close of each stock, whose rows begin at `starts`; NULL where there is none."""
    closed = pl.when(_valid_close().is_not_null()).then("session_seq").cast(pl.Int64).fill_null(_NEVER)
    sessions = batch.select(closed).to_series().to_numpy()
    # reduceat takes no empty list of starts.
    first = np.minimum.reduceat(sessions, starts) if len(starts) else sessions
    return pl.Series(first, dtype=pl.Int64).replace(_NEVER, None)


def _look_back(close: pl.Series, windows: Windows) -> pl.DataFrame:
    """What the windows before and up to each row hold, whichever stock they reach into: previous, highs, averages."""
    before, needed = windows.high_low - 1, windows.high_low_min_closes - 1
    previous = pl.col("close").shift(1)
    held = close.to_frame("close").select(
        previous=previous,
        # The session's own close is the last of the closes that the window needs.
        high=previous.rolling_max(before, min_samples=needed),
        low=previous.rolling_min(before, min_samples=needed),
    )
    return held.with_columns(_averages(close, windows))


def _with_history(windows: Windows) -> list[pl.Expr]:
    """NULL for what reaches back beyond the listing, into no prices or another stock's."""
    history = {
        "previous": 2,
        "high": windows.high_low,
        "low": windows.high_low,
        "short": windows.short_average,
        "long": windows.long_average,
    }
    return [pl.when(pl.col("sessions") >= sessions).then(name).alias(name) for name, sessions in history.items()]


def _measures() -> list[pl.Expr]:
    close, previous, sessions = pl.col("close"), pl.col("previous"), pl.col("sessions")
    high, low, short, long = (pl.col(name) for name in ("high", "low", "short", "long"))
    cents, cents_before = close.round(4), previous.round(4)
    return [
        previous.alias("previous_close_adj"),
        (close / previous - 1).alias("return_ratio"),
        (cents > cents_before).alias("is_advance"),
        (cents < cents_before).alias("is_decline"),
        (cents == cents_before).alias("is_unchanged"),
        short.alias("sma_50"),
        long.alias("sma_200"),
        (close > short * (1 + TIE_RATIO)).alias("is_above_50dma"),
        (close > long * (1 + TIE_RATIO)).alias("is_above_200dma"),
        pl.when(sessions >= 1).then(sessions).cast(pl.Int32).alias("sessions_since_listing_count"),
        (close.is_not_null() & high.is_not_null()).alias("is_high_low_eligible"),
        # A close equal to the highest may differ from it in the last digit where a split lies between.
        (close > high * (1 + TIE_RATIO)).alias("is_new_high"),
        (close < low * (1 - TIE_RATIO)).alias("is_new_low"),
    ]


def _averages(close: pl.Series, windows: Windows) -> list[pl.Series]:
    """Return short and long, the means of the valid closes of each window; NULL where they are too few.

    Running sums of floats would carry rounding from one stock into its neighbour and differ between full and update
    (measured: 1e-9 of a penny stock's average beside a close of a million). Sums of integers are exact: dollars, and
    their fractions in units of 2^-52. They may run over 2^63; their differences come out right all the same.
    """
    closes = close.fill_null(0.0).to_numpy()
    dollars = closes.astype(np.int64)
    fractions = ((closes - dollars) * _FRACTIONS).astype(np.int64)
    valid = close.is_not_null().to_numpy().cumsum(dtype=np.int32)
    running = dollars.cumsum(), fractions.cumsum()
    averages = []
    for name, length in (("short", windows.short_average), ("long", windows.long_average)):
        counted = _over_window(valid, length)
        mean = _over_window(running[1], length) / _FRACTIONS
        mean += _over_window(running[0], length)
        mean /= np.maximum(counted, 1)
        mean[counted < windows.min_closes(length)] = np.nan
        averages.append(pl.Series(name, mean).fill_nan(None))
    return averages


def _over_window(running: np.ndarray, length: int) -> np.ndarray:
    """Sums of the last `length` values from running sums; the first `length` are of fewer."""
    sums = np.empty_like(running)
    sums[:length] = running[:length]
    np.subtract(running[length:], running[:-length], out=sums[length:])
    return sums
