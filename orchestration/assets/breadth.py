"""Breadth features in polars, between the raw prices and dbt: windows over 50 million rows are no work for SQL."""

from collections.abc import Iterator

from dagster import AssetExecutionContext, AssetKey, MaterializeResult, multi_asset

from orchestration.assets.own_tables import own_results, own_specs
from orchestration.assets.sources import PRICE_TABLE_KEYS
from orchestration.assets.table_facts import table_facts
from orchestration.audit import require_passed
from orchestration.lake_breadth import check_drawn_bucket, lake_run
from orchestration.session import Session

BREADTH_TABLES = {
    "breadth.features": "What each stock did on each session, over split-adjusted closes.",
    "breadth.daily_counts": "Counts over the members of a universe, whatever the coverage.",
    "breadth.market": "McClellan and Zweig, which fold over the sessions.",
}


@multi_asset(
    name="breadth",
    specs=own_specs(BREADTH_TABLES, [*PRICE_TABLE_KEYS, AssetKey(["calendar", "sessions"])]),
    required_resource_keys={"session"},
)
def breadth(context: AssetExecutionContext) -> Iterator[MaterializeResult[None]]:
    """Compute what new prices, splits and members touch; nothing where there are none."""
    from analytics.breadth.tables import update_breadth

    session: Session = context.resources.session
    with session.step():
        session.progress("computing breadth", 0, None)
        lake = lake_run(session, "computing breadth")
        wide, now = session.settings.wide_universe, session.settings.clock()
        update = update_breadth(session.con, wide=wide, now=now, lake=lake)
        if lake is not None:
            checks = [check_drawn_bucket(session)]
            session.keep_checks(checks)
            require_passed(checks)
        facts = table_facts(session, "breadth")
    metadata = {"extent": update.extent, "feature_rows": update.feature_rows, "sessions": update.sessions}
    yield from own_results(BREADTH_TABLES, facts, metadata)
