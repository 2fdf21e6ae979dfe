"""The gate: Great Expectations on what arrives, dataset by dataset, before anything lands.

What holds a dataset is declared beside its columns (see rules.declared). polars takes the measures, the suites are
bounds on them: one suite looks at rows, one at groups (series, tickers). Searches look for what no single row shows:
histories multiplied, runs off their level, spikes, splits not done.

Three ways to fail: a critical rule holds the whole batch back; a group or a row is refused with its reason and the rest
lands; a warning is reported. `CheckResult.detail` is JSON: a `summary` for people, and the expectation, its arguments
and result as Great Expectations reports them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

import polars as pl

from ingest.batch import Batch, CheckResult, GateResult
from ingest.catalog import Catalog
from ingest.dataset import Dataset, dataset
from ingest.rules.arrived import Arrived
from ingest.rules.common_rules import numbers_of
from ingest.rules.declared import rules_of
from ingest.rules.doubles import dataset_key, one_row_each
from ingest.rules.evidence import Evidence
from ingest.rules.expectations import Verdict, validate
from ingest.rules.findings import Findings
from ingest.rules.rule import GroupRules, Rule, Rules

_EXAMPLES: Final = 5


def gate(
    batch: Batch,
    catalog: Catalog,
    evidence: Evidence,
    now: datetime,
    *,
    declared: Callable[[str], Dataset] = dataset,
) -> GateResult:
    """Judge one batch beside what is held. `now` is aware. `declared` finds a dataset by its id.

    Returned frames have the columns of `batch.tables`, `refused` with `reason` behind them. Repeats count once; two
    rows with one key that differ refuse their group (series, ticker, fund): nothing says which of them counts.
    """
    tables = {table_id: declared(table_id) for table_id in batch.tables}
    once = {name: one_row_each(rows, dataset_key(tables[name])) for name, rows in batch.tables.items()}
    batch = replace(batch, tables=once)
    arrived = {
        name: Arrived(tables[name], rows.with_row_index("position"), batch, catalog, evidence, now)
        for name, rows in once.items()
    }
    for table in arrived.values():
        table.beside = arrived
    judgements = [_Judgement(came, rules_of(came.dataset)) for came in arrived.values() if not came.rows.is_empty()]
    held_back = [sentence for one in judgements for sentence in one.held_back(several=len(judgements) > 1)]
    found = Findings()
    if not held_back:
        for one in judgements:
            one.search(found)
        _refuse_what_came_together(arrived, found)
    reasons = {one.arrived.dataset.id: one.judge(found, is_held_back=bool(held_back)) for one in judgements}
    nothing = pl.Series([], dtype=pl.String)
    judged = {name: rows.with_columns(reason=reasons.get(name, nothing)) for name, rows in once.items()}
    is_sound = pl.col("reason").is_null() & pl.lit(not held_back)
    return GateResult(
        {name: rows.filter(is_sound).drop("reason") for name, rows in judged.items()},
        {name: rows.filter(pl.col("reason").is_not_null()) for name, rows in judged.items()},
        tuple(check for one in judgements for check in one.checks),
        f"{batch.name}: held back, nothing of this answer landed: {'; '.join(held_back)}" if held_back else None,
        {name: page for one in judgements for name, page in one.pages.items()},
    )


def _refuse_what_came_together(arrived: Mapping[str, Arrived], found: Findings) -> None:
    """Refuse a group of other datasets too where it came in one payload with a group that is refused whole.

    Prices, splits and dividends of one chart are on one basis.
    """
    held = [(table_id, group, why) for table_id, groups in found.groups.items() for group, why in groups.items()]
    for table_id, group, why in held:
        one = arrived[table_id]
        bodies = one.rows["payload_sha256"].filter(one.groups == group).unique()
        for other_id, other in arrived.items():
            if other_id == table_id or other.dataset.history is None:
                continue
            theirs = other.rows["payload_sha256"].filter(other.groups == group)
            if theirs.is_in(bodies.implode()).any():
                found.groups.setdefault(other_id, {}).setdefault(group, why)


class _Judgement:
    """What is found of one dataset of a batch. The steps are taken in order: held_back, search, judge."""

    def __init__(self, arrived: Arrived, rules: Rules) -> None:
        self.arrived = arrived
        self.rules = rules
        self.checks: list[CheckResult] = []
        self.pages: dict[str, str] = {}
        self._bounds: list[Rule] = []
        self._taken = arrived.rows.select("position")
        self._measure([rule for rule in rules.rows if rule.effect == "hold_back"])

    def held_back(self, *, several: bool) -> list[str]:
        """Return why nothing of the batch may land, a sentence each: what a critical rule found."""
        where = f" in {self.arrived.dataset.id}" if several else ""
        found = [(rule, self._failing(rule)) for rule in self._bounds if rule.effect == "hold_back"]
        return [f"{len(at)} {rule.says}{where} ({self._examples(at)})" for rule, at in found if at]

    def search(self, found: Findings) -> None:
        """Take the other measures, then look for blocks in the rows that are not wrong by themselves."""
        self._measure([rule for rule in self.rules.rows if rule.effect != "hold_back" and not rule.is_flag])
        self.arrived.hidden = sorted({at for rule in self._bounds if rule.hides for at in self._failing(rule)})
        for one in self.rules.searches:
            one.look(self.arrived, found)

    def judge(self, found: Findings, *, is_held_back: bool) -> pl.Series:
        """Return the reason for each refused row, NULL for the others; fills `checks` and `pages`.

        Where the batch is held back, only the rows that are the cause of it are refused, and nothing else is looked at.
        """
        arrived, table = self.arrived, self.arrived.dataset
        told = found.rows.get(table.id, {})
        if not is_held_back:
            self._mark([rule for rule in self.rules.rows if rule.is_flag], told)
        verdicts = validate(self._taken, self._bounds, table.id, self.pages)
        self.checks += [self._check(verdict, self._examples(verdict.failing)) for verdict in verdicts]
        by_row = self._reasons_of_rows(verdicts, told)
        if is_held_back:
            return _spread(by_row, arrived.rows.height)
        by_group = dict(found.groups.get(table.id, {}))
        arrived.refused = by_row.keys() | set((arrived.clash.is_not_null() | self._in(by_group)).arg_true())
        for rules in self.rules.groups:
            for group, why in self._groups(rules).items():
                by_group.setdefault(group, why)
        self.checks += [self._searched(rule, found) for rule in self.rules.searched]
        of_group = arrived.groups.replace_strict(by_group, default=None, return_dtype=pl.String) if by_group else None
        parts = ["key_is_unique: " + arrived.clash, of_group, _spread(by_row, arrived.rows.height)]
        return pl.select(pl.coalesce(part for part in parts if part is not None)).to_series()

    # ---- measures ----------------------------------------------------------------------------------------------------

    def _measure(self, rules: Sequence[Rule]) -> None:
        """Take the measures of rules on rows: one column each, named after the rule."""
        taken: list[pl.Expr] = []
        for rule in rules:
            named = replace(rule, column=rule.name, other_column=f"{rule.name}_limit" if rule.other else "")
            self._bounds.append(named)
            for measure, column in ((rule.measure, named.column), (rule.other, named.other_column)):
                if measure is not None:
                    value = measure(self.arrived)
                    taken.append((pl.lit(value) if isinstance(value, pl.Series) else value).alias(column))
        columns = self.arrived.rows.with_columns(taken).select(name.meta.output_name() for name in taken)
        self._taken = self._taken.hstack(columns)

    def _mark(self, rules: Sequence[Rule], told: Mapping[int, str]) -> None:
        """Add the measures of rules whose failing rows a search has found."""
        for rule in rules:
            places = sorted(at for at, why in told.items() if why.startswith(f"{rule.name}: "))
            marked = pl.Series(rule.name, [0], dtype=pl.Int64).new_from_index(0, self.arrived.rows.height)
            self._taken = self._taken.with_columns(marked.scatter(places, 1) if places else marked)
            self._bounds.append(replace(rule, column=rule.name))

    def _failing(self, rule: Rule) -> list[int]:
        """Return the rows that a rule finds, as Great Expectations will: neither NULL nor NaN fails."""
        measure = (
            pl.col(rule.column).fill_nan(None) if self._taken[rule.column].dtype.is_float() else pl.col(rule.column)
        )
        fails = [pl.lit(value=False)]
        if rule.at_least is not None:
            fails.append(measure < rule.at_least)
        if rule.at_most is not None:
            fails.append(measure > rule.at_most)
        if rule.other_column:
            fails.append(measure > pl.col(rule.other_column).fill_nan(None))
        return self._taken.select(pl.any_horizontal(fails).fill_null(value=False)).to_series().arg_true().to_list()

    # ---- reasons -----------------------------------------------------------------------------------------------------

    def _reasons_of_rows(self, verdicts: Sequence[Verdict], told: Mapping[int, str]) -> dict[int, str]:
        """Return why rows are refused: the first rule that they fail, then what a search found of them."""
        reasons: dict[int, str] = {}
        for verdict in verdicts:
            rule = verdict.rule
            if rule.effect == "warn" or not verdict.failing:
                continue
            if rule.is_flag:
                found = [told[at] for at in verdict.failing]
            elif rule.reason is None:
                found = [rule.why({}, self.arrived)] * len(verdict.failing)
            else:
                rows = self.arrived.limits if self.arrived.dataset.is_series else self.arrived.rows
                found = [rule.why(row, self.arrived) for row in rows[verdict.failing].iter_rows(named=True)]
            for at, why in zip(verdict.failing, found, strict=True):
                reasons.setdefault(at, why)
        return {**told, **reasons}

    def _in(self, groups: Mapping[str, str]) -> pl.Series:
        return self.arrived.groups.is_in(list(groups))

    def _groups(self, rules: GroupRules) -> dict[str, str]:
        """Hold a table of groups to its rules; return why groups are refused."""
        table = rules.table(self.arrived)
        if table is None:
            return {}
        refused: dict[str, str] = {}
        for verdict in validate(table, rules.rules, f"{self.arrived.dataset.id} {rules.what}", self.pages):
            failing = table[verdict.failing]
            shown = [rules.example(row) for row in failing.head(_EXAMPLES).iter_rows(named=True)]
            self.checks.append(self._check(verdict, _listed(shown, len(verdict.failing))))
            if verdict.rule.effect == "refuse":
                for row in failing.iter_rows(named=True):
                    refused.setdefault(str(row[table.columns[0]]), verdict.rule.why(row, self.arrived))
        return refused

    # ---- what is said ------------------------------------------------------------------------------------------------

    def _check(self, verdict: Verdict, examples: str) -> CheckResult:
        rule, count = verdict.rule, len(verdict.failing)
        summary = "passed" if verdict.passed else f"{count} {rule.says}: {examples}"
        return self._said(rule, count, {"summary": summary, **verdict.detail}, passed=verdict.passed)

    def _searched(self, rule: Rule, found: Findings) -> CheckResult:
        told = found.checks.get((self.arrived.dataset.id, rule.name), [])
        more = f"; and {len(told) - _EXAMPLES} more" if len(told) > _EXAMPLES else ""
        summary = "; ".join(told[:_EXAMPLES]) + more if told else "passed"
        return self._said(rule, len(told), {"summary": summary}, passed=not told)

    def _said(self, rule: Rule, count: int, detail: Mapping[str, Any], *, passed: bool) -> CheckResult:
        return CheckResult(
            asset=self.arrived.dataset.id,
            name=rule.name,
            severity=rule.severity,
            passed=passed,
            failed_count=count,
            detail=json.dumps(detail, default=str),
            stage=rule.stage,
        )

    def _examples(self, failing: Sequence[int]) -> str:
        """Name the first few failing rows for a person: keys, numbers, and the unit where rows have one."""
        table = self.arrived.dataset
        names = [*table.key_names, *numbers_of(table), *(c.name for c in table.attributes if c.name == "unit")]
        shown = self.arrived.rows[list(failing[:_EXAMPLES])].select(names).rows()
        cells = [" ".join("-" if cell is None else str(cell) for cell in row) for row in shown]
        return _listed(cells, len(failing))


def _listed(shown: Sequence[str], count: int) -> str:
    return ", ".join(shown) + (", …" if count > _EXAMPLES else "")


def _spread(reasons: Mapping[int, str], height: int) -> pl.Series:
    """Return the reasons in the order of the rows, NULL for the others."""
    column = pl.Series("reason", [None], dtype=pl.String).new_from_index(0, height)
    places = sorted(reasons)
    return column.scatter(places, [reasons[at] for at in places]) if places else column
