"""Whole blocks of a panel that cannot be: most of a group's history multiplied, runs at another level, splits not done.

A group is a ticker or a fund (of ICI's flows a category). What is found about one holds back everything that the same
payload says of it: prices, splits and dividends of one chart stand on one basis. The rest of the batch lands.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final

import polars as pl

from ingest.common_factor import SCHEMA as BLOCKS
from ingest.common_factor import common_factors, sentence, told
from ingest.evidence import Evidence
from ingest.levels import Finding, Persistence, is_unit_factor, runs_off_level
from ingest.panel import PanelTable
from ingest.price_moves import LARGEST_RETURN_RATIO, moves_of, unexplained

FACTOR_CHECK: Final = "history_is_not_multiplied"
LEVEL_CHECK: Final = "level_holds"
SPLIT_CHECK: Final = "splits_show_in_prices"
BASIS_CHECK: Final = "providers_share_a_basis"
MOVE_CHECK: Final = "large_return_is_confirmed"

_GROUPS: Final = ("ticker", "fund_ticker", "category")
_SPLIT_SEEN_LATE: Final = timedelta(days=10)  # a split may be listed, or its basis change, so long after its day
_NEW_SNAPSHOT: Final = 3.0  # holdings of two days differ by what was created and redeemed between them
_SPLIT_MATCHES: Final = 0.04
_FAR_SPLIT_MATCHES: Final = 0.01
_NEAR_SPLIT: Final = timedelta(days=90)
_LEAST_SPLIT: Final = 1.25
_SPLIT_LIKE: Final = (2.0, 3.0, 4.0, 5.0, 8.0, 10.0, 15.0, 20.0)
_SECOND_REACHES: Final = 30  # sessions that the second provider is asked for: what it may still confirm
_SIZE_STEP: Final = 5.0
_GROWN_UP: Final = 60  # rows; the share count of a younger fund does multiply
_SIZES: Final = ("nav_usd", "shares_outstanding_count", "net_assets_usd")


@dataclass(slots=True)
class Blocks:
    """What was found: why groups are held back, by table and group; why single rows are, by table and position.

    `checks` has, per table and check, the sentences for people.
    """

    groups: dict[str, dict[str, str]] = field(default_factory=dict)
    rows: dict[str, dict[int, str]] = field(default_factory=dict)
    checks: dict[tuple[str, str], list[str]] = field(default_factory=dict)

    def hold(self, table: PanelTable, check: str, group: str, why: str) -> None:
        """Hold a whole group back; the first reason stands."""
        self.groups.setdefault(table.id, {}).setdefault(group, f"{check}: {why}; nothing of {group} in this answer")
        self.checks.setdefault((table.id, check), []).append(why)

    def refuse(self, table: PanelTable, check: str, positions: list[int], why: str) -> None:
        """Refuse rows, by their position in the batch's table."""
        found = self.rows.setdefault(table.id, {})
        for position in positions:
            found.setdefault(position, f"{check}: {why}")
        self.checks.setdefault((table.id, check), []).append(why)


def group_column(table: PanelTable) -> str | None:
    """Return the key column by which a table is judged; None: it has no groups."""
    return next((column.name for column in table.keys if column.name in _GROUPS), None)


def find_blocks(
    tables: Mapping[str, pl.DataFrame],
    table_of: Mapping[str, PanelTable],
    splits: pl.DataFrame,
    evidence: Evidence,
    today: date,
) -> Blocks:
    """Look for blocks in every table of a batch. `splits`: all that are known, those of the batch included."""
    found = Blocks()
    for table_id, rows in tables.items():
        table = table_of[table_id]
        group = group_column(table)
        if rows.is_empty() or group is None:
            continue
        _multiplied(found, table, rows, group, splits, evidence.held.get(table_id), today)
        if table.name == "prices":
            _other_basis(found, table, rows, evidence.preferred)
            _levels_of_prices(found, table, rows, splits, evidence)
        if table.name == "fund_days":
            _levels_of_funds(found, table, rows, evidence.held.get(table_id))
    return found


# ---- one factor over what is held ------------------------------------------------------------------------------------


