"""The gate of panel tables: Great Expectations on what a desk brings, table by table, before anything lands.

polars measures each row (how far a close lies outside its range, by how much assets differ from shares x NAV); the
suites are bounds on these measures, so that a table of 400,000 rows is judged in about a second. The ways to fail are
those of ingest.gate: a critical check holds the whole desk back, a row is refused with its reason, a warning tells.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

import polars as pl

from ingest.catalog.calendars import working_days
from ingest.catalog.confirmed_moves import load_confirmed_moves
from ingest.clock import NEW_YORK
from ingest.expectations import Check, Severity, Verdict, validate
from ingest.kit import CheckResult
from ingest.membership_evidence import DAYS_APART
from ingest.panel import PanelTable, panel_table
from ingest.panel_kit import PanelBatch, PanelGateResult

DAYS_AHEAD: Final[Mapping[str, int]] = {"intervals": 31, "splits": 31}
"""Index changes and splits are announced weeks ahead; of other tables no row is dated after the day of the fetch."""

LARGEST_RETURN_RATIO: Final = 0.40
IDENTITY_TOLERANCE_RATIO: Final = 0.001

_COUNTED_TO_SHARES: Final = {"proshares": 1000.0}
"""ProShares prints thousands, restated to today's splits: early counts of its inverse funds round to nothing."""

RANGE_TOLERANCE_RATIO: Final = 1e-5  # Yahoo's prices have seven digits
SESSIONS_LOOKED_AT: Final = 30

