"""A run as the command line starts it: the same job, on the same Dagster instance that `tidegauge ui` shows."""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ingest.settings import Settings
from orchestration.session import Progress, Session, no_progress, open_session

if TYPE_CHECKING:
    from orchestration.ingestion import SourceOutcome
    from warehouse.publish import PublishResult

JobName = Literal["daily", "marts"]

# What went on is kept in the instance; a terminal wants the outcome, not four hundred events.
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """A run that ended well. A run that did not raises its reason."""

    run_id: str
    release: PublishResult
    sources: Mapping[str, SourceOutcome]
    failed_checks: int
    seconds: float


def run_daily(settings: Settings, progress: Progress = no_progress) -> RunOutcome:
    """Fetch, check, land, build, audit, publish, report. Raises the TidegaugeError that says why not.

    AuditFailed: nothing was published, the last release stays. AnotherWriter, HomeUnusable, ConfigError: nothing
    was touched. SourceUnavailable: no source answered at all; one that fails alone is in `sources`.
    """
    return _run(settings, "daily", progress)


def run_marts(settings: Settings, progress: Progress = no_progress) -> RunOutcome:
    """Build the marts from what has landed, audit, publish, report. Raises as run_daily does."""
    return _run(settings, "marts", progress)


def _run(settings: Settings, job_name: JobName, progress: Progress) -> RunOutcome:
    began = time.perf_counter()
    with open_session(settings, progress) as session:
        progress("starting", 0, None)
        _execute(session, job_name)
    assert session.release is not None  # the job ends with the release, or raises
    failed = sum(not check.passed for check in session.checks)
    return RunOutcome(session.run_id, session.release, session.outcomes, failed, time.perf_counter() - began)


def _execute(session: Session, job_name: JobName) -> None:
    from dagster import DagsterExecutionInterruptedError

    from orchestration.definitions import defs
    from orchestration.instance import open_instance

    with warnings.catch_warnings(), open_instance(session.home) as instance:
        warnings.simplefilter("ignore")  # Dagster's notes on its own beta features
        try:
            defs.resolve_job_def(job_name).execute_in_process(
                instance=instance,
                resources={"session": session},
                run_config=_QUIET,
                tags={"tidegauge/run_id": session.run_id, "tidegauge/origin": session.settings.origin},
                raise_on_error=True,
            )
        except DagsterExecutionInterruptedError:
            raise KeyboardInterrupt from None