def _multiplied(
    found: Blocks,
    table: PanelTable,
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
    pairs = _pairs(both, numbers, group, table.period)
    blocks = common_factors(pairs)
    if table.name == "holdings":
        blocks = pl.concat([blocks, _snapshot_factors(rows, held, numbers)])
    newest = dict(held.group_by(group).agg(pl.col(table.period).max()).iter_rows())
    for block in blocks.iter_rows(named=True):
        if table.name == "fund_days" and _restates(block, splits, newest[block["group"]], today):
            continue
        found.hold(table, FACTOR_CHECK, block["group"], sentence(block, table.source))
    _single_misprints(found, table, pairs.filter(~pl.col("group").is_in(blocks["group"].implode())))


def _pairs(both: pl.DataFrame, numbers: list[str], group: str, period: str) -> pl.DataFrame:
    """Return group, column, period, value, held, position of the values that changed enough to be of interest."""
    return pl.concat(
        [
            both.select(
                "position",
                pl.col(group).alias("group"),
                pl.lit(name).alias("column"),
                pl.col(period).alias("period"),
                pl.col(name).alias("value"),
                pl.col(f"{name}_held").alias("held"),
            ).filter(pl.col("value").is_not_null(), pl.col("held").is_not_null())
            for name in numbers
        ]
    )


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
    return expected is not None and abs(factor / expected - 1) <= _SPLIT_MATCHES / 2


def _single_misprints(found: Blocks, table: PanelTable, pairs: pl.DataFrame) -> None:
    """Refuse values a unit away from what is held of the same key, unless the rows around them say so too."""
    if table.name in ("holdings", "splits", "dividends", "weekly_flows"):
        return
    ratio = pl.col("value") / pl.col("held")
    off = (
        pairs.sort("column", "group", "period")
        .with_columns(around=pl.col("value").shift(1).over("column", "group"))
        .filter(pl.col("held") != 0, (ratio >= _SIZE_STEP) | (ratio <= 1 / _SIZE_STEP))
        .with_columns(ratio=ratio, beside=pl.col("value") / pl.col("around"))
    )
    for row in off.iter_rows(named=True):
        stands = row["beside"] is not None and 1 / _SIZE_STEP < row["beside"] < _SIZE_STEP
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
    found = common_factors(_pairs(both, amounts, "fund_ticker", "as_of_date"))
    factor = pl.col("factor")
    return found.filter((factor > _NEW_SNAPSHOT) | (factor < 1 / _NEW_SNAPSHOT)).select(list(BLOCKS))


# ---- another basis ---------------------------------------------------------------------------------------------------


def _other_basis(found: Blocks, table: PanelTable, rows: pl.DataFrame, preferred: pl.DataFrame) -> None:
    """Hold back tickers whose closes are a constant times those of a provider that goes before."""
    if preferred.is_empty():
        return
    both = rows.select("ticker", "session_date", "close_usd").join(
        preferred, on=["ticker", "session_date"], suffix="_held"
    )
    pairs = _pairs(both.with_row_index("position"), ["close_usd"], "ticker", "session_date")
    for block in common_factors(pairs).iter_rows(named=True):
        why = (
            f"{table.source} {block['group']}: {block['rows_count']} of {block['compared_count']} closes are "
            f"{told(block['factor'])} times those of the provider before ({block['first_period']} to "
            f"{block['last_period']}): another split basis or unit"
        )
        found.hold(table, BASIS_CHECK, block["group"], why)


def _levels_of_prices(
    found: Blocks, table: PanelTable, rows: pl.DataFrame, splits: pl.DataFrame, evidence: Evidence
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
    table: PanelTable,
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
    found: Blocks, table: PanelTable, moves: pl.DataFrame, doubted: pl.DataFrame, splits: pl.DataFrame
) -> None:
    """Hold back tickers whose close moves by a split's ratio where the split undone should leave no move.

    By 1/ratio: listed and never divided into the older prices, or into a part of them. By the ratio: done twice, or
    the prices were adjusted and only look as traded.
    """
    size = pl.max_horizontal("split_ratio", 1 / pl.col("split_ratio"))
    mine = splits.filter(pl.col("ticker").is_in(moves["ticker"].unique().implode()), size >= _LEAST_SPLIT)
    if mine.is_empty():
        return
    split = mine.rename({"session_date": "split_date"}).sort("ticker", "split_date")
    at_split = moves.filter(pl.col("factor").is_not_null()).join_where(
        split.rename({"ticker": "split_ticker"}),
        pl.col("ticker") == pl.col("split_ticker"),
        pl.col("before_date") < pl.col("split_date"),
        pl.col("session_date") >= pl.col("split_date"),
    )
    listed = set(unexplained_or_small(at_split, doubted))
    before_split = doubted.join(split, on="ticker").filter(pl.col("session_date") < pl.col("split_date"))
    for row in at_split.filter(pl.col("position").is_in(list(listed))).iter_rows(named=True):
        _tell_split(found, table, row, _SPLIT_MATCHES)
    for row in before_split.iter_rows(named=True):
        is_near = row["split_date"] - row["session_date"] <= _NEAR_SPLIT
        _tell_split(found, table, row, _SPLIT_MATCHES if is_near else _FAR_SPLIT_MATCHES, is_part=True)


def unexplained_or_small(at_split: pl.DataFrame, doubted: pl.DataFrame) -> list[int]:
    """Return the positions of moves on split days that nobody confirmed: those too small to be asked about as well."""
    small = (pl.col("factor") - 1).abs() <= LARGEST_RETURN_RATIO
    return at_split.filter(small | pl.col("position").is_in(doubted["position"].implode()))["position"].to_list()


def _tell_split(
    found: Blocks, table: PanelTable, row: Mapping[str, float], tolerance: float, *, is_part: bool = False
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


# ---- levels of funds -------------------------------------------------------------------------------------------------


def _levels_of_funds(found: Blocks, table: PanelTable, rows: pl.DataFrame, held: pl.DataFrame | None) -> None:
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
    table: PanelTable,
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
