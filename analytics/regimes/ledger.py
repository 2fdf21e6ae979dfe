"""The ledger of regime rows: what was published of a session stays what it says.

`regime.days` only grows. A session whose cut-off has passed gets its row in the first run after it, made from what was
known at the cut-off; nothing that becomes known later, no revision and no rule for the past changes it. `basis` says
how it came to be: `lived`, computed before the next session's cut-off, as it was published that morning; or
`reconstructed`, computed later (the history of a first run, a morning without a run) from the moments at which values
became known. Another model version has rows of its own beside the old ones.

Each row keeps the memory of the folds, so that the next session goes on from it without a look at the past.
"""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, Literal

import duckdb
import polars as pl

from analytics.regimes.columns import LEDGER_COLUMNS, ROW_COLUMNS
from analytics.regimes.evaluate import evaluate_day
from analytics.regimes.frames import schema_of
from analytics.regimes.inputs import SERIES, InputReader, Panel, read_panel
from analytics.regimes.knowledge import Replay, read_replay
from analytics.regimes.spine import Spine
from analytics.regimes.types import DayInputs, InputValue, Memory, each_input
from ingest.errors import AuditFailed
from warehouse.lived import LEDGER, MODEL_VERSION
from warehouse.records import shown

CutoffName = Literal["next_morning", "at_close"]
CUTOFFS: Final[tuple[CutoffName, ...]] = ("at_close", "next_morning")
"""In the order in which they pass on a session's row: 16:15 New York on the day, 09:15 on the next session."""

TABLE: Final = LEDGER

_REMEMBERED: Final = 5
"""Of many rows computed together only the last few keep their memory: nobody goes on from the others."""
# -- computing ---------------------------------------------------------------------------------------------------


class Folder:
    """Computes row after row of one kind of cut-off, in the order of the sessions."""

    def __init__(self, cutoff_name: CutoffName, replay: Replay, panel: Panel) -> None:
        self.cutoff_name = cutoff_name
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
        self.inputs_after_cutoff += sum(_is_ahead(inputs, entry) for _, _, entry in each_input(inputs))
        self._fold, row = evaluate_day(self._fold, inputs)
        return dict(row.cells)


def _is_ahead(inputs: DayInputs, entry: InputValue) -> bool:
    """Say whether an input became known after the cut-off, or is of a later period than the session."""
    return (entry.known_at is not None and entry.known_at > inputs.cutoff_at) or (
        entry.obs_date is not None and entry.obs_date > inputs.session_date
    )


def cutoffs_of(spine: Spine, cutoff_name: CutoffName) -> tuple[datetime, ...]:
    """Return the cut-offs of one kind, by session."""
    return spine.cutoffs if cutoff_name == "next_morning" else spine.close_cutoffs


def first_session(con: duckdb.DuckDBPyConnection) -> date | None:
    """Return the session with which rows begin: the first whose morning could read a VIX; None while none can."""
    found = con.execute(
        """
        select min(session_date) from calendar.sessions where cutoff_at >= (
            select min(known_at) from intermediate.int_observations
            where series_id = 'vix_close' and value is not null
        )
        """
    ).fetchone()
    assert found is not None
    first: date | None = found[0]
    return first


def reconstruct(
    con: duckdb.DuckDBPyConnection,
    until: datetime,
    *,
    known_by: datetime | None = None,
    cutoff_name: CutoffName = "next_morning",
) -> pl.DataFrame:
    """Return the rows of every session whose cut-off is not after `until` (naive UTC), out of the build file.

    The ledger is not looked at. With `known_by` only what was known by then is read. Columns of ROW_COLUMNS.
    """
    replay, panel = read_replay(con, SERIES, known_by), read_panel(con, known_by)
    folder = Folder(cutoff_name, replay, panel)
    first = first_session(con)
    begin = bisect_left(replay.spine.dates, first) if first is not None else len(folder.cutoffs)
    places = range(begin, bisect_right(folder.cutoffs, until))
    rows = [folder.compute(place) for place in places]
    return _framed(rows, schema_of(ROW_COLUMNS))


def _framed(rows: list[dict[str, Any]], schema: dict[str, pl.DataType]) -> pl.DataFrame:
    return pl.DataFrame({name: pl.Series(name, [row[name] for row in rows], kind) for name, kind in schema.items()})


# -- keeping -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LedgerUpdate:
    """What a run added."""

    rows_lived: int
    rows_reconstructed: int
    newest_session: date | None
    inputs_after_cutoff: int = 0  # must be none


