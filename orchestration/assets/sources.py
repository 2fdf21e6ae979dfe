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

from ingest.batch import CheckResult
from ingest.catalog import SOURCES, SourceName
from ingest.connectors import connector
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

GATE_CHECKS: Mapping[str, str] = {
    "keys_are_there": "Every row says series, code, period, unit, payload and when it came.",
    "value_is_a_number": "Values are numbers or gaps.",
    "unit_is_known": "The catalog can convert every unit that came.",
    "magnitude_fits_the_unit": "No series moved by a power of ten, as one does when its unit changes unannounced.",
    "key_is_unique": "One row per series, period and stated moment.",
    "value_not_above_bounds": "Values are within the catalog's plausible range.",
    "value_not_below_bounds": "Values are within the catalog's plausible range.",
    "step_is_plausible": "Steps are not larger than the catalog's largest.",
    "period_is_not_ahead": "No period lies in the future.",
    "sessions_are_complete": "No recent NYSE session is missing.",
    "answer_did_not_shrink": "The answer has about as many rows as the last one.",
    "newest_period_does_not_go_back": "The answer does not end before what we hold.",
    "upstream_is_not_frozen": "The answer keeps up with the release calendar.",
    "history_is_not_multiplied": "No series came back with most of its changes multiplied by one factor.",
    "level_holds": "No run of values stands a unit away from those around it.",
    "period_is_sensible": "Periods lie after the series' start, on its weekday or a first of the month.",
    "values_are_possible": "Values are of a size that a value can have.",
    "spikes_are_confirmed": "A rate or index that leaves its level and comes back is shown by a second provider.",
}
"""The gate's checks as Dagster shows them; test_definitions holds the names against ingest/gate.py."""

AFTER: Mapping[str, tuple[str, ...]] = {"yahoo": ("fred",)}
"""Sources asked after others: Yahoo's exchange rate and index are held against FRED's of the same run."""

POINTS = 120


def _asset_of(source: SourceName) -> AssetsDefinition:
    key = AssetKey([source, "observations"])

    @asset(
        key=key,
        group_name=source,
        kinds={"python", "duckdb"},
        description=_description(source),
        deps=[AssetKey([before, "observations"]) for before in AFTER.get(source, ())],
        required_resource_keys={"session"},
        check_specs=[
            AssetCheckSpec(ANSWERED, asset=key, description="The source gave what it was asked for."),
            *(AssetCheckSpec(name, asset=key, description=text) for name, text in GATE_CHECKS.items()),
        ],
    )
    def observations(context: AssetExecutionContext) -> MaterializeResult:
        session: Session = context.resources.session
        with session.step():
            outcome = ingest(session, connector(source), session.progress)
            metadata = _metadata(session, outcome)
        if outcome.error:
            context.log.error(outcome.error)
        return MaterializeResult(metadata=metadata, check_results=list(_check_results(outcome)))

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


def _check_results(outcome: SourceOutcome) -> Iterator[AssetCheckResult]:
    yield answered_result(outcome)
    for name in GATE_CHECKS:
        yield check_result(name, [check for check in outcome.checks if shown_name(check.name) == name])


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


def shown_name(gate_name: str) -> str:
    """Return the name under which Dagster shows a check of the gate; "is this column there" is one for all columns."""
    return "keys_are_there" if gate_name.endswith("_is_there") else gate_name


def _summary(check: CheckResult) -> str:
    """Return the sentence for people; the gate's detail is JSON with what Great Expectations reports beside it."""
    return str(json.loads(check.detail)["summary"])


source_assets = [_asset_of(source) for source in SOURCES]
