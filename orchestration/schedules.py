"""When jobs run by themselves: the daily one after the close and right after the cut-off of the next morning.

Snapshots are taken at the hours that their tables name: nobody serves them later.
"""

from __future__ import annotations

from datetime import date, time
from typing import Any

from dagster import (
    DefaultScheduleStatus,
    RunRequest,
    ScheduleDefinition,
    ScheduleEvaluationContext,
    SkipReason,
)

from ingest.clock import NEW_YORK
from ingest.dataset import TABLES
from orchestration.jobs import daily, snapshots


def on_sessions(context: ScheduleEvaluationContext) -> RunRequest | SkipReason:
    """Ask for a run where the tick falls on an NYSE session; say why not otherwise."""
    from ingest.catalog.calendars import is_working_day

    moment = context.scheduled_execution_time.astimezone(NEW_YORK)
    day: date = moment.date()
    if not is_working_day("nyse", day):
        return SkipReason(f"{day:%A} {day} is not an NYSE session")
    return RunRequest(run_key=f"{moment:%Y-%m-%dT%H:%M}")


def _schedule(name: str, cron: str, description: str, job: Any = daily) -> ScheduleDefinition:
    return ScheduleDefinition(
        name=name,
        job=job,
        cron_schedule=cron,
        execution_timezone="America/New_York",
        execution_fn=on_sessions,
        default_status=DefaultScheduleStatus.STOPPED,
        description=description,
    )


evening = _schedule(
    "evening", "30 18 * * 1-5", "18:30 New York on NYSE sessions: prices, Cboe and the Treasury are out."
)
morning = _schedule(
    "morning",
    "16 9 * * 1-5",
    "09:16 New York on NYSE sessions: the 09:15 cut-off is past, so yesterday has its regime before the open.",
)


def _snapshots_at(hour: time) -> ScheduleDefinition:
    names = ", ".join(table.id for table in TABLES if hour in table.taken_at)
    return _schedule(
        f"snapshots_{hour:%H%M}",
        f"{hour.minute} {hour.hour} * * 1-5",
        f"{hour:%H:%M} New York on NYSE sessions: a snapshot of {names} that is not taken is missing for good.",
        snapshots,
    )


of_snapshots = [_snapshots_at(hour) for hour in sorted({hour for table in TABLES for hour in table.taken_at})]
