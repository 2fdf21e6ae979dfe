"""Tables that are no publisher's: the catalog, the calendars, and the records of the runs."""

from collections.abc import Iterator

from dagster import AssetExecutionContext, AssetKey, AssetSpec, MaterializeResult, multi_asset

from ingest.connectors import CONNECTORS
from orchestration.assets.described import COLUMN_SCHEMA, OWNERS, schema_of
from orchestration.assets.table_facts import table_facts
from orchestration.session import Session
from warehouse.own_tables import own_table

REFERENCE_TABLES = {
    "catalog.series": "What each series is: title, publisher, unit, limits. From ingest/catalog/series.",
    "catalog.providers": "Who provides each series, in order of preference.",
    "catalog.tolerances": "How far two publishers of a series may be apart and print one value.",
    "catalog.units": "Published unit to unit of the marts.",
    "catalog.funds": "The funds whose flows we follow. From ingest/catalog/funds.yml.",
    "calendar.days": "Days of each calendar that a daily series keeps.",
    "calendar.sessions": "NYSE sessions with their cut-offs.",
    "calendar.releases": "What each provider is due to print around the run.",
}
OPERATIONS_TABLES = {
    "ops.payloads": "The archive's index: the first time each body was seen.",
    "ops.source_runs": "How each source fared in each run.",
    "ops.shrinkages": "Sources that no longer serve history which we hold.",
}


def key_of(table: str) -> AssetKey:
    """Return the asset key of a table: schema and name."""
    return AssetKey(table.split("."))


@multi_asset(
    name="reference",
    specs=[
        AssetSpec(
            key_of(table),
            group_name="reference",
            description=text,
            kinds={"python", "duckdb"},
            owners=OWNERS,
            metadata={COLUMN_SCHEMA: schema_of(own_table(table).columns)},
            skippable=False,
        )
        for table, text in REFERENCE_TABLES.items()
    ],
    required_resource_keys={"session"},
)
def reference(context: AssetExecutionContext) -> Iterator[MaterializeResult[None]]:
    """Bring catalog and calendars up to the run's clock."""
    from warehouse.reference import replace_reference

    session: Session = context.resources.session
    with session.step():
        changed = replace_reference(session.con, session.catalog, session.settings.clock())
        facts = table_facts(session, "catalog", "calendar")
    for table in REFERENCE_TABLES:
        yield MaterializeResult(
            asset_key=key_of(table), metadata={"replaced": table in changed, **facts.get(table, {})}
        )


@multi_asset(
    name="operations",
    specs=[
        AssetSpec(
            key_of(table),
            group_name="operations",
            description=text,
            kinds={"duckdb"},
            owners=OWNERS,
            metadata={COLUMN_SCHEMA: schema_of(own_table(table).columns)},
            deps=[key_of(connector.table_ids[0]) for connector in CONNECTORS],
        )
        for table, text in OPERATIONS_TABLES.items()
    ],
    required_resource_keys={"session"},
)
def operations(context: AssetExecutionContext) -> Iterator[MaterializeResult[None]]:
    """Show what the landing of each source wrote here in its own transaction; nothing is written."""
    session: Session = context.resources.session
    with session.step():
        facts = table_facts(session, "ops")
    for table in OPERATIONS_TABLES:
        yield MaterializeResult(asset_key=key_of(table), metadata=facts.get(table, {}))
