"""What rows of a snapshot table are held to, as polars expressions: true where a row is wrong.

A snapshot table has millions of rows a day, so each rule is one pass over columns; nothing is done row by row. Entries
of `Dataset.expect` are mappings of one kind each, with the words that other datasets use:

    {since: 2026-01-02}, {days_ahead: 1}            no row is dated before; so many days ahead may it be (else none)
    {sizes: {open_interest: [1, 1e9]}}              between what the size of a value lies, unless it is zero
    {positive: [strike_usd]}, {not_negative: [bid_usd]}
    {range: "low <= close <= high"}, {range: {delta_ratio: [-1, 1]}}, either with tolerance_ratio
    {identity: "calls + puts = total", tolerance_ratio: 0.001, slack: "0.5"}
    {rows_ratio: [0.5, 2.0], days: 5}               rows of a day against the median of the days before it
    {rows_ratio: [0.7, 3.0], of: answers, within: 14}  rows of a group in one answer against its newest days, if so new

Keys (present, unique), finite numbers, a column's own minimum and maximum, and days ahead are looked at whatever is
declared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import polars as pl

from ingest.dataset import Dataset
from ingest.errors import ConfigError
from ingest.rules.options import Options

DAYS_LOOKED_AT: Final = 5
ROWS_RATIO: Final = (0.5, 2.0)
AHEAD_CHECK: Final = "period_is_not_ahead"


@dataclass(frozen=True, slots=True)
class RowRule:
    """A rule on single rows. `wrong` is true where a row breaks it (NULL counts as no); `says`: what such rows are."""

    name: str
    says: str
    wrong: pl.Expr


@dataclass(frozen=True, slots=True)
class CountRule:
    """How many rows a day may have, as ratios of the median of the `days` days before it.

    With `within` it is each group's rows in one answer, against its own of the days that are held and not older than so
    many days: a group that is refused for longer is of another size now, and stands.
    """

    least: float = ROWS_RATIO[0]
    most: float = ROWS_RATIO[1]
    days: int = DAYS_LOOKED_AT
    within: int | None = None


@dataclass(frozen=True, slots=True)
class SnapshotRules:
    """Everything that holds one snapshot table."""

    rows: tuple[RowRule, ...]
    count: CountRule


def snapshot_rules(table: Dataset, today: date) -> SnapshotRules:
    """Return the rules of a table, as of `today` (New York); ConfigError where a declaration cannot be read."""
    declared: list[RowRule] = []
    days_ahead, count = 0, CountRule()
    for entry in table.expect:
        options = Options(table, entry)
        kind = options.kind(("unique", *_KINDS, "days_ahead", "rows_ratio"))
        try:
            if kind == "unique":
                options.take("unique")  # keys always are
            elif kind == "days_ahead":
                days_ahead = int(options.take("days_ahead"))
            elif kind == "rows_ratio":
                count = _count(options)
            else:
                declared += _KINDS[kind](options)
        except (TypeError, ValueError, AttributeError) as error:
            raise options.error(str(error)) from error
        options.finish()
    last = today + timedelta(days=days_ahead)
    ahead = RowRule(AHEAD_CHECK, f"rows dated after {last}", pl.col(table.period) > last)
    names = [rule.name for rule in declared]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise ConfigError(f"{table.id}: expect: two rules of one name: {', '.join(doubled)}")
    bounds = [rule for rule in _bounds(table) if rule.name not in names]
    return SnapshotRules((*_always(table), *bounds, *declared, ahead), count)


def _count(options: Options) -> CountRule:
    least, most = options.take("rows_ratio")
    days, of, within = (
        int(options.take("days", DAYS_LOOKED_AT)),
        options.take("of", "days"),
        options.take("within", None),
    )
    if of not in ("days", "answers") or (of == "answers") != (within is not None):
        raise ValueError("rows_ratio is of days, or of answers within so many days")
    if within is not None and options.table.group is None:
        raise ValueError("a table without groups has no answers of groups")
    return CountRule(float(least), float(most), days, within)


def _always(table: Dataset) -> list[RowRule]:
    keys = list(table.key_names)
    rules = [
        RowRule("keys_are_present", "rows without a key", pl.any_horizontal(pl.col(key).is_null() for key in keys))
    ]
    numbers = [column.name for column in (*table.keys, *table.values, *table.attributes) if column.dtype.is_float()]
    if numbers:
        finite = pl.any_horizontal(~pl.col(name).is_finite() for name in numbers)
        rules.append(RowRule("numbers_are_finite", "rows with NaN or an infinity", finite))
    return rules


def _bounds(table: Dataset) -> list[RowRule]:
    """Return what the columns themselves say that a value can be; a declared range of a column says more."""
    return [
        _between(pl.col(column.name), column.name, column.minimum, column.maximum)
        for column in (*table.keys, *table.attributes, *table.values)
        if (column.minimum, column.maximum) != (None, None)
    ]


def _since(options: Options) -> list[RowRule]:
    first = options.take("since")
    if not isinstance(first, date):
        raise TypeError("since is a date")
    early = pl.col(options.table.period) < first
    return [RowRule("period_is_not_before_the_first", f"rows dated before {first}", early)]


def _sizes(options: Options) -> list[RowRule]:
    return [
        RowRule(
            f"{name}_is_of_a_possible_size",
            f"rows whose {name} is not zero and not of a size between {low:g} and {high:g}",
            (value != 0) & ~value.abs().is_between(low, high),
        )
        for name, (low, high) in options.take("sizes").items()
        for value in [options.expression(f'"{name}"')]
    ]


def _positive(options: Options) -> list[RowRule]:
    return [
        RowRule(f"{name}_is_positive", f"rows whose {name} is not positive", pl.col(name) <= 0)
        for name in options.columns("positive")
    ]


def _not_negative(options: Options) -> list[RowRule]:
    return [
        RowRule(f"{name}_is_not_negative", f"rows whose {name} is negative", pl.col(name) < 0)
        for name in options.columns("not_negative")
    ]


def _range(options: Options) -> list[RowRule]:
    said, tolerance = options.take("range"), float(options.take("tolerance_ratio", 0.0))
    if isinstance(said, Mapping):
        return [_between(options.expression(f'"{name}"'), name, *ends) for name, ends in said.items()]
    low, middle, high = options.expressions(str(said), "<=", 3)
    beyond = pl.max_horizontal(low - middle, middle - high)
    name = "_and_".join(middle.meta.root_names()) + "_is_in_its_range"
    return [RowRule(name, f"rows on which {said} does not hold", beyond > middle.abs() * tolerance)]


def _between(value: pl.Expr, name: str, low: float | None, high: float | None) -> RowRule:
    outside = [*([] if low is None else [value < low]), *([] if high is None else [value > high])]
    return RowRule(
        f"{name}_is_in_range", f"rows whose {name} is not within {low} and {high}", pl.any_horizontal(*outside)
    )


def _identity(options: Options) -> list[RowRule]:
    text, tolerance = str(options.take("identity")), float(options.take("tolerance_ratio", 0.0))
    left, right = options.expressions(text, "=", 2)
    slack = options.expression(str(options.take("slack", "0")))
    name = "_and_".join(right.meta.root_names()) + "_adds_up"
    wrong = (right - left).abs() - slack > right.abs() * tolerance
    return [RowRule(name, f"rows on which {text} does not hold", wrong)]


_KINDS: Final[Mapping[str, Callable[[Options], list[RowRule]]]] = {
    "since": _since,
    "sizes": _sizes,
    "positive": _positive,
    "not_negative": _not_negative,
    "range": _range,
    "identity": _identity,
}
