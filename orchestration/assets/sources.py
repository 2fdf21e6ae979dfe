"""One asset per publisher: what it gave us, landed. A failed source shows as a failed check, not as a failed run."""

import ast
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetExecutionContext,
    AssetKey,
    AssetsDefinition,
    MaterializeResult,
    MetadataValue,
    asset,
)

from ingest.batch import CheckResult, observations_of
from ingest.catalog import SOURCES, SourceName
from ingest.connectors import connector
from ingest.dataset import Dataset, dataset
from ingest.rules.declared import rules_of
from ingest.settings import PROJECT_ROOT
from orchestration.ingestion import SourceOutcome, ingest, recent_values
from orchestration.session import Session
from orchestration.sparkline import sparkline

MAIN_SERIES: Mapping[str, str] = {
    "federal_reserve": "fed_total_assets",
    "new_york_fed": "on_rrp",
    "treasury": "tga_daily",
    "japan_mof": "jgb_2y_yield",
    "cboe": "vix_close",
    "yahoo": "usdjpy",
    "ofr": "ofr_fsi",
    "finra": "margin_debt",
    "fred": "hy_oas",
}
"""The series that is drawn beside a source."""

ANSWERED = "answered"
"""The check that the source gave all that it was asked for, in the agreed form."""

AFTER: Mapping[str, tuple[str, ...]] = {"yahoo": ("fred",)}
"""Sources asked after others: Yahoo's exchange rate and index are held against FRED's of the same run."""

POINTS = 120


def _asset_of(source: SourceName) -> AssetsDefinition:
    key, table = AssetKey([source, "observations"]), dataset(observations_of(source))

    @asset(
        key=key,
        group_name=source,
        kinds={"python", "duckdb"},
        description=_description(source),
        deps=[AssetKey([before, "observations"]) for before in AFTER.get(source, ())],
        required_resource_keys={"session"},
        check_specs=[
            AssetCheckSpec(ANSWERED, asset=key, description="The source gave what it was asked for."),
            *gate_specs(table),
        ],
    )
    def observations(context: AssetExecutionContext) -> MaterializeResult:
        session: Session = context.resources.session
        with session.step():
            outcome = ingest(session, connector(source), session.progress)
            metadata = _metadata(session, outcome)
        if outcome.error:
            context.log.error(outcome.error)
        return MaterializeResult(metadata=metadata, check_results=list(check_results(outcome, table)))

    return observations


def _description(source: SourceName) -> str:
    """Return the header of the source's file, read without importing it."""
    text = (PROJECT_ROOT / "ingest" / "sources" / source / f"{source}.py").read_text(encoding="utf-8")
    header = ast.get_docstring(ast.parse(text)) or source
    return re.sub(r"^(Where|Grain|Units|Breaks) +", r"- **\1** ", header, flags=re.MULTILINE)


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


def _metadata(session: Session, outcome: SourceOutcome) -> dict[str, Any]:
    metadata = landing_metadata(session, outcome)
    series_id = MAIN_SERIES.get(outcome.source)
    if series_id:
        values = recent_values(session.con, outcome.source, series_id, POINTS)
        metadata[f"{series_id}_plot"] = MetadataValue.md(sparkline(values))
    return metadata


def gate_specs(table: Dataset) -> Iterator[AssetCheckSpec]:
    """Give the checks that the gate holds a dataset to, as Dagster shows them."""
    for rule in rules_of(table):
        yield AssetCheckSpec(rule.name, asset=AssetKey(table.id.split(".")), description=rule.description)


def check_results(outcome: SourceOutcome, table: Dataset) -> Iterator[AssetCheckResult]:
    """Give what came of asking and what the gate found of one dataset."""
    key = AssetKey(table.id.split("."))
    yield answered_result(outcome, key)
    for rule in rules_of(table):
        found = [check for check in outcome.checks if check.asset == table.id and check.name == rule.name]
        yield check_result(rule.name, found, key)


def answered_result(outcome: SourceOutcome, key: AssetKey | None = None) -> AssetCheckResult:
    """Return the check that the source gave what it was asked for. `key`: the asset, where there are several."""
    state = outcome.landing.state
    return AssetCheckResult(
        passed=outcome.error is None,
        check_name=ANSWERED,
        asset_key=key,
        severity=AssetCheckSeverity.WARN if state == "partial" else AssetCheckSeverity.ERROR,
        metadata={"state": state, **({"error": outcome.error} if outcome.error else {})},
    )


def check_result(name: str, found: Sequence[CheckResult], key: AssetKey | None = None) -> AssetCheckResult:
    """Return what the gate found under one name, as Dagster shows it."""
    failed = [check for check in found if not check.passed]
    is_error = any(check.severity == "error" for check in failed or found)
    return AssetCheckResult(
        passed=not failed,
        check_name=name,
        asset_key=key,
        severity=AssetCheckSeverity.ERROR if is_error else AssetCheckSeverity.WARN,
        metadata={
            "summary": "; ".join(_summary(check) for check in failed) if found else "nothing arrived to check",
            "failed_rows": sum(check.failed_count or 0 for check in failed),
        },
    )


def _summary(check: CheckResult) -> str:
    """Return the sentence for people; the gate's detail is JSON with what Great Expectations reports beside it."""
    return str(json.loads(check.detail)["summary"])


source_assets = [_asset_of(source) for source in SOURCES]
