"""A run as the command line starts it: the same job, on the same Dagster instance that `tidegauge ui` shows."""

from __future__ import annotations

import gc
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ingest.settings import Settings
from orchestration.session import Progress, Session, no_progress, open_session

if TYPE_CHECKING:
    from ingest.second_process import SecondProcess
    from orchestration.ingestion import SourceOutcome
    from warehouse.publish import PublishResult

JobName = Literal["daily", "marts"]

# What went on is kept in the instance; a terminal wants the outcome, not four hundred events.
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}

# Dagster, dbt and Great Expectations make millions of objects that stay to the end: looking for garbage among them
# five thousand times, as Python's own thresholds have it, is a twentieth of a run.
_GARBAGE_THRESHOLDS = (50_000, 20, 50)


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
    with (
        _patient_collector(),
        _second_process(settings, job_name) as second,
        open_session(settings, progress, second) as session,
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")  # Dagster's notes on its own beta features, and what publishers' clients say
        progress("starting", 0, None)
        try:
            if second is not None:
                from orchestration.asking import ask_ahead

                ask_ahead(session)
            _execute(session, job_name)
        finally:
            session.patience.end()
    assert session.release is not None  # the job ends with the release, or raises
    failed = sum(not check.passed for check in session.checks)
    return RunOutcome(session.run_id, session.release, session.outcomes, failed, time.perf_counter() - began)


def _execute(session: Session, job_name: JobName) -> None:
    from dagster import DagsterExecutionInterruptedError

    from orchestration.dbt_state import keep_under

    keep_under(session.home.dbt)  # before the assets are imported, which need the parsed project
    from orchestration.definitions import defs
    from orchestration.instance import open_instance

    if job_name == "daily" and session.second is None:
        # Before any thread begins: imported beside Dagster, or a publisher, it met them half way through SQLAlchemy,
        # whose parts import one another, and found modules that were not finished.
        import ingest.rules.expectations  # noqa: F401, I001 - says what of the next is not loaded

        import great_expectations  # noqa: F401
    with open_instance(session.home, session.settings.dagster_postgres_dsn) as instance:
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


@contextmanager
def _second_process(settings: Settings, job_name: JobName) -> Iterator[SecondProcess | None]:
    """Start the process that reads, judges and figures, where the run has something to judge and a core for it."""
    from ingest.second_process import usable_cores

    if job_name != "daily" or not settings.second_process or usable_cores() == 1:
        yield None
        return
    from ingest.catalog import load_catalog
    from ingest.pure_work import start

    second = start(load_catalog())
    try:
        yield second
    finally:
        second.close()


@contextmanager
def _patient_collector() -> Iterator[None]:
    """Let Python look for garbage less often, and put back what was set."""
    before = gc.get_threshold()
    gc.set_threshold(*_GARBAGE_THRESHOLDS)
    try:
        yield
    finally:
        gc.set_threshold(*before)
