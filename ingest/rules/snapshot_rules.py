"""What rows of a snapshot table are held to, as polars expressions: true where a row is wrong.

A snapshot table has millions of rows a day, so each rule is one pass over columns; nothing is done row by row. Entries
of `Dataset.expect` are mappings of one kind each, with the words that other datasets use:

    {since: 2026-01-02}, {days_ahead: 1}            no row is dated before; so many days ahead may it be (else none)
    {sizes: {open_interest: [1, 1e9]}}              between what the size of a value lies, unless it is zero
    {positive: [strike_usd]}, {not_negative: [bid_usd]}
    {range: "low <= close <= high"}, {range: {delta_ratio: [-1, 1]}}, either with tolerance_ratio
    {identity: "calls + puts = total", tolerance_ratio: 0.001, slack: "0.5"}
    {rows_ratio: [0.5, 2.0], days: 5}               rows of a day against the median of the days before it

Keys (present, unique), finite numbers, a column's own minimum and maximum, and days ahead are looked at whatever is
declared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

import polars as pl

from ingest.dataset import Dataset
from ingest.errors import ConfigError

DAYS_LOOKED_AT: Final = 5
ROWS_RATIO: Final = (0.5, 2.0)


@dataclass(frozen=True, slots=True)
class RowRule:
    """A rule on single rows. `wrong` is true where a row breaks it (NULL counts as no); `says`: what such rows are."""

    name: str
    says: str
    wrong: pl.Expr


@dataclass(frozen=True, slots=True)
class CountRule:
    """How many rows a day may have, as ratios of the median of the `days` days before it."""

    least: float = ROWS_RATIO[0]
    most: float = ROWS_RATIO[1]
    days: int = DAYS_LOOKED_AT


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
        if entry == {"unique": "keys"}:
            continue
        kinds = [kind for kind in (*_KINDS, "days_ahead", "rows_ratio") if kind in entry]
        if len(kinds) != 1:
            raise _unreadable(table, entry, f"one kind of expectation is needed, got {kinds or 'none'}")
        unknown = sorted(set(entry) - {kinds[0], *_OPTIONS.get(kinds[0], ())})
        if unknown:
            raise _unreadable(table, entry, f"{kinds[0]} has no option {', '.join(unknown)}")
        try:
            if kinds[0] == "days_ahead":
                days_ahead = int(entry["days_ahead"])
            elif kinds[0] == "rows_ratio":
                least, most = entry["rows_ratio"]
                count = CountRule(float(least), float(most), int(entry.get("days", DAYS_LOOKED_AT)))
            else:
                declared += _KINDS[kinds[0]](table, entry)
        except (TypeError, ValueError, AttributeError, pl.exceptions.PolarsError) as error:
            raise _unreadable(table, entry, str(error)) from error
    last = today + timedelta(days=days_ahead)
    ahead = RowRule("period_is_not_ahead", f"rows dated after {last}", pl.col(table.period) > last)
    names = [rule.name for rule in declared]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise ConfigError(f"{table.id}: expect: two rules of one name: {', '.join(doubled)}")
    bounds = [rule for rule in _bounds(table) if rule.name not in names]
    return SnapshotRules((*_always(table), *bounds, *declared, ahead), count)


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
    ends = {
        column.name: (column.minimum, column.maximum)
        for column in (*table.keys, *table.attributes, *table.values)
        if (column.minimum, column.maximum) != (None, None)
    }
    return _range(table, {"range": ends})


def _unreadable(table: Dataset, entry: Mapping[str, Any], why: str) -> ConfigError:
    return ConfigError(f"{table.id}: expect {dict(entry)}: {why}")


def _column(table: Dataset, name: str) -> pl.Expr:
    return _expression(table, f'"{name}"')


def _expression(table: Dataset, text: str) -> pl.Expr:
    found = pl.sql_expr(text)
    known = {column.name for column in (*table.keys, *table.values, *table.attributes)}
    unknown = sorted(set(found.meta.root_names()) - known)
    if unknown:
        raise ValueError(f"{text!r} names columns that the dataset does not have: {', '.join(unknown)}")
    return found


def _sides(text: str, sign: str, count: int) -> list[str]:
    sides = [side.strip() for side in text.split(sign)]
    if len(sides) != count or not all(sides):
        raise ValueError(f"expected {count} expressions with {sign!r} between them")
    return sides


def _since(table: Dataset, entry: Mapping[str, Any]) -> list[RowRule]:
    first = entry["since"]
    if not isinstance(first, date):
        raise TypeError("since is a date")
    return [RowRule("period_is_not_before_the_first", f"rows dated before {first}", pl.col(table.period) < first)]


def _sizes(table: Dataset, entry: Mapping[str, Any]) -> list[RowRule]:
    return [
        RowRule(
            f"{name}_is_of_a_possible_size",
            f"rows whose {name} is not zero and not of a size between {low:g} and {high:g}",
            (_column(table, name) != 0) & ~_column(table, name).abs().is_between(low, high),
        )
        for name, (low, high) in entry["sizes"].items()
    ]


def _positive(table: Dataset, entry: Mapping[str, Any]) -> list[RowRule]:
    return [
        RowRule(f"{name}_is_positive", f"rows whose {name} is not positive", _column(table, name) <= 0)
        for name in entry["positive"]
    ]


def _not_negative(table: Dataset, entry: Mapping[str, Any]) -> list[RowRule]:
    return [
        RowRule(f"{name}_is_not_negative", f"rows whose {name} is negative", _column(table, name) < 0)
        for name in entry["not_negative"]
    ]


def _range(table: Dataset, entry: Mapping[str, Any]) -> list[RowRule]:
    said, tolerance = entry["range"], float(entry.get("tolerance_ratio", 0.0))
    if isinstance(said, Mapping):
        return [
            RowRule(
                f"{name}_is_in_range",
                f"rows whose {name} is not within {low} and {high}",
                pl.any_horizontal(
                    *([] if low is None else [_column(table, name) < low]),
                    *([] if high is None else [_column(table, name) > high]),
                ),
            )
            for name, (low, high) in said.items()
        ]
    low, middle, high = (_expression(table, side) for side in _sides(str(said), "<=", 3))
    beyond = pl.max_horizontal(low - middle, middle - high)
    name = "_and_".join(middle.meta.root_names()) + "_is_in_its_range"
    return [RowRule(name, f"rows on which {said} does not hold", beyond > middle.abs() * tolerance)]


def _identity(table: Dataset, entry: Mapping[str, Any]) -> list[RowRule]:
    text, tolerance = str(entry["identity"]), float(entry.get("tolerance_ratio", 0.0))
    left, right = (_expression(table, side) for side in _sides(text, "=", 2))
    slack = _expression(table, str(entry.get("slack", "0")))
    name = "_and_".join(right.meta.root_names()) + "_adds_up"
    wrong = (right - left).abs() - slack > right.abs() * tolerance
    return [RowRule(name, f"rows on which {text} does not hold", wrong)]


_KINDS: Final[Mapping[str, Callable[[Dataset, Mapping[str, Any]], list[RowRule]]]] = {
    "since": _since,
    "sizes": _sizes,
    "positive": _positive,
    "not_negative": _not_negative,
    "range": _range,
    "identity": _identity,
}
_OPTIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "range": ("tolerance_ratio",),
    "identity": ("tolerance_ratio", "slack"),
    "rows_ratio": ("days",),
}
