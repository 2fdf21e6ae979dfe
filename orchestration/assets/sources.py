"""The sources: each raw table is an asset of its own, filled by its connector. One step asks them all side by side.

A connector that failed shows as a failed check, not as a failed run.
"""

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
    AssetSpec,
    MaterializeResult,
    MetadataValue,
    multi_asset,
)

from ingest.batch import CheckResult
from ingest.connectors import CONNECTORS, Connector, connector
from ingest.dataset import Dataset
from orchestration.asking import NEEDS, ingest_all
from orchestration.ingestion import SourceOutcome, recent_values
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

PANEL_CHECKS = {
    "keys_are_there": "Every row has its keys, its payload and when it came.",
    "key_is_unique": "One row per key.",
    "values_are_finite": "Values are numbers or gaps.",
    "period_is_not_ahead": "No period lies ahead of the day of asking; splits and index changes may, by 31 days.",
    "amounts_are_positive": "Prices, NAVs, dividends and split ratios are above zero, counts and assets not below.",
    "period_is_a_session": "Prices are of NYSE sessions.",
    "close_is_between_low_and_high": "Closes lie within the day's range.",
    "large_return_is_confirmed": "No close moved by more than 40 % without a split, a listing or a second provider.",
    "values_are_possible": "Values are of a size that a value can have.",
    "period_is_sensible": "No row is dated before there was anything to date, or alone years before all others.",
    "bar_is_of_one_size": "The prices of a bar are within three times each other.",
    "history_is_not_multiplied": "No group came back with most of its changes multiplied by one factor.",
    "level_holds": "No run of values stands at another level than those around it.",
    "splits_show_in_prices": "Listed splits are in the prices of before, once and throughout.",
    "providers_share_a_basis": "Closes are not a multiple of those of the provider before.",
    "dividend_fits_its_price": "No dividend is larger than the price before it, or than the price shows.",
    "assets_are_shares_times_nav": "Net assets are shares x NAV to 0.1 %.",
    "sessions_are_complete": "No ticker lacks one of the last 30 NYSE sessions.",
    "dates_of_joining_agree": "Files and list have each member join within 5 days; else the later date stands.",
}
"""The gate's checks as Dagster shows them; test_definitions holds the names against ingest/panel_gate.py."""

PRICE_TABLE_KEYS = [
    *(AssetKey([source, "prices"]) for source in ("yahoo", "nasdaq", "user_file")),
    AssetKey(["yahoo", "splits"]),
    AssetKey(["sp500_membership", "intervals"]),
    AssetKey(["nasdaq_trader", "symbols"]),
]
"""What breadth is computed from."""

READS: Mapping[str, tuple[AssetKey, ...]] = {"nasdaq": (AssetKey(["calendar", "sessions"]),)}
"""What a connector is asked for also depends on these."""

POINTS = 120


def key_of(table: Dataset) -> AssetKey:
    """Return the key of a raw table: schema and name."""
    return AssetKey([table.source, table.name])


def check_names(table: Dataset) -> Mapping[str, str]:
    """Return the checks of a raw table and what each says."""
    if table.is_series:
        return GATE_CHECKS
    from ingest.panel_gate import rule_names

    return {name: PANEL_CHECKS[name] for name in rule_names(table)}


def _header(one: Connector) -> str:
    """Return the header of the connector's file, read without importing it."""
    header = ast.get_docstring(ast.parse(one.path.read_text(encoding="utf-8"))) or one.name
    return re.sub(r"^(Where|Grain|Units|Breaks) +", r"- **\1** ", header, flags=re.MULTILINE)


def _spec(one: Connector, table: Dataset) -> AssetSpec:
    before = [key_of(other) for name in NEEDS.get(one.name, ()) for other in connector(name).tables]
    header = _header(one)
    return AssetSpec(
        key_of(table),
        group_name="sources",
        kinds={"python", "duckdb"},
        owners=["team:tidegauge"],
        tags={"publisher": one.source},
        description=header if table.is_series else f"{table.comment}\n\n{header}",
        deps=[*before, *READS.get(one.name, ())],
        skippable=False,
    )


def _check_specs(table: Dataset) -> Iterator[AssetCheckSpec]:
    yield AssetCheckSpec(ANSWERED, asset=key_of(table), description="The source gave what it was asked for.")
    for name, text in check_names(table).items():
        yield AssetCheckSpec(name, asset=key_of(table), description=text)


@multi_asset(
    name="sources",
    specs=[_spec(one, table) for one in CONNECTORS for table in one.tables],
    check_specs=[spec for one in CONNECTORS for table in one.tables for spec in _check_specs(table)],
    can_subset=True,
    required_resource_keys={"session"},
)
def sources(context: AssetExecutionContext) -> Iterator[MaterializeResult | AssetCheckResult]:
    """Ask the publishers side by side; land what they bring one after another."""
    session: Session = context.resources.session
    wanted = context.selected_asset_keys
    asked = [one for one in CONNECTORS if any(key_of(table) in wanted for table in one.tables)]
    landing = ingest_all(session, asked)
    while True:
        with session.step():
            found = next(landing, None)
            metadata = _metadata(session, *found) if found else {}
        if found is None:
            return
        one, outcome = found
        if outcome.error:
            context.log.error(outcome.error)
        for table in one.tables:
            if key_of(table) in wanted:
                yield MaterializeResult(
                    asset_key=key_of(table), metadata=metadata, check_results=list(_check_results(outcome, table))
                )


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
    metadata = landing_metadata(session, outcome)
    series_id = MAIN_SERIES.get(one.name)
    if series_id:
        values = recent_values(session.con, one.source, series_id, POINTS)
        metadata[f"{series_id}_plot"] = MetadataValue.md(sparkline(values))
    return metadata


def _check_results(outcome: SourceOutcome, table: Dataset) -> Iterator[AssetCheckResult]:
    key = key_of(table)
    state = outcome.landing.state
    yield AssetCheckResult(
        passed=outcome.error is None,
        check_name=ANSWERED,
        asset_key=key,
        severity=AssetCheckSeverity.WARN if state == "partial" else AssetCheckSeverity.ERROR,
        metadata={"state": state, **({"error": outcome.error} if outcome.error else {})},
    )
    for name in check_names(table):
        found = [check for check in outcome.checks if check.asset == table.id and shown_name(check.name) == name]
        yield check_result(name, found, key)


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
