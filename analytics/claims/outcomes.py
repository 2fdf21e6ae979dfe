"""What came after each session: the measures that claims are held against. They are no input of any condition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from analytics.claims.definition import Outcome
from analytics.claims.functions import Known, of_series
from analytics.claims.known import Spine
from analytics.regimes.forward_returns import PENDING, forward_returns
from ingest.errors import ConfigError

if TYPE_CHECKING:
    import duckdb

Doubles = npt.NDArray[np.float64]
TOTAL_FROM: Final = 126
"""Dividends matter from half a year on: then the return with dividends stands beside."""
_SESSIONS_A_YEAR: Final = 252


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """A measure of every session, NaN where there is none: not over yet (`is_pending`), or a price is missing."""

    values: Doubles
    is_pending: npt.NDArray[np.bool_]
    known_dates: pl.Series
    close: Doubles | None = None
    total: Doubles | None = None


class Outcomes:
    """The measures of one release, each computed once."""

    def __init__(self, con: duckdb.DuckDBPyConnection, spine: Spine, features: dict[str, Known]) -> None:
        self._con, self._spine, self._features = con, spine, features
        self._returns = self._aligned(con.execute("select * from marts.forward_returns_daily").pl())
        self._of_fund = cache(self._fund_returns)
        self._made = cache(lambda outcome, horizon: self._over(self._measure(outcome, horizon), horizon))
        self._mark = cache(self._frame_mark)
        self._exits = cache(self._read_exits)
        self._prices = cache(self._read_prices)
        self._calendar = cache(self._read_calendar)
        self._mark_of_calendar = cache(lambda: "".join(of_series(one) for one in self._calendar().get_columns()))
        closes = con.execute("select session_date, sp500_close_index as close from marts.market_daily").pl()
        self._closes = self._aligned(closes)["close"].cast(pl.Float64).fill_null(np.nan).to_numpy()
        self._dovish = con.execute(
            "select distinct event_date from marts.policy_events where is_dovish order by 1"
        ).pl()["event_date"]

    def measured(self, outcome: Outcome, horizon: int) -> Measured:
        """Return the measure of each session of the spine."""
        return self._made(outcome, horizon)

    def mark(self, outcome: Outcome) -> str:
        """Return the fingerprint of what a measure is made from; the code that makes it is not in it."""
        if outcome.kind == "dovish_event":
            return of_series(self._dovish)
        if outcome.is_of_feature:
            return self._mark("") + of_series(self._values(outcome))
        return "".join(self._mark(ticker or "") for ticker in (outcome.of, outcome.against))

    def _frame_mark(self, ticker: str) -> str:
        """Return the fingerprint of a fund's prices, or without a ticker of the index and its returns."""
        if not ticker:
            columns = [*self._returns.get_columns(), pl.Series(self._closes)]
            return "".join(of_series(column) for column in columns)
        return "".join(of_series(column) for column in self._prices(ticker).get_columns()) + self._mark_of_calendar()

    def _aligned(self, frame: pl.DataFrame) -> pl.DataFrame:
        return self._spine.sessions.select("session_date").join(
            frame, on="session_date", how="left", maintain_order="left"
        )

    def _measure(self, outcome: Outcome, horizon: int) -> Measured:
        if outcome.kind == "dovish_event":
            return self._dovish_events(outcome.after_days or 0, horizon)
        frame = self._returns if outcome.of is None or outcome.is_of_feature else self._of_fund(outcome.of)
        exits = self._exits("" if frame is self._returns else str(outcome.of), horizon)
        if outcome.kind in ("return", "absolute_return", "relative_return", "return_within"):
            return self._return(outcome, frame, horizon, exits)
        if outcome.kind == "max_adverse":
            values, close = (_doubles(frame, f"{word}max_adverse_{horizon}d_ratio") for word in ("", "close_"))
            pending = (frame[f"return_{horizon}d_reason"] == PENDING).fill_null(value=False).to_numpy()
            return Measured(values, pending, exits, close)
        if outcome.kind == "best_return":
            return self._best(horizon, exits)
        if outcome.kind == "realised_volatility":
            return self._later(_volatility_ahead(self._closes, horizon), horizon, exits)
        if outcome.kind == "max_drawdown":
            return self._later(_drawdown_ahead(self._closes, horizon), horizon, exits)
        series = self._values(outcome)
        later = series.shift(-horizon)
        return self._later(_plain(later - series if outcome.kind == "change" else later / series - 1), horizon, exits)

    def _over(self, found: Measured, horizon: int) -> Measured:
        """Make what ends after the last session pending: its price may be there, its cut-off has not come.

        From close to close, and with dividends, a holding begins at the close after the cut-off and ends a session
        later than from the open.
        """
        end: date = self._spine.dates[-1]
        late = (found.known_dates > end).fill_null(value=False).to_numpy()
        count = len(found.values)
        late_by_close = late | (np.arange(count) + 1 + horizon >= count)
        close, total = (
            None if one is None else np.where(late_by_close, np.nan, one) for one in (found.close, found.total)
        )
        values = np.where(late, np.nan, found.values)
        return Measured(values, found.is_pending | late, found.known_dates, close, total)

    def _best(self, horizon: int, exits: pl.Series) -> Measured:
        """Return how far the highest close of the holding lies above its entry."""
        opened = _highest(self._closes, horizon, after=1) / _doubles(self._returns, "entry_open_index") - 1
        closed = _highest(self._closes, horizon, after=2) / _doubles(self._returns, "entry_close_index") - 1
        is_by_close = (self._returns["entry_basis"] == "close").fill_null(value=False).to_numpy()
        pending = (self._returns[f"return_{horizon}d_reason"] == PENDING).fill_null(value=False).to_numpy()
        values = np.where(is_by_close, closed, opened)
        return Measured(np.where(pending, np.nan, values), pending, exits, np.where(pending, np.nan, closed))

    def _values(self, outcome: Outcome) -> pl.Series:
        known = self._features.get(str(outcome.of))
        return (
            pl.Series([None] * len(self._spine), dtype=pl.Float64) if known is None else known.values.cast(pl.Float64)
        )

    def _return(self, outcome: Outcome, frame: pl.DataFrame, horizon: int, exits: pl.Series) -> Measured:
        values, close, total = (_doubles(frame, f"{word}return_{horizon}d_ratio") for word in ("", "close_", "total_"))
        pending = (frame[f"return_{horizon}d_reason"] == PENDING).fill_null(value=False).to_numpy()
        if outcome.kind == "relative_return":
            other = self._returns if outcome.against is None else self._of_fund(outcome.against)
            values, close, total = (
                own - _doubles(other, f"{word}return_{horizon}d_ratio")
                for own, word in ((values, ""), (close, "close_"), (total, "total_"))
            )
        if outcome.kind == "absolute_return":
            values, close, total = np.abs(values), np.abs(close), np.abs(total)
        if outcome.kind == "return_within":
            values, close, total = (_within(one, outcome) for one in (values, close, total))
        return Measured(values, pending, exits, close, total if horizon >= TOTAL_FROM else None)

    def _read_exits(self, ticker: str, horizon: int) -> pl.Series:
        """Return the session at whose close each holding is over; where a price is missing, whose day has come."""
        frame, name = self._of_fund(ticker) if ticker else self._returns, f"exit_{horizon}d_date"
        later = pl.col("session_date").shift(-horizon)
        return frame.select(pl.coalesce(name, later) if name in frame.columns else later).to_series()

    def _later(self, values: Doubles, horizon: int, exits: pl.Series) -> Measured:
        pending = np.arange(len(values)) >= len(values) - horizon
        return Measured(np.where(pending, np.nan, values), pending, exits)

    def _fund_returns(self, ticker: str) -> pl.DataFrame:
        """Return what a fund did after each session, as forward_returns has it of the index."""
        prices = self._prices(ticker)
        if prices.is_empty():
            raise ConfigError(f"no prices of {ticker} in marts.prices_daily")
        return self._aligned(forward_returns(self._spine.sessions, self._calendar(), prices))

    def _read_prices(self, ticker: str) -> pl.DataFrame:
        return self._con.execute(
            """
            select session_date, open_usd * close_split_adjusted_usd / nullif(close_usd, 0) as open,
                low_usd * close_split_adjusted_usd / nullif(close_usd, 0) as low, close_split_adjusted_usd as close,
                close_dividend_adjusted_usd as total, dividend_usd as dividend
            from marts.prices_daily where ticker = ? order by session_date
            """,
            [ticker],
        ).pl()

    def _read_calendar(self) -> pl.DataFrame:
        return self._con.execute(
            "select session_date, open_at, session_seq from marts.sessions order by session_date"
        ).pl()

    def _dovish_events(self, after_days: int, until_days: int) -> Measured:
        """Return 1 where the Fed did something dovish more than so many and at most so many days after the session."""
        days = self._dovish.to_physical().cast(pl.Int64).to_numpy()
        own = self._spine.dates.to_physical().cast(pl.Int64).to_numpy()
        first, last = (np.searchsorted(days, own + span, "right") for span in (after_days, until_days))
        exits = self._spine.dates + timedelta(days=until_days)
        end: date = self._spine.dates[-1]
        pending = (exits > end).to_numpy()
        return Measured(np.where(pending, np.nan, (last > first).astype(float)), pending, exits)


