"""One run from its lock to its last word: what the assets share. The same whoever launches the job.

The command line opens a session and hands it to the job; a run launched from Dagster's pages or by a schedule opens
its own, from the environment.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from ingest.batch import CheckResult
from ingest.catalog import Catalog, load_catalog
from ingest.clock import naive_utc
from ingest.errors import ConfigError, TidegaugeError
from ingest.home import Home, home_at
from ingest.patience import Patience
from ingest.secrets import blotted
from ingest.settings import Origin, Settings

if TYPE_CHECKING:
    import duckdb

    from ingest.second_process import SecondProcess
    from orchestration.asking import Asking
    from orchestration.ingestion import SourceOutcome
    from orchestration.unchanged import Plan
    from orchestration.worked_ahead import WorkedAhead
    from warehouse.copied_ahead import CopiedAhead
    from warehouse.lake.setting import Lake
    from warehouse.losses import Loss
    from warehouse.publish import PublishResult
    from warehouse.runs import RunState
    from warehouse.snapshot_store import SnapshotStore

Progress = Callable[[str, int, int | None], None]
"""(what, done, of): how far a long piece of work is."""


def no_progress(what: str, done: int, of: int | None) -> None:
    """Show nothing."""


@dataclass
class Session:
    """A run that holds the writer lock of its home."""

    settings: Settings
    home: Home
    catalog: Catalog
    run_id: str
    started_at: datetime
    progress: Progress = no_progress
    patience: Patience = field(default_factory=Patience)
    lake: Lake | None = None
    second: SecondProcess | None = None  # it knows the catalog
    asking: Asking | None = None  # begun, and nothing landed yet
    landing: WorkedAhead[Any] | None = None  # what lands, which has the connection meanwhile
    outcomes: dict[str, SourceOutcome] = field(default_factory=dict)
    checks: list[CheckResult] = field(default_factory=list)
    is_built: bool = False
    plan: Plan | None = None
    ahead: CopiedAhead | None = None
    losses: Future[list[Loss]] | None = None  # of what `ahead` has
    release: PublishResult | None = None
    _failure: BaseException | None = None
    _connection: duckdb.DuckDBPyConnection | None = None

    @property
    def con(self) -> duckdb.DuckDBPyConnection:
        """The connection to the build file; opened when first asked for, and again after `let_go`."""
        if self._connection is None:
            from warehouse.connection import connect

            self._connection = connect(self.home, self.lake)
        return self._connection

    @property
    def snapshots(self) -> SnapshotStore:
        """Where the files of snapshot tables are."""
        from warehouse.snapshot_store import store_in

        return store_in(self.home.snapshots, self.lake)

    def let_go(self) -> None:
        """Close the connection, so that the build file may be opened anew."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @property
    def now(self) -> datetime:
        """The moment of the run's clock, naive UTC."""
        return naive_utc(self.settings.clock())

    @cached_property
    def evaluated_at(self) -> datetime:
        """The moment that the marts take as now, naive UTC: one for all of them, though the clock goes on."""
        return self.now

    @property
    def variables(self) -> dict[str, str]:
        """What dbt is told about this run."""
        return dbt_variables(self.evaluated_at, self.settings.origin, self.run_id)

    @property
    def simulated_truth(self) -> Path | None:
        """The simulator's own account of its regimes; None unless the market is simulated and a rehearsal told it."""
        return self.settings.simulated_truth if self.settings.origin == "SIMULATED" else None

    @contextmanager
    def step(self) -> Iterator[None]:
        """Remember what made a step fail: it is the reason of the run."""
        from warehouse.connection import home_errors

        try:
            with home_errors(self.home):
                yield
        except BaseException as error:
            self._failure = self._failure or error
            self._end_landing()
            self.let_go()  # a full disk makes a connection unusable for the reason too
            raise

    def _end_landing(self) -> None:
        if self.landing is not None:
            self.landing.end()
            self.landing = None

    def keep_checks(self, checks: list[CheckResult]) -> None:
        """Append results to ops.checks and to the session."""
        from warehouse.runs import record_checks

        record_checks(self.con, self.run_id, checks, self.settings.clock())
        self.checks.extend(checks)

    def end_second(self) -> None:
        """End the second process once nothing is left for it to do: its memory is better used."""
        if self.second is not None:
            self.second.close()
            self.second = None

    def built(self, *, whole: bool) -> None:
        """Mark the build file as sound; only a whole build may be published."""
        self.is_built = whole
        if whole:
            from warehouse.runs import finish_run

            finish_run(self.con, self.run_id, "built", self.settings.clock())

    def begin(self) -> None:
        """Bring the build file's schema up to date and record the start."""
        from warehouse.connection import home_errors, migrate
        from warehouse.runs import begin_run
        from warehouse.snapshots import show_snapshots

        with home_errors(self.home):
            migrate(self.con)
            if self.lake is not None:
                self._begin_lake(self.lake)
            show_snapshots(self.con, self.snapshots)
            begin_run(self.con, self.run_id, self.started_at)

    def _begin_lake(self, lake: Lake) -> None:
        """Prove that the lake is ours, and finish there what a run before did not."""
        from warehouse.lake.belonging import claim
        from warehouse.lake.snapshots import bring_in, create_tables

        claim(self.con, self.home, lake)
        create_tables(self.con, lake)
        bring_in(self.con, self.snapshots, self.home.snapshots, run_id=self.run_id, now=self.now)

    def finish(self) -> None:
        """Record how the run ended, and let go of the build file."""
        from warehouse.runs import finish_run

        reason = reason_of(self._failure) if self._failure is not None else None
        self._end_landing()
        if self.ahead is not None:
            self.ahead.discard()
        try:
            finish_run(self.con, self.run_id, self._state(), self.settings.clock(), reason)
        except Exception:
            # A full disk cannot even keep the reason: what went wrong first is what the caller shall see.
            if self._failure is None:
                raise
        finally:
            self.let_go()

    def _state(self) -> RunState:
        if self._failure is not None:
            return "failed"
        if self.release is not None:
            return self.release.state
        return "built" if self.is_built else "unchanged"


