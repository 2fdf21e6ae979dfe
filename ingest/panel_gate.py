"""The gate of panel tables: Great Expectations on what a desk brings, table by table, before anything lands.

polars measures each row (how far a close lies outside its range, by how much assets differ from shares x NAV); the
suites are bounds on these measures, so that a table of 400,000 rows is judged in about a second. Whole blocks (a
history multiplied by one factor, a run at another level, a split not done) are looked for by rules.panel_blocks. The
ways to fail are those of ingest.gate: a critical check holds the whole desk back, a group or a row is refused with its
reason and the rest lands, a warning tells.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any, Final

import polars as pl

from ingest.batch import Batch, CheckResult, GateResult
from ingest.catalog.calendars import working_days
from ingest.clock import NEW_YORK
from ingest.dataset import Dataset, dataset
from ingest.rules.dividend_sense import DIVIDEND_CHECK, senseless_dividends
from ingest.rules.doubles import dataset_key, one_row_each, panel_clashes
from ingest.rules.evidence import Evidence
from ingest.rules.expectations import Check, Verdict, validate
from ingest.rules.found_blocks import (
    BASIS_CHECK,
    FACTOR_CHECK,
    LEVEL_CHECK,
    MOVE_CHECK,
    SPLIT_CHECK,
    Blocks,
)
from ingest.rules.panel_blocks import find_blocks
from ingest.rules.panel_rules import AGREED, COMPLETE, DAYS_AHEAD, SESSIONS_LOOKED_AT, Rule, measures_of, rules_of
from ingest.rules.price_moves import large_moves

__all__ = ["DAYS_AHEAD", "Evidence", "large_moves", "panel_gate", "rule_names"]

_EXAMPLES: Final = 5
_BLOCK_CHECKS: Final[Mapping[str, str]] = {
    FACTOR_CHECK: "histories that came back multiplied by one factor",
    LEVEL_CHECK: "runs of values at another level than those around them",
    SPLIT_CHECK: "tickers whose prices do not show a split that is listed, or show it twice",
    BASIS_CHECK: "tickers whose closes are a multiple of those of the provider before",
}


def rule_names(table: Dataset) -> dict[str, str]:
    """Return the names of the checks of a table, and what each finds."""
    rules = [*rules_of(table), *([COMPLETE] if table.name in ("prices", "fund_days") else [])]
    rules += [AGREED] if table.name == "intervals" else []
    named = {rule.name: f"Finds {rule.says}." for rule in rules}
    return named | {name: f"Finds {_BLOCK_CHECKS[name]}." for name in _block_checks(table)}


def panel_gate(batch: Batch, evidence: Evidence, now: datetime) -> GateResult:
    """Judge one desk's batch. `now` is aware.

    Returned frames have the columns of `batch.tables`, `refused` with `reason` behind them. Repeats count once; two
    rows with one key that differ refuse their group (ticker, fund): nothing says which of them counts.
    """
    batch = replace(
        batch, tables={name: one_row_each(rows, dataset_key(dataset(name))) for name, rows in batch.tables.items()}
    )
    today = now.astimezone(NEW_YORK).date()
    accepted: dict[str, pl.DataFrame] = {}
    refused: dict[str, pl.DataFrame] = {}
    checks: list[CheckResult] = []
    held_back: list[str] = []
    pages: dict[str, str] = {}
    tables = {table_id: dataset(table_id) for table_id in batch.tables}
    known = _splits_known(batch, evidence)
    sound = {table_id: _keyed(tables[table_id], rows) for table_id, rows in batch.tables.items()}
    blocks = find_blocks(sound, tables, known, evidence, today)
    whole = _groups_held(batch, tables, blocks)
    for table_id, rows in batch.tables.items():
        table = tables[table_id]
        if rows.is_empty():
            accepted[table_id], refused[table_id] = rows, rows.with_columns(reason=pl.lit("", dtype=pl.String))
            continue
        senseless = _senseless(table, rows, batch, known, evidence)
        verdicts = _judge(table, rows, today, blocks, senseless, pages)
        checks += [_result(table, rule, verdict, rows) for rule, verdict in verdicts]
        checks += [_block_result(table, name, blocks) for name in _block_checks(table)]
        held_back += [
            f"{len(verdict.failing)} {rule.says} in {table_id} ({_examples(table, rows, verdict.failing)})"
            for rule, verdict in verdicts
            if rule.holds_back and not verdict.passed
        ]
        told = {**blocks.rows.get(table_id, {}), **{at: f"{DIVIDEND_CHECK}: {why}" for at, why in senseless.items()}}
        clash = panel_clashes(table, rows, table.history).alias("clash")
        judged = rows.with_columns(clash, _reasons(rows, verdicts, told, whole.get(table_id)))
        judged = judged.with_columns(reason=pl.coalesce("key_is_unique: " + pl.col("clash"), "reason")).drop("clash")
        accepted[table_id] = judged.filter(pl.col("reason").is_null()).drop("reason")
        refused[table_id] = judged.filter(pl.col("reason").is_not_null())
        if table.name in ("prices", "fund_days"):
            checks.append(_completeness(table, accepted[table_id], pages))
        if table_id in batch.compared:
            checks.append(_agreement(table, batch.compared[table_id], pages))
    if held_back:
        accepted = {table_id: rows.clear() for table_id, rows in accepted.items()}
        sentence = f"{batch.name}: held back, nothing of this answer landed: {'; '.join(held_back)}"
        return GateResult(accepted, refused, checks, sentence, pages)
    return GateResult(accepted, refused, checks, None, pages)


# ---- blocks ----------------------------------------------------------------------------------------------------------


def _block_checks(table: Dataset) -> tuple[str, ...]:
    has_numbers = any(column.dtype == pl.Float64 for column in table.values)
    if table.history is None or not has_numbers:
        return ()
    more = {"prices": (LEVEL_CHECK, SPLIT_CHECK, BASIS_CHECK), "fund_days": (LEVEL_CHECK,)}
    return (FACTOR_CHECK, *more.get(table.name, ()))


def _keyed(table: Dataset, rows: pl.DataFrame) -> pl.DataFrame:
    """Return the rows without groups in which two clash; none where a key is missing: the desk is held back anyway."""
    keys = [column.name for column in table.keys]
    if rows.select(keys).null_count().sum_horizontal().sum():
        return rows.clear()
    sound = rows.filter(panel_clashes(table, rows, table.history).is_null())
    return sound.clear() if sound.select(keys).is_duplicated().any() else sound


def _groups_held(batch: Batch, tables: Mapping[str, Dataset], blocks: Blocks) -> dict[str, dict[str, str]]:
    """Return per table the groups held back: what one payload says of a group falls together."""
    held = [(table_id, group, why) for table_id, groups in blocks.groups.items() for group, why in groups.items()]
    whole: dict[str, dict[str, str]] = {table_id: dict(groups) for table_id, groups in blocks.groups.items()}
    for table_id, group, why in held:
        column = tables[table_id].history
        bodies = batch.tables[table_id].filter(pl.col(str(column)) == group)["payload_sha256"].unique()
        for other_id, other in tables.items():
            theirs = other.history
            if theirs is None or other_id == table_id or batch.tables[other_id].is_empty():
                continue
            mine = batch.tables[other_id].filter(pl.col(theirs) == group)
            if mine["payload_sha256"].is_in(bodies.implode()).any():
                whole.setdefault(other_id, {}).setdefault(group, why)
    return whole


def _block_result(table: Dataset, name: str, blocks: Blocks) -> CheckResult:
    told = blocks.checks.get((table.id, name), [])
    more = f", and {len(told) - _EXAMPLES} more" if len(told) > _EXAMPLES else ""
    return CheckResult(
        asset=table.id,
        name=name,
        severity="error",
        passed=not told,
        failed_count=len(told),
        detail=json.dumps({"summary": "; ".join(told[:_EXAMPLES]) + more if told else "passed"}),
    )


def _senseless(
    table: Dataset, rows: pl.DataFrame, batch: Batch, splits: pl.DataFrame, evidence: Evidence
) -> dict[int, str]:
    """Return why dividends are refused, by position."""
    if table.name != "dividends":
        return {}
    prices, columns = f"{table.source}.prices", ["ticker", "session_date", "close_usd"]
    tables = (batch.tables.get(prices), evidence.held.get(prices))
    closes = pl.concat(
        [frame.select(columns) for frame in tables if frame is not None and not frame.is_empty()]
        or [Evidence.none().closes]
    )
    known = evidence.held.get(table.id)
    return senseless_dividends(
        rows, closes.unique(["ticker", "session_date"], keep="first"), splits, rows.clear() if known is None else known
    )


def _splits_known(batch: Batch, evidence: Evidence) -> pl.DataFrame:
    """Return the splits held and those that came with the batch, which speak first."""
    columns = evidence.splits.columns
    own = [rows.select(columns) for name, rows in batch.tables.items() if dataset(name).name == "splits"]
    return pl.concat([*own, evidence.splits]).unique(["ticker", "session_date"], keep="first", maintain_order=True)


def _completeness(table: Dataset, rows: pl.DataFrame, pages: dict[str, str]) -> CheckResult:
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
    (rule, verdict), *_ = _verdicts((COMPLETE,), measured, f"{table.id} tickers", pages)
    failing = measured[verdict.failing[:_EXAMPLES]]
    told = ", ".join(
        f"{ticker} ({count} missing)" for ticker, count in failing.select("ticker", "missing_sessions").rows()
    )
    return _check_result(table, rule, verdict, told)


def _agreement(table: Dataset, compared: pl.DataFrame, pages: dict[str, str]) -> CheckResult:
    """Warn of members whose date of joining two sources tell differently, the largest differences first."""
    measured = compared.sort("days_apart", "ticker", descending=[True, False])
    (rule, verdict), *_ = _verdicts((AGREED,), measured, f"{table.id} dates of joining", pages)
    told = ", ".join(
        f"{ticker} (file {file}, list {listed})"
        for ticker, file, listed, _ in measured[verdict.failing[:_EXAMPLES]].rows()
    )
    return _check_result(table, rule, verdict, told)


# ---- the judgement -------------------------------------------------------------------------------------------------


def _verdicts(
    rules: Sequence[Rule], measures: pl.DataFrame, name: str, pages: dict[str, str]
) -> list[tuple[Rule, Verdict]]:
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


def _judge(
    table: Dataset,
    rows: pl.DataFrame,
    today: date,
    blocks: Blocks,
    senseless: Mapping[int, str],
    pages: dict[str, str],
) -> list[tuple[Rule, Verdict]]:
    off_level = [at for at, why in blocks.rows.get(table.id, {}).items() if why.startswith(MOVE_CHECK)]
    measures = measures_of(table, rows, today, off_level, list(senseless))
    return _verdicts(rules_of(table), measures, table.id, pages)


def _reasons(
    rows: pl.DataFrame,
    verdicts: Sequence[tuple[Rule, Verdict]],
    told: Mapping[int, str],
    held: Mapping[str, str] | None,
) -> pl.Series:
    """Return why each refused row is refused, NULL for the others.

    What was found about the row itself (`told`) comes before the rule in general, in the order of the rules; what
    holds its whole group back (`held`) comes last.
    """
    found: dict[int, str] = {}
    for rule, verdict in verdicts:
        if rule.refuses or rule.holds_back:
            for place in verdict.failing:
                why = told.get(place, "")
                said = why if why.startswith(f"{rule.name}: ") else f"{rule.name}: one of the {rule.says}"
                found.setdefault(place, said)
    for place, why in told.items():
        found.setdefault(place, why)
    if held:
        column = next(name for name in ("ticker", "fund_ticker", "category") if name in rows.columns)
        groups = rows[column].is_in(list(held))
        for place in groups.arg_true():
            found.setdefault(place, held[rows[column][place]])
    reasons = pl.DataFrame(
        {"position": list(found), "reason": list(found.values())}, schema={"position": pl.Int64, "reason": pl.String}
    )
    at = pl.DataFrame({"position": pl.int_range(rows.height, eager=True)})
    return at.join(reasons, on="position", how="left", maintain_order="left")["reason"]


def _result(table: Dataset, rule: Rule, verdict: Verdict, rows: pl.DataFrame) -> CheckResult:
    return _check_result(table, rule, verdict, _examples(table, rows, verdict.failing))


def _check_result(table: Dataset, rule: Rule, verdict: Verdict, examples: str) -> CheckResult:
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


def _examples(table: Dataset, rows: pl.DataFrame, failing: Sequence[int]) -> str:
    """Name the first few failing rows for a person."""
    names = [column.name for column in table.keys] + [c.name for c in table.values if c.dtype == pl.Float64]
    shown: list[tuple[Any, ...]] = rows[list(failing[:_EXAMPLES])].select(names).rows()
    return ", ".join(" ".join("-" if cell is None else str(cell) for cell in row) for row in shown)
