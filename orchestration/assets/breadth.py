"""Breadth features in polars, between the raw prices and dbt: windows over 50 million rows are no work for SQL."""

from collections.abc import Iterator

from dagster import AssetExecutionContext, AssetKey, AssetSpec, MaterializeResult, multi_asset

from orchestration.assets.described import COLUMN_SCHEMA, OWNERS, schema_of
from orchestration.assets.sources import PRICE_TABLE_KEYS
from orchestration.assets.table_facts import table_facts
from orchestration.session import Session
from warehouse.own_tables import own_table

BREADTH_TABLES = {
    "breadth.features": "What each stock did on each session, over split-adjusted closes.",
    "breadth.daily_counts": "Counts over the members of a universe, whatever the coverage.",
    "breadth.market": "McClellan and Zweig, which fold over the sessions.",
}


@multi_asset(
    name="breadth",
    specs=[
        AssetSpec(
            AssetKey(table.split(".")),
            group_name="analytics",
            kinds={"polars", "duckdb"},
            owners=OWNERS,
            description=text,
            metadata={COLUMN_SCHEMA: schema_of(own_table(table).columns)},
            deps=[*PRICE_TABLE_KEYS, AssetKey(["calendar", "sessions"])],
            skippable=False,
        )
        for table, text in BREADTH_TABLES.items()
    ],
    required_resource_keys={"session"},
)
def breadth(context: AssetExecutionContext) -> Iterator[MaterializeResult[None]]:
    """Compute what new prices, splits and members touch; nothing where there are none."""
    from analytics.breadth.tables import update_breadth

    session: Session = context.resources.session
    with session.step():
        session.progress("computing breadth", 0, None)
        update = update_breadth(session.con, wide=session.settings.wide_universe, now=session.settings.clock())
        facts = table_facts(session, "breadth")
    metadata = {"extent": update.extent, "feature_rows": update.feature_rows, "sessions": update.sessions}
    for table in BREADTH_TABLES:
        yield MaterializeResult(asset_key=AssetKey(table.split(".")), metadata={**metadata, **facts.get(table, {})})
