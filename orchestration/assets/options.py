"""What option chains say, in polars, between the snapshot files and dbt: a file is read once, its results are kept."""

from collections.abc import Iterator

from dagster import AssetExecutionContext, AssetKey, MaterializeResult, multi_asset

from analytics.options.chains import TABLES
from orchestration.assets.own_tables import own_results, own_specs
from orchestration.assets.table_facts import table_facts
from orchestration.lake_breadth import lake_run
from orchestration.session import Session

OPTION_TABLES = {
    "options.gamma_files": "Snapshot files whose chains have been read.",
    "options.gamma_daily": "Net gamma of dealers from each option chain, in total.",
    "options.gamma_strikes": "Net gamma of dealers from each option chain, by expiry and strike.",
}


@multi_asset(
    name="options",
    specs=own_specs(OPTION_TABLES, [AssetKey(table_id.split(".")) for table_id in TABLES]),
    required_resource_keys={"session"},
)
def options(context: AssetExecutionContext) -> Iterator[MaterializeResult[None]]:
    """Read the chains that are new; nothing where there are none."""
    from analytics.options.tables import update_options

    session: Session = context.resources.session
    with session.step():
        update = update_options(
            session.con,
            session.snapshots,
            progress=lambda done, of: session.progress("reading option chains", done, of),
            lake=lake_run(session, "reading option chains"),
        )
        facts = table_facts(session, "options")
    metadata = {"files": update.files, "chains": update.chains}
    yield from own_results(OPTION_TABLES, facts, metadata)
