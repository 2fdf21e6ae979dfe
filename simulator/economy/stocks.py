"""Stocks: one factor (the index), sectors, and chance of their own; bars as traded, splits, dividends, halts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

from ingest.dataset import dataset
from simulator.economy.grid import Days, Flags, Grid, Path
from simulator.economy.roster import HALTED, LATE, RESTATED, SECTORS, Issue

Matrix = npt.NDArray[np.float64]
"""Sessions in rows, issues in columns."""

Ranges = tuple[tuple[float, float], ...]
"""A price and the split above it, then prices, lowest first, and the reverse splits below them."""

_IN_RANGE: Ranges = ((480.0, 4.0), (2.0, 0.1))
_CHANCE_OF_HALT = 0.00012
_CHANCE_OF_EMPTY_BAR = 0.00008
_FADING = 0.001
"""What a stock loses a day of its lead over the index, or makes up of its lag."""
_WORST_DAY = 0.33
"""Log return no stock exceeds: beyond 40 % the warehouse quarantines."""


@dataclass(frozen=True, slots=True)
class Market:
    """What drives every stock and fund: NYSE sessions, the index's log returns, stress, returns of each sector."""

    sessions: Days
    index: Path
    stress: Path
    sectors: Matrix


@dataclass(frozen=True, slots=True)
class Bars:
    """Bars as traded, sessions x issues; NaN: no bar (outside the listing, or a halt)."""

    open: Matrix
    high: Matrix
    low: Matrix
    close: Matrix
    volume: Matrix


def market_returns(grid: Grid, index_close: Path, stress: Path) -> Market:
    """Return the factors on NYSE sessions."""
    is_session = grid.on("nyse")
    levels = np.log(index_close[is_session])
    index = np.diff(levels, prepend=levels[0])
    shocks = grid.stream("sectors").standard_normal((len(levels), len(SECTORS)))
    sectors = 0.0048 * (1 + 0.3 * np.maximum(stress[is_session], 0.0))[:, None] * shocks
    return Market(sessions=grid.days[is_session], index=index, stress=stress[is_session], sectors=sectors)


def stock_frames(grid: Grid, market: Market, issues: list[Issue]) -> dict[str, pl.DataFrame]:
    """Return the frames issues, tickers, prices, splits and dividends of simulator.panel.PANEL_SCHEMA."""
    chance = grid.stream("issues")
    count = len(issues)
    beta = np.clip(1.0 + 0.2 * chance.standard_normal(count), 0.5, 1.5)
    own = 0.0085 * np.exp(0.2 * chance.standard_normal(count))
    start = np.round(np.exp(np.log(62.0) + 0.5 * chance.standard_normal(count)), 2)
    shares = np.round(np.exp(np.log(4e8) + 0.8 * chance.standard_normal(count)), -3)
    dividend_yield = np.where(chance.random(count) < 0.75, 0.012 + 0.02 * chance.random(count), 0.0)

    returns = _returns(grid, market, issues, beta, own)
    is_ex = _ex_dates(market.sessions, dividend_yield > 0)
    returns -= np.where(is_ex, dividend_yield / 4.0, 0.0)
    told = np.array([np.prod([ratio for _, ratio in issue.splits]) for issue in issues])
    adjusted = start * np.sqrt(told) * np.exp(np.cumsum(returns, axis=0))
    splits = [
        issue.splits or own_splits(market.sessions, adjusted[:, at], _IN_RANGE, later=at % 50)
        for at, issue in enumerate(issues)
    ]
    grown = grown_by(market.sessions, splits)
    close = np.maximum(np.round(adjusted / grown, 2), 0.05)
    paid = np.round(np.vstack([close[:1], close[:-1]]) * dividend_yield / 4.0, 2)
    bars = bars_around(grid, "stock bars", close, grown, own, turnover=_turnover(shares, returns, market.stress))
    is_listed = _listed(market.sessions, issues)
    is_split = np.diff(grown, axis=0, prepend=1.0) != 0  # a split shows with the first bar on the new basis
    is_empty = _empty_bars(grid, *close.shape) & ~is_split
    for matrix in (bars.open, bars.high, bars.low, bars.close, bars.volume):
        matrix[is_empty] = np.nan
    permids = [issue.permid for issue in issues]
    prices = price_rows(market.sessions, permids, bars, is_listed & (is_split | ~_halts(grid, market, issues)))
    is_paid = is_ex & is_listed & (paid > 0)
    return {
        "issues": _issues(issues, shares),
        "tickers": _tickers(issues, market.sessions[-1].astype(date)),
        "prices": _with_oddities(prices),
        "splits": split_rows(dict(zip(permids, splits, strict=True)), market.sessions[-1].astype(date)),
        "dividends": _by_issue(market.sessions, permids, is_paid, paid, "dividend_usd"),
    }


