"""The gate: Great Expectations on what arrives, source by source, before anything lands.

Two suites, both code. One looks at each row (keys, units, doubles, bounds, steps, dates), one at each series of the
answer (sessions that are missing, rows against the last capture, newest period against what we hold and what is due).
Beside them rules.series_blocks looks for what no single row shows: histories multiplied, runs off their level, spikes.

Three ways to fail: a critical check holds the whole source back; a series or a row is refused with its reason and the
rest lands; a warning only tells. `CheckResult.detail` is JSON: a `summary` for people, and the expectation, its
arguments and result as Great Expectations reports them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any, Final

import numpy as np
import polars as pl

from ingest.batch import Batch, CheckResult, GateResult, observations_of
from ingest.catalog import Catalog, Series
from ingest.clock import NEW_YORK
from ingest.rules.doubles import SERIES_KEY, clashes, one_row_each
from ingest.rules.evidence import SeriesEvidence
from ingest.rules.expectations import Check, Verdict, positions, validate
from ingest.rules.series_blocks import BLOCK_CHECKS, SeriesBlocks, find_series_blocks
from ingest.rules.series_table import SESSIONS_LOOKED_AT, series_table

DAYS_AHEAD: Final = 7  # policy rates are announced before they take effect; nothing is dated later
LOST_ROWS_RATIO: Final = 0.25  # an answer that lost more of its rows than this is reported
UNIT_CHANGE_ROWS: Final = 3  # so few rows of a payload say nothing about its unit

_EXAMPLES = 5
_KEYS = ("series_id", "code", "period_date", "unit", "payload_sha256", "fetched_at")


def gate(
    batch: Batch,
    catalog: Catalog,
    previous: pl.DataFrame,
    now: datetime,
    evidence: SeriesEvidence | None = None,
) -> GateResult:
    """Judge one source's batch.

    `previous` has one row per series held from this source: series_id, rows_count, first_period, last_period (periods).
    `now` is aware. `evidence`: the values held, and those of other providers; without it only the batch speaks.
    Returned frames (of the one table of series) have the columns of `batch.rows`, `refused` with `reason` behind them.
    """
    table_id = observations_of(batch.source)
    batch = replace(batch, tables={table_id: one_row_each(batch.rows, SERIES_KEY)})
    if batch.rows.is_empty():
        nothing = _refused(batch.rows.with_columns(reason=pl.lit("")))
        return GateResult({table_id: batch.rows}, {table_id: nothing}, (), None)
    today = now.astimezone(NEW_YORK).date()
    latest = today + timedelta(days=DAYS_AHEAD)
    # counted in days: Great Expectations compares dates one by one
    rows = _with_limits(batch, catalog).with_columns(days_ahead=(pl.col("period_date") - today).dt.total_days())
    pages: dict[str, str] = {}
    row_verdicts = validate(rows, _row_checks(latest), f"{batch.source} rows", pages)
    held_back = _held_back(batch, rows, row_verdicts)
    if held_back is not None:
        named = {verdict.check.name: verdict for verdict in row_verdicts if verdict.check.holds_back}
        reasons = _first_reasons(rows, {name: verdict.failing for name, verdict in named.items()})
        refused = _refused(batch.rows.with_columns(reasons).filter(pl.col("reason").is_not_null()))
        checks = [_result(batch, rows, verdict) for verdict in row_verdicts]
        return GateResult({table_id: batch.rows.clear()}, {table_id: refused}, checks, held_back, pages)

    series = series_table(batch, catalog, previous, now)
    series_verdicts = validate(series, _series_checks(), f"{batch.source} series", pages)
    out_of_bounds = positions(row_verdicts, ("value_not_above_bounds", "value_not_below_bounds"))
    changed_units = _changed_units(rows, out_of_bounds)
    clashing = clashes(rows, SERIES_KEY, "series_id", ["value"])
    is_doubtful = pl.col("position").is_in(out_of_bounds) | pl.col("series_id").is_in(list(clashing))
    inside = rows.with_columns(value=pl.when(~is_doubtful).then("value"))
    blocks = find_series_blocks(inside, catalog, batch.source, evidence or SeriesEvidence())
    reasons = _reasons(rows, series, row_verdicts, series_verdicts, out_of_bounds, changed_units, latest, blocks)
    judged = batch.rows.with_columns(reasons)
    checks = [_result(batch, rows, verdict) for verdict in row_verdicts]
    checks += [_result(batch, series, verdict) for verdict in series_verdicts]
    checks.append(_unit_change_result(batch, changed_units))
    checks += _block_results(batch, blocks)
    accepted = judged.filter(pl.col("reason").is_null()).drop("reason")
    refused = _refused(judged.filter(pl.col("reason").is_not_null()))
    return GateResult({table_id: accepted}, {table_id: refused}, checks, None, pages)


def _refused(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(pl.col("reason").cast(pl.String))


# ---- the tables that the suites look at ----------------------------------------------------------------------------


def _with_limits(batch: Batch, catalog: Catalog) -> pl.DataFrame:
    """Return the rows with their limits in the published unit (lower, upper, max_step), and step, factor, plausible.

    step is the change from the period before, newest vintages only; NULL where there is none to compare with.
    """
    known = []
    for series, provider in catalog.of_source(batch.source):
        for unit in batch.rows.filter(pl.col("series_id") == series.id)["unit"].unique():
            known.append(_limits(catalog, series, unit or provider.unit))
    schema = {
        "series_id": pl.String,
        "unit": pl.String,
        "factor": pl.Float64,
        "plausible": pl.String,
        "lower": pl.Float64,
        "upper": pl.Float64,
        "max_step": pl.Float64,
    }
    limits = pl.DataFrame(known, schema=schema, orient="row")
    rows = batch.rows.with_row_index("position").join(
        limits, on=["series_id", "unit"], how="left", maintain_order="left", validate="m:1"
    )
    newest = (
        rows.filter(pl.col("value").is_not_null())
        .sort("series_id", "period_date", "stated_at", nulls_last=False)
        .unique(["series_id", "period_date"], keep="last", maintain_order=True)
        .select("position", (pl.col("value") - pl.col("value").shift(1).over("series_id")).abs().alias("step"))
    )
    return rows.join(newest, on="position", how="left", maintain_order="left")


def _limits(catalog: Catalog, series: Series, unit: str) -> tuple[Any, ...]:
    bounds = series.plausible
    try:
        factor = catalog.factor(unit, series.unit)
    except KeyError:
        return series.id, unit, None, None, None, None, None
    # a hair wider, so that a bound itself passes whichever way its conversion was rounded
    hair = 1e-9 * max(abs(bounds.min), abs(bounds.max)) / factor
    return (
        *(series.id, unit, factor, f"{bounds.min}..{bounds.max} {series.unit}"),
        *(bounds.min / factor - hair, bounds.max / factor + hair, bounds.max_step / factor + hair),
    )


# ---- the suites ----------------------------------------------------------------------------------------------------


def _row_checks(latest: date) -> list[Check]:
    from great_expectations import expectations as gxe

    either = "either_value_is_missing"
    checks = [
        Check(
            f"{column}_is_there",
            "error",
            gxe.ExpectColumnValuesToNotBeNull(column=column),
            f"rows without {column}",
            holds_back=True,
        )
        for column in _KEYS
    ]
    checks += [
        Check(
            "value_is_a_number",
            "error",
            gxe.ExpectColumnValuesToBeOfType(column="value", type_="float64"),
            "values that are no numbers",
            holds_back=True,
        ),
        Check(
            "unit_is_known",
            "error",
            gxe.ExpectColumnValuesToNotBeNull(column="factor"),
            "rows in a unit that the catalog cannot convert",
            holds_back=True,
        ),
        Check(
            "key_is_unique",
            "error",
            gxe.ExpectCompoundColumnsToBeUnique(
                column_list=["series_id", "period_date", "stated_at"], ignore_row_if="never"
            ),
            "rows that share series, period and moment with another, series refused",
        ),
        Check(
            "value_not_above_bounds",
            "warn",
            gxe.ExpectColumnPairValuesAToBeGreaterThanB(
                column_A="upper", column_B="value", or_equal=True, ignore_row_if=either
            ),
            "values above the plausible range, refused",
        ),
        Check(
            "value_not_below_bounds",
            "warn",
            gxe.ExpectColumnPairValuesAToBeGreaterThanB(
                column_A="value", column_B="lower", or_equal=True, ignore_row_if=either
            ),
            "values below the plausible range, refused",
        ),
        Check(
            "step_is_plausible",
            "warn",
            gxe.ExpectColumnPairValuesAToBeGreaterThanB(
                column_A="max_step", column_B="step", or_equal=True, ignore_row_if=either
            ),
            "steps larger than ever seen",
        ),
        Check(
            "period_is_not_ahead",
            "error",
            gxe.ExpectColumnValuesToBeBetween(column="days_ahead", max_value=DAYS_AHEAD),
            f"periods after {latest}, refused",
        ),
    ]
    return checks


def _series_checks() -> list[Check]:
    from great_expectations import expectations as gxe

    either = "either_value_is_missing"
    return [
        Check(
            "sessions_are_complete",
            "warn",
            gxe.ExpectColumnValuesToBeBetween(column="missing_sessions", max_value=0),
            f"series without a row for each of the last {SESSIONS_LOOKED_AT} NYSE sessions",
        ),
        Check(
            "answer_did_not_shrink",
            "warn",
            gxe.ExpectColumnValuesToBeBetween(column="kept_ratio", min_value=1 - LOST_ROWS_RATIO),
            "series with fewer rows than the last capture over the same days",
        ),
        Check(
            "newest_period_does_not_go_back",
            "error",
            gxe.ExpectColumnPairValuesAToBeGreaterThanB(
                column_A="came_last", column_B="last_period", or_equal=True, ignore_row_if=either
            ),
            "series whose answer ends before what we hold, refused",
        ),
        Check(
            "upstream_is_not_frozen",
            "error",
            gxe.ExpectColumnPairValuesAToBeGreaterThanB(
                column_A="stale_limit_days", column_B="behind_days", or_equal=True, ignore_row_if=either
            ),
            "series further behind their release calendar than their stale limit",
            stage="freshness",
        ),
    ]


# ---- the judgement -------------------------------------------------------------------------------------------------


def _held_back(batch: Batch, rows: pl.DataFrame, verdicts: Sequence[Verdict]) -> str | None:
    """Return why nothing of the batch may land, None when no critical check failed."""
    failed = [verdict for verdict in verdicts if verdict.check.holds_back and not verdict.passed]
    if not failed:
        return None
    sentences = [
        f"{len(verdict.failing) or 'some'} {verdict.check.says} ({_examples(rows, verdict.failing)})"
        for verdict in failed
    ]
    return f"{batch.source}: held back, nothing of this answer landed: {'; '.join(sentences)}"


def _first_reasons(rows: pl.DataFrame, failing: Mapping[str, Sequence[int]]) -> pl.Series:
    reasons: list[str | None] = [None] * rows.height
    for name, places in failing.items():
        for place in places:
            reasons[place] = reasons[place] or f"source held back: {name} failed"
    return pl.Series("reason", reasons, dtype=pl.String)


def _changed_units(rows: pl.DataFrame, out_of_bounds: Sequence[int]) -> pl.DataFrame:
    """Return series_id and reason where more than half of a payload's values are out of bounds.

    Single misprints do not do that; a series printed in thousands instead of millions does. Then no value of the
    series can be trusted, also those that happen to fall inside.
    """
    is_out = np.zeros(rows.height, dtype=bool)
    is_out[list(out_of_bounds)] = True
    return (
        rows.with_columns(pl.Series("is_out", is_out))
        .filter(pl.col("value").is_not_null())
        .group_by("series_id", "payload_sha256", maintain_order=True)
        .agg(pl.len().alias("values"), pl.col("is_out").sum().alias("out"), pl.col("unit").first())
        .filter((pl.col("values") >= UNIT_CHANGE_ROWS) & (pl.col("out") * 2 > pl.col("values")))
        .unique("series_id", keep="first", maintain_order=True)
        .select(
            "series_id",
            pl.format(
                "{} of {} values outside the plausible range: the unit is probably no longer {}; series refused whole",
                "out",
                "values",
                "unit",
            ).alias("reason"),
        )
    )


def _reasons(
    rows: pl.DataFrame,
    series: pl.DataFrame,
    row_verdicts: Sequence[Verdict],
    series_verdicts: Sequence[Verdict],
    out_of_bounds: Sequence[int],
    changed_units: pl.DataFrame,
    latest: date,
    blocks: SeriesBlocks,
) -> pl.Series:
    """Return the reason for each refused row, NULL for the others; a reason for the series comes before a row's."""
    stale = series[positions(series_verdicts, ("newest_period_does_not_go_back",))].select(
        "series_id",
        pl.format("stale answer: newest period {}, we hold {}", "came_last", "last_period").alias("reason"),
    )
    whole = clashes(rows, SERIES_KEY, "series_id", ["value"]) | blocks.series
    whole |= dict(stale.iter_rows()) | dict(changed_units.iter_rows())
    reasons = rows["series_id"].replace_strict(whole, default=None, return_dtype=pl.String).to_list()
    for place in positions(row_verdicts, ("period_is_not_ahead",)):
        reasons[place] = reasons[place] or f"period {rows['period_date'][place]} lies after {latest}"
    for place, row in zip(out_of_bounds, rows[list(out_of_bounds)].iter_rows(named=True), strict=True):
        reasons[place] = reasons[place] or _out_of_bounds(row)
    for place, why in blocks.rows.items():
        reasons[place] = reasons[place] or why
    return pl.Series("reason", reasons, dtype=pl.String)


