"""The rules that a dataset names (`{rule: large_return_is_confirmed, close: close_usd}`): what polars must measure.

Each builder reads its options and returns the rules, searches and tables of its name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import polars as pl

from ingest.membership_evidence import DAYS_APART
from ingest.rules import series_rules
from ingest.rules.arrived import Arrived
from ingest.rules.column_levels import ColumnLevels
from ingest.rules.common_rules import Builder, Part, numbers_of
from ingest.rules.dividend_sense import DIVIDEND_CHECK, DividendSense
from ingest.rules.findings import FACTOR_CHECK, LEVEL_CHECK
from ingest.rules.multiplied import Multiplied
from ingest.rules.options import Options
from ingest.rules.price_blocks import BASIS_CHECK, SPLIT_CHECK, PriceLevels, ProviderBasis
from ingest.rules.price_moves import LARGEST_RETURN_RATIO, MOVE_CHECK
from ingest.rules.rule import GroupRules, Rule, Search
from ingest.rules.series_levels import look_for_levels

_FACTOR: Final = Rule(
    FACTOR_CHECK,
    "error",
    "histories that came back multiplied by one factor",
    "No group came back with most of its changes multiplied by one factor.",
)
_LEVEL: Final = Rule(
    LEVEL_CHECK,
    "error",
    "runs of values at another level than those around them",
    "No run of values is at another level than those around it.",
)
_SPLIT: Final = Rule(
    SPLIT_CHECK,
    "error",
    "tickers whose prices do not show a split that is listed, or show it twice",
    "Listed splits are in the prices of before, once and throughout.",
)
_BASIS: Final = Rule(
    BASIS_CHECK,
    "error",
    "tickers whose closes are a multiple of those of the provider before",
    "Closes are not a multiple of those of the provider before.",
)
_MOVE: Final = Rule(
    MOVE_CHECK,
    "warn",
    f"closes that moved by more than {LARGEST_RETURN_RATIO:.0%} without a split",
    f"No close moved by more than {LARGEST_RETURN_RATIO:.0%} without a split, a listing or a second provider.",
    at_most=0,
    effect="refuse",
    is_flag=True,
)
_DIVIDEND: Final = Rule(
    DIVIDEND_CHECK,
    "warn",
    "dividends larger than the price before, or than the price shows",
    "No dividend is larger than the price before it, or than the price shows.",
    at_most=0,
    effect="refuse",
    is_flag=True,
)
_AGREED: Final = Rule(
    "dates_of_joining_agree",
    "warn",
    f"members whose date of joining differs by more than {DAYS_APART} days on the list (the later one stands)",
    f"Files and list have each member join within {DAYS_APART} days; otherwise the later date counts.",
    column="days_apart",
    at_most=DAYS_APART,
)


def _multiplied(options: Options) -> Sequence[Part]:
    """`columns`: those that are compared (all numbers where it is not said so, no counts).

    `misprints`: columns of which a single value a unit off is refused (none where it is not said so).
    `splits`, `restated`: {nav_usd: -1}: splits restate the past of these columns, by that power of their ratio.
    `same`, `amounts`: snapshots of a group are compared line by line, where this key column is the same.
    """
    table = options.table
    numbers = options.columns("columns", numbers_of(table))
    search = Multiplied(
        numbers,
        misprints=options.columns("misprints", () if table.is_series else numbers),
        splits=options.take("splits", ""),
        restated=options.take("restated", None),
        same=options.take("same", ""),
        amounts=options.columns("amounts"),
    )
    if not numbers or (table.history is None and table.is_snapshot):
        return []
    return [Search(search.look, (_FACTOR,), {"splits": search.splits} if search.splits else {})]


def _level(options: Options) -> Sequence[Part]:
    """`columns`: those that never multiply from one row to the next; of series `by: catalog`: by its largest step.

    `grown_from`: a value held of this size or more does not multiply from there either, however short its history.
    """
    if options.take("by", "") == "catalog":
        return [Search(look_for_levels, (_LEVEL,), {})]
    search = ColumnLevels(options.columns("columns"), options.take("grown_from", None))
    return [Search(search.look, (_LEVEL,), {})]


def _moves(options: Options) -> Sequence[Part]:
    """`close`: the column of closes as traded; `splits`: the name of the datasets that list splits.

    Answers level_holds and splits_show_in_prices too: one search finds all three.
    """
    search = PriceLevels(options.column("close"), options.take("splits"))
    needs = {"splits": search.splits, "closes": options.table.name}
    return [Search(search.look, (_LEVEL, _SPLIT, _MOVE), needs)]


def _basis(options: Options) -> Sequence[Part]:
    """`close`: the column that is compared with that of the providers before this one."""
    return [Search(ProviderBasis(options.column("close")).look, (_BASIS,), {"preferred": options.table.name})]


def _dividends(options: Options) -> Sequence[Part]:
    """`dividend`: the column; `prices`, `close`: the datasets of the same answer that show it; `splits`: as above."""
    search = DividendSense(
        options.column("dividend"), options.take("prices"), options.take("close"), options.take("splits")
    )
    return [Search(search.look, (_DIVIDEND,), {"splits": search.splits})]


def _one_size(options: Options) -> Sequence[Part]:
    """`columns`: at most `most` times `of`, and no less of it; an open outside the day's range too."""
    of, columns, most = pl.col(options.column("of")), options.columns("columns"), float(options.take("most"))
    ratios = [pl.max_horizontal(pl.col(name) / of, of / pl.col(name)) for name in columns]
    return [
        Rule(
            "bar_is_of_one_size",
            "warn",
            "bars whose prices are not of one size",
            f"The prices of a bar are within {most:g} times its close.",
            measure=lambda _: pl.max_horizontal(*ratios),
            at_most=most,
            effect="refuse",
        )
    ]


def _dates_agree(_options: Options) -> Sequence[Part]:
    return [GroupRules("dates of joining", _compared, (_AGREED,), _both_dates)]


def _compared(arrived: Arrived) -> pl.DataFrame | None:
    """Return what the answer says twice (see HasSecondOpinion), the largest differences first."""
    found = arrived.batch.compared.get(arrived.dataset.id)
    return None if found is None else found.sort("days_apart", "ticker", descending=[True, False])


def _both_dates(row: Mapping[str, Any]) -> str:
    return f"{row['ticker']} (file {row['file_date']}, list {row['listed_date']})"


NAMED: Final[Mapping[str, Builder]] = {
    FACTOR_CHECK: _multiplied,
    LEVEL_CHECK: _level,
    MOVE_CHECK: _moves,
    BASIS_CHECK: _basis,
    DIVIDEND_CHECK: _dividends,
    "bar_is_of_one_size": _one_size,
    "dates_of_joining_agree": _dates_agree,
    **series_rules.NAMED,
}
"""By the name in `expect`."""
