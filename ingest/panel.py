"""Panel tables: many rows per day, one per fund, stock or index member. Here is their one definition: DDL, rows, dbt.

Series (one value per date) are in ingest.catalog.series; here each row has a key and several values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from types import MappingProxyType
from typing import Final, Literal

import polars as pl

from ingest.catalog.release import ReleaseRule

PanelSource = Literal[
    "yahoo", "nasdaq", "sp500_membership", "nasdaq_trader", "ssga", "ishares", "proshares", "ici", "user_file"
]


@dataclass(frozen=True, slots=True)
class PanelColumn:
    """One column of a panel table, as published unless the comment says otherwise.

    A value that moved by no more than `tolerance_ratio` of itself is no new vintage.
    """

    name: str
    dtype: pl.DataType
    comment: str
    tolerance_ratio: float = 0.0


@dataclass(frozen=True, slots=True)
class PanelTable:
    """A raw panel table `<source>.<name>`: rows are told apart by `keys`; a change of any of `values` is a new vintage.

    `period` is the key column that dates the row. `release` says when a row of that period is out; `is_history_revised`
    marks tables whose first load may differ from what was then known (known_basis 'latest_only'); `is_snapshot` those
    whose past nobody serves: a session without one is a gap for ever; `is_regular` those that gain a row of each group
    every session or week, so that an answer which ends before what is held is a frozen one.
    """

    source: PanelSource
    name: str
    keys: tuple[PanelColumn, ...]
    values: tuple[PanelColumn, ...]
    period: str
    release: ReleaseRule
    comment: str
    is_history_revised: bool = False
    is_snapshot: bool = False
    is_regular: bool = False

    @property
    def id(self) -> str:
        """The asset key, dbt source and DuckDB name in one: "ssga.fund_days"."""
        return f"{self.source}.{self.name}"

    @property
    def rows_schema(self) -> Mapping[str, pl.DataType]:
        """What a parser returns: keys, values, `stated_at` (naive UTC or NULL) and `payload_sha256`."""
        columns = {column.name: column.dtype for column in (*self.keys, *self.values)}
        return MappingProxyType({**columns, "stated_at": pl.Datetime("us"), "payload_sha256": pl.String()})


_TEXT, _DAY, _NUMBER, _FLAG = pl.String(), pl.Date(), pl.Float64(), pl.Boolean()

_EVENING = ReleaseRule(calendar="nyse", business_days=0, time=time(18, 0))
_NEXT_MORNING = ReleaseRule(calendar="nyse", business_days=1, time=time(8, 0))
_PROSHARES = ReleaseRule(calendar="nyse", business_days=0, time=time(21, 0))
_SAME_DAY = ReleaseRule(calendar="every_day", calendar_days=0, time=time(9, 0))
_ICI = ReleaseRule(calendar="nyse", weekday="tuesday", time=time(17, 0))


# Whole shares on the provider's basis: after a 1-for-25 reverse split the same volume comes back to within 13 shares.
_VOLUME_TOLERANCE_RATIO: Final = 0.0001


def _prices(source: PanelSource) -> PanelTable:
    return PanelTable(
        source=source,
        name="prices",
        keys=(
            PanelColumn("ticker", _TEXT, "Yahoo's spelling (BRK-B)"),
            PanelColumn("session_date", _DAY, "NYSE session"),
        ),
        values=(
            PanelColumn("open_usd", _NUMBER, "As traded that day: the provider's split basis undone"),
            PanelColumn("high_usd", _NUMBER, "As traded that day"),
            PanelColumn("low_usd", _NUMBER, "As traded that day"),
            PanelColumn("close_usd", _NUMBER, "As traded that day; NULL where the provider shows a gap"),
            PanelColumn("volume_shares", _NUMBER, "Shares as traded that day", _VOLUME_TOLERANCE_RATIO),
        ),
        period="session_date",
        release=_EVENING,
        comment="Daily bars as traded, never adjusted. One row per ticker, session and vintage.",
        is_regular=True,
    )


def _splits(source: PanelSource) -> PanelTable:
    return PanelTable(
        source=source,
        name="splits",
        keys=(
            PanelColumn("ticker", _TEXT, "Ticker"),
            PanelColumn("session_date", _DAY, "First session on the new basis"),
        ),
        values=(PanelColumn("split_ratio", _NUMBER, "New shares per old share: 2.0 for 2-for-1, 0.1 for 1-for-10"),),
        period="session_date",
        release=_SAME_DAY,
        comment="Splits. One row per ticker, date and vintage.",
    )


def _fund_days(source: PanelSource, release: ReleaseRule, *, is_history_revised: bool = False) -> PanelTable:
    return PanelTable(
        source=source,
        name="fund_days",
        keys=(PanelColumn("ticker", _TEXT, "Fund"), PanelColumn("report_date", _DAY, "The date the issuer prints")),
        values=(
            PanelColumn("nav_usd", _NUMBER, "Net asset value per share"),
            PanelColumn("shares_outstanding_count", _NUMBER, "Shares, not thousands"),
            PanelColumn("net_assets_usd", _NUMBER, "Total net assets; NULL where the issuer does not print them"),
        ),
        period="report_date",
        release=release,
        comment="NAV and shares outstanding. One row per fund, date and vintage.",
        is_history_revised=is_history_revised,
        is_regular=True,
    )


def _holdings(source: PanelSource) -> PanelTable:
    return PanelTable(
        source=source,
        name="holdings",
        keys=(
            PanelColumn("fund_ticker", _TEXT, "Fund"),
            PanelColumn("as_of_date", _DAY, "The date the issuer prints"),
            PanelColumn("line_number", pl.Int64(), "Position by weight, from 1"),
        ),
        values=(
            PanelColumn("holding_ticker", _TEXT, "Ticker as printed; NULL for cash and futures without one"),
            PanelColumn("holding_name", _TEXT, "Name as printed"),
            PanelColumn("asset_class", _TEXT, "As printed; NULL where the file has none"),
            PanelColumn("weight_pct", _NUMBER, "Percent of the fund"),
            PanelColumn("shares", _NUMBER, "Shares held"),
            PanelColumn("market_value_usd", _NUMBER, "Market value; NULL where the file has none"),
        ),
        period="as_of_date",
        release=_NEXT_MORNING,
        comment="Holdings snapshots; history begins with the first run. One row per fund, date, line and vintage.",
        is_snapshot=True,
    )


PANEL_TABLES: Final[tuple[PanelTable, ...]] = (
    _prices("yahoo"),
    _splits("yahoo"),
    PanelTable(
        source="yahoo",
        name="dividends",
        keys=(PanelColumn("ticker", _TEXT, "Ticker"), PanelColumn("session_date", _DAY, "Ex-dividend session")),
        values=(PanelColumn("dividend_usd", _NUMBER, "Cash per share, as traded that day"),),
        period="session_date",
        release=_SAME_DAY,
        comment="Cash dividends. One row per ticker, date and vintage.",
    ),
    _prices("nasdaq"),
    _prices("user_file"),
    PanelTable(
        source="sp500_membership",
        name="intervals",
        keys=(
            PanelColumn(
                "permid", _TEXT, "Ours, the first ticker: one per issue through renames; a recycled ticker gets another"
            ),
            PanelColumn("start_date", _DAY, "Member from the open of this day"),
        ),
        values=(
            PanelColumn("ticker", _TEXT, "Ticker at the end of the interval"),
            PanelColumn("security_name", _TEXT, "Name; NULL where the file has none"),
            PanelColumn("sector", _TEXT, "GICS sector; NULL where the file has none"),
            PanelColumn("end_date", _DAY, "Not a member from the open of this day; NULL: still a member"),
        ),
        period="start_date",
        release=_SAME_DAY,
        comment="Membership of the S&P 500. One row per issue, interval and vintage.",
        is_history_revised=True,
    ),
    PanelTable(
        source="nasdaq_trader",
        name="symbols",
        keys=(
            PanelColumn("snapshot_date", _DAY, "File creation date"),
            PanelColumn("symbol", _TEXT, "Symbol as printed"),
        ),
        values=(
            PanelColumn("security_name", _TEXT, "Name as printed"),
            PanelColumn("listing_exchange", _TEXT, "Q Nasdaq, N NYSE, A NYSE American, P Arca, Z Cboe, V IEX"),
            PanelColumn("is_etf", _FLAG, "Exchange-traded fund"),
        ),
        period="snapshot_date",
        release=_SAME_DAY,
        comment="Symbol directories, test issues left out; snapshots only. One row per day, symbol and vintage.",
        is_snapshot=True,
    ),
    _fund_days("ssga", _NEXT_MORNING),
    _fund_days("ishares", _NEXT_MORNING),
    _fund_days("proshares", _PROSHARES, is_history_revised=True),
    _fund_days("user_file", _NEXT_MORNING),
    _splits("proshares"),
    _holdings("ssga"),
    _holdings("ishares"),
    PanelTable(
        source="ici",
        name="weekly_flows",
        keys=(
            PanelColumn("week_end_date", _DAY, "Last day of the period, usually a Wednesday"),
            PanelColumn(
                "category",
                _TEXT,
                "total, equity, domestic_equity, world_equity, hybrid, bond, taxable_bond, municipal_bond, commodity",
            ),
        ),
        values=(PanelColumn("flow_usd_mn", _NUMBER, "Estimated net issuance of ETFs, USD millions"),),
        period="week_end_date",
        release=_ICI,
        comment="ICI's weekly estimates of ETF net issuance. One row per week, category and vintage.",
        is_history_revised=True,
        is_regular=True,
    ),
)
"""Every raw panel table. Nothing else defines their columns."""


def panel_table(table_id: str) -> PanelTable:
    """Return the table of that id ("ssga.fund_days"); KeyError when there is none."""
    for table in PANEL_TABLES:
        if table.id == table_id:
            return table
    raise KeyError(f"no panel table {table_id}")
