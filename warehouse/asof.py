"""What the published file offers of past moments: for each mart a table macro and a view, stored as texts.

`marts.<mart>_as_of(ts)` is the mart as it could be known at `ts`; `marts.<mart>_at` is the same at the session variable
`as_of`, for tools that cannot call macros. Which mart is read how, warehouse/as_of_text.py says. Their names are not
qualified by the catalog: DuckDB looks the names of a view up in the view's own file, whatever it is attached as; those
of a macro in the file in use. A macro that would read another release than its own says so.
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
from warehouse.as_of_spine import Part
from warehouse.as_of_text import MOMENT, Relations, compiled_in
from warehouse.published_table import AS_OF

VARIABLE: Final = "as_of"
PARAMETER: Final = "ts"
NO_PAST: Final = "cannot be read as of a moment"

_ZONED: Final = r":.*([Zz+-]|[ ][A-Za-z])"  # a time of day and then a zone
_WITHOUT_SECONDS: Final = r"^([^:]*:[0-9]{2})([^:0-9]|$)"
_MOMENT: Final = f"""case
    when typeof({PARAMETER}) = 'TIMESTAMP WITH TIME ZONE' then make_timestamp(epoch_us({PARAMETER}::timestamptz))
    when regexp_matches({PARAMETER}::varchar, '{_ZONED}') then make_timestamp(epoch_us(
        regexp_replace({PARAMETER}::varchar, '{_WITHOUT_SECONDS}', '\\1:00\\2')::timestamptz
    ))
    else {PARAMETER}::timestamp
end"""
"""The moment asked for, naive UTC. One without a zone is UTC; one with a zone, also a text with one, is that instant,
whatever the TimeZone of the session. The seconds of a text may be left out."""

NEW_YORK_MACRO: Final = "new_york"


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
    """How a mart is read at a moment: a select with the parameter `ts`, and what it rests on, as a sentence.

    A mart without a past has no select, and `how` says why.
    """

    mart: str
    select: str | None
    how: str
    columns: tuple[tuple[str, str | None], ...]  # name, comment
    parts: tuple[Part, ...] = ()  # of a wide mart: the selects of few of its columns, at $moment

    def statements(self, build_id: str, prefix: str = "") -> list[str]:
        """Return the SQL that stores macro, view and comments; run it with the new file in use."""
        if self.select is None:
            return []
        own = (
            f"(select case when build_id = '{build_id}' then true else error('{self.mart}_as_of belongs to release "
            f"{build_id}, and the file in use is ' || build_id || ': USE its catalog first') end from meta.build)"
        )
        # As text, because a NULL without a type would be an integer; text keeps the instant of a moment with a zone.
        moment = f"coalesce(getvariable('{VARIABLE}')::varchar, 'infinity')"
        view = f'marts."{self.mart}_at"'
        # by name: a model's select may name its columns in another order than its contract, which the mart has
        columns = ", ".join(f'"{name}"' for name, _ in self.columns)
        macro = f'marts."{self.mart}_as_of"'
        text = (
            f"{prefix}{self.mart} at the moment of SET VARIABLE {VARIABLE} (UTC); unset or NULL: the newest. {self.how}"
        )
        told = (
            f"{prefix}{self.mart} as it could be known at {PARAMETER}: a timestamp in UTC, or a moment with a zone. "
            f"For New York time: {self.mart}_as_of(marts.{NEW_YORK_MACRO}('2023-03-10 09:15')). {self.how}"
        )
        return [
            f"create macro {macro}({PARAMETER}) as table select {columns} from ({self.select}) where {own}",
            f"comment on macro table {macro} is {_text(told)}",
            f"create view {view} as select * from {macro}({moment})",
            f"comment on view {view} is {_text(text)}",
            *(f'comment on column {view}."{name}" is {_text(comment)}' for name, comment in self.columns if comment),
        ]


def new_york_statements(prefix: str = "") -> list[str]:
    """Return the SQL that stores marts.new_york(ts): the UTC moment at which a clock in New York shows `ts`."""
    name = f"marts.{NEW_YORK_MACRO}"
    told = (
        f"{prefix}The moment, in UTC without a zone, at which clocks in New York show {PARAMETER}; for _as_of macros."
    )
    return [
        f"create macro {name}({PARAMETER}) as "
        f"make_timestamp(epoch_us(timezone('{NEW_YORK.key}', {PARAMETER}::timestamp)))",
        f"comment on macro {name} is {_text(told)}",
    ]


def as_of_queries(con: duckdb.DuckDBPyConnection, tables: Sequence[Mart]) -> list[AsOf]:
    """Return how each mart of the build file is read at a moment.

    ConfigError when a model declares what cannot be: a computed mart that reads what is not published, an unknown word.
    """
    marts = [table for table in tables if table.schema == "marts"]
    relations = Relations(compiled_in(con), {table.name: [name for name, *_ in table.columns] for table in marts})
    found = []
    for table in marts:
        rule, select = relations.rule("marts", table.name), relations.select(table.name)
        columns = tuple((name, comment) for name, _, comment in table.columns)
        if rule.kind == "none":
            how = rule.detail
        elif rule.kind == "rows_by":
            how = f"Stored rows with {rule.detail} up to then."
        else:
            how = "Computed as the mart is, over what was known by then."
        parts = tuple(relations.parts(table.name))
        found.append(AsOf(table.name, select and select.replace(MOMENT, _MOMENT), how, columns, parts))
    return found


def open_as_of(published: Path, moment: datetime) -> duckdb.DuckDBPyConnection:
    """Return a connection in which `marts.<mart>` is each mart as of `moment` (aware).

    The file itself is there as `tidegauge`, read-only; marts without a past are only in it, and say why.
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
    for mart, why in without_past(con).items():
        told = f"marts.{mart} {NO_PAST}: it {why}. As it is now: tidegauge.marts.{mart}"
        con.execute(f'create view marts."{mart}" as from tidegauge.marts."{mart}" where error({_text(told)}) is null')
    return con


def without_past(con: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """Return the marts of the published file `con` that cannot be read as of a moment, each with the reason."""
    found = con.execute(
        """
        select table_name from duckdb_tables() as t
        where database_name = 'tidegauge' and schema_name = 'marts' and not exists (
            from duckdb_views() as v
            where v.database_name = t.database_name and v.schema_name = 'marts' and v.view_name = t.table_name || '_at'
        )
        order by table_name
        """
    ).fetchall()
    reasons: dict[str, str] = {}
    if con.execute(
        "from duckdb_tables() where database_name = 'tidegauge' and schema_name = 'meta' and table_name = ?",
        [AS_OF.name],
    ).fetchone():
        reasons = dict(con.execute(f"select mart, how_text from tidegauge.{AS_OF.path}").fetchall())
    return {mart: reasons.get(mart, "has no past in this release") for (mart,) in found}


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


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
