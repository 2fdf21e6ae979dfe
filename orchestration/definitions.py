"""What Dagster loads: an assembly of lists, nothing else."""

from dagster import Definitions

from orchestration.assets import ALL
from orchestration.jobs import daily, marts, snapshots
from orchestration.resources import session_resource
from orchestration.schedules import evening, morning, of_snapshots

defs = Definitions(
    assets=ALL,
    jobs=[daily, marts, snapshots],
    schedules=[evening, morning, *of_snapshots],
    resources={"session": session_resource},
)