def dbt_variables(evaluated_at: datetime, origin: str, run_id: str) -> dict[str, str]:
    """Return what dbt is told about a run that takes `evaluated_at` (naive UTC) as now."""
    return {"run_at": evaluated_at.isoformat(sep=" ", timespec="microseconds"), "origin": origin, "run_id": run_id}


def reason_of(error: BaseException) -> str:
    """Return the sentence of an expected error, the type and first line of any other."""
    lines = str(error).splitlines()
    first = lines[0] if lines else ""
    return first if isinstance(error, TidegaugeError) and first else blotted(f"{type(error).__name__}: {first}")


def held_origin(home: Home) -> Origin | None:
    """Return what the figures of `home` are, None while it has none."""
    marker = home.root / "origin.txt"
    if not marker.exists():
        return None
    held = marker.read_text(encoding="ascii").strip()
    return next((origin for origin in get_args(Origin) if origin == held), None)


def lake_for(home: Home, settings: Settings) -> Lake | None:
    """Return the lake of the settings; ConfigError where they have none and the home needs its own."""
    if settings.lake is None and not (home.root / "lake.json").exists():
        return None  # without reading what only a lake needs
    from warehouse.lake.belonging import require_lake
    from warehouse.lake.setting import configured

    lake = configured(settings)
    require_lake(home, lake)
    return lake


def keep_apart(home: Home, origin: Origin) -> None:
    """ConfigError when `home` holds figures of another origin: simulated and real ones never mix."""
    held = held_origin(home)
    if held is None:
        (home.root / "origin.txt").write_text(f"{origin}\n", encoding="ascii")
    elif held != origin:
        raise ConfigError(
            f"{home.root} holds {held} figures and this run brings {origin} ones: nothing was touched. "
            "Set TIDEGAUGE_HOME to another folder."
        )


@contextmanager
def open_session(
    settings: Settings, progress: Progress = no_progress, second: SecondProcess | None = None
) -> Iterator[Session]:
    """Lock the home, begin a run, and end it whatever happens. `second` does a part of its work, if there is one.

    HomeUnusable, AnotherWriter, ConfigError (ClockBehind when the clock was set back): nothing was touched.
    """
    from orchestration.guarded import guard_logs, guard_stores
    from warehouse.connection import WriterLock
    from warehouse.recorded import require_clock

    guard_logs()
    guard_stores()
    catalog = load_catalog()
    home = home_at(settings.home)
    started_at = settings.clock()
    require_clock(home, started_at)
    keep_apart(home.ensure(), settings.origin)
    lake = lake_for(home, settings)
    run_id = f"{naive_utc(started_at):%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:8]}"
    patience = Patience(settings.run_deadline_seconds)
    session = Session(settings, home, catalog, run_id, started_at, progress, patience, lake, second)
    with WriterLock(home):
        try:
            with session.step():
                session.begin()
                yield session
        finally:
            session.finish()
