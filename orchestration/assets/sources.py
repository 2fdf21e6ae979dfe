"""The sources: each raw table is an asset of its own, filled by its connector. One step asks them all side by side.

A connector that failed shows as a failed check, not as a failed run.
"""

import inspect
import json
import re
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetExecutionContext,
    AssetKey,
    AssetSpec,
    MaterializeResult,
    MetadataValue,
    multi_asset,
)

from analytics.breadth.tables import INPUTS
from ingest.batch import CheckResult
from ingest.connectors import CONNECTORS, Connector, connector
from ingest.dataset import Dataset, serving
from ingest.rules.declared import rules_of
from ingest.snapshot_gate import snapshot_checks
from orchestration.asking import ingest_all
from orchestration.assets.described import COLUMN_SCHEMA, OWNERS, schema_of
from orchestration.assets.table_facts import origin_of, rows_of
from orchestration.ingestion import SourceOutcome, recent_values
from orchestration.named_check import NamedCheckResult
from orchestration.session import Session
from orchestration.sparkline import sparkline
from orchestration.worked_ahead import WorkedAhead
from warehouse.ddl import stored_columns

ANSWERED = "answered"
"""The check that the source gave all that it was asked for, in the agreed form."""

PRICE_TABLE_KEYS = [
    AssetKey(table_id.split(".")) for table_id in (*INPUTS, *(table.id for table in serving("symbols")))
]
"""What breadth is computed from."""

_SESSIONS = AssetKey(["calendar", "sessions"])  # which say what symbols lack

POINTS = 120


def key_of(table: Dataset) -> AssetKey:
    """Return the key of a raw table: schema and name."""
    return AssetKey([table.source, table.name])


def check_names(table: Dataset) -> dict[str, str]:
    """Return the checks of a raw table, of the gate and of landing, and what each says when it passes."""
    from warehouse.landing import landing_checks

    if table.is_in_daily_files:
        return snapshot_checks(table)
    return {rule.name: rule.description for rule in rules_of(table)} | landing_checks(table)


def _header(one: Connector) -> str:
    """Return the header of the connector's file, read without importing it or parsing what follows."""
    _, header, _ = one.path.read_text(encoding="utf-8").split('"""', 2)
    header = inspect.cleandoc(header)
    return re.sub(r"^(Where|Grain|Units|Breaks) +", r"- **\1** ", header, flags=re.MULTILINE)


def _spec(one: Connector, table: Dataset) -> AssetSpec:
    before = [key_of(other) for name in one.follows for other in connector(name).tables]
    header = _header(one)
    return AssetSpec(
        key_of(table),
        group_name="sources",
        kinds={"python", "duckdb"},
        owners=OWNERS,
        metadata={COLUMN_SCHEMA: schema_of([(one.name, one.kind, one.comment) for one in stored_columns(table)])},
        tags={"publisher": one.source},
        description=header if table.is_series else f"{table.comment}\n\n{header}",
        deps=[*before, *([_SESSIONS] if one.facts.asked_by == "symbols" else [])],
        skippable=False,
    )


def _check_specs(table: Dataset) -> Iterator[AssetCheckSpec]:
    yield AssetCheckSpec(ANSWERED, asset=key_of(table), description="The source gave what it was asked for.")
    for name, says in check_names(table).items():
        yield AssetCheckSpec(name, asset=key_of(table), description=says)


@multi_asset(
    name="sources",
    specs=[_spec(one, table) for one in CONNECTORS for table in one.tables],
    check_specs=[spec for one in CONNECTORS for table in one.tables for spec in _check_specs(table)],
    can_subset=True,
    required_resource_keys={"session"},
)
def sources(context: AssetExecutionContext) -> Iterator[MaterializeResult[None] | AssetCheckResult]:
    """Ask the publishers side by side; land what they bring one after another."""
    session: Session = context.resources.session
    wanted = context.selected_asset_keys
    asked = [one for one in CONNECTORS if any(key_of(table) in wanted for table in one.tables)]
    session.landing = WorkedAhead(_landed(session, asked), session.patience.end, "landing")
    landed = iter(session.landing)
    while True:
        with session.step():
            found = next(landed, None)
        if found is None:
            return
        if found.outcome.error:
            is_skipped = found.outcome.landing.state == "skipped"
            (context.log.info if is_skipped else context.log.error)(found.outcome.error)
        for table, metadata in found.shown:
            if key_of(table) in wanted:
                yield MaterializeResult(
                    asset_key=key_of(table),
                    metadata=metadata,
                    check_results=list(_check_results(found.outcome, table)),
                )