_EXAMPLES = 5
_CLOSES = {"ticker": pl.String, "session_date": pl.Date, "close_usd": pl.Float64}
_IS_LARGE = pl.col("unexplained_return_ratio") > LARGEST_RETURN_RATIO
_SAME_CLOSE = 0.01  # two providers' closes of one day differ by less


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is held and helps to judge prices: splits of any provider, closes of the other providers.

    `splits`: ticker, session_date, split_ratio. `closes`: ticker, session_date, close_usd, of what large_moves names.
    """

    splits: pl.DataFrame
    closes: pl.DataFrame

    @classmethod
    def none(cls) -> Evidence:
        """Return empty evidence."""
        splits = {"ticker": pl.String, "session_date": pl.Date, "split_ratio": pl.Float64}
        return cls(pl.DataFrame(schema=splits), pl.DataFrame(schema=_CLOSES))


@dataclass(frozen=True, slots=True)
class _Rule:
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
    _Rule("keys_are_there", "error", "missing_keys", "rows without a key", at_most=0, holds_back=True),
    _Rule(
        "key_is_unique", "error", "rows_of_key", "rows that share their key with another", at_most=1, holds_back=True
    ),
    _Rule(
        "values_are_finite", "error", "unfinite_values", "rows with an infinite value or NaN", at_most=0, refuses=True
    ),
    _Rule("period_is_not_ahead", "error", "days_too_far_ahead", "rows dated ahead", at_most=0, refuses=True),
)
# 5e-324 is the smallest number above zero.
_AMOUNTS: Final = (
    _Rule(
        "amounts_are_positive",
        "warn",
        "lowest_amount",
        "amounts not above zero or counts below it",
        at_least=5e-324,
        refuses=True,
    ),
)
_ON_SESSIONS: Final = (
    _Rule("period_is_a_session", "warn", "off_session", "days without an NYSE session", at_most=0, refuses=True),
)
_BARS: Final = (
    _Rule(
        "close_is_between_low_and_high",
        "warn",
        "outside_range_ratio",
        "closes outside the day's range",
        at_most=RANGE_TOLERANCE_RATIO,
        refuses=True,
    ),
    _Rule(
        "large_return_is_confirmed",
        "warn",
        "unexplained_return_ratio",
        f"closes that moved by more than {LARGEST_RETURN_RATIO:.0%} without a split",
        at_most=LARGEST_RETURN_RATIO,
        refuses=True,
    ),
)
_FUNDS: Final = (
    _Rule(
        "assets_are_shares_times_nav",
        "warn",
        "identity_ratio",
        "days on which assets are not shares x NAV",
        at_most=IDENTITY_TOLERANCE_RATIO,
        refuses=True,
    ),
)
_COMPLETE: Final = _Rule(
    "sessions_are_complete",
    "warn",
    "missing_sessions",
    f"tickers without a row for each of the last {SESSIONS_LOOKED_AT} NYSE sessions",
    at_most=0,
)

_AGREED: Final = _Rule(
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


def rule_names(table: PanelTable) -> dict[str, str]:
    """Return the names of the checks of a table, and what each finds."""
    rules = [*_rules(table), *([_COMPLETE] if table.name in ("prices", "fund_days") else [])]
    rules += [_AGREED] if table.name == "intervals" else []
    return {rule.name: f"Finds {rule.says}." for rule in rules}


def panel_gate(batch: PanelBatch, evidence: Evidence, now: datetime) -> PanelGateResult:
    """Judge one desk's batch. `now` is aware.

    Returned frames have the columns of `batch.tables`, `refused` with `reason` behind them. Doubled keys hold the desk
    back: one answer that says two things is not read right.
    """
    today = now.astimezone(NEW_YORK).date()
    accepted: dict[str, pl.DataFrame] = {}
    refused: dict[str, pl.DataFrame] = {}
    checks: list[CheckResult] = []
    held_back: list[str] = []
    pages: dict[str, str] = {}
    known = _splits_known(batch, evidence)
    for table_id, rows in batch.tables.items():
        table = panel_table(table_id)
        if rows.is_empty():
            accepted[table_id], refused[table_id] = rows, rows.with_columns(reason=pl.lit("", dtype=pl.String))
            continue
        verdicts = _judge(table, rows, known, evidence, today, pages)
        checks += [_result(table, rule, verdict, rows) for rule, verdict in verdicts]
        held_back += [
            f"{len(verdict.failing)} {rule.says} in {table_id} ({_examples(table, rows, verdict.failing)})"
            for rule, verdict in verdicts
            if rule.holds_back and not verdict.passed
        ]
        judged = rows.with_columns(_reasons(rows, verdicts))
        accepted[table_id] = judged.filter(pl.col("reason").is_null()).drop("reason")
        refused[table_id] = judged.filter(pl.col("reason").is_not_null())
        if table.name in ("prices", "fund_days"):
            checks.append(_completeness(table, accepted[table_id], pages))
        if table_id in batch.compared:
            checks.append(_agreement(table, batch.compared[table_id], pages))
    if held_back:
        accepted = {table_id: rows.clear() for table_id, rows in accepted.items()}
        sentence = f"{batch.name}: held back, nothing of this answer landed: {'; '.join(held_back)}"
        return PanelGateResult(accepted, refused, checks, sentence, pages)
    return PanelGateResult(accepted, refused, checks, None, pages)


def large_moves(rows: pl.DataFrame, splits: pl.DataFrame) -> pl.DataFrame:
    """Return ticker and session_date of the closes that only a list or a second source can confirm.

    And those of the closes before them: a second source that has the one without the other does not show the move.
    """
    doubted = rows.select(list(_CLOSES)).hstack(_moves(rows, splits)).filter(_IS_LARGE)
    before = doubted.select("ticker", session_date="before_date")
    return pl.concat([doubted.select("ticker", "session_date"), before]).unique(maintain_order=True)


# ---- what is measured ----------------------------------------------------------------------------------------------


def _rules(table: PanelTable) -> tuple[_Rule, ...]:
    rules: tuple[_Rule, ...] = _EVERY_TABLE
    if table.name in _AMOUNT_COLUMNS:
        rules += _AMOUNTS
    if table.name == "prices":
        rules += (*_ON_SESSIONS, *_BARS)
    if table.name == "fund_days":
        rules += _FUNDS
    return rules


def _judge(
    table: PanelTable,
    rows: pl.DataFrame,
    splits: pl.DataFrame,
    evidence: Evidence,
    today: date,
    pages: dict[str, str],
) -> list[tuple[_Rule, Verdict]]:
    measures = rows.select(_of_every_row(table, today))
    if table.name in _AMOUNT_COLUMNS:
        counts = (pl.col(name) for name in _COUNT_COLUMNS.get(table.name, ()))
        below_zero = (pl.when(count < 0).then(count) for count in counts)
        lowest = pl.min_horizontal(*_AMOUNT_COLUMNS[table.name], *below_zero)
        measures = measures.hstack(rows.select(lowest_amount=lowest))
    if table.name == "prices":
        measures = measures.with_columns(*_of_bars(rows), _confirmed(rows, splits, evidence))
    if table.name == "fund_days":
        assets, product = pl.col("net_assets_usd"), pl.col("nav_usd") * pl.col("shares_outstanding_count")
        rounding = pl.col("nav_usd") * (_COUNTED_TO_SHARES.get(table.source, 1.0) / 2)
        beyond = ((assets - product).abs() - rounding).clip(lower_bound=0.0)
        measures = measures.hstack(rows.select(identity_ratio=beyond / assets.abs()))
    return _verdicts(_rules(table), measures, table.id, pages)


def _of_every_row(table: PanelTable, today: date) -> list[pl.Expr]:
    keys = [column.name for column in table.keys]
    numbers = [column.name for column in table.values if column.dtype == pl.Float64]
    return [
        pl.sum_horizontal(pl.col(name).is_null() for name in (*keys, "payload_sha256", "fetched_at"))
        .cast(pl.Int64)
        .alias("missing_keys"),
        pl.len().over(keys).cast(pl.Int64).alias("rows_of_key"),
        pl.sum_horizontal(pl.lit(0), *(pl.col(name).is_finite().not_().fill_null(False) for name in numbers))
        .cast(pl.Int64)
        .alias("unfinite_values"),
        (pl.col(table.period) - pl.lit(today + timedelta(days=DAYS_AHEAD.get(table.name, 0))))
        .dt.total_days()
        .alias("days_too_far_ahead"),
    ]


def _of_bars(rows: pl.DataFrame) -> list[pl.Series]:
    first, last = rows["session_date"].min(), rows["session_date"].max()
    assert isinstance(first, date)
    assert isinstance(last, date)
    sessions = pl.Series(working_days("nyse", first, last), dtype=pl.Date)
    close = pl.col("close_usd")
    outside = pl.max_horizontal(pl.col("low_usd") - close, close - pl.col("high_usd"))
    return rows.select(
        off_session=pl.col("session_date").is_in(sessions.implode()).not_().cast(pl.Int64),
        outside_range_ratio=outside / close,
    ).get_columns()


def _confirmed(rows: pl.DataFrame, splits: pl.DataFrame, evidence: Evidence) -> pl.Series:
    """Return unexplained_return_ratio, NULL where a move is listed or another provider shows the same one.

    The close of the day alone is no evidence: after a split that we were not told, theirs is ours. Theirs of the day
    before tells the two apart, for it is divided by the split.
    """
    moves = _moves(rows, splits)
    returns = moves["unexplained_return_ratio"]
    doubted = rows.select(list(_CLOSES)).hstack(moves).with_row_index("position").filter(_IS_LARGE)
    if doubted.is_empty():
        return returns
    key = ["ticker", "session_date"]
    listed = doubted.join(load_confirmed_moves(), on=key, how="semi")
    before = evidence.closes.rename({"session_date": "before_date", "close_usd": "before_usd_second"})
    second = (
        doubted.join(evidence.closes, on=key, suffix="_second")
        .join(before, on=["ticker", "before_date"])
        .filter(
            *((pl.col(f"{name}_second") / pl.col(name) - 1).abs() < _SAME_CLOSE for name in ("close_usd", "before_usd"))
        )
    )
    places = pl.concat([listed["position"], second["position"]])
    at = pl.int_range(pl.len(), dtype=pl.UInt32)
    return returns.to_frame().select(pl.when(at.is_in(places.implode()).not_()).then(returns.name).alias(returns.name))[
        returns.name
    ]


def _moves(rows: pl.DataFrame, splits: pl.DataFrame) -> pl.DataFrame:
    """Return unexplained_return_ratio, before_date, before_usd in the order of `rows`.

    The first is the size of each close's move from the one before, splits in between undone; the others are the day of
    that close, and what it is on the split basis of this one. A close that comes back from a bad one moved too: it is
    compared with the last good one.
    """
    order = ["ticker", "session_date"]
    bases = (
        splits.filter(pl.col("split_ratio") > 0)
        .unique(order)
        .sort(order)
        .select(*order, basis=pl.col("split_ratio").cum_prod().over("ticker"))
    )
    closes = (
        rows.select(*_CLOSES)
        .with_row_index("position")
        .filter(pl.col("close_usd") > 0)
        .sort(order)
        .join_asof(bases, on="session_date", by="ticker", check_sortedness=False)
        .with_columns(level=pl.col("close_usd") * pl.col("basis").fill_null(1.0))
    )
    before, one_more = (pl.col("level").shift(by).over("ticker") for by in (1, 2))
    moved = closes.with_columns(
        before_date=pl.col("session_date").shift(1).over("ticker"),
        before_usd=before / pl.col("basis").fill_null(1.0),
        step=(pl.col("level") / before - 1).abs(),
        since_good=(pl.col("level") / one_more - 1).abs(),
    ).with_columns(was_bad=(pl.col("step") > LARGEST_RETURN_RATIO).shift(1).over("ticker").fill_null(value=False))
    is_back = pl.col("was_bad") & (pl.col("since_good") <= LARGEST_RETURN_RATIO)
    found = moved.select(
        "position",
        "before_date",
        "before_usd",
        unexplained_return_ratio=pl.when(is_back).then("since_good").otherwise("step"),
    )
    positions = pl.DataFrame({"position": pl.int_range(rows.height, dtype=pl.UInt32, eager=True)})
    return positions.join(found, on="position", how="left", maintain_order="left").drop("position")


def _splits_known(batch: PanelBatch, evidence: Evidence) -> pl.DataFrame:
    """Return the splits held and those that came with the batch, which speak first."""
    columns = evidence.splits.columns
    own = [rows.select(columns) for name, rows in batch.tables.items() if panel_table(name).name == "splits"]
    return pl.concat([*own, evidence.splits]).unique(["ticker", "session_date"], keep="first", maintain_order=True)


def _completeness(table: PanelTable, rows: pl.DataFrame, pages: dict[str, str]) -> CheckResult:
    """Warn of tickers that lack one of the last sessions up to their own newest one."""
    newest = rows.group_by("ticker").agg(last=pl.col(table.period).max(), first=pl.col(table.period).min())
    ends = newest.select(pl.col("first").min(), pl.col("last").max()).row(0) if newest.height else (None, None)
    if ends[0] is None:
        measured = pl.DataFrame(schema={"ticker": pl.String, "missing_sessions": pl.Int64})
    else:
        back = min(ends[0], ends[1] - timedelta(days=2 * SESSIONS_LOOKED_AT))
        sessions = pl.DataFrame({"on": working_days("nyse", back, ends[1])}, schema={"on": pl.Date})
        due = (
            newest.join_where(sessions, pl.col("on") <= pl.col("last"), pl.col("on") >= pl.col("first"))
            .sort("ticker", "on")
            .group_by("ticker", maintain_order=True)
            .tail(SESSIONS_LOOKED_AT)
        )
        lacking = due.join(rows, left_on=["ticker", "on"], right_on=["ticker", table.period], how="anti")
        measured = (
            newest.select("ticker")
            .sort("ticker")
            .join(lacking.group_by("ticker").agg(missing_sessions=pl.len().cast(pl.Int64)), on="ticker", how="left")
            .with_columns(pl.col("missing_sessions").fill_null(0))
        )
    (rule, verdict), *_ = _verdicts((_COMPLETE,), measured, f"{table.id} tickers", pages)
    failing = measured[verdict.failing[:_EXAMPLES]]
    told = ", ".join(
        f"{ticker} ({count} missing)" for ticker, count in failing.select("ticker", "missing_sessions").rows()
    )
    return _check_result(table, rule, verdict, told)


def _agreement(table: PanelTable, compared: pl.DataFrame, pages: dict[str, str]) -> CheckResult:
    """Warn of members whose date of joining two sources tell differently, the largest differences first."""
    measured = compared.sort("days_apart", "ticker", descending=[True, False])
    (rule, verdict), *_ = _verdicts((_AGREED,), measured, f"{table.id} dates of joining", pages)
    told = ", ".join(
        f"{ticker} (file {file}, list {listed})"
        for ticker, file, listed, _ in measured[verdict.failing[:_EXAMPLES]].rows()
    )
    return _check_result(table, rule, verdict, told)


# ---- the judgement -------------------------------------------------------------------------------------------------


def _verdicts(
    rules: Sequence[_Rule], measures: pl.DataFrame, name: str, pages: dict[str, str]
) -> list[tuple[_Rule, Verdict]]:
    from great_expectations import expectations as gxe

    checks = [
        Check(
            rule.name,
            rule.severity,
            gxe.ExpectColumnValuesToBeBetween(column=rule.measure, min_value=rule.at_least, max_value=rule.at_most),
            rule.says,
            holds_back=rule.holds_back,
        )
        for rule in rules
    ]
    wanted = measures.select(rule.measure for rule in rules)
    return list(zip(rules, validate(wanted, checks, name, pages), strict=True))


def _reasons(rows: pl.DataFrame, verdicts: Sequence[tuple[_Rule, Verdict]]) -> pl.Series:
    """Return why each refused row is refused (the first rule that it breaks), NULL for the others."""
    found: dict[int, str] = {}
    for rule, verdict in verdicts:
        if rule.refuses or rule.holds_back:
            for place in verdict.failing:
                found.setdefault(place, f"{rule.name}: one of the {rule.says}")
    reasons = pl.DataFrame(
        {"position": list(found), "reason": list(found.values())}, schema={"position": pl.Int64, "reason": pl.String}
    )
    at = pl.DataFrame({"position": pl.int_range(rows.height, eager=True)})
    return at.join(reasons, on="position", how="left", maintain_order="left")["reason"]


def _result(table: PanelTable, rule: _Rule, verdict: Verdict, rows: pl.DataFrame) -> CheckResult:
    return _check_result(table, rule, verdict, _examples(table, rows, verdict.failing))


def _check_result(table: PanelTable, rule: _Rule, verdict: Verdict, examples: str) -> CheckResult:
    count = len(verdict.failing)
    more = ", …" if count > _EXAMPLES else ""
    summary = "passed" if verdict.passed else f"{count} {rule.says}: {examples}{more}"
    return CheckResult(
        asset=table.id,
        name=rule.name,
        severity=rule.severity,
        passed=verdict.passed,
        failed_count=count,
        detail=json.dumps({"summary": summary, **verdict.detail}, default=str),
    )


def _examples(table: PanelTable, rows: pl.DataFrame, failing: Sequence[int]) -> str:
    """Name the first few failing rows for a person."""
    names = [column.name for column in table.keys] + [c.name for c in table.values if c.dtype == pl.Float64]
    shown: list[tuple[Any, ...]] = rows[list(failing[:_EXAMPLES])].select(names).rows()
    return ", ".join(" ".join("-" if cell is None else str(cell) for cell in row) for row in shown)
