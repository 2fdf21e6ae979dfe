"""The rules of the panel gate: what polars measures of each row, and the bounds that Great Expectations holds it to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import polars as pl

from ingest.catalog.calendars import working_days
from ingest.dataset import Dataset
from ingest.membership_evidence import DAYS_APART
from ingest.rules.dividend_sense import DIVIDEND_CHECK
from ingest.rules.doubles import dataset_key
from ingest.rules.expectations import Severity
from ingest.rules.found_blocks import MOVE_CHECK
from ingest.rules.magnitudes import FIRST_PERIODS, MAGNITUDES, is_impossible
from ingest.rules.period_sense import lonely_before
from ingest.rules.price_moves import LARGEST_RETURN_RATIO

DAYS_AHEAD: Final[Mapping[str, int]] = {"intervals": 31, "splits": 31}
"""Index changes and splits are announced weeks ahead; of other tables no row is dated after the day of the fetch."""

IDENTITY_TOLERANCE_RATIO: Final = 0.001

_COUNTED_TO_SHARES: Final = {"proshares": 1000.0}
"""ProShares prints thousands, restated to today's splits: early counts of its inverse funds round to nothing."""

RANGE_TOLERANCE_RATIO: Final = 1e-5  # Yahoo's prices have seven digits
LARGEST_BAR_RATIO: Final = 3.0
"""Between any price of a bar and its close; an open outside the day's range counts as far as it lies outside."""

SESSIONS_LOOKED_AT: Final = 30


@dataclass(frozen=True, slots=True)
class Rule:
    """A bound on a measure. `refuses`: the row does not land; `holds_back`: nothing of the desk does."""

    name: str
    severity: Severity
    measure: str
    says: str
    at_least: float | None = None
    at_most: float | None = None
    refuses: bool = False
    holds_back: bool = False


_EVERY_TABLE: Final = (
    Rule("keys_are_there", "error", "missing_keys", "rows without a key", at_most=0, holds_back=True),
    Rule("key_is_unique", "error", "rows_of_key", "rows that share their key with another", at_most=1, refuses=True),
    Rule(
        "values_are_finite", "error", "unfinite_values", "rows with an infinite value or NaN", at_most=0, refuses=True
    ),
    Rule(
        "values_are_possible",
        "error",
        "impossible_values",
        "rows with a value of a size that none has",
        at_most=0,
        refuses=True,
    ),
    Rule("period_is_not_ahead", "error", "days_too_far_ahead", "rows dated ahead", at_most=0, refuses=True),
    Rule(
        "period_is_sensible",
        "error",
        "senseless_periods",
        "rows dated before there was anything to date, or alone years before all others",
        at_most=0,
        refuses=True,
    ),
)
# 5e-324 is the smallest number above zero.
_AMOUNTS: Final = (
    Rule(
        "amounts_are_positive",
        "warn",
        "lowest_amount",
        "amounts not above zero or counts below it",
        at_least=5e-324,
        refuses=True,
    ),
)
_ON_SESSIONS: Final = (
    Rule("period_is_a_session", "warn", "off_session", "days without an NYSE session", at_most=0, refuses=True),
)
_BARS: Final = (
    Rule(
        "close_is_between_low_and_high",
        "warn",
        "outside_range_ratio",
        "closes outside the day's range",
        at_most=RANGE_TOLERANCE_RATIO,
        refuses=True,
    ),
    Rule(
        "bar_is_of_one_size",
        "warn",
        "bar_ratio",
        "bars whose prices are not of one size",
        at_most=LARGEST_BAR_RATIO,
        refuses=True,
    ),
    Rule(
        MOVE_CHECK,
        "warn",
        "off_level",
        f"closes that moved by more than {LARGEST_RETURN_RATIO:.0%} without a split",
        at_most=0,
        refuses=True,
    ),
)
_FUNDS: Final = (
    Rule(
        "assets_are_shares_times_nav",
        "warn",
        "identity_ratio",
        "days on which assets are not shares x NAV",
        at_most=IDENTITY_TOLERANCE_RATIO,
        refuses=True,
    ),
)
_DIVIDENDS: Final = (
    Rule(
        DIVIDEND_CHECK,
        "warn",
        "senseless_dividend",
        "dividends larger than the price before, or than the price shows",
        at_most=0,
        refuses=True,
    ),
)
COMPLETE: Final = Rule(
    "sessions_are_complete",
    "warn",
    "missing_sessions",
    f"tickers without a row for each of the last {SESSIONS_LOOKED_AT} NYSE sessions",
    at_most=0,
)

AGREED: Final = Rule(
    "dates_of_joining_agree",
    "warn",
    "days_apart",
    f"members whose date of joining differs by more than {DAYS_APART} days on the list (the later one stands)",
    at_most=DAYS_APART,
)