def update_ledger(con: duckdb.DuckDBPyConnection, *, now: datetime, run_id: str) -> LedgerUpdate:
    """Append the row of every session whose cut-off is not after `now` (naive UTC) and which has none yet."""
    held, first = _held(con), first_session(con)
    if first is None or _is_complete(con, held, first, now):
        return LedgerUpdate(0, 0, _newest(con))
    replay, panel = read_replay(con, SERIES), read_panel(con)
    folders = {name: Folder(name, replay, panel) for name in CUTOFFS}
    rows = list(_missing(con, folders, held, first, now))
    for row in rows:
        row |= {"computed_at": now, "run_id": run_id}
    frame = _framed(rows, schema_of(LEDGER_COLUMNS))
    with shown(con, "regime_rows", frame):
        con.execute(f"insert into {TABLE} by name select * from regime_rows")
    lived = frame.filter(pl.col("basis") == "lived").height
    ahead = sum(folder.inputs_after_cutoff for folder in folders.values())
    return LedgerUpdate(lived, frame.height - lived, _newest(con), ahead)


def _held(con: duckdb.DuckDBPyConnection) -> dict[CutoffName, set[date]]:
    """Return the sessions that have a row of this model version, by cut-off."""
    found: dict[CutoffName, set[date]] = {name: set() for name in CUTOFFS}
    for name, day in con.execute(
        f"select cutoff_name, session_date from {TABLE} where model_version = ?", [MODEL_VERSION]
    ).fetchall():
        found[name].add(day)
    return found


def _is_complete(
    con: duckdb.DuckDBPyConnection, held: Mapping[CutoffName, set[date]], first: date, now: datetime
) -> bool:
    """Say whether no cut-off has passed that lacks its row, without reading an observation."""
    passed = con.execute(
        """
        select count(*) filter (close_cutoff_at <= $now), count(*) filter (cutoff_at <= $now)
        from calendar.sessions where session_date >= $first
        """,
        {"now": now, "first": first},
    ).fetchone()
    return passed == tuple(sum(day >= first for day in held[name]) for name in CUTOFFS)


def _missing(
    con: duckdb.DuckDBPyConnection,
    folders: Mapping[CutoffName, Folder],
    held: Mapping[CutoffName, set[date]],
    first: date,
    now: datetime,
) -> Iterator[dict[str, Any]]:
    """Yield the rows that are due, session by session; each fold goes on from the row before a gap."""
    spine = folders["next_morning"].spine
    due = {name: _due(folders[name].cutoffs, spine, held[name], first, now) for name in CUTOFFS}
    for place in sorted(set().union(*due.values())):
        for name in CUTOFFS:
            if place not in due[name]:
                continue
            folder = folders[name]
            if place - 1 not in due[name] and place and spine.dates[place - 1] in held[name]:
                folder.resume(_memory(con, spine.dates[place - 1], name))
            cells = folder.compute(place)
            is_lived = place + 1 == len(spine.dates) or now < folder.cutoffs[place + 1]
            if name == "at_close":
                cells["inputs_json"] = None  # a third of the file, and nobody asks
            yield {
                **cells,
                "cutoff_name": name,
                "basis": "lived" if is_lived else "reconstructed",
                "memory_json": None if place + _REMEMBERED in due[name] else folder.memory,
            }


def _due(cutoffs: Sequence[datetime], spine: Spine, held: set[date], first: date, now: datetime) -> set[int]:
    """Return the positions whose cut-off has passed and that have no row, from the first row on."""
    begin = bisect_left(spine.dates, first)
    return {p for p in range(begin, bisect_right(cutoffs, now)) if spine.dates[p] not in held}


def _memory(con: duckdb.DuckDBPyConnection, day: date, cutoff_name: CutoffName) -> Memory:
    found = con.execute(
        f"select memory_json from {TABLE} where session_date = ? and cutoff_name = ? and model_version = ?",
        [day, cutoff_name, MODEL_VERSION],
    ).fetchone()
    if found is None or found[0] is None:
        raise AuditFailed(
            f"{TABLE}: the row of {day} ({cutoff_name}) keeps no memory to go on from, but later rows are missing. "
            "Run `tidegauge rebuild`: it computes the history anew."
        )
    memory: Memory = json.loads(found[0])
    return memory


def _newest(con: duckdb.DuckDBPyConnection) -> date | None:
    found = con.execute(
        f"select max(session_date) from {TABLE} where cutoff_name = 'next_morning' and model_version = ?",
        [MODEL_VERSION],
    ).fetchone()
    assert found is not None
    newest: date | None = found[0]
    return newest
