"""What Dagster loads: an assembly of lists, nothing else."""

from dagster import Definitions

from orchestration.assets import ALL
from orchestration.jobs import daily, marts
from orchestration.resources import session_resource
from orchestration.schedules import evening, morning

defs = Definitions(
    assets=ALL,
    jobs=[daily, marts],
    schedules=[evening, morning],
    resources={"session": session_resource},
)