_AMOUNT_COLUMNS: Final[Mapping[str, Sequence[str]]] = {
    "prices": ("open_usd", "high_usd", "low_usd", "close_usd"),
    "splits": ("split_ratio",),
    "dividends": ("dividend_usd",),
    "fund_days": ("nav_usd",),
}
_COUNT_COLUMNS: Final[Mapping[str, Sequence[str]]] = {
    "prices": ("volume_shares",),
    "fund_days": ("shares_outstanding_count", "net_assets_usd"),
}
"""Zero is a value here, less is none."""


def rules_of(table: Dataset) -> tuple[Rule, ...]:
    """Return the rules for the rows of a table."""
    rules: tuple[Rule, ...] = _EVERY_TABLE
    if table.name in _AMOUNT_COLUMNS:
        rules += _AMOUNTS
    if table.name == "prices":
        rules += (*_ON_SESSIONS, *_BARS)
    if table.name == "fund_days":
        rules += _FUNDS
    if table.name == "dividends":
        rules += _DIVIDENDS
    return rules


def measures_of(
    table: Dataset, rows: pl.DataFrame, today: date, off_level: Sequence[int], senseless: Sequence[int]
) -> pl.DataFrame:
    """Return one column per measure, one row per row.

    `off_level`: positions of closes at another level; `senseless`: those of dividends that their price contradicts.
    """
    measures = rows.select(_of_every_row(table, today))
    lonely = _lonely(table, rows)
    too_early = pl.col(table.period) < FIRST_PERIODS[table.name]
    measures = measures.hstack(rows.select(senseless_periods=(too_early | lonely).cast(pl.Int64)))
    if table.name in _AMOUNT_COLUMNS:
        counts = (pl.col(name) for name in _COUNT_COLUMNS.get(table.name, ()))
        below_zero = (pl.when(count < 0).then(count) for count in counts)
        lowest = pl.min_horizontal(*_AMOUNT_COLUMNS[table.name], *below_zero)
        measures = measures.hstack(rows.select(lowest_amount=lowest))
    if table.name == "prices":
        measures = measures.with_columns(*_of_bars(rows), _flags(off_level, rows.height, "off_level"))
    if table.name == "dividends":
        measures = measures.with_columns(_flags(senseless, rows.height, "senseless_dividend"))
    if table.name == "fund_days":
        assets, product = pl.col("net_assets_usd"), pl.col("nav_usd") * pl.col("shares_outstanding_count")
        rounding = pl.col("nav_usd") * (_COUNTED_TO_SHARES.get(table.source, 1.0) / 2)
        beyond = ((assets - product).abs() - rounding).clip(lower_bound=0.0)
        measures = measures.hstack(rows.select(identity_ratio=beyond / assets.abs()))
    return measures


def _of_every_row(table: Dataset, today: date) -> list[pl.Expr]:
    keys = [column.name for column in table.keys]
    numbers = [column.name for column in table.values if column.dtype == pl.Float64]
    return [
        pl.sum_horizontal(pl.col(name).is_null() for name in (*keys, "payload_sha256", "fetched_at"))
        .cast(pl.Int64)
        .alias("missing_keys"),
        pl.len().over(dataset_key(table)).cast(pl.Int64).alias("rows_of_key"),
        pl.sum_horizontal(pl.lit(0), *(pl.col(name).is_finite().not_().fill_null(False) for name in numbers))
        .cast(pl.Int64)
        .alias("unfinite_values"),
        pl.sum_horizontal(pl.lit(0), *(is_impossible(name, MAGNITUDES[name]) for name in numbers))
        .cast(pl.Int64)
        .alias("impossible_values"),
        (pl.col(table.period) - pl.lit(today + timedelta(days=DAYS_AHEAD.get(table.name, 0))))
        .dt.total_days()
        .alias("days_too_far_ahead"),
    ]


def _lonely(table: Dataset, rows: pl.DataFrame) -> pl.Series:
    """Return which rows are dated years before all others of their group; only of tables with a row for each day."""
    group = table.history
    if table.name not in ("prices", "fund_days", "weekly_flows") or group is None:
        return pl.repeat(value=False, n=rows.height, eager=True)
    return lonely_before(rows, group, table.period)


def _flags(places: Sequence[int], height: int, name: str) -> pl.Series:
    marked = pl.Series(name, [0], dtype=pl.Int64).new_from_index(0, height)
    return marked.scatter(list(places), 1) if places else marked


def _of_bars(rows: pl.DataFrame) -> list[pl.Series]:
    first, last = rows["session_date"].min(), rows["session_date"].max()
    assert isinstance(first, date)
    assert isinstance(last, date)
    sessions = pl.Series(working_days("nyse", max(first, FIRST_PERIODS["prices"]), last), dtype=pl.Date)
    close, low, high, opened = (pl.col(f"{name}_usd") for name in ("close", "low", "high", "open"))
    outside = pl.max_horizontal(low - close, close - high)
    return rows.select(
        off_session=pl.col("session_date").is_in(sessions.implode()).not_().cast(pl.Int64),
        outside_range_ratio=outside / close,
        bar_ratio=pl.max_horizontal(
            *(pl.max_horizontal(price / close, close / price) for price in (low, high, opened))
        ),
    ).get_columns()