@dataclass(frozen=True, slots=True)
class _Landed:
    """What a connector brought, and what Dagster shows of it by table."""

    outcome: SourceOutcome
    shown: Sequence[tuple[Dataset, dict[str, Any]]]


def _landed(session: Session, asked: Sequence[Connector]) -> Generator[_Landed]:
    """Land what publishers bring. All that needs the connection is done here: the thread that lands has it."""
    for one, outcome in ingest_all(session, asked):
        metadata = _metadata(session, one, outcome)
        yield _Landed(outcome, [(table, metadata | rows_of(session, table)) for table in one.tables])


def landing_metadata(session: Session, outcome: SourceOutcome) -> dict[str, Any]:
    """Return what Dagster shows beside a landing."""
    landing = outcome.landing
    today = session.settings.clock().date()
    metadata: dict[str, Any] = {
        "state": landing.state,
        "rows_new": landing.rows_new,
        "rows_changed": landing.rows_changed,
        "rows_withdrawn": landing.rows_withdrawn,
        "rows_quarantined": landing.rows_quarantined,
    }
    if landing.newest_period is not None:
        metadata["newest_period"] = landing.newest_period.isoformat()
        metadata["age_days"] = (today - landing.newest_period).days
    if outcome.error:
        metadata["error"] = MetadataValue.text(outcome.error)
    if landing.shrinkages:
        told = [f"{s.series_id} now starts {s.served_from}, we hold from {s.held_from}" for s in landing.shrinkages]
        metadata["history_shortened"] = MetadataValue.text("; ".join(told))
    return metadata


def _metadata(session: Session, one: Connector, outcome: SourceOutcome) -> dict[str, Any]:
    metadata = {**landing_metadata(session, outcome), **origin_of(session)}
    series_id = one.facts.main_series
    if series_id:
        values = recent_values(session.con, one.source, series_id, POINTS)
        metadata[f"{series_id}_plot"] = MetadataValue.md(sparkline(values))
    return metadata


def _check_results(outcome: SourceOutcome, table: Dataset) -> Iterator[AssetCheckResult]:
    key = key_of(table)
    state = outcome.landing.state
    yield NamedCheckResult(
        passed=outcome.error is None or state == "skipped",
        check_name=ANSWERED,
        asset_key=key,
        severity=AssetCheckSeverity.WARN if state == "partial" else AssetCheckSeverity.ERROR,
        metadata={"state": state, **({"error": outcome.error} if outcome.error else {})},
    )
    found: dict[str, list[CheckResult]] = {}
    for check in outcome.checks:
        if check.asset == table.id:
            found.setdefault(check.name, []).append(check)
    for name in check_names(table):
        if name in found:  # where nothing arrived there was nothing to check: Dagster shows such a check as skipped
            yield check_result(name, found[name], key)


def check_result(name: str, found: Sequence[CheckResult], key: AssetKey | None = None) -> AssetCheckResult:
    """Return what the gate found under one name, as Dagster shows it."""
    failed = [check for check in found if not check.passed]
    is_error = any(check.severity == "error" for check in failed or found)
    return NamedCheckResult(
        passed=not failed,
        check_name=name,
        asset_key=key,
        severity=AssetCheckSeverity.ERROR if is_error else AssetCheckSeverity.WARN,
        metadata={
            "summary": "; ".join(map(_summary, failed)),
            "failed_rows": sum(check.failed_count or 0 for check in failed),
        },
    )


def _summary(check: CheckResult) -> str:
    """Return the sentence for people; the gate's detail is JSON with what Great Expectations reports beside it."""
    return str(json.loads(check.detail)["summary"])
