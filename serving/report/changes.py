"""What changed since the session before: states, net liquidity leg by leg, what was revised and what became known.

Both sessions are seen as they were at their cut-offs, so that nothing of it was known to neither.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Final

from serving.report.morning import COMPOSITES, DIMENSIONS
from serving.report.rendering import has_table, rows_of

if TYPE_CHECKING:
    import duckdb

    Row = dict[str, Any]

LEGS: Final = (
    ("Fed total assets", "fed_total_assets_usd_bn", "fed_total_assets_obs_date", 1),
    ("Treasury General Account", "tga_usd_bn", "tga_obs_date", -1),
    ("Overnight reverse repo", "on_rrp_usd_bn", "on_rrp_obs_date", -1),
)
"""The parts of net liquidity with their columns, and whether they add to it or take from it."""

UNITS: Final = {"usd_bn": "USD bn", "usd_mn": "USD mn", "usd": "USD", "pct": "%"}
"""Units of the catalog as they are written; the others are words."""


@dataclass(frozen=True, slots=True)
class Move:
    """A state that is another one than on the session before."""

    title: str
    before: str
    now: str


@dataclass(frozen=True, slots=True)
class Leg:
    """What a leg did to net liquidity, in USD billions: the whole is what was revised and what became known."""

    title: str
    before: float | None
    before_date: date | None
    now: float | None
    now_date: date | None
    effect: float | None
    revised: float | None
    newly_known: float | None


@dataclass(frozen=True, slots=True)
class NetLiquidity:
    """Net liquidity at both cut-offs, and its legs. `reason` says why a value or the change is unknown."""

    before: float | None
    before_session: date
    now: float | None
    now_session: date
    change: float | None
    legs: list[Leg]
    reason: str | None

    @property
    def revised(self) -> float | None:
        """How much of the change is of days that were known before; None where that of a leg is not known."""
        return _sum(leg.revised for leg in self.legs)

    @property
    def newly_known(self) -> float | None:
        """How much of the change is of days that became known; None where that of a leg is not known."""
        return _sum(leg.newly_known for leg in self.legs)


@dataclass(frozen=True, slots=True)
class Changes:
    """What is another since the cut-off before."""

    since: date
    from_at: datetime
    to_at: datetime
    moves: list[Move]
    net_liquidity: NetLiquidity | None
    revised: list[Row]
    known: list[Row]


def changes(con: duckdb.DuckDBPyConnection, rows: Sequence[Row]) -> Changes | None:
    """Return what changed between the last two regime rows, newest first; None where there are not two."""
    if len(rows) < 2:
        return None
    newest, before = rows[:2]
    span = {"from_at": before["cutoff_at"], "to_at": newest["cutoff_at"]}
    return Changes(
        since=before["session_date"],
        **span,
        moves=_moves(newest, before),
        net_liquidity=_net_liquidity(con, newest, before),
        revised=_revised(con, span),
        known=_known(con, span),
    )


def _moves(newest: Row, before: Row) -> list[Move]:
    columns = {"regime_class": "Class", **{f"{name}_state": title for name, title in COMPOSITES.items()}}
    columns |= {f"{name}_state": title for name, (title, _) in DIMENSIONS.items()}
    found = [
        Move(title, before[column], newest[column])
        for column, title in columns.items()
        if newest[column] != before[column]
    ]
    if newest["core_score"] != before["core_score"]:
        scores = [_score(row["core_score"]) for row in (before, newest)]
        found.insert(0, Move("Core score", *scores))
    return found


def _score(score: int | None) -> str:
    return "unknown" if score is None else str(score)


# -- net liquidity -----------------------------------------------------------------------------------------------


def _net_liquidity(con: duckdb.DuckDBPyConnection, newest: Row, before: Row) -> NetLiquidity | None:
    """Return the change of net liquidity between what was known at the two cut-offs, each for its own session.

    A leg's value of the day it had before, as it was known later, parts what was revised from what was newly known.
    """
    there = "select 1 from duckdb_functions() where function_name = 'net_liquidity_daily_as_of'"
    if con.execute(there).fetchone() is None:
        return None
    columns = ", ".join(f"{value}, {day}" for _, value, day, _ in LEGS)
    query = (
        f"select session_date, net_liquidity_usd_bn, missing_reason, {columns}"
        " from marts.net_liquidity_daily_as_of($at::timestamp) where session_date between $first and $session"
    )
    then, now = (
        {
            row["session_date"]: row
            for row in rows_of(con, query, {"at": one["cutoff_at"], "first": first, "session": day})
        }
        for one in (before, newest)
        for first, day in [(_first(con, before["session_date"]), one["session_date"])]
    )
    old, new = then.get(before["session_date"]), now.get(newest["session_date"])
    if old is None or new is None:
        return None
    was, is_now = old["net_liquidity_usd_bn"], new["net_liquidity_usd_bn"]
    return NetLiquidity(
        *(was, before["session_date"], is_now, newest["session_date"]),
        None if was is None or is_now is None else is_now - was,
        [_leg(title, value, day, sign, old, new, [*now.values()]) for title, value, day, sign in LEGS],
        new["missing_reason"] or old["missing_reason"],
    )


def _sum(parts: Iterable[float | None]) -> float | None:
    known = [*parts]
    return None if None in known else sum(part for part in known if part is not None)


def _first(con: duckdb.DuckDBPyConnection, session: date) -> date:
    """Return a session far enough back to have any day on which a leg of that session can be printed."""
    row = con.execute("select ?::date - 14", [session]).fetchone()
    return row[0] if row else session


def _leg(title: str, value: str, day: str, sign: int, old: Row, new: Row, later: list[Row]) -> Leg:
    was, is_now = old[value], new[value]
    effect = None if was is None or is_now is None else sign * (is_now - was)
    # The value of the day used before, in the vintage of the second cut-off.
    again = next((row[value] for row in later if row[day] == old[day] and row[value] is not None), None)
    revised = None if was is None or again is None or old[day] is None else sign * (again - was)
    newly = None if effect is None or revised is None else effect - revised
    return Leg(title, was, old[day], is_now, new[day], effect, revised, newly)


# -- observations ------------------------------------------------------------------------------------------------

_SERVED: Final = """
    select o.*, s.title, s.unit as series_unit
    from marts.observations as o
    inner join meta.freshness as f on o.series_id = f.series_id and o.provider = f.provider
    inner join marts.series as s on o.series_id = s.series_id
    where o.is_own_day
