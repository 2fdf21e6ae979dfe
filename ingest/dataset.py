"""Datasets: every raw table `<source>.<name>` is declared once; DDL, landing, gate and dbt sources read it from here.

A dataset is a keyed table with two clocks, filled from payloads. The series of a source are one whose keys are
(series_id, period_date) and whose groups are the series; ingest.catalog says what each of them is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from functools import cache
from types import MappingProxyType
from typing import Any, Final, Literal

import polars as pl

from ingest.batch import ROWS_SCHEMA
from ingest.catalog import SOURCES
from ingest.catalog.release import ReleaseRule


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a dataset, as published unless the comment says otherwise.

    A value that moved by no more than `tolerance_ratio` of itself is no new vintage.
    """

    name: str
    dtype: pl.DataType
    comment: str
    tolerance_ratio: float = 0.0


@dataclass(frozen=True, slots=True)
class Dataset:
    """A raw table `<source>.<name>`: rows are told apart by `keys`; a change of any of `values` is a new vintage.

    `group` is the key column within which absence is judged; None where an answer is always whole. `period` is the key
    column that dates the row. `judged_by`: the key column whose values form histories, where that is not the group.
    `attributes` come with a row and are not compared. `release` says when a row of that
    period is out; None: each group has a rule of its own (series, from the catalog). `is_history_revised` marks
    datasets whose first load may differ from what was then known (known_basis 'latest_only'); `is_snapshot` those whose
    past is served nowhere: a session without one is a gap for ever; `is_regular` those that gain a row of each group
    every session or week, so that an answer which ends before what is held is a frozen one.

    `storage` says where rows are kept. "rows": a table of the build file, whose rows are compared with what is held.
    "daily_files": a snapshot table of millions of rows a day (option chains), kept as immutable Parquet files by day
    and never compared; in the view of newest rows a later answer of the same day and group replaces the earlier one.
    That is not `is_snapshot`, which says of a small table in rows that its past cannot be asked for.
    `keep_days` (daily files only): days older than the newest by more are removed; None: none ever is. `expect` is what
    the gate holds the rows to (ingest.rules.snapshot_rules says how).
    """

    source: str
    name: str
    keys: tuple[Column, ...]
    values: tuple[Column, ...]
    period: str
    release: ReleaseRule | None
    comment: str
    group: str | None = None
    judged_by: str | None = None
    attributes: tuple[Column, ...] = ()
    is_history_revised: bool = False
    is_snapshot: bool = False
    is_regular: bool = False
    storage: Literal["rows", "daily_files"] = "rows"
    keep_days: int | None = None
    expect: tuple[Mapping[str, Any], ...] = ()

    @property
    def id(self) -> str:
        """The asset key, dbt source and DuckDB name in one: "ssga.fund_days"."""
        return f"{self.source}.{self.name}"

    @property
    def key_names(self) -> tuple[str, ...]:
        """The names of the key columns."""
        return tuple(column.name for column in self.keys)

    @property
    def value_names(self) -> tuple[str, ...]:
        """The names of the value columns."""
        return tuple(column.name for column in self.values)

    @property
    def own_release(self) -> ReleaseRule:
        """The one rule of its release; ValueError where each group has its own."""
        if self.release is None:
            raise ValueError(f"{self.id} has no release rule of its own: each group has one")
        return self.release

    @property
    def is_series(self) -> bool:
        """Say whether the rows are series of the catalog."""
        return self.name == OBSERVATIONS

    @property
    def is_in_daily_files(self) -> bool:
        """Say whether the rows are kept as Parquet files by day."""
        return self.storage == "daily_files"

    @property
    def history(self) -> str | None:
        """The key column whose rows form one history each, in which the gate looks for blocks; None: there is none."""
        return self.judged_by or self.group

    @property
    def group_sql(self) -> str:
        """The SQL expression of a row's group: its column, or an empty text."""
        return self.group or "''"

    @property
    def group_expression(self) -> pl.Expr:
        """The same for polars."""
        return pl.lit("") if self.group is None else pl.col(self.group)

    @property
    def rows_schema(self) -> Mapping[str, pl.DataType]:
        """What a parser returns: keys, attributes, values, `stated_at` (naive UTC or NULL) and `payload_sha256`."""
        if self.is_series:
            return ROWS_SCHEMA
        columns = {column.name: column.dtype for column in (*self.keys, *self.attributes, *self.values)}
        return MappingProxyType({**columns, "stated_at": pl.Datetime("us"), "payload_sha256": pl.String()})


