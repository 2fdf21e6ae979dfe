"""From what a dataset declares (`expect`) to the rules that hold it.

An entry is a mapping as YAML carries it, with one kind of expectation and its options:

    {since: 1962-01-02}                        no row is dated before; "catalog": each series by its entry
    {days_ahead: 31}                           so many days may a row be dated ahead (otherwise none)
    {sizes: {nav_usd: [1e-6, 1e13]}}           between what the size of a value lies, unless it is zero
    {positive: [nav_usd], not_negative: [shares]}
    {sessions: nyse}                           rows are of sessions; `of: flow`: those whose flow is not 0
    {complete: 30, calendar: nyse}             no group misses one of its last so many sessions
    {range: "low <= close <= high", tolerance_ratio: 0.00001}, or {range: {weight_pct: [0, 100]}}
    {identity: "long + short = total", tolerance_ratio: 0.001, slack: "0.5"}
    {rule: level_holds, columns: [nav_usd]}    a rule that is written in Python: rules.named

Sessions may say `name`, `says` (what the failing rows are), and `refuse: false` to warn only; a range or an identity
also `description`. Its texts are SQL expressions over the columns of one row. Keys, sizes, dates and histories that
come back multiplied are looked at whatever is declared.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import polars as pl

from ingest.dataset import Dataset
from ingest.errors import ConfigError
from ingest.rules import common_rules, named
from ingest.rules.common_rules import Builder, Part
from ingest.rules.options import Options
from ingest.rules.rule import GroupRules, Rule, Rules, Search

_DEFAULTS: Final[Sequence[Mapping[str, Any]]] = ({"sizes": {}}, {"days_ahead": 0}, {"since": None})
_LAST_DEFAULT: Final[Mapping[str, Any]] = {"rule": "history_is_not_multiplied"}
_NAME: Final = re.compile(r"[A-Za-z0-9_]+")


def rules_of(table: Dataset) -> Rules:
    """Return all that holds a dataset; ConfigError where a declaration cannot be read."""
    entries = {_kind(table, entry): entry for entry in (*_DEFAULTS, *table.expect)}
    entries.setdefault(_kind(table, _LAST_DEFAULT), _LAST_DEFAULT)
    parts: list[Part] = [*common_rules.of_every_row(table)]
    for entry in entries.values():
        parts += _parts(table, entry)
    rules = Rules(
        rows=tuple(part for part in parts if isinstance(part, Rule))
        + tuple(rule for part in parts if isinstance(part, Search) for rule in part.rules if rule.is_flag),
        searches=tuple(part for part in parts if isinstance(part, Search)),
        groups=tuple(part for part in parts if isinstance(part, GroupRules)),
    )
    names = [rule.name for rule in rules]
    doubled = sorted({name for name in names if names.count(name) > 1 or not _NAME.fullmatch(name)})
    if doubled:
        raise ConfigError(f"{table.id}: expect: two checks of one name, or a name that is none: {', '.join(doubled)}")
    return rules


def _kind(table: Dataset, entry: Mapping[str, Any]) -> tuple[str, str]:
    """Return what tells an entry apart: a second one of its kind replaces the first."""
    kind = Options(table, entry).kind(_KINDS)
    return kind, str(entry[kind]) if kind in ("rule", "range", "identity") else ""


def _parts(table: Dataset, entry: Mapping[str, Any]) -> Sequence[Part]:
    options = Options(table, entry)
    parts = _KINDS[options.kind(_KINDS)](options)
    options.finish()
    return parts


# ---- expressions -----------------------------------------------------------------------------------------------------


def _bound(options: Options, measure: pl.Expr, name: str, says: str, description: str, most: float) -> Rule:
    return Rule(
        options.take("name", name),
        options.take("severity", "warn"),
        options.take("says", says),
        options.take("description", description),
        measure=lambda _: measure,
        at_most=most,
        effect="refuse" if options.take("refuse", True) else "warn",
    )


def _identity(options: Options) -> Sequence[Part]:
    text = str(options.take("identity"))
    left, right = options.expressions(text, "=", 2)
    tolerance = float(options.take("tolerance_ratio", 0.0))
    slack = options.expression(str(options.take("slack", "0")))
    beyond = ((right - left).abs() - slack).clip(lower_bound=0.0)
    # of nothing every difference is too large, and none is none
    measure = pl.when(beyond == 0).then(0.0).otherwise(beyond / right.abs())
    name = "_and_".join(right.meta.root_names()) + "_adds_up"
    about = f" to {tolerance:.3%}" if tolerance else ""
    return [_bound(options, measure, name, f"rows on which {text} does not hold", f"{text}{about}.", tolerance)]


def _range(options: Options) -> Sequence[Part]:
    said = options.take("range")
    if isinstance(said, Mapping):
        return [_between(column, ends, options) for column, ends in said.items()]
    text = str(said)
    low, middle, high = options.expressions(text, "<=", 3)
    outside = pl.max_horizontal(low - middle, middle - high)
    measure = pl.when(outside <= 0).then(0.0).otherwise(outside / middle.abs())
    name = "_and_".join(middle.meta.root_names()) + "_is_in_its_range"
    tolerance = float(options.take("tolerance_ratio", 0.0))
    return [_bound(options, measure, name, f"rows on which {text} does not hold", f"{text}.", tolerance)]


def _between(column: str, ends: Sequence[float | None], options: Options) -> Rule:
    options.expression(column)
    low, high = ends
    what = (
        f"between {low} and {high}"
        if None not in (low, high)
        else f"{low} or more"
        if high is None
        else f"at most {high}"
    )
    return Rule(
        f"{column}_is_in_range",
        "warn",
        f"values of {column} out of range",
        f"{column} is {what}.",
        measure=lambda _: pl.col(column),
        at_least=low,
        at_most=high,
        effect="refuse",
    )


def _rule(options: Options) -> Sequence[Part]:
    name = str(options.take("rule"))
    build = named.NAMED.get(name)
    if build is None:
        raise options.error(f"no rule {name!r}; there are {', '.join(named.NAMED)}")
    return build(options)


def _unique(options: Options) -> Sequence[Part]:
    if options.take("unique") != "keys":
        raise options.error("only keys can be declared unique, and they always are")
    return []


_KINDS: Final[Mapping[str, Builder]] = {
    "unique": _unique,
    "sizes": common_rules.sizes,
    "days_ahead": common_rules.days_ahead,
    "since": common_rules.since,
    "positive": common_rules.positive,
    "sessions": common_rules.sessions,
    "complete": common_rules.complete,
    "range": _range,
    "identity": _identity,
    "rule": _rule,
}