def bars_around(grid: Grid, name: str, close: Matrix, grown: Matrix, spread: Path, turnover: Matrix) -> Bars:
    """Return bars in cents: the open near the close before (on the new basis), the range never inside the body."""
    draws = grid.stream(name).standard_normal((len(close), close.shape[1], 4), dtype=np.float32)
    before = np.vstack([close[:1], close[:-1] * grown[:-1] / grown[1:]])
    opened = np.maximum(np.round(before * np.exp(0.4 * spread * draws[:, :, 0]), 2), 0.05)
    high = np.round(np.maximum(opened, close) * np.exp(0.5 * spread * np.abs(draws[:, :, 1])), 2)
    low = np.maximum(np.round(np.minimum(opened, close) * np.exp(-0.5 * spread * np.abs(draws[:, :, 2])), 2), 0.01)
    volume = np.round(turnover * np.exp(0.3 * draws[:, :, 3]), -2) * grown
    return Bars(
        open=opened,
        high=np.maximum(high, np.maximum(opened, close)),
        low=np.minimum(low, np.minimum(opened, close)),
        close=close,
        volume=np.round(volume),
    )


def price_rows(sessions: Days, permids: list[str], bars: Bars, is_shown: Flags) -> pl.DataFrame:
    """Return rows of the frame `prices` for the bars that are shown, by issue and session, all on time."""
    issue, session = np.nonzero(is_shown.T)
    days = pl.Series("session_date", sessions)
    released = dataset("yahoo.prices").own_release.released_at(days)
    columns = {"open_usd": bars.open, "high_usd": bars.high, "low_usd": bars.low, "close_usd": bars.close,
               "volume_shares": bars.volume}  # fmt: skip
    at = pl.Series(session)
    return pl.DataFrame(
        {
            "permid": pl.Series(permids, dtype=pl.String).gather(pl.Series(issue)),
            "session_date": days.gather(at),
            **{name: pl.Series(matrix[session, issue]).fill_nan(None) for name, matrix in columns.items()},
            "known_at": released.gather(at),
        }
    )


def split_rows(splits: dict[str, list[tuple[date, float]]], end: date) -> pl.DataFrame:
    """Return rows of the frame `splits` up to `end`."""
    rows = [(permid, day, ratio) for permid, told in splits.items() for day, ratio in told if day <= end]
    schema = {"permid": pl.String, "session_date": pl.Date, "split_ratio": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row").sort("permid", "session_date")


def grown_by(sessions: Days, splits: list[list[tuple[date, float]]]) -> Matrix:
    """Return how many of today's shares one first share has become, sessions x issues."""
    grown = np.ones((len(sessions), len(splits)))
    for at, told in enumerate(splits):
        for day, ratio in told:
            grown[np.searchsorted(sessions, np.datetime64(day)) :, at] *= ratio
    return grown


def own_splits(sessions: Days, value: Path, ranges: Ranges, *, later: int = 0) -> list[tuple[date, float]]:
    """Return splits that bring the price back into its range, `later` sessions into a quarter, seen the day before."""
    quarters = sessions.astype("datetime64[M]").astype(int) // 3
    turns = np.flatnonzero(np.diff(quarters)) + 1 + later
    grown, told = 1.0, []
    (high, divided), *lows = ranges
    for at in turns[turns < len(sessions)].tolist():
        price = value[at - 1] / grown
        below = [ratio for low, ratio in lows if price < low]
        ratio = divided if price > high else below[0] if below else 1.0
        if ratio != 1.0:
            grown *= ratio
            told.append((sessions[at].astype(date), ratio))
    return told


def _returns(grid: Grid, market: Market, issues: list[Issue], beta: Path, own: Path) -> Matrix:
    shocks = grid.stream("stocks").standard_normal((len(market.sessions), len(issues)))
    sector = np.array([SECTORS.index(issue.sector) for issue in issues])
    heat = (1 + 0.3 * np.maximum(market.stress, 0.0))[:, None]
    returns = beta * market.index[:, None] + market.sectors[:, sector] + _pulled_back(own * heat * shocks)
    clipped: Matrix = np.clip(returns, -_WORST_DAY, _WORST_DAY)
    twin, other = (next(at for at, issue in enumerate(issues) if issue.permid == name) for name in ("GOOGL", "GOOG"))
    clipped[:, other] = clipped[:, twin] + 0.001 * shocks[:, other]  # two classes of one company move as one
    return clipped


def _pulled_back(shocks: Matrix) -> Matrix:
    """Return changes of levels that the shocks drive and that fade: no company outgrows the index for ever."""
    level = np.zeros(shocks.shape[1])
    changes = np.empty_like(shocks)
    for at, shock in enumerate(shocks):
        changes[at] = shock - _FADING * level
        level += changes[at]
    return changes


def _ex_dates(sessions: Days, is_payer: Flags) -> Flags:
    """Flag the first session on or after the 10th of every third month, another month for each third of the payers."""
    months = sessions.astype("datetime64[M]")
    is_late = (sessions - months.astype("datetime64[D]")).astype(int) >= 9
    is_first = is_late & ~(
        np.concatenate([[True], is_late[:-1]]) & (months == np.concatenate([months[:1], months[:-1]]))
    )
    turn = months.astype(int)[:, None] % 3 == np.arange(len(is_payer)) % 3
    flags: Flags = is_first[:, None] & turn & is_payer
    flags[0] = False
    return flags


def _turnover(shares: Path, returns: Matrix, stress: Path) -> Matrix:
    """Return shares traded a day, on the basis of the first day: more of them when prices move and in stress."""
    moved = np.exp(9.0 * np.abs(returns) + 0.12 * np.maximum(stress, 0.0)[:, None])
    turnover: Matrix = 0.0055 * shares * moved
    return turnover


def _listed(sessions: Days, issues: list[Issue]) -> Flags:
    first = np.array([issue.listed for issue in issues], dtype="datetime64[D]")
    last = np.array([issue.delisted or date.max for issue in issues], dtype="datetime64[D]")
    flags: Flags = (sessions[:, None] >= first) & (sessions[:, None] < last)
    return flags


def _halts(grid: Grid, market: Market, issues: list[Issue]) -> Flags:
    """Flag single sessions without trading, by chance, and the long halt that is told of."""
    draws = grid.stream("halts").random((len(market.sessions), len(issues)), dtype=np.float32)
    halts: Flags = draws < _CHANCE_OF_HALT
    name, first, last = HALTED
    at = next(at for at, issue in enumerate(issues) if issue.permid == name)
    halts[(market.sessions >= np.datetime64(first)) & (market.sessions <= np.datetime64(last)), at] = True
    return halts


def _empty_bars(grid: Grid, sessions: int, issues: int) -> Flags:
    """Flag bars that the publisher shows empty: it knows the session and has nothing for it."""
    flags: Flags = grid.stream("empty bars").random((sessions, issues), dtype=np.float32) < _CHANCE_OF_EMPTY_BAR
    return flags


def _with_oddities(prices: pl.DataFrame) -> pl.DataFrame:
    """Delay one bar, and correct one close two sessions later."""
    is_late = (pl.col("permid") == LATE[0]) & (pl.col("session_date") == LATE[1])
    prices = prices.with_columns(
        pl.col("known_at") + pl.when(is_late).then(timedelta(hours=26)).otherwise(timedelta(0))
    )
    told = (pl.col("permid") == RESTATED[0]) & (pl.col("session_date") == RESTATED[1])
    corrected = prices.filter(told).with_columns(
        (pl.col("close_usd") * 1.01).round(2),
        pl.col("known_at") + timedelta(days=2),
    )
    corrected = corrected.with_columns(pl.max_horizontal("high_usd", "close_usd").alias("high_usd"))
    return pl.concat([prices, corrected])


def _by_issue(sessions: Days, permids: list[str], is_shown: Flags, values: Matrix, name: str) -> pl.DataFrame:
    issue, session = np.nonzero(is_shown.T)
    return pl.DataFrame(
        {
            "permid": pl.Series(permids, dtype=pl.String).gather(pl.Series(issue)),
            "session_date": pl.Series(sessions[session]),
            name: values[session, issue],
        }
    )


def _issues(issues: list[Issue], shares: Path) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "permid": [issue.permid for issue in issues],
            "company_name": [issue.company_name for issue in issues],
            "sector": [issue.sector for issue in issues],
            "exchange": ["Q" if issue.sector in SECTORS[:1] + SECTORS[5:6] else "N" for issue in issues],
            "shares_count": shares,
        }
    )


