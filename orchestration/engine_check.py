"""Whether the engine of TIDEGAUGE_LAKE answers, and whether every worker has our versions and our code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingest.errors import EngineUnusable
from orchestration.finding import Finding

if TYPE_CHECKING:
    from warehouse.lake.setting import Lake


def engine_finding(lake: Lake | None) -> Finding | None:
    """Return what was seen of the engine; None where this process computes."""
    if lake is None or lake.engine == "local":
        return None
    from analytics.engines.engine import engine_at
    from analytics.engines.versions import require_same, versions_here

    ours = versions_here()
    try:
        with engine_at(lake.engine) as engine:
            workers = engine.versions()
        for worker, theirs in workers.items():
            require_same(worker, theirs, ours)
    except EngineUnusable as error:
        return Finding("engine", "bad", str(error), "", EngineUnusable.exit_code)
    said = ", ".join(f"{name} {version}" for name, version in ours.items() if name != "tidegauge")
    return Finding("engine", "good", f"{lake.engine}: workers {len(workers)}, each with our code, {said}")