OBSERVATIONS: Final = "observations"
"""The name of each source's table of series."""

_TEXT, _DAY, _NUMBER, _FLAG = pl.String(), pl.Date(), pl.Float64(), pl.Boolean()

_EVENING = ReleaseRule(calendar="nyse", business_days=0, time=time(18, 0))
_NEXT_MORNING = ReleaseRule(calendar="nyse", business_days=1, time=time(8, 0))
_PROSHARES = ReleaseRule(calendar="nyse", business_days=0, time=time(21, 0))
_SAME_DAY = ReleaseRule(calendar="every_day", calendar_days=0, time=time(9, 0))
_ICI = ReleaseRule(calendar="nyse", weekday="tuesday", time=time(17, 0))


# Whole shares on the provider's basis: after a 1-for-25 reverse split the same volume comes back to within 13 shares.
_VOLUME_TOLERANCE_RATIO: Final = 0.0001


def _prices(source: str) -> Dataset:
    return Dataset(
        source=source,
        name="prices",
        group="ticker",
        keys=(
            Column("ticker", _TEXT, "Yahoo's spelling (BRK-B)"),
            Column("session_date", _DAY, "NYSE session"),
        ),
        values=(
            Column("open_usd", _NUMBER, "As traded that day: the provider's split basis undone"),
            Column("high_usd", _NUMBER, "As traded that day"),
            Column("low_usd", _NUMBER, "As traded that day"),
            Column("close_usd", _NUMBER, "As traded that day; NULL where the provider shows a gap"),
            Column("volume_shares", _NUMBER, "Shares as traded that day", _VOLUME_TOLERANCE_RATIO),
        ),
        period="session_date",
        release=_EVENING,
        comment="Daily bars as traded, never adjusted. One row per ticker, session and vintage.",
        is_regular=True,
    )


def _splits(source: str) -> Dataset:
    return Dataset(
        source=source,
        name="splits",
        group="ticker",
        keys=(
            Column("ticker", _TEXT, "Ticker"),
            Column("session_date", _DAY, "First session on the new basis"),
        ),
        values=(Column("split_ratio", _NUMBER, "New shares per old share: 2.0 for 2-for-1, 0.1 for 1-for-10"),),
        period="session_date",
        release=_SAME_DAY,
        comment="Splits. One row per ticker, date and vintage.",
    )


def _fund_days(source: str, release: ReleaseRule, *, is_history_revised: bool = False) -> Dataset:
    return Dataset(
        source=source,
        name="fund_days",
        group="ticker",
        keys=(Column("ticker", _TEXT, "Fund"), Column("report_date", _DAY, "The date the issuer prints")),
        values=(
            Column("nav_usd", _NUMBER, "Net asset value per share"),
            Column("shares_outstanding_count", _NUMBER, "Shares, not thousands"),
            Column("net_assets_usd", _NUMBER, "Total net assets; NULL where the issuer does not print them"),
        ),
        period="report_date",
        release=release,
        comment="NAV and shares outstanding. One row per fund, date and vintage.",
        is_history_revised=is_history_revised,
        is_regular=True,
    )


def _holdings(source: str) -> Dataset:
    return Dataset(
        source=source,
        name="holdings",
        group="fund_ticker",
        keys=(
            Column("fund_ticker", _TEXT, "Fund"),
            Column("as_of_date", _DAY, "The date the issuer prints"),
            Column("line_number", pl.Int64(), "Position by weight, from 1"),
        ),
        values=(
            Column("holding_ticker", _TEXT, "Ticker as printed; NULL for cash and futures without one"),
            Column("holding_name", _TEXT, "Name as printed"),
            Column("asset_class", _TEXT, "As printed; NULL where the file has none"),
            Column("weight_pct", _NUMBER, "Percent of the fund"),
            Column("shares", _NUMBER, "Shares held"),
            Column("market_value_usd", _NUMBER, "Market value; NULL where the file has none"),
        ),
        period="as_of_date",
        release=_NEXT_MORNING,
        comment="Holdings snapshots; history begins with the first run. One row per fund, date, line and vintage.",
        is_snapshot=True,
    )


