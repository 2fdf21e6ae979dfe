"""When the daily job runs by itself: after the close, and right after the cut-off of the next morning."""

from __future__ import annotations

from datetime import date

from dagster import (
    DefaultScheduleStatus,
    RunRequest,
    ScheduleDefinition,
    ScheduleEvaluationContext,
    SkipReason,
)

from ingest.clock import NEW_YORK
from orchestration.jobs import daily


def on_sessions(context: ScheduleEvaluationContext) -> RunRequest | SkipReason:
    """Ask for a run where the tick falls on an NYSE session; say why not otherwise."""
    from ingest.catalog.calendars import is_working_day

    moment = context.scheduled_execution_time.astimezone(NEW_YORK)
    day: date = moment.date()
    if not is_working_day("nyse", day):
        return SkipReason(f"{day:%A} {day} is not an NYSE session")
    return RunRequest(run_key=f"{moment:%Y-%m-%dT%H:%M}")


def _schedule(name: str, cron: str, description: str) -> ScheduleDefinition:
    return ScheduleDefinition(
        name=name,
        job=daily,
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
