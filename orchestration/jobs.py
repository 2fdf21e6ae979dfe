"""The two jobs. In one process: the multiprocess default costs 3 s a step in imports alone."""

from __future__ import annotations

from dagster import AssetSelection, define_asset_job, in_process_executor

from orchestration.assets import breadth, implied_volatility, marts_assets, published, regimes, report

daily = define_asset_job(
    "daily",
    selection=AssetSelection.all(),
    executor_def=in_process_executor,
    description="Fetch, check, land, build, audit, publish, report.",
)
marts = define_asset_job(
    "marts",
    selection=AssetSelection.assets(breadth, implied_volatility, marts_assets, regimes, published, report),
    executor_def=in_process_executor,
    description="Build the marts from what has landed, audit, publish, report.",
)