TABLES: Final[tuple[Dataset, ...]] = (
    _prices("yahoo"),
    _splits("yahoo"),
    Dataset(
        source="yahoo",
        name="dividends",
        group="ticker",
        keys=(Column("ticker", _TEXT, "Ticker"), Column("session_date", _DAY, "Ex-dividend session")),
        values=(Column("dividend_usd", _NUMBER, "Cash per share, as traded that day"),),
        period="session_date",
        release=_SAME_DAY,
        comment="Cash dividends. One row per ticker, date and vintage.",
    ),
    _prices("nasdaq"),
    _prices("user_file"),
    Dataset(
        source="sp500_membership",
        name="intervals",
        keys=(
            Column(
                "permid", _TEXT, "Ours, the first ticker: one per issue through renames; a recycled ticker gets another"
            ),
            Column("start_date", _DAY, "Member from the open of this day"),
        ),
        values=(
            Column("ticker", _TEXT, "Ticker at the end of the interval"),
            Column("security_name", _TEXT, "Name; NULL where the file has none"),
            Column("sector", _TEXT, "GICS sector; NULL where the file has none"),
            Column("end_date", _DAY, "Not a member from the open of this day; NULL: still a member"),
        ),
        period="start_date",
        release=_SAME_DAY,
        comment="Membership of the S&P 500. One row per issue, interval and vintage.",
        is_history_revised=True,
    ),
    Dataset(
        source="nasdaq_trader",
        name="symbols",
        keys=(
            Column("snapshot_date", _DAY, "File creation date"),
            Column("symbol", _TEXT, "Symbol as printed"),
        ),
        values=(
            Column("security_name", _TEXT, "Name as printed"),
            Column("listing_exchange", _TEXT, "Q Nasdaq, N NYSE, A NYSE American, P Arca, Z Cboe, V IEX"),
            Column("is_etf", _FLAG, "Exchange-traded fund"),
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
    Dataset(
        source="ici",
        name="weekly_flows",
        judged_by="category",
        keys=(
            Column("week_end_date", _DAY, "Last day of the period, usually a Wednesday"),
            Column(
                "category",
                _TEXT,
                "total, equity, domestic_equity, world_equity, hybrid, bond, taxable_bond, municipal_bond, commodity",
            ),
        ),
        values=(Column("flow_usd_mn", _NUMBER, "Estimated net issuance of ETFs, USD millions"),),
        period="week_end_date",
        release=_ICI,
        comment="ICI's weekly estimates of ETF net issuance. One row per week, category and vintage.",
        is_history_revised=True,
        is_regular=True,
    ),
)
"""Every raw panel table. Nothing else defines their columns."""


def observations(source: str) -> Dataset:
    """Return the dataset of the series that `source` serves."""
    return Dataset(
        source=source,
        name=OBSERVATIONS,
        keys=(
            Column("series_id", _TEXT, "Our id of the series, from the catalog"),
            Column("period_date", _DAY, "The date that the source prints"),
        ),
        attributes=(
            Column("code", _TEXT, "The publisher's own code of the series"),
            Column("unit", _TEXT, "As the payload states it, or the catalog's where the payload has no unit"),
        ),
        values=(Column("value", _NUMBER, "As published; NULL is a gap that the source shows, zero is a value"),),
        period="period_date",
        release=None,
        comment="Series as published. One row per series, period and vintage.",
        group="series_id",
    )


DATASETS: Final = (*(observations(source) for source in SOURCES), *TABLES)
"""Every raw table."""


@cache
def dataset(table_id: str) -> Dataset:
    """Return the dataset of that id ("ssga.fund_days"); KeyError when there is none."""
    for one in DATASETS:
        if one.id == table_id:
            return one
    raise KeyError(f"no dataset {table_id}")
