"""Breadth features in polars, between the raw prices and dbt: windows over 50 million rows are no work for SQL."""

from collections.abc import Iterator

from dagster import AssetExecutionContext, AssetKey, AssetSpec, MaterializeResult, multi_asset

from orchestration.assets.sources import PRICE_TABLE_KEYS
from orchestration.session import Session

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
            group_name="breadth",
            kinds={"polars", "duckdb"},
            description=text,
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
    metadata = {"extent": update.extent, "feature_rows": update.feature_rows, "sessions": update.sessions}
    for table in BREADTH_TABLES:
        yield MaterializeResult(asset_key=AssetKey(table.split(".")), metadata=metadata)
