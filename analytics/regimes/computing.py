"""The rows of sessions, one fold for each kind of cut-off; where they are kept is the ledger's affair.

Nothing here reads a home: what was observed comes in, rows go out, so that a run's second process may compute them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

import polars as pl

from analytics.regimes.columns import LEDGER_COLUMNS
from analytics.regimes.evaluate import evaluate_day
from analytics.regimes.frames import schema_of
from analytics.regimes.inputs import InputReader, Panel
from analytics.regimes.knowledge import Replay
from analytics.regimes.spine import Spine
from analytics.regimes.types import DayInputs, Memory, each_input
from analytics.regimes.vintages import Observed

CutoffName = Literal["next_morning", "at_close"]
CUTOFFS: Final[tuple[CutoffName, ...]] = ("at_close", "next_morning")
"""In the order in which they pass on a session's row: 16:15 New York on the day, 09:15 on the next session."""

_REMEMBERED: Final = 5
"""Of many rows computed together only the last few keep their memory: nobody goes on from the others."""


class Folder:
    """Computes row after row of one kind of cut-off, in the order of the sessions."""

    def __init__(self, cutoff_name: CutoffName, replay: Replay, panel: Panel, *, keeps_inputs: bool = True) -> None:
        self.cutoff_name = cutoff_name
        self.keeps_inputs = keeps_inputs
        self.cutoffs = cutoffs_of(replay.spine, cutoff_name)
        self.spine = replay.spine
        self._replay = replay
        self._reader = InputReader(replay, panel)
        self._fold: Memory = {}
        self.inputs_after_cutoff = 0

    def resume(self, memory: Memory) -> None:
        """Go on after a row with this memory."""
        self._reader.resume(memory["seen"])
        self._fold = memory["fold"]

    @property
    def memory(self) -> str:
        """Return what the next session goes on from (JSON)."""
        return json.dumps({"seen": self._reader.seen, "fold": self._fold}, separators=(",", ":"), allow_nan=False)

    def compute(self, position: int) -> dict[str, Any]:
        """Return the row of the session at `position`; moves the replay to its cut-off."""
        cutoff = self.cutoffs[position]
        self._replay.advance(cutoff)
        inputs = self._reader.read(position, cutoff)
        self.inputs_after_cutoff += _ahead(inputs)
        self._fold, row = evaluate_day(self._fold, inputs, keeps_inputs=self.keeps_inputs)
        return dict(row.cells)


def _ahead(inputs: DayInputs) -> int:
    """Return how many inputs became known after the cut-off, or are of a later period than the session."""
    cutoff, day = inputs.cutoff_at, inputs.session_date
    return sum(
        1
        for _, _, entry in each_input(inputs)
        if (entry.known_at is not None and entry.known_at > cutoff)
        or (entry.obs_date is not None and entry.obs_date > day)
    )


def cutoffs_of(spine: Spine, cutoff_name: CutoffName) -> tuple[datetime, ...]:
    """Return the cut-offs of one kind, by session."""
    return spine.cutoffs if cutoff_name == "next_morning" else spine.close_cutoffs


@dataclass(frozen=True, slots=True)
class Due:
    """Rows of one kind of cut-off that a run adds: the sessions' positions in order; `memories` where a fold goes on.

    A fold that has a memory of its own at a position goes on from the row before; every other from its last row here.
    """

    cutoff_name: CutoffName
    places: tuple[int, ...]
    memories: Mapping[int, Memory]
    now: datetime
    run_id: str


def computed(observed: Observed, panel: Panel, dues: Sequence[Due]) -> tuple[pl.DataFrame, int]:
    """Return the rows that are due (LEDGER_COLUMNS), session by session, and how many inputs were known too late."""
    replay = Replay(observed.vintages, observed.spine, observed.limits)
    folders = [
        Folder(due.cutoff_name, replay, panel, keeps_inputs=due.cutoff_name != "at_close")  # a third of the file
        for due in dues
    ]
    rows = list(_rows(dues, folders))
    return framed(rows, schema_of(LEDGER_COLUMNS)), sum(folder.inputs_after_cutoff for folder in folders)


def _rows(dues: Sequence[Due], folders: Sequence[Folder]) -> Iterator[dict[str, Any]]:
    """Yield the rows of all kinds, session by session: one replay serves them."""
    wanted = [frozenset(due.places) for due in dues]
    for place in sorted(frozenset().union(*wanted)):
        for due, folder, places in zip(dues, folders, wanted, strict=True):
            if place not in places:
                continue
            if place in due.memories:
                folder.resume(due.memories[place])
            cells = folder.compute(place)
            is_lived = place + 1 == len(folder.cutoffs) or due.now < folder.cutoffs[place + 1]
            yield {
                **cells,
                "cutoff_name": due.cutoff_name,
                "basis": "lived" if is_lived else "reconstructed",
                "computed_at": due.now,
                "run_id": due.run_id,
                "memory_json": None if place + _REMEMBERED in places else folder.memory,
            }


def framed(rows: Sequence[Mapping[str, Any]], schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
    """Return rows as a frame of `schema`."""
    return pl.DataFrame({name: pl.Series(name, [row[name] for row in rows], kind) for name, kind in schema.items()})
