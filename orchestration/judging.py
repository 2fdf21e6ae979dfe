"""Batches judged in the second process, some of them ahead: while one lands, those behind it are judged.

A batch is judged beside what is held. Ahead is therefore only judged what is not held against anything that is still to
land: the judgement is the one that its turn would have given.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Final

from ingest.batch import Batch, GateResult
from ingest.connectors import Connector
from ingest.second_process import Work, failed
from orchestration.session import Session
from warehouse.evidence import evidence, tables_of_evidence

if TYPE_CHECKING:
    from ingest.second_process import SecondProcess

AHEAD: Final = 6
"""So many judgements at most wait for their turn: each keeps a copy of its rows."""


class Judging:
    """The judgements of a run."""

    def __init__(self, session: Session, second: SecondProcess) -> None:
        self._session = session
        self._second = second
        self._begun: dict[str, Work[GateResult]] = {}  # and not asked for yet
        self._names: set[str] = set()  # of all that were begun

    def begin_ahead(self, waiting: Sequence[Connector], brought: Callable[[str], Future[Batch] | None]) -> None:
        """Begin what of `waiting` can be judged already. `waiting` is in the order of landing."""
        to_land: set[str] = set()
        for one in waiting:
            if len(self._begun) >= AHEAD:
                return
            batch = brought(one.name)
            is_there = batch is not None and batch.done() and batch.exception() is None
            if is_there and one.name not in self._names and to_land.isdisjoint(self._beside(one)):
                assert batch is not None
                self._begin(one, batch.result())
            to_land.update(one.table_ids)

    def gate_of(self, one: Connector, batch: Batch) -> Callable[[Batch], GateResult]:
        """Return the gate of a batch whose turn it is."""
        if one.name not in self._begun:
            self._begin(one, batch)
        work = self._begun.pop(one.name)
        return lambda _rows: work.result()

    def _beside(self, one: Connector) -> set[str]:
        return tables_of_evidence(one.table_ids, one.source, self._session.catalog)

    def _begin(self, one: Connector, batch: Batch) -> None:
        from ingest.pure_work import begin_judging
        from ingest.snapshot_gate import kept_in_rows

        self._names.add(one.name)
        session, rows = self._session, kept_in_rows(batch)
        try:
            beside = evidence(session.con, rows, session.catalog)
            self._begun[one.name] = begin_judging(self._second, rows, session.catalog, beside, batch.fetched_at)
        except Exception as error:  # noqa: BLE001 - raised when its turn comes
            self._begun[one.name] = failed(error)
