"""Every asset, from the publisher to the report. `ALL` is the whole list; nothing is discovered."""

from orchestration.assets.marts import marts_assets
from orchestration.assets.published import published, report
from orchestration.assets.reference import operations, reference
from orchestration.assets.sources import source_assets

__all__ = ["ALL", "marts_assets", "published", "report"]

ALL = [*source_assets, reference, *operations, marts_assets, published, report]