def _tickers(issues: list[Issue], end: date) -> pl.DataFrame:
    """Return tickers with what is known by `end`: a later rename or delisting does not show."""
    rows = [
        (issue.permid, ticker, start, last if last is not None and last <= end else None)
        for issue in issues
        for ticker, start, last in issue.tickers
        if start <= end
    ]
    schema = {"permid": pl.String, "ticker": pl.String, "start_date": pl.Date, "end_date": pl.Date}
    return pl.DataFrame(rows, schema=schema, orient="row")


def membership_frames(issues: list[Issue], end: date) -> dict[str, pl.DataFrame]:
    """Return the frames membership and changes up to `end`; the index spells share classes with a dot."""
    stays = []
    for issue in issues:
        for ticker, start, last in issue.tickers:
            if issue.joined is None:
                continue
            begins, ends = max(start, issue.joined), min(last or date.max, issue.left or date.max)
            if begins < ends and begins <= end:
                stays.append((issue.permid, ticker, begins, ends if ends <= end else None))
    schema = {"permid": pl.String, "ticker": pl.String, "start_date": pl.Date, "end_date": pl.Date}
    membership = pl.DataFrame(stays, schema=schema, orient="row").sort("ticker", "start_date")
    spelled = pl.col("ticker").str.replace("-", ".", literal=True)
    first = membership["start_date"].min()
    came = membership.filter(pl.col("start_date") > first).group_by(effective_date="start_date")
    went = membership.drop_nulls("end_date").group_by(effective_date="end_date")
    changes = (
        came.agg(spelled.sort().str.join(",").alias("added"))
        .join(went.agg(spelled.sort().str.join(",").alias("removed")), on="effective_date", how="full", coalesce=True)
        .sort("effective_date")
    )
    return {"membership": membership, "changes": changes}
