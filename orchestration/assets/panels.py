"""The panel tables, desk by desk: what each gave us, landed. It fails as a source does: as a check, not as a run."""

import ast
from collections.abc import Iterator

from dagster import (
    AssetCheckSpec,
    AssetExecutionContext,
    AssetKey,
    AssetsDefinition,
    AssetSpec,
    MaterializeResult,
    multi_asset,
)

from ingest.connectors import TABLE_CONNECTORS, Connector
from orchestration.assets.sources import ANSWERED, check_results, gate_specs, landing_metadata
from orchestration.ingestion import PRICE_CONNECTORS, ingest
from orchestration.session import Session

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
                *gate_specs(table),
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
                check_results=list(check_results(outcome, table)),
            )

    return panel


panel_assets = [_assets_of(desk) for desk in TABLE_CONNECTORS]
