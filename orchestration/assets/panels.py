"""The panel tables, desk by desk: what each gave us, landed. It fails as a source does: as a check, not as a run."""

import ast
from collections.abc import Iterator

from dagster import (
    AssetCheckResult,
    AssetCheckSpec,
    AssetExecutionContext,
    AssetKey,
    AssetsDefinition,
    AssetSpec,
    MaterializeResult,
    multi_asset,
)

from ingest.connectors import TABLE_CONNECTORS, Connector
from ingest.dataset import Dataset
from orchestration.assets.sources import ANSWERED, answered_result, check_result, landing_metadata
from orchestration.ingestion import PRICE_CONNECTORS, SourceOutcome, ingest
from orchestration.session import Session

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

# Membership says whose prices are wanted, the first price desk what the second one is asked for.
_AFTER = {
    PRICE_CONNECTORS[0]: [AssetKey(["sp500_membership", "intervals"]), AssetKey(["nasdaq_trader", "symbols"])],
    PRICE_CONNECTORS[1]: [AssetKey(["yahoo", "prices"]), AssetKey(["calendar", "sessions"])],
}


PRICE_TABLE_KEYS = [
    *(AssetKey([source, "prices"]) for source in ("yahoo", "nasdaq", "user_file")),
    AssetKey(["yahoo", "splits"]),
    AssetKey(["sp500_membership", "intervals"]),
    AssetKey(["nasdaq_trader", "symbols"]),
]
"""What breadth is computed from."""


def _check_names(table: Dataset) -> tuple[str, ...]:
    from ingest.panel_gate import rule_names

    return tuple(rule_names(table))


def _key(table_id: str) -> AssetKey:
    return AssetKey(table_id.split("."))


def _assets_of(desk: Connector) -> AssetsDefinition:
    text = desk.path.read_text(encoding="utf-8")
    where = ast.get_docstring(ast.parse(text)) or desk.name

    @multi_asset(
        name=f"panel_{desk.name}",
        specs=[
            AssetSpec(
                _key(table.id),
                group_name=desk.source,
                kinds={"python", "duckdb"},
                description=f"{table.comment}\n\n{where}",
                deps=_AFTER.get(desk.name, []),
            )
            for table in desk.tables
        ],
        check_specs=[
            spec
            for table in desk.tables
            for spec in (
                AssetCheckSpec(ANSWERED, asset=_key(table.id), description="The source gave what it was asked for."),
                *(
                    AssetCheckSpec(name, asset=_key(table.id), description=PANEL_CHECKS[name])
                    for name in _check_names(table)
                ),
            )
        ],
        required_resource_keys={"session"},
    )
    def panel(context: AssetExecutionContext) -> Iterator[MaterializeResult]:
        session: Session = context.resources.session
        with session.step():
            outcome = ingest(session, desk, session.progress)
        if outcome.error:
            context.log.error(outcome.error)
        for table in desk.tables:
            yield MaterializeResult(
                asset_key=_key(table.id),
                metadata=landing_metadata(session, outcome),
                check_results=list(_check_results(outcome, table.id, _check_names(table))),
            )

    return panel


def _check_results(outcome: SourceOutcome, table_id: str, names: tuple[str, ...]) -> Iterator[AssetCheckResult]:
    key = _key(table_id)
    yield answered_result(outcome, key)
    for name in names:
        found = [check for check in outcome.checks if check.asset == table_id and check.name == name]
        yield check_result(name, found, key)


panel_assets = [_assets_of(desk) for desk in TABLE_CONNECTORS]