def _out_of_bounds(row: Mapping[str, Any]) -> str:
    printed = "" if row["factor"] == 1 else f" (published {row['value']} {row['unit']})"
    return f"value {round(row['value'] * row['factor'], 9)} outside {row['plausible']}{printed}"


def _result(batch: Batch, frame: pl.DataFrame, verdict: Verdict) -> CheckResult:
    check = verdict.check
    count = len(verdict.failing)
    summary = "passed" if verdict.passed else f"{count} {check.says}: {_examples(frame, verdict.failing)}"
    return CheckResult(
        asset=f"{batch.source}.observations",
        name=check.name,
        severity=check.severity,
        passed=verdict.passed,
        failed_count=count,
        detail=json.dumps({"summary": summary, **verdict.detail}, default=str),
        stage=check.stage,
    )


def _unit_change_result(batch: Batch, changed_units: pl.DataFrame) -> CheckResult:
    told = "; ".join(f"{series_id}: {reason}" for series_id, reason in changed_units.iter_rows())
    return CheckResult(
        asset=f"{batch.source}.observations",
        name="magnitude_fits_the_unit",
        severity="error",
        passed=changed_units.is_empty(),
        failed_count=changed_units.height,
        detail=json.dumps({"summary": told or "passed"}),
    )


def _block_results(batch: Batch, blocks: SeriesBlocks) -> list[CheckResult]:
    results = []
    for name, (severity, _) in BLOCK_CHECKS.items():
        told = blocks.checks[name]
        more = f"; and {len(told) - _EXAMPLES} more" if len(told) > _EXAMPLES else ""
        results.append(
            CheckResult(
                asset=f"{batch.source}.observations",
                name=name,
                severity=severity,
                passed=not told,
                failed_count=len(told),
                detail=json.dumps({"summary": "; ".join(told[:_EXAMPLES]) + more if told else "passed"}),
            )
        )
    return results


def _examples(frame: pl.DataFrame, failing: Sequence[int]) -> str:
    """Name the first few failing rows, or series, for a person."""
    shown = []
    for row in frame[list(failing[:_EXAMPLES])].iter_rows(named=True):
        if "period_date" in row:
            shown.append(f"{row['series_id']} {row['period_date']} {row['value']} {row['unit']}")
        else:
            shown.append(_series_example(row))
    return ", ".join(shown) + (", …" if len(failing) > _EXAMPLES else "")


def _series_example(row: Mapping[str, Any]) -> str:
    facts = [f"newest {row['came_last']}"]
    if row["last_period"] is not None:
        facts.append(f"we hold {row['last_period']}")
    if row["behind_days"]:
        facts.append(f"{row['behind_days']} days behind, limit {row['stale_limit_days']}")
    if row["missing_sessions"]:
        facts.append(f"{row['missing_sessions']} sessions missing")
    if row["kept_ratio"] is not None and row["kept_ratio"] < 1 - LOST_ROWS_RATIO:
        facts.append(f"{row['kept_ratio']:.0%} of the rows")
    return f"{row['series_id']} ({', '.join(facts)})"
