"""Rules that a dataset of any columns may have: keys, sizes, dates, signs, sessions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Any, Final

import polars as pl

from ingest.catalog.calendars import working_days
from ingest.dataset import Dataset
from ingest.rules.arrived import Arrived
from ingest.rules.doubles import dataset_key
from ingest.rules.options import Options
from ingest.rules.period_sense import lonely_before, senseless_periods
from ingest.rules.rule import GroupRules, Rule, Search

Part = Rule | GroupRules | Search

ANY_SIZE: Final = (1e-12, 1e15)
"""Beyond lies a parser's overflow, a sentinel (1e308) or dust (5e-324), whatever the column."""

_JUST_ABOVE_ZERO: Final = 5e-324  # the smallest number above zero


Builder = Callable[[Options], Sequence[Part]]
"""Reads one entry of `expect`."""


def numbers_of(table: Dataset) -> tuple[str, ...]:
    """Return the value columns that are numbers."""
    return tuple(column.name for column in table.values if column.dtype == pl.Float64)


# ---- of every dataset ------------------------------------------------------------------------------------------------


def of_every_row(table: Dataset) -> Sequence[Rule]:
    """Return what holds the rows of every dataset, whatever it declares."""
    keys = (*table.key_names, *(column.name for column in table.attributes), "payload_sha256", "fetched_at")
    said = "its keys, its payload and when it came"
    if table.attributes:
        said = f"its keys, {', '.join(column.name for column in table.attributes)}, its payload and when it came"
    rules = [
        Rule(
            "keys_are_there",
            "error",
            "rows without a key",
            f"Every row has {said}.",
            measure=lambda _: _count(pl.col(name).is_null() for name in keys),
            at_most=0,
            effect="hold_back",
        ),
        Rule(
            "key_is_unique",
            "error",
            "rows that share their key with another",
            "One row per key, and per stated moment where the publisher gives one.",
            measure=lambda arrived: _rows_of_key(table, arrived),
            at_most=1,
            effect="refuse",
        ),
    ]
    if numbers := numbers_of(table):
        rules.append(
            Rule(
                "values_are_finite",
                "error",
                "rows with an infinite value or NaN",
                "Values are numbers or gaps.",
                measure=lambda _: _count(pl.col(name).is_finite().not_().fill_null(value=False) for name in numbers),
                at_most=0,
                effect="refuse",
                hides=True,
            )
        )
    return rules


def _count(flags: Any) -> pl.Expr:
    return pl.sum_horizontal(pl.lit(0, dtype=pl.Int64), *(flag.cast(pl.Int64) for flag in flags))


def _rows_of_key(table: Dataset, arrived: Arrived) -> pl.Expr:
    if arrived.clash.null_count() == arrived.rows.height:
        return pl.lit(1, dtype=pl.Int64)  # counting the rows of a million keys takes a second
    return pl.len().over(dataset_key(table)).cast(pl.Int64)


# ---- declared --------------------------------------------------------------------------------------------------------


def sizes(options: Options) -> Sequence[Part]:
    """`sizes`: between what the size of each column lies, ANY_SIZE where nothing is declared; zero is for others."""
    table = options.table
    declared = options.take("sizes")
    numbers = numbers_of(table)
    if unknown := sorted({*declared} - {*numbers}):
        raise options.error(f"names columns that are no numbers of the dataset: {', '.join(unknown)}")
    if not numbers:
        return []
    bounds = {name: [float(end) for end in declared.get(name, ANY_SIZE)] for name in numbers}
    return [
        Rule(
            "values_are_possible",
            "error",
            "rows with a value of a size that none has",
            "Values are of a size that a value can have.",
            measure=lambda _: _count(_is_impossible(name, *ends) for name, ends in bounds.items()),
            at_most=0,
            effect="refuse",
            hides=True,
        )
    ]


def _is_impossible(column: str, smallest: float, largest: float) -> pl.Expr:
    """Return whether a value is no number, or one that cannot be; false for NULL and zero."""
    size = pl.col(column).abs()
    bad = pl.col(column).is_finite().not_() | (size > largest) | ((size < smallest) & (size > 0))
    return bad.fill_null(value=False)


def days_ahead(options: Options) -> Sequence[Part]:
    """`days_ahead`: by so many days a row may be dated after the day of asking."""
    table = options.table
    most = int(options.take("days_ahead"))
    ahead = f"more than {most} days " if most else ""
    return [
        Rule(
            "period_is_not_ahead",
            "error",
            "rows dated ahead",
            f"No row is dated {ahead}after the day of asking.",
            measure=lambda arrived: (pl.col(table.period) - pl.lit(arrived.today)).dt.total_days(),
            at_most=most,
            effect="refuse",
            reason=lambda row, arrived: f"{row[table.period]} lies after {arrived.today + timedelta(days=most)}",
        )
    ]


def since(options: Options) -> Sequence[Part]:
    """`since`: the first day that a row can be of. What comes regularly has no row alone years before the others."""
    table = options.table
    first = options.take("since")
    if first is not None and first != "catalog" and not isinstance(first, date):
        raise options.error(f"since is a day or catalog, got {first!r}")
    if first != "catalog":
        return [
            Rule(
                "period_is_sensible",
                "error",
                "rows dated before there was anything to date, or alone years before all others",
                "No row is dated before there was anything to date, or alone years before all others.",
                measure=lambda arrived: _too_early(table, arrived, first),
                at_most=0,
                effect="refuse",
                hides=True,
            )
        ]
    return [
        Rule(
            "period_is_sensible",
            "error",
            "periods before the series began, off its rhythm or years from all others",
            "Periods lie after the series' start and on the day that dates it: its weekday, the first of its period.",
            measure=_off_rhythm,
            at_most=0,
            effect="refuse",
            hides=True,
            reason=lambda row, arrived: senseless_periods(arrived.rows, arrived.catalog)[row["position"]],
        )
    ]


