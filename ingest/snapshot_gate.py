"""The gate of snapshot tables: millions of rows a day, judged in polars column by column, before anything lands.

Three ways to fail. A row is refused with the name of the first rule that it breaks, and the rest lands. A day whose
number of rows is far from that of the days before is refused whole. Where the columns are not those declared, or more
than a fifth of the rows is refused, the answer was misread: nothing of the table lands.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from statistics import median
from typing import Final

import polars as pl

from ingest.batch import Batch, CheckResult, GateResult
from ingest.clock import NEW_YORK
from ingest.dataset import Dataset, dataset
from ingest.rules.snapshot_rules import AHEAD_CHECK, CountRule, snapshot_rules

MISREAD_SHARE: Final = 0.2
"""Where more than this part of an answer is refused, it is the reading that is wrong."""

COLUMNS_CHECK: Final = "columns_are_declared"
UNIQUE_CHECK: Final = "keys_are_unique"
COUNT_CHECK: Final = "row_count_is_usual"
SOUND_CHECK: Final = "rows_are_mostly_sound"

AnswersBefore = Callable[[Dataset, int], Mapping[str, Mapping[date, int]]]
"""Of a table and so many days back, the rows of the largest answer of each group and day."""
Unusual = tuple[pl.Expr, str]
"""Which rows are too few or too many, and the sentence that says so."""

_REASON: Final = "reason"
_ANY_DAY: Final = date(2026, 1, 2)


@dataclass(frozen=True, slots=True)
class SnapshotJudgement:
    """What may land, what is refused (`reason` behind its columns), the checks, and why nothing may land, if so."""

    accepted: pl.DataFrame
    refused: pl.DataFrame
    checks: tuple[CheckResult, ...]
    held_back: str | None


def gate_with_snapshots(
    batch: Batch,
    gate: Callable[[Batch], GateResult],
    rows_before: Callable[[Dataset], Mapping[date, int]],
    now: datetime,
    answers_before: AnswersBefore | None = None,
) -> GateResult:
    """Judge the snapshot tables of a batch here and its other tables by `gate`; `now` is aware.

    `rows_before` and `answers_before` are as judge_snapshot wants them, the former asked for each snapshot table.
    """
    daily = {name: dataset(name) for name in batch.tables if dataset(name).is_in_daily_files}
    if not daily:
        return gate(batch)
    judged = {
        name: judge_snapshot(one, batch.tables[name], now, rows_before(one), answers_before)
        for name, one in daily.items()
    }
    rest = kept_in_rows(batch)
    others = gate(rest) if rest.tables else GateResult({}, {}, (), None)
    reasons = [one.held_back for one in judged.values() if one.held_back]
    accepted = dict(others.accepted) | {name: one.accepted for name, one in judged.items()}
    if reasons or others.held_back:  # all of a batch or nothing
        accepted = {name: rows.clear() for name, rows in accepted.items()}
    reasons = [f"{batch.name}: held back, nothing of this answer landed: {'; '.join(reasons)}"] if reasons else []
    return GateResult(
        accepted,
        dict(others.refused) | {name: one.refused for name, one in judged.items()},
        (*others.checks, *(check for one in judged.values() for check in one.checks)),
        "; ".join(text for text in (others.held_back, *reasons) if text) or None,
        others.pages,
    )


def kept_in_rows(batch: Batch) -> Batch:
    """Return the batch without its snapshot tables: what the gate of rows is asked to judge."""
    tables = {name: rows for name, rows in batch.tables.items() if not dataset(name).is_in_daily_files}
    return batch if len(tables) == len(batch.tables) else replace(batch, tables=tables)


def snapshot_checks(table: Dataset) -> dict[str, str]:
    """Return the checks of a snapshot table, and what each says when it passes."""
    says = {rule.name: f"There are no {rule.says}." for rule in snapshot_rules(table, _ANY_DAY).rows}
    return {
        COLUMNS_CHECK: "The columns are those declared.",
        **says,
        AHEAD_CHECK: "No row is of a day to come.",
        UNIQUE_CHECK: "No key stands twice with other values.",
        COUNT_CHECK: "A day, or a group's answer, has about as many rows as those before it.",
        SOUND_CHECK: f"At most {MISREAD_SHARE:.0%} of the rows is refused.",
    }


def judge_snapshot(
    table: Dataset,
    rows: pl.DataFrame,
    now: datetime,
    rows_before: Mapping[date, int],
    answers_before: AnswersBefore | None = None,
) -> SnapshotJudgement:
    """Judge the rows of one answer: columns of Dataset.rows_schema and `fetched_at`. `now` is aware.

    `rows_before`: how many rows are held of each day, for the days before those of the answer and for its own;
    `answers_before` says of a table how many the largest answer of each group and day had, and is asked where a rule
    wants it. Exact repeats count once. ConfigError where the table's declaration cannot be read.
    """
    nothing = rows.clear().with_columns(pl.lit("", dtype=pl.String).alias(_REASON))
    strange = _strange_columns(table, rows)
    if strange:
        check = _check(table, COLUMNS_CHECK, rows.height, strange)
        return SnapshotJudgement(rows.clear(), nothing, (check,), f"{table.id}: {strange}")
    if rows.is_empty():
        return SnapshotJudgement(rows, nothing, (), None)
    rules = snapshot_rules(table, now.astimezone(NEW_YORK).date())
    rows, clashing = _once(table, rows)
    broken = rows.select(rule.wrong.fill_null(value=False).alias(rule.name) for rule in rules.rows)
    counts = {name: int(broken[name].sum()) for name in broken.columns}
    checks = [_check(table, COLUMNS_CHECK, 0, "")]
    checks += [_check(table, rule.name, counts[rule.name], f"{counts[rule.name]:,} {rule.says}") for rule in rules.rows]
    clashes = int(clashing.sum())
    checks.append(_check(table, UNIQUE_CHECK, clashes, f"{clashes:,} rows whose key is there with other values"))
    reasons = [pl.when(broken[name]).then(pl.lit(name)) for name, count in counts.items() if count]
    reasons += [pl.when(clashing).then(pl.lit(UNIQUE_CHECK))] if clashes else []
    unusual = (
        _unusual_days(table, rows, rules.count, rows_before)
        if rules.count.within is None
        else _unusual_answers(table, rows, rules.count, answers_before(table, rules.count.within))
        if answers_before is not None
        else []
    )
    checks.append(_check(table, COUNT_CHECK, len(unusual), "; ".join(why for _, why in unusual)))
    reasons += [pl.when(which).then(pl.lit(f"{COUNT_CHECK}: {why}")) for which, why in unusual]
    return _judged(table, rows, reasons, checks, is_counted=bool(unusual))


def _judged(
    table: Dataset, rows: pl.DataFrame, reasons: Sequence[pl.Expr], checks: list[CheckResult], *, is_counted: bool
) -> SnapshotJudgement:
    if not reasons:  # the usual day: nothing is copied
        nothing = rows.clear().with_columns(pl.lit("", dtype=pl.String).alias(_REASON))
        return SnapshotJudgement(rows, nothing, (*checks, _check(table, SOUND_CHECK, 0, "")), None)
    reason = rows.select(pl.coalesce(*reasons).alias(_REASON)).to_series()
    is_refused = reason.is_not_null()
    refused = rows.filter(is_refused).with_columns(reason.filter(is_refused))
    is_misread = not is_counted and refused.height > MISREAD_SHARE * rows.height
    found = f"{refused.height:,} of {rows.height:,} rows are refused ({_commonest(refused)})"
    checks.append(_check(table, SOUND_CHECK, refused.height if is_misread else 0, found))
    if is_misread:
        return SnapshotJudgement(rows.clear(), refused, tuple(checks), f"{table.id}: {found}")
    return SnapshotJudgement(rows.filter(~is_refused), refused, tuple(checks), None)


def _strange_columns(table: Dataset, rows: pl.DataFrame) -> str:
    """Say which column is not as declared; an empty text where all are."""
    declared = {**table.rows_schema, "fetched_at": pl.Datetime("us")}
    for name, dtype in declared.items():
        if name not in rows.schema:
            return f"expected a column {name} ({dtype}), got none"
        if rows.schema[name] != dtype:
            return f"expected {name} as {dtype}, got {rows.schema[name]}"
    more = sorted(set(rows.columns) - set(declared))
    return f"got columns that are not declared: {', '.join(more)}" if more else ""


def _once(table: Dataset, rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.Series]:
    """Return the rows without exact repeats, and which of them share their key with a row of other values."""
    keys = list(table.key_names)
    if rows.select(keys).hash_rows().n_unique() == rows.height:  # where all hashes differ, all keys do
        return rows, pl.repeat(value=False, n=rows.height, dtype=pl.Boolean, eager=True)
    said = [*keys, *(column.name for column in table.attributes), *table.value_names, "stated_at"]
    is_double = _is_doubled(rows, keys)
    rows = pl.concat([rows.filter(~is_double), rows.filter(is_double).unique(said, keep="first", maintain_order=True)])
    return rows, _is_doubled(rows, keys)


def _is_doubled(rows: pl.DataFrame, keys: list[str]) -> pl.Series:
    """Say of each row whether another one has its key; a key of which a part is missing is like no other."""
    is_whole = ~pl.any_horizontal(pl.col(keys).is_null())
    return rows.select(pl.struct(keys).is_duplicated() & is_whole).to_series()


def _unusual_days(
    table: Dataset, rows: pl.DataFrame, rule: CountRule, rows_before: Mapping[date, int]
) -> list[Unusual]:
    """Return the days of which far fewer or more rows came than of the days before, each with a sentence.

    A second answer of a table with groups may bring only some of them, so its rows are not counted.
    """
    unusual: list[Unusual] = []
    for day, count in rows.group_by(table.period).len().drop_nulls().sort(table.period).iter_rows():
        before = [rows_before[one] for one in sorted(rows_before) if one < day][-rule.days :]
        if not before or (table.group is not None and day in rows_before):
            continue
        usual = median(before)
        if not rule.least * usual <= count <= rule.most * usual:
            why = f"{count:,} rows of {day}, {usual:,.0f} on the {len(before)} days before it"
            unusual.append((pl.col(table.period) == day, why))
    return unusual


def _unusual_answers(
    table: Dataset, rows: pl.DataFrame, rule: CountRule, held: Mapping[str, Mapping[date, int]]
) -> list[Unusual]:
    """Return the answers in which a group has far fewer or more rows than lately: a list that was cut short."""
    assert table.group is not None
    assert rule.within is not None
    unusual: list[Unusual] = []
    group, payload = pl.col(table.group), pl.col("payload_sha256")
    answers = rows.group_by(group, payload, maintain_order=True).agg(pl.len(), day=pl.col(table.period).max())
    for name, sha, count, day in answers.drop_nulls().iter_rows():
        lately = [count for on, count in sorted(held.get(name, {}).items()) if 0 <= (day - on).days <= rule.within]
        usual = median(lately[-rule.days :]) if lately else None
        if usual is not None and not rule.least * usual <= count <= rule.most * usual:
            why = f"{count:,} rows of {name}, {usual:,.0f} lately: the answer is cut short or of something else"
            unusual.append(((group == name) & (payload == sha), why))
    return unusual


def _commonest(refused: pl.DataFrame) -> str:
    counted = refused[_REASON].value_counts(sort=True).head(3)
    return ", ".join(f"{count:,} {reason}" for reason, count in counted.iter_rows())


def _check(table: Dataset, name: str, failed: int, found: str) -> CheckResult:
    summary = found if failed else "passed"
    return CheckResult(table.id, name, "error", not failed, failed, json.dumps({"summary": summary}))
