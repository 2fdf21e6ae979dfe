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

from ingest.errors import AuditFailed
from warehouse.published_table import PublishedTable
from warehouse.records import shown
from warehouse.regimes.columns import ROW_COLUMNS
from warehouse.regimes.evaluate import evaluate_day
from warehouse.regimes.inputs import SERIES, InputReader, Panel, read_panel
from warehouse.regimes.knowledge import Replay, Spine, read_replay
from warehouse.regimes.types import DIMENSIONS, MODEL_VERSION, DayInputs, InputValue, Memory, each_input

CutoffName = Literal["next_morning", "at_close"]
CUTOFFS: Final[tuple[CutoffName, ...]] = ("at_close", "next_morning")
"""In the order in which they pass on a session's row: 16:15 New York on the day, 09:15 on the next session."""

TABLE: Final = "regime.days"
KEPT_ON_REBUILD: Final = f"basis = 'lived' or model_version <> '{MODEL_VERSION}'"
"""Rows that a rebuild keeps: those that were lived, and those whose rules are gone. The others it computes anew."""

_REMEMBERED: Final = 5
"""Of many rows computed together only the last few keep their memory: nobody goes on from the others."""
_KEYS: Final = ("session_date", "cutoff_at", "model_version")
_ROW: Final = tuple(column for column in ROW_COLUMNS if column.name not in _KEYS)
_RECORDED: Final = (
    ("session_date", "date not null", "The NYSE session"),
    ("cutoff_name", "varchar not null", "next_morning: 09:15 New York on the next session; at_close: 16:15 on the day"),
    ("model_version", "varchar not null", "Version of rules and thresholds"),
    ("cutoff_at", "timestamp not null", "UTC; only what was known by then counts"),
    ("basis", "varchar not null", "lived: computed before the next session's cut-off; reconstructed: later"),
    ("computed_at", "timestamp not null", "UTC; when the row was computed"),
    ("run_id", "varchar not null", "The run that computed it"),
    (
        "memory_json",
        "varchar",
        "What the folds carry to the next session (JSON); NULL where its run computed later ones",
    ),
)
_TYPES: Final[dict[str, pl.DataType]] = {
    "varchar": pl.String(),
    "integer": pl.Int32(),
    "bigint": pl.Int64(),
    "double": pl.Float64(),
    "boolean": pl.Boolean(),
    "date": pl.Date(),
    "timestamp": pl.Datetime("us"),
}
_SCHEMA: Final = {
    **{name: _TYPES[kind.split()[0]] for name, kind, _ in _RECORDED},
    **{column.name: _TYPES[column.sql_type] for column in _ROW},
}


def ledger_ddl() -> tuple[str, str]:
    """Return name and text of the ledger's migration; it may run twice, and adds the columns of newer rules."""
    listed = ",\n    ".join(f"{name} {kind}" for name, kind, _ in _RECORDED)
    comments = [*((name, text) for name, _, text in _RECORDED), *((column.name, column.comment) for column in _ROW)]
    statements = [
        "create schema if not exists regime",
        f"create table if not exists {TABLE} (\n    {listed}\n)",
        *(f"alter table {TABLE} add column if not exists {column.name} {column.sql_type}" for column in _ROW),
        f"comment on table {TABLE} is {_quoted(_COMMENT)}",
        *(f"comment on column {TABLE}.{name} is {_quoted(text)}" for name, text in comments),
    ]
    return "regime ledger", ";\n".join(statements) + ";\n"


_COMMENT: Final = (
    "Regime rows as they were computed first; never changed. One row per session, cut-off and model version."
)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


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
    return _framed(rows, {column.name: _TYPES[column.sql_type] for column in ROW_COLUMNS})


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
    frame = _framed(rows, _SCHEMA)
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


# -- the published table -----------------------------------------------------------------------------------------

_AT_CLOSE: Final = {
    "cutoff_at": ("cutoff_at_close_at", "timestamp", "UTC; the stricter cut-off, 16:15 New York on the session itself"),
    "regime_class": ("regime_class_at_close", "varchar", "Headline class as known at the close"),
    "regime_class_raw": ("regime_class_raw_at_close", "varchar", "Class of this session alone, as known at the close"),
    "core_score": ("at_close_core_score", "integer", "Core score as known at the close"),
    "core_score_raw": ("at_close_core_score_raw", "integer", "Core score from raw points, as known at the close"),
    "plumbing_score": ("at_close_plumbing_score", "integer", "Plumbing score as known at the close"),
    "liquidity_dashboard_state": ("liquidity_dashboard_state_at_close", "varchar", "Composite B as known at the close"),
    "sentiment_state": ("sentiment_state_at_close", "varchar", "Composite A (5 sessions) as known at the close"),
    **{
        name: found
        for dimension in DIMENSIONS
        for name, found in (
            (
                f"{dimension}_state",
                (f"{dimension}_state_at_close", "varchar", f"State of {dimension} as known at the close, its own fold"),
            ),
            (
                f"{dimension}_points",
                (f"{dimension}_at_close_points", "integer", f"Points of {dimension} as known at the close"),
            ),
        )
    },
}
"""Row column: name, type and comment beside it. Numbers keep their unit last."""

REGIME_DAILY: Final = PublishedTable(
    "marts",
    "regime_daily",
    "Which regime each session was, by what was known at 09:15 New York on the next session; `*_at_close` by what was "
    "known at 16:15 on the session, a history of its own. A row is never changed after it was first published. "
    "One row per session.",
    (
        *((column.name, column.sql_type, column.comment) for column in ROW_COLUMNS),
        *_AT_CLOSE.values(),
        (
            "basis",
            "varchar",
            "lived: computed before the next session's cut-off, as published that morning; reconstructed: later, from "
            "the moments at which values became known",
        ),
        ("computed_at", "timestamp", "UTC; when the row was computed"),
    ),
)


def regime_daily_sql() -> str:
    """Return the select of marts.regime_daily over the ledger, for this model version."""
    own = [f"d.{column.name}" for column in ROW_COLUMNS]
    close = [f"c.{name} as {alias}" for name, (alias, _, _) in _AT_CLOSE.items()]
    return f"""
        select {", ".join([*own, *close, "d.basis", "d.computed_at"])}
        from {TABLE} as d
        left join {TABLE} as c
            on c.session_date = d.session_date and c.model_version = d.model_version and c.cutoff_name = 'at_close'
        where d.cutoff_name = 'next_morning' and d.model_version = '{MODEL_VERSION}'
        order by d.session_date
    """
