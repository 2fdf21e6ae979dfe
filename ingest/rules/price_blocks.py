"""Blocks of prices: another provider's basis, runs at another level, splits that are not in the prices."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Final

import polars as pl

from ingest.dataset import Dataset
from ingest.rules.common_factor import common_factors, told
from ingest.rules.evidence import Evidence
from ingest.rules.found_blocks import BASIS_CHECK, LEVEL_CHECK, MOVE_CHECK, SPLIT_CHECK, Blocks, pairs_of
from ingest.rules.levels import Finding, Persistence, is_unit_factor, runs_off_level
from ingest.rules.price_moves import LARGEST_RETURN_RATIO, moves_of, unexplained

_SPLIT_MATCHES: Final = 0.04
_FAR_SPLIT_MATCHES: Final = 0.01
_NEAR_SPLIT: Final = timedelta(days=90)
_LEAST_SPLIT: Final = 1.25
_SPLIT_LIKE: Final = (2.0, 3.0, 4.0, 5.0, 8.0, 10.0, 15.0, 20.0)
_SECOND_REACHES: Final = 30  # sessions that the second provider is asked for: what it may still confirm


def other_basis(found: Blocks, table: Dataset, rows: pl.DataFrame, preferred: pl.DataFrame) -> None:
    """Hold back tickers whose closes are a constant times those of a provider that goes before."""
    if preferred.is_empty():
        return
    both = rows.select("ticker", "session_date", "close_usd").join(
        preferred, on=["ticker", "session_date"], suffix="_held"
    )
    pairs = pairs_of(both.with_row_index("position"), ["close_usd"], "ticker", "session_date")
    for block in common_factors(pairs).iter_rows(named=True):
        why = (
            f"{table.source} {block['group']}: {block['rows_count']} of {block['compared_count']} closes are "
            f"{told(block['factor'])} times those of the provider before ({block['first_period']} to "
            f"{block['last_period']}): another split basis or unit"
        )
        found.hold(table, BASIS_CHECK, block["group"], why)


def levels_of_prices(
    found: Blocks, table: Dataset, rows: pl.DataFrame, splits: pl.DataFrame, evidence: Evidence
) -> None:
    """Refuse closes at another level; hold back tickers whose splits their prices do not show."""
    context = _closes_before(rows, evidence.held.get(table.id))
    moves = moves_of(pl.concat([rows.select(context.columns), context]), splits)
    doubted = unexplained(moves, evidence)
    _splits_not_done(found, table, moves, doubted, splits)
    held_back = found.groups.get(table.id, {})
    doubted = doubted.filter(pl.col("ticker").is_in(list(held_back)).not_())
    in_doubt = moves.join(doubted.select("ticker").unique(), on="ticker", how="semi")
    breaks = set(doubted["position"])
    for (ticker,), closes in in_doubt.group_by("ticker", maintain_order=True):
        places = closes["position"].to_list()
        anchor = next((at for at, place in enumerate(places) if place >= rows.height), None)
        findings = runs_off_level(
            closes["level"].to_list(),
            [at for at, place in enumerate(places) if at and place in breaks],
            near=lambda a, b: abs(b / a - 1) <= LARGEST_RETURN_RATIO,
            persists=_price_persists,
            anchor=anchor,
        )
        days = closes["session_date"].to_list()
        for finding in findings:
            _tell_prices(found, table, str(ticker), finding, places, days, rows.height)


def _closes_before(rows: pl.DataFrame, held: pl.DataFrame | None) -> pl.DataFrame:
    """Return the last close held of each ticker from before its first row: where its prices were."""
    columns = ["ticker", "session_date", "close_usd"]
    if held is None or held.is_empty():
        return rows.select(columns).clear()
    firsts = rows.group_by("ticker").agg(first=pl.col("session_date").min())
    before = held.filter(pl.col("close_usd").is_not_null()).join(firsts, on="ticker")
    return (
        before.filter(pl.col("session_date") < pl.col("first"))
        .sort("ticker", "session_date")
        .unique("ticker", keep="last", maintain_order=True)
        .select(columns)
    )


def _price_persists(factor: float, rows: int, is_last: bool) -> Persistence | None:
    if is_unit_factor(factor) and rows > 1:
        return "run" if is_last and rows <= _SECOND_REACHES else "group"
    size = max(factor, 1 / factor)
    looks_split = any(abs(size / ratio - 1) <= _SPLIT_MATCHES for ratio in _SPLIT_LIKE)
    return "run" if looks_split and is_last and 1 < rows <= _SECOND_REACHES else "one_row"


def _tell_prices(
    found: Blocks,
    table: Dataset,
    ticker: str,
    finding: Finding,
    places: list[int],
    days: list[date],
    height: int,
) -> None:
    span = f"{days[finding.first]} to {days[finding.last]}"
    moved = f"{table.source} {ticker}: close_usd at {told(finding.factor)} times the level around it ({span})"
    if finding.is_group:
        why = f"{moved}, and nothing held says which is right"
        found.hold(table, LEVEL_CHECK, ticker, why)
        return
    mine = [place for place in places[finding.first : finding.last + 1] if place < height]
    if finding.first == finding.last:
        why = f"one of the closes that moved by more than {LARGEST_RETURN_RATIO:.0%} without a split"
        found.refuse(table, MOVE_CHECK, mine, why)
    else:
        came_back = "" if finding.came_back else "; to land when a second provider shows it"
        found.refuse(table, MOVE_CHECK, mine, f"one of {len(mine)} closes, {moved}{came_back}")
        found.checks.setdefault((table.id, LEVEL_CHECK), []).append(moved)


def _splits_not_done(
    found: Blocks, table: Dataset, moves: pl.DataFrame, doubted: pl.DataFrame, splits: pl.DataFrame
) -> None:
    """Hold back tickers whose close moves by a split's ratio where the split undone should leave no move.

    By 1/ratio: listed and never divided into the older prices, or into a part of them. By the ratio: done twice, or
    the prices were adjusted and only look as traded.
    """
    size = pl.max_horizontal("split_ratio", 1 / pl.col("split_ratio"))
    split = splits.filter(pl.col("split_ratio") > 0, size >= _LEAST_SPLIT)
    if split.is_empty():
        return
    split = split.rename({"session_date": "split_date"}).sort("ticker", "split_date")
    at_split = split.join_asof(
        moves,
        left_on="split_date",
        right_on="session_date",
        by="ticker",
        strategy="forward",
        coalesce=False,
        check_sortedness=False,
    ).filter(pl.col("factor").is_not_null(), pl.col("before_date") < pl.col("split_date"))
    listed = set(_unconfirmed(at_split, doubted))
    before_split = doubted.join(split, on="ticker").filter(pl.col("session_date") < pl.col("split_date"))
    for row in at_split.filter(pl.col("position").is_in(list(listed))).iter_rows(named=True):
        _tell_split(found, table, row, _SPLIT_MATCHES)
    for row in before_split.iter_rows(named=True):
        is_near = row["split_date"] - row["session_date"] <= _NEAR_SPLIT
        _tell_split(found, table, row, _SPLIT_MATCHES if is_near else _FAR_SPLIT_MATCHES, is_part=True)


def _unconfirmed(at_split: pl.DataFrame, doubted: pl.DataFrame) -> list[int]:
    """Return the positions of moves on split days that nobody confirmed: those too small to be asked about as well."""
    small = (pl.col("factor") - 1).abs() <= LARGEST_RETURN_RATIO
    return at_split.filter(small | pl.col("position").is_in(doubted["position"].implode()))["position"].to_list()


def _tell_split(
    found: Blocks, table: Dataset, row: Mapping[str, float], tolerance: float, *, is_part: bool = False
) -> None:
    factor, ratio = row["factor"], row["split_ratio"]
    if abs(factor * ratio - 1) <= tolerance:
        what = "in a part of the prices only" if is_part else "not in the prices before it"
    elif abs(factor / ratio - 1) <= tolerance:
        what = "in a part of the prices only" if is_part else "in the prices twice, or they were adjusted already"
    else:
        return
    why = (
        f"{table.source} {row['ticker']}: the split of {told(ratio)} on {row['split_date']} is {what} (close_usd "
        f"{told(factor)} times the one before on {row['session_date']}, splits undone)"
    )
    found.hold(table, SPLIT_CHECK, str(row["ticker"]), why)
