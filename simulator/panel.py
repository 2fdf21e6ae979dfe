"""The cross-section a stand-in renders: stocks, funds and their days, each with the moment from which it can be read.

Prices are as traded on their day, never adjusted; shares outstanding and NAV are on the basis of their day. What a
publisher restates (Yahoo's splits, ProShares' whole history) its renderer restates.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from ingest.catalog.funds import Fund
from ingest.clock import NEW_YORK, naive_utc
from ingest.dataset import dataset
from simulator.prints import Prints

_LONGEST_HALT: Final = timedelta(days=30)
"""A stock that is halted counts with its last close; one that long without any is left out."""
_TEXT, _DAY, _NUMBER, _MOMENT = pl.String(), pl.Date(), pl.Float64(), pl.Datetime("us")

PANEL_SCHEMA: Final[Mapping[str, Mapping[str, pl.DataType]]] = MappingProxyType(
    {
        "issues": {
            "permid": _TEXT,
            "company_name": _TEXT,
            "sector": _TEXT,  # GICS; empty: not known; NULL for funds
            "exchange": _TEXT,  # as the symbol directories have it: Q Nasdaq, N NYSE, P Arca; empty: not known
            "shares_count": _NUMBER,  # of a stock, before any split; NULL for funds
        },
        "tickers": {
            "permid": _TEXT,
            "ticker": _TEXT,  # Yahoo's spelling
            "start_date": _DAY,  # first session under this ticker
            "end_date": _DAY,  # first day not under it any more; NULL: still is
        },
        "prices": {
            "permid": _TEXT,  # of a fund: its ticker
            "session_date": _DAY,
            "open_usd": _NUMBER,
            "high_usd": _NUMBER,
            "low_usd": _NUMBER,
            "close_usd": _NUMBER,  # NULL: the publisher shows an empty bar; a halt has no row
            "volume_shares": _NUMBER,
            "known_at": _MOMENT,  # naive UTC; a second row of a session is its restatement
        },
        "splits": {"permid": _TEXT, "session_date": _DAY, "split_ratio": _NUMBER},
        "dividends": {"permid": _TEXT, "session_date": _DAY, "dividend_usd": _NUMBER},
        "membership": {
            "permid": _TEXT,
            "ticker": _TEXT,  # Yahoo's spelling, at the time; a rename starts another row
            "start_date": _DAY,
            "end_date": _DAY,  # exclusive; NULL: still a member
        },
        "changes": {"effective_date": _DAY, "added": _TEXT, "removed": _TEXT},  # comma lists, the index's spelling
        "fund_days": {
            "ticker": _TEXT,
            "report_date": _DAY,
            "nav_usd": _NUMBER,
            "shares_outstanding_count": _NUMBER,  # as the issuer prints it: late by the fund's lag, frozen, ...
            "net_assets_usd": _NUMBER,
            "trade_date": _DAY,  # the session whose orders this count is the first to have
            "flow_usd": _NUMBER,  # what the orders of trade_date brought, at its NAV; NULL on the first day
            "known_at": _MOMENT,
        },
        "weekly_flows": {"week_end_date": _DAY, "category": _TEXT, "flow_usd_mn": _NUMBER, "known_at": _MOMENT},
    }
)
"""The columns of each frame of a panel."""


@dataclass(frozen=True, slots=True)
class Document:
    """A holdings file as it was recorded, served from the moment `known_at` (naive UTC) on."""

    known_at: datetime
    body: bytes


def _empty(name: str) -> pl.DataFrame:
    return pl.DataFrame(schema=dict(PANEL_SCHEMA[name]))


@dataclass(frozen=True)
class Panel:
    """Frames of PANEL_SCHEMA, the funds they speak of, and recorded holdings files by fund ticker."""

    issues: pl.DataFrame = field(default_factory=lambda: _empty("issues"))
    tickers: pl.DataFrame = field(default_factory=lambda: _empty("tickers"))
    prices: pl.DataFrame = field(default_factory=lambda: _empty("prices"))
    splits: pl.DataFrame = field(default_factory=lambda: _empty("splits"))
    dividends: pl.DataFrame = field(default_factory=lambda: _empty("dividends"))
    membership: pl.DataFrame = field(default_factory=lambda: _empty("membership"))
    changes: pl.DataFrame = field(default_factory=lambda: _empty("changes"))
    fund_days: pl.DataFrame = field(default_factory=lambda: _empty("fund_days"))
    weekly_flows: pl.DataFrame = field(default_factory=lambda: _empty("weekly_flows"))
    funds: tuple[Fund, ...] = ()
    documents: Mapping[str, Document] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, schema in PANEL_SCHEMA.items():
            frame: pl.DataFrame = getattr(self, name)
            if dict(frame.schema) != dict(schema):
                raise ValueError(f"panel frame {name}: expected {dict(schema)}, got {dict(frame.schema)}")

    @property
    def has_names(self) -> bool:
        """Say whether issues have company names, sectors and exchanges: a recorded panel has tickers only."""
        return bool((self.issues["exchange"] != "").any())

    def bearer(self, symbol: str, now: datetime) -> str | None:
        """Return the permid that trades as `symbol` at `now`; None once it is delisted or renamed, or before."""
        today = now.astimezone(NEW_YORK).date()
        for permid, start, end in self._tickers.get(symbol, ()):
            if start <= today and (end is None or today < end):
                return permid
        return None

    def bars(self, permid: str, now: datetime) -> pl.DataFrame:
        """Return the bars of an issue as traded, as shown at `now`: columns of `prices` without known_at."""
        return self._bars[permid].newest(now)

    def prices_between(self, first: date, last: date) -> pl.DataFrame:
        """Return the rows of `prices` of the sessions from `first` to `last`, by session, else in their order."""
        sessions, at = self._by_session
        begins = np.searchsorted(sessions, np.datetime64(first), side="left")
        ends = np.searchsorted(sessions, np.datetime64(last), side="right")
        return self.prices[at[begins:ends]]

    def splits_of(self, permid: str, now: datetime) -> pl.DataFrame:
        """Return session_date, split_ratio of the splits whose first session has been printed by `now`."""
        return self._splits[permid].all_of(now)

    def dividends_of(self, permid: str, now: datetime) -> pl.DataFrame:
        """Return session_date, dividend_usd of the dividends whose ex-date has been printed by `now`."""
        return self._dividends[permid].all_of(now)

    def issue(self, permid: str) -> dict[str, Any]:
        """Return the row of `issues` of a permid; KeyError when there is none."""
        return self._issues[permid]

    def days_of(self, ticker: str, now: datetime) -> pl.DataFrame:
        """Return the days of a fund as its issuer printed them by `now`, oldest first, on the basis of each day."""
        return self._days[ticker].newest(now)

    def weekly_flows_at(self, now: datetime) -> pl.DataFrame:
        """Return week_end_date, category, flow_usd_mn as published by `now`, by both."""
        rows = self.weekly_flows.filter(pl.col("known_at") <= naive_utc(now)).sort("known_at", maintain_order=True)
        keys = ["week_end_date", "category"]
        return rows.unique(keys, keep="last", maintain_order=True).drop("known_at").sort(keys)

    def members(self, day: date) -> pl.DataFrame:
        """Return permid, ticker, start_date of the members at the open of `day`, by ticker."""
        is_in = (pl.col("start_date") <= day) & (pl.col("end_date").is_null() | (pl.col("end_date") > day))
        return self.membership.filter(is_in).drop("end_date").sort("ticker")

    def capitalisation(self, day: date) -> pl.DataFrame:
        """Return the members of `day` with company, sector, exchange, last close and cap_usd, largest first."""
        grown = (
            self.splits.filter(pl.col("session_date") <= day).group_by("permid").agg(pl.col("split_ratio").product())
        )
        closes = (
            self.prices_between(day - _LONGEST_HALT, day)
            .drop_nulls("close_usd")
            .sort("session_date", "known_at", descending=[True, False])
        )
        closes = closes.unique("permid", keep="first", maintain_order=True).select("permid", "close_usd")
        shares = pl.col("shares_count") * pl.col("split_ratio").fill_null(1.0)
        return (
            self.members(day)
            .join(closes, on="permid")
            .join(self.issues, on="permid")
            .join(grown, on="permid", how="left")
            .with_columns((pl.col("close_usd") * shares).alias("cap_usd"))
            .select("permid", "ticker", "company_name", "sector", "exchange", "close_usd", "cap_usd")
            .sort("cap_usd", "ticker", descending=[True, False])
        )

    @cached_property
    def _tickers(self) -> dict[str, list[tuple[str, date, date | None]]]:
        found: dict[str, list[tuple[str, date, date | None]]] = {}
        for permid, ticker, start, end in self.tickers.select("permid", "ticker", "start_date", "end_date").rows():
            found.setdefault(ticker, []).append((permid, start, end))
        return found

    @cached_property
    def _issues(self) -> dict[str, dict[str, Any]]:
        return {row["permid"]: row for row in self.issues.iter_rows(named=True)}

    @cached_property
    def _by_session(self) -> tuple[npt.NDArray[np.datetime64], npt.NDArray[np.int64]]:
        """Sorted session dates of all prices, and in which row each stands."""
        sessions = self.prices["session_date"].to_numpy()
        at = np.argsort(sessions, kind="stable")
        return sessions[at], at

    @cached_property
    def _bars(self) -> _Parts:
        return _Parts(self.prices, "permid", "session_date")

    @cached_property
    def _days(self) -> _Parts:
        return _Parts(self.fund_days, "ticker", "report_date")

    @cached_property
    def _splits(self) -> _Parts:
        return _events(self.splits)

    @cached_property
    def _dividends(self) -> _Parts:
        return _events(self.dividends)


class _Parts(dict[str, Prints]):
    """Prints of each `key` of rows with a column known_at; of a key that has no rows, none."""

    def __init__(self, rows: pl.DataFrame, key: str, period: str, *, keeps_key: bool = True) -> None:
        for (name,), part in rows.partition_by(key, as_dict=True, include_key=keeps_key).items():
            self[str(name)] = self._prints(part, period)
        self._none = self._prints(rows.clear() if keeps_key else rows.clear().drop(key), period)

    def __missing__(self, key: str) -> Prints:
        return self._none

    def _prints(self, part: pl.DataFrame, period: str) -> Prints:
        told = [name for name in part.columns if name != "known_at"]
        return Prints(part[told], period, part["known_at"].to_numpy())


def _events(rows: pl.DataFrame) -> _Parts:
    """Return the splits or dividends of each issue: an event can be read with the bar of its day."""
    known_at = dataset("yahoo.prices").own_release.released_at(rows["session_date"])
    return _Parts(rows.with_columns(known_at.alias("known_at")), "permid", "session_date", keeps_key=False)