"""
"""The observations that count of the provider that serves each series."""
_NEWEST: Final = """
    qualify row_number() over (
        partition by series_id, period_date order by known_at desc, loaded_at desc, payload_sha256 desc
    ) = 1
"""
"""Of each period the newest of the vintages selected."""


def _observed(con: duckdb.DuckDBPyConnection, sql: str, span: dict[str, Any]) -> list[Row]:
    """Return rows about observations, with units in words; none where the file has no observations."""
    tables = (("marts", "observations"), ("marts", "series"), ("meta", "freshness"))
    if not all(has_table(con, schema, name) for schema, name in tables):
        return []
    return _written(rows_of(con, sql, span))


def _revised(con: duckdb.DuckDBPyConnection, span: dict[str, Any]) -> list[Row]:
    """Return each series of which a value was known before and became another: how many, and the newest of them."""
    return _observed(
        con,
        f"""
            with served as ({_SERVED}),
            later as (
                select * from served where known_at > $from_at and known_at <= $to_at
                {_NEWEST}
            ),
            earlier as (
                select s.series_id, s.period_date, s.value from served as s
                semi join later as l on s.series_id = l.series_id and s.period_date = l.period_date
                where s.known_at <= $from_at
                {_NEWEST}
            )
            select l.title, l.series_unit, count(*) as periods_count, max(l.period_date) as period_date,
                arg_max(struct_pack(v := e.value), l.period_date).v as before,
                arg_max(struct_pack(v := l.value), l.period_date).v as now
            from later as l inner join earlier as e on l.series_id = e.series_id and l.period_date = e.period_date
            where l.value is distinct from e.value
            group by l.series_id, l.title, l.series_unit order by l.title
        """,
        span,
    )


def _known(con: duckdb.DuckDBPyConnection, span: dict[str, Any]) -> list[Row]:
    """Return each series of which a period became known: the newest, its value, and that of the period before it."""
    return _observed(
        con,
        f"""
            with served as ({_SERVED}),
            seen as (select * from served where known_at <= $to_at),
            first as (
                select series_id, period_date, min(known_at) as first_at from seen
                where value is not null group by series_id, period_date
            ),
            fresh as (
                select series_id, max(period_date) as period_date, count(*) as periods_count from first
                where first_at > $from_at group by series_id
            ),
            valued as (
                select series_id, period_date, value, title, series_unit, known_at from seen
                semi join fresh using (series_id)
                {_NEWEST}
            )
            select v.title, v.series_unit, f.periods_count, f.period_date, v.value as now, v.known_at, (
                select arg_max(p.value, p.period_date) from valued as p
                where p.series_id = v.series_id and p.period_date < v.period_date
            ) as before
            from fresh as f inner join valued as v on f.series_id = v.series_id and f.period_date = v.period_date
            order by v.title
        """,
        span,
    )


def _written(rows: list[Row]) -> list[Row]:
    for row in rows:
        unit = str(row.pop("series_unit"))
        row["unit"] = UNITS.get(unit, unit.replace("_", " "))
    return rows
