"""Option chains reduced to what is at the money, between their files and dbt: a chain is read once."""

from collections.abc import Iterator

from dagster import AssetExecutionContext, AssetKey, MaterializeResult, multi_asset

from ingest.dataset import serving
from orchestration.assets.own_tables import own_results, own_specs
from orchestration.assets.table_facts import table_facts
from orchestration.session import Session

TABLES = {
    "implied_volatility.at_the_money": "Implied volatility at the money of each expiry of a chain.",
    "implied_volatility.reduced_files": "Files of chains that were read.",
}


@multi_asset(
    name="implied_volatility",
    specs=own_specs(TABLES, [AssetKey(chains.id.split(".")) for chains in serving("option_quotes")]),
    required_resource_keys={"session"},
)
def implied_volatility(context: AssetExecutionContext) -> Iterator[MaterializeResult[None]]:
    """Reduce the chains that landed in this run."""
    from analytics.options.implied_volatility_tables import update_at_the_money

    session: Session = context.resources.session
    with session.step():
        session.progress("reducing option chains", 0, None)
        chains = update_at_the_money(session.con, session.snapshots)
        facts = table_facts(session, "implied_volatility")
    yield from own_results(TABLES, facts, {"chains": chains})