def joined(parts: Sequence[Measured]) -> Measured:
    """Return the measures of several members end to end."""

    def beside(found: Sequence[Doubles | None]) -> Doubles | None:
        there = [one for one in found if one is not None]
        return np.concatenate(there) if len(there) == len(parts) else None

    return Measured(
        np.concatenate([one.values for one in parts]),
        np.concatenate([one.is_pending for one in parts]),
        pl.concat([one.known_dates for one in parts]),
        beside([one.close for one in parts]),
        beside([one.total for one in parts]),
    )


def _doubles(frame: pl.DataFrame, name: str) -> Doubles:
    return _plain(frame[name])


def _plain(values: pl.Series) -> Doubles:
    found: Doubles = values.cast(pl.Float64).to_numpy()  # NULL is NaN there
    return found


def _within(values: Doubles, outcome: Outcome) -> Doubles:
    assert outcome.low is not None
    assert outcome.high is not None
    inside = (values >= outcome.low) & (values <= outcome.high)
    return np.where(np.isnan(values), np.nan, inside.astype(float))


def _windows(values: Doubles, length: int) -> Doubles:
    """Return for each place the values of the `length` sessions after it and its own first; NaN past the end."""
    filled = np.concatenate([values, np.full(length, np.nan)])
    found: Doubles = np.lib.stride_tricks.sliding_window_view(filled, length + 1)
    return found


def _highest(closes: Doubles, length: int, *, after: int) -> Doubles:
    """Return the highest of `length` closes, the first of which is so many sessions after each one."""
    found = np.full(len(closes), np.nan)
    highest = _windows(closes, length - 1).max(axis=1)
    found[: max(0, len(closes) - after)] = highest[after:]
    return found


def _volatility_ahead(closes: Doubles, horizon: int) -> Doubles:
    """Return the deviation of the daily log returns of the sessions after each one, per year."""
    steps = np.diff(np.log(_windows(closes, horizon)), axis=1)
    found: Doubles = steps.std(axis=1, ddof=1) * np.sqrt(_SESSIONS_A_YEAR)
    return found


def _drawdown_ahead(closes: Doubles, horizon: int) -> Doubles:
    """Return the deepest fall of the close from its highest since, over the sessions after each one (0 or negative)."""
    windows = _windows(closes, horizon)
    found: Doubles = (windows / np.maximum.accumulate(windows, axis=1) - 1).min(axis=1)
    return found
