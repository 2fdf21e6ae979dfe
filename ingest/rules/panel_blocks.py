"""Whole blocks of a panel that cannot be: most of a group's history multiplied, runs at another level, splits not done.

A group is a ticker or a fund (of ICI's flows a category). What is found about one holds back everything that the same
payload says of it: prices, splits and dividends of one chart stand on one basis. The rest of the batch lands.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Final

import polars as pl

from ingest.dataset import Dataset
from ingest.rules.common_factor import SCHEMA as BLOCKS
from ingest.rules.common_factor import common_factors, sentence, told
from ingest.rules.evidence import Evidence
from ingest.rules.found_blocks import FACTOR_CHECK, LEVEL_CHECK, Blocks, pairs_of
from ingest.rules.levels import Finding, Persistence, is_unit_factor, runs_off_level
from ingest.rules.price_blocks import levels_of_prices, other_basis

_SPLIT_SEEN_LATE: Final = timedelta(days=10)  # a split may be listed, or its basis change, so long after its day
_NEW_SNAPSHOT: Final = 3.0  # holdings of two days differ by what was created and redeemed between them
_RESTATED_TO: Final = 0.02
_SIZE_STEP: Final = 5.0
_GROWN_UP: Final = 60  # rows; the share count of a younger fund does multiply
_SIZES: Final = ("nav_usd", "shares_outstanding_count", "net_assets_usd")


def find_blocks(
    tables: Mapping[str, pl.DataFrame],
    table_of: Mapping[str, Dataset],
    splits: pl.DataFrame,
    evidence: Evidence,
    today: date,
) -> Blocks:
    """Look for blocks in every table of a batch. `splits`: all that are known, those of the batch included."""
    found = Blocks()
    for table_id, rows in tables.items():
        table = table_of[table_id]
        group = table.history
        if rows.is_empty() or group is None:
            continue
        _multiplied(found, table, rows, group, splits, evidence.held.get(table_id), today)
        if table.name == "prices":
            other_basis(found, table, rows, evidence.preferred)
            levels_of_prices(found, table, rows, splits, evidence)
        if table.name == "fund_days":
            _levels_of_funds(found, table, rows, evidence.held.get(table_id))
    return found


# ---- one factor over what is held ------------------------------------------------------------------------------------


def _multiplied(
    found: Blocks,
    table: Dataset,
    rows: pl.DataFrame,
    group: str,
    splits: pl.DataFrame,
    held: pl.DataFrame | None,
    today: date,
) -> None:
    """Hold back groups whose held values come back multiplied; refuse a row or two that are a unit off."""
    numbers = [column.name for column in table.values if column.dtype == pl.Float64]
    if held is None or held.is_empty() or not numbers:
        return
    keys = [column.name for column in table.keys]
    both = rows.with_row_index("position").join(held, on=keys, suffix="_held")
    pairs = pairs_of(both, numbers, group, table.period)
    blocks = common_factors(pairs)
    if table.name == "holdings":
        blocks = pl.concat([blocks, _snapshot_factors(rows, held, numbers)])
    newest = dict(held.group_by(group).agg(pl.col(table.period).max()).iter_rows())
    for block in blocks.iter_rows(named=True):
        if table.name == "fund_days" and _restates(block, splits, newest[block["group"]], today):
            continue
        found.hold(table, FACTOR_CHECK, block["group"], sentence(block, table.source))
    _single_misprints(found, table, pairs.filter(~pl.col("group").is_in(blocks["group"].implode())))


def _restates(block: Mapping[str, object], splits: pl.DataFrame, newest_held: date, today: date) -> bool:
    """Say whether known splits explain that a fund's past is printed on another basis.

    They must be new (a split of years ago had been in what is held) and later than every day that changed.
    """
    factor, last = block["factor"], block["last_period"]
    assert isinstance(factor, float)
    assert isinstance(last, date)
    fresh = splits.filter(
        pl.col("ticker") == block["group"],
        pl.col("session_date") > last,
        pl.col("session_date") > newest_held - _SPLIT_SEEN_LATE,
        pl.col("session_date") <= today + timedelta(days=1),
    )
    if fresh.is_empty() or factor <= 0:
        return False
    ratio = 1.0
    for one in fresh["split_ratio"]:
        ratio *= one
    expected = {"nav_usd": 1 / ratio, "shares_outstanding_count": ratio}.get(str(block["column"]))
    return expected is not None and abs(factor / expected - 1) <= _RESTATED_TO


def _single_misprints(found: Blocks, table: Dataset, pairs: pl.DataFrame) -> None:
    """Refuse values a unit away from what is held of the same key, unless the rows around them say so too.

    Splits and dividends have no rows around them that would.
    """
    if table.name in ("holdings", "weekly_flows"):
        return
    ratio = pl.col("value") / pl.col("held")
    off = (
        pairs.sort("column", "group", "period")
        .with_columns(around=pl.col("value").shift(1).over("column", "group"))
        .filter(pl.col("held") != 0, (ratio >= _SIZE_STEP) | (ratio <= 1 / _SIZE_STEP))
        .with_columns(ratio=ratio, beside=pl.col("value") / pl.col("around"))
    )
    for row in off.iter_rows(named=True):
        stands = table.is_regular and row["beside"] is not None and 1 / _SIZE_STEP < row["beside"] < _SIZE_STEP
        if is_unit_factor(row["ratio"]) and not stands and row["column"] != "volume_shares":
            why = (
                f"{table.source} {row['group']}: {row['column']} of {row['period']} came back multiplied by "
                f"{told(row['ratio'])}"
            )
            found.refuse(table, FACTOR_CHECK, [row["position"]], why)


def _snapshot_factors(rows: pl.DataFrame, held: pl.DataFrame, numbers: list[str]) -> pl.DataFrame:
    """Return the factors by which all positions of a fund grew since the newest snapshot held of another day."""
    new = rows.join(held.select("fund_ticker", "as_of_date").unique(), on=["fund_ticker", "as_of_date"], how="anti")
    last = held.filter(pl.col("as_of_date") == pl.col("as_of_date").max().over("fund_ticker"))
    key = ["fund_ticker", "holding_ticker"]
    both = (
        new.with_row_index("position")
        .unique(key, keep="none")
        .join(last.unique(key, keep="none"), on=key, suffix="_held")
    )
    amounts = [name for name in numbers if name != "weight_pct"]
    found = common_factors(pairs_of(both, amounts, "fund_ticker", "as_of_date"))
    factor = pl.col("factor")
    return found.filter((factor > _NEW_SNAPSHOT) | (factor < 1 / _NEW_SNAPSHOT)).select(list(BLOCKS))


# ---- levels of funds -------------------------------------------------------------------------------------------------


def _levels_of_funds(found: Blocks, table: Dataset, rows: pl.DataFrame, held: pl.DataFrame | None) -> None:
    """Refuse days on which NAV, shares or assets stand a unit away from those around them."""
    for name in _SIZES:
        own = rows.select("ticker", "report_date", name).with_row_index("position")
        context = _held_before(own, held, name)
        sizes = pl.concat([own, context]).filter(pl.col(name) > 0).sort("ticker", "report_date")
        step = pl.col(name) / pl.col(name).shift(1).over("ticker")
        sizes = sizes.with_columns(factor=step)
        breaks = sizes.filter((pl.col("factor") >= _SIZE_STEP) | (pl.col("factor") <= 1 / _SIZE_STEP))
        if breaks.is_empty():
            continue
        at_break = set(breaks["position"])
        for (ticker,), days in sizes.join(breaks.select("ticker").unique(), on="ticker", how="semi").group_by(
            "ticker", maintain_order=True
        ):
            places = days["position"].to_list()
            findings = runs_off_level(
                days[name].to_list(),
                [at for at, place in enumerate(places) if at and place in at_break],
                near=lambda a, b: 1 / _SIZE_STEP < b / a < _SIZE_STEP,
                persists=_size_persists(len(places)),
                anchor=next((at for at, place in enumerate(places) if place >= rows.height), None),
            )
            _tell_sizes(found, table, str(ticker), name, findings, places, days["report_date"].to_list(), rows.height)


def _held_before(own: pl.DataFrame, held: pl.DataFrame | None, name: str) -> pl.DataFrame:
    """Return the last value held of each fund from before its first row, at positions behind all rows."""
    if held is None or held.is_empty():
        return own.clear()
    firsts = own.group_by("ticker").agg(first=pl.col("report_date").min())
    return (
        held.select("ticker", "report_date", name)
        .drop_nulls()
        .join(firsts, on="ticker")
        .filter(pl.col("report_date") < pl.col("first"))
        .sort("ticker", "report_date")
        .unique("ticker", keep="last", maintain_order=True)
        .select((pl.int_range(pl.len(), dtype=pl.UInt32) + own.height).alias("position"), "ticker", "report_date", name)
    )


def _size_persists(days_count: int) -> Callable[[float, int, bool], Persistence | None]:
    def persists(factor: float, rows: int, is_last: bool) -> Persistence | None:
        # a young fund grows tenfold in a week; a share count printed in thousands is exact
        if days_count - rows < _GROWN_UP or not is_unit_factor(factor):
            return None
        return "run" if is_last else "group"

    return persists


def _tell_sizes(
    found: Blocks,
    table: Dataset,
    ticker: str,
    name: str,
    findings: list[Finding],
    places: list[int],
    days: list[date],
    height: int,
) -> None:
    for finding in findings:
        if finding.came_back and not is_unit_factor(finding.factor):
            continue
        span = f"{days[finding.first]} to {days[finding.last]}"
        why = f"{table.source} {ticker}: {name} at {told(finding.factor)} times the level around it ({span})"
        if finding.is_group:
            found.hold(table, LEVEL_CHECK, ticker, f"{why}, and nothing held says which is right")
        else:
            mine = [place for place in places[finding.first : finding.last + 1] if place < height]
            found.refuse(table, LEVEL_CHECK, mine, why)
