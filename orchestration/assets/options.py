"""What option chains say, in polars, between the snapshot files and dbt: a file is read once, its results are kept."""

from collections.abc import Iterator

from dagster import AssetExecutionContext, AssetKey, AssetSpec, MaterializeResult, multi_asset

from analytics.options.chains import TABLES
from orchestration.assets.described import COLUMN_SCHEMA, OWNERS, schema_of
from orchestration.assets.table_facts import table_facts
from orchestration.session import Session
from warehouse.own_tables import own_table

OPTION_TABLES = {
    "options.gamma_files": "Snapshot files whose chains have been read.",
    "options.gamma_daily": "Net gamma of dealers from each option chain, in total.",
    "options.gamma_strikes": "Net gamma of dealers from each option chain, by expiry and strike.",
}


@multi_asset(
    name="options",
    specs=[
        AssetSpec(
            AssetKey(table.split(".")),
            group_name="analytics",
            kinds={"polars", "duckdb"},
            owners=OWNERS,
            description=text,
            metadata={COLUMN_SCHEMA: schema_of(own_table(table).columns)},
            deps=[AssetKey(table_id.split(".")) for table_id in TABLES],
            skippable=False,
        )
        for table, text in OPTION_TABLES.items()
    ],
    required_resource_keys={"session"},
)
def options(context: AssetExecutionContext) -> Iterator[MaterializeResult[None]]:
    """Read the chains that are new; nothing where there are none."""
    from analytics.options.tables import update_options

    session: Session = context.resources.session
    with session.step():
        update = update_options(
            session.con,
            session.home.snapshots,
            progress=lambda done, of: session.progress("reading option chains", done, of),
        )
        facts = table_facts(session, "options")
    metadata = {"files": update.files, "chains": update.chains}
    for table in OPTION_TABLES:
        yield MaterializeResult(asset_key=AssetKey(table.split(".")), metadata={**metadata, **facts.get(table, {})})
