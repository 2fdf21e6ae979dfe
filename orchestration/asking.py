"""Publishers asked side by side, a thread each; what they brought is landed one after another, in one fixed order.

So a run lasts about as long as its slowest publisher, and its result does not depend on who answered first. What a
connector asks for may depend on what others landed (whose prices are wanted, what the first provider misses): it is
asked once these have landed (`asked_after` in its publisher's YAML).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING, Final

from ingest.connectors import CONNECTORS, Connector
from ingest.pace import Pace
from orchestration.ingestion import SourceOutcome, attempted, context_of, land_batch, require_own_upstream, require_time
from orchestration.judging import Judging
from orchestration.session import Session
from orchestration.worked_ahead import Ended

if TYPE_CHECKING:
    from ingest.batch import Batch
    from ingest.connector import FetchContext


_SHOWN_EVERY_SECONDS: Final = 0.5


def ingest_all(session: Session, connectors: Sequence[Connector]) -> Iterator[tuple[Connector, SourceOutcome]]:
    """Ask `connectors` side by side and land them; yield each with its outcome as it lands.

    What was begun of them before, by `ask_ahead`, is awaited. A failure is recorded and yielded. Raised is only what
    concerns every source: HomeUnusable, ConfigError, an interrupt; then nothing more is asked.
    """
    require_own_upstream(session)
    ordered = sorted(connectors, key=CONNECTORS.index)
    asking, session.asking = session.asking, None
    if asking is None or asking.ordered != ordered:
        asking = Asking(session, ordered)
    try:
        for connector in ordered:
            asking.start()
            yield connector, asking.landed(connector)
    finally:
        if not asking.is_done:
            session.patience.end()
            session.end_second()  # otherwise it has claims to test


def ask_ahead(session: Session) -> None:
    """Ask all that wait for nothing, while the run is still starting; `ingest_all` lands what they bring.

    Their modules are imported first, by this thread: two threads in one circle of imports break both.
    """
    if session.settings.origin != "LIVE" and session.settings.upstream is None:
        return  # `ingest_all` says why nobody is asked
    import ingest.http
    import ingest.pure_work  # noqa: F401

    for connector in CONNECTORS:
        _ = connector.module
    session.asking = Asking(session, list(CONNECTORS))
    session.asking.start()


class Asking:
    """The threads of a run, and what they brought."""

    def __init__(self, session: Session, ordered: Sequence[Connector]) -> None:
        from ingest.archive import Archive

        self.ordered = ordered
        self._session = session
        self._archive = Archive(session.home.archive)
        self._pace = Pace()
        self._missing = {connector.name for connector in ordered}  # not landed yet
        self._brought: dict[str, Future[Batch]] = {}
        self._judging = Judging(session, session.second) if session.second is not None else None
        self._seen: dict[str, tuple[str, int, int | None]] = {}  # how far each is, written by its thread

    @property
    def is_done(self) -> bool:
        """Say whether everything has landed."""
        return not self._missing

    def start(self) -> None:
        """Ask those that wait for nothing any more."""
        for connector in self.ordered:
            if connector.name not in self._brought and not self._missing.intersection(connector.facts.asked_after):
                self._brought[connector.name] = self._asked(connector)

    def landed(self, connector: Connector) -> SourceOutcome:
        """Wait for what a connector brought, and land it."""
        outcome = attempted(self._session, connector, lambda: self._land(connector))
        self._missing.discard(connector.name)
        return outcome

    def _land(self, connector: Connector) -> SourceOutcome:
        batch = self._awaited(connector.name)
        if self._judging is None:
            return land_batch(self._session, batch)
        gate = self._judging.gate_of(connector, batch)
        self._judge_ahead()
        return land_batch(self._session, batch, gate)

    def _judge_ahead(self) -> None:
        if self._judging is not None:
            waiting = [connector for connector in self.ordered if connector.name in self._missing]
            self._judging.begin_ahead(waiting, self._brought.get)

    def _awaited(self, name: str) -> Batch:
        """Return the batch of a connector once it is there; meanwhile show how far it is."""
        self._session.progress(f"asking {name}", 0, None)
        while True:
            try:
                return self._brought[name].result(timeout=_SHOWN_EVERY_SECONDS)
            except TimeoutError:
                if self._brought[name].done():
                    raise  # the connector's own
                if self._session.patience.is_ended:
                    raise Ended from None
                self._judge_ahead()
                if name in self._seen:
                    self._session.progress(*self._seen[name])

    def _asked(self, connector: Connector) -> Future[Batch]:
        from ingest.http import Upstream
        from ingest.pure_work import begin_reading

        session = self._session
        brought: Future[Batch] = Future()
        begun_at = session.settings.clock()  # orders the batches of a rebuild
        upstream = Upstream(session.settings, session.settings.clock, self._archive, session.patience, self._pace)

        def progress(what: str, done: int, of: int | None) -> None:
            self._seen[connector.name] = (what, done, of)

        begin = None if session.second is None else partial(begin_reading, session.second)

        def ask(context: FetchContext) -> None:
            from ingest.collect import collect

            try:
                with upstream:
                    brought.set_result(collect(connector, context, begun_at=begun_at, begin=begin))
            except BaseException as error:  # noqa: BLE001 - raised where the result is asked for
                brought.set_exception(error)

        try:
            require_time(session, connector)
            context = context_of(session, connector, upstream, progress)  # here: the connection is this thread's
        except Exception as error:  # noqa: BLE001 - as in ask
            upstream.close()
            brought.set_exception(error)
        else:
            # A daemon: an interrupted run does not wait for a silent publisher.
            threading.Thread(target=ask, args=(context,), name=f"ask-{connector.name}", daemon=True).start()
        return brought
