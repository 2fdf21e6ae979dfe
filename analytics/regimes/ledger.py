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
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Final

import duckdb
import polars as pl

from analytics.regimes.columns import ROW_COLUMNS
from analytics.regimes.computing import CUTOFFS, CutoffName, Due, Folder, computed, cutoffs_of, framed
from analytics.regimes.frames import schema_of
from analytics.regimes.inputs import SERIES, Panel, read_panel
from analytics.regimes.knowledge import read_replay
from analytics.regimes.spine import Spine
from analytics.regimes.types import Memory
from analytics.regimes.vintages import Observed, read_observed
from ingest.errors import AuditFailed
from ingest.second_process import READ
from warehouse.lived import LEDGER, MODEL_VERSION
from warehouse.records import shown

if TYPE_CHECKING:
    from ingest.second_process import SecondProcess

TABLE: Final = LEDGER

_WORTH_SENDING: Final = 250
"""A year of rows: fewer are computed sooner than what they are made of is sent."""


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
    return framed(rows, schema_of(ROW_COLUMNS))


# -- keeping -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LedgerUpdate:
    """What a run added."""

    rows_lived: int
    rows_reconstructed: int
    newest_session: date | None
    inputs_after_cutoff: int = 0  # must be none


def update_ledger(
    con: duckdb.DuckDBPyConnection, *, now: datetime, run_id: str, second: SecondProcess | None = None
) -> LedgerUpdate:
    """Append the row of every session whose cut-off is not after `now` (naive UTC) and which has none yet.

    Of a long history `second` computes the rows as known at the close, if there is one: they are the same.
    """
    held, first = _held(con), first_session(con)
    if first is None or _is_complete(con, held, first, now):
        return LedgerUpdate(0, 0, _newest(con))
    observed, panel = read_observed(con, SERIES), read_panel(con)
    dues = [_due(con, name, observed.spine, held[name], first, now, run_id) for name in CUTOFFS]
    frame, ahead = _computed(second, observed, panel, dues)
    with shown(con, "regime_rows", frame):
        con.execute(f"insert into {TABLE} by name select * from regime_rows")
    lived = frame.filter(pl.col("basis") == "lived").height
    return LedgerUpdate(lived, frame.height - lived, _newest(con), ahead)


def _computed(
    second: SecondProcess | None, observed: Observed, panel: Panel, dues: Sequence[Due]
) -> tuple[pl.DataFrame, int]:
    """Return the rows of LEDGER_COLUMNS session by session, and how many inputs were known too late."""
    if second is None or any(len(due.places) < _WORTH_SENDING for due in dues):
        return computed(observed, panel, dues)
    close, morning = [dues[0]], [dues[1]]
    there = second.begin(READ, lambda: computed(observed, panel, close), computed, observed, panel, close)
    here = computed(observed, panel, morning)
    (first, too_late), (then, too_late_here) = there.result(), here
    return pl.concat([first, then]).sort("session_date", maintain_order=True), too_late + too_late_here


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


def _due(
    con: duckdb.DuckDBPyConnection,
    name: CutoffName,
    spine: Spine,
    held: set[date],
    first: date,
    now: datetime,
    run_id: str,
) -> Due:
    """Return the sessions whose cut-off has passed and that have no row, from the first row on."""
    begin = bisect_left(spine.dates, first)
    due = [
        place for place in range(begin, bisect_right(cutoffs_of(spine, name), now)) if spine.dates[place] not in held
    ]
    places = set(due)
    befores = {place: spine.dates[place - 1] for place in due if place and place - 1 not in places}
    memories = {place: _memory(con, before, name) for place, before in befores.items() if before in held}
    return Due(name, tuple(due), memories, now, run_id)


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
