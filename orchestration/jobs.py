"""The jobs. In one process: the multiprocess default costs 3 s a step in imports alone."""

from __future__ import annotations

from dagster import AssetKey, AssetSelection, define_asset_job, in_process_executor

from ingest.dataset import TABLES
from orchestration.assets import operations, sources

daily = define_asset_job(
    "daily",
    selection=AssetSelection.all(),
    executor_def=in_process_executor,
    description="Fetch, check, land, build, audit, publish, report.",
)
marts = define_asset_job(
    "marts",
    selection=AssetSelection.all() - AssetSelection.assets(sources, operations),
    executor_def=in_process_executor,
    description="Build the marts from what has landed, audit, publish, report.",
)
snapshots = define_asset_job(
    "snapshots",
    selection=AssetSelection.assets(*(AssetKey([one.source, one.name]) for one in TABLES if one.taken_at)),
    executor_def=in_process_executor,
    description="Take the snapshots that are due. They are in the marts after the next daily run.",
)
