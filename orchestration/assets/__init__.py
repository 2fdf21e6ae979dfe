"""Every asset, from the publisher to the report. `ALL` is the whole list; nothing is discovered."""

from dagster import AssetsDefinition

from orchestration.assets.breadth import breadth
from orchestration.assets.claims import claims
from orchestration.assets.implied_volatility import implied_volatility
from orchestration.assets.marts import marts_assets
from orchestration.assets.options import options
from orchestration.assets.published import published, report
from orchestration.assets.reference import operations, reference
from orchestration.assets.regimes import regimes
from orchestration.assets.sources import sources

__all__ = ["ALL", "operations", "sources"]

ALL: list[AssetsDefinition] = [
    sources,
    reference,
    operations,
    breadth,
    options,
    implied_volatility,
    marts_assets,
    regimes,
    claims,
    published,
    report,
]
