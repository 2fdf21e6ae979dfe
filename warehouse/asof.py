"""What the published file offers of past moments: for each mart a table macro and a view, stored as texts.

`marts.<mart>_as_of(ts)` is the mart as it could be known at `ts`; `marts.<mart>_at` is the same at the session variable
`as_of`, for tools that cannot call macros. Their names are not qualified by the catalog: DuckDB looks the names of a
view up in the view's own file, whatever it is attached as; those of a macro in the file in use. A macro that would read
another release than its own says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Protocol
from zoneinfo import ZoneInfo

import duckdb

from ingest.clock import NEW_YORK, naive_utc

VARIABLE: Final = "as_of"
PARAMETER: Final = "ts"
CLOCKS: Final = ("cutoff_at", "settled_at", "known_at")
"""Which column of a stored row says since when it stands: the first of these that a mart has."""

_SCORES: Final = "scores the rules over all of the history that this file holds"
WITHOUT_AS_OF: Final = {
    "knowledge": "says how well moments are known, from all that this file holds",
    "regime_falsification": _SCORES,
    "regime_known_episodes": _SCORES,
    "regime_outcomes": _SCORES,
    "regime_truth": "is the simulator's own, which nobody could know",
    "regime_truth_confusion": _SCORES,
    "regime_truth_detection": _SCORES,
    "regime_validity": _SCORES,
}
"""Marts that have no past, and why."""

TEXTS: Final = "intermediate.int_as_of"
"""Where the build leaves the selects of the marts that are computed anew: mart, select_text."""

_MOMENT: Final = (
    f"case when typeof({PARAMETER}) = 'TIMESTAMP WITH TIME ZONE' "
    f"then make_timestamp(epoch_us({PARAMETER}::timestamptz)) else {PARAMETER}::timestamp end"
)


class Mart(Protocol):
    """A table of marts: its name and its columns as (name, type, comment)."""

    @property
    def schema(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def columns(self) -> tuple[tuple[str, str, str | None], ...]: ...


@dataclass(frozen=True, slots=True)
class AsOf:
    """How a mart is read at a moment: a select with the parameter `ts`, and what it rests on, as a sentence."""

    mart: str
    select: str
    how: str
    columns: tuple[tuple[str, str | None], ...]  # name, comment

    def statements(self, build_id: str, prefix: str = "") -> list[str]:
        """Return the SQL that stores macro, view and comments; run it with the new file in use."""
        own = (
            f"(select case when build_id = '{build_id}' then true else error('{self.mart}_as_of belongs to release "
            f"{build_id}, and the file in use is ' || build_id || ': USE its catalog first') end from meta.build)"
        )
        moment = f"coalesce(getvariable('{VARIABLE}'), 'infinity'::timestamp)"
        view = f'marts."{self.mart}_at"'
        text = f"{prefix}{self.mart} at the moment of SET VARIABLE {VARIABLE} (UTC); unset: the newest. {self.how}"
        return [
            f'create macro marts."{self.mart}_as_of"({PARAMETER}) as table select * from ({self.select}) where {own}',
            f'create view {view} as select * from marts."{self.mart}_as_of"({moment})',
            f"comment on view {view} is {_text(text)}",
            *(f'comment on column {view}."{name}" is {_text(told)}' for name, told in self.columns if told),
        ]


def as_of_queries(con: duckdb.DuckDBPyConnection, tables: Sequence[Mart]) -> list[AsOf]:
    """Return how each mart of the build file is read at a moment, in an order in which they can be stored.

    A mart by period is computed anew, by the text that the build rendered from the mart's own macro; any other keeps
    the rows that stood by then. Marts in WITHOUT_AS_OF, and those without a clock, are left out.
    """
    texts = _texts(con)
    stored, computed = [], {}
    for table in tables:
        if table.schema != "marts" or table.name in WITHOUT_AS_OF:
            continue
        columns = tuple((name, comment) for name, _, comment in table.columns)
        if table.name in texts:
            how = "Computed as the mart is, over what was known by then."
            computed[table.name] = AsOf(table.name, texts[table.name], how, columns)
        elif clock := clock_of(table):
            select = f'select * from marts."{table.name}" where "{clock}" <= {_MOMENT}'
            stored.append(AsOf(table.name, select, f"Stored rows with {clock} up to then.", columns))
    return stored + [computed[name] for name in texts if name in computed]


def open_as_of(published: Path, moment: datetime) -> duckdb.DuckDBPyConnection:
    """Return a connection in which `marts.<mart>` is each mart as of `moment` (aware).

    The file itself is there as `tidegauge`, read-only; marts without a past are only in it.
    """
    con = duckdb.connect()
    con.execute(f"attach {_text(str(published))} as tidegauge (read_only)")
    con.execute(f"set variable {VARIABLE} = timestamp '{naive_utc(moment)}'")
    con.execute("create schema marts")
    views = con.execute(
        "select view_name from duckdb_views() where database_name = 'tidegauge' and schema_name = 'marts'"
    ).fetchall()
    for (view,) in views:
        con.execute(f'create view marts."{view.removesuffix("_at")}" as from tidegauge.marts."{view}"')
    return con


def moment_of(text: str) -> datetime:
    """Return the instant, in UTC, that a user means: "2023-03-10 09:15 America/New_York", "2023-03-10T14:15Z".

    Without a zone it is New York time; without a time, midnight. ValueError says what is wrong with it.
    """
    said, _, last = text.strip().rpartition(" ")
    is_named = bool(said) and last[0].isalpha()
    try:
        zone = ZoneInfo(last) if is_named else NEW_YORK
    except (KeyError, ValueError, OSError):
        raise ValueError(f"no time zone is called {last}; an example: America/New_York") from None
    try:
        wall = datetime.fromisoformat(said if is_named else text.strip())
    except ValueError:
        raise ValueError(f"{text!r} is no moment; an example: 2023-03-10 09:15 America/New_York") from None
    if wall.tzinfo is not None:
        return wall.astimezone(UTC)
    moment = wall.replace(tzinfo=zone).astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) != wall:
        raise ValueError(f"{wall} does not exist in {zone.key}: the clocks went forward")
    return moment


def clock_of(table: Mart) -> str | None:
    """Return the column that says since when a stored row of `table` stands."""
    names = {name for name, *_ in table.columns}
    return next((clock for clock in CLOCKS if clock in names), None)


def _texts(con: duckdb.DuckDBPyConnection) -> dict[str, str]:
    schema, name = TEXTS.split(".")
    query = "select 1 from duckdb_tables() where schema_name = ? and table_name = ?"
    if con.execute(query, [schema, name]).fetchone() is None:
        return {}
    return dict(con.execute(f"select mart, select_text from {TEXTS} order by position").fetchall())


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
