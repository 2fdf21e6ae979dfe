"""Publishers asked side by side, a thread each; what they brought is landed one after another, in one fixed order.

So a run lasts about as long as its slowest publisher, and its result does not depend on who answered first. What a
connector asks for may depend on what others landed (whose prices are wanted, what the first provider misses): it is
asked once these have landed.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Final

from ingest.connectors import CONNECTORS, Connector
from ingest.pace import Pace
from orchestration.ingestion import SourceOutcome, attempted, context_of, land_batch, require_own_upstream, require_time
from orchestration.session import Session

if TYPE_CHECKING:
    from ingest.archive import Archive
    from ingest.batch import Batch
    from ingest.connector import FetchContext


NEEDS: Final[Mapping[str, tuple[str, ...]]] = {
    "yahoo_prices": ("sp500_membership", "nasdaq_trader"),
    "nasdaq": ("yahoo_prices",),
    "user_prices": ("nasdaq",),
}
"""What must have landed before a connector is asked."""

_SHOWN_EVERY_SECONDS: Final = 0.5


def in_landing_order(connectors: Sequence[Connector]) -> list[Connector]:
    """Return the connectors as a run lands them: those that others wait for, series by name, the rest, the waiting."""
    needed = {name for names in NEEDS.values() for name in names}

    def place(connector: Connector) -> tuple[int, str, int]:
        position = CONNECTORS.index(connector)
        if connector.name in NEEDS:
            return 3 + list(NEEDS).index(connector.name), "", position
        if connector.name in needed:
            return 0, "", position
        # By name, as a rebuild takes batches of one moment: some are judged beside what others landed.
        return (1, connector.name, position) if connector.has_series else (2, "", position)

    return sorted(connectors, key=place)


def ingest_all(session: Session, connectors: Sequence[Connector]) -> Iterator[tuple[Connector, SourceOutcome]]:
    """Ask `connectors` side by side and land them; yield each with its outcome as it lands.

    A failure is recorded and yielded. Raised is only what concerns every source: HomeUnusable, ConfigError, an
    interrupt; then nothing more is asked.
    """
    require_own_upstream(session)
    from ingest.archive import Archive

    asking = _Asking(session, Archive(session.home.archive), {connector.name for connector in connectors})
    ordered = in_landing_order(connectors)
    try:
        for connector in ordered:
            asking.start(ordered)
            yield connector, asking.landed(connector)
    finally:
        if not asking.is_done:
            session.patience.end()


class _Asking:
    """The threads of a run, and what they brought."""

    def __init__(self, session: Session, archive: Archive, names: set[str]) -> None:
        self._session = session
        self._archive = archive
        self._pace = Pace()
        self._missing = names  # not landed yet
        self._brought: dict[str, Future[Batch]] = {}
        self._seen: dict[str, tuple[str, int, int | None]] = {}  # how far each is, written by its thread

    @property
    def is_done(self) -> bool:
        """Say whether everything has landed."""
        return not self._missing

    def start(self, connectors: Sequence[Connector]) -> None:
        """Ask those that wait for nothing any more."""
        for connector in connectors:
            if connector.name not in self._brought and not self._missing.intersection(NEEDS.get(connector.name, ())):
                self._brought[connector.name] = self._asked(connector)

    def landed(self, connector: Connector) -> SourceOutcome:
        """Wait for what a connector brought, and land it."""
        outcome = attempted(self._session, connector, lambda: land_batch(self._session, self._awaited(connector.name)))
        self._missing.discard(connector.name)
        return outcome

    def _awaited(self, name: str) -> Batch:
        """Return the batch of a connector once it is there; meanwhile show how far it is."""
        self._session.progress(f"asking {name}", 0, None)
        while True:
            try:
                return self._brought[name].result(timeout=_SHOWN_EVERY_SECONDS)
            except TimeoutError:
                if self._brought[name].done():
                    raise  # the connector's own
                if name in self._seen:
                    self._session.progress(*self._seen[name])

    def _asked(self, connector: Connector) -> Future[Batch]:
        from ingest.http import Upstream

        session = self._session
        brought: Future[Batch] = Future()
        begun_at = session.settings.clock()  # orders the batches of a rebuild
        upstream = Upstream(session.settings, session.settings.clock, self._archive, session.patience, self._pace)

        def progress(what: str, done: int, of: int | None) -> None:
            self._seen[connector.name] = (what, done, of)

        def ask(context: FetchContext) -> None:
            from ingest.collect import collect

            try:
                with upstream:
                    brought.set_result(collect(connector, context, begun_at=begun_at))
            except BaseException as error:  # noqa: BLE001 - raised where the result is asked for
                brought.set_exception(error)

        try:
            require_time(session, connector.name)
            context = context_of(session, connector, upstream, progress)  # here: the connection is this thread's
        except Exception as error:  # noqa: BLE001 - as in ask
            upstream.close()
            brought.set_exception(error)
        else:
            # A daemon: an interrupted run does not wait for a silent publisher.
            threading.Thread(target=ask, args=(context,), name=f"ask-{connector.name}", daemon=True).start()
        return brought