def _too_early(table: Dataset, arrived: Arrived, first: date | None) -> pl.Series:
    period = arrived.rows[table.period]
    early = pl.repeat(value=False, n=period.len(), eager=True) if first is None else period < first
    if table.is_regular and table.history is not None:
        early = early | lonely_before(arrived.rows, table.history, table.period)
    return early.cast(pl.Int64)


def _off_rhythm(arrived: Arrived) -> pl.Series:
    return _flags(senseless_periods(arrived.rows, arrived.catalog), arrived.rows.height)


def _flags(places: Any, height: int) -> pl.Series:
    marked = pl.Series([0], dtype=pl.Int64).new_from_index(0, height)
    return marked.scatter(sorted(places), 1) if places else marked


def positive(options: Options) -> Sequence[Part]:
    """`positive`: columns above zero; `not_negative`: those of which zero is a value and less is none."""
    above, counts = options.columns("positive"), options.columns("not_negative")
    below_zero = [pl.when(pl.col(name) < 0).then(pl.col(name)) for name in counts]
    lowest = pl.min_horizontal(*above, *below_zero)
    told = f"{', '.join(above)} are above zero" + (f", {', '.join(counts)} not below" if counts else "")
    return [
        Rule(
            "amounts_are_positive",
            "warn",
            "amounts not above zero or counts below it",
            f"Values of {told}.",
            measure=lambda _: lowest,
            at_least=_JUST_ABOVE_ZERO,
            effect="refuse",
        )
    ]


def sessions(options: Options) -> Sequence[Part]:
    """`sessions`: the calendar whose days date the rows; `of`: only of those that say something else than zero there.

    `name` and `says` are those of the check, `refuse: false` reports the rows and lets them land.
    """
    table = options.table
    calendar = options.take("sessions")
    of = options.column("of") if "of" in options.entry else None

    def off_session(arrived: Arrived) -> pl.Expr | pl.Series:
        period = arrived.rows[table.period]
        first, last = period.min(), period.max()
        assert isinstance(first, date)
        assert isinstance(last, date)
        # no exchange's calendar reaches further back
        days = pl.Series(working_days(calendar, max(first, date(1962, 1, 2)), last), dtype=pl.Date)
        is_off = period.is_in(days.implode()).not_()
        return (is_off if of is None else is_off & (arrived.rows[of] != 0)).cast(pl.Int64)

    name = str(calendar).upper()
    return [
        Rule(
            options.take("name", "period_is_a_session"),
            "warn",
            options.take("says", f"days without an {name} session"),
            f"Rows are of {name} sessions." if of is None else f"Rows whose {of} is not zero are of {name} sessions.",
            measure=off_session,
            at_most=0,
            effect="refuse" if options.take("refuse", True) else "warn",
        )
    ]


def complete(options: Options) -> Sequence[Part]:
    """`complete`: so many of its last sessions up to its newest row each group has, by `calendar`."""
    count, calendar = int(options.take("complete")), options.take("calendar", "nyse")
    name = str(calendar).upper()
    rule = Rule(
        "sessions_are_complete",
        "warn",
        f"groups without a row for each of the last {count} {name} sessions",
        f"No group misses one of the last {count} {name} sessions up to its newest row.",
        column="missing_sessions",
        at_most=0,
    )
    return [
        GroupRules(
            "groups",
            lambda arrived: _missing_sessions(arrived, count, calendar),
            (rule,),
            lambda row: f"{row['group']} ({row['missing_sessions']} missing)",
        )
    ]


def _missing_sessions(arrived: Arrived, count: int, calendar: Any) -> pl.DataFrame:
    """Return group, missing_sessions of the rows that are not refused."""
    rows = pl.DataFrame({"group": arrived.groups, "on": arrived.rows[arrived.dataset.period]})
    if arrived.refused:
        rows = rows.filter(~pl.int_range(pl.len()).is_in(sorted(arrived.refused)))
    ends = rows.group_by("group").agg(first=pl.col("on").min(), last=pl.col("on").max()).sort("group")
    if ends.is_empty():
        return pl.DataFrame(schema={"group": pl.String, "missing_sessions": pl.Int64})
    first, last = ends.select(pl.col("first").min(), pl.col("last").max()).row(0)
    days = pl.DataFrame({"on": working_days(calendar, first, last)}, schema={"on": pl.Date}).with_row_index("at")
    at = pl.col("at").cast(pl.Int64)
    ends = ends.with_columns(
        from_at=pl.lit(days["on"]).search_sorted(pl.col("first"), side="left").cast(pl.Int64),
        to_at=pl.lit(days["on"]).search_sorted(pl.col("last"), side="right").cast(pl.Int64) - 1,
    ).with_columns(from_at=pl.max_horizontal("from_at", pl.col("to_at") - count + 1))
    came = (
        rows.join(ends, on="group")
        .filter(pl.col("on") > pl.col("last") - timedelta(days=3 * count))
        .unique(["group", "on"])
        .join(days, on="on")
        .filter(at >= pl.col("from_at"), at <= pl.col("to_at"))
        .group_by("group")
        .agg(came=pl.len().cast(pl.Int64))
    )
    due = pl.col("to_at") - pl.col("from_at") + 1
    return ends.join(came, on="group", how="left").select("group", missing_sessions=due - pl.col("came").fill_null(0))
